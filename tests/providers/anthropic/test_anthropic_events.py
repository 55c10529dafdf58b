"""Streamed answers of the Messages API, cut anywhere."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from anthropic.types import Message as SdkMessage
from anthropic.types import RawMessageStreamEvent
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter
from tests.providers.anthropic.anthropic_wire import (
    answer_body,
    collected,
    event,
    folded,
    provider,
    stream_of,
)

from laird.domain.chat import (
    Finished,
    FinishReason,
    ReasoningDelta,
    RefusalDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    UsageSeen,
)
from laird.domain.errors import (
    CredentialRefused,
    UpstreamError,
    UpstreamFailed,
    UpstreamGarbled,
    UpstreamQuota,
    UpstreamRateLimited,
    UpstreamRejected,
)
from laird.domain.tokens import TokenUsage
from laird.providers.anthropic.adapter import AnthropicAdapter

ADAPTER = AnthropicAdapter(provider())
RAW_EVENT: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)

USAGE = {
    "input_tokens": 10,
    "cache_creation_input_tokens": 5,
    "cache_read_input_tokens": 85,
    "output_tokens": 42,
    "output_tokens_details": {"thinking_tokens": 20},
}
RICH = answer_body(
    {"type": "thinking", "thinking": "Zwei Städte. 🌦", "signature": "sig=="},
    {"type": "redacted_thinking", "data": "opaque=="},
    {"type": "text", "text": "Ich sehe nach. 天气"},
    {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Köln"}},
    {"type": "tool_use", "id": "toolu_2", "name": "now", "input": {}},
    {"type": "tool_use", "id": "toolu_3", "name": "get_weather", "input": {"city": "巴黎"}},
    stop="tool_use",
    usage=USAGE,
)
"""Thinking, text and three parallel calls, one without arguments, with letters of many bytes."""


def read(*pieces: bytes) -> list[StreamEvent]:
    """Read a stream that arrives in these pieces, to its clean end."""
    reader = ADAPTER.event_reader()
    events = [item for piece in pieces for item in reader.feed(piece)]
    return events + reader.end()


def block(start: dict[str, Any], *deltas: dict[str, Any], index: int = 0) -> bytes:
    events = [{"type": "content_block_start", "index": index, "content_block": start}]
    events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
    events.append({"type": "content_block_stop", "index": index})
    return b"".join(map(event, events))


def finish(stop: str | None = "end_turn", **delta: Any) -> bytes:
    last = {"type": "message_delta", "delta": {"stop_reason": stop, **delta}}
    return event({**last, "usage": {"output_tokens": 5}}) + event({"type": "message_stop"})


def test_the_samples_are_of_the_sdks_types() -> None:
    SdkMessage.model_validate(RICH)
    for sample in stream_of(RICH, ping=False):
        RAW_EVENT.validate_json(sample.partition(b"data: ")[2])


def test_thinking_text_and_parallel_calls() -> None:
    whole = folded(read(*stream_of(RICH)))
    assert whole["thinking"] == "Zwei Städte. 🌦"
    assert whole["signatures"] == ["sig=="]
    assert whole["redacted"] == ["opaque=="]
    assert whole["text"] == "Ich sehe nach. 天气"
    assert whole["calls"] == [
        ("toolu_1", "get_weather", {"city": "Köln"}),
        ("toolu_2", "now", {}),
        ("toolu_3", "get_weather", {"city": "巴黎"}),
    ]
    assert whole["finish"] is FinishReason.TOOL_CALLS
    assert whole["usage"] == TokenUsage(
        prompt=100, completion=42, cached=85, cache_write=5, reasoning=20
    )


def test_the_exact_events_of_a_call() -> None:
    start = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}
    pieces = [{"type": "input_json_delta", "partial_json": p} for p in ("", '{"a"', ": 1}")]
    assert read(block(start, *pieces), finish("tool_use")) == [
        ToolCallStart(index=0, id="toolu_1", name="f"),
        ToolCallDelta(index=0, arguments='{"a"'),
        ToolCallDelta(index=0, arguments=": 1}"),
        UsageSeen(TokenUsage(completion=5)),
        Finished(FinishReason.TOOL_CALLS),
    ]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1000])
def test_the_network_may_cut_anywhere(size: int) -> None:
    data = b"".join(stream_of(RICH))
    pieces = [data[i : i + size] for i in range(0, len(data), size)]
    assert folded(read(*pieces)) == folded(read(data))


def test_every_single_cut_gives_the_same_events() -> None:
    data = b"".join(stream_of(RICH))
    whole = read(data)
    for at in range(1, len(data)):
        assert read(data[:at], data[at:]) == whole


def test_unusual_but_proper_lines() -> None:
    data = b"".join(stream_of(RICH))
    odd = b"\xef\xbb\xbf: hello\n\n" + data.replace(b"\ndata: ", b"\nid: 7\ndata:")
    odd = odd.replace(b"\n\n", b"\n\n: keep-alive\n\n").replace(b"\n", b"\r\n")
    assert read(odd) == read(data)
    assert read(*(odd[i : i + 1] for i in range(len(odd)))) == read(data)


def test_unusual_lines_among_usual_ones() -> None:
    first, *rest = stream_of(RICH)
    odd = b"".join(rest).replace(b"\ndata: ", b"\n: comment\ndata: ", 2)
    assert read(first, odd) == read(first, *rest)


def test_a_stream_cut_after_any_event_is_not_complete() -> None:
    events = stream_of(RICH)
    for count in range(len(events)):
        reader = ADAPTER.event_reader()
        seen = [item for piece in events[:count] for item in reader.feed(piece)]
        assert not any(isinstance(item, Finished) for item in seen)
        with pytest.raises(UpstreamGarbled, match="before the answer was complete"):
            reader.end()


def test_the_first_counts_are_an_estimate_and_the_last_ones_replace_them() -> None:
    start = {
        "input_tokens": 10,
        "cache_read_input_tokens": 7,
        "cache_creation_input_tokens": 2,
        "output_tokens": 1,
    }
    first = event({"type": "message_start", "message": answer_body(stop=None, usage=start)})
    seen = [item.usage for item in read(first, finish()) if isinstance(item, UsageSeen)]
    assert seen == [
        TokenUsage(prompt=19, completion=1, cached=7, cache_write=2, estimated=True),
        TokenUsage(prompt=19, completion=5, cached=7, cache_write=2),
    ]


def test_cumulative_counts_are_not_added_up() -> None:
    deltas = [
        event({"type": "message_delta", "delta": {}, "usage": {"output_tokens": n}}) for n in (3, 8)
    ]
    assert folded(read(*deltas, finish()))["usage"] == TokenUsage(completion=5)


def test_a_stream_without_counts_is_whole() -> None:
    events = read(
        block({"type": "text", "text": ""}, {"type": "text_delta", "text": "Hi"}),
        event({"type": "message_delta", "delta": {"stop_reason": "end_turn"}}),
        event({"type": "message_stop"}),
    )
    assert events == [TextDelta("Hi"), Finished(FinishReason.STOP)]


def test_text_that_stands_in_the_start_of_a_block_is_not_lost() -> None:
    events = read(
        block({"type": "text", "text": "Hel"}, {"type": "text_delta", "text": "lo"}),
        block({"type": "thinking", "thinking": "Hm", "signature": "s"}, index=1),
        block({"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}, index=2),
        finish(),
    )
    assert events[:4] == [
        TextDelta("Hel"),
        TextDelta("lo"),
        ReasoningDelta(text="Hm", signature="s"),
        ToolCallStart(index=0, id="t", name="f"),
    ]
    assert isinstance(events[4], ToolCallDelta)
    assert json.loads(events[4].arguments) == {"a": 1}


def test_a_call_whose_block_is_never_closed_still_has_its_arguments() -> None:
    start = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    opened = event({"type": "content_block_start", "index": 0, "content_block": start})
    assert folded(read(opened, finish("tool_use")))["calls"] == [("t", "f", {})]


def test_what_is_not_known_is_passed_over() -> None:
    events = read(
        event({"type": "ping"}),
        event({"type": "brand_new", "index": 3}),
        event({"type": "message_start"}),
        event({"type": "content_block_start", "index": 9}),
        event({"type": "content_block_delta", "index": 9}),
        block(
            {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
            {"type": "input_json_delta", "partial_json": '{"q": 1}'},
        ),
        block({"type": "web_search_tool_result", "tool_use_id": "s", "content": [{"a": 1}]}),
        block(
            {"type": "text", "text": ""},
            {"type": "citations_delta", "citation": {"type": "char_location"}},
            {"type": "text_delta", "text": ""},
            {"type": "text_delta", "text": "x"},
            {"type": "sparkle_delta", "sparkle": 1},
        ),
        block(
            {"type": "thinking", "thinking": "", "signature": ""},
            {"type": "thinking_delta", "thinking": ""},
            {"type": "signature_delta", "signature": ""},
        ),
        event({"type": "message_delta"}),
        finish(),
        b"data: [DONE]\n\n",
    )
    assert events == [
        TextDelta("x"),
        UsageSeen(TokenUsage(completion=5)),
        Finished(FinishReason.STOP),
    ]


def test_a_refusal_says_why() -> None:
    details = {"type": "refusal", "category": None, "explanation": "No."}
    events = read(finish("refusal", stop_details=details))
    assert events[-2:] == [RefusalDelta("No."), Finished(FinishReason.CONTENT_FILTER)]


@pytest.mark.parametrize(
    ("kind", "error", "status"),
    [
        ("overloaded_error", UpstreamFailed, 529),
        ("api_error", UpstreamFailed, 500),
        ("timeout_error", UpstreamFailed, 504),
        ("brand_new_error", UpstreamFailed, 500),
        ("rate_limit_error", UpstreamRateLimited, 429),
        ("billing_error", UpstreamQuota, 402),
        ("authentication_error", CredentialRefused, 401),
        ("invalid_request_error", UpstreamRejected, 400),
    ],
)
def test_an_error_after_status_200(kind: str, error: type[UpstreamError], status: int) -> None:
    reader = ADAPTER.event_reader()
    for piece in stream_of(RICH)[:6]:
        reader.feed(piece)
    body = {"type": "error", "error": {"type": kind, "message": f"no: {kind}"}}
    with pytest.raises(error) as caught:
        reader.feed(event(body))
    assert caught.value.status == status
    assert kind in caught.value.message
    with pytest.raises(UpstreamGarbled):
        reader.end()


def test_an_error_event_without_words_is_a_failure() -> None:
    with pytest.raises(UpstreamFailed):
        read(event({"type": "error"}))


def test_an_error_as_plain_json_where_a_stream_was_to_come() -> None:
    body = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
    with pytest.raises(UpstreamFailed, match="Overloaded") as caught:
        read(body[:30], body[30:])
    assert caught.value.status == 529


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b'{"type":"message"}',
        b"<html>nothing of the kind</html>\n\n",
        b"x" * 200_000,
        event({"type": "message_stop"}),
        event({"type": "message_delta", "delta": {"stop_reason": None}})
        + event({"type": "message_stop"}),
        b"event: ping\ndata: {broken\n\n",
        b"event: ping\ndata: []\n\n",
        b'event: ping\ndata: {"type": "\xff"}\n\n',
    ],
)
def test_anything_else_is_garbled(data: bytes) -> None:
    with pytest.raises(UpstreamGarbled, match=r"^claude "):
        read(*(data[i : i + 40_000] for i in range(0, len(data), 40_000)))


# --- the law: a streamed answer means what the same answer means when it comes whole -------------

words = st.text(max_size=20)
blocks = st.one_of(
    words.map(lambda t: {"type": "text", "text": t}),
    st.tuples(words, st.text(min_size=1, max_size=9)).map(
        lambda p: {"type": "thinking", "thinking": p[0], "signature": p[1]}
    ),
    st.text(min_size=1, max_size=9).map(lambda t: {"type": "redacted_thinking", "data": t}),
    st.tuples(words, st.dictionaries(words, st.integers() | words, max_size=3)).map(
        lambda p: {"type": "tool_use", "id": p[0], "name": "f", "input": p[1]}
    ),
)
answers = st.builds(
    lambda content, stop, tokens: answer_body(
        *content, stop=stop, usage={"input_tokens": tokens[0], "output_tokens": tokens[1]}
    ),
    st.lists(blocks, max_size=5),
    st.sampled_from(["end_turn", "max_tokens", "tool_use", "refusal"]),
    st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)),
)


@settings(max_examples=80, deadline=None)
@given(body=answers, cuts=st.lists(st.integers(0, 4000), max_size=6), every=st.integers(1, 5))
def test_streamed_or_whole_an_answer_is_the_same(
    body: dict[str, Any], cuts: list[int], every: int
) -> None:
    data = b"".join(
        stream_of(body, lambda t: [t[i : i + every] for i in range(0, len(t), every)] or [""])
    )
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[a:b] for a, b in pairwise(edges)]
    whole = ADAPTER.read_answer(json.dumps(body).encode())
    assert folded(read(*pieces)) == collected(whole)
