"""Budgets: list, create, change, remove."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict
from sqlalchemy import Connection

from laird.api.admin.budget_shapes import BudgetShown, BudgetsShown
from laird.api.admin.context import Admin
from laird.api.admin.routes import routes_at
from laird.audit.store import record
from laird.budgets import store
from laird.budgets.draft import BudgetDraft
from laird.budgets.view import BudgetState, state_of
from laird.domain.budget import Budget, BudgetPeriod, BudgetScope, OnLimit, read_usd
from laird.domain.errors import InvalidRequest
from laird.domain.money import usd_text
from laird.domain.people import Deed
from laird.domain.spending import slack_of
from laird.keys import store as key_store

_ACCEPTED = 'an amount in USD, as text ("20", "0.50") or as a whole number'

Told = Callable[..., Deed]
"""`Admin.deed` of the request under way."""


class BudgetWanted(BaseModel):
    """A budget to be made."""

    model_config = ConfigDict(extra="forbid")

    name: str
    limit_usd: str | int
    scope: BudgetScope = BudgetScope.GLOBAL
    subject: str | None = None
    period: BudgetPeriod = BudgetPeriod.MONTHLY
    reset_day: int = 1
    zone: str = "UTC"
    on_limit: OnLimit = OnLimit.REFUSE
    alerts: list[int] = [80]
    enabled: bool = True


class BudgetChange(BaseModel):
    """What may be changed of a budget; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = None
    limit_usd: str | int | None = None
    period: BudgetPeriod | None = None
    reset_day: int | None = None
    zone: str | None = None
    on_limit: OnLimit | None = None
    alerts: list[int] | None = None
    enabled: bool | None = None


def router(admin: Admin) -> APIRouter:
    """Return the routes."""
    routes = routes_at("/api/budgets", "budgets")
    watch = admin.budgets

    @routes.get("")
    async def list_budgets(request: Request) -> BudgetsShown:
        """List all budgets with what they have spent."""
        admin.gate.actor(request)
        await watch.attend()
        names = await _key_names(admin)
        now_us = time.time_ns() // 1000
        states = [state_of(account, now_us) for account in watch.counters.accounts]
        return {"budgets": [_shown(admin, state, names) for state in states]}

    @routes.post("", status_code=201)
    async def create(request: Request, wanted: BudgetWanted) -> BudgetShown:
        """Make a budget; it holds at once, and counts what its window has spent already."""
        admin.gate.actor(request)
        draft = await _draft(admin, wanted)
        now_us = time.time_ns() // 1000
        told = partial(admin.deed, request)
        made = await admin.database.write(partial(_make, told, draft, now_us))
        await _in_force(admin, made, "created")
        return await _one(admin, made)

    @routes.get("/{name:path}")
    async def show(request: Request, name: str) -> BudgetShown:
        """Return one budget, by name or id."""
        admin.gate.actor(request)
        await watch.attend()
        return await _one(admin, await admin.database.read(partial(store.get, reference=name)))

    @routes.patch("/{name:path}")
    async def change(request: Request, name: str, wanted: BudgetChange) -> BudgetShown:
        """Change a budget, by name or id; it holds at once."""
        admin.gate.actor(request)
        fields = _fields(wanted)
        before = await admin.database.read(partial(store.get, reference=name))
        account = watch.counters.account(before.id)
        spent = account.spent if account is not None else None
        told = partial(admin.deed, request)
        changed = await admin.database.write(partial(_change, told, before.id, fields, spent))
        await _in_force(admin, changed, "changed")
        return await _one(admin, changed)

    @routes.delete("/{name:path}")
    async def remove(request: Request, name: str) -> BudgetShown:
        """Remove a budget, by name or id. Its alerts stay."""
        admin.gate.actor(request)
        found = await admin.database.read(partial(store.get, reference=name))
        shown = await _one(admin, found)
        told = partial(admin.deed, request)
        await admin.database.write(partial(_remove, told, found.id))
        await _in_force(admin, found, "removed")
        return shown

    return routes


def _state(budget: Budget) -> dict[str, Any]:
    """Return of a budget what the audit log keeps."""
    plain: dict[str, Any] = msgspec.to_builtins(budget)
    return {**plain, "limit_usd": usd_text(budget.limit_nano)}


def _make(told: Told, draft: BudgetDraft, now_us: int, connection: Connection) -> Budget:
    made = store.create(connection, draft, now_us)
    summary = f"the budget {made.name} was made"
    record(connection, told("budget.create", (made.id, made.name), summary, after=_state(made)))
    return made


