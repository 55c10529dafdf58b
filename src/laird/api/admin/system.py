"""How Laird itself is."""

from __future__ import annotations

import time
from typing import Any

import msgspec
from fastapi import APIRouter, Request

from laird import __version__
from laird.api.admin.context import Admin
from laird.storage.engine import sqlite_warnings


def router(admin: Admin) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/api/system", tags=["system"])

    @routes.get("")
    async def system(request: Request) -> dict[str, Any]:
        """Return version, state, warnings, and how far the ledger is behind."""
        admin.gate.actor(request)
        configuration = admin.configuration
        error = configuration.error
        snapshot = configuration.snapshot
        return {
            "version": __version__,
            "uptime_s": round(time.time() - admin.started, 1),
            "active_requests": admin.gateway.active,
            "draining": admin.gateway.draining,
            "configuration": {
                "file": configuration.file,
                "revision": snapshot.revision,
                "error": error.message if error is not None else None,
                "warnings": list(snapshot.warnings),
                "providers": len(snapshot.providers),
                "models": len(snapshot.models),
                "chains": len(snapshot.chains),
            },
            "database_warnings": sqlite_warnings(),
            "ledger": msgspec.to_builtins(admin.drain.state),
        }

    return routes
