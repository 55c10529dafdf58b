"""Which requests use the cache unasked, by the rules of the document."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from fnmatch import fnmatchcase

from laird.domain.cache import CacheRule
from laird.domain.keys import ApiKey


def wanted(
    rules: Iterable[CacheRule], models: Collection[str], key: ApiKey, workflow: str | None
) -> bool:
    """Tell whether a rule fits a request. `models` are the names that mean what it asks for."""
    keys = (key.name, key.id)
    workflows = () if workflow is None else (workflow,)
    return any(
        _fits(rule.models, models) and _fits(rule.keys, keys) and _fits(rule.workflows, workflows)
        for rule in rules
    )


def _fits(patterns: tuple[str, ...], names: Collection[str]) -> bool:
    return not patterns or any(fnmatchcase(name, pattern) for pattern in patterns for name in names)
