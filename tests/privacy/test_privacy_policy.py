"""What the rules make of a request: the strictest holds, and nothing found is ever told."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laird.domain.keys import ApiKey
from laird.domain.privacy import (
    FREE_TO_GO,
    Action,
    Category,
    PrivacyPolicy,
    PrivacyRule,
    Verdict,
    bits_of,
)
from laird.privacy.policy import Policy, Standing
from laird.privacy.sought import FIRST_WORD, SEALED

CARDS, EMAIL, SECRETS = Category.CARDS, Category.EMAIL, Category.SECRETS
EVERYBODY = ("*",)


def key(name: str = "laptop") -> ApiKey:
    return ApiKey(id="key_1", name=name, digest="", prefix="", created_us=0)


def rule(name: str, then: Action = Action.LOCAL, **conditions: Any) -> PrivacyRule:
    return PrivacyRule(name=name, then=then, **conditions)


def standing(policy: PrivacyPolicy, *, name: str = "laptop", workflow: str | None = None,
             model: str = "auto", meaning: str | None = None) -> Standing:  # fmt: skip
    return Policy(policy, {model: meaning or model}).standing(key(name), workflow, model)


def test_what_nobody_asks_for_is_not_looked_for() -> None:
    policy = PrivacyPolicy(rules=(rule("crm", keys=("crm-*",), detected=frozenset({EMAIL})),))
    assert not standing(policy).asks(Action.ANY)
    assert standing(policy).judge(bits_of(frozenset(Category))) == FREE_TO_GO
    theirs = standing(policy, name="crm-1")
    assert theirs.asks(Action.ANY)
    assert theirs.sought.categories == EMAIL.bit


def test_what_can_not_become_stricter_is_not_looked_at() -> None:
    policy = PrivacyPolicy(detect={CARDS: Action.LOCAL})
    assert standing(policy).asks(Action.ANY)
    assert not standing(policy).asks(Action.LOCAL)
    refusing = PrivacyPolicy(detect={CARDS: Action.REFUSE})
    assert standing(refusing).asks(Action.LOCAL)
    fixed = PrivacyPolicy(detect={CARDS: Action.LOCAL}, rules=(rule("all", keys=EVERYBODY),))
    assert not standing(fixed).asks(Action.ANY)
    assert standing(fixed).certain == Verdict(Action.LOCAL, "rule:all")


@pytest.mark.parametrize(
    ("conditions", "asked", "holds"),
    [
        ({"keys": ("crm-*",)}, {"name": "crm-7"}, True),
        ({"keys": ("crm-*", "key_1")}, {}, True),
        ({"keys": ("crm-*",)}, {}, False),
        ({"workflows": ("bill*",)}, {"workflow": "billing"}, True),
        ({"workflows": ("bill*",)}, {"workflow": "other"}, False),
        ({"workflows": ("*",)}, {}, False),
        ({"models": ("gpt-*",)}, {"model": "gpt-5"}, True),
        ({"models": ("gpt-*",)}, {"model": "fast", "meaning": "gpt-5"}, True),
        ({"models": ("gpt-*",)}, {"model": "auto"}, False),
        ({"keys": ("crm-*",), "models": ("gpt-*",)}, {"name": "crm-7"}, False),
        ({"keys": ("crm-*",), "models": ("gpt-*",)}, {"name": "crm-7", "model": "gpt-5"}, True),
    ],
)
def test_all_conditions_of_a_rule_must_hold(
    conditions: dict[str, Any], asked: dict[str, Any], holds: bool
) -> None:
    found = standing(PrivacyPolicy(rules=(rule("r", **conditions),)), **asked).judge(0)
    assert found == (Verdict(Action.LOCAL, "rule:r") if holds else FREE_TO_GO)


def test_words_and_categories_of_a_rule_must_both_be_there() -> None:
    both = standing(
        PrivacyPolicy(rules=(rule("r", contains=("A", "B"), detected=frozenset({EMAIL})),))
    )
    assert both.judge(EMAIL.bit) == FREE_TO_GO
    assert both.judge(FIRST_WORD) == FREE_TO_GO
    assert both.judge(EMAIL.bit | FIRST_WORD << 1) == Verdict(Action.LOCAL, "rule:r")
    assert both.sought.words == ("a", "b")


def test_the_strictest_holds_whatever_the_order() -> None:
    rules = (
        rule("warns", Action.WARN, keys=EVERYBODY),
        rule("keeps", Action.LOCAL, contains=("x",)),
        rule("stops", Action.REFUSE, detected=frozenset({CARDS})),
    )
    for order in itertools.permutations(rules):
        asked = standing(PrivacyPolicy(detect={CARDS: Action.LOCAL}, rules=order))
        assert asked.judge(0) == Verdict(Action.WARN, "rule:warns")
        assert asked.judge(FIRST_WORD) == Verdict(Action.LOCAL, "rule:keeps")
        assert asked.judge(CARDS.bit) == Verdict(Action.REFUSE, "rule:stops")


def test_an_exemption_takes_back_its_categories_for_its_keys_alone() -> None:
    policy = PrivacyPolicy(
        detect={SECRETS: Action.LOCAL, CARDS: Action.LOCAL},
        rules=(
            rule("tests", Action.ANY, keys=("ci-*",), detected=frozenset({SECRETS})),
            rule("never", Action.REFUSE, contains=("x",)),
        ),
    )
    free = standing(policy, name="ci-1")
    assert free.judge(SECRETS.bit) == FREE_TO_GO
    assert free.judge(CARDS.bit) == Verdict(Action.LOCAL, "detected:card")
    assert free.judge(SECRETS.bit | FIRST_WORD) == Verdict(Action.REFUSE, "rule:never")
    assert standing(policy).judge(SECRETS.bit) == Verdict(Action.LOCAL, "detected:secret")


@pytest.mark.parametrize(
    ("attachments", "detect", "verdict"),
    [
        (Action.LOCAL, Action.LOCAL, Verdict(Action.LOCAL, "attachment")),
        (Action.LOCAL, Action.REFUSE, Verdict(Action.LOCAL, "attachment")),
        (Action.LOCAL, Action.WARN, Verdict(Action.WARN, "attachment")),
        (Action.WARN, Action.LOCAL, Verdict(Action.WARN, "attachment")),
        (Action.ANY, Action.LOCAL, Verdict(Action.ANY, "attachment")),
    ],
)
def test_what_can_not_be_looked_into(attachments: Action, detect: Action, verdict: Verdict) -> None:
    policy = PrivacyPolicy(detect={CARDS: detect}, attachments=attachments)
    assert standing(policy).judge(SEALED) == verdict
    found = standing(policy).judge(SEALED | CARDS.bit)
    assert found.reason == ("detected:card" if detect >= verdict.action else "attachment")


@pytest.mark.parametrize(
    ("detect", "verdict"),
    [
        (Action.LOCAL, Verdict(Action.LOCAL, "detector_failed")),
        (Action.REFUSE, Verdict(Action.LOCAL, "detector_failed")),
        (Action.WARN, Verdict(Action.WARN, "detector_failed")),
    ],
)
def test_a_failure_counts_as_a_find(detect: Action, verdict: Verdict) -> None:
    assert standing(PrivacyPolicy(detect={CARDS: detect})).judge_failure() == verdict
    fixed = PrivacyPolicy(detect={CARDS: detect}, rules=(rule("r", Action.REFUSE, keys=EVERYBODY),))
    assert standing(fixed).judge_failure() == Verdict(Action.REFUSE, "rule:r")


def test_what_asks_alike_is_worked_out_once_and_not_without_end() -> None:
    policy = Policy(PrivacyPolicy(detect={CARDS: Action.LOCAL}))
    first = policy.standing(key(), None, "auto")
    assert policy.standing(key(), None, "auto") is first
    for number in range(5000):
        policy.standing(key(), f"w{number}", "auto")
    assert len(policy._kept) <= 4096


_rules = st.builds(
    PrivacyRule,
    name=st.sampled_from(["a", "b", "c"]),
    keys=st.sampled_from([(), ("laptop",), ("other",)]),
    contains=st.sampled_from([(), ("x",), ("y",)]),
    detected=st.frozensets(st.sampled_from(Category), max_size=2),
    then=st.sampled_from([Action.WARN, Action.LOCAL, Action.REFUSE]),
)
_policies = st.builds(
    PrivacyPolicy,
    detect=st.dictionaries(st.sampled_from(Category), st.sampled_from(Action)),
    attachments=st.sampled_from([Action.ANY, Action.WARN, Action.LOCAL]),
    rules=st.lists(_rules, max_size=4).map(tuple),
)
_found = st.integers(0, (FIRST_WORD << 2) - 1)


@settings(deadline=None)
@given(_policies, _rules, _found)
def test_a_further_rule_never_loosens(policy: PrivacyPolicy, more: PrivacyRule, found: int) -> None:
    stricter = PrivacyPolicy(
        detect=policy.detect,
        attachments=policy.attachments,
        rules=(*policy.rules, more),
    )
    # Words are numbered in the order of the rules; only those of the first policy are given.
    found &= SEALED - 1
    assert standing(stricter).judge(found).action >= standing(policy).judge(found).action


@settings(deadline=None)
@given(_policies, _found, _found)
def test_more_found_never_loosens(policy: PrivacyPolicy, found: int, more: int) -> None:
    asked = standing(policy)
    assert asked.judge(found | more).action >= asked.judge(found).action


@settings(deadline=None)
@given(_policies, _found)
def test_not_looking_loses_nothing(policy: PrivacyPolicy, found: int) -> None:
    asked = standing(policy)
    for already in Action:
        if not asked.asks(already):
            assert asked.judge(found).action <= max(already, asked.certain.action)
    kept = min(asked.judge(found).action, Action.LOCAL)
    assert asked.judge_failure().action >= kept
