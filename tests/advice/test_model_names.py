"""Names of one model, written by different people."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laird.advice.names import canonical


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["gpt-4o", "gpt-4o-2024-08-06", "GPT-4o", "openai/gpt-4o", "gpt-4o-latest"], "gpt-4o"),
        (["gpt-4o-mini", "gpt-4o-mini-2024-07-18"], "gpt-4o-mini"),
        (["gpt-4", "gpt-4-0613"], "gpt-4"),
        (["gpt-4-1106-preview"], "gpt-4-preview"),
        (["gemini-2.5-pro", "models/gemini-2.5-pro"], "gemini-2.5-pro"),
        (["mistral-large-2411"], "mistral-large-2411"),
        (["llama3.2:3b"], "llama3.2:3b"),
        (
            [
                "claude-haiku-4-5",
                "claude-haiku-4-5-20251001",
                "Claude Haiku 4.5",
                "claude-haiku-4-5@20251001",
                "us.anthropic.claude-haiku-4-5-20251001-v1:0",
                "anthropic/claude-haiku-4.5",
            ],
            "claude-haiku-4-5",
        ),
        (["claude-3-5-haiku-20241022", "Claude Haiku 3.5", "claude-3-5-haiku-latest"],
         "claude-haiku-3-5"),
        (["claude-opus-4-20250514", "Claude Opus 4", "claude-opus-4-0"], "claude-opus-4"),
        (["claude-opus-4-1"], "claude-opus-4-1"),
        ([""], ""),
    ],
)  # fmt: skip
def test_names_of_one_model_become_one(names: list[str], expected: str) -> None:
    assert {canonical(name) for name in names} == {expected}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("gpt-4o", "gpt-4o-mini"),
        ("claude-opus-4", "claude-opus-4-1"),
        ("claude-haiku-3", "claude-haiku-3-5"),
        ("o1", "o1-mini"),
        ("gemini-2.0-flash", "gemini-2.5-flash"),
    ],
)
def test_different_models_stay_different(one: str, other: str) -> None:
    assert canonical(one) != canonical(other)


@given(st.text(alphabet="abclude-.0123456789 _@/:", max_size=30))
def test_a_canonical_name_stays_as_it_is(name: str) -> None:
    once = canonical(f"gpt{name}")
    assert canonical(canonical(once)) == canonical(once)
    assert once == once.lower()
