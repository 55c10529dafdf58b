"""Sums of the rollups for any period, exact to the microsecond.

Days are read where they can be, and what a boundary does not share with the nearest midnight is
added or taken away: at most twelve hours from the hourly sums, and within one hour from the ledger
itself. So a report of a year reads some hundred rows per group, however many calls there were.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import tzinfo
from operator import add, sub
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    Select,
    Table,
    and_,
    case,
    cast,
    func,
    literal,
    or_,
    select,
    tuple_,
)

from laird.domain.usage import AttemptStatus
from laird.storage.tables import (
    ROLLUP_DIMENSIONS,
    ROLLUP_MEASURES,
    attempts,
    usage_clock,
    usage_days,
    usage_hours,
)
from laird.usage.reports.calendar import hour_of_week, offset_hours, stretches
from laird.usage.rollup import CLOCK_HOURS, DAY_US, HOUR_US, TOLD_APART, Breakdown

_SLOTS_AT_ONCE = 500
"""Hours per statement: SQLite sorts what it groups, and a little at a time fits its memory."""


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """What a report is about; everything that is not named is in it. Several values mean any."""

    provider: tuple[str, ...] = ()
    model: tuple[str, ...] = ()
    """As `model`, whoever serves it, or as `provider/model`."""
    key_id: tuple[str, ...] = ()
    workflow: tuple[str, ...] = ()
    """Empty text means calls that named none."""
    node: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    in_workflow: bool = False
    """Only calls that named a workflow."""
    failed_over: bool = False
    """Only attempts that took over from another one."""

    def dimensions(self) -> set[str]:
        """Return the dimensions that are looked at."""
        named = {name for name in ROLLUP_DIMENSIONS if getattr(self, name, ())}
        named |= {"provider"} if self.model else set()
        named |= {"workflow"} if self.in_workflow else set()
        return named | {"failover_from"} if self.failed_over else named

    def conditions(self, table: FromClause) -> Iterator[ColumnElement[bool]]:
        """Yield what must be true of the rows of a rollup or of the ledger."""
        for name in ("provider", "key_id", "workflow", "node", "status"):
            wanted = getattr(self, name)
            if wanted:
                column = table.c[name]
                # What is empty in a rollup is null in the ledger.
                yield (
                    or_(column.in_(wanted), column.is_(None))
                    if "" in wanted
                    else column.in_(wanted)
                )
        if self.model:
            full = table.c.provider + "/" + table.c.model
            yield or_(table.c.model.in_(self.model), full.in_(self.model))
        if self.in_workflow:
            yield table.c.workflow != ""
        if self.failed_over:
            yield table.c.failover_from != ""


NO_FILTERS = Filters()

_Row = Sequence[Any]

Cells = dict[tuple[int | str, ...], list[int]]
"""Sums by bucket and dimensions, in the order of the measures; no group is without calls."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be summed up: `calls` is always the first measure."""

    dimensions: tuple[str, ...] = ()
    measures: tuple[str, ...] = ROLLUP_MEASURES
    filters: Filters = NO_FILTERS
    among: tuple[tuple[str, ...], ...] | None = None
    """Only these groups: values of the dimensions. None for all."""

    @property
    def breakdown(self) -> Breakdown:
        """The smallest one that tells apart what has to be."""
        needed = {*self.dimensions, *self.filters.dimensions()}
        if self.filters.failed_over and needed <= {"provider", "model", "failover_from"}:
            return Breakdown.FAILOVER
        return next(each for each, known in TOLD_APART.items() if needed <= known)

    def conditions(self, table: FromClause) -> Iterator[ColumnElement[bool]]:
        """Yield what must be true of the rows that count."""
        yield from self.filters.conditions(table)
        if self.among is not None and self.dimensions:
            columns = [table.c[name] for name in self.dimensions]
            yield tuple_(*columns).in_(self.among)


