"""What a client is told when nothing can serve its request."""

from __future__ import annotations

from typing import Any

import pytest
from tests.routing.catalogs import CALLER, LOCAL_CALLER, caller, facts, model, provider, snapshot

from laird.domain.catalog import Capabilities, Snapshot
from laird.domain.errors import (
    ContextLengthExceeded,
    InvalidRequest,
    LairdError,
    NoLocalProvider,
    NoProvider,
    NotAllowed,
    RateLimited,
    UnsupportedField,
)
from laird.domain.health import ProviderCondition
from laird.domain.keys import Caller
from laird.domain.plan import Conditions
from laird.routing.names import resolve
from laird.routing.plan import plan

PAIR = snapshot(
    [provider("cloud", external=True), provider("ollama", daily_request_limit=9)],
    [
        model("cloud/m", external=True, context_window=9_000),
        model("ollama/m", context_window=4_000),
    ],
)


def refused(
    of: Snapshot = PAIR,
    name: str = "m",
    *,
    by: Caller = CALLER,
    when: Conditions | None = None,
    **wishes: Any,
) -> LairdError:
    with pytest.raises(LairdError) as error:
        plan(facts(name, **wishes), resolve(of, name), by, when or Conditions())
    return error.value


def test_privacy_is_told_first_with_what_keeps_the_local_ones_from_it() -> None:
    error = refused(by=LOCAL_CALLER, prompt_tokens=5_000)

    assert isinstance(error, NoLocalProvider)
    assert "(header)" in error.message
    assert "ollama/m: its context window is 4000 tokens" in error.message
    assert "cloud/m" not in error.message
    alone = refused(name="cloud/m", by=LOCAL_CALLER)
    assert isinstance(alone, NoLocalProvider)
    assert "Local ones" not in alone.message


def test_what_will_serve_later_says_when() -> None:
    when = Conditions(
        health={
            "cloud": ProviderCondition(resting_until=112.0),
            "ollama": ProviderCondition(resting_until=107.0),
        },
        now=100.0,
    )
    error = refused(when=when)

    assert isinstance(error, RateLimited)
    assert error.retry_after_s == 7.0
    assert "cloud/m: it asked for a pause" in error.message


def test_a_daily_limit_is_worth_another_try_when_the_day_is_over() -> None:
    when = Conditions(exhausted=frozenset({"ollama"}), day_left_s=3600.5)
    error = refused(name="ollama/m", when=when)

    assert isinstance(error, RateLimited)
    assert error.retry_after_s == 3600.5
    assert "daily limit of 9 requests" in error.message


def test_a_prompt_that_is_too_long_for_all_names_the_largest() -> None:
    error = refused(prompt_tokens=8_000, max_tokens=2_000)

    assert isinstance(error, ContextLengthExceeded)
    assert error.param == "messages"
    assert "about 8000 tokens and 2000 for the answer" in error.message
    assert "cloud/m, takes 9000" in error.message


def test_a_limit_per_request_is_told_like_a_small_window_since_waiting_is_no_cure() -> None:
    small = snapshot([provider("a", max_tokens_per_request=50)], [model("a/m")])
    when = Conditions(health={"a": ProviderCondition(resting_until=9.0)})
    error = refused(small, when=when, prompt_tokens=60)

    assert isinstance(error, ContextLengthExceeded)
    assert "a/m, takes 50" in error.message


@pytest.mark.parametrize(
    ("lacking", "wish", "param"),
    [
        (Capabilities(function_calling=False), "tools", "tools"),
        (Capabilities(vision=False), "vision", "messages"),
        (Capabilities(json_mode=False), "json_mode", "response_format"),
        (Capabilities(streaming=False), "stream", "stream"),
        (Capabilities(reasoning=False), "reasoning", "reasoning_effort"),
    ],
)
def test_a_missing_ability_names_the_field(lacking: Capabilities, wish: str, param: str) -> None:
    lone = snapshot([provider("a")], [model("a/m", capabilities=lacking)])
    wishes: dict[str, Any] = {wish: True}
    error = refused(lone, **wishes)

    assert isinstance(error, UnsupportedField)
    assert error.param == param
    assert "a/m" in error.message


def test_the_field_to_leave_out_is_the_one_that_the_ablest_model_is_missing() -> None:
    able = [
        model("a/m", capabilities=Capabilities(function_calling=False, vision=False)),
        model("b/m", capabilities=Capabilities(vision=False)),
    ]
    error = refused(snapshot([provider("a"), provider("b")], able), tools=True, vision=True)

    assert isinstance(error, UnsupportedField)
    assert error.param == "messages"
    assert "any candidate" in error.message


def test_a_model_of_the_wrong_sort_is_the_wrong_model() -> None:
    deaf = snapshot([provider("a")], [model("a/m", capabilities=Capabilities(embeddings=False))])
    error = refused(deaf, embeddings=True)

    assert isinstance(error, InvalidRequest)
    assert error.param == "model"
    chatless = snapshot([provider("a")], [model("a/nomic-embed-text")])
    assert isinstance(refused(chatless, "auto"), InvalidRequest)


def test_a_key_without_the_right_is_told_so() -> None:
    error = refused(by=caller(allowed_models=frozenset({"other"})))

    assert isinstance(error, NotAllowed)
    assert "'laptop'" in error.message


def test_of_several_reasons_the_one_that_helps_most_is_told() -> None:
    resting = Conditions(health={"ollama": ProviderCondition(resting_until=5.0)})
    too_long_or_resting = refused(when=resting, by=caller(allowed_providers=frozenset({"ollama"})))
    too_long_or_barred = refused(
        by=caller(allowed_providers=frozenset({"ollama"})), prompt_tokens=5_000
    )

    assert isinstance(too_long_or_resting, RateLimited)
    assert isinstance(too_long_or_barred, ContextLengthExceeded)


def test_nothing_there_says_what_is_missing() -> None:
    off = snapshot(
        [provider(f"p{n}", enabled=False) for n in range(5)], [model(f"p{n}/m") for n in range(5)]
    )
    error = refused(off)

    assert isinstance(error, NoProvider)
    assert "p0/m: its provider is disabled" in error.message
    assert "and 2 more" in error.message
    empty = refused(snapshot([provider("a")], []), "a")
    assert isinstance(empty, NoProvider)
    assert "Add a provider with a model" in empty.message
