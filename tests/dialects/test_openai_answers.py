"""Answers, chunks and errors that Laird writes are what OpenAI's own SDK expects."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from laird.dialects.base import Encoder
from laird.dialects.openai_chat import OpenAIChat
from laird.dialects.relay import TranslatingRelay
from laird.domain import errors
from laird.domain.chat import (
    ChatAnswer,
    Finished,
    FinishReason,
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
from laird.domain.tokens import TokenUsage

CHAT = OpenAIChat()
USAGE = TokenUsage(prompt=10, completion=5, cached=4, cache_write=2, reasoning=3)


def encoder(*, include_usage: bool = False) -> Encoder:
    return CHAT.encoder(
        request_id="r1", model="m", provider="p", created=5, include_usage=include_usage
    )


def chunks(data: bytes) -> list[dict[str, Any]]:
    events = [event.removeprefix(b"data: ") for event in data.split(b"\n\n") if event]
    return [json.loads(event) for event in events if event != b"[DONE]"]


def checked(data: bytes) -> list[ChatCompletionChunk]:
    return [ChatCompletionChunk.model_validate(chunk, strict=True) for chunk in chunks(data)]


def written(*parts: Text | ToolCall | Reasoning, **fields: Any) -> dict[str, Any]:
    settings: dict[str, Any] = {"finish": FinishReason.STOP, "usage": USAGE, **fields}
    answer = ChatAnswer(id="a1", model="m", parts=parts, **settings)
    body: dict[str, Any] = json.loads(CHAT.answer(answer, provider="p", created=5))
    ChatCompletion.model_validate(body)
    return body


class TestWholeAnswers:
    def test_text(self) -> None:
        body = written(Reasoning(text="hm"), Text("Hel"), Text("lo"))
        assert body["provider"] == "p"
        assert body["choices"][0]["message"] == {
            "role": "assistant",
            "content": "Hello",
            "refusal": None,
            "reasoning_content": "hm",
        }
        assert body["usage"] == {
            "prompt_tokens": 10,
            "completion_tokens": 5,
            "total_tokens": 15,
            "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
            "completion_tokens_details": {"reasoning_tokens": 3},
        }

    def test_tool_calls_have_no_content(self) -> None:
        body = written(ToolCall(id="c", name="f", arguments="{}"), finish=FinishReason.TOOL_CALLS)
        choice = body["choices"][0]
        assert choice["finish_reason"] == "tool_calls"
        assert choice["message"]["content"] is None
        assert choice["message"]["tool_calls"] == [
            {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        ]

    def test_a_refusal_and_an_empty_answer(self) -> None:
        refused = written(refusal="No.", finish=FinishReason.CONTENT_FILTER)["choices"][0]
        assert (refused["message"]["content"], refused["message"]["refusal"]) == (None, "No.")
        assert written()["choices"][0]["message"]["content"] == ""

    def test_unknown_usage_is_left_out(self) -> None:
        assert "usage" not in written(Text("x"), usage=None)


class TestStreams:
    EVENTS: tuple[StreamEvent, ...] = (
        ReasoningDelta(text="hm"),
        ReasoningDelta(signature="s"),
        TextDelta("Häl"),
        TextDelta(""),
        TextDelta('l"o\n'),
        RefusalDelta("no"),
        ToolCallStart(index=0, id="c", name="f"),
        ToolCallDelta(index=0, arguments='{"a"'),
        ToolCallDelta(index=0, arguments=""),
        UsageSeen(USAGE),
        Finished(FinishReason.TOOL_CALLS),
    )

    def test_each_event_is_a_valid_chunk_and_the_role_comes_first(self) -> None:
        found = checked(encoder().encode(list(self.EVENTS)))
        deltas = [chunk.choices[0].delta.model_dump(exclude_unset=True) for chunk in found]
        assert deltas == [
            {"role": "assistant", "content": ""},
            {"reasoning_content": "hm"},
            {
                "reasoning_details": [
                    {
                        "type": "reasoning.text",
                        "text": "hm",
                        "signature": "s",
                        "format": "anthropic-claude-v1",
                        "index": 0,
                    }
                ]
            },
            {"content": "Häl"},
            {"content": 'l"o\n'},
            {"refusal": "no"},
            {
                "tool_calls": [
                    {
                        "index": 0,
                        "id": "c",
                        "type": "function",
                        "function": {"name": "f", "arguments": ""},
                    }
                ]
            },
            {"tool_calls": [{"index": 0, "function": {"arguments": '{"a"'}}]},
            {},
        ]
        assert [chunk.choices[0].finish_reason for chunk in found] == [*[None] * 8, "tool_calls"]
        assert {chunk.id for chunk in found} == {"chatcmpl-r1"}

    def test_each_chunk_says_who_served(self) -> None:
        data = encoder().encode(list(self.EVENTS))
        assert all(chunk["provider"] == "p" for chunk in chunks(data))

    def test_nothing_is_written_for_nothing(self) -> None:
        assert encoder().encode([UsageSeen(USAGE), ReasoningDelta()]) == b""

    def test_an_empty_answer_still_has_role_and_finish(self) -> None:
        found = checked(encoder().encode([Finished(FinishReason.STOP)]))
        assert [chunk.choices[0].finish_reason for chunk in found] == [None, "stop"]

    def test_usage_comes_last_and_only_when_asked_for(self) -> None:
        assert encoder().end(USAGE) == b"data: [DONE]\n\n"
        asked = encoder(include_usage=True)
        before = chunks(asked.encode([TextDelta("x")]))
        assert all(chunk["usage"] is None for chunk in before)
        end = asked.end(USAGE)
        assert end.endswith(b"data: [DONE]\n\n")
        (last,) = checked(end)
        assert last.choices == []
        assert last.usage is not None
        assert last.usage.total_tokens == 15
        assert asked.end(None) == b"data: [DONE]\n\n"


class Reader:
    """An upstream's reader that was told its events."""

    def __init__(self, events: list[StreamEvent], last: list[StreamEvent] | None = None) -> None:
        self.events = events
        self.last = last or []
        self.done = False

    def feed(self, data: bytes) -> list[StreamEvent]:
        return self.events if data else []

    def end(self) -> list[StreamEvent]:
        return self.last


