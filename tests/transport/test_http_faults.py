"""Broken, silent and slow servers: a cut answer never looks whole, and every wait has an end."""

from __future__ import annotations

import asyncio

import pytest
from tests.support import openai_wire
from tests.support.answers import Answer, Coding, Framing
from tests.support.calls import PATIENT, fetch, pieces, request_to
from tests.support.upstream import (
    Gate,
    ScriptedUpstream,
    json_answer,
    raw_answer,
    sse_answer,
    text_answer,
    unused_port,
)

from laird.domain.catalog import Timeouts
from laird.domain.errors import ConnectionLost, Unreachable, UpstreamTimeout
from laird.transport.base import Origin, RequestHead, UpstreamRequest
from laird.transport.client import HttpTransport, encode_head
from laird.transport.proxies import Proxies

SHORT = 0.05
SECRET = "sk-canary-51"


def timeouts(**limits: float) -> Timeouts:
    usual = {"connect": 5.0, "first_byte": 5.0, "idle": 5.0, "total": 10.0}
    return Timeouts(**{**usual, **limits})


async def partly(http: HttpTransport, url: str) -> tuple[bytes, Exception | None]:
    """Read what can be read, and return it with the error that ended it."""
    received = bytearray()
    try:
        response = await http.send(request_to(url), PATIENT)
        try:
            while piece := await response.chunk():
                received += piece
        finally:
            response.close()
    except ConnectionLost as problem:
        return bytes(received), problem
    return bytes(received), None


@pytest.mark.parametrize("fault", ["cut", "reset"])
@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_an_answer_cut_at_any_byte_never_looks_whole(
    framing: Framing, fault: str, up: ScriptedUpstream, http: HttpTransport
) -> None:
    whole = sse_answer([b"data: 1\n\n", b"data: 2\n\n"]).framed(framing)
    body = b"".join(whole.chunks)
    wire = len(whole.head()) + len(body)
    wire += len(b"9\r\n\r\n9\r\n\r\n0\r\n\r\n") if framing == "chunked" else 0
    for byte in range(wire):
        up.script(whole.cut(byte=byte) if fault == "cut" else whole.reset(byte=byte))
        received, problem = await partly(http, up.url)
        assert isinstance(problem, ConnectionLost), byte
        assert not problem.stale
        assert body.startswith(received)
        assert ("in the middle" in problem.message) == (byte >= len(whole.head()))
    up.script(whole)
    assert await partly(http, up.url) == (body, None)


@pytest.mark.parametrize("coding", [None, "gzip"])
async def test_a_reset_ends_no_answer_that_is_read_until_close(
    coding: Coding | None, up: ScriptedUpstream, http: HttpTransport
) -> None:
    answer = text_answer(b"text").framed("until-close")
    answer = answer.coded(coding) if coding else answer
    up.always(answer.reset(at=1))
    received, problem = await partly(http, up.url)
    assert received == b"text"
    assert isinstance(problem, ConnectionLost)
    with pytest.raises(ConnectionLost, match="in the middle of its answer"):
        await fetch(http, up.url)


async def test_what_came_before_the_break_is_read_first(
    up: ScriptedUpstream, http: HttpTransport
) -> None:
    up.script(sse_answer([b"one", b"two"]).cut(at=2))
    response = await http.send(request_to(up.url), PATIENT)
    await up.wait_for(lambda: up.open_connections == 0)
    await fetch_until_broken(http, up)
    assert await response.chunk() == b"onetwo"
    with pytest.raises(ConnectionLost):
        await response.chunk()
    with pytest.raises(ConnectionLost):
        await response.read(10)
    response.close()


async def fetch_until_broken(http: HttpTransport, up: ScriptedUpstream) -> None:
    """Let the loop read what has arrived on every connection: one more request does."""
    up.script(json_answer(1))
    await fetch(http, up.url)


