"""The order of trial under each strategy."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.routing.catalogs import CALLER, facts, model, priced, provider, snapshot

from laird.domain.catalog import Snapshot, Strategy
from laird.domain.health import ANY_NAME, HealthStatus, LoadedModel, ProviderCondition
from laird.domain.plan import Conditions
from laird.routing.names import resolve
from laird.routing.plan import weigh
from laird.routing.strategies import STRATEGIES, Sizing, Standing
from laird.routing.target import build_candidate


def order(of: Snapshot, when: Conditions | None = None, **wishes: Any) -> list[str]:
    """Return the provider ids in the order in which the model `m` is tried there."""
    result = weigh(facts("m", **wishes), resolve(of, "m"), CALLER, when or Conditions())
    return [each.provider.id for each in result.attempts]


def home(strategy: Strategy, **providers: dict[str, Any]) -> Snapshot:
    """Return providers that all have the model `m`; `pricing` is the model's, the rest theirs."""
    models = []
    upstreams = []
    for name, fields in providers.items():
        external = fields.pop("external", False)
        models.append(model(f"{name}/m", external=external, pricing=fields.pop("pricing", None)))
        upstreams.append(provider(name, external=external, **fields))
    return snapshot(upstreams, models, strategy=strategy)


def latency(**milliseconds: float) -> Conditions:
    return Conditions(
        health={
            name: ProviderCondition(status=HealthStatus.HEALTHY, latency_ms=each)
            for name, each in milliseconds.items()
        }
    )


def test_default_is_local_then_known_and_low_cost_then_health_then_latency_then_priority() -> None:
    mixed = home(
        Strategy.DEFAULT,
        unknown={"external": True},
        dear={"external": True, "pricing": priced(9)},
        cheap={"external": True, "pricing": priced(1)},
        slow={},
        quick={},
        ill={"priority": 1},
        paid={"pricing": priced(20)},
    )
    when = Conditions(
        health={
            "slow": ProviderCondition(latency_ms=50.0),
            "quick": ProviderCondition(latency_ms=40.0),
            "ill": ProviderCondition(status=HealthStatus.DEGRADED, latency_ms=1.0),
        }
    )

    assert order(mixed, when, prompt_tokens=10) == [
        "quick",
        "slow",
        "ill",
        "paid",
        "cheap",
        "dear",
        "unknown",
    ]


def test_default_breaks_ties_by_priority_and_then_by_the_documents_order() -> None:
    equal = home(Strategy.DEFAULT, a={}, b={"priority": 1}, c={})

    assert order(equal) == ["b", "a", "c"]


def test_cost_is_that_of_this_request() -> None:
    talkers = home(
        Strategy.CHEAPEST,
        listens={"external": True, "pricing": priced(1, 10)},
        talks={"external": True, "pricing": priced(10, 1)},
    )

    assert order(talkers, prompt_tokens=1_000, max_tokens=10) == ["listens", "talks"]
    assert order(talkers, prompt_tokens=10, max_tokens=1_000) == ["talks", "listens"]
    # An answer of unknown length counts as 500 tokens.
    assert order(talkers, prompt_tokens=499) == ["talks", "listens"]
    assert order(talkers, prompt_tokens=501) == ["listens", "talks"]


def test_cheapest_looks_at_cost_alone_and_puts_unknown_prices_last() -> None:
    mixed = home(
        Strategy.CHEAPEST,
        unknown={"external": True},
        paid_local={"pricing": priced(5)},
        cloud={"external": True, "pricing": priced(1)},
    )

    assert order(mixed, prompt_tokens=10) == ["cloud", "paid_local", "unknown"]


def test_priority_looks_at_the_providers_number_alone() -> None:
    mixed = home(Strategy.PRIORITY, local={"priority": 5}, cloud={"priority": 1, "external": True})

    assert order(mixed) == ["cloud", "local"]


def test_fastest_takes_an_unmeasured_provider_for_an_average_one() -> None:
    mixed = home(Strategy.FASTEST, slow={}, new={}, quick={"external": True})

    assert order(mixed, latency(slow=300.0, quick=100.0)) == ["quick", "new", "slow"]
    assert order(mixed) == ["slow", "new", "quick"]


def test_least_busy_compares_the_share_of_slots_taken() -> None:
    mixed = home(
        Strategy.LEAST_BUSY, small={"max_concurrent": 2}, large={"max_concurrent": 10}, free={}
    )

    assert order(mixed, Conditions(active={"small": 1, "large": 4, "free": 9})) == [
        "free",
        "large",
        "small",
    ]
    assert order(mixed, Conditions(active={"small": 0, "large": 1, "free": 1})) == [
        "small",
        "free",
        "large",
    ]


