"""Counters that other processes watch: `keys` goes up whenever a key changes."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select, update

from laird.storage.tables import versions


def bump(connection: Connection, name: str) -> int:
    """Raise a counter by one, in the same transaction as the change, and return it."""
    changed = connection.execute(
        update(versions).where(versions.c.name == name).values(value=versions.c.value + 1)
    )
    if not changed.rowcount:
        connection.execute(insert(versions).values(name=name, value=1))
    return current(connection, name)


def current(connection: Connection, name: str) -> int:
    """Return a counter; one that was never raised is 0."""
    return connection.execute(select(versions.c.value).where(versions.c.name == name)).scalar() or 0
