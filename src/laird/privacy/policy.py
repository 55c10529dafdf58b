"""From a policy, who asks and what was found to a verdict: pure functions, strictest wins.

What a request is asked for depends on its key, its labels and its model: so that is worked out
once for each of those and kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fnmatch import translate

import msgspec

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
from laird.privacy.known import Known
from laird.privacy.sought import FIRST_WORD, SEALED, Sought, comparable

FAILED = "detector_failed"
ATTACHMENT = "attachment"

_MOST_KEPT = 4096


class Clause(msgspec.Struct, frozen=True):
    """One way to a verdict: what has to be found for it, all of it."""

    verdict: Verdict
    categories: int = 0
    """One of these bits has to be there; 0 asks for none."""
    words: int = 0
    """One of these bits, likewise."""

    def holds(self, found: int) -> bool:
        """Tell whether that was found."""
        return (not self.categories or bool(self.categories & found)) and (
            not self.words or bool(self.words & found)
        )


class Standing(msgspec.Struct, eq=False):
    """What a policy makes of those who ask alike."""

    certain: Verdict
    """What holds whatever the text is."""
    clauses: tuple[Clause, ...]
    """What holds where the text has it, strictest first."""
    sought: Sought
    ceiling: Action
    """The strictest that the text could lead to."""
    sealed: Verdict
    """What holds where something can't be looked into."""
    failed: Verdict
    """What holds where looking failed: the text may have had it."""
    open: bool
    """The text alone decides, without regard to words, and may go anywhere where it is harmless."""
    plain: bool = False
    """Open, and the model's name was looked through: there is nothing in it."""

    def asks(self, already: Action) -> bool:
        """Tell whether it matters what is in the text, where so much is settled already."""
        return self.ceiling > max(self.certain.action, already)

    def judge(self, found: int) -> Verdict:
        """Return the verdict on a text in which so much was found."""
        best = self.certain
        if not found:
            return best
        for clause in self.clauses:
            if clause.verdict.action > best.action and clause.holds(found):
                best = clause.verdict
                break
        if found & SEALED and (self.sealed.action > best.action or best == FREE_TO_GO):
            best = self.sealed
        return best

    def judge_failure(self) -> Verdict:
        """Return the verdict on a text that could not be looked at."""
        return self.failed if self.failed.action > self.certain.action else self.certain


class Policy:
    """A policy made ready to be asked."""

    def __init__(
        self,
        policy: PrivacyPolicy,
        aliases: Mapping[str, str] | None = None,
        known: Known | None = None,
    ) -> None:
        """`aliases` are the names that mean others, `known` what was found by the same policy."""
        words = dict.fromkeys(comparable(word) for rule in policy.rules for word in rule.contains)
        self.policy = policy
        """What it was made of."""
        self.aliases = aliases or {}
        self.known = Known() if known is None else known
        """What was found before, by this policy."""
        self._words = tuple(words)
        self._rules = tuple(_Rule(rule, self._words) for rule in policy.rules)
        self._kept: dict[tuple[str, str, str | None, str], Standing] = {}
        self.reads = bool(policy.detect) or any(
            rule.contains or (rule.detected and rule.then is not Action.ANY)
            for rule in policy.rules
        )
        """Whether any request's text has to be looked at."""

    def standing(self, key: ApiKey, workflow: str | None, model: str) -> Standing:
        """Return what is made of a request."""
        asked = (key.id, key.name, workflow, model)
        found = self._kept.get(asked)
        if found is None:
            if len(self._kept) >= _MOST_KEPT:
                # Workflows and models are the client's words: they may be ever new ones.
                self._kept.clear()
            models = (model, self.aliases.get(model, model))
            found = self._kept[asked] = self._work_out(key, workflow, models)
        return found

    def _work_out(self, key: ApiKey, workflow: str | None, models: tuple[str, str]) -> Standing:
        rules = [rule for rule in self._rules if rule.concerns(key, workflow, models)]
        waived = 0
        for rule in rules:
            if rule.then is Action.ANY:
                waived |= rule.categories
        certain = FREE_TO_GO
        clauses = [
            Clause(Verdict(action, f"detected:{category.word}"), category.bit)
            for category, action in _in_order(self.policy.detect)
            if not category.bit & waived
        ]
        for rule in rules:
            if rule.then is Action.ANY:
                continue
            verdict = Verdict(rule.then, f"rule:{rule.name}")
            if rule.categories or rule.words:
                clauses.append(Clause(verdict, rule.categories, rule.words))
            elif verdict.action > certain.action:
                certain = verdict
        clauses.sort(key=lambda clause: -clause.verdict.action)
        ceiling = max((clause.verdict.action for clause in clauses), default=Action.ANY)
        # What can't be looked into is no more than what might have been found in it.
        capped = min(ceiling, Action.LOCAL)
        words = any(clause.words for clause in clauses)
        categories = 0
        for clause in clauses:
            categories |= clause.categories
        return Standing(
            certain=certain,
            clauses=tuple(clauses),
            sought=Sought(categories, self._words if words else (), self.policy.regions),
            ceiling=ceiling,
            sealed=Verdict(min(self.policy.attachments, capped), ATTACHMENT)
            if clauses
            else FREE_TO_GO,
            failed=Verdict(capped, FAILED),
            open=certain == FREE_TO_GO and ceiling > Action.ANY and not words,
        )


class _Rule:
    """A rule with its patterns made ready."""

    def __init__(self, rule: PrivacyRule, words: tuple[str, ...]) -> None:
        self.name = rule.name
        self.then = rule.then
        self.categories = bits_of(rule.detected)
        self.words = 0
        for word in rule.contains:
            self.words |= FIRST_WORD << words.index(comparable(word))
        self._keys = _pattern(rule.keys)
        self._workflows = _pattern(rule.workflows)
        self._models = _pattern(rule.models)

    def concerns(self, key: ApiKey, workflow: str | None, models: tuple[str, str]) -> bool:
        """Tell whether the rule is about such a request, whatever its text is."""
        return (
            _fits(self._keys, (key.name, key.id))
            and _fits(self._workflows, () if workflow is None else (workflow,))
            and _fits(self._models, models)
        )


def _in_order(detect: Mapping[Category, Action]) -> Iterable[tuple[Category, Action]]:
    return ((each, detect[each]) for each in Category if detect.get(each, Action.ANY) > Action.ANY)


def _pattern(patterns: tuple[str, ...]) -> re.Pattern[str] | None:
    if not patterns:
        return None
    return re.compile("|".join(translate(each) for each in patterns))


def _fits(pattern: re.Pattern[str] | None, names: tuple[str, ...]) -> bool:
    return pattern is None or any(pattern.match(name) for name in names)
