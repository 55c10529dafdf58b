"""Providers: what is configured, how it is, and changing it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Body, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from laird.api.admin.bounds import check_moved
from laird.api.admin.context import Admin
from laird.api.admin.provider_shapes import (
    DiscoveredShown,
    HealthShown,
    InspectionShown,
    KindShown,
    KindsShown,
    ProviderAdded,
    ProviderChanged,
    ProviderShown,
    ProvidersShown,
    RevisionShown,
    ServerShown,
)
from laird.api.admin.routes import routes_at
from laird.config import edit
from laird.config.schema import slug
from laird.domain.catalog import Kind, Provider, Snapshot
from laird.domain.errors import InvalidRequest, NotFound
from laird.domain.health import ProviderCondition
from laird.gateway.discovery.entries import model_entries
from laird.gateway.discovery.found import Discovered, Entry, FoundServer
from laird.gateway.discovery.hosts import read_hosts
from laird.gateway.discovery.search import egress_of
from laird.health.history import report
from laird.providers.base import FoundModel
from laird.providers.registry import KINDS

_DAY_US = 86_400_000_000
_MOVES = frozenset({"endpoint", "kind", "id"})
"""Fields by which a provider may come to be at another place."""
_UNSEEN = ProviderCondition()


class SearchWanted(BaseModel):
    """Where to look beside this machine and the configured hosts."""

    model_config = ConfigDict(extra="forbid")

    hosts: list[str] = []
    """Names and addresses, each with or without a port."""


class ModelsWanted(BaseModel):
    """Models to take into the document, as their provider names them."""

    model_config = ConfigDict(extra="forbid")

    models: list[str] = Field(min_length=1, max_length=1000)


def router(admin: Admin) -> APIRouter:
    """Return the routes."""
    routes = routes_at("/api/providers", "providers")

    @routes.get("")
    async def list_providers(request: Request) -> ProvidersShown:
        """List the providers with their state; credentials are never shown."""
        admin.gate.actor(request)
        snapshot = admin.configuration.snapshot
        return {
            "revision": snapshot.revision,
            "providers": [
                _shown(admin, provider, snapshot) for provider in snapshot.providers.values()
            ],
        }

    _offers(routes, admin)

    @routes.post("", status_code=201)
    async def add(
        request: Request, values: Annotated[dict[str, Any], Body()], revision: str | None = None
    ) -> ProviderAdded:
        """Add a provider, given in the document's own words."""
        snapshot = await admin.edit(request, revision, lambda text: edit.add_provider(text, values))
        return {
            "revision": snapshot.revision,
            "provider": _shown(admin, snapshot.providers[str(values["id"])], snapshot),
        }

    @routes.patch("/{provider_id}")
    async def change(
        request: Request,
        provider_id: str,
        values: Annotated[dict[str, Any], Body()],
        revision: str | None = None,
    ) -> ProviderChanged:
        """Change some fields of a provider; null takes one out."""
        admin.gate.actor(request)
        _known(admin, provider_id)
        snapshot = await admin.edit(
            request,
            revision,
            lambda text: edit.patch_provider(text, provider_id, values),
            partial(check_moved, provider_id, values) if _MOVES.intersection(values) else None,
        )
        found = snapshot.providers.get(str(values.get("id", provider_id)))
        return {
            "revision": snapshot.revision,
            "provider": _shown(admin, found, snapshot) if found is not None else None,
        }

    @routes.delete("/{provider_id}")
    async def remove(
        request: Request, provider_id: str, revision: str | None = None, *, cascade: bool = False
    ) -> RevisionShown:
        """Take a provider out of the document; `cascade` takes it out of chains as well."""
        admin.gate.actor(request)
        _known(admin, provider_id)
        snapshot = await admin.edit(
            request, revision, lambda text: edit.remove_provider(text, provider_id, cascade=cascade)
        )
        return {"revision": snapshot.revision}

    _looks(routes, admin)
    return routes


def _offers(routes: APIRouter, admin: Admin) -> None:
    """Add the routes that tell what could be added."""

    @routes.get("/kinds")
    async def list_kinds(request: Request) -> KindsShown:
        """List the kinds of providers that can be added, with what is usual for each."""
        admin.gate.actor(request)
        return {"kinds": [_kind(kind) for kind in KINDS.values()]}

    @routes.post("/discover")
    async def discover(request: Request, wanted: SearchWanted | None = None) -> DiscoveredShown:
        """Look for running servers and for clouds whose variable is set; nothing is changed."""
        admin.gate.actor(request)
        try:
            hosts = read_hosts(wanted.hosts if wanted else ())
        except ValueError as problem:
            raise InvalidRequest(f"hosts: {problem}.", param="hosts") from None
        snapshot = admin.configuration.snapshot
        found = await admin.discovery.search(snapshot, hosts)
        return _discovered(snapshot.revision, found)


