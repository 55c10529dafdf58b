"""Plans under budgets: what has no room is left out, and what may stand in for it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.budgets.money import LOCAL, NOW, budget
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

from laird.domain.budget import BudgetPeriod
from laird.domain.catalog import Egress, Snapshot
from laird.domain.errors import LairdError, ModelNotFound, NoLocalProvider, QuotaExceeded
from laird.domain.health import HealthStatus, ProviderCondition
from laird.domain.keys import Caller
from laird.domain.money import NANO
from laird.domain.plan import Conditions, DropReason, Plan
from laird.domain.spending import Extent, Room, Spending
from laird.pricing.cost import worst_case_nano
from laird.routing.explain import explain
from laird.routing.names import Names, everything_for
from laird.routing.plan import plan, weigh

HOME = snapshot(
    [provider("cloud", external=True), provider("other", external=True), provider("ollama")],
    [
        model("cloud/big", external=True, pricing=priced(1)),
        model("other/big", external=True, pricing=priced(2)),
        model("other/odd", external=True),
        model("ollama/small"),
        model("ollama/tiny"),
    ],
    chains=[chain("both", "cloud/big", "ollama/small")],
)


def room(left: float, name: str = "team", **fields: Any) -> Room:
    """Return what is left of a budget of 20 USD, in USD."""
    of = budget(name, 20 * NANO, **fields)
    return Room(of, int(left * NANO), fields.pop("held", 0), NOW + 3_600_000_000)


def weighed(
    name: str = "cloud/big",
    *,
    by: Caller = CALLER,
    of: Snapshot = HOME,
    when: dict[str, Any] | None = None,
    raising: bool = False,
    **rooms: Any,
) -> Plan:
    """Plan a request that needs 1 USD at the cloud and 2 USD at the other one."""
    spending = Spending(extent=Extent(0, 1_000_000), price=worst_case_nano, now_us=NOW, **rooms)
    known = Names(of)
    asked = facts(name)
    state = Conditions(spending=spending, **(when or {}))
    work = plan if raising else weigh
    return work(asked, known.resolve(name), by, state, everything_for(spending, known))


def tried(of: Plan) -> list[str]:
    return [each.model.key for each in of.attempts]


def left_out(of: Plan) -> dict[str, DropReason]:
    return {f"{each.provider_id}/{each.model_id}": each.reason for each in of.dropped}


def test_what_has_no_room_is_left_out_with_the_budgets_name_and_the_time() -> None:
    assert tried(weighed(refuse=room(1))) == ["cloud/big"]
    found = weighed(refuse=room(0.5))
    assert tried(found) == []
    (dropped,) = found.dropped
    assert dropped.reason is DropReason.BUDGET
    assert "'team' (20 USD a month) has no room" in dropped.detail
    assert "up to 1 USD, and 0.5 USD are left until 2026-09-21" in dropped.detail


def test_a_cheaper_candidate_may_fit_where_another_does_not() -> None:
    assert tried(weighed("big", refuse=room(2))) == ["cloud/big", "other/big"]
    assert tried(weighed("big", refuse=room(1))) == ["cloud/big"]
    assert tried(weighed("big", refuse_at={"cloud": room(0)})) == ["other/big"]


def test_a_free_local_model_needs_no_room() -> None:
    assert tried(weighed("ollama/small", refuse=room(-5))) == ["ollama/small"]
    assert tried(weighed("both", refuse=room(-5))) == ["ollama/small"]
    assert set(tried(weighed("auto", refuse=room(-5)))) == {"ollama/small", "ollama/tiny"}


def test_an_unknown_price_has_no_room_anywhere() -> None:
    found = weighed("other/odd", refuse=room(20))
    assert left_out(found) == {"other/odd": DropReason.BUDGET}
    assert "price is unknown" in found.dropped[0].detail


def test_a_refusal_names_the_budget_and_when_it_begins_anew() -> None:
    with pytest.raises(QuotaExceeded) as refused:
        weighed(refuse=room(0.5), raising=True)
    assert "'cloud/big' can't be served: the budget 'team'" in refused.value.message
    assert refused.value.retry_after_s == 3600
    assert refused.value.budget_id == "bud_team"
    assert not refused.value.local
    with pytest.raises(QuotaExceeded, match="price can be written into the document"):
        weighed("other/odd", refuse=room(20), raising=True)


def test_what_comes_back_soon_is_worth_another_try_at_once() -> None:
    busy = Room(budget("team", 20 * NANO), NANO // 2, NANO, None)
    with pytest.raises(QuotaExceeded, match="Try again in a moment") as refused:
        weighed(refuse=busy, raising=True)
    assert refused.value.retry_after_s == 1


def test_a_budget_for_all_time_gives_no_hope() -> None:
    total = Room(budget("team", 20 * NANO, period=BudgetPeriod.TOTAL), 0, 0, None)
    with pytest.raises(QuotaExceeded) as refused:
        weighed(refuse=total, raising=True)
    assert refused.value.retry_after_s is None


def test_privacy_is_told_before_money() -> None:
    with pytest.raises(NoLocalProvider):
        weighed(by=LOCAL_CALLER, refuse=room(0), raising=True)


def test_a_budget_that_goes_local_has_local_models_stand_in() -> None:
    found = weighed(local=room(0, on_limit=LOCAL))
    assert tried(found) == ["ollama/small", "ollama/tiny"]
    assert found.over_budget
    assert found.stand_ins == ()
    assert "stands in for what a budget has no room for" in found.attempts[0].reason
    assert left_out(found) == {"cloud/big": DropReason.BUDGET}


def test_stand_ins_wait_while_there_is_room() -> None:
    found = weighed(local=room(5, on_limit=LOCAL))
    assert tried(found) == ["cloud/big"]
    assert not found.over_budget
    assert [each.model.key for each in found.stand_ins] == ["ollama/small", "ollama/tiny"]
    shown = explain(found)
    assert [each["model"] for each in shown["stand_ins"]] == ["small", "tiny"]
    both = weighed("both", local=room(5, on_limit=LOCAL))
    assert [each.model.key for each in both.stand_ins] == ["ollama/tiny"]
    assert weighed(refuse=room(5)).stand_ins == ()


def test_one_budget_that_refuses_is_enough_to_refuse() -> None:
    found = weighed(refuse=room(0, "hard"), local=room(0, "soft", on_limit=LOCAL))
    assert tried(found) == []
    assert not found.over_budget
    assert "'hard'" in found.dropped[0].detail


def test_stand_ins_keep_to_the_keys_policy_and_to_what_they_can_do() -> None:
    soft: dict[str, Any] = {"local": room(0, on_limit=LOCAL)}
    strict = caller(allowed_models=frozenset({"cloud/big"}))
    assert tried(weighed(by=strict, **soft)) == []
    generous = caller(allowed_models=frozenset({"cloud/big", "auto"}))
    assert tried(weighed(by=generous, **soft)) == ["ollama/small", "ollama/tiny"]
    elsewhere = caller(allowed_providers=frozenset({"cloud"}))
    with pytest.raises(QuotaExceeded) as refused:
        weighed(by=elsewhere, raising=True, **soft)
    assert refused.value.local


def test_a_healthy_stand_in_comes_before_a_last_resort() -> None:
    down = {"health": {"ollama": ProviderCondition(status=HealthStatus.OFFLINE, admits=False)}}
    chained = snapshot(
        [*HOME.providers.values(), provider("studio")],
        [*HOME.models.values(), model("studio/m")],
        chains=list(HOME.chains.values()),
    )
    found = weighed("both", of=chained, when=down, local=room(0, on_limit=LOCAL))
    assert tried(found) == ["studio/m"]


def test_a_stand_in_with_a_price_needs_room_as_well() -> None:
    dear = snapshot(
        [provider("cloud", external=True), provider("ollama")],
        [
            model("cloud/big", external=True, pricing=priced(1)),
            model("ollama/small", pricing=priced(1)),
        ],
    )
    assert tried(weighed(of=dear, local=room(0, on_limit=LOCAL))) == []


lefts = st.none() | st.integers(-10, 2000)


@settings(deadline=None)
@given(
    snapshots(), names, requests, callers, conditions,
    st.fixed_dictionaries({"refuse": lefts, "local": lefts, "refuse_at": lefts, "local_at": lefts}),
)  # fmt: skip
def test_no_plan_holds_what_a_budget_has_no_room_for(
    of: Snapshot,
    name: str,
    asked: Any,
    by: Caller,
    when: Conditions,
    left: dict[str, int | None],
) -> None:
    """And stand-ins are local, allowed and free of what speaks against them."""

    def made(place: str) -> Room | None:
        amount = left[place]
        mode = {"on_limit": LOCAL} if place.startswith("local") else {}
        of_budget = budget(place, 2000, **mode)
        return None if amount is None else Room(of_budget, amount, 0, None)

    refuse_at, local_at = made("refuse_at"), made("local_at")
    spending = Spending(
        extent=asked.extent(50),
        price=worst_case_nano,
        now_us=NOW,
        refuse=made("refuse"),
        local=made("local"),
        refuse_at={} if refuse_at is None else {"p0": refuse_at},
        local_at={} if local_at is None else {"p0": local_at},
    )
    known = Names(of)
    try:
        target = known.resolve(name)
    except ModelNotFound:
        return
    state = Conditions(
        health=when.health, active=when.active, exhausted=when.exhausted, now=when.now,
        draw=when.draw, spending=spending,
    )  # fmt: skip
    everything = everything_for(spending, known)
    found = weigh(asked, target, by, state, everything)
    for attempt in (*found.attempts, *found.stand_ins):
        assert spending.objection(attempt.provider, attempt.model) is None
        assert not by.local_only or attempt.model.egress is Egress.LOCAL
    usual = {each.key for each in target.candidates}
    for attempt in found.attempts:
        if attempt.model.key not in usual:
            assert found.over_budget
            assert attempt.model.egress is Egress.LOCAL
    keys = [each.model.key for each in (*found.attempts, *found.stand_ins)]
    assert len(keys) == len(set(keys))
    if found.stand_ins:
        assert spending.may_go_local
    try:
        assert plan(asked, target, by, state, everything) == found
    except LairdError:
        assert not found.attempts
