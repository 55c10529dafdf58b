"""What a stream of Gemini's means, however it comes, and that a broken one never looks whole."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.providers.contract import heard
from tests.providers.gemini.gemini_wire import (
    ADAPTER,
    call,
    error_body,
    event,
    only,
    piece,
    stream,
    stream_of,
)

from laird.domain import errors
from laird.domain.chat import (
    Finished,
    FinishReason,
    Logprobs,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    ToolCallStart,
    UsageSeen,
)
from laird.domain.tokens import TokenUsage

USAGE = {"promptTokenCount": 9, "candidatesTokenCount": 3, "totalTokenCount": 12}


def test_thoughts_text_and_calls() -> None:
    assert stream_of(
        piece({"text": "Hm.", "thought": True}),
        piece({"text": "I ", "thoughtSignature": "eA=="}, {"text": "look."}),
        piece(call("f", {"city": "Köln"}, signature="c2ln"), call("g", id="own")),
        piece({"text": ""}, finish="STOP", usageMetadata=USAGE),
    ) == [
        ReasoningDelta(text="Hm."),
        TextDelta("I "),
        TextDelta("look."),
        ToolCallStart(index=0, id="call_resp-1_0", name="f", signature="gemini:c2ln"),
        ToolCallDelta(index=0, arguments='{"city":"Köln"}'),
        ToolCallStart(index=1, id="own", name="g"),
        ToolCallDelta(index=1, arguments="{}"),
        UsageSeen(TokenUsage(prompt=9, completion=3)),
        Finished(FinishReason.TOOL_CALLS),
    ]


def test_the_same_ids_streamed_and_not() -> None:
    body = piece(call("f"), call("f"), finish="STOP")
    whole = [part.id for part in ADAPTER.read_answer(json.dumps(body).encode()).parts]  # type: ignore[union-attr]
    assert [start.id for start in only(stream_of(body), ToolCallStart)] == whole


def test_a_signature_of_thinking_is_passed_on() -> None:
    events = stream_of(
        piece({"text": "", "thought": True}),
        piece({"text": "", "thought": True, "thoughtSignature": "c2ln"}),
        piece({"text": "x"}, finish="STOP"),
    )
    assert only(events, ReasoningDelta) == [ReasoningDelta(signature="gemini:c2ln")]


def test_stop_on_every_piece_ends_nothing_by_itself() -> None:
    events = stream_of(
        piece({"text": "a"}, finish="STOP"),
        piece({"text": "b"}, finish="STOP"),
        piece(call("f"), finish="STOP"),
    )
    assert [type(each) for each in events] == [
        TextDelta,
        TextDelta,
        ToolCallStart,
        ToolCallDelta,
        Finished,
    ]
    assert events[-1] == Finished(FinishReason.TOOL_CALLS)


def test_a_piece_that_goes_on_takes_the_end_back() -> None:
    with pytest.raises(errors.UpstreamGarbled):
        stream_of(piece({"text": "a"}, finish="STOP"), piece({"text": "b"}))


def test_counts_after_the_end_do_not() -> None:
    events = stream_of(
        piece({"text": "a"}, finish="STOP"),
        {"usageMetadata": USAGE, "candidates": []},
        {"usageMetadata": USAGE, "candidates": [{"index": 0}]},
    )
    assert events[1:] == [
        UsageSeen(TokenUsage(prompt=9, completion=3)),
        Finished(FinishReason.STOP),
    ]


def test_counts_are_told_when_they_change() -> None:
    early = {"promptTokenCount": 9, "totalTokenCount": 9}
    events = stream_of(
        piece({"text": "a"}, usageMetadata=early),
        piece({"text": "b"}, usageMetadata=early),
        piece({"text": "c"}, finish="STOP", usageMetadata=USAGE),
    )
    assert [each.usage.completion for each in only(events, UsageSeen)] == [0, 3]


def test_a_blocked_prompt() -> None:
    assert stream_of({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": USAGE}) == [
        RefusalDelta("Google's filter stopped the prompt (SAFETY)."),
        UsageSeen(TokenUsage(prompt=9, completion=3)),
        Finished(FinishReason.CONTENT_FILTER),
    ]


def test_a_filter_in_the_middle() -> None:
    events = stream_of(
        piece({"text": "a"}),
        piece(finish="SAFETY", candidate={"finishMessage": "Too dangerous."}),
    )
    assert events[1:] == [
        RefusalDelta("Too dangerous."),
        Finished(FinishReason.CONTENT_FILTER),
    ]


def test_a_call_that_can_not_be_read_is_a_failure() -> None:
    with pytest.raises(errors.UpstreamFailed, match="MALFORMED_FUNCTION_CALL"):
        stream_of(piece({"text": "a"}), piece(finish="MALFORMED_FUNCTION_CALL"))


def test_log_probabilities_come_with_their_text() -> None:
    result = {"chosenCandidates": [{"token": "a", "logProbability": -1.0}]}
    events = stream_of(
        piece({"text": "a"}, candidate={"logprobsResult": result}),
        piece({"text": "b"}, finish="STOP", candidate={"logprobsResult": {}}),
    )
    assert only(events, Logprobs) == [Logprobs((TokenLogprob(token="a", logprob=-1.0),))]


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n"])
@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize("as_list", [False, True])
def test_an_error_as_plain_json_between_events_is_found(
    end: bytes, size: int, as_list: bool
) -> None:
    body: Any = error_body(503, "UNAVAILABLE", "The model is overloaded.")
    plain = json.dumps([body] if as_list else body, indent=2).encode()
    for before in (b"", event(piece({"text": "a"}, finish="STOP"))):
        data = before.replace(b"\r\n\r\n", end) + plain + b"\n"
        with pytest.raises(errors.UpstreamFailed, match="overloaded"):
            stream(*(data[i : i + size] for i in range(0, len(data), size)))


def test_an_error_event_says_what_its_code_means() -> None:
    body = error_body(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted.")
    with pytest.raises(errors.UpstreamRateLimited):
        stream_of(piece({"text": "a"}), body)
    with pytest.raises(errors.UpstreamFailed):
        stream_of({"error": {"message": "What?"}})


def test_an_image_has_no_place_in_a_chat_answer() -> None:
    with pytest.raises(errors.UpstreamGarbled, match="image/png"):
        stream_of(piece({"inlineData": {"mimeType": "image/png", "data": "AAAA"}}, finish="STOP"))


def test_there_is_no_end_marker_to_wait_for() -> None:
    reader = ADAPTER.event_reader()
    reader.feed(event(piece({"text": "a"}, finish="STOP")))
    assert reader.done is False
    assert reader.end() == [Finished(FinishReason.STOP)]


def test_noise_after_the_last_event_is_kept_within_bounds() -> None:
    reader = ADAPTER.event_reader()
    for _ in range(100):
        reader.feed(b": keep-alive" * 1000)
    with pytest.raises(errors.UpstreamGarbled):
        reader.end()


PIECES = (
    piece({"text": "Grüße \N{SNOWMAN} \u2028"}),
    piece({"text": "Hm.", "thought": True}),
    piece(call("f", {"city": "Ål", "quote": '"\\'}, signature="c2ln")),
    piece(call("g", {"n": 1})),
    piece({"text": ""}, finish="STOP", usageMetadata=USAGE),
)


def test_a_cut_at_every_byte_never_looks_complete() -> None:
    data = b"".join(event(each) for each in PIECES)
    for kept in range(len(data) - 3):
        with pytest.raises(errors.UpstreamGarbled):
            stream(data[:kept])


@settings(max_examples=50, deadline=None)
@given(cuts=st.lists(st.integers(0, 1200), max_size=12))
def test_it_does_not_matter_how_the_network_cuts(cuts: list[int]) -> None:
    data = b"".join(event(each) for each in PIECES)
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    segments = [data[a:b] for a, b in pairwise(places)]
    assert heard(stream(*segments)) == heard(stream_of(*PIECES))
