"""How long attempts take: percentiles from the histograms of the rollups.

They are those of attempts that ended well and were not answered by the cache. A bucket is a quarter
wide and a percentile is read off within it, so it is a few percent off, and never more than a
quarter. Periods are taken to the nearest full hour.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate

import msgspec
from sqlalchemy import Connection, Table, func, select

from laird.storage.tables import latency_days, latency_hours
from laird.usage.reports.cells import NO_FILTERS, Filters
from laird.usage.rollup import BOUNDS_US, BUCKETS, HOUR_US

_SHARES = (0.5, 0.9, 0.95, 0.99)


class Percentiles(msgspec.Struct, frozen=True, kw_only=True):
    """Times in ms; None when there were no calls."""

    calls: int
    p50: float | None
    p90: float | None
    p95: float | None
    p99: float | None


class LatencyRow(msgspec.Struct, frozen=True, kw_only=True):
    """How long the attempts of one group took."""

    group: str
    """A provider, a `provider/model`, or empty for all."""
    latency: Percentiles
    """Until the end."""
    ttft: Percentiles
    """Until the first content, of those where that is known."""


def latencies(
    connection: Connection,
    *,
    since_us: int,
    until_us: int,
    dimensions: Sequence[str] = (),
    filters: Filters = NO_FILTERS,
) -> list[LatencyRow]:
    """Return percentiles by group, the group with most calls first.

    `dimensions` are of `provider` and `model`, and so are those of `filters`: others have no
    histograms. Without dimensions there is exactly one row.
    """
    found: dict[tuple[str, ...], list[list[int]]] = {}
    if not dimensions:
        found[()] = _empty()
    for table, first, beyond in _parts(since_us, until_us):
        columns = [table.c[name] for name in dimensions]
        sums = (func.sum(table.c.timed_calls), func.sum(table.c.ttft_calls))
        query = select(*columns, table.c.bucket, *sums)
        query = query.where(table.c.slot >= first, table.c.slot < beyond)
        query = query.where(*filters.conditions(table))
        for *group, bucket, timed, first_content in connection.execute(
            query.group_by(*columns, table.c.bucket)
        ):
            histograms = found.setdefault(tuple(group), _empty())
            histograms[0][bucket] += timed
            histograms[1][bucket] += first_content
    rows = [
        LatencyRow(group="/".join(group), latency=_percentiles(timed), ttft=_percentiles(first))
        for group, (timed, first) in found.items()
        if not dimensions or any(timed)
    ]
    return sorted(rows, key=lambda row: (-row.latency.calls, row.group))


def percentile(counts: Sequence[int], share: float) -> float | None:
    """Return the time in ms that this share of a histogram's calls stay under; None without any."""
    total = sum(counts)
    if not total:
        return None
    wanted = share * total
    reached = list(accumulate(counts))
    bucket = bisect_left(reached, wanted)
    if bucket == len(BOUNDS_US):
        return BOUNDS_US[-1] / 1000
    within = 1 - (reached[bucket] - wanted) / counts[bucket]
    high = BOUNDS_US[bucket]
    if not bucket:
        return round(within * high / 1000, 3)
    low = BOUNDS_US[bucket - 1]
    return round(low * math.pow(high / low, within) / 1000, 3)


def _percentiles(counts: Sequence[int]) -> Percentiles:
    p50, p90, p95, p99 = (percentile(counts, share) for share in _SHARES)
    return Percentiles(calls=sum(counts), p50=p50, p90=p90, p95=p95, p99=p99)


def _empty() -> list[list[int]]:
    return [[0] * BUCKETS, [0] * BUCKETS]


def _parts(since_us: int, until_us: int) -> Iterator[tuple[Table, int, int]]:
    """Yield which hours and which days a period consists of."""
    begin, end = ((each + HOUR_US // 2) // HOUR_US for each in (since_us, until_us))
    first, beyond = -(-begin // 24), end // 24
    if first >= beyond:
        yield latency_hours, begin, end
        return
    yield latency_days, first, beyond
    for low, high in ((begin, first * 24), (beyond * 24, end)):
        if low < high:
            yield latency_hours, low, high
