"""Connections are used again when that is safe, and never when it is not; none is leaked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from tests.support.answers import Answer
from tests.support.calls import PATIENT, fetch, pieces, request_to
from tests.support.upstream import (
    Gate,
    ScriptedUpstream,
    bytewise,
    json_answer,
    raw_answer,
    sse_answer,
    text_answer,
)

from laird.domain.catalog import Timeouts
from laird.domain.errors import ConnectionLost, Unreachable
from laird.transport.base import RequestHead
from laird.transport.client import HttpTransport
from laird.transport.exchange import HIGH_WATER
from laird.transport.proxies import Proxies


def idle(http: HttpTransport) -> int:
    """Count the idle connections."""
    return sum(map(len, http._pools.values()))


def handles(up: ScriptedUpstream, count: int) -> bool:
    return up.active == count


def has_received(up: ScriptedUpstream, count: int) -> bool:
    return len(up.requests) >= count


async def until(condition: Callable[[], object]) -> None:
    """Let the loop run until a condition of the client's own state holds."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - the client has no event for its own insides
            await asyncio.sleep(0.001)


@pytest.mark.parametrize(
    "answer",
    [json_answer(1), bytewise(json_answer(1)), sse_answer([b"a", b"b"]), text_answer(b"")],
)
async def test_one_connection_serves_one_request_after_the_other(
    answer: Answer, up: ScriptedUpstream, http: HttpTransport
) -> None:
    up.always(answer)
    for _ in range(5):
        await fetch(http, up.url)
        await pieces(http, up.url)
    assert up.connections == 1
    assert idle(http) == 1


async def test_a_connection_is_free_as_soon_as_the_answer_has_arrived(
    up: ScriptedUpstream, http: HttpTransport
) -> None:
    up.script(json_answer("first"), json_answer("second"))
    first = await http.send(request_to(up.url), PATIENT)
    await until(lambda: idle(http))
    second = await fetch(http, up.url)
    assert (await first.read(100), second.body) == (b'"first"', b'"second"')
    first.close()
    assert (up.connections, idle(http)) == (1, 1)


async def test_the_connection_used_last_goes_first(
    up: ScriptedUpstream, http: HttpTransport
) -> None:
    gates = [Gate(), Gate()]
    up.script(*(json_answer(1).held(gate) for gate in gates))
    up.always(json_answer(1))
    tasks = []
    for count, _ in enumerate(gates, 1):
        tasks.append(asyncio.create_task(fetch(http, up.url)))
        await up.wait_for(partial(handles, up, count))
    for gate, task in zip(gates, tasks, strict=True):
        gate.open()
        await task
    await fetch(http, up.url)
    await fetch(http, up.url)
    assert [request.connection for request in up.requests] == [1, 2, 2, 2]


async def test_concurrent_requests_have_connections_of_their_own(
    up: ScriptedUpstream, http: HttpTransport
) -> None:
    gate = Gate()
    up.always(lambda request: text_answer(request.body).held(gate))
    bodies = [b"%d" % n for n in range(20)]
    tasks = [asyncio.create_task(fetch(http, request_to(up.url, body))) for body in bodies]
    await up.wait_for(lambda: up.active == 20)
    gate.open()
    assert [answer.body for answer in await asyncio.gather(*tasks)] == bodies
    assert (up.connections, up.max_active, idle(http)) == (20, 20, 20)


async def test_only_so_many_idle_connections_are_kept() -> None:
    http = HttpTransport(proxies=Proxies({}), max_idle=2)
    async with ScriptedUpstream() as up:
        gate = Gate()
        up.always(json_answer(1).held(gate))
        tasks = [asyncio.create_task(fetch(http, up.url)) for _ in range(4)]
        await up.wait_for(lambda: up.active == 4)
        gate.open()
        await asyncio.gather(*tasks)
        assert idle(http) == 2
        await up.wait_for(lambda: up.open_connections == 2)
        await http.close()


async def test_idle_connections_are_dropped_in_time() -> None:
    http = HttpTransport(proxies=Proxies({}), keep_idle_s=0.05)
    async with ScriptedUpstream() as up:
        up.always(json_answer(1))
        await asyncio.gather(*(fetch(http, up.url) for _ in range(3)))
        await up.wait_for(lambda: up.open_connections < 3)
        await fetch(http, up.url)
        await up.wait_for(lambda: up.open_connections == 0)
        assert idle(http) == 0
        await fetch(http, up.url)
        await http.close()


