"""What would have been cheaper."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request

from laird.advice.caching import CacheUse, cache_use
from laird.advice.findings import Candidate, NotCompared, Recommendation
from laird.advice.recommend import advise, thresholds
from laird.advice.replay import Slice, UnpricedCalls, replay, unpriced_calls
from laird.api.admin.advice_shapes import AdviceShown
from laird.api.admin.context import Admin
from laird.api.admin.routes import routes_at
from laird.config.schema import DEMO_SCHEME
from laird.domain.catalog import Model, Provider
from laird.domain.keys import ApiKey
from laird.domain.money import usd_text
from laird.keys import store
from laird.pricing.cost import totals_nano
from laird.pricing.listing import price_list
from laird.providers.registry import KINDS

_DAY_US = 86_400_000_000


def router(admin: Admin) -> APIRouter:
    """Return the routes."""
    routes = routes_at("/api", "advice")

    @routes.get("/recommendations")
    async def recommendations(
        request: Request, days: Annotated[int, Query(ge=1, le=366)] = 30
    ) -> AdviceShown:
        """Replay the calls of the last `days` against other models, and say what had been cheaper.

        Alternatives to one model exclude each other; `saving_usd` adds up the best of each.
        """
        admin.gate.actor(request)
        until_us = time.time_ns() // 1000 + 1
        since_us = until_us - days * _DAY_US
        complete = await admin.drain.flush()
        candidates = await asyncio.to_thread(_candidates, admin)
        sizes = thresholds(candidates.values())
        slices, unpriced, keys = await admin.database.read(
            lambda connection: (
                replay(connection, since_us=since_us, until_us=until_us, thresholds=sizes),
                unpriced_calls(connection, since_us=since_us, until_us=until_us),
                store.list_keys(connection).keys,
            )
        )
        answer = await asyncio.to_thread(
            _advice, slices, unpriced, candidates, {key.id: key for key in keys}
        )
        period = {"days": days, "since": _iso(since_us), "until": _iso(until_us)}
        plain: Any = {**period, "complete": complete, **answer}
        found: AdviceShown = plain
        return found

    return routes


def _candidates(admin: Admin) -> dict[str, Candidate]:
    snapshot = admin.configuration.snapshot
    listed = price_list(snapshot, KINDS, admin.catalogue, datetime.now(UTC))
    return {
        each.model.key: Candidate(
            model=each.model,
            context_window=each.context_window,
            enabled=_serves(snapshot.providers[each.model.provider_id]),
        )
        for each in listed
    }


def _serves(provider: Provider) -> bool:
    """Tell whether work could go to a provider: it is on, and no demo."""
    return provider.enabled and not provider.endpoint.startswith(DEMO_SCHEME)


def _advice(
    slices: list[Slice],
    unpriced: list[UnpricedCalls],
    candidates: Mapping[str, Candidate],
    keys: Mapping[str, ApiKey],
) -> dict[str, Any]:
    def may_use(key_id: str, model: Model) -> bool:
        key = keys.get(key_id)
        return key is None or _allows(key, model)

    advice = advise(slices, candidates, cost=totals_nano, may_use=may_use)
    return {
        "paid_usd": usd_text(advice.paid_nano),
        "saving_usd": usd_text(advice.saving_nano),
        "recommendations": [_recommendation(each, keys) for each in advice.recommendations],
        "caching": [_caching(each) for each in cache_use(slices, candidates, totals_nano)],
        "not_compared": [_not_compared(each) for each in advice.not_compared],
        "unpriced": [msgspec.to_builtins(each) for each in unpriced],
    }


def _allows(key: ApiKey, model: Model) -> bool:
    """Tell whether a key may use a model by its own name, and not only through an alias."""
    if key.allowed_providers and model.provider_id not in key.allowed_providers:
        return False
    names = {model.id, model.key, model.name}
    return not key.allowed_models or bool(names & key.allowed_models)


def _recommendation(one: Recommendation, keys: Mapping[str, ApiKey]) -> dict[str, Any]:
    today = one.today_nano
    return {
        "from": one.source,
        "to": one.target,
        "local": one.local,
        "calls": one.calls,
        "all_calls": one.all_calls,
        "prompt": one.prompt,
        "completion": one.completion,
        "paid_usd": usd_text(one.paid_nano),
        "today_usd": usd_text(today) if today is not None else None,
        "instead_usd": usd_text(one.instead_nano),
        "saving_usd": usd_text(one.saving_nano),
        "least_saving_usd": usd_text(one.least_saving_nano),
        "confidence": one.confidence.value,
        "why": list(one.why),
        "unknown": list(one.unknown),
        "shares": [
            {
                "key_id": share.key_id,
                "key": keys[share.key_id].name if share.key_id in keys else None,
                "workflow": share.workflow,
                "calls": share.calls,
                "paid_usd": usd_text(share.paid_nano),
                "instead_usd": usd_text(share.instead_nano),
                "saving_usd": usd_text(share.saving_nano),
            }
            for share in one.shares
        ],
    }


def _caching(one: CacheUse) -> dict[str, Any]:
    return {
        "model": one.source,
        "calls": one.calls,
        "prompt": one.prompt,
        "cached": one.cached,
        "saved_usd": usd_text(one.saved_nano),
        "written_extra_usd": usd_text(one.written_extra_nano),
        "tenth_usd": usd_text(one.tenth_nano),
        "unknown": list(one.unknown),
    }


def _not_compared(one: NotCompared) -> dict[str, Any]:
    return {
        "model": one.source,
        "calls": one.calls,
        "paid_usd": usd_text(one.paid_nano),
        "why": one.why,
    }


def _iso(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1_000_000, UTC).isoformat()
