"""The fake upstream does what it is told, seen from a bare socket on either event loop."""

from __future__ import annotations

import asyncio
import json
import socket
import urllib.request
import zlib
from datetime import UTC, datetime

import pytest
from tests.support import openai_wire
from tests.support.upstream import (
    Answer,
    Gate,
    ScriptedUpstream,
    bytewise,
    error_event,
    giant_line,
    json_answer,
    rate_limited,
    raw_answer,
    sse_answer,
    text_answer,
    threaded_upstream,
    truncated_json,
    unused_port,
)

REQUEST = b"POST /v1/chat?x=1 HTTP/1.1\r\nHost: up\r\nX-Mark: one\r\nContent-Length: 7\r\n\r\n"
BODY = b'{"a":1}'


async def talk(up: ScriptedUpstream, data: bytes = REQUEST + BODY) -> bytes:
    """Send bytes and read until the server closes; a reset adds `<RST>`."""
    reader, writer = await asyncio.open_connection(up.host, up.port)
    writer.write(data)
    received = bytearray()
    try:
        while piece := await reader.read(65536):
            received += piece
    except ConnectionResetError:
        received += b"<RST>"
    finally:
        writer.close()
    return bytes(received)


async def test_a_request_is_recorded_and_answered() -> None:
    async with ScriptedUpstream() as up:
        up.script(json_answer({"ok": True}, headers=[("X-A", "b")]).closing())
        received = await talk(up)
        request = up.requests[0]
        assert received.startswith(b"HTTP/1.1 200 Scripted\r\nContent-Type: application/json\r\n")
        assert received.endswith(b'Content-Length: 12\r\n\r\n{"ok": true}')
        assert (request.method, request.target, request.path) == (
            "POST",
            "/v1/chat?x=1",
            "/v1/chat",
        )
        assert request.headers["x-mark"] == "one"
        assert request.json() == {"a": 1}
        assert (up.connections, up.max_active) == (1, 1)
        await up.wait_for(lambda: up.active == 0 and up.open_connections == 0)


async def test_routes_go_past_the_script_and_functions_see_the_request() -> None:
    async with ScriptedUpstream() as up:
        up.on("/v1/models", text_answer(b"models").closing())
        up.always(lambda request: json_answer(request.json()).closing())
        assert (await talk(up, b"GET /v1/models HTTP/1.1\r\n\r\n")).endswith(b"models")
        assert (await talk(up)).endswith(b'{"a": 1}')


async def test_nothing_scripted_is_a_loud_failure() -> None:
    async with ScriptedUpstream() as up:
        reader, writer = await asyncio.open_connection(up.host, up.port)
        writer.write(REQUEST + BODY)
        assert b" 500 " in await reader.readline()
        writer.close()


async def test_a_faulty_script_fails_the_test() -> None:
    def faulty(_: object) -> Answer:
        raise KeyError("typo")

    up = ScriptedUpstream()
    up.script(faulty)
    await up.__aenter__()
    assert await talk(up) == b""
    with pytest.raises(KeyError, match="typo"):
        await up.__aexit__()


STREAM = sse_answer([b"data: 1\n\n", b"data: 2\n\n"])
HEAD = STREAM.head()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (
            STREAM.closing(announced=False),
            HEAD + b"9\r\ndata: 1\n\n\r\n9\r\ndata: 2\n\n\r\n0\r\n\r\n",
        ),
        (STREAM.cut(at=0), HEAD),
        (STREAM.cut(at=1), HEAD + b"9\r\ndata: 1\n\n\r\n"),
        (STREAM.cut(at=2), HEAD + b"9\r\ndata: 1\n\n\r\n9\r\ndata: 2\n\n\r\n"),
        (STREAM.cut(byte=4), b"HTTP"),
        (STREAM.reset(at=1), HEAD + b"9\r\ndata: 1\n\n\r\n<RST>"),
        (STREAM.reset(byte=4), b"HTTP<RST>"),
        (STREAM.reset(byte=0), b"<RST>"),
        (raw_answer(b"not", b" http"), b"not http"),
        (
            text_answer(b"x").framed("until-close").preceded_by(b"1").followed_by(b"2"),
            b"1HTTP/1.1 200 Scripted\r\nContent-Type: text/plain\r\n\r\nx2",
        ),
    ],
)
async def test_bytes_and_ends_are_exact(answer: Answer, expected: bytes) -> None:
    async with ScriptedUpstream() as up:
        up.script(answer)
        assert await talk(up) == expected


@pytest.mark.parametrize(("coding", "bits"), [("gzip", 31), ("deflate", 15), ("raw-deflate", -15)])
def test_coded_bodies_keep_their_chunks(coding: str, bits: int) -> None:
    answer = STREAM.coded(coding)  # type: ignore[arg-type]
    press = zlib.decompressobj(wbits=bits)
    assert [press.decompress(piece) for piece in answer.coded_chunks()] == [*STREAM.chunks, b""]
    assert f"Content-Encoding: {coding.removeprefix('raw-')}".encode() in answer.head()


