"""The log in the database. Each function takes a connection and is part of its transaction.

There is no statement here that changes an entry, and the database refuses those of others. Entries
are deleted by `prune` alone, which leaves an entry of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from laird.audit.entry import AuditEntry, AuditFilter, Via, way_of
from laird.domain.errors import NotFound
from laird.domain.people import Deed, Principal
from laird.storage.tables import audit_events, versions

FLOOR = "audit_floor"
"""The counter that names the time before which entries may be deleted; 0 outside of `prune`."""
_LARGEST = 64 * 1024
"""Characters of JSON that are kept of an object's state."""


def record(
    connection: Connection, deed: Deed, *, via: Via | None = None, actor: str | None = None
) -> int:
    """Write what was done, in the transaction in which it is done, and return the entry's number.

    `via` and `actor` are those of who did it, unless they are given.
    """
    by = deed.by
    values = {
        "at_us": deed.at_us,
        "actor": actor if actor is not None else by.actor if by is not None else None,
        "role": by.role.value if by is not None else None,
        "via": (via or way_of(by)).value,
        "address": deed.address,
        "action": deed.action,
        "object_type": deed.object_type,
        "object_id": deed.object_id,
        "object_name": deed.object_name,
        "summary": deed.summary,
        "before": _json(deed.before),
        "after": _json(deed.after),
        "request_id": by.request_id if by is not None else None,
    }
    added = connection.execute(
        insert(audit_events).values(values).returning(audit_events.c.id)
    ).scalar_one()
    return int(added)


def page(
    connection: Connection, wanted: AuditFilter, limit: int, after: int | None = None
) -> tuple[list[AuditEntry], int | None]:
    """Return the newest entries, newest first, and what `after` is for the page that follows."""
    query = select(audit_events).where(*_conditions(wanted))
    if after is not None:
        query = query.where(audit_events.c.id < after)
    query = query.order_by(audit_events.c.id.desc()).limit(limit + 1)
    found = [_entry(row) for row in connection.execute(query).mappings()]
    if len(found) <= limit:
        return found, None
    return found[:limit], found[limit - 1].id


def every(connection: Connection, wanted: AuditFilter, portion: int) -> Iterator[list[AuditEntry]]:
    """Yield all entries in portions, oldest first."""
    query = select(audit_events).where(*_conditions(wanted)).order_by(audit_events.c.id)
    query = query.execution_options(stream_results=True, yield_per=portion)
    for rows in connection.execute(query).mappings().partitions():
        yield [_entry(row) for row in rows]


def get(connection: Connection, number: int) -> AuditEntry:
    """Return one entry. Raises `NotFound`."""
    query = select(audit_events).where(audit_events.c.id == number)
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise NotFound(f"The audit log has no entry {number}.", param="entry_id")
    return _entry(row)


def prune(connection: Connection, before_us: int, by: Principal, now_us: int) -> int:
    """Delete the entries from before an instant, leave one that says so, and return how many."""
    old = audit_events.c.at_us < before_us
    count = connection.execute(select(func.count()).where(old).select_from(audit_events)).scalar()
    if count:
        _set_floor(connection, before_us)
        connection.execute(delete(audit_events).where(old))
        _set_floor(connection, 0)
    deed = Deed(
        at_us=now_us,
        action="audit.prune",
        by=by,
        object_type="audit",
        object_id="",
        object_name="audit log",
        address=by.address,
        summary=f"{count or 0} entries of the audit log were deleted",
        after={"deleted": count or 0, "before_us": before_us},
    )
    record(connection, deed)
    return count or 0


def _set_floor(connection: Connection, at_us: int) -> None:
    changed = connection.execute(
        update(versions).where(versions.c.name == FLOOR).values(value=at_us)
    )
    if not changed.rowcount:
        connection.execute(insert(versions).values(name=FLOOR, value=at_us))


def _conditions(wanted: AuditFilter) -> list[ColumnElement[bool]]:
    columns = audit_events.c
    found: list[ColumnElement[bool]] = []
    if wanted.since_us is not None:
        found.append(columns.at_us >= wanted.since_us)
    if wanted.until_us is not None:
        found.append(columns.at_us < wanted.until_us)
    for name in ("actor", "object_type", "via"):
        value = getattr(wanted, name)
        if value is not None:
            found.append(columns[name] == value)
    if wanted.action is not None:
        begins = columns.action.startswith(f"{wanted.action}.", autoescape=True)
        found.append(or_(columns.action == wanted.action, begins))
    if wanted.object is not None:
        found.append(or_(columns.object_id == wanted.object, columns.object_name == wanted.object))
    if wanted.search:
        places = (columns.summary, columns.object_name, columns.actor)
        found.append(or_(*(place.icontains(wanted.search, autoescape=True) for place in places)))
    return found


def _json(state: Mapping[str, Any] | None) -> str | None:
    if state is None:
        return None
    text = msgspec.json.encode(state).decode()
    return text if len(text) <= _LARGEST else msgspec.json.encode({"cut": True}).decode()


def _entry(row: RowMapping) -> AuditEntry:
    read: dict[str, Any] = dict(row)
    for name in ("before", "after"):
        if read[name] is not None:
            read[name] = msgspec.json.decode(read[name])
    return AuditEntry(**read)
