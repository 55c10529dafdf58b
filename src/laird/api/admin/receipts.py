"""Egress receipts: which requests might leave, why, and where they went."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Query, Request
from sqlalchemy import Connection
from typing_extensions import TypedDict

from laird.api.admin.context import Admin
from laird.api.admin.period import PeriodQuery, iso, with_key_ids
from laird.api.admin.routes import routes_at
from laird.domain.usage import AttemptStatus
from laird.usage.receipts import Receipt, Wanted, receipts
from laird.usage.summary import Filters


class HopShown(TypedDict):
    """One place that a request went to."""

    attempt: int
    at_us: int
    provider: str
    model: str
    egress: Literal["local", "external"] | None
    """Null in rows of earlier versions, and for answers from the cache: nothing was sent."""
    status: AttemptStatus
    cache_hit: bool


class ReceiptShown(TypedDict):
    """What became of one request's text."""

    request_id: str
    at_us: int
    at: str
    key_id: str
    workflow: str | None
    node: str | None
    privacy: str
    """`local` or `any`: what it was allowed to reach."""
    privacy_reason: str | None
    left: bool | None
    """Whether any of it left our machines; null where that is not known."""
    hops: list[HopShown]


class ReceiptsShown(TypedDict):
    """Receipts of a period, the newest first."""

    since: str
    until: str
    zone: str
    complete: bool
    """False while the database is away: the newest may be missing."""
    receipts: list[ReceiptShown]


def router(admin: Admin) -> APIRouter:
    """Return the routes."""
    routes = routes_at("/api/usage", "usage")

    @routes.get("/receipts")
    async def egress_receipts(
        request: Request,
        *,
        period: PeriodQuery,
        limit: Annotated[int, Query(ge=1, le=1000)] = 50,
        request_id: str | None = None,
        privacy: Literal["local", "any"] | None = None,
        reason: str | None = None,
        key: Annotated[list[str], Query()] = [],  # noqa: B006 - a new one for each request
    ) -> ReceiptsShown:
        """Return the newest receipts, or that of one request.

        `privacy` leaves those of one verdict, `reason` those of one reason (`detected` stands for
        all that begin so), `key` those of keys by name or id.
        """
        admin.gate.actor(request)
        complete = await admin.drain.flush()

        def work(connection: Connection) -> list[Receipt]:
            named = with_key_ids(connection, Filters(key_id=tuple(key)))
            wanted = Wanted(
                since_us=period.since_us,
                until_us=period.until_us,
                limit=limit,
                request_id=request_id,
                privacy=privacy,
                reason=reason,
                key_ids=named.key_id,
            )
            return receipts(connection, wanted)

        found = await admin.database.read(work)
        told = [{"at": iso(each.at_us), **msgspec.to_builtins(each)} for each in found]
        plain: Any = {**period.told(), "complete": complete, "receipts": told}
        shown: ReceiptsShown = plain
        return shown

    return routes