@pytest.mark.parametrize(
    "answer",
    [
        json_answer(1).with_headers(("Connection", "close")),
        text_answer(b"1").framed("until-close"),
        raw_answer(b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n1"),
        raw_answer(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: Close, x\r\n\r\n1"),
        json_answer(1).followed_by(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"),
        json_answer(1).followed_by(b"garbage"),
        json_answer(1).followed_by(b"\0"),
        sse_answer([b"1"]).followed_by(b"H"),
        sse_answer([b"1"]).followed_by(b"5\r\nevil!\r\n0\r\n\r\n"),
    ],
)
async def test_unsafe_connections_are_not_used_again(
    answer: Answer, up: ScriptedUpstream, http: HttpTransport
) -> None:
    up.script(answer, json_answer("next"))
    assert (await fetch(http, up.url)).body == b"1"
    assert (await fetch(http, up.url)).body == b'"next"'
    assert [request.connection for request in up.requests] == [1, 2]
    await up.wait_for(lambda: up.open_connections == 1)


async def test_an_answer_that_nobody_asked_for_answers_nothing(
    up: ScriptedUpstream, http: HttpTransport
) -> None:
    gate = Gate()
    stray = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
    two = Answer(200, (("Content-Length", "2"),), (b"ok", stray)).held(gate, at=1)
    up.script(two, json_answer("good"))
    assert (await fetch(http, up.url)).body == b"ok"
    assert idle(http) == 1
    gate.open()
    await until(lambda: idle(http) == 0)
    assert (await fetch(http, up.url)).body == b'"good"'


async def test_a_server_that_closes_without_a_word_costs_no_request(
    up: ScriptedUpstream, http: HttpTransport
) -> None:
    up.always(json_answer(1).closing(announced=False))
    for count in range(1, 4):
        await fetch(http, up.url)
        await until(lambda: idle(http) == 0)
        assert up.connections == count


async def test_a_restarting_server_costs_no_request(
    up: ScriptedUpstream, http: HttpTransport
) -> None:
    up.always(json_answer(1))
    await asyncio.gather(*(fetch(http, up.url) for _ in range(5)))
    up.drop_connections()
    await until(lambda: idle(http) == 0)
    await fetch(http, up.url)


@pytest.mark.parametrize("fault", [Answer.cut, Answer.reset])
async def test_a_break_of_a_kept_connection_says_that_it_was_stale(
    fault: Callable[..., Answer], up: ScriptedUpstream, http: HttpTransport
) -> None:
    broken = json_answer(1)
    up.script(fault(broken, byte=0), broken, fault(broken, byte=0), broken, fault(broken, byte=1))
    found = []
    for _ in range(5):
        try:
            await fetch(http, up.url)
        except ConnectionLost as problem:
            found.append(problem.stale)
    assert found == [False, True, False]
    assert len(up.requests) == 5


async def test_a_lost_race_with_a_closing_server_is_stale(
    up: ScriptedUpstream, http: HttpTransport
) -> None:
    up.always(json_answer(1))
    await fetch(http, up.url)
    up.drop_connections()
    # The loop has not read the close yet: the request is written to a connection that is gone.
    with pytest.raises(ConnectionLost) as caught:
        await fetch(http, up.url)
    assert caught.value.stale
    await fetch(http, up.url)


STAGES = [
    sse_answer([b"one"]).held(Gate()),
    sse_answer([b"one"]).slow_head(Gate()),
    sse_answer([b"one", b"two"]).stalled(at=1),
    text_answer(b"x" * 9).framed("until-close").stalled(),
]


@pytest.mark.parametrize("read", [fetch, pieces])
@pytest.mark.parametrize("answer", STAGES)
async def test_cancelling_cuts_the_connection_at_once(
    answer: Answer, read: Callable[..., object], up: ScriptedUpstream, http: HttpTransport
) -> None:
    up.script(answer)
    task = asyncio.ensure_future(read(http, up.url))  # type: ignore[call-overload]
    await up.wait_for(lambda: up.active == 1 and up.requests)
    cancelled = asyncio.get_running_loop().time()
    task.cancel()
    assert await up.client_gone() - cancelled < 1.0
    with pytest.raises(asyncio.CancelledError):
        await task
    assert idle(http) == 0


async def test_closing_unread_cuts_the_connection(
    up: ScriptedUpstream, http: HttpTransport
) -> None:
    up.script(sse_answer([b"one"]).stalled())
    response = await http.send(request_to(up.url), PATIENT)
    response.close()
    await up.client_gone()
    with pytest.raises(ConnectionLost, match="given up"):
        await response.chunk()


async def test_closing_wakes_who_reads(up: ScriptedUpstream, http: HttpTransport) -> None:
    up.script(sse_answer([b"one"]).stalled(at=0))
    response = await http.send(request_to(up.url), PATIENT)
    reader = asyncio.ensure_future(response.chunk())
    await asyncio.sleep(0)
    response.close()
    with pytest.raises(ConnectionLost, match="given up"):
        await reader


async def test_a_cancelled_wait_loses_no_byte(up: ScriptedUpstream, http: HttpTransport) -> None:
    gate = Gate()
    up.script(sse_answer([b"one", b"two"]).held(gate, at=1))
    response = await http.send(request_to(up.url), PATIENT)
    assert await response.chunk() == b"one"
    for _ in range(3):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(response.chunk(), 0.001)
    gate.open()
    assert await response.read(100) == b"two"
    response.close()
    assert idle(http) == 1


async def test_a_thousand_cancellations_leak_nothing(
    up: ScriptedUpstream, http: HttpTransport
) -> None:
    up.always(json_answer("healthy"))
    await fetch(http, up.url)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for round_ in range(10):
        answers = [STAGES[n % 4] if n % 5 else json_answer(n) for n in range(100)]
        up.script(*answers)
        tasks = [asyncio.ensure_future(fetch(http, up.url)) for _ in answers]
        # Some are cancelled before they start, some while they connect, some in each later stage.
        for task in tasks[:20]:
            task.cancel()
        for _ in range(round_ % 4):
            await asyncio.sleep(0)
        for task in tasks[20:40]:
            task.cancel()
        await up.wait_for(partial(has_received, up, len(up.requests) + 40))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        up._script.clear()
    await up.wait_for(lambda: up.active == 0 and up.open_connections <= idle(http))
    assert http._deadlines is not None
    assert not http._deadlines.watched
    assert (await fetch(http, up.url)).body == b'"healthy"'
    await http.close()
    await up.wait_for(lambda: up.open_connections == 0)
    await until(lambda: len(list(Path("/proc/self/fd").iterdir())) <= before)


async def test_closing_the_transport_cuts_what_is_under_way(
    up: ScriptedUpstream, http: HttpTransport
) -> None:
    up.script(json_answer(1), json_answer(2).held(Gate()), sse_answer([b"one"]).stalled())
    await fetch(http, up.url)
    waiting = asyncio.ensure_future(fetch(http, up.url))
    await up.wait_for(lambda: up.active == 1)
    response = await http.send(request_to(up.url), PATIENT)
    await http.close()
    with pytest.raises(ConnectionLost, match="shutting down"):
        await waiting
    assert await response.chunk() == b"one"
    with pytest.raises(ConnectionLost, match="shutting down"):
        await response.chunk()
    await up.wait_for(lambda: up.open_connections == 0)
    with pytest.raises(Unreachable, match="shutting down"):
        await fetch(http, up.url)


async def test_closing_while_connecting_opens_nothing(
    up: ScriptedUpstream, http: HttpTransport
) -> None:
    task = asyncio.ensure_future(fetch(http, up.url))
    await asyncio.sleep(0)
    await http.close()
    with pytest.raises(Unreachable, match="shutting down"):
        await task
    await up.wait_for(lambda: up.open_connections == 0)
    assert up.requests == []


async def test_a_slow_reader_stops_the_server_and_memory_stays_bounded(
    up: ScriptedUpstream, http: HttpTransport
) -> None:
    piece = b"x" * 65536
    up.script(sse_answer([piece] * 1000))
    response = await http.send(request_to(up.url), Timeouts())
    await until(lambda: response._wire.paused)
    assert response._size <= 2 * HIGH_WATER
    assert up.bytes_sent < 32 * 1024 * 1024
    total = largest = 0
    while data := await response.chunk():
        total += len(data)
        largest = max(largest, len(data))
        if total % 7 == 0:
            await asyncio.sleep(0)
    assert total == 65536 * 1000
    assert largest <= 2 * HIGH_WATER
    response.close()
    assert idle(http) == 1


async def test_reading_the_rest_at_once_after_a_pause(
    up: ScriptedUpstream, http: HttpTransport
) -> None:
    up.script(sse_answer([b"x" * 65536] * 100), json_answer("next"))
    response = await http.send(request_to(up.url), PATIENT)
    await until(lambda: response._wire.paused)
    assert len(await response.read(1 << 23)) == 6_553_600
    assert (await fetch(http, up.url)).body == b'"next"'
    assert up.connections == 1


async def test_a_paused_connection_can_be_cut(up: ScriptedUpstream, http: HttpTransport) -> None:
    up.script(sse_answer([b"x" * 65536] * 1000))
    response = await http.send(request_to(up.url), PATIENT)
    await until(lambda: response._wire.paused)
    response.close()
    await up.client_gone()


async def test_heads_made_anew_each_time_are_not_kept_forever(
    up: ScriptedUpstream, http: HttpTransport
) -> None:
    up.always(json_answer(1))
    await fetch(http, up.url)
    origin = next(iter(http._pools))
    heads = [RequestHead("POST", origin, f"/{n}") for n in range(3000)]
    for head in heads:
        http._learn(head)
    assert len(http._routes) <= 1024
    assert (await fetch(http, f"{up.url}/again")).status == 200
    assert up.requests[-1].target == "/again"
    assert up.connections == 1
