"""The document's section `privacy`: what is wrong between its rules, and what it means."""

from __future__ import annotations

from collections.abc import Iterator

from laird.config.document import Finding
from laird.config.schema import PrivacyConditionsEntry, PrivacyEntry, PrivacyRuleEntry
from laird.config.yaml_source import Loc
from laird.domain.privacy import Action, Category, PrivacyPolicy, PrivacyRule

_EXEMPTION = "An exemption takes back what is detected, for keys that you trust with it."


def check_privacy(entry: PrivacyEntry) -> Iterator[Finding]:
    """Yield every mistake between rules and in what they are made of."""
    names: set[str] = set()
    for at, rule in enumerate(entry.rules):
        loc: Loc = ("privacy", "rules", at)
        if rule.name in names:
            message = f"there is already a rule '{rule.name}'."
            yield Finding((*loc, "name"), message, "Choose another name.")
        names.add(rule.name)
        if not rule.when.model_dump(exclude_defaults=True):
            yield Finding(
                (*loc, "when"),
                "the rule names no condition.",
                'For a rule about every request write `keys: ["*"]`.',
            )
        elif rule.then == "any":
            yield from _check_exemption(rule.when, loc)
        for word in rule.when.contains:
            if not word.strip():
                message = "a word to look for must hold more than blanks."
                yield Finding((*loc, "when", "contains"), message)


def _check_exemption(when: PrivacyConditionsEntry, loc: Loc) -> Iterator[Finding]:
    """Yield what would let an exemption be had by whoever writes the text or a header."""
    if not when.keys:
        yield Finding(
            (*loc, "when"),
            "an exemption (`then: any`) must name keys.",
            f"Add `keys`. {_EXEMPTION}",
        )
    if not when.detected:
        message = "an exemption (`then: any`) must say which categories it is for."
        yield Finding((*loc, "when"), message, f"Add `detected`. {_EXEMPTION}")
    if when.contains:
        yield Finding(
            (*loc, "when", "contains"),
            "an exemption (`then: any`) can't depend on the text, which anybody may have written.",
            "Leave `contains` out.",
        )


def compile_privacy(entry: PrivacyEntry) -> PrivacyPolicy | None:
    """Return what a section means, or None where it asks for nothing."""
    detect = {
        category: Action[written.upper()]
        for category, written in _written(entry)
        if written != "off"
    }
    rules = tuple(map(_rule, entry.rules))
    if not detect and not rules:
        return None
    return PrivacyPolicy(
        detect=detect,
        attachments=Action[entry.attachments.upper()],
        regions=tuple(entry.regions),
        rules=rules,
    )


def _written(entry: PrivacyEntry) -> Iterator[tuple[Category, str]]:
    said = entry.detect.model_dump(by_alias=True)
    return ((category, said[category.value]) for category in Category)


def _rule(entry: PrivacyRuleEntry) -> PrivacyRule:
    when = entry.when
    return PrivacyRule(
        name=entry.name,
        keys=tuple(when.keys),
        workflows=tuple(when.workflows),
        models=tuple(when.models),
        contains=tuple(when.contains),
        detected=frozenset(map(Category, when.detected)),
        then=Action[entry.then.upper()],
    )
