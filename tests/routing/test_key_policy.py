"""Who may have an answer that a candidate of a name made earlier."""

from __future__ import annotations

from hypothesis import given, settings
from tests.routing import catalogs
from tests.routing.catalogs import LOCAL_CALLER, caller, chain, model, provider, snapshot

from laird.domain.catalog import Snapshot
from laird.domain.errors import ModelNotFound
from laird.domain.keys import Caller
from laird.domain.plan import Conditions, DropReason, RequestFacts
from laird.routing.names import Names
from laird.routing.plan import weigh
from laird.routing.policy import permitted

PLACE = snapshot(
    [provider("home"), provider("cloud", external=True), provider("off", enabled=False)],
    [model("home/m"), model("cloud/m", external=True), model("off/m")],
    chains=[chain("both", "cloud/m", "home/m")],
)
NAMES = Names(PLACE)


def origins(name: str, who: Caller) -> set[str]:
    target = NAMES.resolve(name)
    return {key for key in PLACE.models if permitted(target, who, key) is not None}


def test_without_limits_all_that_the_name_leads_to() -> None:
    assert origins("m", caller()) == {"home/m", "cloud/m"}
    assert origins("home/m", caller()) == {"home/m"}


def test_what_must_stay_local_has_only_what_is_local() -> None:
    assert origins("both", LOCAL_CALLER) == {"home/m"}


def test_the_policy_of_a_key_holds_and_a_chain_it_may_use_opens_all_of_it() -> None:
    assert origins("both", caller(allowed_providers=frozenset({"home"}))) == {"home/m"}
    assert origins("both", caller(allowed_models=frozenset({"cloud/m"}))) == {"cloud/m"}
    assert origins("both", caller(allowed_models=frozenset({"both"}))) == {"home/m", "cloud/m"}
    assert origins("m", caller(allowed_models=frozenset({"both"}))) == set()


@settings(max_examples=300, deadline=None)
@given(
    place=catalogs.snapshots(),
    name=catalogs.names,
    request=catalogs.requests,
    who=catalogs.callers,
    conditions=catalogs.conditions,
)
def test_it_is_the_rule_by_which_planning_leaves_candidates_out(
    place: Snapshot, name: str, request: RequestFacts, who: Caller, conditions: Conditions
) -> None:
    names = Names(place)
    try:
        target = names.resolve(name)
    except ModelNotFound:
        return
    plan = weigh(request, target, who, conditions)
    for attempt in plan.attempts:
        assert permitted(target, who, attempt.model.key) is not None
    policy = {DropReason.PRIVACY, DropReason.KEY_POLICY, DropReason.DISABLED}
    tried = {attempt.model.key for attempt in plan.attempts}
    for dropped in plan.dropped:
        key = f"{dropped.provider_id}/{dropped.model_id}"
        # A step that stands twice in a chain may be left out in one place alone.
        if dropped.reason in policy and key not in tried:
            others = [one for one in plan.dropped if f"{one.provider_id}/{one.model_id}" == key]
            if all(one.reason in policy for one in others):
                assert permitted(target, who, key) is None
