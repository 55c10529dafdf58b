"""API keys: list, create, switch, revoke."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection

from laird.api.admin.bounds import check_key_name
from laird.api.admin.context import Admin
from laird.api.admin.key_shapes import KeyMade, KeyShown, KeysShown
from laird.api.admin.routes import routes_at
from laird.audit.store import record
from laird.budgets import store as budget_store
from laird.budgets.draft import BudgetDraft
from laird.domain.budget import BudgetScope, read_allowance
from laird.domain.errors import InvalidRequest
from laird.domain.keys import ApiKey, PrivacyClass, RateLimit, Scope
from laird.domain.people import Deed, Role
from laird.keys import store
from laird.keys.draft import KeyChange, KeyDraft, NewKey
from laird.keys.follow import refresh

_DAY_US = 86_400_000_000

Told = Callable[..., Deed]
"""`Admin.deed` of the request under way."""


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
    cache: bool = False
    keep: bool = False
    budget: str | None = Field(
        default=None, description="What it may spend, such as 20/month, 5/day or 100/total."
    )


class KeyChanges(BaseModel):
    """What shall be otherwise about a key; what is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    name: str = ""
    enabled: bool = True
    expires_in_days: float | None = Field(
        default=None, gt=0, le=36_500, description="Counted from now; null is for ever."
    )
    allowed_models: list[str] = Field(default=[], description="None is all.")
    allowed_providers: list[str] = Field(default=[], description="None is all.")
    privacy: str = PrivacyClass.ANY.value
    priority: int | None = None
    requests_per_minute: int | None = Field(default=None, description="null is no limit.")
    tokens_per_minute: int | None = Field(default=None, description="null is no limit.")
    cache: bool = False
    keep: bool = False


def router(admin: Admin) -> APIRouter:
    """Return the routes."""
    routes = routes_at("/api/keys", "keys")

    @routes.get("")
    async def list_keys(request: Request) -> KeysShown:
        """List all keys, oldest first. Their texts are nowhere."""
        admin.gate.actor(request)
        found = await admin.database.read(store.list_keys)
        return {"keys": [_shown(key) for key in found.keys]}

    @routes.post("", status_code=201)
    async def create(request: Request, wanted: KeyWanted) -> KeyMade:
        """Make a key. Its text is in this answer and never again."""
        now_us = time.time_ns() // 1000
        draft = _draft(wanted, now_us)
        if admin.gate.principal(request).role is not Role.ADMIN:
            check_key_name(draft.name, admin.configuration.snapshot.privacy)
        told = partial(admin.deed, request)
        made = await admin.database.write(partial(_make, told, draft, wanted.budget, now_us))
        await refresh(admin.keys, admin.database)
        if wanted.budget is not None:
            await admin.budgets.refresh()
        shown = _shown(made.key)
        return {**shown, "key": made.text.reveal()}

    @routes.patch("/{name:path}")
    async def change(request: Request, name: str, wanted: KeyChanges) -> KeyShown:
        """Change some fields of a key, in force at once; `name` is its name or id.

        What is left out stays as it is. The key's text and scopes can't be changed.
        """
        key_id = (await admin.key_in_reach(request, name)).id
        now_us = time.time_ns() // 1000
        changes = _changes(wanted, now_us)
        told = partial(admin.deed, request)
        key = await admin.database.write(partial(_change, told, key_id, changes, now_us))
        await refresh(admin.keys, admin.database)
        return _shown(key)

    @routes.delete("/{name:path}")
    async def revoke(request: Request, name: str) -> KeyShown:
        """Revoke a key for good; `name` is its name or id."""
        key_id = (await admin.key_in_reach(request, name)).id
        key = await admin.database.write(partial(_revoke, partial(admin.deed, request), key_id))
        await refresh(admin.keys, admin.database)
        await admin.budgets.refresh()
        return _shown(key)

    return routes