async def test_nobody_listens(http: HttpTransport) -> None:
    port = unused_port()
    with pytest.raises(Unreachable, match=f"127.0.0.1:{port} refused the connection. Is the"):
        await fetch(http, f"http://127.0.0.1:{port}/v1")
    with pytest.raises(Unreachable, match=rf"\[::1\]:{unused_port('::1')} refused|::1"):
        await fetch(http, f"http://[::1]:{unused_port('::1')}/v1")


async def test_a_name_that_means_nothing(http: HttpTransport) -> None:
    with pytest.raises(Unreachable, match=r"can't be resolved. Check the endpoint"):
        await fetch(http, f"http://{'x' * 70}.invalid/v1")


async def test_each_address_of_a_name_is_tried(http: HttpTransport) -> None:
    async with ScriptedUpstream() as up:
        up.always(json_answer(1))
        answer = await fetch(http, f"http://localhost:{up.port}/v1")
        assert answer.body == b"1"
        assert up.requests[0].headers["host"] == f"localhost:{up.port}"


async def test_an_ipv6_literal(http: HttpTransport) -> None:
    async with ScriptedUpstream(host="::1") as up:
        up.always(json_answer(1))
        assert (await fetch(http, up.url)).body == b"1"
        assert up.requests[0].headers["host"] == f"[::1]:{up.port}"


@pytest.mark.parametrize(
    ("answer", "limits", "phase", "words"),
    [
        (sse_answer([]).held(Gate()), {"first_byte": SHORT}, "first_byte", "firstByte timeout"),
        (sse_answer([]).slow_head(Gate()), {"first_byte": SHORT}, "first_byte", "begin to answer"),
        (sse_answer([b"a"]).stalled(at=0), {"idle": SHORT}, "idle", "idle timeout"),
        (sse_answer([b"a"]).stalled(at=1), {"idle": SHORT}, "idle", "fell silent"),
        (sse_answer([]).held(Gate()), {"total": 4 * SHORT}, "total", "total timeout"),
        (sse_answer([b"a"]).stalled(at=1), {"total": 4 * SHORT}, "total", "total timeout"),
        (sse_answer([b"a"] * 999).paced(0.01), {"total": 4 * SHORT}, "total", "total timeout"),
    ],
)
async def test_silence_ends(
    answer: Answer,
    limits: dict[str, float],
    phase: str,
    words: str,
    up: ScriptedUpstream,
    http: HttpTransport,
) -> None:
    up.always(answer)
    loop = asyncio.get_running_loop()
    for read in (fetch, pieces):
        began = loop.time()
        with pytest.raises(UpstreamTimeout, match=words) as caught:
            await read(http, up.url, timeouts=timeouts(**limits))
        assert caught.value.phase == phase
        assert SHORT * 0.9 <= loop.time() - began < 3.0
        assert f"127.0.0.1:{up.port}" in caught.value.message
    await up.client_gone(2)


async def test_a_stream_that_keeps_moving_is_not_idle(
    up: ScriptedUpstream, http: HttpTransport
) -> None:
    answer = sse_answer([b"a"] * 7).paced(0.02)
    up.script(answer, answer)
    assert (await fetch(http, up.url, timeouts=timeouts(idle=0.1))).body == b"a" * 7
    assert b"".join(await pieces(http, up.url, timeouts=timeouts(idle=0.1))) == b"a" * 7


async def test_a_slow_reader_is_no_idle_server(up: ScriptedUpstream, http: HttpTransport) -> None:
    gate = Gate()
    up.script(sse_answer([b"one", b"two"]).held(gate, at=1), sse_answer([]).held(Gate()))
    response = await http.send(request_to(up.url), timeouts(idle=SHORT))
    assert await response.chunk() == b"one"
    with pytest.raises(UpstreamTimeout):  # a clock that runs past the idle time
        await fetch(http, up.url, timeouts=timeouts(first_byte=4 * SHORT))
    gate.open()
    assert await response.chunk() == b"two"
    assert await response.chunk() == b""


async def test_the_total_time_also_ends_what_nobody_reads(
    up: ScriptedUpstream, http: HttpTransport
) -> None:
    up.script(sse_answer([b"one"]).stalled())
    response = await http.send(request_to(up.url), timeouts(total=SHORT))
    await up.client_gone()
    assert await response.chunk() == b"one"
    with pytest.raises(UpstreamTimeout, match="total"):
        await response.chunk()


