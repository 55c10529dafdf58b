"""Whole answers of Cohere's chat."""

from __future__ import annotations

import json
import typing
from typing import Any

import pytest
from cohere.types import ChatFinishReason
from tests.providers.cohere.cohere_wire import SECRET, answer_body, provider

from laird.domain.chat import FinishReason, Reasoning, Text, TokenLogprob, ToolCall
from laird.domain.errors import UpstreamFailed, UpstreamGarbled
from laird.domain.tokens import TokenUsage
from laird.providers.cohere.adapter import CohereAdapter
from laird.providers.cohere.answer import FINISHES

ADAPTER = CohereAdapter(provider())


def read(body: Any) -> Any:
    return ADAPTER.read_answer(json.dumps(body).encode())


def call(identity: str, name: str, arguments: str) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"id": identity, "type": "function", "function": function}


def test_everything_that_can_be_in_it() -> None:
    answer = read(
        answer_body(
            "TOOL_CALL",
            content=[{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "So: "}],
            tool_plan="I look.",
            tool_calls=[call("c1", "f", '{"a": 1}'), call("c2", "g", "")],
            citations=[{"start": 0, "end": 2, "text": "So", "sources": []}],
        )
    )
    assert answer.parts == (
        Reasoning(text="Hm."),
        Text("So: "),
        Text("I look."),
        ToolCall(id="c1", name="f", arguments='{"a": 1}'),
        ToolCall(id="c2", name="g", arguments="{}"),
    )
    assert (answer.id, answer.model) == ("c14c80c3", "")
    assert answer.finish is FinishReason.TOOL_CALLS


@pytest.mark.parametrize(
    ("word", "finish"),
    [
        ("COMPLETE", "stop"),
        ("STOP_SEQUENCE", "stop"),
        ("MAX_TOKENS", "length"),
        ("TOOL_CALL", "tool_calls"),
        ("ERROR_TOXIC", "content_filter"),
        ("ERROR_LIMIT", "length"),
        ("GROWN_TIRED", "stop"),
    ],
)
def test_finish_reasons(word: str, finish: str) -> None:
    assert read(answer_body(word, content=[{"type": "text", "text": "x"}])).finish == finish


@pytest.mark.parametrize(
    ("word", "status", "told"),
    [("ERROR", 500, "wrong"), ("TIMEOUT", 504, "too long"), ("ERROR_NEW", 500, "wrong")],
)
def test_an_answer_that_was_given_up_is_an_error(word: str, status: int, told: str) -> None:
    with pytest.raises(UpstreamFailed, match=told) as caught:
        read(answer_body(word, content=[{"type": "text", "text": "half an ans"}]))
    assert caught.value.status == status
    assert caught.value.message.startswith("co gave the answer up")


def test_every_finish_reason_of_the_sdk_is_known() -> None:
    known = typing.get_args(typing.get_args(ChatFinishReason)[0])
    assert set(known) - FINISHES.keys() == {"ERROR", "TIMEOUT"}


def test_calls_are_calls_whatever_the_reason_says() -> None:
    assert read(answer_body(tool_calls=[call("c1", "f", "{}")])).finish == "tool_calls"


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        (
            {
                "billed_units": {"input_tokens": 17.0, "output_tokens": 19.0},
                "tokens": {"input_tokens": 1434.0, "output_tokens": 48.0},
            },
            TokenUsage(prompt=17, completion=19),
        ),
        (
            {"tokens": {"input_tokens": 1434.0, "output_tokens": 48.0}, "cached_tokens": 992.0},
            TokenUsage(prompt=1434, completion=48, cached=992),
        ),
        (
            {
                "billed_units": {"input_tokens": 17.0},
                "tokens": {"input_tokens": 1434.0, "output_tokens": 48.0},
                "cached_tokens": 992.0,
            },
            TokenUsage(prompt=17, completion=48, cached=17),
        ),
        ({"billed_units": {"search_units": 1.0}}, TokenUsage()),
    ],
)
def test_counts(usage: Any, counts: TokenUsage) -> None:
    assert read(answer_body(usage=usage)).usage == counts


def test_an_answer_without_counts_has_none() -> None:
    body = answer_body(content=[])
    del body["usage"]
    assert read(body).usage is None


def test_log_probabilities_of_pieces() -> None:
    body = answer_body(content=[{"type": "text", "text": "Hi there"}])
    body["logprobs"] = [
        {"text": "Hi", "token_ids": [1], "logprobs": [-0.25]},
        {"text": " there", "token_ids": [2, 3], "logprobs": [-0.5, -0.25]},
        {"token_ids": [4]},
    ]
    assert read(body).logprobs == (
        TokenLogprob(token="Hi", logprob=-0.25),
        TokenLogprob(token=" there", logprob=-0.75),
        TokenLogprob(token="", logprob=0),
    )


def test_content_that_is_a_text() -> None:
    body = answer_body()
    body["message"]["content"] = "Hello"
    assert read(body).parts == (Text("Hello"),)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"message": null, "finish_reason": "COMPLETE"}',
        b'{"message": {"content": []}}',
        b'{"message": {"content": [{"text": 5}]}, "finish_reason": "COMPLETE"}',
        b'{"id": "\xff"}',
        json.dumps(answer_body(content=[])).encode()[:-9],
    ],
)
def test_anything_else_is_garbled(body: bytes) -> None:
    with pytest.raises(UpstreamGarbled, match=r"^co sent"):
        ADAPTER.read_answer(body)


def test_an_error_with_status_200_is_that_error() -> None:
    with pytest.raises(UpstreamFailed, match="out of memory") as caught:
        read({"id": "x", "message": f"out of memory {SECRET}"})
    assert SECRET not in caught.value.message
