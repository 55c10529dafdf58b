"""Wherever a person can write an address: nothing inside is reached."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.answers import Answer, json_answer, text_answer
from tests.support.client import Client
from tests.support.documents import document, provider
from tests.support.laird import RunningLaird, running_laird
from tests.support.upstream import ScriptedUpstream

from laird.keys.draft import KeyDraft

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
SAID = {
    "model": "m",
    "message": {"role": "assistant", "content": "A cat."},
    "done": True,
    "done_reason": "stop",
    "prompt_eval_count": 5,
    "eval_count": 3,
}
ADDRESSES = [
    "http://127.0.0.1:{port}/a",
    "http://localhost:{port}/a",
    "http://LOCALHOST.:{port}/a",
    "http://127.1:{port}/a",
    "http://2130706433:{port}/a",
    "http://0x7f000001:{port}/a",
    "http://0177.0.0.1:{port}/a",
    "http://0.0.0.0:{port}/a",
    "http://0:{port}/a",
    "http://[::1]:{port}/a",
    "http://[::]:{port}/a",
    "http://[::ffff:127.0.0.1]:{port}/a",
    "http://[64:ff9b::7f00:1]:{port}/a",
    "http://user:pass@127.0.0.1:{port}/a",
    "http://93.184.216.34@127.0.0.1:{port}/a",
    "http://127.0.0.1:{port}#@93.184.216.34/a",
    "http://93.184.216.34\\@127.0.0.1:{port}/a",
    "http://127。0。0。1:{port}/a",
    "http://127.0.0.1:{port}\r\nx-key: 1/a",
    "HTTP://127.0.0.1:{port}/a",
    "http://localhost:{hop}/redirect",
    "http://169.254.169.254/latest/meta-data",
    "file:///etc/passwd",
    "ftp://127.0.0.1:{port}/a",
    "gopher://127.0.0.1:{port}/a",
    "unix:///tmp/control.sock",
    "//127.0.0.1:{port}/a",
]


def chat(part: dict[str, Any]) -> dict[str, Any]:
    return {"model": "one/m", "messages": [{"role": "user", "content": [part]}]}


def response(part: dict[str, Any]) -> dict[str, Any]:
    return {"model": "one/m", "input": [{"role": "user", "content": [part]}]}


def by_url(kind: str, url: str) -> dict[str, Any]:
    part = {"type": kind, "source": {"type": "url", "url": url}}
    return {**chat(part), "max_tokens": 9}


FIELDS: dict[str, Any] = {
    "an image in a chat": (
        "/v1/chat/completions",
        lambda url: chat({"type": "image_url", "image_url": {"url": url}}),
    ),
    "an image in a message": ("/v1/messages", lambda url: by_url("image", url)),
    "a document in a message": ("/v1/messages", lambda url: by_url("document", url)),
    "an image in a response": (
        "/v1/responses",
        lambda url: response({"type": "input_image", "image_url": url}),
    ),
    "a file in a response": (
        "/v1/responses",
        lambda url: response({"type": "input_file", "file_url": url}),
    ),
}


@pytest.fixture
async def sink() -> AsyncIterator[ScriptedUpstream]:
    """A private server that must not hear a word."""
    async with ScriptedUpstream() as upstream:
        upstream.always(text_answer(PNG, content_type="image/png"))
        yield upstream
        assert upstream.connections == 0
        assert upstream.requests == []


@pytest.fixture
async def ollama() -> AsyncIterator[ScriptedUpstream]:
    async with ScriptedUpstream() as upstream:
        upstream.on("/api/version", json_answer({"version": "0.12.0"}))
        upstream.on("/api/ps", json_answer({"models": []}))
        upstream.always(json_answer(SAID))
        yield upstream


@pytest.fixture
async def hop(
    sink: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[ScriptedUpstream]:
    """A server that may be fetched from, and sends whoever asks to the private one."""
    async with ScriptedUpstream() as upstream:
        monkeypatch.setenv("LAIRD_FETCH_ALLOW", f"localhost:{upstream.port}")
        upstream.always(Answer(302, (("location", f"http://127.0.0.1:{sink.port}/a"),)))
        yield upstream


@pytest.mark.parametrize("field", FIELDS)
async def test_no_address_in_a_request_leads_inside(
    field: str,
    sink: ScriptedUpstream,
    hop: ScriptedUpstream,
    ollama: ScriptedUpstream,
    tmp_path: Path,
) -> None:
    path, body = FIELDS[field]
    text = document(provider("one", ollama.url, kind="ollama"))
    async with running_laird(tmp_path, text) as laird:
        for address in ADDRESSES:
            url = address.format(port=sink.port, hop=hop.port)
            reply = await laird.client().request("POST", path, body(url))
            assert reply.status == 400, (url, reply.body)
            assert "sk-" not in reply.body.decode()
    assert len(hop.requests) <= 1
    asked = {request.path for request in ollama.requests}
    assert "/api/chat" not in asked


async def administrator(laird: RunningLaird) -> Client:
    draft = KeyDraft(name="boss", scopes=frozenset({"admin"}))
    return laird.client(await laird.make_key(draft))


BAD_ENDPOINTS = [
    "http://good.example@127.0.0.1:{port}/v1",
    "http://user:pass@127.0.0.1:{port}/v1",
    "http://good.example#@127.0.0.1:{port}/v1",
    "http://good.example\\@127.0.0.1:{port}/v1",
    "http://127.0.0.1:{port}/v1\r\nx-key: 1",
    "http://127.0.0.1 :{port}/v1",
    "file:///etc/passwd",
    "unix:///tmp/control.sock",
    "gopher://127.0.0.1:{port}/",
    "127.0.0.1:{port}",
    "http://",
    "http://127.0.0.1:0/v1",
]


@pytest.mark.parametrize("endpoint", BAD_ENDPOINTS)
async def test_an_endpoint_that_can_be_read_in_two_ways_is_refused(
    endpoint: str, sink: ScriptedUpstream, tmp_path: Path
) -> None:
    async with running_laird(tmp_path, document("  []\n")) as laird:
        client = await administrator(laird)
        entry = {
            "id": "bad",
            "kind": "custom",
            "endpoint": endpoint.format(port=sink.port),
            "models": ["m"],
        }
        reply = await client.request("POST", "/api/providers", entry)
        assert reply.status == 422, reply.body
        assert (await client.request("POST", "/api/providers/bad/test")).status == 404


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "[fd00:ec2::254]", "2852039166", "0xa9fea9fe", "[::ffff:a9fe:a9fe]"]
)
async def test_no_provider_is_a_clouds_metadata_server(host: str, tmp_path: Path) -> None:
    async with running_laird(tmp_path, document("  []\n")) as laird:
        client = await administrator(laird)
        endpoint = f"http://{host}/latest"
        entry = {"id": "cloud", "kind": "custom", "endpoint": endpoint, "models": ["m"]}
        assert (await client.request("POST", "/api/providers", entry)).status == 201
        tested = (await client.request("POST", "/api/providers/cloud/test")).json()
        assert not tested["ok"]
        assert "never asked" in tested["error"]
        reply = await laird.client().chat("cloud/m")
        assert reply.status == 502
        found = await client.request("POST", "/api/providers/discover", {"hosts": [host]})
        assert found.status in {400, 200}
        assert found.status == 400 or not found.json()["servers"]


async def test_a_test_of_a_provider_follows_no_redirect(
    sink: ScriptedUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY", "sk-canary-0123456789abcdef")
    async with ScriptedUpstream() as up:
        location = [("Location", f"{sink.url}/v1/models")]
        up.always(json_answer({}, status=302, headers=location))
        text = document(provider("a", f"{up.url}/v1", kind="custom", authSecret="env:CANARY"))
        async with running_laird(tmp_path, text) as laird:
            client = await administrator(laird)
            tested = await client.request("POST", "/api/providers/a/test")
            assert not tested.json()["ok"]
            assert "canary" not in tested.body.decode()
            reply = await laird.client().chat("a/m")
            assert reply.status == 502
            taken = await client.request("POST", "/api/providers/a/models", {"models": ["m"]})
            assert taken.status >= 400
        assert any("sk-canary" in str(request.headers) for request in up.requests)


@pytest.mark.parametrize("name", ["m\r\nx-key: 1", "m?key=1", "m#x", "../../admin", "@evil", "m\0"])
async def test_names_of_models_move_no_request(
    name: str, sink: ScriptedUpstream, tmp_path: Path
) -> None:
    """A name may hold anything: it can't leave its provider's origin, and breaks no header."""
    async with ScriptedUpstream() as up:
        up.always(json_answer({"models": []}))
        text = document("  []\n")
        async with running_laird(tmp_path, text) as laird:
            client = await administrator(laird)
            for kind in ("gemini", "custom", "ollama"):
                entry = {
                    "id": kind,
                    "kind": kind,
                    "endpoint": f"{up.url}/base",
                    "models": [{"id": "m", "name": name, "upstreamModel": name}],
                }
                added = await client.request("POST", "/api/providers", entry)
                if added.status == 422:
                    continue
                reply = await laird.client().chat(f"{kind}/m")
                assert "x-key" not in reply.headers
            for request in up.requests:
                assert request.target.startswith("/base"), request.target
                assert "x-key" not in request.headers
                assert request.headers["host"] == f"127.0.0.1:{up.port}"
