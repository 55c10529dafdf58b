"""Which requests use the cache unasked."""

from __future__ import annotations

import pytest

from laird.cache.rules import wanted
from laird.domain.cache import CacheRule
from laird.domain.keys import ApiKey

KEY = ApiKey(id="key_1", name="agent-ci", digest="", prefix="lai_0000", created_us=0)


def fits(rule: CacheRule, *, models: tuple[str, ...] = ("m",), workflow: str | None = None) -> bool:
    return wanted((rule,), models, KEY, workflow)


@pytest.mark.parametrize(
    ("rule", "fitting"),
    [
        (CacheRule(), True),
        (CacheRule(models=("m",)), True),
        (CacheRule(models=("x", "m*")), True),
        (CacheRule(models=("M",)), False),
        (CacheRule(keys=("agent-*",)), True),
        (CacheRule(keys=("key_1",)), True),
        (CacheRule(keys=("agent",)), False),
        (CacheRule(models=("m",), keys=("other",)), False),
        (CacheRule(workflows=("*",)), False),
    ],
)
def test_a_rule_fits_what_fits_each_of_its_lists(rule: CacheRule, fitting: bool) -> None:
    assert fits(rule) is fitting


def test_a_workflow_is_matched_where_one_is_named() -> None:
    assert fits(CacheRule(workflows=("nightly-*",)), workflow="nightly-eval")
    assert not fits(CacheRule(workflows=("nightly-*",)), workflow="daily")


def test_one_rule_that_fits_is_enough_and_none_is_too_few() -> None:
    rules = (CacheRule(models=("x",)), CacheRule(keys=("agent-ci",)))
    assert wanted(rules, ("m",), KEY, None)
    assert not wanted((), ("m",), KEY, None)
