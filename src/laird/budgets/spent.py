"""What the ledger says was spent, to seed the counters.

Whole days and hours (UTC) are read from the rollups, which are written in the ledger's own
transactions; what a window has beyond them, from the ledger's rows. So a window of any length, in
any zone, is summed up in milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Column, ColumnElement, Connection, Table, func, select

from laird.budgets.holding import Identity, Seed
from laird.domain.budget import Budget, BudgetScope, Window
from laird.storage.tables import attempts, usage_days, usage_hours

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US

BREAKDOWNS: Mapping[BudgetScope, int] = {
    BudgetScope.PROVIDER: 1,
    BudgetScope.KEY: 2,
    BudgetScope.WORKFLOW: 3,
    BudgetScope.GLOBAL: 4,
}
"""The smallest breakdown of the rollups that tells the subjects of a scope apart, as stored."""

_COLUMNS: Mapping[BudgetScope, str] = {
    BudgetScope.PROVIDER: "provider",
    BudgetScope.KEY: "key_id",
    BudgetScope.WORKFLOW: "workflow",
}
_AT_ONCE = 500
"""Request ids in one query."""

_Sums = dict[str | None, int]
"""Nano-dollars by subject; by None where nothing is told apart."""


def read_seeds(
    connection: Connection,
    wanted: Mapping[str, tuple[Budget, Window]],
    noted: Mapping[Identity, object],
) -> dict[str, Seed]:
    """Return the seeds of budgets, by id.

    `noted` may grow meanwhile in another thread. It is looked at after the sums were read, so that
    all that is in them and was noted is found.
    """
    sums: dict[tuple[BudgetScope, Window], _Sums] = {}
    for budget, window in wanted.values():
        if (budget.scope, window) not in sums:
            sums[budget.scope, window] = spent_in(connection, budget.scope, window)
    present = _present(connection, list(noted))
    return {
        budget_id: Seed(
            window=window,
            spent=sums[budget.scope, window].get(budget.subject, 0),
            present=present,
        )
        for budget_id, (budget, window) in wanted.items()
    }


def spent_in(connection: Connection, scope: BudgetScope, window: Window) -> _Sums:
    """Return what was spent in a window, by the subjects of a scope."""
    sums: _Sums = {}
    for begin, end in _rest(window, HOUR_US):
        _add(
            sums, connection, attempts, _COLUMNS.get(scope), _between(attempts.c.at_us, begin, end)
        )
    hours, days = _whole(window, HOUR_US), _whole(window, DAY_US)
    if hours is None:
        return sums
    pieces = [(usage_hours, HOUR_US, hours)]
    if days is not None:
        before, after = Window(hours.start_us, days.start_us), None
        if hours.end_us is not None and days.end_us is not None:
            after = Window(days.end_us, hours.end_us)
        pieces = [(usage_hours, HOUR_US, before), (usage_days, DAY_US, days)]
        pieces += [(usage_hours, HOUR_US, after)] if after is not None else []
    for table, size_us, piece in pieces:
        end = None if piece.end_us is None else piece.end_us // size_us
        wanted = _between(table.c.slot, piece.start_us // size_us, end)
        wanted.append(table.c.breakdown == BREAKDOWNS[scope])
        _add(sums, connection, table, _COLUMNS.get(scope), wanted)
    return sums


def _whole(window: Window, size_us: int) -> Window | None:
    """Return the part of a window that is whole hours or days; None where there is none."""
    start = -(-window.start_us // size_us) * size_us
    if window.end_us is None:
        return Window(start, None)
    end = window.end_us // size_us * size_us
    return Window(start, end) if start < end else None


def _rest(window: Window, size_us: int) -> Iterable[tuple[int, int | None]]:
    """Yield the stretches of a window before and after its whole hours."""
    whole = _whole(window, size_us)
    if whole is None:
        yield window.start_us, window.end_us
        return
    if window.start_us < whole.start_us:
        yield window.start_us, whole.start_us
    if whole.end_us is not None and window.end_us is not None and whole.end_us < window.end_us:
        yield whole.end_us, window.end_us


def _between(column: Column[int], start: int, end: int | None) -> list[ColumnElement[bool]]:
    return [column >= start] if end is None else [column >= start, column < end]


def _add(
    sums: _Sums,
    connection: Connection,
    table: Table,
    subject: str | None,
    wanted: list[ColumnElement[bool]],
) -> None:
    total = func.coalesce(func.sum(table.c.cost_nano), 0)
    if subject is None:
        nano = connection.execute(select(total).where(*wanted)).scalar()
        sums[None] = sums.get(None, 0) + int(nano or 0)
        return
    column = table.c[subject]
    for name, nano in connection.execute(select(column, total).where(*wanted).group_by(column)):
        if name:
            sums[name] = sums.get(name, 0) + int(nano)


def _present(connection: Connection, identities: list[Identity]) -> frozenset[Identity]:
    """Return those of these attempts that have their rows."""
    asked = set(identities)
    names = sorted({request_id for request_id, _ in asked})
    found: set[Identity] = set()
    column = attempts.c
    for begin in range(0, len(names), _AT_ONCE):
        some = names[begin : begin + _AT_ONCE]
        query = select(column.request_id, column.attempt).where(column.request_id.in_(some))
        found.update((request_id, attempt) for request_id, attempt in connection.execute(query))
    return frozenset(found & asked)