def _facts() -> FromClause:
    """Return the ledger with the columns of a rollup, one row per attempt."""
    row = attempts.c
    ok = row.status == AttemptStatus.OK
    timed = and_(ok, row.cache_hit.is_(False))
    first = and_(timed, row.ttft_ms.is_not(None))
    failed = row.status.not_in([AttemptStatus.OK, AttemptStatus.CANCELLED])
    measures: dict[str, ColumnElement[int]] = {
        "calls": literal(1),
        "requests": _one(row.attempt == 1),
        "ok": _one(ok),
        "errors": _one(failed),
        "cache_hits": _one(row.cache_hit.is_(True)),
        "unpriced_calls": _one(row.cost_nano.is_(None)),
        "estimated_calls": _one(row.estimated.is_(True)),
        "prompt_tokens": row.prompt_tokens,
        "completion_tokens": row.completion_tokens,
        "cached_tokens": row.cached_tokens,
        "cache_write_tokens": row.cache_write_tokens,
        "reasoning_tokens": row.reasoning_tokens,
        "cost_nano": func.coalesce(row.cost_nano, 0),
        "timed_calls": _one(timed),
        "latency_us": case((timed, cast(row.latency_ms * 1000, BigInteger)), else_=0),
        "ttft_calls": _one(first),
        "ttft_us": case((first, cast(row.ttft_ms * 1000, BigInteger)), else_=0),
    }
    return select(
        row.at_us,
        *(func.coalesce(row[name], "").label(name) for name in ROLLUP_DIMENSIONS),
        *(measures[name].label(name) for name in ROLLUP_MEASURES),
    ).subquery("facts")