class TestTranslatingRelay:
    def test_it_watches_what_it_translates(self) -> None:
        events: list[StreamEvent] = [UsageSeen(USAGE), TextDelta("Hello")]
        relay = TranslatingRelay(Reader(events, [Finished(FinishReason.STOP)]), encoder())
        assert relay.feed(b"") == b""
        assert not relay.content
        assert b'"content":"Hello"' in relay.feed(b"x")
        assert (relay.content, relay.finished, relay.text_length) == (True, False, 5)
        end = relay.end()
        assert relay.finished
        assert relay.done is False
        assert relay.usage == USAGE
        assert b'"finish_reason":"stop"' in end
        assert end.endswith(b"data: [DONE]\n\n")

    @pytest.mark.parametrize(
        ("event", "length"),
        [
            (ToolCallStart(index=0, id="c", name="f"), 1),
            (ToolCallDelta(index=0, arguments="{}"), 2),
            (ReasoningDelta(text="hm"), 2),
            (RefusalDelta("no"), 2),
        ],
    )
    def test_every_part_of_an_answer_is_content(self, event: StreamEvent, length: int) -> None:
        relay = TranslatingRelay(Reader([event]), encoder())
        relay.feed(b"x")
        assert (relay.content, relay.text_length) == (True, length)

    @pytest.mark.parametrize("event", [TextDelta(""), ReasoningDelta(signature="s")])
    def test_nothing_to_see_is_no_content(self, event: StreamEvent) -> None:
        relay = TranslatingRelay(Reader([event]), encoder())
        relay.feed(b"x")
        assert not relay.content

    def test_the_finish_and_what_follows_wait_for_the_end(self) -> None:
        reader = Reader([TextDelta("x"), Finished(FinishReason.STOP)])
        relay = TranslatingRelay(reader, encoder(include_usage=True))
        shown = relay.feed(b"x")
        assert (relay.content, relay.finished) == (True, True)
        assert b'"content":"x"' in shown
        assert b'"stop"' not in shown
        reader.events = [UsageSeen(USAGE)]
        assert relay.feed(b"x") == b""
        finish, usage = checked(relay.end())
        assert finish.choices[0].finish_reason == "stop"
        assert usage.usage is not None

    def test_a_stream_without_its_finish_never_ends_well(self) -> None:
        relay = TranslatingRelay(Reader([TextDelta("x")]), encoder())
        relay.feed(b"x")
        with pytest.raises(errors.UpstreamGarbled):
            relay.end()


@pytest.mark.parametrize(
    ("options", "wants"),
    [
        ({"include_usage": True}, True),
        ({"include_usage": False}, False),
        ({}, False),
        (None, False),
    ],
)
def test_whether_a_client_wants_usage(options: Any, wants: bool) -> None:
    assert CHAT.wants_usage({"stream_options": options}) is wants


ERRORS: list[tuple[errors.LairdError, str, str, str | None]] = [
    (errors.InvalidRequest("m", param="n"), "invalid_request_error", "invalid_request", "n"),
    (errors.ModelNotFound("x"), "invalid_request_error", "model_not_found", "model"),
    (errors.ContextLengthExceeded("m"), "invalid_request_error", "context_length_exceeded", None),
    (errors.MissingKey("m"), "authentication_error", "missing_api_key", None),
    (errors.InvalidKey("m"), "authentication_error", "invalid_api_key", None),
    (errors.NotAllowed("m"), "permission_error", "not_allowed", None),
    (errors.RateLimited("m", retry_after_s=1), "rate_limit_error", "rate_limit_exceeded", None),
    (errors.QuotaExceeded("m"), "insufficient_quota", "insufficient_quota", None),
    (errors.NoLocalProvider("m"), "permission_error", "no_local_provider", None),
    (errors.NoProvider("m"), "server_error", "provider_error", None),
    (
        errors.CapacityExceeded("m", retry_after_s=1),
        "server_error",
        "provider_capacity_exceeded",
        None,
    ),
    (errors.UpstreamFailed("m", status=500), "server_error", "provider_error", None),
    (errors.UpstreamTimeout("m", phase="idle"), "server_error", "provider_timeout", None),
    (errors.UpstreamQuota("m"), "insufficient_quota", "insufficient_quota", None),
    (errors.UpstreamModelMissing("m"), "invalid_request_error", "model_not_found", None),
    (errors.UpstreamRejected("m"), "invalid_request_error", "invalid_request", None),
    (
        errors.UpstreamRejected("m", upstream_code="c", param="p", error_type="t"),
        "t",
        "c",
        "p",
    ),
]


@pytest.mark.parametrize(("error", "kind", "code", "param"), ERRORS)
def test_errors_have_all_four_fields(
    error: errors.LairdError, kind: str, code: str, param: str | None
) -> None:
    expected = {"message": error.message, "type": kind, "param": param, "code": code}
    assert json.loads(CHAT.error(error)) == {"error": expected}
    assert chunks(CHAT.error_event(error)) == [{"error": expected}]
    assert b"[DONE]" not in CHAT.error_event(error)
