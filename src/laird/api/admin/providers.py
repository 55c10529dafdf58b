"""Providers: what is configured, how it is, and changing it."""

from __future__ import annotations

import time
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Body, Query, Request

from laird.api.admin.context import Admin
from laird.config import edit
from laird.domain.catalog import Provider, Snapshot
from laird.domain.errors import NotFound
from laird.domain.health import ProviderCondition
from laird.health.history import report

_DAY_US = 86_400_000_000
_UNSEEN = ProviderCondition()


def router(admin: Admin) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/api/providers", tags=["providers"])

    @routes.get("")
    async def list_providers(request: Request) -> dict[str, Any]:
        """List the providers with their state; credentials are never shown."""
        admin.gate.actor(request)
        snapshot = admin.configuration.snapshot
        return {
            "revision": snapshot.revision,
            "providers": [
                _shown(admin, provider, snapshot) for provider in snapshot.providers.values()
            ],
        }

    @routes.post("", status_code=201)
    async def add(
        request: Request, values: Annotated[dict[str, Any], Body()], revision: str | None = None
    ) -> dict[str, Any]:
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
    ) -> dict[str, Any]:
        """Change some fields of a provider; null takes one out."""
        admin.gate.actor(request)
        _known(admin, provider_id)
        snapshot = await admin.edit(
            request, revision, lambda text: edit.patch_provider(text, provider_id, values)
        )
        found = snapshot.providers.get(str(values.get("id", provider_id)))
        return {
            "revision": snapshot.revision,
            "provider": _shown(admin, found, snapshot) if found is not None else None,
        }

    @routes.delete("/{provider_id}")
    async def remove(
        request: Request, provider_id: str, revision: str | None = None, *, cascade: bool = False
    ) -> dict[str, Any]:
        """Take a provider out of the document; `cascade` takes it out of chains as well."""
        admin.gate.actor(request)
        _known(admin, provider_id)
        snapshot = await admin.edit(
            request, revision, lambda text: edit.remove_provider(text, provider_id, cascade=cascade)
        )
        return {"revision": snapshot.revision}

    @routes.post("/{provider_id}/test")
    async def test(request: Request, provider_id: str) -> dict[str, Any]:
        """Ask a provider for its models now: address, credential and latency in one."""
        admin.gate.actor(request)
        provider = _known(admin, provider_id)
        found = await admin.inspector.test(provider)
        await admin.prober.probe_now(provider)
        return msgspec.to_builtins(found)  # type: ignore[no-any-return]

    @routes.get("/{provider_id}/health")
    async def health(
        request: Request, provider_id: str, days: Annotated[float, Query(gt=0, le=7)] = 1
    ) -> dict[str, Any]:
        """Return uptime, latency and error rate over the last days."""
        admin.gate.actor(request)
        _known(admin, provider_id)
        since_us = time.time_ns() // 1000 - round(days * _DAY_US)
        found = await admin.database.read(
            lambda connection: report(connection, provider_id, since_us)
        )
        return {"provider": provider_id, "days": days, **msgspec.to_builtins(found)}

    return routes


def _known(admin: Admin, provider_id: str) -> Provider:
    provider = admin.configuration.snapshot.providers.get(provider_id)
    if provider is None:
        known = ", ".join(admin.configuration.snapshot.providers)
        raise NotFound(
            f"There is no provider '{provider_id}'. There are: {known}.", param="provider_id"
        )
    return provider


def _shown(admin: Admin, provider: Provider, snapshot: Snapshot) -> dict[str, Any]:
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
    }