def _looks(routes: APIRouter, admin: Admin) -> None:
    """Add the routes that look at one provider."""

    @routes.post("/{provider_id}/test")
    async def test(request: Request, provider_id: str) -> InspectionShown:
        """Ask a provider for its models now: address, credential and latency in one."""
        admin.gate.actor(request)
        provider = _known(admin, provider_id)
        found = await admin.inspector.test(provider)
        await admin.prober.probe_now(provider)
        return msgspec.to_builtins(found)  # type: ignore[no-any-return]

    @routes.post("/{provider_id}/models")
    async def take_models(
        request: Request, provider_id: str, wanted: ModelsWanted, revision: str | None = None
    ) -> ProviderAdded:
        """Add models that the provider lists to the document; those that are there stay."""
        admin.gate.actor(request)
        provider = _known(admin, provider_id)
        entries = _entries(admin, provider, await admin.inspector.models(provider), wanted.models)

        def add_all(text: str) -> str:
            for entry in entries:
                text = edit.add_model(text, provider_id, entry)
            return text

        snapshot = await admin.edit(request, revision, add_all)
        return {
            "revision": snapshot.revision,
            "provider": _shown(admin, snapshot.providers[provider_id], snapshot),
        }

    @routes.get("/{provider_id}/health")
    async def health(
        request: Request, provider_id: str, days: Annotated[float, Query(gt=0, le=7)] = 1
    ) -> HealthShown:
        """Return uptime, latency and error rate over the last days."""
        admin.gate.actor(request)
        _known(admin, provider_id)
        since_us = time.time_ns() // 1000 - round(days * _DAY_US)
        found = await admin.database.read(
            lambda connection: report(connection, provider_id, since_us)
        )
        return {
            "provider": provider_id,
            "days": days,
            "uptime_pct": found.uptime_pct,
            "average_latency_ms": found.average_latency_ms,
            "error_rate": found.error_rate,
            "samples": found.samples,
        }


def _known(admin: Admin, provider_id: str) -> Provider:
    provider = admin.configuration.snapshot.providers.get(provider_id)
    if provider is None:
        known = ", ".join(admin.configuration.snapshot.providers)
        raise NotFound(
            f"There is no provider '{provider_id}'. There are: {known}.", param="provider_id"
        )
    return provider


def _entries(
    admin: Admin, provider: Provider, found: Sequence[FoundModel], wanted: Sequence[str]
) -> list[dict[str, object]]:
    """Return what to add for the wanted models that are not there yet.

    Raises:
        InvalidRequest: the provider lists no such model.
    """
    listed = {model.id: model for model in found}
    for name in wanted:
        if name not in listed:
            raise InvalidRequest(f"{provider.name} lists no model '{name}'.", param="models")
    there = {
        model.upstream_model
        for model in admin.configuration.snapshot.models.values()
        if model.provider_id == provider.id
    }
    new = [listed[name] for name in dict.fromkeys(wanted) if name not in there]
    entries = model_entries(new, windows=provider.kind == "custom")
    return [dict(each) if isinstance(each, Mapping) else _spelt(str(each)) for each in entries]


def _spelt(name: str) -> dict[str, object]:
    """Return a model's bare name as the fields that it is short for."""
    short = slug(name)
    return {"id": short} if short == name else {"id": short, "name": name, "upstreamModel": name}


def _shown(admin: Admin, provider: Provider, snapshot: Snapshot) -> ProviderShown:
    condition = admin.board.conditions.get(provider.id, _UNSEEN)
    models = [model for model in snapshot.models.values() if model.provider_id == provider.id]
    return {
        "id": provider.id,
        "name": provider.name,
        "kind": provider.kind,
        "type": provider.egress.value,
        "endpoint": provider.endpoint,
        "enabled": provider.enabled,
        "priority": provider.priority,
        "auth_type": provider.auth_type.value,
        "credential": provider.secret_source,
        "has_credential": provider.secret is not None,
        "status": condition.status.value if provider.enabled else "disabled",
        "admits": condition.admits,
        "error": condition.error,
        "credential_bad": condition.credential_bad,
        "latency_ms": condition.latency_ms,
        "active": admin.gateway.active_at(provider.id),
        "max_concurrent": provider.max_concurrent,
        "models": len(models),
        "overridden": list(provider.overridden),
        "timeouts": msgspec.to_builtins(provider.timeouts),
        "health_check": msgspec.to_builtins(provider.health),
        "daily_request_limit": provider.daily_request_limit,
        "max_tokens_per_request": provider.max_tokens_per_request,
        "weight": provider.weight,
        "cost_tracking": provider.cost_tracking,
        "gpu": provider.gpu,
        "location": provider.location,
    }


def _kind(kind: Kind) -> KindShown:
    return {
        "kind": kind.id,
        "title": kind.title,
        "type": kind.egress.value,
        "endpoint": kind.endpoint,
        "auth_type": kind.auth_type.value,
        "env_key": kind.env_key,
    }


def _discovered(revision: str, found: Discovered) -> DiscoveredShown:
    return {
        "revision": revision,
        "asked": list(found.asked),
        "servers": [_server(server) for server in found.servers],
        "clouds": [
            {
                "kind": cloud.kind,
                "title": cloud.title,
                "variable": cloud.variable,
                "missing": cloud.missing,
                "configured_as": cloud.configured_as,
                "entry": _entry(cloud.entry),
            }
            for cloud in found.clouds
        ],
        "problems": list(found.problems),
    }


def _entry(entry: Entry | None) -> dict[str, Any] | None:
    return None if entry is None else dict(entry)


def _server(server: FoundServer) -> ServerShown:
    return {
        "kind": server.kind,
        "title": server.title,
        "endpoint": server.endpoint,
        "also_at": list(server.also_at),
        "version": server.version,
        "models": [
            {
                "id": model.id,
                "context_window": model.context_window,
                "embeddings": model.capabilities.embeddings,
                "egress": egress_of(server, model).value,
            }
            for model in server.models
        ],
        "needs_key": server.needs_key,
        "configured_as": server.configured_as,
        "entry": _entry(server.entry),
    }
