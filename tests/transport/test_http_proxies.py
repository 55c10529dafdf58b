"""Requests go through a proxy where the environment says so, and never to loopback hosts."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from typing import Self, cast

import pytest
import pytest_asyncio
import trustme
from tests.support.calls import PATIENT, fetch, request_to
from tests.support.gates import Changes
from tests.support.upstream import ScriptedUpstream, json_answer, unused_port

from laird.domain.catalog import Timeouts
from laird.domain.errors import Unreachable, UpstreamTimeout
from laird.transport.base import Origin
from laird.transport.client import HttpTransport
from laird.transport.proxies import Proxies, Proxy


class Tunnels:
    """A proxy that knows CONNECT alone, and leads every name to one port."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []
        self.answer = b"HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n"
        self.target = 0
        self.sides: set[Side] = set()
        self.changed = Changes()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Side(self), "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for side in list(self.sides):
            side.transport.abort()
        await self.changed.until(lambda: not self.sides, 5)


class Side(asyncio.Protocol):
    """One end of a tunnel; the client's end opens the other one when asked to."""

    def __init__(self, tunnels: Tunnels, other: Side | None = None) -> None:
        self.tunnels = tunnels
        self.other = other
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.tunnels.sides.add(self)

    def data_received(self, data: bytes) -> None:
        if self.other is not None:
            self.other.transport.write(data)
            return
        self.received += data
        if self.received.endswith(b"\r\n\r\n"):
            self.tunnels.heads.append(self.received)
            self.task = asyncio.create_task(self.connect())

    async def connect(self) -> None:
        if b" 200 Conn" in self.tunnels.answer:
            loop, port = asyncio.get_running_loop(), self.tunnels.target
            _, self.other = await loop.create_connection(
                lambda: Side(self.tunnels, self), "127.0.0.1", port
            )
        self.transport.write(self.tunnels.answer)
        if self.other is None:
            self.transport.close()

    def connection_lost(self, _exc: Exception | None) -> None:
        if self.other is not None:
            self.other.transport.close()
        self.tunnels.sides.discard(self)
        self.tunnels.changed.notify()


@pytest_asyncio.fixture
async def tunnels() -> AsyncIterator[Tunnels]:
    async with Tunnels() as proxy:
        yield proxy


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def https_through(proxy_url: str, authority: trustme.CA) -> HttpTransport:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return HttpTransport(ssl_context=context, proxies=Proxies({"https": proxy_url}))


def server_context(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*names).configure_cert(context)
    return context


async def test_plain_http_is_asked_for_in_the_absolute_form(up: ScriptedUpstream) -> None:
    http = HttpTransport(proxies=Proxies({"http": f"http://us%40er:p%3Aw@127.0.0.1:{up.port}"}))
    up.always(json_answer(1))
    for _ in range(2):
        assert (await fetch(http, "http://api.example:8080/v1/chat")).body == b"1"
    request = up.requests[0]
    assert request.target == "http://api.example:8080/v1/chat"
    assert request.headers["host"] == "api.example:8080"
    credentials = request.headers["proxy-authorization"].removeprefix("Basic ")
    assert base64.b64decode(credentials) == b"us@er:p:w"
    assert up.connections == 1
    await http.close()


async def test_https_goes_through_a_tunnel(tunnels: Tunnels, authority: trustme.CA) -> None:
    http = https_through(f"http://user:pass@127.0.0.1:{tunnels.port}", authority)
    async with ScriptedUpstream(ssl=server_context(authority, "api.example")) as up:
        tunnels.target = up.port
        up.always(json_answer({"ok": True}))
        for _ in range(2):
            assert (await fetch(http, "https://api.example/v1/chat")).json() == {"ok": True}
        assert len(tunnels.heads) == 1
        lines = tunnels.heads[0].decode().split("\r\n")
        assert lines[:2] == ["CONNECT api.example:443 HTTP/1.1", "host: api.example:443"]
        assert lines[2] == "proxy-authorization: Basic " + base64.b64encode(b"user:pass").decode()
        assert up.requests[0].target == "/v1/chat"
        assert "proxy-authorization" not in up.requests[0].headers
        await http.close()
        await up.wait_for(lambda: up.open_connections == 0)