def test_weighted_shares_the_first_place_in_proportion() -> None:
    shared = home(Strategy.WEIGHTED, one={"weight": 1}, three={"weight": 3}, none={"weight": 0})
    first = Counter(order(shared, Conditions(draw=step / 400))[0] for step in range(400))

    assert first == {"one": 100, "three": 300}
    assert all(order(shared, Conditions(draw=step / 20))[-1] == "none" for step in range(20))


def test_weighted_spreads_the_second_place_too() -> None:
    shared = home(Strategy.WEIGHTED, a={}, b={}, c={})
    orders = Counter(tuple(order(shared, Conditions(draw=step / 600))) for step in range(600))

    assert len(orders) == 6
    assert all(95 <= count <= 105 for count in orders.values())


def test_weighted_leaves_a_busy_provider_for_later() -> None:
    shared = home(Strategy.WEIGHTED, a={"max_concurrent": 1, "weight": 99}, b={})

    assert order(shared, Conditions(active={"a": 1}, draw=0.1)) == ["b", "a"]


standings = st.builds(
    Standing,
    full=st.booleans(),
    degraded=st.booleans(),
    active=st.integers(0, 9),
    load=st.floats(0, 1),
    latency_ms=st.none() | st.floats(0, 1e4),
)


@pytest.mark.parametrize("strategy", list(Strategy))
@given(
    weather=st.lists(st.tuples(standings, st.integers(0, 4), st.integers(0, 3)), max_size=8),
    draw=st.floats(0, 1, exclude_max=True),
)
def test_an_order_leaves_nothing_out_and_adds_nothing(
    strategy: Strategy, weather: list[tuple[Standing, int, int]], draw: float
) -> None:
    entries = [
        (
            build_candidate(
                provider(f"p{place}", weight=weight), model(f"p{place}/m", pricing=priced(price))
            ),
            standing,
        )
        for place, (standing, weight, price) in enumerate(weather)
    ]
    sizing = Sizing(10, 10, draw)

    ordered = STRATEGIES[strategy](list(entries), sizing)
    assert sorted(each[0].key for each in ordered) == [each[0].key for each in entries]
    assert STRATEGIES[strategy](list(entries), sizing) == ordered


def holding(**loaded: str | None) -> Conditions:
    """Return conditions in which each provider holds the model of that name; None: it won't say."""
    return Conditions(
        health={
            name: ProviderCondition(
                status=HealthStatus.HEALTHY,
                loaded=None if held is None else (LoadedModel(id=held),),
            )
            for name, held in loaded.items()
        }
    )


@pytest.mark.parametrize("strategy", [Strategy.DEFAULT, Strategy.FASTEST])
def test_a_warm_model_is_tried_before_a_cold_one(strategy: Strategy) -> None:
    three = home(strategy, cold={}, warm={}, unsaid={})
    assert order(three, holding(cold="other", warm="m")) == ["warm", "unsaid", "cold"]
    assert order(three, holding(cold="other", warm="m", unsaid=None))[-1] == "cold"
    assert order(three) == ["cold", "warm", "unsaid"]


def test_warmth_breaks_ties_of_cost_and_health_only() -> None:
    costly = home(Strategy.DEFAULT, warm={"pricing": priced(1)}, cold={})
    assert order(costly, holding(warm="m", cold="x")) == ["cold", "warm"]
    abroad = home(Strategy.DEFAULT, far={"external": True}, cold={})
    assert order(abroad, holding(cold="x")) == ["cold", "far"]
    full = home(Strategy.DEFAULT, warm={"max_concurrent": 1}, cold={})
    busy = holding(warm="m", cold="x")
    assert order(full, Conditions(health=busy.health, active={"warm": 1})) == ["cold", "warm"]


@pytest.mark.parametrize(
    "strategy", [Strategy.PRIORITY, Strategy.CHEAPEST, Strategy.LEAST_BUSY, Strategy.WEIGHTED]
)
def test_other_strategies_do_not_ask_for_warmth(strategy: Strategy) -> None:
    both = home(strategy, a={}, b={})
    assert order(both, holding(a="x", b="m")) == order(both, holding(a="m", b="x"))


def test_the_plan_says_what_is_warm() -> None:
    three = home(Strategy.DEFAULT, cold={}, warm={}, unsaid={})
    result = weigh(facts("m"), resolve(three, "m"), CALLER, holding(cold="x", warm="m"))
    reasons = {each.provider.id: each.reason for each in result.attempts}
    assert reasons == {
        "warm": "local, free, warm",
        "cold": "local, free, cold",
        "unsaid": "local, free",
    }


def test_a_server_that_answers_to_any_name_is_warm_under_each() -> None:
    one = home(Strategy.DEFAULT, a={})
    held = ProviderCondition(loaded=(LoadedModel(id="tiny", aliases=(ANY_NAME,)),))
    result = weigh(facts("m"), resolve(one, "m"), CALLER, Conditions(health={"a": held}))
    assert result.attempts[0].reason.endswith("warm")