@pytest.mark.parametrize("phase", ["connect", "total"])
async def test_connecting_ends(phase: str) -> None:
    async with silent_server() as port:
        http = HttpTransport(proxies=Proxies({}))
        with pytest.raises(UpstreamTimeout, match=f"127.0.0.1:{port} did not accept") as caught:
            await fetch(http, f"https://127.0.0.1:{port}", timeouts=timeouts(**{phase: SHORT}))
        assert caught.value.phase == phase
        await http.close()


class silent_server:  # noqa: N801 - reads as the function it is
    """A server that accepts and never speaks: a TLS handshake with it has no end."""

    async def __aenter__(self) -> int:
        self.accepted = 0
        self.lost = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Silent(self.lost), "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await asyncio.wait_for(self.lost.wait(), 5)


class _Silent(asyncio.Protocol):
    def __init__(self, lost: asyncio.Event) -> None:
        self._lost = lost

    def connection_lost(self, _exc: Exception | None) -> None:
        self._lost.set()


async def test_many_deadlines_are_each_kept(up: ScriptedUpstream, http: HttpTransport) -> None:
    up.always(sse_answer([]).held(Gate()))
    loop = asyncio.get_running_loop()
    began = loop.time()

    async def late(limit: float) -> float:
        with pytest.raises(UpstreamTimeout):
            await fetch(http, up.url, timeouts=timeouts(first_byte=limit))
        return loop.time() - began - limit

    limits = [0.2, 0.02, 0.1, 0.05, 0.15] * 4
    lateness = await asyncio.gather(*(late(limit) for limit in limits))
    assert min(lateness) > -0.02
    assert max(lateness) < 1.0


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (RequestHead("POST", Origin("ftp", "h", 1), "/"), "scheme 'ftp'"),
        (RequestHead("POST", Origin("http", "h", 1), "/a b"), "path for h:1"),
        (RequestHead("POST", Origin("http", "h", 1), "/\xe4"), "path for h:1"),
        (RequestHead("GET", Origin("http", "h", 1), "/", (("x-key", SECRET + "\n"),)), "'x-key'"),
        (RequestHead("GET", Origin("http", "h", 1), "/", (("x-key", SECRET + "€"),)), "'x-key'"),
        (RequestHead("GET", Origin("http", "h", 1), "/", (("x\r\n", SECRET),)), "can't be"),
    ],
)
async def test_heads_that_cannot_be_sent(
    head: RequestHead, message: str, http: HttpTransport
) -> None:
    with pytest.raises(Unreachable, match=message) as caught:
        await http.send(UpstreamRequest(head), PATIENT)
    assert SECRET not in str(caught.value.args)
    assert caught.value.__cause__ is None


def test_a_head_is_encoded_once_and_for_all() -> None:
    head = RequestHead("POST", Origin("https", "api.example", 443), "/v1", (("A", "b"),))
    expected = b"POST /v1 HTTP/1.1\r\nhost: api.example\r\nA: b\r\naccept-encoding: identity\r\n"
    assert encode_head(head) == expected


async def test_no_message_repeats_a_credential(up: ScriptedUpstream, http: HttpTransport) -> None:
    up.script(raw_answer(b"nonsense"), json_answer(1).reset(byte=0), json_answer(1).cut(at=0))
    for _ in range(3):
        with pytest.raises((ConnectionLost, Exception)) as caught:
            await fetch(http, request_to(up.url, headers=(("x-api-key", SECRET),)))
        assert SECRET not in str(caught.value)
    assert len(up.requests) == 3


async def test_the_samples_travel(up: ScriptedUpstream, http: HttpTransport) -> None:
    up.script(sse_answer(openai_wire.STREAM), json_answer(openai_wire.COMPLETION))
    assert b"".join(await pieces(http, up.url)) == b"".join(openai_wire.STREAM)
    assert (await fetch(http, up.url)).json() == openai_wire.COMPLETION