async def test_a_tunnel_does_not_weaken_tls(tunnels: Tunnels, authority: trustme.CA) -> None:
    http = https_through(f"http://127.0.0.1:{tunnels.port}", authority)
    async with ScriptedUpstream(ssl=server_context(authority, "other.example")) as up:
        tunnels.target = up.port
        with pytest.raises(Unreachable, match=r"certificate of api.example is not trusted"):
            await fetch(http, "https://api.example/")
        await up.wait_for(lambda: up.open_connections == 0)
    await http.close()


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"HTTP/1.1 407 Who\r\n\r\n", "answered 407 .*user and password"),
        (b"HTTP/1.1 502 Bad\r\n\r\n", "answered 502 when asked for api.example"),
        (b"nonsense\r\n\r\n", "did not answer as a proxy does"),
        (b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 evil", "answered 200"),
        (b"HTTP/1.1 201 " + b"x" * 40_000, "answered 201"),
        (b"", "did not answer as a proxy does"),
    ],
)
async def test_a_tunnel_that_is_refused(
    answer: bytes, message: str, tunnels: Tunnels, authority: trustme.CA
) -> None:
    tunnels.answer = answer
    http = https_through(f"http://user:canary@127.0.0.1:{tunnels.port}", authority)
    with pytest.raises(Unreachable, match=message) as caught:
        await fetch(http, "https://api.example/")
    assert "canary" not in caught.value.message
    assert f"127.0.0.1:{tunnels.port}" in caught.value.message
    await http.close()


async def test_a_proxy_that_is_not_there(authority: trustme.CA) -> None:
    port = unused_port()
    http = https_through(f"http://127.0.0.1:{port}", authority)
    with pytest.raises(Unreachable, match=f"127.0.0.1:{port} refused"):
        await fetch(http, "https://api.example/")
    await http.close()


async def test_waiting_for_a_tunnel_ends(authority: trustme.CA) -> None:
    async with ScriptedUpstream() as silent:
        http = https_through(silent.url, authority)
        impatient = Timeouts(connect=0.05)
        # The scripted upstream waits for a body that never comes.
        silent.on("api.example:443", json_answer(1).stalled(byte=0))
        with pytest.raises(UpstreamTimeout, match=r"api.example:443 did not accept"):
            await fetch(http, "https://api.example/", timeouts=impatient)
        task = asyncio.ensure_future(http.send(request_to("https://api.example/"), PATIENT))
        await silent.wait_for(lambda: silent.active == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await silent.wait_for(lambda: silent.open_connections == 0)
        await http.close()


PROXY = "http://proxy:3128"


@pytest.mark.parametrize(
    ("url", "no_proxy", "used"),
    [
        ("api.example", "", True),
        ("api.example", "other.example", True),
        ("api.example", "API.example", False),
        ("api.example", " .example , x", False),
        ("api.example", "*.example", False),
        ("api.example", "ample", True),
        ("api.example", "*", False),
        ("api.example", "api.example:443", False),
        ("api.example", "api.example:80", True),
        ("10.1.2.3", "10.0.0.0/8", False),
        ("10.1.2.3", "10.1.2.3", False),
        ("11.1.2.3", "10.0.0.0/8,x/y", True),
        ("fd00::1", "[fd00::1]", False),
        ("fd00::1", "[fd00::1]:443", False),
        ("fd00::1", "fd00::/8", False),
        ("localhost", "", False),
        ("me.localhost", "", False),
        ("127.8.9.1", "", False),
        ("::1", "", False),
        ("::ffff:127.0.0.1", "", False),
    ],
)
def test_exceptions(url: str, no_proxy: str, used: bool) -> None:
    proxies = Proxies({"https": PROXY}, no_proxy)
    expected = Proxy("proxy", 3128) if used else None
    assert proxies.for_origin(Origin("https", url, 443)) == expected


def test_the_environment_is_read_as_usual() -> None:
    far = Origin("http", "far.example", 80)
    env = {"HTTP_PROXY": "upper:1", "http_proxy": "http://lower:2", "NO_PROXY": "near.example"}
    assert Proxies.from_environment(env).for_origin(far) == Proxy("lower", 2)
    near = Origin("http", "near.example", 80)
    assert Proxies.from_environment(env).for_origin(near) is None
    assert Proxies.from_environment({"HTTP_PROXY": "upper"}).for_origin(far) == Proxy("upper", 80)
    cgi = {"HTTP_PROXY": "evil:1", "REQUEST_METHOD": "GET"}
    assert Proxies.from_environment(cgi).for_origin(far) is None
    assert Proxies.from_environment({}).for_origin(far) is None


def test_the_environment_of_the_process_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://here:1")
    found = HttpTransport()._proxies.for_origin(Origin("https", "far.example", 443))
    assert found == Proxy("here", 1)


@pytest.mark.parametrize("url", ["socks5://u:canary@h:1", "https://h:1", "http://", "http://h:x"])
def test_proxies_that_cannot_be_used(url: str) -> None:
    with pytest.raises(ValueError, match="http://host:port in HTTP_PROXY") as caught:
        Proxies({"http": url})
    assert "canary" not in str(caught.value)


def test_a_proxy_does_not_show_its_credentials() -> None:
    assert "secret" not in repr(Proxy("h", 1, "secret"))