def _change(
    told: Told, reference: str, fields: dict[str, Any], spent: int | None, connection: Connection
) -> Budget:
    before = store.get(connection, reference)
    budget = store.change(connection, reference, fields, spent)
    was, now = _state(before), _state(budget)
    changed = ", ".join(sorted(name for name in now if now[name] != was[name])) or "nothing"
    summary = f"the budget {before.name} was changed: {changed}"
    thing = (budget.id, budget.name)
    record(connection, told("budget.change", thing, summary, before=was, after=now))
    return budget


def _remove(told: Told, reference: str, connection: Connection) -> None:
    gone = store.remove(connection, reference)
    summary = f"the budget {gone.name} was removed"
    record(connection, told("budget.remove", (gone.id, gone.name), summary, before=_state(gone)))


async def _in_force(admin: Admin, budget: Budget, change: str) -> None:
    """Put a change of a budget in force, and tell of it."""
    await admin.budgets.refresh()
    admin.feed.publish("budget.changed", {"id": budget.id, "name": budget.name, "change": change})


async def _draft(admin: Admin, wanted: BudgetWanted) -> BudgetDraft:
    subject = wanted.subject
    if wanted.scope is BudgetScope.KEY and subject:
        subject = (await admin.key_named(subject)).id
    elif wanted.scope is BudgetScope.PROVIDER and subject:
        providers = admin.configuration.snapshot.providers
        if subject not in providers:
            known = ", ".join(sorted(providers)[:10]) or "none"
            raise InvalidRequest(
                f"There is no provider '{subject[:60]}'; there are: {known}.", param="subject"
            )
    fields = {**dict(wanted), "subject": subject, "alerts": tuple(wanted.alerts)}
    return BudgetDraft(limit_nano=_nano(fields.pop("limit_usd")), **fields)


def _fields(wanted: BudgetChange) -> dict[str, Any]:
    """Return the fields of a budget that shall be otherwise."""
    fields = {name: value for name, value in wanted if value is not None}
    if "limit_usd" in fields:
        fields["limit_nano"] = _nano(fields.pop("limit_usd"))
    if "alerts" in fields:
        fields["alerts"] = tuple(fields["alerts"])
    return fields


def _nano(amount: str | int) -> int:
    try:
        return read_usd(str(amount))
    except ValueError as problem:
        raise InvalidRequest(
            f"limit_usd: {problem}. Write {_ACCEPTED}.", param="limit_usd"
        ) from None


async def _key_names(admin: Admin) -> dict[str, str]:
    found = await admin.database.read(key_store.list_keys)
    return {key.id: key.name for key in found.keys}


async def _one(admin: Admin, budget: Budget) -> BudgetShown:
    account = admin.budgets.counters.account(budget.id)
    assert account is not None  # noqa: S101 - the counters were refreshed with it
    return _shown(admin, state_of(account, time.time_ns() // 1000), await _key_names(admin))


def _shown(admin: Admin, state: BudgetState, key_names: dict[str, str]) -> BudgetShown:
    budget = state.budget
    snapshot = admin.configuration.snapshot
    of_provider = budget.subject if budget.scope is BudgetScope.PROVIDER else None
    slack = slack_of(
        (
            (snapshot.providers[model.provider_id], model)
            for model in snapshot.models.values()
            if of_provider in {None, model.provider_id}
        ),
        admin.budgets.counters.price,
    )
    subject = budget.subject
    named = key_names.get(subject or "", subject) if budget.scope is BudgetScope.KEY else subject
    plain: Any = {
        **msgspec.to_builtins(budget),
        "subject_name": named,
        "limit_usd": usd_text(budget.limit_nano),
        "spent_nano": state.spent,
        "spent_usd": usd_text(state.spent),
        "reserved_nano": state.reserved,
        "reserved_usd": usd_text(state.reserved),
        "remaining_nano": state.remaining,
        "remaining_usd": usd_text(state.remaining),
        "percent": state.percent,
        "projected_nano": state.projected,
        "projected_usd": None if state.projected is None else usd_text(state.projected),
        "starts_us": state.window.start_us,
        "resets_us": state.window.end_us,
        "refused": state.refused,
        "slack": {"bounded": slack.bounded, "nano": slack.nano, "models": list(slack.models)},
    }
    shown: BudgetShown = plain
    return shown
