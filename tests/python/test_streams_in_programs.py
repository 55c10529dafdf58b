"""Streams and cancelling: nothing goes on unseen, and a slow reader is waited for."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path
from typing import Any

import pytest
from tests.python.test_calls import TOOLS, document, rows
from tests.support import openai_wire
from tests.support.answers import sse_answer
from tests.support.upstream import ScriptedUpstream
from tests.support.waiting import until

import laird
from laird.domain.chat import ToolCallDelta, ToolCallStart
from laird.domain.errors import ModelNotFound, ShuttingDown

DEMO = {"providers": [{"id": "demo", "kind": "demo", "models": ["demo", "demo-tools"]}]}


async def test_deltas_add_up_to_the_answer(gateway: laird.Gateway) -> None:
    stream = gateway.stream("Count", model="demo")
    with pytest.raises(RuntimeError, match="not ended"):
        _ = stream.answer
    text = "".join([delta.text async for delta in stream])
    answer = stream.answer
    assert text == answer.text
    assert answer.text.endswith("Count")
    assert (answer.provider, answer.attempts, answer.finish_reason) == ("demo", 1, "stop")
    assert answer.usage is not None
    assert answer.raw["choices"][0]["message"]["content"] == text
    (row,) = await rows(gateway)
    assert (row.request_id, row.status, row.stream) == (answer.request_id, "ok", True)
    assert (row.completion_tokens, row.cost_nano) == (answer.usage.completion, answer.cost_nano)
    with pytest.raises(RuntimeError, match="once"):
        _ = [delta async for delta in stream]


async def test_tool_calls_and_thinking_come_in_pieces(gateway: laird.Gateway) -> None:
    stream = gateway.stream("Time?", model="demo-tools", tools=TOOLS)
    pieces = [delta.tool_call async for delta in stream if delta.tool_call is not None]
    (call,) = stream.answer.tool_calls
    assert isinstance(pieces[0], ToolCallStart)
    assert pieces[0].name == call.name == "clock"
    assert call.arguments == "".join(
        piece.arguments for piece in pieces if isinstance(piece, ToolCallDelta)
    )
    thinking = gateway.stream("Think", model="demo-thinking")
    shown = "".join([delta.reasoning async for delta in thinking])
    assert shown
    assert thinking.answer.reasoning == shown


async def test_whole_and_streamed_answers_are_alike(gateway: laird.Gateway) -> None:
    whole = await gateway.chat("Time?", model="demo-tools", tools=TOOLS)
    async with gateway.stream("Time?", model="demo-tools", tools=TOOLS) as stream:
        _ = [delta async for delta in stream]
    assert stream.answer.tool_calls == whole.tool_calls
    assert (stream.answer.text, stream.answer.usage) == (whole.text, whole.usage)


async def test_a_stream_that_never_begins_raises(gateway: laird.Gateway) -> None:
    with pytest.raises(ModelNotFound):
        _ = [delta async for delta in gateway.stream("x", model="nope")]


@pytest.mark.parametrize("line", ["/demo cut=3", "/demo error=3"])
async def test_a_stream_that_breaks_raises_in_the_loop(gateway: laird.Gateway, line: str) -> None:
    stream = gateway.stream(f"{line}\nOne two three four five six", model="demo")
    seen: list[str] = []

    async def read() -> None:
        async for delta in stream:
            seen.append(delta.text)  # noqa: PERF401 - what came before an error counts

    with pytest.raises(laird.LairdError) as raised:
        await read()
    assert raised.value.code == "provider_error"
    assert len("".join(seen)) > 3
    with pytest.raises(RuntimeError, match="not ended"):
        _ = stream.answer
    assert [row.status for row in await rows(gateway)] == ["cut"]


async def test_prose_goes_on_with_the_next_candidate() -> None:
    steps = [{"providerId": "demo", "modelId": name} for name in ("demo-cut", "demo")]
    told = {
        "providers": [{"id": "demo", "kind": "demo", "models": ["demo", "demo-cut"]}],
        "chains": [{"id": "both", "models": steps}],
    }
    async with laird.open(told, temporary=True) as gateway:
        stream = gateway.stream("/demo pause=1ms\nCount", model="both", carry_on=True)
        text = "".join([delta.text async for delta in stream])
        assert text.startswith("This is the")
        assert (stream.answer.text, stream.answer.attempts) == (text, 2)
        assert [row.status for row in await rows(gateway)] == ["ok", "cut"]


STALLING = "/demo stall=4\nOne two three four five six seven eight"


async def test_leaving_a_stream_cancels_it(gateway: laird.Gateway) -> None:
    async with gateway.stream(STALLING, model="demo") as stream:
        async for _ in stream:
            break
    assert gateway.program.gateway.active == 0
    assert [row.status for row in await rows(gateway)] == ["cancelled"]


async def test_a_stream_that_is_dropped_is_cancelled_too(gateway: laird.Gateway) -> None:
    async for _ in gateway.stream(STALLING, model="demo"):
        break
    gc.collect()
    await until(lambda: gateway.program.gateway.active == 0)
    assert [row.status for row in await rows(gateway)] == ["cancelled"]


async def test_a_stream_that_is_never_read_sends_nothing(gateway: laird.Gateway) -> None:
    async with gateway.stream("Hello", model="demo"):
        pass
    assert await rows(gateway) == []


async def test_cancelling_a_call_cancels_it_at_the_provider(gateway: laird.Gateway) -> None:
    asking = asyncio.create_task(gateway.chat("/demo delay=60s\nHello", model="demo"))
    await until(lambda: gateway.program.gateway.active == 1)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert gateway.program.gateway.active == 0
    assert [row.status for row in await rows(gateway)] == ["cancelled"]


async def test_a_time_limit_of_the_program_holds(gateway: laird.Gateway) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await gateway.chat("/demo delay=60s\nHello", model="demo")
    assert [row.status for row in await rows(gateway)] == ["cancelled"]


async def test_many_calls_at_once_are_kept_apart(gateway: laird.Gateway) -> None:
    async def streamed(number: int) -> str:
        stream = gateway.stream(f"stream {number}", model="demo")
        return "".join([delta.text async for delta in stream])

    whole = [gateway.chat(f"chat {number}", model="demo") for number in range(40)]
    answers, texts = await asyncio.gather(
        asyncio.gather(*whole), asyncio.gather(*(streamed(number) for number in range(40)))
    )
    assert [answer.text.rpartition(" ")[2] for answer in answers] == [str(n) for n in range(40)]
    assert [text.rpartition(" ")[2] for text in texts] == [str(n) for n in range(40)]
    assert len({answer.request_id for answer in answers}) == 40
    assert len(await rows(gateway)) == 80


async def test_a_slow_reader_slows_the_provider_down(upstream: ScriptedUpstream) -> None:
    piece = "x" * 4000
    upstream.always(sse_answer(openai_wire.stream(*[piece] * 2000)))
    async with laird.open(document(("a", "local", upstream.url)), temporary=True) as gateway:
        stream = gateway.stream("Hello", model="m")
        deltas = stream.__aiter__()
        await anext(deltas)
        for _ in range(50):
            await asyncio.sleep(0)
        assert stream._pieces._held < 1_000_000
        length = len(piece) + sum([len(delta.text) async for delta in deltas])
        assert length == 2000 * len(piece)


async def test_closing_waits_for_calls_under_way() -> None:
    async with laird.open(DEMO, temporary=True) as gateway:
        asking = asyncio.create_task(gateway.chat("/demo delay=200ms\nHello", model="demo"))
        await until(lambda: gateway.program.gateway.active == 1)
    assert (await asking).text.endswith("Hello")
    with pytest.raises(ShuttingDown):
        await gateway.chat("Hello", model="demo")


async def test_closing_cuts_what_does_not_end(tmp_path: Path) -> None:
    settings = {"drain_seconds": 0.05}
    seen: list[Any] = []

    async def read(gateway: laird.Gateway) -> None:
        async for delta in gateway.stream(STALLING, model="demo"):
            seen.append(delta)  # noqa: PERF401 - looked at meanwhile

    async with laird.open(DEMO, home=tmp_path / "own", settings=settings) as gateway:
        reading = asyncio.create_task(read(gateway))
        asking = asyncio.create_task(gateway.chat("/demo delay=60s\nHello", model="demo"))
        await until(lambda: gateway.program.gateway.active == 2 and seen)
    for task in (reading, asking):
        with pytest.raises(ShuttingDown):
            await task
    async with laird.open(DEMO, home=tmp_path / "own") as gateway:
        assert {row.status for row in await rows(gateway)} <= {"cancelled", "cut"}
        assert len(await rows(gateway)) == 2


async def test_an_error_in_the_block_does_not_wait() -> None:
    asking: list[asyncio.Task[laird.Answer]] = []

    async def fail() -> None:
        async with laird.open(DEMO, temporary=True) as gateway:
            asking.append(asyncio.create_task(gateway.chat("/demo delay=60s\nHi", model="demo")))
            await until(lambda: gateway.program.gateway.active == 1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    with pytest.raises(ShuttingDown):
        await asking[0]
