"""Answers of ours as Anthropic's SDK reads them, whole and streamed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import Message, RawMessageStreamEvent
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from laird.dialects.anthropic_encoder import AnthropicEncoder
from laird.dialects.anthropic_messages import AnthropicMessages
from laird.domain.chat import (
    ChatAnswer,
    Finished,
    FinishReason,
    Logprobs,
    Reasoning,
    ReasoningDelta,
    RefusalDelta,
    StreamEvent,
    Text,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
    UsageSeen,
)
from laird.domain.errors import UpstreamGarbled
from laird.domain.tokens import TokenUsage

MESSAGES = AnthropicMessages()
EVENT: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
USAGE = TokenUsage(prompt=100, completion=40, cached=80, cache_write=5, reasoning=12)
STOP = Finished(FinishReason.STOP)
CALLS = Finished(FinishReason.TOOL_CALLS)


def whole(*parts: Text | ToolCall | Reasoning, **over: Any) -> dict[str, Any]:
    """Write an answer, check it against the SDK's types and return it."""
    fields: dict[str, Any] = {"finish": FinishReason.STOP, "usage": USAGE, **over}
    answer = ChatAnswer(id="chatcmpl-1", model="m", parts=parts, **fields)
    body = json.loads(MESSAGES.answer(answer, provider="p", created=1))
    Message.model_validate(body)
    return dict(body)


def encoder() -> AnthropicEncoder:
    return MESSAGES.encoder(
        request_id="req_ab12", model="m", provider="p", created=1, include_usage=True
    )


def written(events: Iterable[StreamEvent], usage: TokenUsage | None = USAGE) -> list[Any]:
    """Write a stream, each event by itself, and return what the events of the wire hold."""
    writer = encoder()
    data = b"".join(writer.encode([event]) for event in events)
    assert b"message_stop" not in data
    assert b"message_delta" not in data
    return parsed(data + writer.end(usage))


def parsed(data: bytes) -> list[Any]:
    found = []
    for block in data.decode().split("\n\n")[:-1]:
        name, payload = block.split("\n")
        value = json.loads(payload.removeprefix("data: "))
        assert name == f"event: {value['type']}"
        assert value.pop("provider") == "p"
        EVENT.validate_python(value)
        found.append(value)
    return found


def read(events: list[Any]) -> Message:
    """Read a stream with the accumulator of the SDK; blocks may not overlap."""
    snapshot: Any = None
    buffers: dict[int, bytes] = {}
    opened = None
    for value in events:
        if value["type"] == "content_block_start":
            assert opened is None
            opened = value["index"]
        elif value["type"] == "content_block_stop":
            assert opened == value["index"]
            opened = None
        elif value["type"] == "content_block_delta":
            assert opened == value["index"]
        snapshot = accumulate_event(
            event=EVENT.validate_python(value), current_snapshot=snapshot, json_bufs=buffers
        )
    assert opened is None
    assert [value["type"] for value in events[-2:]] == ["message_delta", "message_stop"]
    message: Message = snapshot
    return message


def blocks(*events: StreamEvent) -> list[dict[str, Any]]:
    return [block.to_dict() for block in read(written(events)).content]


class TestWhole:
    def test_all_parts(self) -> None:
        body = whole(
            Reasoning(text="Hm", signature="c2ln"),
            Reasoning(text="unsigned"),
            Reasoning(redacted="aGlk"),
            Text("Yes"),
            Text(""),
            ToolCall(id="t1", name="f", arguments='{"a": 1}', signature="gemini:eA=="),
            ToolCall(id="t2", name="g", arguments=""),
            finish=FinishReason.TOOL_CALLS,
        )
        assert body["content"] == [
            {"type": "thinking", "thinking": "Hm", "signature": "c2ln"},
            {"type": "thinking", "thinking": "unsigned", "signature": ""},
            {"type": "redacted_thinking", "data": "aGlk"},
            {"type": "text", "text": "Yes"},
            {"type": "redacted_thinking", "data": "call:gemini:eA=="},
            {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}},
            {"type": "tool_use", "id": "t2", "name": "g", "input": {}},
        ]
        assert body["id"] == "msg_chatcmpl-1"
        assert (body["model"], body["provider"], body["role"]) == ("m", "p", "assistant")
        assert body["stop_reason"] == "tool_use"

    def test_counts_tell_the_three_kinds_of_input_apart(self) -> None:
        assert whole(Text("x"))["usage"] == {
            "input_tokens": 15,
            "cache_read_input_tokens": 80,
            "cache_creation_input_tokens": 5,
            "output_tokens": 40,
            "output_tokens_details": {"thinking_tokens": 12},
        }

    def test_the_output_is_estimated_where_nothing_was_counted(self) -> None:
        usage = whole(Text("x" * 40), usage=None)["usage"]
        assert (usage["input_tokens"], usage["output_tokens"]) == (0, 10)

    def test_an_id_of_the_format_stays(self) -> None:
        answer = ChatAnswer(id="msg_1", model="m", parts=(), finish=FinishReason.STOP, usage=USAGE)
        body = json.loads(MESSAGES.answer(answer, provider="p", created=1))
        assert body["id"] == "msg_1"

    def test_arguments_that_are_no_object_are_a_failure_of_the_provider(self) -> None:
        with pytest.raises(UpstreamGarbled, match="'f'"):
            whole(ToolCall(id="t", name="f", arguments='{"a'), finish=FinishReason.TOOL_CALLS)

    def test_unless_the_limit_of_tokens_has_cut_them(self) -> None:
        call = ToolCall(id="t", name="f", arguments='{"a')
        body = whole(call, finish=FinishReason.LENGTH)
        assert body["content"] == [{"type": "tool_use", "id": "t", "name": "f", "input": {}}]
        assert body["stop_reason"] == "max_tokens"

    def test_a_refusal(self) -> None:
        body = whole(refusal="I can't.")
        assert body["stop_reason"] == "refusal"
        assert body["stop_details"]["explanation"] == "I can't."
        assert body["content"] == [{"type": "text", "text": "I can't."}]


