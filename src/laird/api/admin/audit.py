"""The audit log: read, exported, and changes taken back."""

from __future__ import annotations

import difflib
import time
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection

from laird.api.admin.audit_export import MEDIA, lines, table
from laird.api.admin.audit_shapes import (
    AuditDetail,
    AuditPage,
    AuditShown,
    FieldChange,
    Pruned,
    RolledBack,
)
from laird.api.admin.context import Admin
from laird.api.admin.download import Downloads
from laird.api.admin.period import AnyPeriodQuery, iso
from laird.api.admin.routes import routes_at
from laird.audit import store
from laird.audit.entry import CONFIGURATION, AuditEntry, AuditFilter
from laird.config.history import ChangeSource
from laird.domain.errors import InvalidRequest, NotAllowed, StaleRevision
from laird.domain.people import PrincipalKind
from laird.storage import history

_DAY_US = 86_400_000_000
_LARGEST_ID = 2**53

EntryId = Annotated[int, Path(ge=1, le=_LARGEST_ID)]


class RollbackWanted(BaseModel):
    """The revision that is in force as far as is known; without one, that which the change made."""

    model_config = ConfigDict(extra="forbid")

    revision: str | None = None


class PruneWanted(BaseModel):
    """How old entries must be to be deleted."""

    model_config = ConfigDict(extra="forbid")

    older_than_days: int = Field(ge=1, le=36_500)


def read_filter(
    period: AnyPeriodQuery,
    actor: str | None = None,
    action: str | None = None,
    object_type: str | None = None,
    object: str | None = None,  # noqa: A002 - the name in the query
    via: str | None = None,
    search: Annotated[str | None, Query(max_length=200)] = None,
) -> AuditFilter:
    """Return which entries are asked for."""
    return AuditFilter(
        **period.ends,
        actor=actor,
        action=action,
        object_type=object_type,
        object=object,
        via=via,
        search=search,
    )


FilterQuery = Annotated[AuditFilter, Depends(read_filter)]


def router(admin: Admin) -> APIRouter:
    """Return the routes."""
    routes = routes_at("/api/audit", "audit")
    downloads = Downloads(admin.database)

    @routes.get("", operation_id="listAuditEvents")
    async def list_events(
        request: Request,
        *,
        wanted: FilterQuery,
        limit: Annotated[int, Query(ge=1, le=1000)] = 50,
        cursor: Annotated[int | None, Query(ge=0, le=_LARGEST_ID)] = None,
    ) -> AuditPage:
        """List what was done, newest first; `action` may be the first part, such as `key`."""
        admin.gate.actor(request)
        found, after = await admin.database.read(
            partial(store.page, wanted=wanted, limit=limit, after=cursor)
        )
        return {"events": [_shown(entry) for entry in found], "next": after}

    @routes.get(
        "/export",
        operation_id="exportAuditEvents",
        response_class=Response,
        responses={200: {"content": {media.partition(";")[0]: {} for media in MEDIA.values()}}},
    )
    async def export(
        request: Request,
        *,
        wanted: FilterQuery,
        format: Literal["csv", "jsonl"] = "csv",  # noqa: A002 - the name in the query
    ) -> Response:
        """Write what was done as CSV or JSON lines, oldest first; filters as in the list."""
        admin.gate.actor(request)
        return await downloads.send(
            request,
            partial(table if format == "csv" else _json_lines, wanted=wanted),
            {},
            name=f"laird-audit.{format}",
            media=MEDIA[format],
        )

    @routes.post("/prune", operation_id="pruneAuditEvents")
    async def prune(request: Request, wanted: PruneWanted) -> Pruned:
        """Delete old entries, which leaves an entry; only by `laird audit prune` on the server."""
        by = admin.gate.principal(request)
        if by.kind is not PrincipalKind.OWNER:
            raise NotAllowed("Only the home's owner may: run laird audit prune on the server.")
        now_us = time.time_ns() // 1000
        before_us = max(0, now_us - wanted.older_than_days * _DAY_US)
        deleted = await admin.database.write(
            partial(store.prune, before_us=before_us, by=by, now_us=now_us)
        )
        return {"deleted": deleted, "before_us": before_us}

    @routes.get("/{entry_id}", operation_id="showAuditEvent")
    async def show(request: Request, entry_id: EntryId) -> AuditDetail:
        """Return one entry with what differs between before and after."""
        admin.gate.actor(request)
        return _detail(*await admin.database.read(partial(_read, number=entry_id)))

    @routes.post("/{entry_id}/rollback", operation_id="rollBackAuditEvent")
    async def roll_back(
        request: Request, entry_id: EntryId, wanted: RollbackWanted | None = None
    ) -> RolledBack:
        """Put the document from before a change in force again, as a change of its own.

        What was changed later would be lost with it: then the answer is 409 with the document in
        force, unless its `revision` is given.
        """
        actor = admin.gate.actor(request)
        entry, before, _ = await admin.database.read(partial(_read, number=entry_id))
        if entry.object_type != CONFIGURATION:
            raise InvalidRequest("Only changes of the configuration can be rolled back.")
        if before is None:
            raise InvalidRequest("The document from before this change is not kept.")
        live = admin.configuration
        await live.reload()
        text, current = await live.current()
        expected = (wanted.revision if wanted else None) or (entry.after or {}).get("revision", "")
        if expected != current:
            raise StaleRevision(expected=expected, current=current, current_document=text)
        snapshot = await live.apply(before, current, actor, ChangeSource.ROLLBACK)
        return {"revision": snapshot.revision, "warnings": list(snapshot.warnings)}

    return routes


def _read(connection: Connection, number: int) -> tuple[AuditEntry, str | None, str | None]:
    """Return an entry, and the documents before and after it where it is about the document."""
    entry = store.get(connection, number)
    if entry.object_type != CONFIGURATION or not entry.object_id.isdecimal():
        return entry, None, None
    change = history.get(connection, int(entry.object_id))
    if change is None:
        return entry, None, None
    before = None
    if change.before_revision is not None:
        before = history.document_before(connection, change.id, change.before_revision)
    return entry, before, change.document


def _shown(entry: AuditEntry) -> AuditShown:
    plain: Any = {**msgspec.structs.asdict(entry), "at": iso(entry.at_us)}
    shown: AuditShown = plain
    return shown


def _detail(entry: AuditEntry, before: str | None, after: str | None) -> AuditDetail:
    return {
        **_shown(entry),
        "changes": _changes(entry.before or {}, entry.after or {}),
        "before_document": before,
        "after_document": after,
        "diff": _diff(before, after),
        "can_roll_back": before is not None,
    }


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[FieldChange]:
    return [
        {"field": field, "before": before.get(field), "after": after.get(field)}
        for field in sorted({*before, *after})
        if before.get(field) != after.get(field)
    ]


def _diff(before: str | None, after: str | None) -> str | None:
    if before is None or after is None:
        return None
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), "before", "after", lineterm=""
    )
    return "\n".join(lines)


def _json_lines(connection: Connection, wanted: AuditFilter) -> Iterator[bytes]:
    for entries in lines(connection, wanted):
        yield msgspec.json.Encoder().encode_lines([_shown(entry) for entry in entries])
