"""OpenAI's wire format as servers really speak it: odd types are read as far as they make sense."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laird.domain.chat import FinishReason
from laird.domain.errors import UpstreamFailed
from laird.domain.tokens import TokenUsage
from laird.wire.openai import (
    WireChunk,
    finish_of,
    load_object,
    read_chunk,
    read_fault,
    token_usage,
    wire_usage,
)

short = st.text(max_size=5)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | short,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(short, inner, max_size=3),
    max_leaves=8,
)


def usage_of(**fields: Any) -> TokenUsage:
    found = read_chunk(json.dumps({"choices": [], "usage": fields}).encode()).usage
    assert found is not None
    return token_usage(found)


class TestUsage:
    def test_cached_tokens_are_inside_the_prompt(self) -> None:
        usage = usage_of(
            prompt_tokens=10, completion_tokens=2, prompt_tokens_details={"cached_tokens": 4}
        )
        assert usage == TokenUsage(prompt=10, completion=2, cached=4)

    def test_deepseeks_name_for_them(self) -> None:
        assert usage_of(prompt_tokens=10, prompt_cache_hit_tokens=4).cached == 4

    def test_reasoning_left_out_of_the_completion_is_put_in(self) -> None:
        usage = usage_of(
            prompt_tokens=10,
            completion_tokens=2,
            total_tokens=19,
            completion_tokens_details={"reasoning_tokens": 7},
        )
        assert (usage.completion, usage.reasoning) == (9, 7)

    def test_counts_that_make_no_sense_do_no_harm(self) -> None:
        usage = usage_of(
            prompt_tokens=-5,
            completion_tokens=None,
            prompt_tokens_details={"cached_tokens": 99},
            completion_tokens_details={"reasoning_tokens": 99},
        )
        assert usage == TokenUsage()
        assert usage_of(prompt_tokens=float("inf"), completion_tokens="3") == TokenUsage()
        assert usage_of(prompt_tokens=True, completion_tokens="3", prompt_tokens_details=[]) == (
            TokenUsage()
        )

    @given(
        st.builds(
            TokenUsage,
            prompt=st.integers(100, 10**9),
            completion=st.integers(100, 10**9),
            cached=st.integers(0, 100),
            cache_write=st.integers(0, 100),
            reasoning=st.integers(0, 100),
        )
    )
    def test_what_is_written_is_read_back(self, usage: TokenUsage) -> None:
        assert usage_of(**wire_usage(usage)) == usage


class TestChunks:
    @given(
        st.fixed_dictionaries(
            {},
            optional={
                "choices": json_values
                | st.lists(
                    st.fixed_dictionaries(
                        {},
                        optional={
                            "index": json_values,
                            "delta": json_values
                            | st.fixed_dictionaries(
                                {},
                                optional={
                                    "content": json_values,
                                    "tool_calls": json_values,
                                    "reasoning": json_values,
                                    "function_call": json_values,
                                },
                            ),
                            "finish_reason": json_values,
                        },
                    ),
                    max_size=3,
                ),
                "usage": json_values,
                "error": json_values,
                "id": json_values,
                "model": json_values,
            },
        )
    )
    def test_any_object_is_read(self, value: dict[str, Any]) -> None:
        assert isinstance(read_chunk(json.dumps(value).encode()), WireChunk)

    @given(json_values.filter(lambda value: not isinstance(value, dict)))
    def test_anything_else_is_refused(self, value: Any) -> None:
        with pytest.raises(ValueError, match="JSON object"):
            read_chunk(json.dumps(value).encode())

    def test_calls_of_odd_types(self) -> None:
        calls = [
            {"index": "0", "id": 7, "function": {"name": "f", "arguments": {"a": 1}}},
            {"index": 1, "function": None},
            "x",
        ]
        chunk = read_chunk(json.dumps({"choices": [{"delta": {"tool_calls": calls}}]}).encode())
        assert chunk.choices is not None
        assert chunk.choices[0].delta is not None
        found = chunk.choices[0].delta.tool_calls
        assert found is not None
        assert [(call.index, call.id) for call in found] == [(None, "7"), (1, None)]
        assert found[0].function is not None
        assert found[0].function.arguments == '{"a":1}'

    def test_odd_additions_are_skipped(self) -> None:
        choice = {
            "delta": {
                "content": ["no part"],
                "reasoning_details": [5, {"type": "x"}],
                "tool_calls": [{"extra_content": {"google": 5}}],
            },
            "logprobs": {"content": [{"token": 5}]},
            "stop_reason": 2,
        }
        chunk = read_chunk(json.dumps({"choices": [choice, 7]}).encode())
        assert chunk.in_parts
        assert chunk.choices is not None
        found = chunk.choices[0]
        assert found.delta is not None
        assert found.delta.reasoning_details == [{"type": "x"}]
        assert found.delta.tool_calls is not None
        assert found.delta.tool_calls[0].extra_content is None
        assert (found.logprobs, found.stop_reason) == (None, None)

    def test_no_server_can_say_what_only_the_reader_says(self) -> None:
        assert not read_chunk(b'{"choices":[],"in_parts":true}').in_parts

    def test_infinities_of_careless_servers(self) -> None:
        assert load_object(b'{"logprob": -Infinity}') == {"logprob": float("-inf")}


class TestFinish:
    @pytest.mark.parametrize(
        ("word", "reason"),
        [
            ("stop", FinishReason.STOP),
            ("eos", FinishReason.STOP),
            ("length", FinishReason.LENGTH),
            ("function_call", FinishReason.TOOL_CALLS),
            ("content_filter", FinishReason.CONTENT_FILTER),
        ],
    )
    def test_words_of_all_servers(self, word: str, reason: FinishReason) -> None:
        assert finish_of(word, "box") is reason

    @pytest.mark.parametrize("word", ["error", "abort"])
    def test_an_answer_that_was_given_up(self, word: str) -> None:
        with pytest.raises(UpstreamFailed, match="box"):
            finish_of(word, "box")


class TestFaults:
    @pytest.mark.parametrize(
        ("error", "status", "message", "code"),
        [
            ("out of memory", None, "out of memory", None),
            ({"message": "m", "code": 503}, 503, "m", None),
            ({"message": "m", "code": "c"}, None, "m", "c"),
            ({"message": "m", "status": 429}, 429, "m", None),
            ({"message": "m", "code": 7}, None, "m", None),
            ({"detail": "d"}, None, "d", None),
            ({"message": ["?"]}, None, "", None),
            ({}, None, "", None),
            (5, None, "", None),
        ],
    )
    def test_every_form(
        self, error: object, status: int | None, message: str, code: str | None
    ) -> None:
        fault = read_fault(error)
        assert (fault.status, fault.message, fault.code) == (status, message, code)

    def test_the_status_of_the_answer_wins(self) -> None:
        assert read_fault({"code": 503}, status=400).status == 400
