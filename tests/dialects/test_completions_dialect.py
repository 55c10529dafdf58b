"""Legacy completions: what is taken, what a chat can't do, and answers that OpenAI's SDK reads."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai.types import Completion
from tests.support.client import events_of

from laird.dialects.completions_dialect import OpenAICompletions
from laird.domain import errors
from laird.domain.chat import (
    ChatAnswer,
    ChatRequest,
    Finished,
    FinishReason,
    Message,
    Reasoning,
    ReasoningDelta,
    RefusalDelta,
    Role,
    Sampling,
    StreamEvent,
    Text,
    TextDelta,
    UsageSeen,
)
from laird.domain.errors import InvalidRequest, UnsupportedField
from laird.domain.tokens import TokenUsage

DIALECT = OpenAICompletions()
COUNTED = TokenUsage(prompt=9, completion=3)


def body(prompt: Any = "Hello", **fields: Any) -> dict[str, Any]:
    return {"model": "m", "prompt": prompt, **fields}


class TestFacts:
    @pytest.mark.parametrize(
        ("prompt", "total", "window"),
        [
            ("Hello", 2, 2),
            (None, 0, 0),
            (["Hello", "You there, hello"], 6, 4),
            ([1, 2, 3], 3, 3),
            ([[1, 2], [3]], 3, 2),
            ([1, "Hello", 2], 4, 2),
        ],
    )
    def test_tokens_are_estimated(self, prompt: Any, total: int, window: int) -> None:
        facts = DIALECT.facts(body(prompt))
        assert (facts.prompt_tokens, facts.window_tokens) == (total, window)

    def test_routing_learns_what_it_needs(self) -> None:
        facts = DIALECT.facts(body(stream=True, max_tokens=5))
        assert (facts.model, facts.stream, facts.max_tokens) == ("m", True, 5)
        assert not facts.embeddings

    @pytest.mark.parametrize(
        ("wrong", "param"),
        [
            ({"prompt": "x"}, "model"),
            ({"model": "m"}, "prompt"),
            (body([]), "prompt"),
            (body(5), "prompt"),
            (body({"prompt_string": "x"}), "prompt"),
            (body([None]), "prompt[0]"),
            (body([["x"]]), "prompt[0]"),
            (body(max_tokens=-1), "max_tokens"),
            (body(max_tokens=False), "max_tokens"),
            (body(n=0), "n"),
            (body(best_of=1.5), "best_of"),
            (body(logprobs=True), "logprobs"),
            (body(echo="yes"), "echo"),
            (body(suffix=5), "suffix"),
            (body(stream="no"), "stream"),
            (body(stop=[1]), "stop"),
            (body(temperature=3), "temperature"),
        ],
    )
    def test_a_wrong_field_is_named(self, wrong: dict[str, Any], param: str) -> None:
        with pytest.raises(InvalidRequest) as caught:
            DIALECT.facts(wrong)
        assert caught.value.param == param

    def test_nothing_to_be_said_is_a_wish_of_its_own(self) -> None:
        assert DIALECT.facts(body(max_tokens=0, echo=True)).max_tokens == 0

    @pytest.mark.parametrize(
        ("options", "wanted"),
        [(None, False), ({}, False), ({"include_usage": True}, True)],
    )
    def test_usage_is_for_those_who_ask(self, options: Any, wanted: bool) -> None:
        assert DIALECT.wants_usage(body(stream_options=options)) is wanted


class TestAsAChat:
    @pytest.mark.parametrize("prompt", ["Say it.", ["Say it."]])
    def test_the_prompt_is_the_users_one_message(self, prompt: Any) -> None:
        asked = body(
            prompt,
            max_tokens=5,
            temperature=0.5,
            top_p=0.9,
            top_k=3,
            stop="X",
            seed=1,
            presence_penalty=1,
            frequency_penalty=-1,
            logit_bias={"5": 1},
            user="u",
            reasoning_effort="low",
            stream=True,
            stream_options={"include_usage": True},
            echo=False,
            suffix="",
            n=1,
            best_of=1,
            logprobs=None,
            min_p=0.1,
        )
        DIALECT.facts(asked)
        assert DIALECT.request(asked) == ChatRequest(
            messages=(Message(role=Role.USER, parts=(Text("Say it."),)),),
            max_tokens=5,
            sampling=Sampling(
                temperature=0.5,
                top_p=0.9,
                top_k=3,
                stop=("X",),
                seed=1,
                presence_penalty=1,
                frequency_penalty=-1,
                logit_bias={"5": 1},
            ),
            user="u",
            reasoning_effort="low",
            stream=True,
            extra={"min_p": 0.1},
        )

    def test_several_stops_are_kept(self) -> None:
        assert DIALECT.request(body(stop=["a", "b"])).sampling.stop == ("a", "b")
        assert DIALECT.request(body()).sampling.stop == ()

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("suffix", "the end"),
            ("echo", True),
            ("logprobs", 0),
            ("n", 2),
            ("best_of", 2),
            ("max_tokens", 0),
            ("prompt", ""),
            ("prompt", [""]),
            ("prompt", None),
            ("prompt", ["a", "b"]),
            ("prompt", [1, 2]),
            ("prompt", [[1], [2]]),
            ("prompt", [[1]]),
            ("tools", [{"type": "function", "function": {"name": "f"}}]),
            ("messages", []),
        ],
    )
    def test_what_a_chat_can_not_do_is_refused_by_name(self, field: str, value: Any) -> None:
        asked = {**body(), field: value}
        DIALECT.facts(asked)
        with pytest.raises(UnsupportedField) as caught:
            DIALECT.request(asked)
        assert caught.value.param == field


def answer(**fields: Any) -> ChatAnswer:
    usual: dict[str, Any] = {
        "id": "chatcmpl-7",
        "model": "up",
        "parts": (Reasoning(text="Hm."), Text("Hello "), Text("there.")),
        "finish": FinishReason.STOP,
        "usage": COUNTED,
    }
    return ChatAnswer(**{**usual, **fields})


class TestAnswers:
    def written(self, whole: ChatAnswer) -> dict[str, Any]:
        raw = DIALECT.answer(whole, provider="p", created=5)
        Completion.model_validate_json(raw)
        found: dict[str, Any] = json.loads(raw)
        return found

    def test_an_answer_is_a_text_completion(self) -> None:
        whole = self.written(answer())
        assert whole["usage"].pop("prompt_tokens_details") == {"cached_tokens": 0}
        assert whole["usage"].pop("completion_tokens_details") == {"reasoning_tokens": 0}
        assert whole == {
            "id": "cmpl-7",
            "object": "text_completion",
            "created": 5,
            "model": "up",
            "provider": "p",
            "choices": [
                {"text": "Hello there.", "index": 0, "logprobs": None, "finish_reason": "stop"}
            ],
            "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12},
        }

    @pytest.mark.parametrize(
        ("finish", "word"),
        [
            (FinishReason.LENGTH, "length"),
            (FinishReason.CONTENT_FILTER, "content_filter"),
            (FinishReason.TOOL_CALLS, "stop"),
        ],
    )
    def test_the_finish_is_in_the_formats_words(self, finish: FinishReason, word: str) -> None:
        assert self.written(answer(finish=finish))["choices"][0]["finish_reason"] == word

    def test_a_refusal_is_the_text(self) -> None:
        whole = self.written(answer(parts=(), refusal="No.", usage=None, id="msg_1"))
        assert whole["choices"][0]["text"] == "No."
        assert whole["id"] == "cmpl-msg_1"
        assert "usage" not in whole

    def test_errors_name_the_prompt(self) -> None:
        error = errors.ContextLengthExceeded("Too long.", param="messages")
        assert json.loads(DIALECT.error(error))["error"]["param"] == "prompt"
        assert DIALECT.error_event(error) == b"data: " + DIALECT.error(error) + b"\n\n"


EVENTS: list[StreamEvent] = [
    ReasoningDelta(text="Hm."),
    TextDelta(""),
    TextDelta("Hello\n"),
    RefusalDelta("No."),
    UsageSeen(COUNTED),
    Finished(FinishReason.LENGTH),
]


class TestStreams:
    @pytest.mark.parametrize("include_usage", [True, False])
    def test_events_are_written_as_the_sdk_reads_them(self, include_usage: bool) -> None:
        encoder = DIALECT.encoder(
            request_id="r1", model="m", provider="p", created=5, include_usage=include_usage
        )
        raw = b"".join(encoder.encode([event]) for event in EVENTS) + encoder.end(COUNTED)
        *chunks, done = events_of(raw)
        assert done == "[DONE]"
        usage = chunks.pop() if include_usage else None
        for chunk in chunks:
            assert chunk["object"] == "text_completion"
            assert (chunk["id"], chunk["provider"]) == ("cmpl-r1", "p")
            assert ("usage" in chunk) is include_usage
        assert [chunk["choices"][0]["text"] for chunk in chunks] == ["Hello\n", "No.", ""]
        finishes = [chunk["choices"][0]["finish_reason"] for chunk in chunks]
        assert finishes == [None, None, "length"]
        if usage is not None:
            assert usage["choices"] == []
            assert Completion.model_validate(usage).usage is not None

    def test_usage_that_nobody_told_is_not_written(self) -> None:
        encoder = DIALECT.encoder(
            request_id="r1", model="m", provider="p", created=5, include_usage=True
        )
        assert encoder.end(None) == b"data: [DONE]\n\n"
