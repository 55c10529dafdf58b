"""Alerts in the database. Each function takes a connection and is part of its transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, insert, select, update

from laird.budgets.account import Crossing
from laird.budgets.words import data_of, message_of
from laird.domain.budget import Window
from laird.domain.errors import NotFound
from laird.domain.events import Alert
from laird.storage.tables import alerts

KIND = "budget"
_decode = msgspec.json.decode


def record(connection: Connection, crossing: Crossing, *, mail: bool) -> Alert | None:
    """Keep an alert to a mark that was reached; None when it was alerted to already."""
    budget, window = crossing.budget, crossing.window
    column = alerts.c
    there = select(column.id).where(
        column.source == budget.id,
        column.since_us == window.start_us,
        column.mark == crossing.mark,
        column.standing,
    )
    if connection.execute(there).first() is not None:
        return None
    values: dict[str, Any] = {
        "kind": KIND,
        "at_us": crossing.at_us,
        "source": budget.id,
        "title": budget.name,
        "mark": crossing.mark,
        "since_us": window.start_us,
        "message": message_of(crossing),
        "data": msgspec.json.encode(data_of(crossing)).decode(),
        "standing": True,
        "mail": "waiting" if mail else "off",
    }
    added = connection.execute(insert(alerts).values(values).returning(alerts))
    return _alert_of(added.mappings().one())


def fired(
    connection: Connection, windows: Mapping[str, Window]
) -> dict[tuple[str, int], frozenset[int]]:
    """Return the marks alerted to, by budget id and beginning of the window."""
    if not windows:
        return {}
    earliest = min(window.start_us for window in windows.values())
    column = alerts.c
    query = select(column.source, column.since_us, column.mark).where(
        column.kind == KIND, column.since_us >= earliest, column.standing
    )
    found: dict[tuple[str, int], frozenset[int]] = {}
    for source, since_us, mark in connection.execute(query):
        window = (source, since_us)
        found[window] = found.get(window, frozenset()) | {mark}
    return found


def stand_down(connection: Connection, source: str, marks: Iterable[int]) -> None:
    """Let marks be alerted to again when they are reached again."""
    column = alerts.c
    connection.execute(
        update(alerts)
        .where(column.source == source, column.mark.in_(list(marks)), column.standing)
        .values(standing=False)
    )


def newest(connection: Connection, limit: int, *, unseen: bool = False) -> list[Alert]:
    """Return the newest alerts, newest first; with `unseen` those not acknowledged alone."""
    query = select(alerts).order_by(alerts.c.id.desc()).limit(limit)
    if unseen:
        query = query.where(alerts.c.acknowledged_us.is_(None))
    return [_alert_of(row) for row in connection.execute(query).mappings()]


def acknowledge(connection: Connection, alert_id: int, actor: str, now_us: int) -> Alert:
    """Note that somebody has seen an alert; who did so first stays. Raises `NotFound`."""
    row = connection.execute(select(alerts).where(alerts.c.id == alert_id)).mappings().first()
    if row is None:
        raise NotFound(f"There is no alert {alert_id}.", param="alert_id")
    if row["acknowledged_us"] is None:
        connection.execute(
            update(alerts)
            .where(alerts.c.id == alert_id)
            .values(acknowledged_us=now_us, acknowledged_by=actor)
        )
        row = connection.execute(select(alerts).where(alerts.c.id == alert_id)).mappings().one()
    return _alert_of(row)


def waiting(connection: Connection, since_us: int) -> list[Alert]:
    """Return the alerts that have not been sent by mail, oldest first."""
    query = (
        select(alerts)
        .where(alerts.c.mail == "waiting", alerts.c.at_us >= since_us)
        .order_by(alerts.c.id)
    )
    return [_alert_of(row) for row in connection.execute(query).mappings()]


def mark_sent(connection: Connection, alert_id: int) -> None:
    """Note that an alert was sent by mail."""
    connection.execute(update(alerts).where(alerts.c.id == alert_id).values(mail="sent"))


def _alert_of(row: RowMapping) -> Alert:
    return Alert(**{**row, "data": _decode(row["data"])})
