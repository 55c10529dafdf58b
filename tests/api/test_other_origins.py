"""Pages of other origins use the inference routes where the setting names them, and no others."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.documents import document
from tests.support.laird import RunningLaird, running_laird

from laird.api.browsers import other_origins
from laird.domain.errors import StartError

DEMO = document("  - {id: demo, kind: demo, endpoint: 'demo://', models: [demo]}\n")
PAGE = "https://app.example"
ASK = {
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type,x-stainless-os",
}


@pytest.fixture
async def laird(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RunningLaird]:
    monkeypatch.setenv("LAIRD_CORS_ORIGINS", f"{PAGE}/, http://localhost:3000")
    monkeypatch.setenv("LAIRD_PUBLIC_URL", "https://laird.example")
    async with running_laird(tmp_path, DEMO) as running:
        yield running


@pytest.mark.parametrize("origin", [PAGE, "http://localhost:3000"])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/models", "/v1/messages"])
async def test_a_page_that_is_named_may_ask(laird: RunningLaird, origin: str, path: str) -> None:
    asked = {"origin": origin, "authorization": "", **ASK}
    reply = await laird.client().request("OPTIONS", path, headers=asked)
    assert (reply.status, reply.body) == (204, b"")
    assert reply.headers["access-control-allow-origin"] == origin
    assert "POST" in reply.headers["access-control-allow-methods"]
    assert reply.headers["access-control-allow-headers"] == ASK["access-control-request-headers"]
    assert "origin" in reply.headers["vary"]
    assert "access-control-allow-credentials" not in reply.headers


async def test_it_can_read_answers_streams_and_errors(laird: RunningLaird) -> None:
    client, page = laird.client(), {"origin": PAGE}
    for reply in (
        await client.chat("demo", headers=page),
        await client.chat("demo", headers=page, stream=True),
        await client.chat("nope", headers=page),
        await client.chat("demo", headers={**page, "authorization": ""}),
        await client.request("GET", "/v1/models", headers=page),
        await client.request("GET", "/v1/nothing", headers=page),
    ):
        assert reply.headers["access-control-allow-origin"] == PAGE
        assert reply.headers["access-control-expose-headers"] == "*"
        assert "access-control-allow-credentials" not in reply.headers


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "http://app.example", f"{PAGE}.evil.example", f"{PAGE}:444", "null"],
)
async def test_another_page_may_not(laird: RunningLaird, origin: str) -> None:
    asked = await laird.client().request(
        "OPTIONS", "/v1/chat/completions", headers={"origin": origin, **ASK}
    )
    assert asked.status == 405
    told = await laird.client().chat("demo", headers={"origin": origin})
    for reply in (asked, told):
        assert "access-control-allow-origin" not in reply.headers
        # A cache in between must not give one page's answer to another.
        assert reply.headers["vary"] == "origin"


@pytest.mark.parametrize("path", ["/api/session", "/api/providers", "/metrics", "/health", "/"])
async def test_the_administration_is_for_its_own_pages(laird: RunningLaird, path: str) -> None:
    for method in ("OPTIONS", "GET"):
        reply = await laird.client().request(method, path, headers={"origin": PAGE, **ASK})
        assert "access-control-allow-origin" not in reply.headers


async def test_line_breaks_and_giants_in_what_is_asked_for_are_not_repeated(
    laird: RunningLaird,
) -> None:
    asked = {"origin": PAGE, **ASK, "access-control-request-headers": "a" * 3000}
    reply = await laird.client().request("OPTIONS", "/v1/models", headers=asked)
    assert reply.status == 204
    assert "access-control-allow-headers" not in reply.headers
    private = {"origin": PAGE, **ASK, "access-control-request-private-network": "true"}
    reply = await laird.client().request("OPTIONS", "/v1/models", headers=private)
    assert reply.headers["access-control-allow-private-network"] == "true"


async def test_https_stays_https(laird: RunningLaird) -> None:
    """Laird is reached by TLS where the public URL says so, through whoever ends it."""
    by_tls = {"host": "laird.example"}
    reply = await laird.client().request("GET", "/health", headers=by_tls)
    assert reply.headers["strict-transport-security"] == "max-age=31536000"
    plain = await laird.client().request("GET", "/health")
    assert "strict-transport-security" not in plain.headers


async def test_all_origins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAIRD_CORS_ORIGINS", "*")
    async with running_laird(tmp_path, DEMO) as laird:
        reply = await laird.client().chat("demo", headers={"origin": "https://any.example"})
        assert reply.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(
    "text", ["app.example", "https://", "https://a.example/path", "https://a b", "file://x", "null"]
)
def test_what_is_no_origin_is_told_at_start(text: str) -> None:
    with pytest.raises(StartError, match="LAIRD_CORS_ORIGINS"):
        other_origins(text)


def test_none_is_none() -> None:
    assert other_origins("none") is None
    assert other_origins(" ") is None
