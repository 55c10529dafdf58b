"""Every administration route wants a key that may administer, before it says anything."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from tests.support.documents import document, provider
from tests.support.laird import RunningLaird, running_laird

from laird.api.admin.policy import POLICY
from laird.keys.draft import KeyDraft

DOCUMENT = document(provider("hidden", "http://127.0.0.1:9"))


@pytest.fixture
async def laird(tmp_path: Path) -> AsyncIterator[RunningLaird]:
    async with running_laird(tmp_path, DOCUMENT) as running:
        yield running


async def routes(laird: RunningLaird) -> list[tuple[str, str]]:
    """Return every method and path, with something in the place of its parameters."""
    described = (await laird.client("").request("GET", "/api/openapi.json")).json()["paths"]
    return [
        (method.upper(), re.sub(r"\{[^}]*\}", "nobody", path))
        for path, methods in described.items()
        for method in methods
        if path.startswith("/api")
    ]


@pytest.mark.parametrize(
    ("key", "status", "code"),
    [
        ("", 401, "missing_api_key"),
        (f"lai_{'0' * 32}", 401, "invalid_api_key"),
        (None, 403, "not_allowed"),
    ],
    ids=["no key", "a wrong key", "a key for inference"],
)
async def test_nobody_else_is_let_in_or_told_a_name(
    laird: RunningLaird, key: str | None, status: int, code: str
) -> None:
    open_to_anybody = {name for name, rule in POLICY.items() if rule.is_open}
    asked = [one for one in await routes(laird) if " ".join(one) not in open_to_anybody]
    asked += [("GET", "/api/nowhere"), ("GET", "/api")]
    assert len(asked) > 20
    for method, path in asked:
        # A body that is no JSON is not even looked at.
        reply = await laird.client(key).request(method, path, b"{" if method != "GET" else None)
        assert (reply.status, reply.error["code"]) == (status, code), (method, path)
        assert b"hidden" not in reply.body


async def test_an_administrator_is_let_in(laird: RunningLaird) -> None:
    key = await laird.make_key(KeyDraft(name="boss", scopes=frozenset({"admin"})))
    client = laird.client(key)
    assert (await client.request("GET", "/api/providers")).status == 200
    assert (await client.request("GET", "/api/nowhere")).error["code"] == "not_found"
    assert (await client.request("POST", "/api/keys", b"{")).error["code"] == "invalid_request"
    refused = await client.request("DELETE", "/api/system")
    assert (refused.status, refused.error["code"]) == (405, "method_not_allowed")
    assert refused.headers["allow"] == "GET"
    # But not to what its scope does not say.
    body = {"model": "hidden/m", "messages": [{"role": "user", "content": "Hello"}]}
    assert (await client.request("POST", "/v1/chat/completions", body)).status == 403


async def test_who_changed_the_document_is_in_the_history(laird: RunningLaird) -> None:
    wanted = {"models": [{"providerId": "hidden", "modelId": "m"}]}
    before = (await laird.admin("GET", "/api/config"))["revision"]
    await laird.admin("PUT", f"/api/chains/c?revision={before}", wanted)
    newest = (await laird.admin("GET", "/api/config/history"))["changes"][0]
    assert newest["actor"] == "key test-administrator"
    assert newest["source"] == "api"
    shown = await laird.admin("GET", f"/api/config/history/{newest['id']}")
    assert "id: c" in shown["document"]


async def test_an_edit_of_an_older_document_is_refused_with_both(laird: RunningLaird) -> None:
    before = (await laird.admin("GET", "/api/config"))["revision"]
    await laird.admin("POST", "/api/providers", {"id": "b", "kind": "demo", "models": ["demo"]})
    client = laird.client(await laird.make_key(KeyDraft(name="b", scopes=frozenset({"admin"}))))
    refused = await client.request("DELETE", f"/api/providers/b?revision={before}")
    assert (refused.status, refused.error["code"]) == (409, "stale_revision")
    assert refused.error["expected"] == before
    assert "id: b" in refused.error["current_document"]


async def test_a_defect_is_an_answer_in_the_usual_form(laird: RunningLaird) -> None:
    def broken() -> None:
        raise RuntimeError("canary")

    administration = await laird.program.app._admin.loaded()  # type: ignore[attr-defined]
    assert isinstance(administration, FastAPI)
    administration.add_api_route("/api/broken", broken)
    client = laird.client(await laird.make_key(KeyDraft(name="b", scopes=frozenset({"admin"}))))
    reply = await client.request("GET", "/api/broken")
    assert (reply.status, reply.error["code"]) == (500, "server_error")
    assert b"canary" not in reply.body
