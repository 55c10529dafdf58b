"""The document's section `privacy`: what it means, and what may not be written."""

from __future__ import annotations

import pytest
from tests.config.world import CompileText

from laird.config.describe import describe_changes
from laird.config.document import read_document
from laird.domain.errors import ConfigError
from laird.domain.privacy import Action, Category, PrivacyPolicy, PrivacyRule

EVERYTHING = """
privacy:
  detect: {secrets: local, cards: refuse, nationalIds: warn, email: off}
  attachments: warn
  regions: [DE, US]
  rules:
    - name: crm
      when: {keys: [crm-*], workflows: [a], models: [gpt-*], contains: ["X Y"], detected: [phone]}
      then: local
    - name: ci
      when: {keys: [ci-*], detected: [secrets]}
      then: any
"""


def test_all_of_it_is_compiled(compile_text: CompileText) -> None:
    assert compile_text(EVERYTHING).privacy == PrivacyPolicy(
        detect={
            Category.SECRETS: Action.LOCAL,
            Category.CARDS: Action.REFUSE,
            Category.NATIONAL_IDS: Action.WARN,
        },
        attachments=Action.WARN,
        regions=("DE", "US"),
        rules=(
            PrivacyRule(
                name="crm",
                keys=("crm-*",),
                workflows=("a",),
                models=("gpt-*",),
                contains=("X Y",),
                detected=frozenset({Category.PHONE}),
                then=Action.LOCAL,
            ),
            PrivacyRule(
                name="ci",
                keys=("ci-*",),
                detected=frozenset({Category.SECRETS}),
                then=Action.ANY,
            ),
        ),
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "privacy:\n",
        "privacy: {detect: }\n",
        "privacy: {detect: {cards: off}, attachments: any}\n",
    ],
)
def test_without_a_wish_there_is_no_policy(compile_text: CompileText, text: str) -> None:
    assert compile_text(f"providers: []\n{text}").privacy is None


def rule(text: str) -> str:
    return f"privacy:\n  rules:\n    - {text}\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("privacy: {detect: {card: local}}", "there is no field 'card'. Did you mean 'cards'?"),
        ("privacy: {detect: {cards: remote}}", "privacy.detect.cards"),
        ("privacy: {attachments: refuse}", "privacy.attachments"),
        ("privacy: {regions: [Germany]}", "privacy.regions[0]"),
        (rule("{name: r, when: {}, then: local}"), "the rule names no condition"),
        (rule("{name: r, when: {keys: []}, then: local}"), "the rule names no condition"),
        (rule("{name: r, then: local}"), "when"),
        (rule("{name: r, when: {keys: ['*']}}"), "then"),
        (rule("{name: R x, when: {keys: ['*']}, then: local}"), "privacy.rules[0].name"),
        (rule("{name: r, when: {contains: [' ']}, then: local}"), "more than blanks"),
        (rule("{name: r, when: {detected: [email]}, then: any}"), "must name keys"),
        (rule("{name: r, when: {keys: ['*']}, then: any}"), "which categories"),
        (
            rule("{name: r, when: {keys: [a], detected: [email], contains: [x]}, then: any}"),
            "can't depend on the text",
        ),
        (
            rule("{name: r, when: {keys: [a]}, then: local}")
            + "    - {name: r, when: {keys: [b]}, then: local}\n",
            "there is already a rule 'r'",
        ),
    ],
)
def test_what_may_not_be_written(compile_text: CompileText, text: str, told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        compile_text(f"providers: []\n{text}\n")
    assert told in refused.value.message


def test_changes_are_told_rule_by_rule() -> None:
    old = read_document(f"providers: []\n{EVERYTHING}").entries
    text = EVERYTHING.replace("cards: refuse", "cards: local").replace("name: ci", "name: tests")
    lines = describe_changes(old, read_document(f"providers: []\n{text}").entries)
    assert lines == (
        "privacy: detect: cards refuse -> local",
        "privacy rule ci: removed",
        "privacy rule tests: added",
    )
