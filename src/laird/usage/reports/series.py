"""Time series: sums by hour, day, week or month, stacked by a dimension."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, tzinfo
from enum import StrEnum
from operator import add, sub

import msgspec
from sqlalchemy import Connection

from laird.usage.reports.calendar import Bucket, boundaries, label
from laird.usage.reports.cells import NO_FILTERS, Cells, Filters, Question, by_day, by_hour
from laird.usage.rollup import Breakdown
from laird.usage.summary import DIMENSIONS, By, group_name

_MEASURES = (
    "calls",
    "errors",
    "prompt_tokens",
    "completion_tokens",
    "cost_nano",
)


_Group = tuple[str, ...]


class Rank(StrEnum):
    """By what the largest groups are chosen."""

    COST = "cost"
    CALLS = "calls"
    TOKENS = "tokens"


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One group over time: a number for each bucket."""

    group: str
    calls: list[int]
    errors: list[int]
    prompt: list[int]
    completion: list[int]
    cost_nano: list[int]


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """Groups over time."""

    buckets: list[str]
    """Names of the buckets, as `calendar.label` gives them."""
    begins_us: list[int]
    """When each begins; the first may begin within its hour, day, week or month."""
    lines: list[Line]
    """The largest first."""
    other: Line | None
    """All groups that are not among the largest; None when there are no more."""


def series(
    connection: Connection,
    *,
    since_us: int,
    until_us: int,
    bucket: Bucket = Bucket.DAY,
    by: By = By.NONE,
    zone: tzinfo = UTC,
    filters: Filters = NO_FILTERS,
    most: int = 8,
    rank: Rank = Rank.COST,
) -> Series:
    """Return the attempts in [since_us, until_us) over time; `by` is no grouping of time.

    There is a line for each of the `most` largest groups of the period; By NONE gives exactly one.
    Each bucket of the period is there, and zero where nothing happened.
    """
    edges = boundaries(since_us, until_us, bucket, zone)
    count = len(edges) - 1
    read = by_hour if bucket is Bucket.HOUR else by_day
    everything = Question(measures=_MEASURES, filters=filters)
    question = msgspec.structs.replace(everything, dimensions=DIMENSIONS[by])
    if by is By.NONE:
        lines, rest = [_filled("", read(connection, edges, everything), count)], None
    elif question.breakdown is Breakdown.ALL:
        # The long way to every single number, so it is gone once.
        cells = read(connection, edges, question)
        lines = _split(cells, _largest(cells, rank), count)
        lines, rest = lines[:most], _sum(lines[most:], count)
    else:
        ranked = _largest(by_day(connection, [since_us, until_us], question), rank)
        among = msgspec.structs.replace(question, among=tuple(ranked[:most]))
        lines, rest = _split(read(connection, edges, among), ranked[:most], count), None
        if len(ranked) > most:
            rest = _filled("other", read(connection, edges, everything), count)
            rest.combine(sub, lines)
    return Series(
        buckets=[label(each, bucket, zone) for each in edges[:-1]],
        begins_us=edges[:-1],
        lines=[each.line() for each in lines],
        other=rest.line() if rest else None,
    )


class _Numbers:
    """A line that is being filled: for each measure the numbers over time."""

    def __init__(self, group: str, buckets: int) -> None:
        self.group = group
        self._of_measure = [[0] * buckets for _ in _MEASURES]

    def put(self, place: int, sums: list[int]) -> None:
        for numbers, number in zip(self._of_measure, sums, strict=True):
            numbers[place] = number

    def combine(self, operation: Callable[[int, int], int], lines: list[_Numbers]) -> None:
        """Add other lines to this one, or take them out of it."""
        for line in lines:
            pairs = zip(self._of_measure, line._of_measure, strict=True)  # noqa: SLF001 - its own kind
            self._of_measure = [list(map(operation, mine, other)) for mine, other in pairs]

    def line(self) -> Line:
        calls, errors, prompt, completion, cost = self._of_measure
        return Line(
            group=self.group,
            calls=calls,
            errors=errors,
            prompt=prompt,
            completion=completion,
            cost_nano=cost,
        )


def _largest(cells: Cells, rank: Rank) -> list[_Group]:
    """Return the groups, the largest first."""
    sizes: dict[_Group, int] = {}
    for key, sums in cells.items():
        group = tuple(map(str, key[1:]))
        sizes[group] = sizes.get(group, 0) + _size(sums, rank)
    return sorted(sizes, key=lambda group: (-sizes[group], group))


def _sum(lines: list[_Numbers], buckets: int) -> _Numbers | None:
    if not lines:
        return None
    total = _Numbers("other", buckets)
    total.combine(add, lines)
    return total


def _filled(name: str, cells: Cells, buckets: int) -> _Numbers:
    line = _Numbers(name, buckets)
    for (place, *_), sums in cells.items():
        line.put(int(place), sums)
    return line


def _split(cells: Cells, groups: list[_Group], buckets: int) -> list[_Numbers]:
    lines: dict[tuple[int | str, ...], _Numbers] = {
        group: _Numbers(group_name(group), buckets) for group in groups
    }
    for key, sums in cells.items():
        lines[key[1:]].put(int(key[0]), sums)
    return list(lines.values())


def _size(sums: list[int], rank: Rank) -> int:
    calls, _, prompt, completion, cost = sums
    if rank is Rank.COST:
        return cost
    return calls if rank is Rank.CALLS else prompt + completion