FINISHES = [
    (Finished(FinishReason.STOP), "end_turn", None),
    (Finished(FinishReason.STOP, "END"), "stop_sequence", "END"),
    (Finished(FinishReason.LENGTH), "max_tokens", None),
    (Finished(FinishReason.TOOL_CALLS), "tool_use", None),
    (Finished(FinishReason.CONTENT_FILTER), "refusal", None),
]


@pytest.mark.parametrize(("finish", "reason", "sequence"), FINISHES)
def test_why_it_stopped(finish: Finished, reason: str, sequence: str | None) -> None:
    body = whole(Text("x"), finish=finish.reason, stop_sequence=finish.stop_sequence)
    message = read(written([TextDelta("x"), finish]))
    for stop in (body["stop_reason"], message.stop_reason):
        assert stop == reason
    for text in (body["stop_sequence"], message.stop_sequence):
        assert text == sequence


class TestStream:
    def test_the_events_of_a_text(self) -> None:
        events = written([TextDelta("Hel"), TextDelta("lo ☃"), STOP])
        assert [event["type"] for event in events] == [
            "message_start",
            "content_block_start",
            "content_block_delta",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop",
        ]
        assert events[0]["message"]["id"] == "msg_ab12"
        assert read(events).content[0].to_dict() == {"type": "text", "text": "Hello ☃"}

    def test_the_last_counts_are_told_at_the_end(self) -> None:
        early = TokenUsage(prompt=50, cached=40, completion=1, estimated=True)
        events = written([UsageSeen(early), TextDelta("x"), STOP])
        start = events[0]["message"]["usage"]
        assert (start["input_tokens"], start["cache_read_input_tokens"]) == (10, 40)
        usage = read(events).usage
        assert (usage.input_tokens, usage.output_tokens) == (15, 40)
        assert usage.output_tokens_details is not None
        assert usage.output_tokens_details.thinking_tokens == 12

    def test_without_counts_the_output_is_estimated(self) -> None:
        usage = read(written([TextDelta("x" * 40), STOP], None)).usage
        assert (usage.input_tokens, usage.output_tokens) == (0, 10)

    def test_an_empty_answer_is_an_answer(self) -> None:
        message = read(written([STOP]))
        assert (message.content, message.stop_reason) == ([], "end_turn")

    def test_thinking_is_signed_and_a_signature_closes_its_block(self) -> None:
        assert blocks(
            ReasoningDelta(text="One"),
            ReasoningDelta(text=" more"),
            ReasoningDelta(signature="c2ln"),
            ReasoningDelta(text="Two", signature="dHdv"),
            ReasoningDelta(redacted="aGlk"),
            ReasoningDelta(signature="bG9uZQ=="),
            TextDelta("Yes"),
            TextDelta(""),
            STOP,
        ) == [
            {"type": "thinking", "thinking": "One more", "signature": "c2ln"},
            {"type": "thinking", "thinking": "Two", "signature": "dHdv"},
            {"type": "redacted_thinking", "data": "aGlk"},
            {"type": "thinking", "thinking": "", "signature": "bG9uZQ=="},
            {"type": "text", "text": "Yes"},
        ]

    def test_the_signature_of_a_call_stands_before_it(self) -> None:
        assert blocks(
            ToolCallStart(index=0, id="t", name="f", signature="gemini:eA=="),
            ToolCallDelta(index=0, arguments=""),
            CALLS,
        ) == [
            {"type": "redacted_thinking", "data": "call:gemini:eA=="},
            {"type": "tool_use", "id": "t", "name": "f", "input": {}},
        ]

    def test_a_refusal_is_said_and_explained(self) -> None:
        message = read(written([RefusalDelta("I "), RefusalDelta("can't."), STOP]))
        assert message.stop_reason == "refusal"
        assert message.stop_details is not None
        assert message.stop_details.explanation == "I can't."
        assert message.content[0].to_dict() == {"type": "text", "text": "I can't."}

    def test_what_comes_while_a_call_is_not_whole_waits_for_it(self) -> None:
        writer = encoder()
        early = writer.encode(
            [
                ToolCallStart(index=0, id="a", name="f"),
                ToolCallDelta(index=0, arguments='{"x": {}'),
                ToolCallStart(index=1, id="b", name="g"),
                TextDelta("and"),
            ]
        )
        assert b'"b"' not in early
        late = writer.encode([ToolCallDelta(index=0, arguments="}")])
        assert b'"b"' in late
        rest = writer.encode([ToolCallDelta(index=1, arguments="{}"), CALLS]) + writer.end(USAGE)
        content = read(parsed(early + late + rest)).content
        assert [block.to_dict() for block in content] == [
            {"type": "tool_use", "id": "a", "name": "f", "input": {"x": {}}},
            {"type": "tool_use", "id": "b", "name": "g", "input": {}},
            {"type": "text", "text": "and"},
        ]

    def test_a_call_that_the_limit_has_cut_holds_nothing_back_for_ever(self) -> None:
        assert blocks(
            ToolCallStart(index=0, id="a", name="f"),
            ToolCallStart(index=1, id="b", name="g"),
            ToolCallDelta(index=1, arguments='{"y": 1}'),
            ToolCallDelta(index=0, arguments='{"x": 1'),
            Finished(FinishReason.LENGTH),
        ) == [
            {"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}},
            {"type": "tool_use", "id": "b", "name": "g", "input": {"y": 1}},
        ]

    def test_more_arguments_for_a_whole_call_are_a_failure(self) -> None:
        first: list[StreamEvent] = [
            ToolCallStart(index=0, id="a", name="f"),
            ToolCallDelta(index=0, arguments='{"x": "}"}'),
            ToolCallStart(index=1, id="b", name="g"),
        ]
        writer = encoder()
        writer.encode([*first, ToolCallDelta(index=0, arguments=" \n")])
        with pytest.raises(UpstreamGarbled, match="more arguments"):
            encoder().encode(
                [
                    *first,
                    ToolCallDelta(index=1, arguments="{}"),
                    ToolCallDelta(index=0, arguments="x"),
                ]
            )

    def test_log_probabilities_have_no_place(self) -> None:
        assert blocks(TextDelta("x"), Logprobs(()), STOP) == [{"type": "text", "text": "x"}]


names = st.sampled_from(["f", "g"])
objects = st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=4), max_size=3)


