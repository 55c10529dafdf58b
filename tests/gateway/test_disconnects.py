"""A client that goes away stops the upstream within a second, and its row is written."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from tests.support import openai_wire
from tests.support.answers import Answer, json_answer, sse_answer
from tests.support.chat_upstream import chats
from tests.support.documents import document, pair, provider
from tests.support.gates import Gate
from tests.support.laird import RunningLaird, running_laird
from tests.support.upstream import ScriptedUpstream
from tests.support.waiting import MACHINE_S, until

STREAM = sse_answer(openai_wire.STREAM)
STAGES = {
    "before the head": (json_answer(openai_wire.COMPLETION).stalled(byte=0), False),
    "in the head": (json_answer(openai_wire.COMPLETION).stalled(byte=15), False),
    "in the body": (json_answer(openai_wire.COMPLETION).stalled(byte=200), False),
    "before the stream's head": (STREAM.stalled(byte=0), True),
    "before the first content": (STREAM.stalled(at=1), True),
    "in the text": (STREAM.stalled(at=3), True),
    "after the finish": (STREAM.stalled(at=5), True),
}


async def nothing_under_way(laird: RunningLaird) -> None:
    await until(lambda: not laird.program.gateway.active)


@pytest.mark.parametrize(("answer", "stream"), STAGES.values(), ids=STAGES)
async def test_leaving_stops_the_upstream_and_is_in_the_ledger(
    answer: Answer, stream: bool, first: ScriptedUpstream, tmp_path: Path
) -> None:
    first.always(answer)
    text = document(provider("a", first.url, maxConcurrent=1))
    async with running_laird(tmp_path, text) as laird:
        exchange = await laird.client().begin_chat("a/m", stream=stream)
        await first.wait_for(lambda: chats(first))
        if stream and answer.stop_at_chunk is not None and answer.stop_at_chunk >= 3:
            await exchange.head()
            await exchange.until(b"Hel")
        left = time.monotonic()
        exchange.leave()
        assert await first.client_gone() - left < 1 + MACHINE_S
        await nothing_under_way(laird)
        assert laird.program.gateway.active_at("a") == 0

        rows = await laird.rows()
        assert [row["status"] for row in rows] == ["cancelled"]
        assert rows[0]["estimated"]
        assert rows[0]["prompt_tokens"] > 0


async def test_leaving_the_queue_costs_nothing_and_disturbs_nobody(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    gate = Gate()
    first.script(json_answer(openai_wire.COMPLETION).held(gate))
    text = document(provider("a", first.url, maxConcurrent=1))
    async with running_laird(tmp_path, text) as laird:
        running = await laird.client().begin_chat("a/m")
        await first.wait_for(lambda: chats(first))
        waiting = await laird.client().begin_chat("a/m")
        await until(lambda: laird.program.gateway.active >= 2)
        waiting.leave()
        await until(lambda: laird.program.gateway.active <= 1)
        gate.open()
        await running.head()
        assert running.status == 200
        assert len(chats(first)) == 1
        assert len(await laird.rows()) == 1


async def test_leaving_between_two_tries_ends_the_tries(
    first: ScriptedUpstream, second: ScriptedUpstream, tmp_path: Path
) -> None:
    async with running_laird(tmp_path, pair(first, second, retries=3)) as laird:
        await laird.admin("GET", "/api/system")
        from_a = STREAM.cut(at=1)
        first.always(from_a)
        exchange = await laird.client().begin_chat("a/m", stream=True)
        await first.wait_for(lambda: chats(first))
        exchange.leave()
        await nothing_under_way(laird)
        assert len(chats(first)) == 1
