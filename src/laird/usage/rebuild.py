"""Making the rollups anew from the ledger, and telling whether the two agree.

Both go through the ledger day by day (UTC) and count it as the drain does, so the memory they need
is that of one day's sums, however long the ledger is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from sqlalchemy import Connection, Table, delete, func, insert, select

from laird.domain.usage import AttemptFinished, AttemptStarted, AttemptStatus
from laird.storage import tables, versions
from laird.storage.engine import Database
from laird.storage.tables import (
    ROLLUP_DIMENSIONS,
    ROLLUP_MEASURES,
    attempts,
    latency_days,
    latency_hours,
    usage_clock,
    usage_days,
    usage_hours,
)
from laird.usage.rollup import CLOCK_HOURS, DAY_US, LAYOUT, Breakdown, Tally, write

NAME = "rollups"
"""The counter that says of which layout the rollups are; none when they were never made."""

_AT_ONCE = 5_000

_COUNTED = (
    "request_id",
    "attempt",
    "at_us",
    "key_id",
    "provider",
    "model",
    "failover_from",
    "workflow",
    "node",
    "status",
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "estimated",
    "cost_nano",
    "latency_ms",
    "ttft_ms",
    "cache_hit",
)
_STATUSES = {status.value: status for status in AttemptStatus}

_Rows = dict[tuple[int | str, ...], tuple[int, ...]]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A day (UTC, counted from the epoch) whose rollups are not what the ledger says."""

    day: int
    table: str
    rows: int
    """Rows of the rollup that are wrong, missing or too many."""
    calls: int
    """What the rollup has too many, in the breakdown that shows most of it; 0 for histograms."""
    cost_nano: int


def ensure(database: Database) -> int:
    """Make the rollups of a database that has none yet, and return how many attempts they sum up.

    0 when there was nothing to do. Blocks, for about a minute per ten million rows; to be called
    before the drain begins.

    Raises:
        StorageUnavailable: the database can't be read or written.
    """
    if database.read_now(_layout) == LAYOUT:
        return 0
    return database.write_now(rebuild)


def rebuild(connection: Connection) -> int:
    """Throw the rollups away, make them from the ledger, and return how many attempts it has.

    All in the caller's transaction: a rebuild that is cut short changes nothing.
    """
    for table in (usage_hours, usage_days, usage_clock, latency_hours, latency_days):
        connection.execute(delete(table))
    counted = 0
    for day in _days(connection):
        tally = Tally()
        counted += _count(connection, day, tally)
        for _ in write(connection, tally):
            pass
    connection.execute(delete(tables.versions).where(tables.versions.c.name == NAME))
    connection.execute(insert(tables.versions).values(name=NAME, value=LAYOUT))
    return counted


def differences(connection: Connection) -> list[Difference]:
    """Return where the rollups are not what the ledger says, day by day; normally nowhere."""
    found: list[Difference] = []
    days = set()
    for day in _days(connection):
        days.add(day)
        tally = Tally()
        _count(connection, day, tally)
        for table, rows in tally.statements():
            if table is usage_clock:
                continue
            found += _compare(connection, table, day, _keyed(table, rows))
    summed = select(usage_days.c.slot).where(
        usage_days.c.breakdown == Breakdown.STATUS, usage_days.c.calls != 0
    )
    for day in sorted(set(connection.execute(summed).scalars()) - days):
        found += _compare(connection, usage_days, day, {})
    return found + _clock_differences(connection)


