"""The response cache: how it does, and emptying it."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request
from typing_extensions import TypedDict

from laird.api.admin.context import Admin
from laird.api.admin.routes import routes_at
from laird.audit.store import record
from laird.domain.money import usd_text


class CacheRuleShown(TypedDict):
    """Requests that use the cache unasked; an empty list leaves nothing out. `*` is a wildcard."""

    models: list[str]
    keys: list[str]
    workflows: list[str]


class CacheShown(TypedDict):
    """The cache at this moment. Sizes are bytes; counts are since the start of the server."""

    entries: int
    bytes: int
    max_bytes: int
    """0 where the cache is switched off."""
    max_entry_bytes: int
    ttl_s: float
    """Seconds for which an answer is good."""
    shared: bool
    """One key may get what another one asked for."""
    rules: int
    applies_to: list[CacheRuleShown]
    """The rules themselves."""
    hits: int
    misses: int
    refreshes: int
    stored: int
    evicted: int
    expired: int
    too_large: int
    saved_tokens: int
    saved_nano: int
    saved_usd: str
    hit_ratio: float | None


class CacheCleared(TypedDict):
    """How many answers were forgotten."""

    cleared: int


def router(admin: Admin) -> APIRouter:
    """Return the routes."""
    routes = routes_at("/api/cache", "cache")

    @routes.get("")
    async def state(request: Request) -> CacheShown:
        """Return size, settings in force, and what was saved since the start of the server."""
        admin.gate.actor(request)
        stats = admin.cache.stats()
        asked = stats.hits + stats.misses
        rules = admin.configuration.snapshot.cache.rules
        plain: Any = {
            **msgspec.to_builtins(stats),
            "applies_to": msgspec.to_builtins(rules),
            "hit_ratio": round(stats.hits / asked, 4) if asked else None,
            "saved_usd": usd_text(stats.saved_nano),
        }
        shown: CacheShown = plain
        return shown

    @routes.delete("")
    async def clear(
        request: Request,
        key: Annotated[str | None, Query(description="Only what this key asked for.")] = None,
    ) -> CacheCleared:
        """Forget all answers, or those that one key asked for (by name or id)."""
        admin.gate.actor(request)
        key_id = None if key is None else (await admin.key_named(key)).id
        cleared = admin.cache.clear(key_id)
        thing = (key_id or "", key or "")
        deed = admin.deed(request, "cache.clear", thing, f"{cleared} answers were forgotten")
        await admin.database.write(lambda connection: record(connection, deed))
        return {"cleared": cleared}

    return routes
