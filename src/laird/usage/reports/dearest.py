"""The requests that cost most.

Which request was dear only the ledger knows. The rollups know for each day and hour how much the
dearest attempt cost, so hours are read in that order, until no other one can have a dearer attempt.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import heapify, heappop, heappush, nlargest
from operator import attrgetter

import msgspec
from sqlalchemy import Connection, Table, func, select

from laird.domain.usage import AttemptStatus
from laird.storage.tables import attempts, usage_days, usage_hours
from laird.usage.ledger import LedgerRow, ledger_row
from laird.usage.reports.cells import NO_FILTERS, Filters, Question, days_in_use
from laird.usage.rollup import DAY_US, HOUR_US


class RequestCost(msgspec.Struct, frozen=True, kw_only=True):
    """One request with all its attempts."""

    request_id: str
    at_us: int
    """When its first attempt began, UTC."""
    key_id: str
    workflow: str | None
    node: str | None
    provider: str
    """Of its dearest attempt, and so is the model."""
    model: str
    status: AttemptStatus
    """Of its last attempt."""
    attempts: int
    prompt: int
    completion: int
    cost_nano: int
    """Of all its attempts whose price is known."""


def dearest_requests(
    connection: Connection,
    *,
    since_us: int,
    until_us: int,
    limit: int = 20,
    filters: Filters = NO_FILTERS,
) -> list[RequestCost]:
    """Return the requests with the dearest attempts, by what they cost in all.

    An attempt counts when it is in [since_us, until_us) and passes the filters; a request is then
    told with all its attempts. Requests that cost nothing are left out. `filters.in_workflow`
    leaves the runs of workflows.
    """
    costs: dict[str, int] = {}
    least = 0
    for bound, hour in _hours(connection, since_us, until_us, filters):
        if bound <= least:
            break
        low, high = max(hour * HOUR_US, since_us), min((hour + 1) * HOUR_US, until_us)
        for request_id, cost in _dearest_of(connection, low, high, least, limit, filters):
            costs[request_id] = max(cost, costs.get(request_id, 0))
        best = nlargest(limit, costs.items(), key=lambda item: item[1])
        costs = dict(best)
        least = best[-1][1] if len(best) == limit else 0
    return sorted(_requests(connection, list(costs)), key=lambda each: -each.cost_nano)


def _hours(
    connection: Connection, since_us: int, until_us: int, filters: Filters
) -> Iterator[tuple[int, int]]:
    """Yield (cost that no attempt in it exceeds, hour), the dearest first; free ones not at all."""
    used = days_in_use(connection)
    if used is None:
        return
    since_us, until_us = max(since_us, used[0]), min(until_us, used[1])
    first, beyond = since_us // HOUR_US, -(-until_us // HOUR_US)
    days = _bounds(connection, usage_days, since_us // DAY_US, -(-until_us // DAY_US), filters)
    # Days and hours in one heap: a day is looked into when it may hold the dearest hour.
    heap = [(-bound, False, day) for day, bound in days]
    heapify(heap)
    while heap:
        bound, is_hour, slot = heappop(heap)
        if is_hour:
            yield -bound, slot
            continue
        low, high = max(slot * 24, first), min(slot * 24 + 24, beyond)
        for hour, cost in _bounds(connection, usage_hours, low, high, filters):
            heappush(heap, (-cost, True, hour))


def _bounds(
    connection: Connection, table: Table, first: int, beyond: int, filters: Filters
) -> list[tuple[int, int]]:
    slot, bound = table.c.slot, func.max(table.c.dearest_nano)
    query = (
        select(slot, bound)
        .where(table.c.breakdown == Question(filters=filters).breakdown)
        .where(slot >= first, slot < beyond, *filters.conditions(table))
        .where(table.c.calls > 0, table.c.dearest_nano > 0)
        .group_by(slot)
    )
    return [(found, cost) for found, cost in connection.execute(query)]


def _dearest_of(
    connection: Connection, low: int, high: int, least: int, limit: int, filters: Filters
) -> list[tuple[str, int]]:
    """Return the dearest attempt of the requests that have one above `least`, the dearest ones."""
    cost = func.max(attempts.c.cost_nano).label("cost")
    query = (
        select(attempts.c.request_id, cost)
        .where(attempts.c.at_us >= low, attempts.c.at_us < high, attempts.c.cost_nano > least)
        .where(*filters.conditions(attempts))
        .group_by(attempts.c.request_id)
        .order_by(cost.desc())
        .limit(limit)
    )
    return [(request_id, nano) for request_id, nano in connection.execute(query)]


def _requests(connection: Connection, names: Sequence[str]) -> list[RequestCost]:
    query = select(attempts).where(attempts.c.request_id.in_(names))
    rows: dict[str, list[LedgerRow]] = {name: [] for name in names}
    for row in connection.execute(query.order_by(attempts.c.attempt)).mappings():
        rows[row["request_id"]].append(ledger_row(row))
    return [_request(each) for each in rows.values()]


def _request(rows: Sequence[LedgerRow]) -> RequestCost:
    first, last = rows[0], rows[-1]
    dearest = max(rows, key=lambda row: row.cost_nano or 0)
    return RequestCost(
        request_id=first.request_id,
        at_us=first.at_us,
        key_id=first.key_id,
        workflow=first.workflow,
        node=first.node,
        provider=dearest.provider,
        model=dearest.model,
        status=last.status,
        attempts=len(rows),
        prompt=sum(map(attrgetter("prompt_tokens"), rows)),
        completion=sum(map(attrgetter("completion_tokens"), rows)),
        cost_nano=sum(row.cost_nano or 0 for row in rows),
    )
