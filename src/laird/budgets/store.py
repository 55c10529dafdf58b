"""Budgets in the database. Each function takes a connection and is part of its transaction."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, delete, insert, or_, select, update

from laird.budgets import alerts
from laird.budgets.draft import BudgetDraft, checked, make_budget
from laird.domain.budget import Budget, BudgetPeriod, BudgetScope, OnLimit, zone_of
from laird.domain.errors import InvalidRequest, NotFound, StorageUnavailable
from laird.storage.tables import budgets

_percents = msgspec.json.Decoder(tuple[int, ...])


def create(connection: Connection, draft: BudgetDraft, now_us: int) -> Budget:
    """Make a budget and store it. `now_us` is UTC microseconds.

    Raises:
        InvalidRequest: a field is wrong, or the name is taken; `param` names the field.
    """
    budget = make_budget(draft, now_us)
    _check_free(connection, budget)
    connection.execute(insert(budgets).values(_row_of(budget)))
    return budget


def list_budgets(connection: Connection) -> tuple[Budget, ...]:
    """Return all budgets, oldest first. Raises `StorageUnavailable` for a damaged row."""
    rows = connection.execute(select(budgets).order_by(budgets.c.created_us, budgets.c.id))
    return tuple(_budget_of(row) for row in rows.mappings())


def get(connection: Connection, reference: str) -> Budget:
    """Return the budget with this id or name. Raises `NotFound`."""
    named = or_(budgets.c.id == reference, budgets.c.name == reference)
    row = connection.execute(select(budgets).where(named)).mappings().first()
    if row is None:
        raise NotFound(
            f"No budget has the id or name '{reference}'. `laird budgets list` shows them all.",
            param="budget",
        )
    return _budget_of(row)


def change(
    connection: Connection, reference: str, fields: dict[str, Any], spent: int | None
) -> Budget:
    """Change fields of a budget and return it as it is now.

    `spent` is what its present window has spent: marks that the new limit puts above it can be
    reached, and alerted to, again. None where it is not known.

    Raises:
        NotFound: there is no such budget.
        InvalidRequest: a field is wrong, or the name is taken; `param` names the field.
    """
    before = get(connection, reference)
    after = checked(msgspec.structs.replace(before, **fields))
    _check_free(connection, after)
    connection.execute(update(budgets).where(budgets.c.id == before.id).values(_row_of(after)))
    if spent is not None:
        above = [mark for mark in before.marks if spent < after.level(mark)]
        alerts.stand_down(connection, before.id, above)
    return after


def remove(connection: Connection, reference: str) -> Budget:
    """Delete a budget and return what it was; its alerts stay. Raises `NotFound`."""
    budget = get(connection, reference)
    connection.execute(delete(budgets).where(budgets.c.id == budget.id))
    return budget


def remove_of_key(connection: Connection, key_id: str) -> int:
    """Delete the budgets of a key that is gone; return how many there were."""
    of_key = (budgets.c.scope == BudgetScope.KEY.value) & (budgets.c.subject == key_id)
    return connection.execute(delete(budgets).where(of_key)).rowcount


def _check_free(connection: Connection, budget: Budget) -> None:
    """Refuse a name that would make a command which takes a name or an id mean two budgets."""
    named = or_(budgets.c.id == budget.name, budgets.c.name == budget.name)
    other = select(budgets.c.id).where(named, budgets.c.id != budget.id)
    if connection.execute(other).first() is not None:
        raise InvalidRequest(
            f"There is a budget called '{budget.name}' already. Choose another name, or change"
            " that one.",
            param="name",
        )


def _row_of(budget: Budget) -> dict[str, Any]:
    row = msgspec.structs.asdict(budget)
    for name in ("scope", "period", "on_limit"):
        row[name] = row[name].value
    row["alerts"] = msgspec.json.encode(budget.alerts).decode()
    return row


def _budget_of(row: RowMapping) -> Budget:
    try:
        zone_of(row["zone"])
        return Budget(
            **{
                **row,
                "scope": BudgetScope(row["scope"]),
                "period": BudgetPeriod(row["period"]),
                "on_limit": OnLimit(row["on_limit"]),
                "alerts": _percents.decode(row["alerts"]),
            }
        )
    except (msgspec.DecodeError, ValueError) as error:
        raise StorageUnavailable(
            f"The budget '{row['name']}' ({row['id']}) in the database can't be read: {error}."
            " Restore a backup, delete its row, or install the system's time zones (tzdata)."
        ) from error
