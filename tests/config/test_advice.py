from __future__ import annotations

import pytest
from tests.config.world import CompileText


def provider(fields: str, model: str = "a") -> str:
    return f"providers: [{{id: o, {fields}, models: [{model}]}}]"


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (
            "providers: [{id: o, kind: ollama, maxConcurrent: 500, models: [a]}]",
            "500 requests at once are a lot for a local server",
        ),
        (
            provider("kind: openai, authSecret: env:K, gpu: true, maxConcurrent: 65"),
            "a lot for a GPU",
        ),
        (
            "providers: [{id: o, kind: ollama, timeouts: {total: 5}, models: [a]}]",
            "total (5 s) is shorter than firstByte (60 s)",
        ),
        (
            "providers: [{id: o, kind: ollama, healthCheckTimeout: 60, models: [a]}]",
            "healthCheckTimeout is longer",
        ),
        (
            "providers: [{id: o, kind: openai, authSecret: sk-written-out, models: [a]}]",
            "is written out in the document",
        ),
        (
            "providers: [{id: o, kind: openai, authSecret: env:UNSET, models: [a]}]",
            "the environment variable UNSET is not set",
        ),
        ("providers: [{id: o, kind: openai, models: [a]}]", "has no credential"),
        (
            "providers: [{id: o, kind: openai, authType: null, authSecret: env:K, models: [a]}]",
            "authType null does not send it",
        ),
        (
            "providers: [{id: a, kind: ollama, models: [x]}, {id: b, kind: ollama, models: [x]}]",
            "have the same endpoint",
        ),
        (
            provider("kind: openai, authSecret: env:K, endpoint: 'http://api.example.com/v1'"),
            "is not encrypted",
        ),
        (
            provider("kind: vllm, type: local, endpoint: 'https://vllm.example.com'"),
            "is called local, but",
        ),
        (
            'providers: [{id: o, kind: vllm, endpoint: "https://vllm.example.com", models: [a]}]',
            "counts as external",
        ),
        ("providers: [{id: o, kind: ollama}]", "has no models"),
        (
            "providers: [{id: o, kind: ollama, models: [{id: a, contextWindow: 5, maxTokens: 9}]}]",
            "maxTokens (9) is more than contextWindow (5)",
        ),
        (
            provider("kind: ollama", "{id: a, pricing: {input: 0, output: 2000}}"),
            "more than 1000 USD per million",
        ),
        (
            "providers: [{id: o, kind: ollama, models: [{id: a, costPer1kTokens: 3}]}]",
            "USD per thousand",
        ),
        (
            "providers: [{id: o, kind: ollama, models: [a, b]}]\naliases: {a: b}",
            "the alias 'a' hides the model",
        ),
    ],
)
def test_the_unusual_is_a_warning_and_no_error(
    compile_text: CompileText, text: str, warning: str
) -> None:
    (only,) = compile_text(text, K="k").warnings
    assert warning in only
    assert only.startswith("providers.yaml:")
    assert "sk-written-out" not in only


def test_a_disabled_provider_needs_no_credential(compile_text: CompileText) -> None:
    text = "providers: [{id: o, kind: openai, enabled: false, models: [a]}]"
    assert compile_text(text).warnings == ()


def test_a_variable_for_no_provider_is_told(compile_text: CompileText) -> None:
    text = "providers: [{id: my-box, kind: ollama, models: [a]}]"
    (warning,) = compile_text(text, PROVIDER_MYBOX_ENABLED="false").warnings
    assert warning.startswith("PROVIDER_MYBOX_ENABLED is set, but no provider has that id.")
    assert "MY_BOX" in warning


def test_a_variable_that_fits_two_providers_is_told(compile_text: CompileText) -> None:
    text = (
        "providers:\n"
        "  - {id: a-b, kind: ollama, models: [x]}\n"
        "  - {id: a.b, kind: vllm, models: [x]}\n"
    )
    snapshot = compile_text(text, PROVIDER_A_B_ENABLED="no")
    assert [provider.enabled for provider in snapshot.providers.values()] == [False, False]
    assert snapshot.warnings == (
        "PROVIDER_A_B_ENABLED is set, and it holds for a-b and a.b alike.",
    )
