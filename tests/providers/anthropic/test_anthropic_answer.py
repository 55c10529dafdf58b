"""Whole answers of the Messages API."""

from __future__ import annotations

import json
from typing import Any

import pytest
from anthropic.types import Message as SdkMessage
from anthropic.types import StopReason
from pydantic import TypeAdapter
from tests.providers.anthropic.anthropic_wire import answer_body, provider, stream_of

from laird.domain.chat import Finished, FinishReason, Reasoning, Text, ToolCall
from laird.domain.errors import UpstreamError, UpstreamFailed, UpstreamGarbled
from laird.domain.tokens import TokenUsage
from laird.providers.anthropic.adapter import AnthropicAdapter
from laird.wire.anthropic import FINISHES

ADAPTER = AnthropicAdapter(provider())


def encoded(body: Any) -> bytes:
    SdkMessage.model_validate(body)
    return json.dumps(body).encode()


def test_every_kind_of_block() -> None:
    body = answer_body(
        {"type": "thinking", "thinking": "Hm.", "signature": "s=="},
        {"type": "redacted_thinking", "data": "r=="},
        {"type": "text", "text": "Let me look.", "citations": None},
        {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {"q": "x"}},
        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": [1, {"b": None}]}},
        {"type": "tool_use", "id": "toolu_2", "name": "g", "input": {}},
        stop="tool_use",
    )
    answer = ADAPTER.read_answer(encoded(body))
    assert answer.id == "msg_1"
    assert answer.model == "claude-opus-5"
    assert answer.finish is FinishReason.TOOL_CALLS
    assert answer.parts == (
        Reasoning(text="Hm.", signature="s=="),
        Reasoning(redacted="r=="),
        Text("Let me look."),
        ToolCall(id="toolu_1", name="f", arguments='{"a": [1, {"b": null}]}'),
        ToolCall(id="toolu_2", name="g", arguments="{}"),
    )


@pytest.mark.parametrize(
    ("stop", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("pause_turn", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
    ],
)
def test_stop_reasons(stop: str, finish: str) -> None:
    answer = ADAPTER.read_answer(encoded(answer_body({"type": "text", "text": "x"}, stop=stop)))
    assert answer.finish == finish


def test_every_stop_reason_of_the_sdk_is_known() -> None:
    assert set(TypeAdapter(StopReason).json_schema()["enum"]) == FINISHES.keys()


def test_a_stop_reason_of_the_future_is_a_stop() -> None:
    answer = ADAPTER.read_answer(json.dumps(answer_body(stop="grown_tired")).encode())
    assert answer.finish is FinishReason.STOP
    assert answer.parts == ()


def test_a_refusal_says_why() -> None:
    details = {"type": "refusal", "category": "bio", "explanation": "I can't help with that."}
    body = answer_body(stop="refusal", stop_details=details)
    assert ADAPTER.read_answer(encoded(body)).refusal == "I can't help with that."
    body["stop_details"] = {"type": "refusal", "category": None, "explanation": None}
    assert ADAPTER.read_answer(encoded(body)).refusal is None


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"input_tokens": 9, "output_tokens": 3}, TokenUsage(prompt=9, completion=3)),
        (
            {
                "input_tokens": 10,
                "cache_creation_input_tokens": 200,
                "cache_read_input_tokens": 3000,
                "cache_creation": {
                    "ephemeral_5m_input_tokens": 150,
                    "ephemeral_1h_input_tokens": 50,
                },
                "output_tokens": 70,
                "output_tokens_details": {"thinking_tokens": 40},
                "service_tier": "standard",
            },
            TokenUsage(
                prompt=3210,
                completion=70,
                cached=3000,
                cache_write=200,
                cache_write_1h=50,
                reasoning=40,
            ),
        ),
        (
            {
                "input_tokens": 1,
                "output_tokens": 2,
                "cache_creation_input_tokens": None,
                "cache_creation": {"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 8},
            },
            TokenUsage(prompt=13, completion=2, cache_write=12, cache_write_1h=8),
        ),
    ],
)
def test_counts(usage: dict[str, Any], expected: TokenUsage) -> None:
    assert ADAPTER.read_answer(encoded(answer_body(usage=usage))).usage == expected


def test_an_answer_without_counts_has_none() -> None:
    body = answer_body()
    del body["usage"]
    assert ADAPTER.read_answer(json.dumps(body).encode()).usage is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"type": "completion", "completion": "x", "stop_reason": "end_turn"}',
        json.dumps(answer_body(stop=None)).encode(),
        json.dumps(answer_body({"type": "text", "text": 5})).encode(),
        json.dumps(answer_body({"type": "text", "text": "x"})).encode()[:-20],
        b'{"type": "message", "id": "\xff"}',
    ],
)
def test_anything_else_is_garbled(body: bytes) -> None:
    with pytest.raises(UpstreamGarbled, match=r"^claude sent"):
        ADAPTER.read_answer(body)


def test_an_error_with_status_200_is_that_error() -> None:
    error = {"type": "error", "error": {"type": "api_error", "message": "Internal server error"}}
    with pytest.raises(UpstreamFailed) as caught:
        ADAPTER.read_answer(json.dumps(error).encode())
    assert isinstance(caught.value, UpstreamError)
    assert caught.value.status == 500


def test_the_stop_sequence_is_told_whole_and_streamed() -> None:
    body = answer_body({"type": "text", "text": "x"}, stop="stop_sequence", stop_sequence="END")
    assert ADAPTER.read_answer(json.dumps(body).encode()).stop_sequence == "END"
    reader = ADAPTER.event_reader()
    events = [item for piece in stream_of(body) for item in reader.feed(piece)]
    assert events[-1] == Finished(FinishReason.STOP, "END")
