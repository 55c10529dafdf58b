"""One request as a whole: its attempts, and what is kept of what was asked and answered."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Annotated, Any

import msgspec
import orjson
from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import Connection

from laird.api.admin.context import Admin
from laird.api.admin.download import Downloads
from laird.api.admin.export import days_of
from laird.api.admin.kept_shapes import (
    AttemptOfRequest,
    Forgotten,
    KeptList,
    KeptListed,
    KeptShown,
    RequestDetail,
)
from laird.api.admin.period import FiltersQuery, Period, PeriodQuery, iso, with_key_ids
from laird.api.admin.routes import routes_at
from laird.api.admin.usage import shown_attempt
from laird.audit.store import record
from laird.domain.errors import NotFound, StorageUnavailable
from laird.keeping import store
from laird.keeping.copies import KeptRequest, content
from laird.usage.ledger import LedgerRow
from laird.usage.reports.listing import recent

_DAY_US = 86_400_000_000
_MOST_ATTEMPTS = 1000


def router(admin: Admin) -> APIRouter:
    """Return the routes."""
    routes = routes_at("/api/usage/requests", "usage")
    downloads = Downloads(admin.database)

    @routes.get("", operation_id="listKeptRequests")
    async def list_kept(
        request: Request,
        *,
        limit: Annotated[int, Query(ge=1, le=1000)] = 50,
        key: str | None = None,
    ) -> KeptList:
        """List the newest requests of which copies are kept, without their text."""
        admin.gate.actor(request)
        key_id = None if key is None else (await admin.key_named(key)).id
        await admin.keeper.flush()
        found, size = await admin.database.read(
            lambda connection: (
                store.newest(connection, limit, key_id),
                store.total(connection),
            )
        )
        rules = admin.keeper.rules
        return {
            "everybody": rules.everybody,
            "local": rules.local,
            "days": rules.days,
            "bytes": size,
            "most_bytes": rules.most_bytes,
            "lost": admin.keeper.lost,
            "requests": [_listed(one) for one in found],
        }

    @routes.get(
        "/export",
        operation_id="exportKeptRequests",
        response_class=Response,
        responses={200: {"content": {"application/x-ndjson": {}}}},
    )
    async def export_kept(
        request: Request, *, period: PeriodQuery, filters: FiltersQuery
    ) -> Response:
        """Write what is kept of a period, or of a `key` in it, as JSON lines, oldest first."""
        admin.gate.actor(request)
        found = await admin.database.read(
            lambda connection: with_key_ids(connection, filters).key_id
        )
        await admin.keeper.flush()
        return await downloads.send(
            request,
            partial(_lines, period=period, key_ids=found),
            {},
            name=f"laird-requests-{days_of(period)}.jsonl",
            media="application/x-ndjson",
        )

    @routes.get("/{request_id}", operation_id="showRequest")
    async def show(request: Request, request_id: str) -> RequestDetail:
        """Return the attempts of a request, and what is kept of it, or null."""
        admin.gate.actor(request)
        complete = await admin.drain.flush()
        await admin.keeper.flush()
        try:
            rows, kept = await admin.database.read(
                lambda connection: (
                    recent(connection, _MOST_ATTEMPTS, request_id),
                    store.get(connection, request_id),
                )
            )
        except ValueError as error:
            raise StorageUnavailable(
                f"What is kept of '{request_id}' is damaged: {error}."
            ) from error
        if not rows and kept is None:
            raise NotFound(f"The ledger knows no request '{request_id[:80]}'.", param="request_id")
        return {
            "request_id": request_id,
            "complete": complete,
            "attempts": [_attempt(row) for row in rows],
            "kept": None if kept is None else _shown(kept, admin.keeper.rules.days),
        }

    @routes.delete("/{request_id}", operation_id="forgetRequest")
    async def forget(request: Request, request_id: str) -> Forgotten:
        """Delete what is kept of a request; its rows stay in the ledger."""
        admin.gate.actor(request)
        await admin.keeper.flush()
        summary = f"what was kept of {request_id[:80]} was deleted"
        deed = admin.deed(request, "request.forget", (request_id[:80], ""), summary)

        def work(connection: Connection) -> None:
            store.remove(connection, request_id)
            record(connection, deed)

        await admin.database.write(work)
        return {"request_id": request_id, "deleted": True}

    return routes


def _attempt(row: LedgerRow) -> AttemptOfRequest:
    plain: Any = shown_attempt(row)
    attempt: AttemptOfRequest = plain
    return attempt


def _listed(one: store.Listed) -> KeptListed:
    plain: Any = {**msgspec.structs.asdict(one), "at": iso(one.at_us)}
    listed: KeptListed = plain
    return listed


def _lines(connection: Connection, period: Period, key_ids: tuple[str, ...]) -> Iterator[bytes]:
    for kept in store.every(connection, period.since_us, period.until_us, key_ids):
        yield orjson.dumps(_plain(kept), option=orjson.OPT_APPEND_NEWLINE)


def _shown(kept: KeptRequest, days: int) -> KeptShown:
    """Return a copy, and how long it will be there."""
    until_us = kept.at_us + days * _DAY_US
    plain: Any = {**_plain(kept), "until_us": until_us, "until": iso(until_us)}
    shown: KeptShown = plain
    return shown


def _plain(kept: KeptRequest) -> dict[str, Any]:
    return {
        **msgspec.structs.asdict(kept),
        "at": iso(kept.at_us),
        "request": content(kept.request),
        "answer": content(kept.answer),
    }
