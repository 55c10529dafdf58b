"""What was used and what it cost, from the ledger."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request

from laird.api.admin.context import Admin
from laird.domain.errors import InvalidRequest
from laird.domain.money import usd_text
from laird.usage.ledger import LedgerRow
from laird.usage.summary import By, SummaryRow, recent, summary

_DAY_US = 86_400_000_000


def router(admin: Admin) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/api/usage", tags=["usage"])

    @routes.get("/summary")
    async def summarise(
        request: Request,
        *,
        by: By = By.PROVIDER,
        days: Annotated[int, Query(ge=1, le=3660)] = 30,
        since: str | None = None,
        until: str | None = None,
    ) -> dict[str, Any]:
        """Return sums by group and in total.

        The period is the last `days`, or from `since` to `until` (ISO 8601; UTC when no zone is
        given).
        """
        admin.gate.actor(request)
        until_us = _instant("until", until) or time.time_ns() // 1000 + 1
        since_us = _instant("since", since) or until_us - days * _DAY_US
        if since_us >= until_us:
            raise InvalidRequest("The period ends before it begins.", param="since")
        complete = await admin.drain.flush()
        rows, total = await admin.database.read(
            lambda connection: (
                summary(connection, since_us=since_us, until_us=until_us, by=by),
                summary(connection, since_us=since_us, until_us=until_us, by=By.NONE)[0],
            )
        )
        return {
            "by": by.value,
            "since": _iso(since_us),
            "until": _iso(until_us),
            "complete": complete,
            "rows": [_summary(row) for row in rows],
            "total": _summary(total),
        }

    @routes.get("/attempts")
    async def attempts(
        request: Request,
        *,
        limit: Annotated[int, Query(ge=1, le=1000)] = 50,
        request_id: str | None = None,
    ) -> dict[str, Any]:
        """Return the newest rows of the ledger, or those of one request."""
        admin.gate.actor(request)
        complete = await admin.drain.flush()
        rows = await admin.database.read(lambda connection: recent(connection, limit, request_id))
        return {"complete": complete, "rows": [_attempt(row) for row in rows]}

    return routes


def _instant(name: str, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidRequest(
            f"{name}: write a date or a time as 2026-01-31 or 2026-01-31T12:00:00Z.", param=name
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1_000_000)


def _iso(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1_000_000, UTC).isoformat()


def _summary(row: SummaryRow) -> dict[str, Any]:
    return {**msgspec.to_builtins(row), "cost_usd": usd_text(row.cost_nano)}


def _attempt(row: LedgerRow) -> dict[str, Any]:
    cost = row.cost_nano
    return {
        **msgspec.to_builtins(row),
        "at": _iso(row.at_us),
        "cost_usd": usd_text(cost) if cost is not None else None,
    }
