"""Streams of servers that count tool calls in their own way, or cut characters in two."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.openai_wire import DONE, USAGE, chunk, event

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
from laird.domain.errors import UpstreamFailed, UpstreamGarbled
from laird.providers.openai_events import OpenAIEvents, read_completion


def read(*pieces: bytes) -> list[StreamEvent]:
    reader = OpenAIEvents("box")
    return [event for piece in pieces for event in reader.feed(piece)]


def call(**fields: Any) -> bytes:
    names = {"name", "arguments"}
    function = {key: value for key, value in fields.items() if key in names}
    rest = {key: value for key, value in fields.items() if key not in names}
    return chunk({"tool_calls": [{**rest, "function": function}]})


STARTS = [ToolCallStart(index=0, id="a", name="f"), ToolCallStart(index=1, id="b", name="g")]


class TestToolCalls:
    def test_calls_told_apart_by_id_alone(self) -> None:
        events = read(
            call(index=0, id="a", name="f", arguments="{}"),
            call(index=0, id="b", name="g", arguments="[]"),
        )
        assert events == [
            STARTS[0],
            ToolCallDelta(index=0, arguments="{}"),
            STARTS[1],
            ToolCallDelta(index=1, arguments="[]"),
        ]

    def test_calls_without_any_index(self) -> None:
        events = read(
            call(id="a", name="f", arguments="{"),
            call(arguments="}"),
            call(id="b", name="g"),
        )
        assert events == [
            STARTS[0],
            ToolCallDelta(index=0, arguments="{"),
            ToolCallDelta(index=0, arguments="}"),
            STARTS[1],
        ]

    def test_calls_that_interleave(self) -> None:
        events = read(
            call(index=3, id="a", name="f"),
            call(index=7, id="b", name="g"),
            call(index=3, arguments="1"),
            call(index=7, arguments="2"),
        )
        assert events == [
            *STARTS,
            ToolCallDelta(index=0, arguments="1"),
            ToolCallDelta(index=1, arguments="2"),
        ]

    def test_a_repeated_id_and_name_begin_nothing_new(self) -> None:
        events = read(
            call(index=0, id="a", name="f"), call(index=0, id="a", name="f", arguments="1")
        )
        assert events == [STARTS[0], ToolCallDelta(index=0, arguments="1")]

    def test_arguments_before_the_name_wait_for_it(self) -> None:
        events = read(call(index=0, arguments="{"), call(index=0, id="a", name="f", arguments="}"))
        assert events == [STARTS[0], ToolCallDelta(index=0, arguments="{}")]

    def test_a_call_without_an_id_gets_one(self) -> None:
        assert read(call(index=0, name="f")) == [ToolCallStart(index=0, id="call_0", name="f")]

    def test_the_old_function_call(self) -> None:
        events = read(
            chunk({"function_call": {"name": "f", "arguments": ""}}),
            chunk({"function_call": {"arguments": "{}"}}),
            chunk({}, "function_call"),
        )
        assert events == [
            ToolCallStart(index=0, id="call_0", name="f"),
            ToolCallDelta(index=0, arguments="{}"),
            Finished(FinishReason.TOOL_CALLS),
        ]

    def test_stop_after_a_call_means_tool_calls(self) -> None:
        events = read(call(index=0, id="a", name="f"), chunk({}, "stop"))
        assert events[-1] == Finished(FinishReason.TOOL_CALLS)

    def test_a_call_without_a_function_says_nothing(self) -> None:
        assert read(chunk({"tool_calls": [{"index": 0, "id": "a"}]})) == []


class TestText:
    def test_half_an_emoji_waits_for_the_other_half(self) -> None:
        def half(code: bytes) -> bytes:
            return b'data: {"choices":[{"delta":{"content":"%s"}}]}\n\n' % code

        assert read(half(b"a\\ud83d"), half(b"\\ude00b")) == [TextDelta("a"), TextDelta("😀b")]
        assert read(half(b"\\ud83d"), half(b"x")) == [TextDelta("\ufffdx")]
        assert read(half(b"\\ude00")) == [TextDelta("\ufffd")]

    def test_thinking_by_either_name_and_refusals(self) -> None:
        assert read(
            chunk({"reasoning": "a"}),
            chunk({"reasoning_content": "b", "reasoning": "b"}),
            chunk({"refusal": "no"}),
        ) == [ReasoningDelta(text="a"), ReasoningDelta(text="b"), RefusalDelta("no")]

    def test_other_choices_than_the_first_are_not_mixed_in(self) -> None:
        other = {"index": 1, "delta": {"content": "x"}, "finish_reason": "stop"}
        assert read(chunk({}, choices=[other])) == []

    def test_only_one_finish(self) -> None:
        events = read(chunk({}, "length"), chunk({}, "stop"))
        assert events == [Finished(FinishReason.LENGTH)]

    def test_nothing_follows_done(self) -> None:
        reader = OpenAIEvents("box")
        seen = []
        for piece in (chunk({}, "stop"), DONE):
            reader.feed(piece)
            seen.append(reader.done)
        assert seen == [False, True]
        assert reader.feed(chunk({"content": "late"})) == []
        assert reader.end() == []

    def test_usage_of_each_chunk_is_told(self) -> None:
        events = read(chunk({"content": "a"}, usage=USAGE))
        assert isinstance(events[1], UsageSeen)

    def test_empty_data_is_nothing(self) -> None:
        assert read(b"data:\n\ndata: \n\n") == []

    def test_a_whole_message_instead_of_a_delta(self) -> None:
        choice = {"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}
        assert read(chunk({}, choices=[choice])) == [TextDelta("Hi"), Finished(FinishReason.STOP)]


class TestErrors:
    def test_plain_json_instead_of_a_stream_tells_its_error(self) -> None:
        reader = OpenAIEvents("box")
        reader.feed(b'{"error": "model is loading"}')
        with pytest.raises(UpstreamFailed, match="model is loading"):
            reader.end()

    @pytest.mark.parametrize("data", [b"boom", b'{"error": "boom"}'])
    def test_an_event_named_error(self, data: bytes) -> None:
        with pytest.raises(UpstreamFailed, match="boom"):
            read(b"event: error\ndata: " + data + b"\n\n")

    def test_an_error_event_that_says_nothing(self) -> None:
        with pytest.raises(UpstreamFailed, match="an error event"):
            read(b"event: error\n" + event({}))


class TestWholeAnswers:
    def test_calls_of_odd_forms(self) -> None:
        message = {
            "tool_calls": [{"function": {"name": "f"}}, {"id": "x"}],
            "function_call": {"name": "g", "arguments": "[]"},
        }
        body = event({"choices": [{"message": message, "finish_reason": None}]})[6:-2]
        answer = read_completion(body, provider="box")
        assert [(part.id, part.name, part.arguments) for part in answer.parts] == [  # type: ignore[union-attr]
            ("call_0", "f", "{}"),
            ("call_2", "g", "[]"),
        ]
        assert answer.finish is FinishReason.TOOL_CALLS
        assert (answer.id, answer.model, answer.usage) == ("", "", None)

    def test_a_refusal(self) -> None:
        body = event({"choices": [{"message": {"content": None, "refusal": "No."}}]})[6:-2]
        assert read_completion(body, provider="box").refusal == "No."

    def test_an_error_with_status_200(self) -> None:
        with pytest.raises(UpstreamFailed, match="boom"):
            read_completion(b'{"error": {"message": "boom"}}', provider="box")

    def test_a_choice_without_a_message(self) -> None:
        with pytest.raises(UpstreamGarbled):
            read_completion(b'{"choices": [{"index": 0}]}', provider="box")
