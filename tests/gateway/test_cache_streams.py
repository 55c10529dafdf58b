"""Streams from the cache, and requests that wait for one another."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.support import openai_wire
from tests.support.answers import Answer, error_event, failing, json_answer, sse_answer
from tests.support.chat_upstream import chats
from tests.support.client import Reply, events_of, text_of
from tests.support.documents import document, pair, provider
from tests.support.gates import Gate
from tests.support.laird import RunningLaird, running_laird
from tests.support.upstream import ScriptedUpstream
from tests.support.waiting import until

from laird.cache.store import Entry, ResponseCache
from laird.dialects.openai_chat import OpenAIChat
from laird.domain.errors import UsageUnavailable
from laird.domain.keys import ApiKey, Caller
from laird.domain.plan import RequestFacts
from laird.gateway.call import Call, Trace
from laird.gateway.playback import Playback
from laird.limits.rates import Rates
from laird.telemetry.metrics import Metrics
from laird.usage.journal import Journal

USE = {"x-laird-cache": "use"}
STREAM = sse_answer(openai_wire.STREAM)
PRICED = "[{id: m, pricing: {input: 10, output: 100}}]"
ONE_TRY = "chains:\n  - id: one\n    models:\n      - {providerId: a, modelId: m, maxRetries: 0}\n"


def mark(reply: Reply) -> str:
    return reply.headers["x-laird-cache"]


def waiting(laird: RunningLaird, count: int) -> bool:
    """Tell whether so many requests of clients are under way at the edge."""
    tasks = [each for each in asyncio.all_tasks() if "Cycle.run" in repr(each.get_coro())]
    return len(tasks) >= count and laird.program.gateway.active == 1


async def test_a_stream_is_given_again_byte_for_byte_but_for_what_it_cost(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    first.always(STREAM)
    text = document(provider("a", first.url, models=PRICED))
    async with running_laird(tmp_path, text) as laird:
        client = laird.client()
        miss = await client.chat("m", headers=USE, stream=True)
        hit = await client.chat("m", headers=USE, stream=True)
        rows = await laird.rows()
    assert (mark(miss), mark(hit)) == ("miss", "hit")
    assert hit.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert len(chats(first)) == 1
    assert text_of(hit.events()) == "Hello there."
    assert hit.events() == miss.events()
    receipt = next(line for line in miss.body.split(b"\n") if line.startswith(b": x-laird-cost"))
    assert hit.body == miss.body.replace(receipt, b": x-laird-cost-usd 0")
    assert [(row["cache_hit"], row["status"], row["stream"]) for row in rows] == [
        (False, "ok", True),
        (True, "ok", True),
    ]
    assert rows[1]["ttft_ms"] is not None


async def test_a_stream_of_anthropics_and_one_of_responses_end_as_they_should(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    first.always(STREAM)
    turn = [{"role": "user", "content": "Hello"}]
    asked: dict[str, dict[str, Any]] = {
        "/v1/messages": {"messages": turn, "max_tokens": 9},
        "/v1/responses": {"input": "Hello"},
    }
    async with running_laird(tmp_path, document(provider("a", first.url))) as laird:
        client = laird.client()
        for path, fields in asked.items():
            body = {"model": "m", "stream": True, **fields}
            miss, hit = [await client.request("POST", path, body, USE) for _ in range(2)]
            assert (mark(miss), mark(hit)) == ("miss", "hit")
            assert events_of(hit.body) == events_of(miss.body)


@pytest.mark.parametrize(
    "answer",
    [
        STREAM.cut(at=3),
        STREAM.reset(at=4),
        error_event(after=openai_wire.STREAM[:3]),
        sse_answer([*openai_wire.STREAM[:3], openai_wire.chunk({}, "content_filter")]),
    ],
    ids=["cut", "reset", "error", "filtered"],
)
async def test_a_stream_that_did_not_end_well_is_not_kept(
    answer: Answer, first: ScriptedUpstream, tmp_path: Path
) -> None:
    first.always(STREAM)
    async with running_laird(tmp_path, document(provider("a", first.url), rest=ONE_TRY)) as laird:
        first.script(answer)
        client = laird.client()
        await client.chat("one", headers=USE, stream=True)
        again = await client.chat("one", headers=USE, stream=True)
        entries = (await laird.admin("GET", "/api/cache"))["entries"]
        held = (await laird.admin("GET", "/api/cache"))["bytes"]
    assert mark(again) == "miss"
    assert text_of(again.events()) == "Hello there."
    assert entries == 1
    assert held < 5000


async def test_a_stream_whose_client_left_is_not_kept(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    first.always(STREAM.stalled(at=3))
    async with running_laird(tmp_path, document(provider("a", first.url))) as laird:
        exchange = await laird.client().begin_chat("m", USE, stream=True)
        await exchange.head()
        await exchange.until(b"Hel")
        exchange.leave()
        await until(lambda: not laird.program.gateway.active)
        stats = await laird.admin("GET", "/api/cache")
    assert (stats["entries"], stats["bytes"]) == (0, 0)


async def test_a_stream_that_another_provider_went_on_with_is_not_kept(
    first: ScriptedUpstream, second: ScriptedUpstream, tmp_path: Path
) -> None:
    first.always(STREAM.reset(at=3))
    second.always(STREAM)
    headers = {**USE, "x-laird-continue": "true"}
    async with running_laird(tmp_path, pair(first, second)) as laird:
        reply = await laird.client().chat("both", headers=headers, stream=True)
        stats = await laird.admin("GET", "/api/cache")
    assert text_of(reply.events()) == "Hello there."
    assert reply.events()[-1] == "[DONE]"
    assert stats["entries"] == 0


LARGE = 12 * 1024 * 1024


@pytest.fixture
def large(first: ScriptedUpstream) -> ScriptedUpstream:
    """An upstream that streams more than sockets hold."""
    first.always(sse_answer(openai_wire.stream(*["x" * 65_536] * (LARGE // 65_536))))
    return first


async def test_a_slow_client_gets_all_of_it_at_its_own_pace(
    large: ScriptedUpstream, tmp_path: Path
) -> None:
    text = document(provider("a", large.url), rest="cache: {maxEntryBytes: 32MiB}\n")
    async with running_laird(tmp_path, text) as laird:
        miss = await laird.client().chat("m", headers=USE, stream=True)
        exchange = await laird.client().begin_chat("m", USE, stream=True)
        await exchange.head()
        assert exchange.headers["x-laird-cache"] == "hit"
        # It has not read on: what is written for it waits for that.
        assert [row["cache_hit"] for row in await laird.rows()] == [False]
        assert await exchange.body() == miss.body
        assert [row["cache_hit"] for row in await laird.rows()] == [False, True]


async def test_leaving_in_the_middle_of_a_hit_is_in_the_ledger(
    large: ScriptedUpstream, tmp_path: Path
) -> None:
    text = document(provider("a", large.url), rest="cache: {maxEntryBytes: 32MiB}\n")
    async with running_laird(tmp_path, text) as laird:
        await laird.client().chat("m", headers=USE, stream=True)
        exchange = await laird.client().begin_chat("m", USE, stream=True)
        await exchange.head()
        exchange.leave()
        rows: list[dict[str, Any]] = []
        async with asyncio.timeout(20):
            while len(rows) < 2:
                rows = await laird.rows()
    assert (rows[1]["status"], rows[1]["cache_hit"]) == ("cancelled", True)
    assert (rows[1]["cost_nano"], rows[1]["completion_tokens"]) == (0, 0)


async def test_those_who_ask_the_same_at_once_wait_for_the_first(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    gate = Gate()
    first.always(json_answer(openai_wire.COMPLETION).held(gate))
    async with running_laird(tmp_path, document(provider("a", first.url))) as laird:
        client = laird.client()
        asking = [asyncio.create_task(client.chat("m", headers=USE)) for _ in range(5)]
        await first.wait_for(lambda: chats(first))
        await until(lambda: waiting(laird, 5))
        gate.open()
        replies = await asyncio.gather(*asking)
    assert sorted(mark(each) for each in replies) == ["hit"] * 4 + ["miss"]
    assert len(chats(first)) == 1
    assert len({each.body for each in replies}) == 1


async def test_when_the_first_one_fails_the_others_ask_for_themselves(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    gate = Gate()
    first.script(failing(500).held(gate))
    async with running_laird(tmp_path, document(provider("a", first.url), rest=ONE_TRY)) as laird:
        client = laird.client()
        asking = [asyncio.create_task(client.chat("one", headers=USE)) for _ in range(3)]
        await first.wait_for(lambda: chats(first))
        await until(lambda: waiting(laird, 3))
        gate.open()
        replies = await asyncio.gather(*asking)
    assert sorted(each.status for each in replies) == [200, 200, 502]
    assert [mark(each) for each in replies] == ["miss"] * 3
    assert len(chats(first)) == 3


async def test_when_the_first_one_leaves_the_others_ask_for_themselves(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    first.script(json_answer(openai_wire.COMPLETION).stalled(byte=0))
    async with running_laird(tmp_path, document(provider("a", first.url))) as laird:
        leader = await laird.client().begin_chat("m", USE)
        await first.wait_for(lambda: chats(first))
        other = asyncio.create_task(laird.client().chat("m", headers=USE))
        await until(lambda: waiting(laird, 2))
        leader.leave()
        reply = await other
    assert (reply.status, mark(reply)) == (200, "miss")


async def test_what_must_stay_local_does_not_wait_for_what_need_not(
    first: ScriptedUpstream, second: ScriptedUpstream, tmp_path: Path
) -> None:
    gate = Gate()
    first.always(json_answer(openai_wire.COMPLETION).held(gate))
    external = provider("a", first.url).replace("type: local", "type: external")
    rest = "".join(pair(first, second).partition("chains:")[1:])
    text = document(external, provider("b", second.url), rest=rest)
    async with running_laird(tmp_path, text) as laird:
        asking = asyncio.create_task(laird.client().chat("both", headers=USE))
        await first.wait_for(lambda: chats(first))
        local = await laird.client().chat("both", headers={**USE, "x-laird-privacy": "local"})
        gate.open()
        await asking
    assert (mark(local), local.headers["x-laird-provider"]) == ("miss", "b")


async def test_streams_do_not_wait_for_one_another(first: ScriptedUpstream, tmp_path: Path) -> None:
    gate = Gate()
    first.script(STREAM.held(gate, at=4), STREAM)
    async with running_laird(tmp_path, document(provider("a", first.url))) as laird:
        slow = await laird.client().begin_chat("m", USE, stream=True)
        await slow.head()
        other = await laird.client().begin_chat("m", USE, stream=True)
        await other.head()
        body = await other.body()
        gate.open()
        await slow.body()
    assert events_of(body)[-1] == "[DONE]"


class Heard:
    """A client that remembers what it was told."""

    def __init__(self) -> None:
        self.data = b""

    def answer(self, trace: Trace, body: bytes) -> None:
        del trace
        self.data = body

    async def begin(self, trace: Trace, first: bytes) -> None:
        del trace
        self.data = first

    def push(self, data: bytes) -> bool:
        self.data += data
        return True

    async def ready(self) -> None:
        raise AssertionError

    async def end(self, data: bytes) -> None:
        self.data += data


@pytest.mark.parametrize("stream", [True, False])
async def test_without_room_for_the_row_no_answer_looks_complete(
    stream: bool, tmp_path: Path
) -> None:
    journal = Journal(tmp_path / "journal")
    shutil.rmtree(tmp_path / "journal")
    cache = ResponseCache()
    playback = Playback(cache, Rates(), journal, Metrics())
    dialect = OpenAIChat()
    key = ApiKey(id="k", name="k", digest="", prefix="", created_us=0)
    call = Call(
        request_id="req_1",
        dialect=dialect,
        body={},
        facts=RequestFacts(model="m", stream=stream),
        caller=Caller(key=key),
        began=0.0,
    )
    entry = Entry(
        body=b"data: 1\n\n",
        tail=b"data: [DONE]\n\n",
        stream=stream,
        key_id="k",
        provider="a",
        model="m",
        upstream_model="m",
        external=False,
        stored_at=0.0,
        tokens=1,
        cost_nano=None,
    )
    client = Heard()
    if stream:
        await playback.give(entry, call, client, Trace("req_1"))
        assert b"[DONE]" not in client.data
        assert b"usage_unavailable" in client.data
    else:
        with pytest.raises(UsageUnavailable):
            await playback.give(entry, call, client, Trace("req_1"))
        assert client.data == b""
    journal.close()
