"""API keys: list, create, switch, revoke."""

from __future__ import annotations

import time
from typing import Any

import msgspec
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from laird.api.admin.context import Admin
from laird.domain.errors import InvalidRequest
from laird.domain.keys import ApiKey, PrivacyClass, RateLimit, Scope
from laird.keys import store
from laird.keys.draft import KeyDraft
from laird.keys.follow import refresh

_DAY_US = 86_400_000_000


class KeyWanted(BaseModel):
    """A key to be made."""

    model_config = ConfigDict(extra="forbid")

    name: str
    expires_in_days: float | None = Field(default=None, gt=0, le=36_500)
    scopes: list[str] = [Scope.INFERENCE.value]
    allowed_models: list[str] = []
    allowed_providers: list[str] = []
    privacy: str = PrivacyClass.ANY.value
    priority: int | None = None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None


class KeyChange(BaseModel):
    """What may be changed of a key."""

    model_config = ConfigDict(extra="forbid")

    enabled: bool


def router(admin: Admin) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/api/keys", tags=["keys"])

    @routes.get("")
    async def list_keys(request: Request) -> dict[str, Any]:
        """List all keys, oldest first. Their texts are nowhere."""
        admin.gate.actor(request)
        found = await admin.database.read(store.list_keys)
        return {"keys": [_shown(key) for key in found.keys]}

    @routes.post("", status_code=201)
    async def create(request: Request, wanted: KeyWanted) -> dict[str, Any]:
        """Make a key. Its text is in this answer and never again."""
        admin.gate.actor(request)
        now_us = time.time_ns() // 1000
        draft = _draft(wanted, now_us)
        made = await admin.database.write(
            lambda connection: store.create(connection, draft, now_us)
        )
        await refresh(admin.keys, admin.database)
        return {**_shown(made.key), "key": made.text.reveal()}

    @routes.patch("/{name:path}")
    async def change(request: Request, name: str, wanted: KeyChange) -> dict[str, Any]:
        """Switch a key on or off; `name` is its name or id."""
        admin.gate.actor(request)
        key = await admin.database.write(
            lambda connection: store.set_enabled(connection, name, enabled=wanted.enabled)
        )
        await refresh(admin.keys, admin.database)
        return _shown(key)

    @routes.delete("/{name:path}")
    async def revoke(request: Request, name: str) -> dict[str, Any]:
        """Revoke a key for good; `name` is its name or id."""
        admin.gate.actor(request)
        key = await admin.database.write(lambda connection: store.revoke(connection, name))
        await refresh(admin.keys, admin.database)
        return _shown(key)

    return routes


def _draft(wanted: KeyWanted, now_us: int) -> KeyDraft:
    days = wanted.expires_in_days
    try:
        privacy = PrivacyClass(wanted.privacy)
    except ValueError:
        known = ", ".join(each.value for each in PrivacyClass)
        raise InvalidRequest(
            f"There is no privacy class '{wanted.privacy[:40]}'; the classes are {known}.",
            param="privacy",
        ) from None
    return KeyDraft(
        name=wanted.name,
        expires_us=None if days is None else now_us + round(days * _DAY_US),
        scopes=frozenset(wanted.scopes),
        allowed_models=frozenset(wanted.allowed_models),
        allowed_providers=frozenset(wanted.allowed_providers),
        privacy=privacy,
        priority=wanted.priority,
        rate=RateLimit(wanted.requests_per_minute, wanted.tokens_per_minute),
    )


def _shown(key: ApiKey) -> dict[str, Any]:
    plain = msgspec.to_builtins(key)
    del plain["digest"]
    rate = plain.pop("rate")
    for name in ("scopes", "allowed_models", "allowed_providers"):
        plain[name] = sorted(plain[name])
    return {**plain, **rate}
