"""Several inputs: each has the context window to itself, a provider's limit is for all."""

from __future__ import annotations

import pytest
from tests.routing.catalogs import CALLER, facts, model, provider, snapshot

from laird.domain.errors import ContextLengthExceeded
from laird.domain.plan import Conditions, DropReason, Plan
from laird.routing.names import resolve
from laird.routing.plan import plan, weigh

HOME = snapshot(
    [provider("a"), provider("strict", max_tokens_per_request=1_000)],
    [model("a/m", context_window=500), model("strict/m", context_window=500)],
)


def weighed(name: str, total: int, longest: int) -> Plan:
    asked = facts(name, embeddings=True, prompt_tokens=total, longest_input=longest, max_tokens=0)
    return weigh(asked, resolve(HOME, name), CALLER, Conditions())


def test_many_inputs_fit_where_each_of_them_does() -> None:
    assert [one.model.key for one in weighed("a/m", 100_000, 500).attempts] == ["a/m"]


def test_one_input_that_is_too_long_is_too_long() -> None:
    (dropped,) = weighed("a/m", 502, 501).dropped
    assert dropped.reason is DropReason.CONTEXT_WINDOW
    assert "501 are needed" in dropped.detail


@pytest.mark.parametrize(("total", "fits"), [(1_000, True), (1_001, False)])
def test_a_providers_limit_counts_all_inputs(total: int, fits: bool) -> None:
    found = weighed("strict/m", total, 400)
    assert bool(found.attempts) is fits
    if not fits:
        assert found.dropped[0].reason is DropReason.LIMIT
        assert "about 1001 are needed" in found.dropped[0].detail


def test_the_refusal_tells_what_does_not_fit() -> None:
    for name, total, longest, told in (("a/m", 900, 600, 600), ("strict/m", 1_200, 400, 1_200)):
        asked = facts(name, prompt_tokens=total, longest_input=longest)
        with pytest.raises(ContextLengthExceeded, match=f"about {told} tokens"):
            plan(asked, resolve(HOME, name), CALLER, Conditions())