async def test_gates_hold_the_head_and_chunks() -> None:
    async with ScriptedUpstream() as up:
        head, body = Gate(), asyncio.Event()
        up.script(STREAM.slow_head(head).held(body, at=1).paced(0.001).closing())
        reader, writer = await asyncio.open_connection(up.host, up.port)
        writer.write(REQUEST + BODY)
        assert await reader.readexactly(8) == b"HTTP/1.1"
        await up.wait_for(lambda: up.active == 1 and up.requests)
        head.open()
        assert (await reader.readuntil(b"data: 1\n\n")).count(b"data") == 1
        body.set()
        assert b"data: 2" in await reader.read()
        writer.close()


async def test_a_client_that_leaves_is_noticed_at_each_stage() -> None:
    async with ScriptedUpstream() as up:
        loop = asyncio.get_running_loop()
        stages = [
            STREAM.held(Gate()),
            STREAM.stalled(at=1),
            STREAM.stalled(),
            STREAM.held(Gate(), at=1),
        ]
        for count, answer in enumerate(stages, 1):
            up.script(answer)
            _, writer = await asyncio.open_connection(up.host, up.port)
            writer.write(REQUEST + BODY)
            await up.wait_for(lambda: up.active == 1)
            before = loop.time()
            writer.close()
            assert before <= await up.client_gone(count) <= loop.time()
            await up.wait_for(lambda: up.active == 0)


async def test_an_early_answer_does_not_wait_for_the_body() -> None:
    async with ScriptedUpstream() as up:
        up.script(text_answer(b"no", status=413).before_body())
        assert (await talk(up, REQUEST)).endswith(b"\r\n\r\nno")
        assert up.requests[0].body == b""


async def test_chunked_request_bodies_are_read_and_connections_reused() -> None:
    async with ScriptedUpstream() as up:
        up.script(json_answer(1), json_answer(2).closing())
        head = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        await talk(up, head + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n" + REQUEST + BODY)
        assert [r.body for r in up.requests] == [b"abcde", BODY]
        assert [r.connection for r in up.requests] == [1, 1]


async def test_dropping_connections_ends_idle_ones() -> None:
    async with ScriptedUpstream() as up:
        reader, writer = await asyncio.open_connection(up.host, up.port)
        await up.wait_for(lambda: up.open_connections == 1)
        up.drop_connections()
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        writer.close()


async def test_the_port_of_nobody_refuses() -> None:
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", unused_port())


def test_ready_made_faults() -> None:
    when = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert b"Retry-After: 7\r\n" in rate_limited(7).head()
    assert b"Retry-After: Wed, 02 Jan 2030 03:04:05 GMT\r\n" in rate_limited(when).head()
    assert b"Retry-After" not in rate_limited().head()
    assert len(b"".join(giant_line(100_000).chunks)) == 100_006
    assert truncated_json({"key": "value"}, 6).chunks == (b'{"key"',)
    assert error_event(after=openai_wire.STREAM[:1]).chunks[0] == openai_wire.STREAM[0]
    assert b"".join(bytewise(STREAM).chunks) == b"".join(STREAM.chunks)
    assert all(len(chunk) == 1 for chunk in bytewise(STREAM).chunks)


def test_a_thread_of_its_own() -> None:
    with threaded_upstream() as up:
        up.script(json_answer({"ok": 1}).closing())
        with urllib.request.urlopen(up.url + "/x", timeout=5) as answer:
            assert json.load(answer) == {"ok": 1}
        up.block_until(lambda: up.open_connections == 0)
        with pytest.raises(TimeoutError):
            up.block_until(lambda: False, within=0.01)
    with pytest.raises(ConnectionRefusedError), socket.create_connection((up.host, up.port)):
        pass


def test_a_thread_that_cannot_start_says_why() -> None:
    with threaded_upstream() as up:
        taken = ScriptedUpstream(port=up.port)
        with pytest.raises((OSError, RuntimeError)), threaded_upstream(taken):
            pass


def test_samples_are_shaped_as_openai_says() -> None:
    parsed = [json.loads(c.removeprefix(b"data: ")) for c in openai_wire.STREAM[:-1]]
    text = "".join(c["choices"][0]["delta"].get("content", "") for c in parsed[:-1])
    assert text == openai_wire.COMPLETION["choices"][0]["message"]["content"]
    assert parsed[-1]["choices"] == []
    assert parsed[-1]["usage"] == openai_wire.USAGE
    calls = [json.loads(c.removeprefix(b"data: ")) for c in openai_wire.tool_call_stream()[1:5]]
    pieces = [c["choices"][0]["delta"]["tool_calls"][0]["function"] for c in calls]
    assert pieces[0]["name"] == "get_weather"
    assert json.loads("".join(p["arguments"] for p in pieces)) == {"city": "Paris"}
