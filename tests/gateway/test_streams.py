"""Streams never lie: what looks complete is complete, and nothing is said twice."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from tests.support import openai_wire
from tests.support.answers import Answer, bytewise, error_event, sse_answer
from tests.support.chat_upstream import chats
from tests.support.client import Reply, text_of
from tests.support.documents import document, pair, provider
from tests.support.laird import running_laird
from tests.support.upstream import ScriptedUpstream
from tests.support.waiting import MACHINE_S

TEXT = "Hello there."
CHUNKS = openai_wire.STREAM
CUTS = [
    (way, at) for way in ("cut", "reset") for at in range(len(CHUNKS) + 1)
]  # before each chunk, and before the mark that ends the body


def broken(answer: Answer, way: str, at: int) -> Answer:
    return answer.cut(at=at) if way == "cut" else answer.reset(at=at)


def looks_complete(events: list[Any]) -> bool:
    """Tell whether a client would take this for a whole answer."""
    finished = any(
        choice.get("finish_reason")
        for event in events
        if event != "[DONE]"
        for choice in event.get("choices", [])
    )
    return finished or "[DONE]" in events


@pytest.mark.parametrize(("way", "at"), CUTS)
async def test_a_cut_at_any_chunk_never_looks_complete(
    way: str, at: int, first: ScriptedUpstream, tmp_path: Path
) -> None:
    first.always(broken(sse_answer(CHUNKS).paced(0.01), way, at))
    text = document(provider("a", first.url), rest=ONE_TRY)
    async with running_laird(tmp_path, text) as laird:
        reply = await laird.client().chat("one", stream=True)
        rows = await laird.rows()

        if at == len(CHUNKS):  # [DONE] had come: only the mark of the body's end is missing
            assert text_of(reply.events()) == TEXT
            assert rows[-1]["status"] == "ok"
        elif reply.status != 200:  # nothing had been said, so it is a plain error
            assert at < 2
            assert rows[-1]["status"] == "error"
        else:
            events = reply.events()
            assert not looks_complete(events)
            assert events[-1]["error"]["code"] == "provider_error"
            assert TEXT.startswith(text_of(events[:-1]))
            assert rows[-1]["status"] == "cut"
            assert rows[-1]["completion_tokens"] > 0


ONE_TRY = "chains:\n  - id: one\n    models:\n      - {providerId: a, modelId: m, maxRetries: 0}\n"


@pytest.mark.parametrize("at", range(len(CHUNKS)))
async def test_with_a_second_candidate_text_is_whole_or_cut_but_never_doubled(
    at: int, first: ScriptedUpstream, second: ScriptedUpstream, tmp_path: Path
) -> None:
    first.always(sse_answer(CHUNKS).reset(at=at))
    second.always(sse_answer(CHUNKS))
    async with running_laird(tmp_path, pair(first, second)) as laird:
        reply = await laird.client().chat("both", stream=True)
        events = reply.events()
        text = text_of([event for event in events if "error" not in event])
        if looks_complete(events):
            assert text == TEXT
        else:
            assert TEXT.startswith(text)


async def test_a_whole_stream_arrives_byte_by_byte_and_says_who_served_it(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    first.always(bytewise(sse_answer(CHUNKS)))
    async with running_laird(tmp_path, document(provider("a", first.url))) as laird:
        reply = await laird.client().chat("a/m", stream=True)
        events = reply.events()
        assert text_of(events) == TEXT
        assert events[-1] == "[DONE]"
        assert all(event["provider"] == "a" for event in events[:-1])
        assert not any(event.get("usage") for event in events[:-1])
        rows = await laird.rows()
        assert (rows[0]["prompt_tokens"], rows[0]["completion_tokens"]) == (9, 3)
        assert not rows[0]["estimated"]
        assert rows[0]["ttft_ms"] <= rows[0]["latency_ms"]


async def test_usage_is_asked_for_always_and_passed_on_when_the_client_wants_it(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    first.always(sse_answer(CHUNKS))
    async with running_laird(tmp_path, document(provider("a", first.url))) as laird:
        options = {"include_usage": True}
        reply = await laird.client().chat("a/m", stream=True, stream_options=options)
        usage = [event["usage"] for event in reply.events()[:-1] if event.get("usage")]
        assert usage == [openai_wire.USAGE]
        assert chats(first)[0].json()["stream_options"] == {"include_usage": True}


async def test_a_provider_without_counts_gets_estimated_ones(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    first.always(sse_answer(openai_wire.stream("Hello", " there.", usage=False)))
    async with running_laird(tmp_path, document(provider("a", first.url))) as laird:
        await laird.client().chat("a/m", stream=True)
        row = (await laird.rows())[0]
        assert row["estimated"]
        assert row["completion_tokens"] == 3


async def test_an_error_event_after_content_reaches_the_client_as_one(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    first.always(error_event("the model crashed", after=CHUNKS[:3]).paced(0.01))
    async with running_laird(tmp_path, document(provider("a", first.url))) as laird:
        events = (await laird.client().chat("a/m", stream=True)).events()
        assert "the model crashed" in events[-1]["error"]["message"]
        assert not looks_complete(events)


async def test_an_idle_stall_ends_in_time(first: ScriptedUpstream, tmp_path: Path) -> None:
    first.always(sse_answer(CHUNKS).stalled(at=3))
    text = document(provider("a", first.url, timeouts="{idle: 0.5}"))
    async with running_laird(tmp_path, text) as laird:
        began = time.monotonic()
        events = (await laird.client().chat("a/m", stream=True)).events()
        assert 0.4 < time.monotonic() - began < 1.5 + MACHINE_S
        assert events[-1]["error"]["code"] == "provider_timeout"
        await first.client_gone()


async def test_an_open_body_after_the_end_mark_is_not_waited_for(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    first.always(sse_answer(CHUNKS).stalled())
    async with running_laird(tmp_path, document(provider("a", first.url))) as laird:
        began = time.monotonic()
        reply = await laird.client().chat("a/m", stream=True)
        assert time.monotonic() - began < 1 + MACHINE_S
        assert reply.events()[-1] == "[DONE]"


async def test_an_empty_answer_that_ended_well_is_passed_on(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    first.always(sse_answer(openai_wire.stream()))
    async with running_laird(tmp_path, document(provider("a", first.url))) as laird:
        reply = await laird.client().chat("a/m", stream=True)
        assert reply.status == 200
        assert reply.events()[-1] == "[DONE]"


async def test_a_client_that_does_not_read_slows_the_upstream_down(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    piece = openai_wire.chunk({"content": "x" * 60_000})
    first.always(sse_answer([*CHUNKS[:2], *([piece] * 1000), *CHUNKS[-3:]]))
    async with running_laird(tmp_path, document(provider("a", first.url))) as laird:
        exchange = await laird.client().begin_chat("a/m", stream=True)
        await exchange.head()
        seen = -1
        while seen != first.bytes_sent:  # until nothing moves any more
            seen = first.bytes_sent
            await asyncio.sleep(0.3)
        assert seen < 40_000_000
        body = await exchange.body()
        assert text_of(Reply(200, {}, body).events()).count("x") == 60_000_000


# Going on with a cut stream, where the client asked for it


ON = {"x-laird-continue": "true"}


async def test_prose_goes_on_with_the_next_candidate_without_repeating(
    first: ScriptedUpstream, second: ScriptedUpstream, tmp_path: Path
) -> None:
    first.always(sse_answer(CHUNKS).cut(at=3))
    second.always(sse_answer(openai_wire.stream("the", "re.")))
    async with running_laird(tmp_path, pair(first, second)) as laird:
        reply = await laird.client().chat("both", stream=True, headers=ON)
        events = reply.events()
        assert text_of(events) == TEXT
        assert events[-1] == "[DONE]"
        sent = chats(second)[0].json()["messages"]
        assert sent[-1] == {"role": "assistant", "content": "Hello "}
        rows = await laird.rows()
        assert [row["status"] for row in rows] == ["cut", "ok"]


@pytest.mark.parametrize("pieces", [("Hello there.",), ("Hel", "lo ", "there.")])
async def test_a_candidate_that_starts_anew_is_heard_from_where_the_other_stopped(
    pieces: tuple[str, ...], first: ScriptedUpstream, second: ScriptedUpstream, tmp_path: Path
) -> None:
    first.always(sse_answer(CHUNKS).cut(at=3))
    second.always(sse_answer(openai_wire.stream(*pieces)))
    async with running_laird(tmp_path, pair(first, second)) as laird:
        reply = await laird.client().chat("both", stream=True, headers=ON)
        assert text_of(reply.events()) == TEXT


async def test_a_tool_call_is_never_continued(
    first: ScriptedUpstream, second: ScriptedUpstream, tmp_path: Path
) -> None:
    first.always(sse_answer(openai_wire.tool_call_stream()).cut(at=4))
    second.always(sse_answer(CHUNKS))
    async with running_laird(tmp_path, pair(first, second)) as laird:
        events = (await laird.client().chat("both", stream=True, headers=ON)).events()
        assert not looks_complete(events)
        assert "error" in events[-1]
        assert not chats(second)


async def test_a_tool_call_does_not_continue_prose(
    first: ScriptedUpstream, second: ScriptedUpstream, tmp_path: Path
) -> None:
    first.always(sse_answer(CHUNKS).cut(at=3))
    second.always(sse_answer(openai_wire.tool_call_stream()))
    async with running_laird(tmp_path, pair(first, second)) as laird:
        events = (await laird.client().chat("both", stream=True, headers=ON)).events()
        assert not looks_complete(events)
        assert "error" in events[-1]


async def test_when_nobody_can_go_on_the_stream_ends_with_an_error(
    first: ScriptedUpstream, second: ScriptedUpstream, tmp_path: Path
) -> None:
    first.always(sse_answer(CHUNKS).cut(at=3))
    second.always(sse_answer([]))
    async with running_laird(tmp_path, pair(first, second)) as laird:
        events = (await laird.client().chat("both", stream=True, headers=ON)).events()
        assert text_of(events[:-1]) == "Hello "
        assert not looks_complete(events)
        assert "error" in events[-1]
