"""Models and chains, as they are in force."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from laird.api.admin.context import Admin
from laird.api.admin.provider_shapes import (
    ChainPut,
    ChainShown,
    ChainsShown,
    ModelPricesShown,
    ModelShown,
    ModelsShown,
    RevisionShown,
)
from laird.api.admin.routes import routes_at
from laird.config import edit
from laird.config.document import read_document
from laird.domain.catalog import Chain, Model, Pricing, Rate
from laird.domain.errors import NotFound
from laird.domain.health import ProviderCondition
from laird.domain.money import usd_text

_UNSEEN = ProviderCondition()


class StepWanted(BaseModel):
    """One step of a chain, in the document's words."""

    model_config = ConfigDict(extra="forbid")

    providerId: str  # noqa: N815 - the document's own name
    modelId: str  # noqa: N815 - the document's own name
    maxRetries: int | None = Field(default=None, ge=0, le=10)  # noqa: N815
    timeoutMs: int | None = Field(default=None, ge=1000, le=120_000)  # noqa: N815


class ChainWanted(BaseModel):
    """A chain, in the document's words."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = None
    strategy: str | None = None
    models: list[StepWanted] = Field(min_length=1)


def router(admin: Admin) -> APIRouter:
    """Return the routes."""
    routes = routes_at("/api", "models")

    @routes.get("/models")
    async def list_models(request: Request, provider: str | None = None) -> ModelsShown:
        """List the models, in the order of the document."""
        admin.gate.actor(request)
        snapshot = admin.configuration.snapshot
        if provider is not None and provider not in snapshot.providers:
            raise NotFound(f"There is no provider '{provider}'.", param="provider")
        return {
            "models": [
                _model(model, admin.board.conditions.get(model.provider_id, _UNSEEN))
                for model in snapshot.models.values()
                if provider is None or model.provider_id == provider
            ]
        }

    @routes.get("/chains")
    async def list_chains(request: Request) -> ChainsShown:
        """List the chains."""
        admin.gate.actor(request)
        snapshot = admin.configuration.snapshot
        return {
            "revision": snapshot.revision,
            "chains": [_chain(chain) for chain in snapshot.chains.values()],
        }

    @routes.put("/chains/{chain_id}")
    async def put_chain(
        request: Request, chain_id: str, wanted: ChainWanted, revision: str | None = None
    ) -> ChainPut:
        """Write a chain into the document; `revision` is the one the change was made against."""
        values = {"id": chain_id, **wanted.model_dump(exclude_none=True)}
        snapshot = await admin.edit(
            request, revision, lambda text: _put_chain(text, chain_id, values)
        )
        return {"revision": snapshot.revision, "chain": _chain(snapshot.chains[chain_id])}

    @routes.delete("/chains/{chain_id}")
    async def delete_chain(
        request: Request, chain_id: str, revision: str | None = None
    ) -> RevisionShown:
        """Take a chain out of the document."""
        snapshot = await admin.edit(
            request, revision, lambda text: edit.remove_chain(text, chain_id)
        )
        return {"revision": snapshot.revision}

    return routes


def _put_chain(text: str, chain_id: str, values: dict[str, Any]) -> str:
    document = read_document(text)
    if any(chain.id == chain_id for chain in document.entries.chains):
        return edit.replace_chain(text, chain_id, values)
    return edit.add_chain(text, values)


def _model(model: Model, condition: ProviderCondition) -> ModelShown:
    """Return a model; `warm` and `loaded_context_window` are null where the server does not say."""
    loaded = condition.loaded_as(model.upstream_model)
    able = msgspec.to_builtins(model.capabilities)
    return {
        "key": model.key,
        "id": model.id,
        "name": model.name,
        "provider": model.provider_id,
        "upstream_model": model.upstream_model,
        "egress": model.egress.value,
        "context_window": model.context_window,
        "max_tokens": model.max_tokens,
        "warm": None if condition.loaded is None else loaded is not None,
        "loaded_context_window": loaded.context_window if loaded is not None else None,
        "is_default": model.is_default,
        "capabilities": able,
        "can": [name for name, value in able.items() if value],
        "tags": list(model.tags),
        "pricing": None if model.pricing is None else _pricing(model.pricing),
    }


def _pricing(pricing: Pricing) -> ModelPricesShown:
    """Return prices in USD per million tokens; the first tier where there are several."""

    def usd(rate: Rate | None) -> str | None:
        return None if rate is None else usd_text(rate.nano_per_mtok)

    return {
        "input": usd(pricing.input),
        "output": usd(pricing.output),
        "cached_input": usd(pricing.cached_input),
        "cache_write": usd(pricing.cache_write),
        "version": pricing.version,
    }


def _chain(chain: Chain) -> ChainShown:
    return {
        "id": chain.id,
        "name": chain.name,
        "strategy": chain.strategy.value if chain.strategy is not None else None,
        "models": [
            {
                "providerId": step.provider_id,
                "modelId": step.model_id,
                "maxRetries": step.max_retries,
                "timeoutMs": None if step.timeout_s is None else round(step.timeout_s * 1000),
            }
            for step in chain.steps
        ],
    }