def _state(key: ApiKey) -> dict[str, Any]:
    """Return of a key what the audit log keeps."""
    state: dict[str, Any] = {**_shown(key)}
    for name in ("id", "prefix", "last_used_us", "created_us"):
        state.pop(name, None)
    return state


def _make(
    told: Told, draft: KeyDraft, budget: str | None, now_us: int, connection: Connection
) -> NewKey:
    """Make a key, and a budget of the same name that holds it, both or neither."""
    made = store.create(connection, draft, now_us)
    if budget is not None:
        try:
            limit_nano, period = read_allowance(budget)
        except ValueError as problem:
            raise InvalidRequest(f"The budget is wrong: {problem}.", param="budget") from None
        allowance = BudgetDraft(
            name=made.key.name,
            limit_nano=limit_nano,
            scope=BudgetScope.KEY,
            subject=made.key.id,
            period=period,
        )
        budget_store.create(connection, allowance, now_us)
    summary = f"the key {made.key.name} was made"
    state = {**_state(made.key), **({} if budget is None else {"budget": budget})}
    record(connection, told("key.create", (made.key.id, made.key.name), summary, after=state))
    return made


def _change(
    told: Told, key_id: str, changes: KeyChange, now_us: int, connection: Connection
) -> ApiKey:
    before = store.get(connection, key_id)
    key = store.change(connection, key_id, changes, now_us)
    was, now = _state(before), _state(key)
    fields = ", ".join(sorted(name for name in now if now[name] != was[name])) or "nothing"
    summary = f"the key {before.name} was changed: {fields}"
    record(connection, told("key.change", (key.id, key.name), summary, before=was, after=now))
    return key


def _revoke(told: Told, name: str, connection: Connection) -> ApiKey:
    """Delete a key, and the budgets that hold nothing without it."""
    key = store.revoke(connection, name)
    budget_store.remove_of_key(connection, key.id)
    summary = f"the key {key.name} was revoked"
    record(connection, told("key.revoke", (key.id, key.name), summary, before=_state(key)))
    return key


def _draft(wanted: KeyWanted, now_us: int) -> KeyDraft:
    return KeyDraft(
        name=wanted.name,
        expires_us=_expiry(wanted.expires_in_days, now_us),
        scopes=frozenset(wanted.scopes),
        allowed_models=frozenset(wanted.allowed_models),
        allowed_providers=frozenset(wanted.allowed_providers),
        privacy=_privacy(wanted.privacy),
        priority=wanted.priority,
        rate=RateLimit(wanted.requests_per_minute, wanted.tokens_per_minute),
        cache=wanted.cache,
        keep=wanted.keep,
    )


def _changes(wanted: KeyChanges, now_us: int) -> KeyChange:
    given = {name: getattr(wanted, name) for name in wanted.model_fields_set}
    if "expires_in_days" in given:
        given["expires_us"] = _expiry(given.pop("expires_in_days"), now_us)
    if "privacy" in given:
        given["privacy"] = _privacy(given["privacy"])
    for name in ("allowed_models", "allowed_providers"):
        if name in given:
            given[name] = frozenset(given[name])
    return KeyChange(**given)


def _expiry(days: float | None, now_us: int) -> int | None:
    return None if days is None else now_us + round(days * _DAY_US)


def _privacy(text: str) -> PrivacyClass:
    try:
        return PrivacyClass(text)
    except ValueError:
        known = ", ".join(each.value for each in PrivacyClass)
        raise InvalidRequest(
            f"There is no privacy class '{text[:40]}'; the classes are {known}.", param="privacy"
        ) from None


def _shown(key: ApiKey) -> KeyShown:
    plain: dict[str, Any] = msgspec.to_builtins(key)
    del plain["digest"]
    rate = plain.pop("rate")
    for name in ("scopes", "allowed_models", "allowed_providers"):
        plain[name] = sorted(plain[name])
    shown: KeyShown = {**plain, **rate}  # type: ignore[typeddict-item]
    return shown
