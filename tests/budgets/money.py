"""Small budgets, charges and extents for tests."""

from __future__ import annotations

from typing import Any

from laird.domain.budget import Budget, BudgetScope, OnLimit
from laird.domain.catalog import Egress, Model, Pricing, Provider, Rate
from laird.domain.usage import AttemptFinished, AttemptStarted, AttemptStatus

DAY_US = 86_400_000_000
NOW = 1_790_000_000_000_000
"""2026-09-21, some time in the afternoon, UTC."""

REFUSE, LOCAL, WARN = OnLimit.REFUSE, OnLimit.LOCAL, OnLimit.WARN


def budget(name: str = "team", limit: int = 100, **fields: Any) -> Budget:
    """Return a budget in nano-dollars; `key`, `workflow` and `provider` make it one of those."""
    for scope in (BudgetScope.KEY, BudgetScope.WORKFLOW, BudgetScope.PROVIDER):
        if scope.value in fields:
            fields |= {"scope": scope, "subject": fields.pop(scope.value)}
    return Budget(id=f"bud_{name}", name=name, limit_nano=limit, **fields)


def started(
    number: int = 1,
    *,
    key: str = "k",
    workflow: str | None = None,
    provider: str = "p",
    at_us: int = NOW,
) -> AttemptStarted:
    return AttemptStarted(
        request_id=f"req_{number}",
        attempt=1,
        at_us=at_us,
        key_id=key,
        provider=provider,
        model="m",
        upstream_model="m",
        dialect="openai.chat",
        stream=False,
        prompt_tokens=1,
        cost_nano=1,
        price_version="document",
        failover_from=None,
        privacy="any",
        privacy_reason=None,
        workflow=workflow,
    )


def finished(begun: AttemptStarted, cost_nano: int | None) -> AttemptFinished:
    return AttemptFinished(
        started=begun,
        status=AttemptStatus.OK,
        error=None,
        http_status=200,
        prompt_tokens=1,
        completion_tokens=1,
        cached_tokens=0,
        cache_write_tokens=0,
        reasoning_tokens=0,
        estimated=False,
        cost_nano=cost_nano,
        latency_ms=1.0,
        ttft_ms=None,
    )


def provider(provider_id: str = "p", **fields: Any) -> Provider:
    fields.setdefault("egress", Egress.EXTERNAL)
    return Provider(id=provider_id, name=provider_id, kind="openai", endpoint="http://x", **fields)


def model(key: str = "p/m", **fields: Any) -> Model:
    fields.setdefault("egress", Egress.EXTERNAL)
    provider_id, _, model_id = key.partition("/")
    return Model(
        id=model_id, name=model_id, provider_id=provider_id, upstream_model=model_id, **fields
    )


def priced(into: int, out: int, **fields: Any) -> Pricing:
    """Return prices in nano-dollars per token."""
    return Pricing(input=Rate(into * 1_000_000), output=Rate(out * 1_000_000), **fields)
