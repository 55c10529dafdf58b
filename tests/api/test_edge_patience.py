"""A slow client is cut off, many idle ones hurt nobody, and what nobody reads is not made."""

from __future__ import annotations

import asyncio
import json
import resource
import socket
import statistics
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.support import openai_wire
from tests.support.answers import sse_answer
from tests.support.chat_upstream import chat_upstream
from tests.support.client import Exchange
from tests.support.documents import document, provider
from tests.support.laird import RunningLaird, running_laird
from tests.support.waiting import MACHINE_S, until

from laird.api.patience import Patience
from laird.api.server import make_room_for

DEMO = document("  - {id: demo, kind: demo, endpoint: 'demo://', models: [demo]}\n")
SHORT = Patience(head=0.5, body=0.5, least=100, idle=0.5, reader=0.5, leaving=0.5, every=0.02)
LONG = Patience(head=60.0, body=60.0, idle=60.0, reader=60.0, every=0.02)
GET = b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n"


@asynccontextmanager
async def hasty(home: Path, patience: Patience = SHORT) -> AsyncIterator[RunningLaird]:
    async with running_laird(home, DEMO, patience=patience) as laird:
        yield laird


async def rest(exchange: Exchange) -> bytes:
    async with asyncio.timeout(20):
        return await exchange._reader.read(-1)


def post(laird: RunningLaird, length: int) -> bytes:
    head = f"authorization: Bearer {laird.key}\r\ncontent-length: {length}\r\n\r\n"
    return b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n" + head.encode()


async def test_headers_that_do_not_end(tmp_path: Path) -> None:
    async with hasty(tmp_path) as laird:
        exchange = await laird.client().send_raw(GET[:-2])
        answer = await rest(exchange)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b'"code":"request_timeout"' in answer
        # Also behind a request that was answered.
        exchange = await laird.client().send_raw(GET + GET[:-2])
        assert (await rest(exchange)).count(b"HTTP/1.1 408 ") == 1


async def test_a_byte_now_and_then_does_not_keep_a_head_open(tmp_path: Path) -> None:
    async with hasty(tmp_path) as laird:
        exchange = await laird.client().send_raw(GET[:-2])
        dripping = asyncio.create_task(drip(exchange, b"x"))
        assert (await rest(exchange)).startswith(b"HTTP/1.1 408 ")
        dripping.cancel()


async def drip(exchange: Exchange, data: bytes, pause_s: float = 0.03) -> None:
    while True:
        exchange._writer.write(data)
        await asyncio.sleep(pause_s)


async def test_a_body_that_stops_or_drips(tmp_path: Path) -> None:
    async with hasty(tmp_path) as laird:
        stopped = await laird.client().send_raw(post(laird, 1000) + b'{"model"')
        dripped = await laird.client().send_raw(post(laird, 1000) + b'{"model"')
        dripping = asyncio.create_task(drip(dripped, b" "))
        for exchange in (stopped, dripped):
            answer = await rest(exchange)
            assert answer.startswith(b"HTTP/1.1 408 ")
            assert b"body did not come in time" in answer
        dripping.cancel()
        assert laird.program.gateway.active == 0


async def test_a_body_that_comes_steadily_may_take_its_time(tmp_path: Path) -> None:
    body = json.dumps({"model": "demo", "messages": [{"role": "user", "content": "x" * 900}]})
    async with hasty(tmp_path) as laird:
        began = time.monotonic()
        exchange = await laird.client().send_raw(post(laird, len(body)))
        # What has come allows several seconds more: a busy machine is not taken for a slow client.
        exchange._writer.write(body[:600].encode())
        for at in range(600, len(body), 50):
            await asyncio.sleep(0.1)
            exchange._writer.write(body[at : at + 50].encode())
        await exchange.head()
        assert exchange.status == 200
        assert time.monotonic() - began > SHORT.body


async def test_who_says_nothing_is_let_go(tmp_path: Path) -> None:
    async with hasty(tmp_path) as laird:
        silent = await laird.client().send_raw(b"")
        assert await rest(silent) == b""
        served = await laird.client().send_raw(GET)
        assert (await rest(served)).count(b"HTTP/1.1 ") == 1


