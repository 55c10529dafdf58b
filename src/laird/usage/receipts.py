"""Egress receipts: of each request what it might reach and why, and where it went."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, RowMapping, or_, select

from laird.domain.catalog import Egress
from laird.domain.usage import AttemptStatus
from laird.storage.tables import attempts

_MANY = 500
"""Ids in one statement; SQLite's limit of parameters is higher everywhere."""


class Hop(msgspec.Struct, frozen=True, kw_only=True):
    """One place that a request went to."""

    attempt: int
    at_us: int
    provider: str
    model: str
    egress: Egress | None
    """None in rows of earlier versions, and for answers from the cache: nothing was sent."""
    status: AttemptStatus
    cache_hit: bool


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one request's text."""

    request_id: str
    at_us: int
    key_id: str
    workflow: str | None
    node: str | None
    privacy: str
    """`local` or `any`."""
    privacy_reason: str | None
    left: bool | None
    """Whether any of it left our machines; None where that is not known."""
    hops: tuple[Hop, ...]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which receipts are asked for."""

    since_us: int
    until_us: int
    limit: int = 50
    request_id: str | None = None
    """Only this one, whenever it was."""
    privacy: str | None = None
    reason: str | None = None
    """This reason, or those that begin with it and a colon: `detected`, `detected:card`."""
    key_ids: tuple[str, ...] = ()


def receipts(connection: Connection, wanted: Wanted) -> list[Receipt]:
    """Return the newest receipts that are asked for, newest first."""
    ids = _ids(connection, wanted)
    found: dict[str, list[RowMapping]] = {each: [] for each in ids}
    for start in range(0, len(ids), _MANY):
        rows = connection.execute(
            select(attempts)
            .where(attempts.c.request_id.in_(ids[start : start + _MANY]))
            .order_by(attempts.c.request_id, attempts.c.attempt)
        )
        for row in rows.mappings():
            found[row["request_id"]].append(row)
    return [_receipt(rows) for rows in found.values() if rows]


def _ids(connection: Connection, wanted: Wanted) -> list[str]:
    if wanted.request_id is not None:
        return [wanted.request_id]
    table = attempts.c
    # Every request has a first attempt, and so each is found once.
    query = select(table.request_id).where(
        table.attempt == 1, table.at_us >= wanted.since_us, table.at_us < wanted.until_us
    )
    if wanted.privacy is not None:
        query = query.where(table.privacy == wanted.privacy)
    if wanted.reason is not None:
        reason = table.privacy_reason
        query = query.where(
            or_(reason == wanted.reason, reason.startswith(f"{wanted.reason}:", autoescape=True))
        )
    if wanted.key_ids:
        query = query.where(table.key_id.in_(wanted.key_ids))
    query = query.order_by(table.at_us.desc(), table.id.desc()).limit(wanted.limit)
    return list(connection.execute(query).scalars())


def _receipt(rows: Sequence[RowMapping]) -> Receipt:
    last = rows[-1]
    hops = tuple(
        Hop(
            attempt=row["attempt"],
            at_us=row["at_us"],
            provider=row["provider"],
            model=row["model"],
            egress=Egress(row["egress"]) if row["egress"] is not None else None,
            status=AttemptStatus(row["status"]),
            cache_hit=row["cache_hit"],
        )
        for row in rows
    )
    return Receipt(
        request_id=last["request_id"],
        at_us=rows[0]["at_us"],
        key_id=last["key_id"],
        workflow=last["workflow"],
        node=last["node"],
        privacy=last["privacy"],
        privacy_reason=last["privacy_reason"],
        left=_left(hops),
        hops=hops,
    )


def _left(hops: Sequence[Hop]) -> bool | None:
    if any(hop.egress is Egress.EXTERNAL for hop in hops):
        return True
    unknown = any(hop.egress is None and not hop.cache_hit for hop in hops)
    return None if unknown else False