def _one(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return case((condition, 1), else_=0)


_FACTS = _facts()


def by_day(connection: Connection, boundaries: Sequence[int], question: Question) -> Cells:
    """Return the sums of each bucket between two boundaries (microseconds UTC, ascending).

    All but the first and the last boundary must be full hours, at least twelve hours apart.
    """
    boundaries = _snapped(connection, boundaries)
    hours = [_nearest(each, HOUR_US) for each in boundaries]
    days = [_nearest(each, 24) for each in hours]
    cells = _Adding(question)
    for row in _slots(connection, question, usage_days, days[0], days[-1], each=len(days) > 2):
        cells.put(bisect_right(days, row[0]) - 1, row, 1)
    last = len(boundaries) - 1
    for place, bucket, direction in ((0, 0, 1), (last, last - 1, -1)):
        for sign, row in _edge(connection, question, boundaries[place], hours[place], days[place]):
            cells.put(bucket, row, direction * sign)
    for place, sign, row in _inner(connection, question, hours, days):
        cells.put(place, row, sign)
        cells.put(place - 1, row, -sign)
    return cells.found()


def by_hour(connection: Connection, boundaries: Sequence[int], question: Question) -> Cells:
    """Do what `by_day` does from hourly sums; for buckets of hours."""
    boundaries = _snapped(connection, boundaries)
    hours = [_nearest(each, HOUR_US) for each in boundaries]
    cells = _Adding(question)
    for row in _slots(connection, question, usage_hours, hours[0], hours[-1], each=len(hours) > 2):
        cells.put(bisect_right(hours, row[0]) - 1, row, 1)
    last = len(boundaries) - 1
    for place, bucket, direction in ((0, 0, 1), (last, last - 1, -1)):
        for sign, row in _fraction(connection, question, boundaries[place], hours[place]):
            cells.put(bucket, row, direction * sign)
    return cells.found()


def by_hour_of_week(
    connection: Connection, since_us: int, until_us: int, zone: tzinfo, question: Question
) -> Cells:
    """Return the sums of each hour of the week, 0 to 167 from Monday, in a zone."""
    return _recurring(connection, since_us, until_us, zone, question, 168)


def by_hour_of_day(
    connection: Connection, since_us: int, until_us: int, zone: tzinfo, question: Question
) -> Cells:
    """Return the sums of each hour of the day, 0 to 23, in a zone."""
    return _recurring(connection, since_us, until_us, zone, question, 24)


def _recurring(
    connection: Connection,
    since_us: int,
    until_us: int,
    zone: tzinfo,
    question: Question,
    cycle: int,
) -> Cells:
    """Return the sums by hour of what comes back after so many hours: a day or a week."""
    cells = _Adding(question)
    used = days_in_use(connection) or (0, 0)
    since_us, until_us = max(since_us, used[0]), min(until_us, used[1])
    if since_us >= until_us:
        return {}
    since_us, until_us = _snapped(connection, [since_us, until_us])
    begin, end = _nearest(since_us, HOUR_US), _nearest(until_us, HOUR_US)
    for first, beyond, offset in stretches(begin, end, zone):
        if cycle == 24 and beyond - first >= CLOCK_HOURS:
            found = _clock(connection, question, first, beyond)
        else:
            found = _by_place(connection, question, usage_hours, first, beyond, cycle)
        shift = hour_of_week(0, offset)
        for sign, row in found:
            cells.put((row[0] + shift) % cycle, row, sign)
    for at_us, nearest, direction in ((since_us, begin, 1), (until_us, end, -1)):
        hour = at_us // HOUR_US
        bucket = hour_of_week(hour, offset_hours(hour, zone)) % cycle
        for sign, row in _fraction(connection, question, at_us, nearest):
            cells.put(bucket, row, direction * sign)
    return cells.found()


def _by_place(
    connection: Connection, question: Question, table: Table, first: int, beyond: int, cycle: int
) -> Iterator[tuple[int, _Row]]:
    """Yield the sums from one slot to another by their place in a cycle, with a sign of 1."""
    if first < beyond:
        slot = table.c.slot
        query = _sums(question, table, slot % cycle, question.breakdown)
        for row in connection.execute(query.where(slot >= first, slot < beyond)).all():
            yield 1, row


def _clock(
    connection: Connection, question: Question, first: int, beyond: int
) -> Iterator[tuple[int, _Row]]:
    """Yield the sums of hours by hour of the day (UTC), with their signs.

    Read from the sums of four weeks, and what those have too much or too little from the hours.
    """
    blocks = _nearest(first, CLOCK_HOURS), _nearest(beyond, CLOCK_HOURS)
    yield from _by_place(connection, question, usage_clock, blocks[0] * 24, blocks[1] * 24, 24)
    for hour, block, direction in ((first, blocks[0], 1), (beyond, blocks[1], -1)):
        low, high = sorted((hour, block * CLOCK_HOURS))
        sign = direction if low == hour else -direction
        for _, row in _by_place(connection, question, usage_hours, low, high, 24):
            yield sign, row


class _Adding:
    """Cells that are being added up from rows of (anything, dimensions, sums)."""

    def __init__(self, question: Question) -> None:
        self._sums_from = 1 + len(question.dimensions)
        self._cells: Cells = {}

    def put(self, bucket: int, row: _Row, sign: int) -> None:
        key = (bucket, *row[1 : self._sums_from])
        change = row[self._sums_from :]
        before = self._cells.get(key)
        if before is None:
            self._cells[key] = list(change) if sign > 0 else [-each for each in change]
        else:
            self._cells[key] = list(map(add if sign > 0 else sub, before, change))

    def found(self) -> Cells:
        """Return what is left: groups whose calls were all taken away again are none."""
        return {key: sums for key, sums in self._cells.items() if sums[0]}


def days_in_use(connection: Connection) -> tuple[int, int] | None:
    """Return from when to when there are attempts, in whole days, microseconds UTC."""
    slot = usage_days.c.slot
    ends = []
    for order in (slot.asc(), slot.desc()):
        query = select(slot).where(usage_days.c.breakdown == Breakdown.STATUS)
        ends.append(connection.execute(query.order_by(order).limit(1)).scalar())
    first, last = ends
    return None if first is None or last is None else (first * DAY_US, (last + 1) * DAY_US)


def _snapped(connection: Connection, boundaries: Sequence[int]) -> Sequence[int]:
    """Return the same boundaries, the outer ones at full hours where that changes nothing.

    Nearly every period ends now, and there is nothing after now.
    """
    first, last = boundaries[0], boundaries[-1]
    begin, end = first - first % HOUR_US, last + -last % HOUR_US
    if begin < first and not _anything(connection, begin, first):
        first = begin
    if last < end and not _anything(connection, last, end):
        last = end
    return [first, *boundaries[1:-1], last]


def _anything(connection: Connection, since_us: int, until_us: int) -> bool:
    at_us = attempts.c.at_us
    query = select(at_us).where(at_us >= since_us, at_us < until_us).limit(1)
    return connection.execute(query).first() is not None


def _nearest(value: int, unit: int) -> int:
    return (value + unit // 2) // unit


def _sums(
    question: Question,
    table: FromClause,
    place: ColumnElement[int],
    breakdown: Breakdown | None = None,
) -> Select[Any]:
    """Return a query for a place, the dimensions and the sums, grouped by the first two."""
    dimensions = [table.c[name] for name in question.dimensions]
    query = select(
        place.label("place"),
        *dimensions,
        *(func.sum(table.c[name]).label(name) for name in question.measures),
    ).where(*question.conditions(table))
    if breakdown is not None:
        query = query.where(table.c.breakdown == breakdown)
    return query.group_by("place", *dimensions)


def _slots(
    connection: Connection, question: Question, table: Table, first: int, beyond: int, *, each: bool
) -> Sequence[_Row]:
    """Return the sums from one slot to another, of each slot or of all, the slot first."""
    if first >= beyond:
        return ()
    breakdown = question.breakdown
    if each and TOLD_APART.get(breakdown) == frozenset(question.dimensions):
        # The rows are what is asked for; SQLite would sort them to find that out.
        columns = (table.c[name] for name in (*question.dimensions, *question.measures))
        query = select(table.c.slot, *columns).where(
            table.c.breakdown == breakdown, *question.conditions(table)
        )
    else:
        query = _sums(question, table, table.c.slot if each else literal(first), breakdown)
    query = query.where(table.c.slot >= first, table.c.slot < beyond)
    return connection.execute(query).all()


def _edge(
    connection: Connection, question: Question, at_us: int, hour: int, day: int
) -> Iterator[tuple[int, _Row]]:
    """Yield what lies between an instant and the midnight nearest to it, with its sign."""
    low, high = sorted((hour, day * 24))
    for row in _slots(connection, question, usage_hours, low, high, each=False):
        yield (1 if hour == low else -1), row
    yield from _fraction(connection, question, at_us, hour)


def _fraction(
    connection: Connection, question: Question, at_us: int, hour: int
) -> Iterator[tuple[int, _Row]]:
    """Yield what lies between an instant and the full hour nearest to it, from the ledger."""
    low, high = sorted((at_us, hour * HOUR_US))
    if low == high:
        return
    query = _sums(question, _FACTS, literal(0)).where(_FACTS.c.at_us >= low, _FACTS.c.at_us < high)
    for row in connection.execute(query).all():
        yield (1 if at_us == low else -1), row


def _inner(
    connection: Connection, question: Question, hours: Sequence[int], days: Sequence[int]
) -> Iterator[tuple[int, int, _Row]]:
    """Yield what lies between each inner boundary and its midnight: (boundary, sign, sums).

    Boundaries are at least twelve hours apart, so the hours of half a day belong to one of them.
    """
    boundary_of: dict[int, int] = {}
    slots: list[int] = []
    for place in range(1, len(hours) - 1):
        low, high = sorted((hours[place], days[place] * 24))
        if low < high:
            boundary_of[low // 12] = place
            slots += range(low, high)
    half = usage_hours.c.slot // 12
    for begin in range(0, len(slots), _SLOTS_AT_ONCE):
        part = slots[begin : begin + _SLOTS_AT_ONCE]
        query = _sums(question, usage_hours, half, question.breakdown)
        for row in connection.execute(query.where(usage_hours.c.slot.in_(part))).all():
            place = boundary_of[row[0]]
            yield place, (1 if hours[place] < days[place] * 24 else -1), row
