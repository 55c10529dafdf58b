"""The ledger row by row, page after page, newest first.

The ledger has one index by time. What a filter leaves out is not looked at one by one: the rollups
say in which hours there is something to be found, and only those are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, Table, or_, select

from laird.storage.tables import attempts, usage_days, usage_hours
from laird.usage.ledger import LedgerRow, ledger_row
from laird.usage.reports.cells import NO_FILTERS, Filters, Question, days_in_use
from laird.usage.rollup import DAY_US, HOUR_US

_FIRST_LOOK_DAYS = 4

Cursor = tuple[int, int]
"""Time (microseconds UTC) and number of the last row of a page."""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Some rows, and where the next page begins."""

    rows: list[LedgerRow]
    after: Cursor | None
    """None when these were the last ones."""


def recent(
    connection: Connection, limit: int = 100, request_id: str | None = None
) -> list[LedgerRow]:
    """Return the newest rows, newest first, or those of one request in the order of attempts."""
    if request_id is None:
        query = _newest_first()
    else:
        query = select(attempts).where(attempts.c.request_id == request_id)
        query = query.order_by(attempts.c.attempt)
    return [ledger_row(row) for row in connection.execute(query.limit(limit)).mappings()]


def page(
    connection: Connection,
    *,
    since_us: int,
    until_us: int,
    limit: int = 50,
    after: Cursor | None = None,
    filters: Filters = NO_FILTERS,
) -> Page:
    """Return the newest rows in [since_us, until_us) that pass the filters, newest first.

    `after` is that of the page before. Rows that arrive in between do not shift the pages.
    """
    if after is not None:
        until_us = min(until_us, after[0] + 1)
    rows: list[LedgerRow] = []
    for low, high in spans(connection, since_us, until_us, filters):
        query = _newest_first().where(attempts.c.at_us >= low, attempts.c.at_us < high)
        query = query.where(*filters.conditions(attempts))
        if after is not None:
            query = query.where(_older(after))
        found = connection.execute(query.limit(limit + 1 - len(rows))).mappings()
        rows += [ledger_row(row) for row in found]
        if len(rows) > limit:
            last = rows[limit - 1]
            return Page(rows=rows[:limit], after=(last.at_us, last.id))
    return Page(rows=rows, after=None)


def spans(
    connection: Connection, since_us: int, until_us: int, filters: Filters
) -> Iterator[tuple[int, int]]:
    """Yield the parts of a period that may have what passes the filters, newest first."""
    used = days_in_use(connection)
    if used is None:
        return
    since_us, until_us = max(since_us, used[0]), min(until_us, used[1])
    if not filters.dimensions():
        yield since_us, until_us
        return
    beyond, first, width = -(-until_us // DAY_US), since_us // DAY_US, _FIRST_LOOK_DAYS
    while beyond > first:
        begin = max(first, beyond - width)
        for day in _slots_with_calls(connection, usage_days, begin, beyond, filters):
            hours = _slots_with_calls(connection, usage_hours, day * 24, day * 24 + 24, filters)
            for low, high in _runs(hours):
                if low * HOUR_US < until_us and high * HOUR_US > since_us:
                    yield max(low * HOUR_US, since_us), min(high * HOUR_US, until_us)
        beyond, width = begin, width * 4


def _slots_with_calls(
    connection: Connection, table: Table, first: int, beyond: int, filters: Filters
) -> list[int]:
    """Return the days or hours in which something passes the filters, newest first."""
    slot = table.c.slot
    query = (
        select(slot)
        .where(table.c.breakdown == Question(filters=filters).breakdown)
        .where(slot >= first, slot < beyond, table.c.calls > 0, *filters.conditions(table))
        .distinct()
        .order_by(slot.desc())
    )
    return list(connection.execute(query).scalars())


def _runs(descending: list[int]) -> Iterator[tuple[int, int]]:
    """Yield runs of neighbours as (first, behind the last)."""
    high = low = None
    for each in descending:
        if low is None or high is None or each != low - 1:
            if low is not None and high is not None:
                yield low, high
            high = each + 1
        low = each
    if low is not None and high is not None:
        yield low, high


def _newest_first() -> Select[Any]:
    return select(attempts).order_by(attempts.c.at_us.desc(), attempts.c.id.desc())


def _older(cursor: Cursor) -> ColumnElement[bool]:
    at_us, number = cursor
    return or_(attempts.c.at_us < at_us, attempts.c.id < number)
