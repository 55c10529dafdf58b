"""What is read from Ollama: streams, whole answers, and what it says when something is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.providers.contract import heard
from tests.providers.ollama.ollama_wire import adapter, call, events_of, last, line

from laird.domain import errors
from laird.domain.chat import (
    Finished,
    FinishReason,
    Logprobs,
    ReasoningDelta,
    TextDelta,
    TokenLogprob,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
    UsageSeen,
)
from laird.domain.tokens import TokenUsage

STREAM = (
    line({"thinking": "Hm. "}),
    line({"content": "Grüße \N{SNOWMAN}"}),
    line({"tool_calls": [call("a", {"x": "ü"}, id="call_1")]}),
    line({"tool_calls": [call("b", {"y": [1, {"z": None}]}, id="call_2")]}),
    last("stop"),
)


def calls_of(*data: bytes) -> list[ToolCallStart]:
    return [event for event in events_of(*data) if isinstance(event, ToolCallStart)]


class TestStreams:
    def test_everything_is_heard_in_order(self) -> None:
        assert events_of(*STREAM) == [
            ReasoningDelta(text="Hm. "),
            TextDelta("Grüße \N{SNOWMAN}"),
            ToolCallStart(index=0, id="call_1", name="a"),
            ToolCallDelta(index=0, arguments='{"x": "ü"}'),
            ToolCallStart(index=1, id="call_2", name="b"),
            ToolCallDelta(index=1, arguments='{"y": [1, {"z": null}]}'),
            UsageSeen(TokenUsage(prompt=9, completion=3)),
            Finished(FinishReason.TOOL_CALLS),
        ]

    @pytest.mark.parametrize("kept", range(len(STREAM)))
    def test_cut_at_any_line_it_is_not_complete(self, kept: int) -> None:
        with pytest.raises(errors.UpstreamGarbled, match="box ended its stream"):
            events_of(*STREAM[:kept])

    @given(cut=st.integers(0, len(b"".join(STREAM))))
    def test_cut_at_any_byte_it_is_an_error_or_whole(self, cut: int) -> None:
        whole = b"".join(STREAM)
        if cut < len(whole) - 1:
            with pytest.raises(errors.UpstreamGarbled):
                events_of(whole[:cut])
        else:
            assert isinstance(events_of(whole[:cut])[-1], Finished)

    def test_what_follows_the_end_is_passed_over(self) -> None:
        reader = adapter().event_reader()
        reader.feed(last() + b"{nonsense\n")
        assert reader.done
        assert reader.feed(b"more\n") == []
        assert reader.end() == []

    def test_the_last_line_may_come_with_text_and_without_its_end(self) -> None:
        events = events_of(last(message={"content": "Bye"})[:-1])
        assert events[0] == TextDelta("Bye")
        assert events[-1] == Finished(FinishReason.STOP)

    @pytest.mark.parametrize(
        ("reason", "finish"),
        [
            ("stop", FinishReason.STOP),
            ("length", FinishReason.LENGTH),
            (None, FinishReason.STOP),
            ("a_word_of_next_year", FinishReason.STOP),
        ],
    )
    def test_reasons(self, reason: str | None, finish: FinishReason) -> None:
        assert events_of(last(reason))[-1] == Finished(finish)

    def test_a_call_that_was_cut_is_not_a_call_that_was_made(self) -> None:
        data = line({"tool_calls": [call()]}) + last("length")
        assert events_of(data)[-1] == Finished(FinishReason.LENGTH)

    @pytest.mark.parametrize("reason", ["load", "unload"])
    def test_loading_a_model_is_no_answer(self, reason: str) -> None:
        with pytest.raises(errors.UpstreamGarbled, match=reason):
            events_of(last(reason))
        with pytest.raises(errors.UpstreamGarbled, match=reason):
            adapter().read_answer(last(reason))

    def test_counts_that_were_not_told_are_not_taken_for_nothing(self) -> None:
        assert events_of(last(prompt_eval_count=0)) == [Finished(FinishReason.STOP)]
        assert events_of(last(prompt_eval_count=None)) == [Finished(FinishReason.STOP)]

    def test_log_probabilities(self) -> None:
        told = [
            {
                "token": "Hi",
                "logprob": -0.1,
                "bytes": [72, 105],
                "top_logprobs": [{"token": "Hi", "logprob": -0.1}, {"token": "Ho", "logprob": -3}],
            }
        ]
        expected = TokenLogprob(token="Hi", logprob=-0.1, top=(("Hi", -0.1), ("Ho", -3.0)))
        events = events_of(line({"content": "Hi"}, logprobs=told), last())
        assert events[1] == Logprobs((expected,))
        whole = adapter().read_answer(last(message={"content": "Hi"}, logprobs=told))
        assert whole.logprobs == (expected,)

    @pytest.mark.parametrize("body", [b"<html>\n", b"data: {}\n", b"[]\n", b'{"done": 5}\n'])
    def test_another_servers_answer_is_garbled(self, body: bytes) -> None:
        with pytest.raises(errors.UpstreamGarbled, match="Ollama"):
            events_of(body)


class TestCallIds:
    def test_each_call_has_one_of_its_own(self) -> None:
        same = call("f", {"x": 1})
        first, second = calls_of(line({"tool_calls": [same, same]}), last())
        assert first.id.startswith("call_")
        assert first.id != second.id

    def test_it_is_the_same_whenever_the_answer_is_read(self) -> None:
        data = line({"tool_calls": [call("f")]}) + last()
        assert calls_of(data) == calls_of(*(data[i : i + 1] for i in range(len(data))))
        whole = adapter().read_answer(last(message={"tool_calls": [call("f")]}))
        assert whole.parts == (ToolCall(id=calls_of(data)[0].id, name="f", arguments="{}"),)

    def test_another_answer_has_others(self) -> None:
        later = line({"tool_calls": [call("f")]}, created_at="2026-11-21T12:00:01Z")
        assert calls_of(later, last()) != calls_of(line({"tool_calls": [call("f")]}), last())

    def test_one_that_comes_twice_is_replaced(self) -> None:
        data = line({"tool_calls": [call("f", id="x"), call("g", id="x")]})
        assert len({each.id for each in calls_of(data, last())}) == 2


class TestWholeAnswers:
    def test_all_of_it(self) -> None:
        message = {"thinking": "Hm.", "content": "I look.", "tool_calls": [call("f", {"a": 1})]}
        answer = adapter().read_answer(last(message=message))
        assert [type(part).__name__ for part in answer.parts] == ["Reasoning", "Text", "ToolCall"]
        assert answer.finish is FinishReason.TOOL_CALLS
        assert answer.usage == TokenUsage(prompt=9, completion=3)
        assert answer.id.startswith("chat_")
        assert answer.model == "qwen3:8b"

    def test_arguments_as_a_string_or_nothing(self) -> None:
        def arguments(value: object) -> str:
            function = {"name": "f", "arguments": value}
            message = {"tool_calls": [{"function": function}]}
            (part,) = adapter().read_answer(last(message=message)).parts
            assert isinstance(part, ToolCall)
            return part.arguments

        assert arguments('{"a": 1}') == '{"a": 1}'
        assert arguments(None) == "{}"
        assert arguments("") == "{}"

    def test_one_that_is_not_done_is_garbled(self) -> None:
        with pytest.raises(errors.UpstreamGarbled, match="whole"):
            adapter().read_answer(line({"content": "Hi"}))

    def test_a_null_is_nothing(self) -> None:
        answer = adapter().read_answer(last(message={"content": None, "tool_calls": None}))
        assert answer.parts == ()


def body(text: str, **more: Any) -> bytes:
    return json.dumps({"error": text, **more}).encode()


class TestErrors:
    @pytest.mark.parametrize(
        ("status", "text", "kind", "code"),
        [
            (400, "the input length exceeds the context length", errors.UpstreamRejected, True),
            (
                500,
                "Failed to create new sequence: the input length exceeds the context length",
                errors.UpstreamRejected,
                True,
            ),
            (
                400,
                "the prompt is longer than the context length currently available to the model",
                errors.UpstreamRejected,
                True,
            ),
            (500, "input after truncation exceeds maximum context length", None, True),
            (
                500,
                "failed to process inputs: this model is missing data required for image input",
                errors.UpstreamRejected,
                False,
            ),
            (400, '"llama3" does not support tools', errors.UpstreamRejected, False),
            (400, '"llama3" does not support thinking', errors.UpstreamRejected, False),
            (404, 'model "x" not found, try pulling it first', errors.UpstreamModelMissing, False),
            (402, "usage limit reached", errors.UpstreamQuota, False),
            (499, "request canceled", errors.UpstreamRejected, False),
            (500, "model requires more system memory", errors.UpstreamFailed, False),
        ],
    )
    def test_its_words(
        self, status: int, text: str, kind: type[errors.UpstreamError] | None, *, code: bool
    ) -> None:
        error = adapter().read_error(status, {}, body(text))
        assert type(error) is (kind or errors.UpstreamRejected)
        told = getattr(error, "upstream_code", None) == "context_length_exceeded"
        assert told is code
        assert text in error.message

    def test_the_cloud_wants_a_sign_in(self) -> None:
        sent = body("unauthorized", signin_url="https://ollama.com/connect?x=secret")
        error = adapter().read_error(401, {}, sent)
        assert isinstance(error, errors.CredentialRefused)
        assert "ollama signin" in error.message
        assert "secret" not in error.message

    def test_in_a_stream_the_status_is_read_where_it_is_told(self) -> None:
        with pytest.raises(errors.UpstreamRejected) as caught:
            events_of(line({"content": "x"}), body("exceeds the context length") + b"\n")
        assert caught.value.upstream_code == "context_length_exceeded"
        with pytest.raises(errors.UpstreamFailed) as failed:
            events_of(body("out of memory", status=503))
        assert failed.value.status == 503
        with pytest.raises(errors.UpstreamFailed, match="gave no reason"):
            events_of(b'{"error": {"odd": 1}}\n')
        with pytest.raises(errors.UpstreamFailed, match="went wrong"):
            adapter().read_answer(b'{"error": {"message": "it went wrong"}}')

    def test_what_was_said_before_an_error_is_not_taken_back(self) -> None:
        reader = adapter().event_reader()
        assert heard(reader.feed(line({"content": "Hel"}))).text == "Hel"
        with pytest.raises(errors.UpstreamFailed):
            reader.feed(body("the model crashed") + b"\n")
