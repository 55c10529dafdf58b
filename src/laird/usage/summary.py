"""What the ledger says, summed up: by whom, by what and by when."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, tzinfo
from enum import StrEnum
from operator import add
from typing import TypeVar

import msgspec
from sqlalchemy import Connection

from laird.storage.tables import ROLLUP_MEASURES
from laird.usage.reports.calendar import WEEKDAYS, Bucket, boundaries, label
from laird.usage.reports.cells import (
    NO_FILTERS,
    Filters,
    Question,
    by_day,
    by_hour_of_day,
    days_in_use,
)
from laird.usage.reports.listing import recent

__all__ = ["By", "Filters", "SummaryRow", "calls_by_provider", "recent", "summary"]

K = TypeVar("K", str, int)


class By(StrEnum):
    """What a summary has one row for."""

    PROVIDER = "provider"
    MODEL = "model"
    """`provider/model`: the same model costs differently elsewhere."""
    KEY = "key"
    WORKFLOW = "workflow"
    """Empty where a call named none."""
    NODE = "node"
    """`workflow/node`; `/` where a call named neither."""
    STATUS = "status"
    DAY = "day"
    """The day, as `2026-01-31`."""
    HOUR = "hour"
    """The hour of the day, `00` to `23`."""
    WEEKDAY = "weekday"
    """`Monday` to `Sunday`."""
    NONE = "none"
    """One row for everything; its group is empty."""


DIMENSIONS: dict[By, tuple[str, ...]] = {
    By.PROVIDER: ("provider",),
    By.MODEL: ("provider", "model"),
    By.KEY: ("key_id",),
    By.WORKFLOW: ("workflow",),
    By.NODE: ("workflow", "node"),
    By.STATUS: ("status",),
    By.NONE: (),
}
"""The groupings that are not of time."""


class SummaryRow(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over the attempts of one group."""

    group: str
    calls: int
    """Attempts; a request that failed over has several."""
    requests: int
    """First attempts among them."""
    ok: int
    errors: int
    """Attempts that ended in an error, were cut or interrupted; what a client cancelled is none."""
    cancelled: int
    cache_hits: int
    prompt: int
    completion: int
    cached: int
    cache_write: int
    reasoning: int
    cost_nano: int
    """Nano-dollars, of the calls whose price is known."""
    average_nano: int | None
    """Nano-dollars per call whose price is known; None when there is none."""
    unpriced_calls: int
    """Calls whose price is unknown; they are not in `cost_nano`."""
    estimated_calls: int
    """Calls whose tokens the provider did not report."""
    latency_ms: float | None
    """Average of the calls that ended well and were not answered by the cache; None for none."""
    ttft_ms: float | None
    """Average time to the first content of those."""


def summary(
    connection: Connection,
    *,
    since_us: int,
    until_us: int,
    by: By = By.NONE,
    zone: tzinfo = UTC,
    filters: Filters = NO_FILTERS,
) -> list[SummaryRow]:
    """Return the sums of the attempts in [since_us, until_us), microseconds UTC.

    Days, hours and weekdays are those of the zone, in order of time; other groups are in order of
    cost, the dearest first. By NONE gives exactly one row; other groupings have none where nothing
    happened.
    """
    question = Question(dimensions=DIMENSIONS.get(by, ()), filters=filters)
    sums = _grouped(connection, since_us, until_us, by, zone, question)
    if by is By.NONE and not sums:
        sums = {"": [0] * len(ROLLUP_MEASURES)}
    rows = [summary_row(group, numbers) for group, numbers in sums.items()]
    if by in DIMENSIONS:
        rows.sort(key=lambda row: (-row.cost_nano, -row.calls, row.group))
    return rows


def summary_row(group: str, sums: list[int]) -> SummaryRow:
    """Return the sums of all measures, in their order, as a row."""
    of = dict(zip(ROLLUP_MEASURES, sums, strict=True))
    priced = of["calls"] - of["unpriced_calls"]
    return SummaryRow(
        group=group,
        calls=of["calls"],
        requests=of["requests"],
        ok=of["ok"],
        errors=of["errors"],
        cancelled=of["calls"] - of["ok"] - of["errors"],
        cache_hits=of["cache_hits"],
        prompt=of["prompt_tokens"],
        completion=of["completion_tokens"],
        cached=of["cached_tokens"],
        cache_write=of["cache_write_tokens"],
        reasoning=of["reasoning_tokens"],
        cost_nano=of["cost_nano"],
        average_nano=(of["cost_nano"] + priced // 2) // priced if priced else None,
        unpriced_calls=of["unpriced_calls"],
        estimated_calls=of["estimated_calls"],
        latency_ms=_average_ms(of["latency_us"], of["timed_calls"]),
        ttft_ms=_average_ms(of["ttft_us"], of["ttft_calls"]),
    )


def calls_by_provider(connection: Connection, since_us: int) -> dict[str, int]:
    """Return how many attempts each provider has had since an instant, to re-seed daily limits.

    Answers from the cache do not count: the provider was not asked.
    """
    used = days_in_use(connection)
    if used is None or since_us >= used[1]:
        return {}
    question = Question(dimensions=("provider",), measures=("calls", "cache_hits"))
    cells = by_day(connection, [since_us, used[1]], question)
    return {str(provider): calls - hits for (_, provider), (calls, hits) in cells.items()}


def group_name(dimensions: tuple[int | str, ...]) -> str:
    """Return how a group is called by the values of its dimensions."""
    return "/".join(map(str, dimensions))


def _grouped(
    connection: Connection,
    since_us: int,
    until_us: int,
    by: By,
    zone: tzinfo,
    question: Question,
) -> dict[str, list[int]]:
    """Return the sums by the name of their group; groups of time in order."""
    if by in DIMENSIONS:
        cells = by_day(connection, [since_us, until_us], question)
        return {group_name(key[1:]): sums for key, sums in cells.items()}
    if by is By.HOUR:
        cells = by_hour_of_day(connection, since_us, until_us, zone, question)
        return _folded((f"{int(key[0]):02d}", sums) for key, sums in cells.items())
    ends = _clipped(connection, since_us, until_us)
    if ends is None:
        return {}
    edges = boundaries(*ends, Bucket.DAY, zone)
    names = [label(each, Bucket.DAY, zone) for each in edges[:-1]]
    cells = by_day(connection, edges, question)
    days = _folded((names[int(key[0])], sums) for key, sums in cells.items())
    if by is By.DAY:
        return days
    weekdays = ((date.fromisoformat(day).weekday(), sums) for day, sums in days.items())
    return {WEEKDAYS[day]: sums for day, sums in _folded(weekdays).items()}


def _folded(groups: Iterable[tuple[K, list[int]]]) -> dict[K, list[int]]:
    """Return the sums of groups that share a name, in the order of names."""
    found: dict[K, list[int]] = {}
    for name, sums in groups:
        before = found.get(name)
        found[name] = sums if before is None else list(map(add, before, sums))
    return {name: found[name] for name in sorted(found)}


def _clipped(connection: Connection, since_us: int, until_us: int) -> tuple[int, int] | None:
    """Return as much of a period as has attempts."""
    used = days_in_use(connection)
    if used is None:
        return None
    since_us, until_us = max(since_us, used[0]), min(until_us, used[1])
    return (since_us, until_us) if since_us < until_us else None


def _average_ms(total_us: int, calls: int) -> float | None:
    return round(total_us / calls / 1000, 3) if calls else None
