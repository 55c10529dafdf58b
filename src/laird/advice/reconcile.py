"""Does the provider's bill agree with the ledger? Day by day and model by model."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, case, func, not_, or_, select

from laird.advice.names import canonical
from laird.advice.reports.cells import YEARS
from laird.advice.reports.report import Group, Report, Sums
from laird.domain.errors import InvalidRequest
from laird.domain.usage import AttemptStatus
from laird.storage.tables import attempts

_QUARTER_US = 15 * 60 * 1_000_000
"""Every zone's days begin at a quarter of an hour in UTC."""
_DAY = timedelta(days=1)


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """Whole days: `since` is the first, `until` the first that is no longer in it."""

    since: date
    until: date
    zone: tzinfo = UTC

    def holds(self, day: date) -> bool:
        """Tell whether a day is in it."""
        return self.since <= day < self.until

    @property
    def since_us(self) -> int:
        """Its first instant, UTC microseconds."""
        return _midnight_us(self.since, self.zone)

    @property
    def until_us(self) -> int:
        """The first instant after it, UTC microseconds."""
        return _midnight_us(self.until, self.zone)


class LedgerSums(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger has of a period."""

    sums: dict[Group, Sums]
    unpriced: int
    """Calls that the provider counted and whose price is unknown."""
    estimated: int
    """Calls whose tokens are estimated."""


class Verdict(StrEnum):
    """How one row compares."""

    MATCH = "match"
    DIFFERS = "differs"
    ONLY_LEDGER = "only_ledger"
    ONLY_REPORT = "only_report"


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """One day and one model on both sides; a side of None has nothing."""

    day: date
    model: str
    ledger: Sums | None
    report: Sums | None
    verdict: Verdict

    def difference(self, name: str) -> int:
        """Return how much more the ledger has than the report, of one of the sums."""
        ours = 0 if self.ledger is None else getattr(self.ledger, name)
        theirs = 0 if self.report is None else getattr(self.report, name)
        return int(ours - theirs)


class Reconciliation(msgspec.Struct, frozen=True, kw_only=True):
    """The comparison of a report with the ledger."""

    period: Period
    rows: tuple[Compared, ...]
    """In order of days and models."""
    ledger: Sums
    report: Sums
    deviation: Mapping[str, float]
    """Of `tokens` and of `cost`, as far as the report tells them: the differences of all rows, each
    taken as positive, as a share of the larger total. They can't make up for one another."""
    agrees: bool
    left_out: int
    """Groups of the report outside of the period."""
    notes: tuple[str, ...]


def period_of(
    report: Report, zone: tzinfo, since: date | None = None, until: date | None = None
) -> Period | None:
    """Return the days that a report speaks of, unless others are asked for; None where none are.

    Raises `InvalidRequest` for days of another age.
    """
    first = since or (report.days[0] if report.days else None)
    last = until or (report.days[-1] + _DAY if report.days else None)
    if first is None or last is None:
        return None
    if first.year not in YEARS or last.year not in YEARS:
        raise InvalidRequest("since and until are days such as 2026-01-31.", param="since")
    return Period(since=first, until=max(last, first), zone=zone)


def ledger_sums(connection: Connection, providers: Collection[str], period: Period) -> LedgerSums:
    """Return what the ledger has of the calls that these providers could have billed.

    Answers from a cache never reached them; calls that failed without using a token count as none.
    """
    column = attempts.c
    quarter = (column.at_us // _QUARTER_US).label("quarter")
    charged = or_(
        column.status == AttemptStatus.OK, column.prompt_tokens + column.completion_tokens > 0
    )
    query = (
        select(
            quarter,
            column.upstream_model,
            func.count().label("calls"),
            _total(column.prompt_tokens).label("prompt"),
            _total(column.completion_tokens).label("completion"),
            _total(column.cached_tokens).label("cached"),
            _total(column.cache_write_tokens).label("cache_write"),
            _total(column.cost_nano).label("cost_nano"),
            _count(column.cost_nano.is_(None)).label("unpriced"),
            _count(column.estimated).label("estimated"),
        )
        .where(
            column.at_us >= period.since_us,
            column.at_us < period.until_us,
            column.provider.in_(providers),
            and_(not_(column.cache_hit), charged),
        )
        .group_by("quarter", column.upstream_model)
    )
    sums: dict[Group, Sums] = {}
    unpriced = estimated = 0
    for row in connection.execute(query).mappings():
        at = datetime.fromtimestamp(row["quarter"] * _QUARTER_US / 1_000_000, UTC)
        group = Group(at.astimezone(period.zone).date(), canonical(row["upstream_model"]))
        sums.setdefault(group, Sums()).add(_sums(row))
        unpriced += int(row["unpriced"])
        estimated += int(row["estimated"])
    return LedgerSums(sums=sums, unpriced=unpriced, estimated=estimated)


def reconcile(
    ledger: LedgerSums, report: Report, period: Period, *, tolerance: float
) -> Reconciliation:
    """Compare both sides. `tolerance` is the share by which they may differ (0.01 is a hundredth).

    A difference in cost that rounding in the report explains is none. Where the report does not
    tell models apart, days are compared.
    """
    by_model = report.by_model or not report.sums
    theirs = {group: sums for group, sums in report.sums.items() if period.holds(group.day)}
    ours = ledger.sums if by_model else _by_day(ledger.sums)
    rows = []
    off = dict.fromkeys(_measures(report), 0)
    for group in sorted({*ours, *theirs}):
        slack = report.slack_nano.get(group, 0)
        compared, differences = _compare(
            group, ours.get(group), theirs.get(group), off, slack=slack, tolerance=tolerance
        )
        rows.append(compared)
        for measure, difference in differences.items():
            off[measure] += difference
    ledger_total, report_total = _added(ours.values()), _added(theirs.values())
    deviation = {
        measure: _share(difference, _of(ledger_total, measure), _of(report_total, measure))
        for measure, difference in off.items()
    }
    return Reconciliation(
        period=period,
        rows=tuple(rows),
        ledger=ledger_total,
        report=report_total,
        deviation=deviation,
        agrees=report.unreadable_count == 0
        and all(share <= tolerance for share in deviation.values()),
        left_out=len(report.sums) - len(theirs),
        notes=tuple(_notes(ledger, report)),
    )


def _compare(
    group: Group,
    ours: Sums | None,
    theirs: Sums | None,
    measures: Collection[str],
    *,
    slack: int,
    tolerance: float,
) -> tuple[Compared, dict[str, int]]:
    """Return the row, and by how much the two sides differ in each measure."""
    differences = {}
    match = True
    for measure in measures:
        mine, other = _of(ours or Sums(), measure), _of(theirs or Sums(), measure)
        difference = abs(mine - other)
        if measure == "cost":
            difference = max(0, difference - slack)
        differences[measure] = difference
        match = match and _share(difference, mine, other) <= tolerance
    if match:
        verdict = Verdict.MATCH
    elif theirs is None:
        verdict = Verdict.ONLY_LEDGER
    else:
        verdict = Verdict.ONLY_REPORT if ours is None else Verdict.DIFFERS
    row = Compared(day=group.day, model=group.model, ledger=ours, report=theirs, verdict=verdict)
    return row, differences


def _notes(ledger: LedgerSums, report: Report) -> Iterator[str]:
    yield from report.notes
    if not report.by_model and report.sums:
        yield "the report does not tell models apart, so days are compared"
    if ledger.unpriced and report.has_costs:
        yield f"{ledger.unpriced} calls in the ledger have no price, so their cost is missing"
    if ledger.estimated:
        yield f"the tokens of {ledger.estimated} calls in the ledger are estimates"


def _measures(report: Report) -> Iterator[str]:
    if report.has_tokens:
        yield "tokens"
    if report.has_costs:
        yield "cost"
    if not report.sums:
        yield "tokens"


def _of(sums: Sums, measure: str) -> int:
    return sums.cost_nano if measure == "cost" else sums.tokens


def _share(difference: int, one: int, other: int) -> float:
    larger = max(abs(one), abs(other))
    if difference == 0:
        return 0.0
    return difference / larger if larger else 1.0


def _by_day(sums: Mapping[Group, Sums]) -> dict[Group, Sums]:
    days: dict[Group, Sums] = {}
    for group, each in sums.items():
        days.setdefault(Group(group.day, ""), Sums()).add(each)
    return days


def _added(all_sums: Collection[Sums]) -> Sums:
    total = Sums()
    for each in all_sums:
        total.add(each)
    return total


def _sums(row: Any) -> Sums:
    return Sums(**{name: int(row[name]) for name in Sums.__struct_fields__})


def _midnight_us(day: date, zone: tzinfo) -> int:
    return int(datetime.combine(day, time(0), zone).timestamp()) * 1_000_000


def _total(column: ColumnElement[int]) -> ColumnElement[int]:
    return func.coalesce(func.sum(column), 0)


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)