@st.composite
def answers(draw: st.DrawFn) -> tuple[list[Any], list[StreamEvent]]:
    """Draw parts, and the events that say them, calls interleaved in any way."""
    text = draw(st.text(max_size=12))
    calls = draw(st.lists(st.tuples(names, objects), max_size=3))
    events: list[StreamEvent] = [TextDelta(text)]
    queues: list[list[StreamEvent]] = []
    for index, (name, arguments) in enumerate(calls):
        data = json.dumps(arguments)
        at = draw(st.integers(0, len(data)))
        pieces: list[StreamEvent] = [ToolCallStart(index=index, id=f"t{index}", name=name)]
        pieces += [ToolCallDelta(index=index, arguments=part) for part in (data[:at], data[at:])]
        queues.append(pieces)
    while any(queues):
        # A later call begins after an earlier one has begun: indexes count the calls.
        ready = [
            number
            for number, queue in enumerate(queues)
            if queue and all(len(before) < 3 for before in queues[:number])
        ]
        events.append(queues[draw(st.sampled_from(ready))].pop(0))
    parts: list[Any] = [{"type": "text", "text": text}] if text else []
    parts += [
        {"type": "tool_use", "id": f"t{index}", "name": name, "input": arguments}
        for index, (name, arguments) in enumerate(calls)
    ]
    return parts, [*events, CALLS]


@given(answers())
def test_whatever_the_order_the_client_gets_the_whole(
    drawn: tuple[list[Any], list[StreamEvent]],
) -> None:
    parts, events = drawn
    assert blocks(*events) == parts
