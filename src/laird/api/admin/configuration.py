"""The document: read, checked, replaced, and taken back."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict

from laird.api.admin.configuration_shapes import (
    Checked,
    ConfigurationChange,
    ConfigurationChanges,
    ConfigurationChangeWithDocument,
    ConfigurationShown,
    InForce,
    ProblemShown,
)
from laird.api.admin.context import Admin
from laird.api.admin.routes import routes_at
from laird.config.history import ChangeEntry
from laird.domain.errors import ConfigError, NotFound


class DocumentWanted(BaseModel):
    """A whole document and the revision it was made from; without one it replaces what is there."""

    model_config = ConfigDict(extra="forbid")

    document: str
    revision: str | None = None


class DocumentToCheck(BaseModel):
    """A whole document."""

    model_config = ConfigDict(extra="forbid")

    document: str


class RollbackExpected(BaseModel):
    """The revision that is in force as far as is known; without one it does not matter."""

    model_config = ConfigDict(extra="forbid")

    revision: str | None = None


def router(admin: Admin) -> APIRouter:
    """Return the routes."""
    routes = routes_at("/api/config", "configuration")
    _add_document(routes, admin)
    _add_history(routes, admin)
    return routes


def _add_document(routes: APIRouter, admin: Admin) -> None:
    live = admin.configuration

    @routes.get("")
    async def show(request: Request) -> ConfigurationShown:
        """Return the document in force, secrets redacted, and whether the file has an error."""
        admin.gate.actor(request)
        return {
            "revision": live.snapshot.revision,
            "file": live.file,
            "document": live.shown_text,
            "error": live.error.message if live.error is not None else None,
            "problems": _problems(live.error),
            "warnings": list(live.snapshot.warnings),
        }

    @routes.put("")
    async def replace(request: Request, wanted: DocumentWanted) -> InForce:
        """Put another document in force. A stale revision is refused with both versions."""
        actor = admin.gate.actor(request)
        revision = wanted.revision
        if revision is None:
            _, revision = await live.current()
        snapshot = await live.apply(wanted.document, revision, actor, admin.source(request))
        return {"revision": snapshot.revision, "warnings": list(snapshot.warnings)}

    @routes.post("/check")
    async def check(request: Request, wanted: DocumentToCheck) -> Checked:
        """Check a document, tell what it would change, and change nothing."""
        admin.gate.actor(request)
        snapshot, changes = await asyncio.to_thread(live.preview, wanted.document)
        return {
            "revision": snapshot.revision,
            "providers": len(snapshot.providers),
            "models": len(snapshot.models),
            "chains": len(snapshot.chains),
            "warnings": list(snapshot.warnings),
            "changes": list(changes),
        }


def _add_history(routes: APIRouter, admin: Admin) -> None:
    @routes.get("/history")
    async def history(
        request: Request, limit: Annotated[int, Query(ge=1, le=500)] = 50
    ) -> ConfigurationChanges:
        """List the newest changes."""
        admin.gate.actor(request)
        return {"changes": [_shown(entry) for entry in await admin.history.list(limit)]}

    @routes.get("/history/{change_id}")
    async def change(request: Request, change_id: str) -> ConfigurationChangeWithDocument:
        """Return one change with its document."""
        admin.gate.actor(request)
        entry = await admin.history.get(change_id)
        if entry is None:
            raise NotFound(f"There is no change '{change_id}' in the history.", param="change_id")
        return {**_shown(entry), "document": entry.document}

    @routes.post("/history/{change_id}/rollback")
    async def rollback(
        request: Request, change_id: str, wanted: RollbackExpected | None = None
    ) -> InForce:
        """Put the document of an earlier change in force again."""
        actor = admin.gate.actor(request)
        expected = wanted.revision if wanted is not None else None
        snapshot = await admin.configuration.rollback(change_id, actor, expected)
        return {"revision": snapshot.revision, "warnings": list(snapshot.warnings)}


def _problems(error: ConfigError | None) -> list[ProblemShown]:
    return [
        {"message": one.message, "path": one.path, "line": one.line, "fix": one.fix}
        for one in (error.problems if error is not None else ())
    ]


def _shown(entry: ChangeEntry) -> ConfigurationChange:
    return {
        "id": entry.id,
        "at_us": entry.at_us,
        "actor": entry.actor,
        "source": entry.source.value,
        "revision": entry.revision,
        "before": entry.before,
        "summary": list(entry.summary),
    }
