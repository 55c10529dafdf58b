"""Thinking, sampling and formats as the Messages API has them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.providers.anthropic.anthropic_wire import body_of, chat, user
from tests.providers.anthropic.asked import (
    CALL,
    RESULT,
    WEATHER,
    assistant,
    refused,
    system,
    text,
    tool,
)

from laird.domain.chat import (
    ChatRequest,
    Reasoning,
    ResponseFormat,
    Sampling,
    Text,
    ToolChoice,
)


class TestThinking:
    def test_thinking_is_echoed_unchanged_before_the_call(self) -> None:
        thought = Reasoning(text=" Let me see.\n", signature="sig==")
        hidden = Reasoning(redacted="opaque==")
        body = body_of(
            chat(user(), assistant(thought, hidden, CALL), tool(RESULT), tools=(WEATHER,))
        )
        assert body["messages"][1]["content"][:2] == [
            {"type": "thinking", "thinking": " Let me see.\n", "signature": "sig=="},
            {"type": "redacted_thinking", "data": "opaque=="},
        ]

    def test_thinking_that_comes_last_is_put_first(self) -> None:
        thought = Reasoning(text="Hm.", signature="s")
        body = body_of(chat(user(), assistant(Text("Yes."), CALL, thought), tool(RESULT)))
        kinds = [block["type"] for block in body["messages"][1]["content"]]
        assert kinds == ["thinking", "text", "tool_use"]

    def test_thinking_in_between_keeps_its_place(self) -> None:
        parts = (
            Reasoning(text="a", signature="1"),
            Text("x"),
            Reasoning(text="b", signature="2"),
            CALL,
        )
        body = body_of(chat(user(), assistant(*parts), tool(RESULT)))
        kinds = [block["type"] for block in body["messages"][1]["content"]]
        assert kinds == ["thinking", "text", "thinking", "tool_use"]

    def test_thinking_of_other_providers_is_left_out(self) -> None:
        foreign = (
            Reasoning(text="Hm.", signature="gemini:c2ln"),
            Reasoning(text="Hm.", redacted="openai:gAAA"),
        )
        body = body_of(chat(user(), assistant(*foreign, Text("Yes.")), user("?")))
        assert body["messages"][1]["content"] == [{"type": "text", "text": "Yes."}]

    def test_thinking_without_a_signature_is_left_out(self) -> None:
        body = body_of(chat(user(), assistant(Reasoning(text="Hm."), Text("Yes.")), user("?")))
        assert body["messages"][1]["content"] == [text("Yes.")]

    @pytest.mark.parametrize(
        ("upstream", "effort", "thinking", "level"),
        [
            ("claude-opus-5", "minimal", "adaptive", "low"),
            ("claude-opus-5", "high", "adaptive", "high"),
            ("claude-opus-5", "xhigh", "adaptive", "xhigh"),
            ("claude-opus-4-6", "xhigh", "adaptive", "high"),
            ("claude-opus-4-6", "max", "adaptive", "max"),
            ("claude-opus-4-5-20251101", "medium", "enabled", "medium"),
            ("claude-haiku-4-5", "medium", "enabled", None),
            ("claude-opus-4-20250514", "high", "enabled", None),
            ("claude-3-7-sonnet-20250219", "low", "enabled", None),
            ("some-model", "low", "adaptive", "low"),
            ("claude-mythos-preview", "low", "adaptive", "low"),
            ("claude-opus-5", "none", "disabled", None),
            ("claude-sonnet-5-5", "none", "between_tools", None),
            ("claude-opus-4-8", "none", None, None),
            ("claude-3-5-haiku-latest", "none", None, None),
            ("claude-opus-5", None, None, None),
        ],
    )
    def test_effort_in_the_words_of_each_generation(
        self, upstream: str, effort: str | None, thinking: str | None, level: str | None
    ) -> None:
        body = body_of(chat(reasoning_effort=effort, max_tokens=10_000), upstream)
        assert body.get("thinking", {}).get("type") == thinking
        assert body.get("output_config", {}).get("effort") == level

    @pytest.mark.parametrize("max_tokens", [1025, 2000, 64_000])
    @pytest.mark.parametrize("effort", ["minimal", "low", "medium", "high", "xhigh", "max"])
    def test_a_share_of_max_tokens_stays_between_its_bounds(
        self, effort: str, max_tokens: int
    ) -> None:
        request = chat(reasoning_effort=effort, max_tokens=max_tokens)
        budget = body_of(request, "claude-haiku-4-5")["thinking"]["budget_tokens"]
        assert 1024 <= budget < max_tokens

    def test_a_budget_is_kept_where_the_model_takes_one(self) -> None:
        request = chat(reasoning_budget=2048, max_tokens=4096)
        for upstream in ("claude-sonnet-4-5", "claude-opus-4-6"):
            assert body_of(request, upstream)["thinking"] == {
                "type": "enabled",
                "budget_tokens": 2048,
            }

    @pytest.mark.parametrize(
        ("request_", "upstream", "field"),
        [
            (chat(reasoning_budget=2048), "claude-opus-4-7", "reasoning_budget"),
            (chat(reasoning_budget=512), "claude-haiku-4-5", "reasoning_budget"),
            (chat(reasoning_budget=4096, max_tokens=4096), "claude-haiku-4-5", "reasoning_budget"),
            (chat(reasoning_effort="low", max_tokens=1024), "claude-haiku-4-5", "reasoning_effort"),
            (chat(reasoning_effort="huge"), "claude-opus-5", "reasoning_effort"),
            (chat(reasoning_effort="low"), "claude-3-5-haiku-latest", "reasoning_effort"),
            (chat(reasoning_budget=2048), "claude-3-opus-20240229", "reasoning_budget"),
            (chat(reasoning_effort="low"), "claude-instant-1.2", "reasoning_effort"),
        ],
    )
    def test_what_a_model_can_not_think_is_refused(
        self, request_: ChatRequest, upstream: str, field: str
    ) -> None:
        assert refused(request_, upstream) == field

    def test_a_budget_of_zero_turns_thinking_off(self) -> None:
        assert body_of(chat(reasoning_budget=0))["thinking"] == {"type": "disabled"}

    @pytest.mark.parametrize(
        ("upstream", "effort"), [("claude-opus-5", "high"), ("claude-haiku-4-5", None)]
    )
    def test_a_forced_call_does_not_think(self, upstream: str, effort: str | None) -> None:
        request = chat(
            tools=(WEATHER,), tool_choice=ToolChoice(mode="required"), reasoning_effort="high"
        )
        body = body_of(request, upstream)
        assert "thinking" not in body
        assert body.get("output_config", {}).get("effort") == effort

    @pytest.mark.parametrize("more", [{"reasoning_effort": "low"}, {"reasoning_budget": 2048}])
    def test_a_tool_turn_that_lost_its_thinking_does_not_think_for_a_budget(
        self, more: Any
    ) -> None:
        lost = chat(user(), assistant(CALL), tool(RESULT), tools=(WEATHER,), **more)
        assert "thinking" not in body_of(lost, "claude-sonnet-4-5")
        thought = Reasoning(text="Hm.", signature="s")
        kept = chat(user(), assistant(thought, CALL), tool(RESULT), tools=(WEATHER,), **more)
        assert body_of(kept, "claude-sonnet-4-5")["thinking"]["type"] == "enabled"

    def test_a_tool_turn_that_lost_its_thinking_may_think_adaptively(self) -> None:
        lost = chat(user(), assistant(CALL), tool(RESULT), tools=(WEATHER,), reasoning_effort="low")
        assert body_of(lost, "claude-opus-4-8")["thinking"]["type"] == "adaptive"

    @pytest.mark.parametrize(
        "sampling", [Sampling(temperature=0.5), Sampling(top_p=0.9), Sampling(top_k=5)]
    )
    def test_sampling_and_thinking_exclude_each_other(self, sampling: Sampling) -> None:
        request = chat(sampling=sampling, reasoning_effort="low")
        assert refused(request) in {"temperature", "top_p", "top_k"}


class TestSampling:
    def test_what_the_api_has_is_passed_on(self) -> None:
        sampling = Sampling(temperature=0.0, top_p=0.9, top_k=40, stop=("END", "\n\nHuman:"))
        body = body_of(chat(sampling=sampling, max_tokens=5, stream=True))
        assert body["temperature"] == 0.0
        assert body["top_p"] == 0.9
        assert body["top_k"] == 40
        assert body["stop_sequences"] == ["END", "\n\nHuman:"]
        assert body["max_tokens"] == 5
        assert body["stream"] is True

    def test_the_models_limit_comes_before_the_default(self) -> None:
        assert body_of(chat(), max_tokens=64_000)["max_tokens"] == 64_000
        assert body_of(chat(max_tokens=7), max_tokens=64_000)["max_tokens"] == 7

    def test_values_that_ask_for_nothing_are_not_sent(self) -> None:
        sampling = Sampling(
            temperature=1.0,
            top_p=1,
            n=1,
            presence_penalty=0.0,
            frequency_penalty=0,
            logprobs=False,
            top_logprobs=0,
            logit_bias={},
        )
        assert body_of(chat(sampling=sampling)).keys() == {"model", "max_tokens", "messages"}

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("temperature", 1.5),
            ("n", 2),
            ("seed", 0),
            ("seed", 42),
            ("presence_penalty", 0.5),
            ("frequency_penalty", -0.5),
            ("logprobs", True),
            ("top_logprobs", 3),
            ("logit_bias", {"50256": -100}),
            ("stop", ("\n",)),
            ("stop", ("END", "")),
        ],
    )
    def test_what_the_api_lacks_is_refused_by_name(self, field: str, value: Any) -> None:
        assert refused(chat(sampling=Sampling(**{field: value}))) == field


class TestFormats:
    def test_plain_text_needs_nothing(self) -> None:
        body = body_of(chat(response_format=ResponseFormat(kind="text")))
        assert "output_config" not in body

    def test_a_schema_is_sent_natively_and_closed(self) -> None:
        item = {"type": "object", "properties": {"properties": {"type": "string"}}}
        schema = {
            "type": "object",
            "properties": {
                "list": {"type": "array", "items": item},
                "either": {"anyOf": [{"$ref": "#/$defs/inner"}, {"type": "null"}]},
                "open": {"type": "object", "properties": {}, "additionalProperties": True},
                "free": {"type": "object"},
                "flag": True,
            },
            "$defs": {"inner": {"type": "object", "properties": {"a": {"enum": [{"x": 1}]}}}},
        }
        before = json.dumps(schema)
        format_ = ResponseFormat(kind="json_schema", name="n", schema=schema, strict=True)
        sent = body_of(chat(response_format=format_, reasoning_effort="low"))["output_config"]
        assert sent["effort"] == "low"
        assert sent["format"]["type"] == "json_schema"
        closed = sent["format"]["schema"]
        assert closed["additionalProperties"] is False
        assert closed["properties"]["list"]["items"] == {**item, "additionalProperties": False}
        assert closed["$defs"]["inner"]["additionalProperties"] is False
        assert closed["properties"]["open"]["additionalProperties"] is True
        assert closed["properties"]["free"] == {"type": "object"}
        assert json.dumps(schema) == before

    def test_any_json_object_is_asked_for_in_words(self) -> None:
        format_ = ResponseFormat(kind="json_object")
        body = body_of(chat(system("Be brief."), user(), response_format=format_))
        assert body["system"][0] == text("Be brief.")
        assert "JSON" in body["system"][1]["text"]
        assert "output_config" not in body

    @pytest.mark.parametrize(
        "format_", [ResponseFormat(kind="grammar"), ResponseFormat(kind="json_schema", name="n")]
    )
    def test_other_formats_are_refused(self, format_: ResponseFormat) -> None:
        assert refused(chat(response_format=format_)) == "response_format"
