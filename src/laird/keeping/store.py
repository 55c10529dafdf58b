"""The table of kept requests. Functions run in the transaction of the `Connection` they get."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
from sqlalchemy import Connection, RowMapping, Select, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from laird.domain.errors import NotFound
from laird.keeping.copies import KeptRequest
from laird.storage.packed import pack, unpack
from laird.storage.tables import kept_requests as table

PORTION = 100
"""Copies deleted in one statement."""


class Packed(msgspec.Struct, frozen=True):
    """A copy ready to be stored."""

    kept: KeptRequest
    request: bytes | None
    answer: bytes | None

    @property
    def size(self) -> int:
        """Bytes that it takes in the database."""
        return len(self.request or b"") + len(self.answer or b"")


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A copy as lists show it: without its text."""

    request_id: str
    at_us: int
    key_id: str
    dialect: str
    model: str
    stream: bool
    local_only: bool
    error: str | None
    cut: bool
    size: int
    """Bytes in the database."""


_LISTED = tuple(table.columns[name] for name in Listed.__struct_fields__)


def packed(kept: KeptRequest) -> Packed:
    """Return a copy ready to be stored; takes a millisecond for a hundred kilobytes."""
    request = None if kept.request is None else pack(kept.request)
    answer = None if kept.answer is None else pack(kept.answer)
    return Packed(kept, request, answer)


def save(connection: Connection, copies: Sequence[Packed]) -> None:
    """Store copies; what is there for the same request is replaced."""
    rows = [
        {
            **msgspec.structs.asdict(copy.kept),
            "request": copy.request,
            "answer": copy.answer,
            "size": copy.size,
        }
        for copy in copies
    ]
    insert = (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(table)
    changed = {column.name: insert.excluded[column.name] for column in table.columns}
    connection.execute(
        insert.on_conflict_do_update(index_elements=["request_id"], set_=changed), rows
    )


def get(connection: Connection, request_id: str) -> KeptRequest | None:
    """Return what is kept of a request, None where nothing is.

    Raises `ValueError` when it is damaged.
    """
    found = connection.execute(select(table).where(table.c.request_id == request_id))
    row = found.mappings().first()
    return None if row is None else _kept(row)


def remove(connection: Connection, request_id: str) -> None:
    """Delete what is kept of a request. Raises `NotFound`."""
    gone = connection.execute(delete(table).where(table.c.request_id == request_id))
    if not gone.rowcount:
        raise NotFound(f"Nothing is kept of the request '{request_id[:80]}'.", param="request_id")


def newest(connection: Connection, limit: int, key_id: str | None = None) -> list[Listed]:
    """Return the newest copies, newest first, without their text."""
    query: Select[tuple[object, ...]] = select(*_LISTED).order_by(table.c.at_us.desc())
    if key_id is not None:
        query = query.where(table.c.key_id == key_id)
    return [Listed(**row) for row in connection.execute(query.limit(limit)).mappings()]


def every(
    connection: Connection, since_us: int, until_us: int, key_ids: Sequence[str] = ()
) -> Iterator[KeptRequest]:
    """Yield what is kept of a time, oldest first; one at a time is in memory.

    Raises `ValueError` at one that is damaged.
    """
    query = select(table).where(table.c.at_us >= since_us, table.c.at_us < until_us)
    if key_ids:
        query = query.where(table.c.key_id.in_(key_ids))
    query = query.order_by(table.c.at_us, table.c.request_id)
    rows = connection.execute(query.execution_options(stream_results=True, yield_per=1))
    for row in rows.mappings():
        yield _kept(row)


def total(connection: Connection) -> int:
    """Return the bytes that all copies take; an index alone is read for it."""
    return int(connection.execute(select(func.sum(table.c.size))).scalar() or 0)


def purge(connection: Connection, before_us: int) -> int:
    """Delete up to `PORTION` copies of before a time and return how many there were."""
    return _delete_oldest(connection, select(table.c.request_id).where(table.c.at_us < before_us))


def shrink(connection: Connection, largest: int) -> int:
    """Delete the oldest copies until all take no more than `largest` bytes; return how many."""
    over = total(connection) - largest
    if over <= 0:
        return 0
    chosen: list[str] = []
    oldest = select(table.c.request_id, table.c.size).order_by(table.c.at_us)
    for request_id, size in connection.execute(oldest):
        if over <= 0:
            break
        chosen.append(request_id)
        over -= size
    for start in range(0, len(chosen), PORTION):
        some = chosen[start : start + PORTION]
        connection.execute(delete(table).where(table.c.request_id.in_(some)))
    return len(chosen)


def _delete_oldest(connection: Connection, query: Select[tuple[str]]) -> int:
    ids = list(connection.execute(query.order_by(table.c.at_us).limit(PORTION)).scalars())
    if ids:
        connection.execute(delete(table).where(table.c.request_id.in_(ids)))
    return len(ids)


def _kept(row: RowMapping) -> KeptRequest:
    values = {name: row[name] for name in KeptRequest.__struct_fields__}
    for name in ("request", "answer"):
        if values[name] is not None:
            values[name] = unpack(values[name])
    return KeptRequest(**values)
