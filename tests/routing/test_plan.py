"""Who is tried, who is not, and why."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from tests.routing.catalogs import (
    CALLER,
    LOCAL_CALLER,
    caller,
    callers,
    chain,
    conditions,
    facts,
    model,
    names,
    priced,
    provider,
    requests,
    snapshot,
    snapshots,
)

from laird.domain.catalog import Capabilities, Egress, Pricing, Rate, Snapshot, Tier
from laird.domain.errors import LairdError, ModelNotFound, NoLocalProvider
from laird.domain.health import HealthStatus, ProviderCondition
from laird.domain.keys import Caller
from laird.domain.plan import Conditions, DropReason, Plan, RequestFacts
from laird.routing.names import resolve
from laird.routing.plan import plan, weigh

OFFLINE = ProviderCondition(status=HealthStatus.OFFLINE, admits=False, error="refused")
DEGRADED = ProviderCondition(status=HealthStatus.DEGRADED)

HOME = snapshot(
    [provider("cloud", external=True), provider("ollama", max_concurrent=1), provider("studio")],
    [
        model("cloud/m", external=True, context_window=100_000, pricing=priced(1)),
        model("ollama/m", context_window=4_000, capabilities=Capabilities(vision=False)),
        model("studio/m", context_window=8_000, capabilities=Capabilities(vision=False)),
    ],
)


def planned(
    name: str = "m",
    *,
    of: Snapshot = HOME,
    by: Caller = CALLER,
    when: Conditions | None = None,
    **wishes: Any,
) -> Plan:
    return weigh(facts(name, **wishes), resolve(of, name), by, when or Conditions())


def tried(result: Plan) -> list[str]:
    return [each.model.key for each in result.attempts]


def left_out(result: Plan) -> dict[str, DropReason]:
    return {f"{each.provider_id}/{each.model_id}": each.reason for each in result.dropped}


def test_a_plan_says_what_was_asked_what_it_meant_and_how_it_was_ordered() -> None:
    result = planned()

    assert (result.requested, result.resolved, result.strategy) == ("m", "model:m", "default")
    assert tried(result) == ["ollama/m", "studio/m", "cloud/m"]
    assert [each.reason for each in result.attempts] == [
        "local, free",
        "local, free",
        "external, priced",
    ]


def test_a_local_request_leaves_external_models_out() -> None:
    result = planned(by=LOCAL_CALLER)

    assert tried(result) == ["ollama/m", "studio/m"]
    assert left_out(result) == {"cloud/m": DropReason.PRIVACY}


@pytest.mark.parametrize(
    "leaky",
    [
        snapshot([provider("ollama")], [model("ollama/big-cloud", external=True)]),
        snapshot([provider("openai", external=True)], [model("openai/gpt")]),
    ],
)
def test_a_model_is_local_only_when_neither_it_nor_its_provider_is_external(
    leaky: Snapshot,
) -> None:
    with pytest.raises(NoLocalProvider):
        plan(facts(), resolve(leaky, "auto"), LOCAL_CALLER, Conditions())


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"allowed_models": frozenset({"m"})}, ["ollama/m", "studio/m", "cloud/m"]),
        ({"allowed_models": frozenset({"studio/m"})}, ["studio/m"]),
        ({"allowed_models": frozenset({"other"})}, []),
        ({"allowed_providers": frozenset({"cloud"})}, ["cloud/m"]),
    ],
)
def test_a_key_reaches_only_its_models_and_providers(
    limits: dict[str, frozenset[str]], expected: list[str]
) -> None:
    result = planned(by=caller(**limits))

    assert tried(result) == expected
    assert set(left_out(result).values()) <= {DropReason.KEY_POLICY}


def test_a_key_that_may_use_a_chain_or_an_alias_may_use_what_they_lead_to() -> None:
    home = snapshot(
        [provider("a"), provider("b")],
        [model("a/m"), model("b/n")],
        chains=[chain("c", "a/m"), chain("safety", "b/n")],
        aliases={"fast": "b/n"},
        fallback="safety",
    )
    by_chain = caller(allowed_models=frozenset({"c"}))

    assert tried(planned("c", of=home, by=by_chain)) == ["a/m"]
    assert tried(planned("a/m", of=home, by=by_chain)) == []
    by_alias = caller(allowed_models=frozenset({"fast"}))
    assert tried(planned("fast", of=home, by=by_alias)) == ["b/n"]
    assert tried(planned("b/n", of=home, by=by_alias)) == []
    both = caller(allowed_models=frozenset({"c", "safety"}))
    assert tried(planned("c", of=home, by=both)) == ["a/m", "b/n"]
    anything = caller(allowed_models=frozenset({"auto"}))
    assert tried(planned("auto", of=home, by=anything)) == ["a/m", "b/n"]


@pytest.mark.parametrize(
    ("lacking", "wish"),
    [
        (Capabilities(function_calling=False), {"tools": True}),
        (Capabilities(vision=False), {"vision": True}),
        (Capabilities(json_mode=False), {"json_mode": True}),
        (Capabilities(streaming=False), {"stream": True}),
        (Capabilities(embeddings=False), {"embeddings": True}),
        (Capabilities(reasoning=False), {"reasoning": True}),
    ],
)
def test_a_model_is_left_out_when_it_is_known_not_to_be_able(
    lacking: Capabilities, wish: dict[str, Any]
) -> None:
    home = snapshot(
        [provider("a"), provider("b")], [model("a/m", capabilities=lacking), model("b/m")]
    )

    result = planned(of=home, **wish)
    assert tried(result) == ["b/m"]
    assert left_out(result) == {"a/m": DropReason.CAPABILITY}
    assert tried(planned(of=home)) == ["a/m", "b/m"]


def test_prompt_and_answer_must_fit_the_context_window() -> None:
    assert tried(planned(prompt_tokens=4_000)) == ["ollama/m", "studio/m", "cloud/m"]
    result = planned(prompt_tokens=4_000, max_tokens=1)
    assert tried(result) == ["studio/m", "cloud/m"]
    assert left_out(result) == {"ollama/m": DropReason.CONTEXT_WINDOW}
    assert "4000" in result.dropped[0].detail
    assert "4001" in result.dropped[0].detail


def test_a_providers_limits_leave_it_out() -> None:
    home = snapshot(
        [provider("a", max_tokens_per_request=100), provider("b", daily_request_limit=5)],
        [model("a/m"), model("b/m")],
    )

    assert left_out(planned(of=home, prompt_tokens=90, max_tokens=20)) == {"a/m": DropReason.LIMIT}
    used_up = planned(of=home, when=Conditions(exhausted=frozenset({"b"})))
    assert tried(used_up) == ["a/m"]
    assert used_up.dropped[0].detail == "its daily limit of 5 requests is used up"


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (OFFLINE, "it is offline: refused"),
        (ProviderCondition(admits=False), "it is offline"),
        (ProviderCondition(credential_bad=True), "it refused its credential"),
        (ProviderCondition(resting_until=103.5), "it asked for a pause, 4 s of it are left"),
    ],
)
def test_an_unwell_provider_is_passed_by(condition: ProviderCondition, words: str) -> None:
    result = planned(when=Conditions(health={"ollama": condition}, now=100.0))

    assert tried(result) == ["studio/m", "cloud/m"]
    assert [(each.reason, each.detail) for each in result.dropped] == [(DropReason.HEALTH, words)]


def test_a_pause_that_is_over_is_forgotten() -> None:
    rested = Conditions(health={"ollama": ProviderCondition(resting_until=100.0)}, now=100.0)

    assert tried(planned(when=rested))[0] == "ollama/m"


def test_unwell_providers_are_a_last_resort_but_not_resting_ones() -> None:
    when = Conditions(
        health={
            "cloud": OFFLINE,
            "ollama": ProviderCondition(credential_bad=True),
            "studio": ProviderCondition(resting_until=130.0),
        },
        now=100.0,
    )
    result = planned(when=when)

    assert tried(result) == ["cloud/m", "ollama/m"]
    assert result.attempts[0].reason == "last resort: it is offline: refused"
    assert left_out(result) == {"studio/m": DropReason.HEALTH}


def test_a_last_resort_is_never_an_external_one_for_a_local_request() -> None:
    everything_down = dict.fromkeys(HOME.providers, OFFLINE)

    result = planned(by=LOCAL_CALLER, when=Conditions(health=everything_down))
    assert tried(result) == ["ollama/m", "studio/m"]


def test_a_busy_provider_comes_after_its_equals_and_stays_before_dearer_ones() -> None:
    result = planned(when=Conditions(active={"ollama": 1}))

    assert tried(result) == ["studio/m", "ollama/m", "cloud/m"]
    assert result.attempts[1].reason == "local, free, all slots taken"


def test_a_degraded_provider_comes_after_a_healthy_equal() -> None:
    result = planned(when=Conditions(health={"ollama": DEGRADED}))

    assert tried(result) == ["studio/m", "ollama/m", "cloud/m"]
    assert result.attempts[1].reason == "local, free, degraded"


def test_a_chain_without_strategy_keeps_the_order_written_whatever_the_weather() -> None:
    home = snapshot(
        list(HOME.providers.values()),
        list(HOME.models.values()),
        chains=[chain("c", "cloud/m", "ollama/m", "studio/m", max_retries=4, timeout_s=9.0)],
    )
    when = Conditions(health={"cloud": DEGRADED, "studio": OFFLINE}, active={"ollama": 1})
    result = planned("c", of=home, when=when)

    assert result.strategy == "written"
    assert tried(result) == ["cloud/m", "ollama/m"]
    assert [each.reason for each in result.attempts] == [
        "step 1 of chain 'c', degraded",
        "step 2 of chain 'c', all slots taken",
    ]
    assert {(each.max_retries, each.timeout_s) for each in result.attempts} == {(4, 9.0)}


def test_the_demo_serves_auto_only_where_no_other_provider_is_configured() -> None:
    home = snapshot(
        [provider("demo", kind="demo"), provider("cloud", external=True)],
        [model("demo/echo"), model("cloud/m", external=True)],
    )
    usual = planned("auto", of=home)

    assert tried(usual) == ["cloud/m"]
    assert left_out(usual) == {"demo/echo": DropReason.STANDBY}
    down = planned("auto", of=home, when=Conditions(health={"cloud": OFFLINE}))
    assert tried(down) == ["cloud/m"]
    alone = snapshot([provider("demo", kind="demo")], [model("demo/echo")])
    assert tried(planned("auto", of=alone)) == ["demo/echo"]
    assert tried(planned("demo/echo", of=home)) == ["demo/echo"]


def test_embeddings_are_asked_of_models_that_make_them() -> None:
    home = snapshot([provider("a")], [model("a/llama"), model("a/nomic-embed-text")])

    assert tried(planned("auto", of=home, embeddings=True)) == ["a/nomic-embed-text"]
    assert tried(planned("auto", of=home)) == ["a/llama"]


def test_auto_chats_with_a_model_that_may_only_make_embeddings_when_there_is_no_other() -> None:
    either = Capabilities(streaming=True, embeddings=True)
    models = [model("a/bert", capabilities=either), model("a/llama")]

    assert tried(planned("auto", of=snapshot([provider("a")], models))) == ["a/llama"]
    assert tried(planned("auto", of=snapshot([provider("a")], models[:1]))) == ["a/bert"]
    assert tried(planned("auto", of=snapshot([provider("a")], models), embeddings=True)) == [
        "a/bert"
    ]


def test_long_prompts_are_compared_at_the_price_of_their_tier() -> None:
    tiered = Pricing(
        input=Rate(10**9, (Tier(1_000, 8 * 10**9), Tier(5_000, 9 * 10**9))), output=Rate(0)
    )
    home = snapshot(
        [provider("a", external=True), provider("b", external=True)],
        [
            model("a/m", external=True, pricing=tiered),
            model("b/m", external=True, pricing=priced(2, 0)),
        ],
    )

    assert tried(planned(of=home, prompt_tokens=999)) == ["a/m", "b/m"]
    assert tried(planned(of=home, prompt_tokens=1_000)) == ["b/m", "a/m"]


@given(of=snapshots(), name=names, asked=requests, by=callers, when=conditions)
def test_laws_of_a_plan(
    of: Snapshot, name: str, asked: RequestFacts, by: Caller, when: Conditions
) -> None:
    try:
        target = resolve(of, name)
    except ModelNotFound:
        return
    result = weigh(asked, target, by, when)

    # Every candidate is in exactly one place.
    attempts = tried(result)
    dropped = [f"{each.provider_id}/{each.model_id}" for each in result.dropped]
    disabled = [f"{each.provider_id}/{each.model_id}" for each in target.disabled]
    assert sorted(attempts + dropped) == sorted(
        [*(each.key for each in target.candidates), *disabled]
    )
    assert len({*attempts, *dropped}) == len(attempts) + len(dropped)
    # A request that must stay local can't leave, and a key reaches only its own.
    if by.local_only:
        for attempt in result.attempts:
            assert attempt.model.egress is Egress.LOCAL
            assert attempt.provider.egress is Egress.LOCAL
    if by.key.allowed_providers:
        assert {each.provider.id for each in result.attempts} <= by.key.allowed_providers
    assert all(each.provider.enabled for each in result.attempts)
    assert all(
        each.reason and each.provider.id == each.model.provider_id for each in result.attempts
    )
    # Nobody is asked while it rests, or beyond its daily limit.
    for attempt in result.attempts:
        condition = when.health.get(attempt.provider.id)
        assert condition is None or condition.resting_until <= when.now
        assert attempt.provider.id not in when.exhausted
    # The same question has the same answer, and an empty plan is an error of ours.
    assert weigh(asked, resolve(of, name), by, when) == result
    if attempts:
        assert plan(asked, target, by, when) == result
    else:
        with pytest.raises(LairdError) as error:
            plan(asked, target, by, when)
        if DropReason.PRIVACY in {each.reason for each in result.dropped}:
            assert isinstance(error.value, NoLocalProvider)
