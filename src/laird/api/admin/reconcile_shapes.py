"""Answers about a provider's report."""

from __future__ import annotations

from typing_extensions import TypedDict


class SumsShown(TypedDict):
    """Sums of calls; what a report of this kind does not tell is null."""

    calls: int | None
    prompt: int | None
    completion: int | None
    cached: int | None
    cache_write: int | None
    cost_usd: str | None


class ComparedShown(TypedDict):
    """One day and model, in the ledger and in the report."""

    day: str
    model: str | None
    verdict: str
    ledger: SumsShown | None
    report: SumsShown | None
    tokens_difference: int | None
    cost_difference_usd: str | None


class UnreadableShown(TypedDict):
    """A piece of a report that could not be read."""

    place: str
    why: str


class Asked(TypedDict):
    """What was compared, and how."""

    complete: bool
    """False while the database is away: the newest calls may be missing."""
    zone: str
    tolerance: float


class ReconciliationShown(Asked):
    """A report compared with the ledger."""

    format: str
    since: str
    until: str
    agrees: bool
    deviation: dict[str, float]
    """In percent."""
    ledger: SumsShown
    report: SumsShown
    rows: list[ComparedShown]
    lines: int
    left_out: int
    unreadable: list[UnreadableShown]
    unreadable_count: int
    notes: list[str]
