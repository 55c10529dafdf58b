"""Reading requests: once for each message, off the event loop, and never in doubt for free."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from laird.domain.privacy import Category
from laird.privacy.apart import Apart, DetectorFailed
from laird.privacy.known import Known
from laird.privacy.reader import INLINE_BYTES, Reader, units
from laird.privacy.sought import FIRST_WORD, Sought
from laird.privacy.worker import answer_to

CARDS = Sought(Category.CARDS.bit)
CARD = "4111 1111 1111 1111"
LONG = "Nothing is to be found in this sentence, whoever reads it. " * 100


def asked(*texts: str, **fields: Any) -> dict[str, Any]:
    return {
        "model": "m",
        "messages": [{"role": "user", "content": text} for text in texts],
        **fields,
    }


@asynccontextmanager
async def reading(**settings: Any) -> AsyncIterator[Reader]:
    reader = Reader(**settings)
    try:
        yield reader
    finally:
        await reader.close()


@pytest.mark.parametrize("text", [CARD, LONG + CARD], ids=["short", "long"])
async def test_what_is_in_a_message_is_found(text: str) -> None:
    async with reading() as reader:
        assert await reader.read(Known(), asked("hello", text), CARDS) == Category.CARDS.bit
        assert await reader.read(Known(), asked("hello", LONG), CARDS) == 0


async def test_only_long_texts_need_a_process() -> None:
    async with reading() as reader:
        await reader.read(Known(), asked("x" * (INLINE_BYTES - 200)), CARDS)
        assert reader.state.process is None
        await reader.read(Known(), asked("x" * INLINE_BYTES), CARDS)
        assert reader.state.process is not None


async def test_a_conversation_that_grows_is_read_once() -> None:
    async with reading() as reader:
        known = Known()
        messages: list[str] = []
        for number in range(200):
            messages.append(f"message {number}")
            assert await reader.read(known, asked(*messages), CARDS) == 0
        # The messages, and the rest of the body, which is the same each time.
        assert reader.state.scanned == 200 + 1
        assert reader.state.known == sum(range(200)) + 199


async def test_tools_and_all_other_fields_are_read_too() -> None:
    async with reading() as reader:
        for body in (
            asked("hello", system=CARD),
            asked("hello", tools=[{"type": "function", "function": {"description": CARD}}]),
            asked("hello", new_field={"deep": [{"er": CARD}]}),
            asked("hello", metadata={CARD: "name"}),
            {"model": "m", "input": ["a", CARD]},
            {"model": "m", "prompt": CARD},
        ):
            assert await reader.read(Known(), body, CARDS) == Category.CARDS.bit


async def test_what_was_found_stays_found() -> None:
    async with reading() as reader:
        known = Known()
        for _ in range(2):
            assert await reader.read(known, asked(CARD), CARDS) == Category.CARDS.bit
        assert reader.state.scanned == 2


async def test_another_question_is_asked_anew() -> None:
    async with reading() as reader:
        known = Known()
        text = f"{CARD} a@b.org project x"
        both = Sought(Category.CARDS.bit | Category.EMAIL.bit, words=("project x",))
        assert await reader.read(known, asked(text), CARDS) == Category.CARDS.bit
        everything = Category.CARDS.bit | Category.EMAIL.bit | FIRST_WORD
        assert await reader.read(known, asked(text), both) == everything
        before = reader.state.scanned
        assert await reader.read(known, asked(text), both) == everything
        assert reader.state.scanned == before


def test_what_is_known_is_bounded_and_holds_no_text() -> None:
    known = Known(most=3)
    digests = [known.digest(b"%d" % number) for number in range(4)]
    for digest in digests[:3]:
        known.put(digest, 1, 0)
    known.get(digests[0], 1)
    known.put(digests[3], 1, 1)
    assert [known.get(digest, 1) for digest in digests] == [0, None, 0, 1]
    assert Known().digest(b"1") != known.digest(b"1")
    assert {len(digest) for digest in digests} == {16}


def test_a_body_is_cut_into_what_comes_again() -> None:
    body = asked("a", "b", system="s", tools=[{"name": "t"}])
    assert [orjson.loads(raw) for raw in units(body)] == [
        {"role": "user", "content": "a"},
        {"role": "user", "content": "b"},
        {"name": "t"},
        {"model": "m", "system": "s"},
    ]
    assert list(units({"messages": [{"a": 1}]})) == [b'{"a":1}']


class Lag:
    """How long the event loop was held up."""

    def __init__(self) -> None:
        self.worst = self.total = 0.0

    async def watch(self) -> None:
        pause = 0.001
        while True:
            began = time.perf_counter()
            cpu = time.thread_time()
            await asyncio.sleep(pause)
            late = time.perf_counter() - began - pause
            # What the machine gives to other programs is not the loop's own.
            held = min(late, time.thread_time() - cpu)
            self.worst = max(self.worst, held)
            self.total += held if held > pause else 0.0


async def test_a_megabyte_holds_up_the_loop_for_less_than_50_ms() -> None:
    text = "".join(f"Line {number}: {LONG[:80]}\n" for number in range(11_000))
    assert len(text) > 1_000_000
    lag = Lag()
    async with reading() as reader:
        await reader.warm_up()
        watch = asyncio.create_task(lag.watch())
        await asyncio.sleep(0.01)
        began = time.perf_counter()
        assert await reader.read(Known(), asked(text + CARD), CARDS) == Category.CARDS.bit
        took = time.perf_counter() - began
        await asyncio.sleep(0.01)
        watch.cancel()
    sys.stdout.write(
        f"1 MB: read in {took * 1000:.0f} ms; the loop was held up for"
        f" {lag.total * 1000:.1f} ms in all, {lag.worst * 1000:.1f} ms at once\n"
    )
    assert lag.total < 0.05


async def test_many_long_texts_are_read_in_turn() -> None:
    async with reading() as reader:
        work = [reader.read(Known(), asked(LONG + str(n)), CARDS) for n in range(20)]
        assert await asyncio.gather(*work) == [0] * 20


async def test_too_many_are_not_waited_for() -> None:
    async with reading() as reader:
        work = [reader.read(Known(), asked(LONG + str(n)), CARDS) for n in range(80)]
        done = await asyncio.gather(*work, return_exceptions=True)
        assert {str(each) for each in done} == {"0", "too many long texts wait to be looked at"}
        assert await reader.read(Known(), asked(LONG), CARDS) == 0


async def test_who_leaves_does_not_put_the_next_one_out_of_step() -> None:
    async with reading() as reader:
        await reader.warm_up()
        leaving = asyncio.create_task(reader.read(Known(), asked(LONG * 20 + CARD), CARDS))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        assert await reader.read(Known(), asked(LONG), CARDS) == 0
        assert await reader.read(Known(), asked(LONG + CARD), CARDS) == Category.CARDS.bit


async def test_a_process_that_dies_is_a_failure_and_is_started_again() -> None:
    apart = Apart()
    async with reading(apart=apart) as reader:
        await reader.warm_up()
        assert apart.pid is not None
        os.kill(apart.pid, signal.SIGSTOP)
        work = asyncio.create_task(reader.read(Known(), asked(LONG), CARDS))
        await asyncio.sleep(0.05)
        os.kill(apart.pid, signal.SIGKILL)
        with pytest.raises(DetectorFailed, match="process that reads failed"):
            await work
        assert await reader.read(Known(), asked(LONG + CARD), CARDS) == Category.CARDS.bit
        assert (apart.starts, reader.state.failures) == (2, 1)


async def test_what_takes_too_long_is_a_failure_and_is_stopped() -> None:
    apart = Apart(timeout_s=0.3)
    async with reading(apart=apart) as reader:
        await reader.warm_up()
        first = apart.pid
        assert first is not None
        os.kill(first, signal.SIGSTOP)
        with pytest.raises(DetectorFailed, match=r"longer than 0\.3 s"):
            await reader.read(Known(), asked(LONG), CARDS)
        assert apart.pid is None
        with pytest.raises(ProcessLookupError):
            os.kill(first, 0)


async def test_a_process_that_can_not_start_is_a_failure(tmp_path: Path) -> None:
    async with reading(apart=Apart(module="laird.privacy.no_such_module")) as reader:
        with pytest.raises(DetectorFailed):
            await reader.warm_up()
        with pytest.raises(DetectorFailed):
            await reader.read(Known(), asked(LONG), CARDS)


async def test_a_text_that_can_not_be_read_is_a_failure() -> None:
    async with reading() as reader:
        with pytest.raises(DetectorFailed, match="TypeError"):
            await reader.read(Known(), {"model": object()}, CARDS)
        assert reader.state.failures == 1


def test_the_process_tells_what_went_wrong_and_not_of_what() -> None:
    assert b"secret" not in answer_to(b"secret garbage")
    assert b"DecodeError" in answer_to(b"\xc1")
