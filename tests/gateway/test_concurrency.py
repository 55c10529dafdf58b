"""A provider never gets more at once than it can take; who waits is served in order."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.support import openai_wire
from tests.support.answers import json_answer, sse_answer
from tests.support.chat_upstream import chats
from tests.support.documents import chain, document, provider
from tests.support.gates import Gate
from tests.support.laird import running_laird
from tests.support.upstream import ScriptedUpstream
from tests.support.waiting import until

from laird.keys.draft import KeyDraft


async def test_one_at_a_time_under_fifty_clients_agents_first(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    gate = Gate()
    first.script(json_answer(openai_wire.COMPLETION).held(gate))
    text = document(provider("a", first.url, maxConcurrent=1))
    async with running_laird(tmp_path, text) as laird:
        agent_key = await laird.make_key(KeyDraft(name="agent-smith"))
        agent = laird.client(agent_key)
        person = laird.client()
        holding = asyncio.create_task(person.chat("a/m", "first"))
        await first.wait_for(lambda: chats(first))
        people = [asyncio.create_task(person.chat("a/m", "person")) for _ in range(25)]
        agents = [asyncio.create_task(agent.chat("a/m", "agent")) for _ in range(24)]
        await until(lambda: laird.program.gateway.active >= 50)
        gate.open()
        replies = await asyncio.gather(holding, *people, *agents)

        assert [reply.status for reply in replies] == [200] * 50
        said = [one.json()["messages"][0]["content"] for one in chats(first)]
        assert said == ["first", *["agent"] * 24, *["person"] * 25]
        assert max_chats_at_once(first) == 1


def max_chats_at_once(upstream: ScriptedUpstream) -> int:
    """Probes aside: they are answered at once and come rarely."""
    return upstream.max_active


async def test_streams_hold_their_slot_to_their_end(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    gate = Gate()
    first.script(sse_answer(openai_wire.STREAM).held(gate, at=4))
    text = document(provider("a", first.url, maxConcurrent=1))
    async with running_laird(tmp_path, text) as laird:
        stream = await laird.client().begin_chat("a/m", stream=True)
        await stream.head()
        await stream.until(b"lo ")
        waiting = asyncio.create_task(laird.client().chat("a/m"))
        await until(lambda: laird.program.gateway.active >= 2)
        assert len(chats(first)) == 1
        gate.open()
        assert (await waiting).status == 200
        assert (await stream.body()).endswith(b"data: [DONE]\n\n")


async def test_a_full_provider_is_passed_by_for_a_free_one(
    first: ScriptedUpstream, second: ScriptedUpstream, tmp_path: Path
) -> None:
    gate = Gate()
    first.script(json_answer(openai_wire.COMPLETION).held(gate))
    text = document(
        provider("a", first.url, maxConcurrent=1),
        provider("b", second.url),
        rest=chain("both", "a/m", "b/m"),
    )
    async with running_laird(tmp_path, text) as laird:
        holding = asyncio.create_task(laird.client().chat("both"))
        await first.wait_for(lambda: chats(first))
        reply = await laird.client().chat("both")
        assert reply.headers["x-laird-provider"] == "b"
        gate.open()
        assert (await holding).headers["x-laird-provider"] == "a"


async def test_a_full_queue_is_said_at_once(first: ScriptedUpstream, tmp_path: Path) -> None:
    gate = Gate()
    first.script(json_answer(openai_wire.COMPLETION).held(gate))
    text = document(provider("a", first.url, maxConcurrent=1), rest="routing:\n  queueLength: 1\n")
    async with running_laird(tmp_path, text) as laird:
        client = laird.client()
        tasks = [asyncio.create_task(client.chat("a/m"))]
        await first.wait_for(lambda: chats(first))
        tasks.append(asyncio.create_task(client.chat("a/m")))
        await until(lambda: laird.program.gateway.active >= 2)
        refused = await client.chat("a/m")
        assert refused.status == 503
        assert refused.error["code"] == "provider_capacity_exceeded"
        assert int(refused.headers["retry-after"]) >= 1
        gate.open()
        assert [reply.status for reply in await asyncio.gather(*tasks)] == [200, 200]


async def test_ten_thousand_cancelled_requests_lose_no_slot(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    """Whole requests through the gateway, cancelled at every stage by leaving clients."""
    first.always(json_answer(openai_wire.COMPLETION).paced(0.0))
    text = document(provider("a", first.url, maxConcurrent=3))
    async with running_laird(tmp_path, text) as laird:
        client = laird.client()

        async def leave_after(turns: int) -> None:
            exchange = await client.begin_chat("a/m", stream=turns % 2 == 0)
            for _ in range(turns % 23):
                await asyncio.sleep(0)
            exchange.leave()

        for batch in range(10):
            await asyncio.gather(*(leave_after(batch * 7 + turn) for turn in range(50)))
        await until(lambda: not laird.program.gateway.active, within=60)
        assert laird.program.gateway.active_at("a") == 0
        replies = await asyncio.gather(*(client.chat("a/m") for _ in range(6)))
        assert [reply.status for reply in replies] == [200] * 6
        assert first.max_active <= 4  # three chats and a probe