async def test_an_answer_under_way_has_all_the_time(tmp_path: Path) -> None:
    """How long a provider may take is the provider's to say, not the edge's."""
    async with chat_upstream() as up:
        up.always(sse_answer(openai_wire.STREAM).paced(0.15))
        text = document(provider("a", up.url))
        async with running_laird(tmp_path, text, patience=SHORT) as laird:
            reply = await laird.client().chat("a/m", stream=True)
            assert reply.status == 200
            assert reply.events()[-1] == "[DONE]"


def chunk_of(size: int) -> bytes:
    delta = {"choices": [{"index": 0, "delta": {"content": "x" * size}, "finish_reason": None}]}
    whole = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", **delta}
    return b"data: " + json.dumps(whole).encode() + b"\n\n"


async def test_who_never_reads_is_cut_and_the_provider_is_told(tmp_path: Path) -> None:
    async with chat_upstream() as up:
        piece = chunk_of(200_000)
        up.always(sse_answer([piece] * 200))
        text = document(provider("a", up.url))
        async with running_laird(tmp_path, text, patience=SHORT) as laird:
            body = {"model": "a/m", "stream": True, "messages": [{"role": "user", "content": "x"}]}
            raw = json.dumps(body).encode()
            host, _, port = laird.url.removeprefix("http://").rpartition(":")
            with socket.socket() as deaf:
                deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                deaf.connect((host, int(port)))
                deaf.sendall(post(laird, len(raw)) + raw)
                began = time.monotonic()
                await up.client_gone()
                assert time.monotonic() - began < 5 + MACHINE_S
                await until(lambda: laird.program.gateway.active == 0)
            assert [row["status"] for row in await laird.rows()] == ["cancelled"]
            assert (await laird.client().request("GET", "/health")).status == 200


async def test_no_more_than_may_be_are_connected(tmp_path: Path) -> None:
    async with running_laird(tmp_path, DEMO, max_connections=20, patience=LONG) as laird:
        client = laird.client()
        begun = [await client.send_raw(GET[:-2]) for _ in range(20)]
        turned_away = await rest(await client.send_raw(b""))
        assert turned_away.startswith(b"HTTP/1.1 503 ")
        assert b'"code":"too_many_connections"' in turned_away
        assert b"retry-after: " in turned_away
        # Those that are there go on.
        for exchange in begun:
            exchange._writer.write(b"\r\n")
            await exchange.head()
            assert exchange.status == 200
        # Now they are idle, and make room, the oldest first.
        assert (await client.request("GET", "/health")).status == 200
        assert b"HTTP/1.1" not in await rest(begun[0])


async def test_a_thousand_idle_clients_hurt_nobody(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    make_room_for(2000)
    async with running_laird(tmp_path, DEMO, max_connections=2000, patience=LONG) as laird:
        alone = await typical_ms(laird)
        client = laird.client()
        for _ in range(500):  # half of them silent, half in the middle of a head
            await client.send_raw(b"")
            await client.send_raw(GET[:-2])
        crowded = await typical_ms(laird)
        record_property("chat alone, ms", alone)
        record_property("chat beside 1,000 idle clients, ms", crowded)
        # Usually less than a millisecond more; a busy machine is not what this is about.
        assert crowded < alone * 4 + 100


async def typical_ms(laird: RunningLaird) -> float:
    """Return the median time of a chat, over one connection each."""
    took = []
    for _ in range(30):
        began = time.perf_counter()
        assert (await laird.client().chat("demo")).status == 200
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


def test_room_is_what_the_system_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    def limits(soft: int, hard: int) -> list[tuple[int, int]]:
        asked: list[tuple[int, int]] = []
        monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
        monkeypatch.setattr(resource, "setrlimit", lambda _, pair: asked.append(pair))
        return asked

    unlimited = resource.RLIM_INFINITY
    assert not limits(unlimited, unlimited)
    assert make_room_for(1000) == 1000
    asked = limits(1024, 1_000_000)
    assert make_room_for(1000) == 1000
    assert asked == [(2256, 1_000_000)]
    limits(1024, 1024)
    assert make_room_for(1000) == 384
