"""Which model could do another one's work."""

from __future__ import annotations

import pytest
from tests.advice.world import model, usd

from laird.advice.alternatives import Use, fit, writes
from laird.domain.catalog import Capabilities

USE = Use()


def able(**changes: bool | None) -> Capabilities:
    return Capabilities(**changes)


def test_what_a_model_is_known_to_have_the_other_must_be_known_to_have() -> None:
    source = model("a/x", capabilities=able(function_calling=True, vision=True))
    knows = model("b/y", capabilities=able(function_calling=True, vision=True))
    lacks = model("b/y", capabilities=able(function_calling=True, vision=False))
    silent = model("b/y", capabilities=able(function_calling=True))
    assert fit(source, knows, USE).suits
    assert fit(source, lacks, USE).missing == ("images",)
    assert fit(source, silent, USE).missing == ("images",)


def test_what_nobody_knows_of_either_is_let_through_and_said() -> None:
    source, other = model("a/x", capabilities=able()), model("b/y", capabilities=able())
    compared = fit(source, other, USE)
    assert compared.suits
    assert set(compared.unknown) == {
        "streams", "tools", "images", "JSON output", "embeddings", "reasoning",
    } - {"embeddings"}  # fmt: skip
    refuses = model("b/y", capabilities=able(vision=False))
    assert fit(source, refuses, USE).missing == ("images",)


def test_what_a_model_can_not_do_nobody_needs() -> None:
    source = model("a/x", capabilities=able(vision=False, function_calling=False))
    other = model("b/y", capabilities=able(streaming=True, json_mode=True, reasoning=True))
    assert "images" not in fit(source, other, USE).missing


def test_reasoning_and_streams_are_needed_where_they_were_used() -> None:
    source = model("a/x", capabilities=able(reasoning=True, streaming=True))
    other = model("b/y", capabilities=able(reasoning=False, streaming=False))
    assert fit(source, other, USE).missing == ("streams", "reasoning")
    assert fit(source, other, Use(streaming=False, reasoning=False)).suits


def test_the_same_model_elsewhere_can_do_the_same_unless_somebody_says_no() -> None:
    source = model("openai/gpt-4o", capabilities=able(vision=True))
    azure = model("azure/four", upstream_model="gpt-4o-2024-08-06", capabilities=able())
    compared = fit(source, azure, USE)
    assert compared.same
    assert compared.suits
    assert compared.unknown == ()
    without = model("azure/four", upstream_model="gpt-4o", capabilities=able(vision=False))
    assert fit(source, without, USE).missing == ("images",)


def test_vectors_of_another_model_are_no_vectors_of_this_one() -> None:
    use = Use(embeddings=True)
    source = model("a/embed-1", capabilities=able(embeddings=True))
    assert not fit(source, model("b/embed-2", capabilities=able(embeddings=True)), use).suits
    same = model("b/embed-1", capabilities=able(embeddings=True))
    assert fit(source, same, use).suits


@pytest.mark.parametrize(
    ("name", "changes", "expected"),
    [
        ("gpt-4o", {}, True),
        ("text-embedding-3-small", {}, False),
        ("rerank-v3", {}, False),
        ("vectors", {"capabilities": able(embeddings=True)}, False),
        ("both", {"capabilities": able(embeddings=True, function_calling=True)}, True),
        ("silent", {"pricing": usd(1, 0)}, False),
        ("free", {"pricing": usd(0, 0)}, True),
        ("dear", {"pricing": usd(1, 2)}, True),
    ],
)
def test_who_answers_in_text(name: str, changes: dict[str, object], expected: bool) -> None:
    found = model(f"a/{name}", **changes)  # type: ignore[arg-type]
    assert writes(found) is expected
    if not expected:
        assert fit(model("b/chat"), found, USE).missing == ("text answers",)
