"""Settings and thinking as Gemini has them."""

from __future__ import annotations

from typing import Any

import pytest
from tests.providers.gemini.asked import OLD, F
from tests.providers.gemini.gemini_wire import body_of, chat

from laird.domain.chat import (
    ResponseFormat,
    Sampling,
)
from laird.domain.errors import UnsupportedField


class TestSettings:
    def test_sampling(self) -> None:
        sampling = Sampling(
            temperature=0.0,
            top_p=0.9,
            top_k=40,
            stop=("END",),
            seed=0,
            n=1,
            presence_penalty=0.5,
            frequency_penalty=0.0,
            logprobs=True,
            top_logprobs=3,
            logit_bias={},
        )
        assert body_of(chat(sampling=sampling, max_tokens=99))["generationConfig"] == {
            "maxOutputTokens": 99,
            "temperature": 0.0,
            "topP": 0.9,
            "topK": 40,
            "seed": 0,
            "stopSequences": ["END"],
            "presencePenalty": 0.5,
            "responseLogprobs": True,
            "logprobs": 3,
        }

    @pytest.mark.parametrize(
        ("sampling", "config"),
        [
            (Sampling(logprobs=True), {"responseLogprobs": True}),
            (Sampling(logprobs=False, top_logprobs=0), None),
            (Sampling(logprobs=True, top_logprobs=0), {"responseLogprobs": True}),
        ],
    )
    def test_logprobs(self, sampling: Sampling, config: dict[str, Any] | None) -> None:
        assert body_of(chat(sampling=sampling)).get("generationConfig") == config

    def test_nothing_said_sends_nothing(self) -> None:
        assert list(body_of(chat())) == ["contents"]

    @pytest.mark.parametrize(
        ("field", "sampling"),
        [("n", Sampling(n=2)), ("logit_bias", Sampling(logit_bias={"1": 5.0}))],
    )
    def test_what_has_no_equal_is_refused(self, field: str, sampling: Sampling) -> None:
        with pytest.raises(UnsupportedField) as caught:
            body_of(chat(sampling=sampling))
        assert caught.value.param == field

    def test_formats(self) -> None:
        json_type = {"responseMimeType": "application/json"}
        schema = {"type": "object", "properties": {"a": {"type": "string"}}}
        for wanted, config in (
            (ResponseFormat(kind="text"), None),
            (ResponseFormat(kind="json_object"), json_type),
            (
                ResponseFormat(kind="json_schema", schema={"$schema": "x", **schema}),
                {"responseJsonSchema": schema, **json_type},
            ),
        ):
            assert body_of(chat(response_format=wanted)).get("generationConfig") == config

    @pytest.mark.parametrize("kind", ["json_schema", "grammar"])
    def test_other_formats_are_refused(self, kind: str) -> None:
        with pytest.raises(UnsupportedField) as caught:
            body_of(chat(response_format=ResponseFormat(kind=kind)))
        assert caught.value.param == "response_format"

    def test_json_beside_tools_needs_a_model_that_can(self) -> None:
        request = chat(tools=(F,), response_format=ResponseFormat(kind="json_object"))
        body_of(request, "gemini-3.5-flash")
        with pytest.raises(UnsupportedField) as caught:
            body_of(request, OLD)
        assert caught.value.param == "response_format"
        body_of(chat(tools=(F,), response_format=ResponseFormat(kind="text")), OLD)


class TestThinking:
    @pytest.mark.parametrize(
        ("upstream", "effort", "config"),
        [
            ("gemini-2.5-flash", "none", {"thinkingBudget": 0}),
            ("gemini-2.5-flash-lite", "none", {"thinkingBudget": 0}),
            ("gemini-2.5-pro", "none", {"thinkingBudget": 128}),
            ("gemini-2.5-pro", "minimal", 1024),
            ("gemini-2.5-pro", "medium", 8192),
            ("gemini-2.5-pro", "xhigh", 32768),
            ("gemini-2.5-flash", "xhigh", 24576),
            ("models/gemini-2.5-flash-preview-09-2025", "high", 24576),
            ("gemini-3-pro-preview", "medium", "LOW"),
            ("gemini-3-pro-preview", "high", "HIGH"),
            ("gemini-3.1-pro-preview", "minimal", "LOW"),
            ("gemini-3.1-pro-preview", "medium", "MEDIUM"),
            ("gemini-3-flash-preview", "minimal", "MINIMAL"),
            ("gemini-3.5-flash-lite", "none", {"thinkingLevel": "MINIMAL"}),
            ("gemini-3.8-flash", "minimal", "LOW"),
            ("gemini-3.8-flash", "max", "HIGH"),
            ("gemini-4-argon", "none", {"thinkingLevel": "LOW"}),
            ("gemini-flash-latest", "medium", "MEDIUM"),
            ("tunedModels/mine", "high", "HIGH"),
            ("gemma-4-31b-it", "none", {"thinkingLevel": "MINIMAL"}),
            ("gemma-4-31b-it", "high", "HIGH"),
            ("gemini-2.0-flash", "none", None),
            ("gemma-3-27b-it", "none", None),
        ],
    )
    def test_an_effort(self, upstream: str, effort: str, config: Any) -> None:
        if isinstance(config, int):
            config = {"thinkingBudget": config, "includeThoughts": True}
        elif isinstance(config, str):
            config = {"thinkingLevel": config, "includeThoughts": True}
        body = body_of(chat(reasoning_effort=effort), upstream)
        assert body.get("generationConfig", {}).get("thinkingConfig") == config

    @pytest.mark.parametrize(
        ("upstream", "budget", "config"),
        [
            ("gemini-2.5-flash", 5000, {"thinkingBudget": 5000, "includeThoughts": True}),
            ("gemini-2.5-flash", 0, {"thinkingBudget": 0}),
            ("gemini-2.5-flash-lite", 5, {"thinkingBudget": 512, "includeThoughts": True}),
            ("gemini-2.5-pro", 99999, {"thinkingBudget": 32768, "includeThoughts": True}),
            ("gemini-3.5-flash", 1024, {"thinkingLevel": "LOW", "includeThoughts": True}),
            ("gemini-3.5-flash", 8000, {"thinkingLevel": "MEDIUM", "includeThoughts": True}),
            ("gemini-3.5-flash", 32000, {"thinkingLevel": "HIGH", "includeThoughts": True}),
            ("gemini-4-argon", 0, {"thinkingLevel": "LOW"}),
        ],
    )
    def test_a_budget(self, upstream: str, budget: int, config: dict[str, Any]) -> None:
        body = body_of(chat(reasoning_budget=budget), upstream)
        assert body["generationConfig"]["thinkingConfig"] == config

    @pytest.mark.parametrize(
        ("upstream", "field", "value"),
        [
            ("gemini-2.0-flash", "reasoning_effort", "low"),
            ("gemini-1.5-pro", "reasoning_budget", 2000),
            ("gemini-3.5-flash", "reasoning_effort", "enormous"),
        ],
    )
    def test_what_can_not_be_thought_is_refused(
        self, upstream: str, field: str, value: Any
    ) -> None:
        with pytest.raises(UnsupportedField) as caught:
            body_of(chat(**{field: value}), upstream)
        assert caught.value.param == field
