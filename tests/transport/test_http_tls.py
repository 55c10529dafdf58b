"""TLS: the right server and no other."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest
import trustme
from tests.support.calls import PATIENT, fetch, pieces, request_to
from tests.support.upstream import Gate, ScriptedUpstream, json_answer, sse_answer, text_answer

from laird.domain.errors import ConnectionLost, Unreachable
from laird.transport.client import HttpTransport
from laird.transport.proxies import Proxies

DIRECT = Proxies({})


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def server_context(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*names).configure_cert(context)
    return context


def client_context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.mark.parametrize(
    ("host", "name"), [("127.0.0.1", "localhost"), ("127.0.0.1", "127.0.0.1"), ("::1", "::1")]
)
async def test_a_trusted_server_is_spoken_to(host: str, name: str, authority: trustme.CA) -> None:
    names: list[str | None] = []
    context = server_context(authority, name)
    context.sni_callback = lambda _socket, asked, _context: names.append(asked)
    http = HttpTransport(ssl_context=client_context(authority), proxies=DIRECT)
    async with ScriptedUpstream(host=host, ssl=context) as up:
        up.always(json_answer({"ok": True}))
        shown = f"[{name}]" if ":" in name else name
        for _ in range(3):
            assert (await fetch(http, f"https://{shown}:{up.port}/v1")).json() == {"ok": True}
        assert up.connections == 1
        assert names == ["localhost" if name == "localhost" else None]
        await http.close()
        await up.wait_for(lambda: up.open_connections == 0)


async def test_large_bodies_and_streams_travel_both_ways(authority: trustme.CA) -> None:
    http = HttpTransport(ssl_context=client_context(authority), proxies=DIRECT)
    async with ScriptedUpstream(ssl=server_context(authority, "127.0.0.1")) as up:
        body = bytes(range(256)) * 20_000
        up.script(lambda request: text_answer(request.body), sse_answer([b"one", b"two"]).paced(0))
        assert (await fetch(http, request_to(up.url, body), limit=len(body))).body == body
        assert b"".join(await pieces(http, up.url)) == b"onetwo"
        up.script(sse_answer([b"x" * 65536] * 100))
        assert sum(map(len, await pieces(http, up.url))) == 6_553_600
        await http.close()


@pytest.mark.parametrize(
    ("named", "trusting", "message"),
    [
        ("elsewhere.example", True, "certificate of 127.0.0.1:.* is not trusted .*mismatch"),
        ("127.0.0.1", False, "certificate of 127.0.0.1:.* is not trusted .*issuer certificate"),
    ],
)
async def test_another_server_is_refused(
    named: str, trusting: bool, message: str, authority: trustme.CA
) -> None:
    trusted = authority if trusting else trustme.CA()
    http = HttpTransport(ssl_context=client_context(trusted), proxies=DIRECT)
    async with ScriptedUpstream(ssl=server_context(authority, named)) as up:
        with pytest.raises(Unreachable, match=message):
            await fetch(http, up.url)
        assert up.requests == []
        await up.wait_for(lambda: up.open_connections == 0)
    await http.close()


async def test_private_authorities_are_not_trusted_by_default(authority: trustme.CA) -> None:
    http = HttpTransport(proxies=DIRECT)
    async with ScriptedUpstream(ssl=server_context(authority, "127.0.0.1")) as up:
        for _ in range(2):
            with pytest.raises(Unreachable, match="is not trusted"):
                await fetch(http, up.url)
    await http.close()


async def test_the_machine_may_know_a_private_authority(
    authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(bundle)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    http = HttpTransport(proxies=DIRECT)
    async with ScriptedUpstream(ssl=server_context(authority, "127.0.0.1")) as up:
        up.always(json_answer(1))
        assert (await fetch(http, up.url)).body == b"1"
        await http.close()


async def test_the_wrong_scheme_is_explained(authority: trustme.CA) -> None:
    http = HttpTransport(ssl_context=client_context(authority), proxies=DIRECT)
    async with speaking(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        with pytest.raises(Unreachable, match="Does it speak https"):
            await fetch(http, f"https://127.0.0.1:{port}")
    async with ScriptedUpstream(ssl=server_context(authority, "127.0.0.1")) as secure:
        with pytest.raises(ConnectionLost, match="it may also speak https"):
            await fetch(http, f"http://127.0.0.1:{secure.port}")
    await http.close()


async def test_a_server_that_hangs_up_during_the_handshake(authority: trustme.CA) -> None:
    http = HttpTransport(ssl_context=client_context(authority), proxies=DIRECT)
    async with speaking(b"") as port:
        with pytest.raises(Unreachable, match=f"127.0.0.1:{port}"):
            await fetch(http, f"https://127.0.0.1:{port}")
    await http.close()


@asynccontextmanager
async def speaking(answer: bytes) -> AsyncIterator[int]:
    """Run a server that says one thing to whoever speaks, and hangs up."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _HangsUp(answer), "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


class _HangsUp(asyncio.Protocol):
    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, _data: bytes) -> None:
        self._transport.write(self._answer)
        self._transport.close()


async def test_cuts_are_noticed(authority: trustme.CA) -> None:
    http = HttpTransport(ssl_context=client_context(authority), proxies=DIRECT)
    async with ScriptedUpstream(ssl=server_context(authority, "127.0.0.1")) as up:
        up.script(sse_answer([b"one", b"two"]).cut(at=1), sse_answer([b"one"]).reset(at=1))
        for _ in range(2):
            with pytest.raises(ConnectionLost):
                await fetch(http, up.url)
    await http.close()


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, 8, 13])
async def test_cancelling_leaves_nothing_open_at_any_time(
    turns: int, authority: trustme.CA
) -> None:
    http = HttpTransport(ssl_context=client_context(authority), proxies=DIRECT)
    async with ScriptedUpstream(ssl=server_context(authority, "127.0.0.1")) as up:
        up.always(sse_answer([b"one"]).held(Gate()))
        task = asyncio.ensure_future(http.send(request_to(up.url), PATIENT))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await up.wait_for(lambda: up.open_connections == 0)
        up.always(json_answer(1))
        await fetch(http, up.url)
        await http.close()