def _clock_differences(connection: Connection) -> list[Difference]:
    """Return where sums by hour of the day are not those of the hours, by the first of 28 days."""
    hours = usage_hours.c
    place = (hours.slot // CLOCK_HOURS * 24 + hours.slot % 24).label("place")
    kept = [hours[name] for name in ROLLUP_DIMENSIONS]
    sums = [func.sum(hours[name]) for name in ROLLUP_MEASURES]
    summed = select(hours.breakdown, place, *kept, *sums, func.max(hours.dearest_nano)).group_by(
        hours.breakdown, "place", *kept
    )
    width = 2 + len(ROLLUP_DIMENSIONS)
    found = []
    for block in _blocks(connection):
        begin = block * CLOCK_HOURS
        within = hours.slot.between(begin, begin + CLOCK_HOURS - 1)
        rows = [tuple(row) for row in connection.execute(summed.where(within))]
        expected = {row[:width]: row[width:] for row in rows if any(row[width:-1])}
        clock = usage_clock.c.slot.between(block * 24, block * 24 + 23)
        stored = [tuple(row) for row in connection.execute(select(usage_clock).where(clock))]
        found += _differing(usage_clock, begin // 24, _keyed(usage_clock, stored), expected)
    return found


def _blocks(connection: Connection) -> list[int]:
    """Return the four weeks that have sums, counted from the epoch."""
    in_hours = select(usage_hours.c.slot // CLOCK_HOURS).distinct()
    in_clock = select(usage_clock.c.slot // 24).distinct()
    return sorted(connection.execute(in_hours.union(in_clock)).scalars())


def _layout(connection: Connection) -> int:
    return versions.current(connection, NAME)


def _days(connection: Connection) -> Iterator[int]:
    """Yield the days that have attempts, oldest first."""
    at_us = attempts.c.at_us
    first = connection.execute(select(func.min(at_us))).scalar()
    while first is not None:
        day = first // DAY_US
        yield day
        later = select(func.min(at_us)).where(at_us >= (day + 1) * DAY_US)
        first = connection.execute(later).scalar()


def _count(connection: Connection, day: int, tally: Tally) -> int:
    """Count the attempts of a day."""
    begin_us = day * DAY_US
    query = select(*(attempts.c[name] for name in _COUNTED)).where(
        attempts.c.at_us >= begin_us, attempts.c.at_us < begin_us + DAY_US
    )
    counted = 0
    for row in connection.execute(query.execution_options(yield_per=_AT_ONCE)):
        tally.add(_attempt(row))
        counted += 1
    return counted


def _attempt(row: Any) -> AttemptFinished:
    """Return as much of an attempt as rollups look at."""
    (
        request_id, attempt, at_us, key_id, provider, model, failover_from, workflow, node, status,
        prompt, completion, cached, cache_write, reasoning, estimated, cost, latency, ttft, hit,
    ) = row  # fmt: skip
    return AttemptFinished(
        started=AttemptStarted(
            request_id=request_id,
            attempt=attempt,
            at_us=at_us,
            key_id=key_id,
            provider=provider,
            model=model,
            upstream_model="",
            dialect="",
            stream=False,
            prompt_tokens=0,
            cost_nano=None,
            price_version=None,
            failover_from=failover_from,
            privacy="",
            privacy_reason=None,
            workflow=workflow,
            node=node,
        ),
        status=_STATUSES[status],
        error=None,
        http_status=None,
        prompt_tokens=prompt,
        completion_tokens=completion,
        cached_tokens=cached,
        cache_write_tokens=cache_write,
        reasoning_tokens=reasoning,
        estimated=estimated,
        cost_nano=cost,
        latency_ms=latency,
        ttft_ms=ttft,
        cache_hit=hit,
    )


def _keyed(table: Table, rows: list[tuple[int | str, ...]]) -> _Rows:
    """Return rows by their key; those that count nothing say nothing."""
    width = len(table.primary_key)
    keyed: _Rows = {}
    for row in rows:
        numbers = tuple(int(each) for each in row[width:])
        if any(numbers[: len(numbers) - _bounds(table)]):
            keyed[row[:width]] = numbers
    return keyed


def _bounds(table: Table) -> int:
    """Return how many of the last columns are bounds instead of sums."""
    return int("dearest_nano" in table.columns)


def _compare(connection: Connection, table: Table, day: int, expected: _Rows) -> list[Difference]:
    per_day = 24 if table in {usage_hours, latency_hours} else 1
    slot = table.c.slot
    query = select(table).where(slot >= day * per_day, slot < (day + 1) * per_day)
    if "breakdown" in table.columns:
        query = query.where(table.c.breakdown.in_(list(Breakdown)))
    stored = _keyed(table, [tuple(row) for row in connection.execute(query)])
    return _differing(table, day, stored, expected)


def _differing(table: Table, day: int, stored: _Rows, expected: _Rows) -> list[Difference]:
    wrong = [
        key
        for key in stored.keys() | expected.keys()
        if not _agree(stored.get(key), expected.get(key), _bounds(table))
    ]
    if not wrong:
        return []
    calls, cost = _excess(table, wrong, stored, expected)
    return [Difference(day=day, table=table.name, rows=len(wrong), calls=calls, cost_nano=cost)]


def _agree(stored: tuple[int, ...] | None, expected: tuple[int, ...] | None, bounds: int) -> bool:
    if stored is None or expected is None:
        return False
    sums = len(stored) - bounds
    return stored[:sums] == expected[:sums] and stored[sums:] >= expected[sums:]


def _excess(
    table: Table, wrong: list[tuple[int | str, ...]], stored: _Rows, expected: _Rows
) -> tuple[int, int]:
    """Return by how many calls and how much money a rollup says too much."""
    if "cost_nano" not in table.columns:
        return 0, 0
    names = [column.name for column in table.columns if not column.primary_key]
    excess: dict[int | str, list[int]] = {}
    for key in wrong:
        both = excess.setdefault(key[0], [0, 0])
        for place, name in enumerate(("calls", "cost_nano")):
            column = names.index(name)
            both[place] += stored[key][column] if key in stored else 0
            both[place] -= expected[key][column] if key in expected else 0
    most = max(excess.values(), key=lambda both: (abs(both[0]), abs(both[1])))
    return most[0], most[1]
