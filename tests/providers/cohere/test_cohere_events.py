"""Streamed answers of Cohere's chat, as the API sends them and as it might."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from cohere import AsyncClientV2, ChatMessageV2, UserChatMessageV2
from tests.providers.cohere.cohere_wire import (
    SECRET,
    call_end,
    call_piece,
    call_start,
    citation,
    content,
    content_end,
    content_start,
    end,
    event,
    plan,
    provider,
    raw_event,
    start,
)
from tests.providers.contract import heard
from tests.support.upstream import ScriptedUpstream, sse_answer

from laird.domain.chat import (
    FinishReason,
    Logprobs,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    ToolCallStart,
    UsageSeen,
)
from laird.domain.errors import UpstreamFailed, UpstreamGarbled, UpstreamRejected
from laird.domain.tokens import TokenUsage
from laird.providers.cohere.adapter import CohereAdapter

ADAPTER = CohereAdapter(provider())
COUNTS: dict[str, Any] = {
    "usage": {
        "billed_units": {"input_tokens": 17, "output_tokens": 19},
        "tokens": {"input_tokens": 1434, "output_tokens": 48},
        "cached_tokens": 12,
    }
}
AGENT = [
    start(),
    content_start(0, "thinking"),
    content(0, thinking="Two "),
    content(0, thinking="cities."),
    content_end(0),
    plan("I look "),
    plan("twice."),
    call_start(1, "get_weather_0", "get_weather"),
    call_piece(1, '{"ci'),
    call_piece(1, 'ty": "K\\u00f6ln"}'),
    call_end(1),
    call_start(2, "get_time_1", "get_time"),
    call_end(2),
    *citation(0, "Two"),
    end("TOOL_CALL", **COUNTS),
]


def events_of(*wire: bytes) -> list[StreamEvent]:
    reader = ADAPTER.event_reader()
    events = [item for piece in wire for item in reader.feed(piece)]
    assert reader.done
    return events + reader.end()


def test_thinking_plan_and_calls() -> None:
    whole = heard(events_of(*AGENT))
    assert whole.thinking == "Two cities."
    assert whole.text == "I look twice."
    assert whole.calls == (
        ("get_weather_0", "get_weather", {"city": "Köln"}),
        ("get_time_1", "get_time", {}),
    )
    assert whole.finish is FinishReason.TOOL_CALLS
    assert whole.usage == TokenUsage(prompt=17, completion=19, cached=12)


def test_calls_are_counted_from_0_whatever_their_index() -> None:
    starts = [item for item in events_of(*AGENT) if isinstance(item, ToolCallStart)]
    assert [(item.index, item.id) for item in starts] == [(0, "get_weather_0"), (1, "get_time_1")]


async def test_the_official_client_reads_the_same() -> None:
    """What the SDK makes of the stream is what ours makes of it."""
    text = thinking = planned = ""
    calls: list[list[str]] = []
    finish: Any = None
    usage: Any = None
    async with ScriptedUpstream() as upstream, httpx.AsyncClient() as http:
        upstream.script(sse_answer(AGENT))
        client = AsyncClientV2(api_key=SECRET, base_url=upstream.url, httpx_client=http)
        asked: list[ChatMessageV2] = [UserChatMessageV2(content="?")]
        item: Any
        async for item in client.chat_stream(model="m", messages=asked):
            match item.type:
                case "content-delta":
                    thinking += item.delta.message.content.thinking or ""
                    text += item.delta.message.content.text or ""
                case "tool-plan-delta":
                    planned += item.delta.message.tool_plan or ""
                case "tool-call-start":
                    call = item.delta.message.tool_calls
                    calls.append([call.id, call.function.name, call.function.arguments])
                case "tool-call-delta":
                    calls[-1][2] += item.delta.message.tool_calls.function.arguments
                case "message-end":
                    finish, usage = item.delta.finish_reason, item.delta.usage
    whole = heard(events_of(*AGENT))
    assert (whole.thinking, whole.text) == (thinking, text + planned)
    assert [(one[0], one[1], json.loads(one[2] or "{}")) for one in calls] == list(whole.calls)
    assert finish == "TOOL_CALL"
    assert whole.usage is not None
    assert whole.usage.prompt == usage.billed_units.input_tokens


def test_log_probabilities_come_with_their_text() -> None:
    piece = {
        "type": "content-delta",
        "index": 0,
        "delta": {"message": {"content": {"text": "Hi"}}},
        "logprobs": {"text": "Hi", "token_ids": [1, 2], "logprobs": [-0.5, -1.0]},
    }
    assert events_of(start(), event(piece), end())[:2] == [
        TextDelta("Hi"),
        Logprobs((TokenLogprob(token="Hi", logprob=-1.5),)),
    ]


def test_the_first_piece_may_be_in_the_start() -> None:
    thinking = {"message": {"content": {"type": "thinking", "thinking": "Hm"}}}
    begun = event({"type": "content-start", "index": 0, "delta": thinking})
    events = events_of(
        start(), begun, call_start(0, "c1", "f", '{"a"'), call_piece(0, ":1}"), end()
    )
    assert events[0] == ReasoningDelta(text="Hm")
    assert events[1:4] == [
        ToolCallStart(index=0, id="c1", name="f"),
        ToolCallDelta(index=0, arguments='{"a"'),
        ToolCallDelta(index=0, arguments=":1}"),
    ]


def test_calls_in_lists_and_without_an_index() -> None:
    def call(kind: str, **fields: object) -> bytes:
        return raw_event({"type": kind, "delta": {"message": {"tool_calls": [fields]}}})

    whole = heard(
        events_of(
            call("tool-call-start", function={"name": "f"}),
            call("tool-call-delta", function={"arguments": '{"a": 1}'}),
            call("tool-call-start", id="c2", function={"name": "g", "arguments": None}),
            call("tool-call-delta"),
            raw_event({"type": "tool-call-end"}),
            end("TOOL_CALL"),
        )
    )
    assert whole.calls == (("call_0", "f", {"a": 1}), ("c2", "g", {}))


def test_a_call_that_is_never_closed_has_arguments_nevertheless() -> None:
    assert heard(events_of(call_start(0, "c", "f"), end("COMPLETE"))).calls == (("c", "f", {}),)


def test_what_is_not_known_is_passed_over() -> None:
    whole = heard(
        events_of(
            raw_event({"type": "brand-new", "delta": {"message": {"sound": 1}}}),
            raw_event({"type": "content-delta", "delta": {}}),
            raw_event(
                {"type": "content-delta", "delta": {"message": {"content": [{"text": "a"}]}}}
            ),
            raw_event({"type": "tool-plan-delta"}),
            raw_event({"type": "tool-call-delta", "index": 7}),
            raw_event({"type": "tool-call-end", "index": 7}),
            call_piece(9, "lost"),
            b"data: \n\n",
            end("GROWN_TIRED"),
            b"data: [DONE]\n\n",
            content(0, text="too late"),
        )
    )
    assert (whole.text, whole.finish, whole.usage) == ("a", FinishReason.STOP, None)


def test_counts_come_before_the_finish() -> None:
    assert isinstance(events_of(start(), end(**COUNTS))[0], UsageSeen)


@pytest.mark.parametrize(
    ("last", "told"),
    [
        (end("ERROR"), "something went wrong"),
        (end("TIMEOUT"), "too long"),
        (end("ERROR", error=f"the model {SECRET} fell over"), "fell over"),
        (end(None, error="it fell over"), "fell over"),
        (end("COMPLETE", error="it fell over"), "fell over"),
        (raw_event({"message": "it fell over", "id": "x"}), "fell over"),
        (raw_event({"type": "error", "message": "it fell over"}), "fell over"),
    ],
)
def test_an_answer_that_was_given_up_is_an_error(last: bytes, told: str) -> None:
    reader = ADAPTER.event_reader()
    reader.feed(start() + content(0, text="half an ans"))
    with pytest.raises(UpstreamFailed, match=told) as caught:
        reader.feed(last)
    assert SECRET not in caught.value.message
    with pytest.raises(UpstreamGarbled):
        reader.end()


def test_an_error_in_a_stream_that_a_change_would_cure() -> None:
    with pytest.raises(UpstreamRejected) as caught:
        ADAPTER.event_reader().feed(
            end("ERROR", error="too many tokens: total number of tokens in the prompt is 9")
        )
    assert caught.value.upstream_code == "context_length_exceeded"


def test_an_error_in_place_of_a_stream() -> None:
    reader = ADAPTER.event_reader()
    for piece in (b'{"message": "all ', b'is lost", "id": "1"}'):
        assert reader.feed(piece) == []
    with pytest.raises(UpstreamFailed, match="all is lost"):
        reader.end()


def test_an_end_without_a_reason() -> None:
    with pytest.raises(UpstreamGarbled, match="finish reason"):
        ADAPTER.event_reader().feed(end(None))


def test_every_cut_of_every_byte_is_noticed() -> None:
    whole = b"".join(AGENT)
    last = whole.rindex(b"\n\n") + 2
    for place in range(0, len(whole) + 1, 7):
        reader = ADAPTER.event_reader()
        reader.feed(whole[:place])
        assert not reader.done or place >= last
        if place < last:
            with pytest.raises(UpstreamGarbled):
                reader.end()


@pytest.mark.parametrize("data", [b"data: {broken\n\n", b"data: []\n\n", b'data: {"type": 5}\n\n'])
def test_what_is_no_event_is_garbled(data: bytes) -> None:
    with pytest.raises(UpstreamGarbled, match="stream event"):
        ADAPTER.event_reader().feed(data)
