"""Providers to watch, and a clock that stands still until it is moved."""

from __future__ import annotations

from typing import Any

from laird.domain.catalog import Egress, HealthCheck, Provider, Snapshot
from laird.domain.health import ProbeResult


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def provider(provider_id: str, **fields: Any) -> Provider:
    fields.setdefault("endpoint", "http://127.0.0.1:1")
    fields.setdefault("health", HealthCheck())
    return Provider(id=provider_id, name=provider_id, kind="custom", egress=Egress.LOCAL, **fields)


def snapshot(*providers: Provider) -> Snapshot:
    return Snapshot(revision="r1", providers={each.id: each for each in providers}, models={})


def good(provider_id: str, latency_ms: float = 5.0) -> ProbeResult:
    return ProbeResult(provider_id=provider_id, ok=True, at_us=1, latency_ms=latency_ms)


def bad(provider_id: str, error: str | None = "it said no") -> ProbeResult:
    return ProbeResult(provider_id=provider_id, ok=False, at_us=1, latency_ms=5.0, error=error)
