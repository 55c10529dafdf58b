"""A period as a whole: its sums beside those of the period before, its peaks and its failovers."""

from __future__ import annotations

from datetime import UTC, tzinfo

import msgspec
from sqlalchemy import Connection

from laird.usage.reports.calendar import WEEKDAYS
from laird.usage.reports.cells import NO_FILTERS, Filters, Question, by_day, by_hour_of_week
from laird.usage.summary import By, SummaryRow, summary


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """A period and the one of the same length right before it."""

    current: SummaryRow
    previous: SummaryRow


class Peak(msgspec.Struct, frozen=True, kw_only=True):
    """An hour of the week and what all such hours of a period had together."""

    weekday: str
    hour: int
    """0 to 23, in the zone asked for."""
    calls: int
    cost_nano: int


class Failover(msgspec.Struct, frozen=True, kw_only=True):
    """Attempts that took over from another model."""

    failed: str
    """`provider/model` that failed."""
    took_over: str
    """`provider/model` that was tried next."""
    calls: int
    ok: int
    """Those of them that ended well."""
    cost_nano: int


def totals(
    connection: Connection, *, since_us: int, until_us: int, filters: Filters = NO_FILTERS
) -> Totals:
    """Return the sums of [since_us, until_us) and of the period before."""
    before_us = since_us - (until_us - since_us)
    (current,) = summary(connection, since_us=since_us, until_us=until_us, filters=filters)
    (previous,) = summary(connection, since_us=before_us, until_us=since_us, filters=filters)
    return Totals(current=current, previous=previous)


def previous_rows(
    connection: Connection,
    *,
    since_us: int,
    until_us: int,
    by: By,
    filters: Filters = NO_FILTERS,
) -> dict[str, SummaryRow]:
    """Return the sums of the period before by group; `by` is no grouping of time."""
    before_us = since_us - (until_us - since_us)
    rows = summary(connection, since_us=before_us, until_us=since_us, by=by, filters=filters)
    return {row.group: row for row in rows}


def change(current: int, previous: int) -> float | None:
    """Return by which share a number grew (0.5 is half more); None when there was nothing."""
    return round((current - previous) / previous, 4) if previous else None


def peaks(
    connection: Connection,
    *,
    since_us: int,
    until_us: int,
    zone: tzinfo = UTC,
    filters: Filters = NO_FILTERS,
    most: int = 5,
) -> list[Peak]:
    """Return the busiest hours of the week, the busiest first."""
    question = Question(measures=("calls", "cost_nano"), filters=filters)
    cells = by_hour_of_week(connection, since_us, until_us, zone, question)
    found = [
        Peak(
            weekday=WEEKDAYS[int(key[0]) // 24], hour=int(key[0]) % 24, calls=calls, cost_nano=cost
        )
        for key, (calls, cost) in sorted(cells.items())
    ]
    return sorted(found, key=lambda peak: (-peak.calls, -peak.cost_nano))[:most]


def failovers(
    connection: Connection, *, since_us: int, until_us: int, filters: Filters = NO_FILTERS
) -> list[Failover]:
    """Return who took over from whom, the most frequent first."""
    question = Question(
        dimensions=("failover_from", "provider", "model"),
        measures=("calls", "ok", "cost_nano"),
        filters=msgspec.structs.replace(filters, failed_over=True),
    )
    cells = by_day(connection, [since_us, until_us], question)
    found = [
        Failover(
            failed=str(failed), took_over=f"{provider}/{model}", calls=calls, ok=ok, cost_nano=cost
        )
        for (_, failed, provider, model), (calls, ok, cost) in cells.items()
    ]
    return sorted(found, key=lambda row: (-row.calls, row.failed, row.took_over))
