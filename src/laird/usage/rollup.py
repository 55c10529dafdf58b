"""Rollups: the ledger summed up by hour, by day and by hour of the day over four weeks.

They are kept in the ledger's own transactions.

A sum is kept for several breakdowns, each of which tells some dimensions apart and holds empty text
for the others. A report reads the smallest breakdown that knows its dimensions:

    breakdown  tells apart
    ALL        everything
    MODEL      provider, model
    KEY        key
    NODE       workflow, node
    STATUS     status
    FAILOVER   provider, model and where the attempt failed over from; only attempts that did so

Beside the sums stand histograms of latency and of the time to the first content by provider and
model. Every number but `dearest_nano` is a plain sum of integers, so one that was counted can be
taken back, and sums of days less sums of hours are exact.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from enum import IntEnum
from functools import cache
from itertools import chain
from operator import add, attrgetter

from sqlalchemy import Connection, Table

from laird.domain.usage import AttemptFinished
from laird.storage.tables import (
    ROLLUP_DIMENSIONS,
    ROLLUP_MEASURES,
    latency_days,
    latency_hours,
    usage_clock,
    usage_days,
    usage_hours,
)

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
CLOCK_HOURS = 4 * 7 * 24
"""Over how long the sums by hour of the day go."""

LAYOUT = 1
"""To be raised when rollups mean something else: the next start then makes them anew."""


class Breakdown(IntEnum):
    """Which dimensions a sum tells apart. The numbers are stored."""

    ALL = 0
    MODEL = 1
    KEY = 2
    NODE = 3
    STATUS = 4
    FAILOVER = 5


TOLD_APART: dict[Breakdown, frozenset[str]] = {
    Breakdown.STATUS: frozenset({"status"}),
    Breakdown.KEY: frozenset({"key_id"}),
    Breakdown.MODEL: frozenset({"provider", "model"}),
    Breakdown.NODE: frozenset({"workflow", "node"}),
    Breakdown.ALL: frozenset(ROLLUP_DIMENSIONS),
}
"""The breakdowns that hold every attempt, the smallest first."""

BOUNDS_US = tuple(round(1000 * 2 ** (step / 3)) for step in range(60))
"""Where one bucket of a histogram ends and the next begins: from 1 ms to 14 minutes, each bucket a
quarter wider than the one before it."""

BUCKETS = len(BOUNDS_US) + 1

_Slot = tuple[int, str, str, str, str, str, str, str]
"""An hour or a day, and the seven dimensions."""

_Numbers = tuple[int, ...]


class Sums:
    """Sums over attempts, being added up."""

    __slots__ = (*ROLLUP_MEASURES, "dearest_nano", "latencies")

    calls: int
    """Attempts."""
    requests: int
    """First attempts: as many as requests that came so far."""
    ok: int
    errors: int
    """Attempts that ended in an error, were cut or interrupted."""
    cache_hits: int
    unpriced_calls: int
    estimated_calls: int
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    cost_nano: int
    timed_calls: int
    """Attempts whose latency counts: those that ended well and were not answered by the cache."""
    latency_us: int
    ttft_calls: int
    """Those of them whose time to the first content is known."""
    ttft_us: int
    dearest_nano: int
    """No attempt has cost more; an attempt that was corrected may make it too high."""
    latencies: list[int]
    """Histograms of latency and of time to the first content, one behind the other."""

    def __init__(self, latencies: list[int]) -> None:
        self.calls = self.requests = self.ok = self.errors = self.cache_hits = 0
        self.unpriced_calls = self.estimated_calls = 0
        self.prompt_tokens = self.completion_tokens = self.cached_tokens = 0
        self.cache_write_tokens = self.reasoning_tokens = self.cost_nano = 0
        self.timed_calls = self.latency_us = self.ttft_calls = self.ttft_us = 0
        self.dearest_nano = 0
        self.latencies = latencies


_numbers = attrgetter(*ROLLUP_MEASURES, "dearest_nano")


def clock_slot(hour: int) -> int:
    """Return where an hour since the epoch counts among the hours of the day of four weeks."""
    return hour // CLOCK_HOURS * 24 + hour % 24


class Tally:
    """What the attempts of one transaction add to the rollups."""

    def __init__(self) -> None:
        self._sums: dict[_Slot, Sums] = {}
        self._latencies: dict[tuple[int, str, str], list[int]] = {}

    def add(self, ended: AttemptFinished, sign: int = 1) -> None:
        """Count an attempt as it is stored, or with a sign of -1 take one back that was counted."""
        begun = ended.started
        status = ended.status.value
        slot = (
            begun.at_us // HOUR_US,
            begun.provider,
            begun.model,
            begun.key_id,
            begun.workflow or "",
            begun.node or "",
            status,
            begun.failover_from or "",
        )
        sums = self._sums.get(slot) or self._begin(slot)
        sums.calls += sign
        if begun.attempt == 1:
            sums.requests += sign
        sums.prompt_tokens += sign * ended.prompt_tokens
        sums.completion_tokens += sign * ended.completion_tokens
        sums.cached_tokens += sign * ended.cached_tokens
        sums.cache_write_tokens += sign * ended.cache_write_tokens
        sums.reasoning_tokens += sign * ended.reasoning_tokens
        cost = ended.cost_nano
        if cost is None:
            sums.unpriced_calls += sign
        else:
            sums.cost_nano += sign * cost
            if cost > sums.dearest_nano and sign > 0:
                sums.dearest_nano = cost
        if ended.estimated:
            sums.estimated_calls += sign
        if ended.cache_hit:
            sums.cache_hits += sign
        if status == "ok":
            sums.ok += sign
            if not ended.cache_hit:
                _time(sums, ended, sign)
        elif status != "cancelled":
            sums.errors += sign

    def _begin(self, slot: _Slot) -> Sums:
        model = slot[:3]
        latencies = self._latencies.get(model)
        if latencies is None:
            latencies = self._latencies[model] = [0] * (2 * BUCKETS)
        sums = self._sums[slot] = Sums(latencies)
        return sums

    def statements(self) -> Iterator[tuple[Table, list[tuple[int | str, ...]]]]:
        """Yield the rows to be added to each table, in the order of their keys."""
        hours: dict[tuple[int, _Slot], _Numbers] = {}
        for slot, sums in self._sums.items():
            numbers = _numbers(sums)
            for breakdown in _breakdowns(slot):
                _put(hours, breakdown, numbers)
        days: dict[tuple[int, _Slot], _Numbers] = {}
        for (breakdown_id, slot), numbers in hours.items():
            _put(days, (breakdown_id, (slot[0] // 24, *slot[1:])), numbers)
        clock: dict[tuple[int, _Slot], _Numbers] = {}
        for (breakdown_id, slot), numbers in hours.items():
            _put(clock, (breakdown_id, (clock_slot(slot[0]), *slot[1:])), numbers)
        for table, found in ((usage_hours, hours), (usage_days, days), (usage_clock, clock)):
            yield (
                table,
                sorted((which, *slot, *numbers) for (which, slot), numbers in found.items()),
            )
        yield from self._histograms()

    def _histograms(self) -> Iterator[tuple[Table, list[tuple[int | str, ...]]]]:
        by_day: dict[tuple[int, str, str], list[int]] = {}
        for (hour, provider, model), counts in self._latencies.items():
            day = (hour // 24, provider, model)
            before = by_day.get(day)
            by_day[day] = counts if before is None else list(map(add, before, counts))
        hours, days = _buckets(self._latencies), _buckets(by_day)
        yield latency_hours, sorted(hours)
        # The day is the last part of that table's key.
        yield latency_days, sorted((*row[1:4], row[0], *row[4:]) for row in days)


def _buckets(
    histograms: dict[tuple[int, str, str], list[int]],
) -> Iterator[tuple[int, str, str, int, int, int]]:
    """Yield slot, provider, model, bucket and its two counts."""
    for where, counts in histograms.items():
        for bucket in range(BUCKETS):
            if counts[bucket] or counts[BUCKETS + bucket]:
                yield (*where, bucket, counts[bucket], counts[BUCKETS + bucket])


def _time(sums: Sums, ended: AttemptFinished, sign: int) -> None:
    """Count how long an attempt took."""
    latency_us = int(ended.latency_ms * 1000)
    sums.timed_calls += sign
    sums.latency_us += sign * latency_us
    sums.latencies[bisect_right(BOUNDS_US, latency_us)] += sign
    if ended.ttft_ms is not None:
        ttft_us = int(ended.ttft_ms * 1000)
        sums.ttft_calls += sign
        sums.ttft_us += sign * ttft_us
        sums.latencies[BUCKETS + bisect_right(BOUNDS_US, ttft_us)] += sign


def _breakdowns(slot: _Slot) -> Iterator[tuple[int, _Slot]]:
    """Yield where an attempt of this slot counts."""
    hour, provider, model, key_id, workflow, node, status, origin = slot
    yield 0, slot
    yield 1, (hour, provider, model, "", "", "", "", "")
    yield 2, (hour, "", "", key_id, "", "", "", "")
    yield 3, (hour, "", "", "", workflow, node, "", "")
    yield 4, (hour, "", "", "", "", "", status, "")
    if origin:
        yield 5, (hour, provider, model, "", "", "", "", origin)


def _put(
    found: dict[tuple[int, _Slot], _Numbers], where: tuple[int, _Slot], numbers: _Numbers
) -> None:
    before = found.get(where)
    if before is not None:
        numbers = (*map(add, before, numbers[:-1]), max(before[-1], numbers[-1]))
    found[where] = numbers


_SIZES = (64, 32, 16, 8, 4, 2, 1)
"""Rows per statement: few statements for any number of rows, and few kinds of them to prepare."""

_MANY = 16


def write(connection: Connection, tally: Tally) -> Iterator[None]:
    """Add a tally to the tables, and yield after longer statements so that others get a turn."""
    placeholder = "?" if connection.dialect.name == "sqlite" else "%s"
    for table, rows in tally.statements():
        begin = 0
        for size in _SIZES:
            while begin + size <= len(rows):
                values = tuple(chain.from_iterable(rows[begin : begin + size]))
                connection.exec_driver_sql(_statement(table.name, size, placeholder), values)
                begin += size
                if size >= _MANY:
                    yield


@cache
def _statement(name: str, rows: int, placeholder: str) -> str:
    """Return the SQL that adds so many rows to a table; the same in SQLite and PostgreSQL.

    Only names of our own tables and placeholders are put into it, never a value.
    """
    table = usage_hours.metadata.tables[name]
    keys = [column.name for column in table.primary_key]
    added = [column.name for column in table.columns if not column.primary_key]
    row = f"({', '.join([placeholder] * len(table.columns))})"
    parts = ["INSERT INTO ", name, " (", ", ".join([*keys, *added]), ") VALUES "]
    parts.append(", ".join([row] * rows))
    parts += [" ON CONFLICT (", ", ".join(keys), ") DO UPDATE SET "]
    parts.append(", ".join(_change(name, each) for each in added))
    return "".join(parts)


def _change(name: str, column: str) -> str:
    if column != "dearest_nano":
        return f"{column} = {name}.{column} + excluded.{column}"
    highest = f"CASE WHEN excluded.{column} > {name}.{column} THEN excluded.{column}"
    return f"{column} = {highest} ELSE {name}.{column} END"
