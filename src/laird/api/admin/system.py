"""How Laird itself is."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import sqlite3
import time
from pathlib import Path
from typing import cast

import msgspec
from fastapi import APIRouter, Request

from laird import __version__
from laird.api.admin.context import Admin
from laird.api.admin.routes import routes_at
from laird.api.admin.system_shapes import (
    DatabaseShown,
    DocumentState,
    HomeShown,
    LedgerShown,
    SettingShown,
    SystemShown,
)
from laird.config.live import LiveConfiguration
from laird.config.settings import Settings, mistyped_settings, read_environment
from laird.domain.errors import StartError
from laird.domain.people import Role


def router(admin: Admin) -> APIRouter:
    """Return the routes."""
    routes = routes_at("/api/system", "system")

    @routes.get("")
    async def system(request: Request) -> SystemShown:
        """Return version, state, warnings, settings, and how far the ledger is behind."""
        runs_it = admin.gate.principal(request).role.covers(Role.OPERATOR)
        now = time.time()
        return {
            "version": __version__,
            "python": platform.python_version(),
            "platform": f"{platform.system()} {platform.machine()}".strip(),
            "process": os.getpid(),
            "started_us": round(admin.started * 1_000_000),
            "uptime_s": round(now - admin.started, 1),
            "active_requests": admin.gateway.active,
            "draining": admin.gateway.draining,
            "home": await asyncio.to_thread(_home, admin.settings.home),
            "configuration": _document(admin.configuration),
            "database": await asyncio.to_thread(_database, admin.database.file),
            "database_warnings": list(admin.database.warnings),
            "settings": _settings(admin.settings) if runs_it else None,
            "settings_warnings": await asyncio.to_thread(_mistyped) if runs_it else [],
            "ledger": cast("LedgerShown", msgspec.to_builtins(admin.drain.state)),
        }

    return routes


def _document(configuration: LiveConfiguration) -> DocumentState:
    error = configuration.error
    snapshot = configuration.snapshot
    return {
        "file": configuration.file,
        "revision": snapshot.revision,
        "error": error.message if error is not None else None,
        "warnings": list(snapshot.warnings),
        "providers": len(snapshot.providers),
        "models": len(snapshot.models),
        "chains": len(snapshot.chains),
    }


def _home(path: Path) -> HomeShown:
    try:
        free: int | None = shutil.disk_usage(path).free
    except OSError:
        free = None
    return {"path": str(path), "free_bytes": free}


def _database(file: Path) -> DatabaseShown:
    try:
        size: int | None = file.stat().st_size + _size(file.with_name(f"{file.name}-wal"))
    except OSError:
        size = None
    return {
        "kind": "sqlite",
        "version": sqlite3.sqlite_version,
        "file": str(file),
        "bytes": size,
    }


def _size(file: Path) -> int:
    """Return a file's size, 0 where there is none."""
    return file.stat().st_size if file.exists() else 0


def _settings(settings: Settings) -> list[SettingShown]:
    return [
        {
            "name": one.row.name,
            "value": one.value,
            "default": one.row.default,
            "source": one.source.value,
            "meaning": one.row.meaning,
        }
        for one in settings.in_force()
    ]


def _mistyped() -> list[str]:
    try:
        return list(mistyped_settings(read_environment()))
    except StartError as unreadable:
        return [unreadable.message]
