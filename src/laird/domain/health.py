"""How well a provider is, as the planner and the dashboard see it."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class HealthStatus(StrEnum):
    """The public state of a provider."""

    UNKNOWN = "unknown"
    HEALTHY = "healthy"
    DEGRADED = "degraded"
    OFFLINE = "offline"


class LoadedModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model that a local server holds in memory: a request to it need not wait for loading."""

    id: str
    """The upstream's name of it."""
    aliases: tuple[str, ...] = ()
    """Other names that mean it; `ANY_NAME` where the server answers with it to every name."""
    context_window: int | None = None
    """Tokens that a request to it may have, where the server tells."""


ANY_NAME = "*"
"""The alias of the only model of a server that does not look at names."""


class ProviderCondition(msgspec.Struct, frozen=True, kw_only=True):
    """One provider's state at this moment; a new value replaces it on each change."""

    status: HealthStatus = HealthStatus.UNKNOWN
    admits: bool = True
    """False while the breaker is open: ordinary traffic passes it by."""
    resting_until: float = 0.0
    """Monotonic seconds; after a 429 the provider is left alone until then."""
    latency_ms: float | None = None
    """Moving average of the time to the first byte."""
    error: str | None = None
    """The last failure in plain words."""
    credential_bad: bool = False
    """The provider refused its credential (401 or 403)."""
    loaded: tuple[LoadedModel, ...] | None = None
    """The models that are in memory; None where the server does not say."""

    def loaded_as(self, name: str) -> LoadedModel | None:
        """Return the loaded model of an upstream name, None when it is not loaded."""
        for model in self.loaded or ():
            if model.id == name or name in model.aliases or ANY_NAME in model.aliases:
                return model
        return None


class ProbeResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one health probe or one real attempt found."""

    provider_id: str
    ok: bool
    at_us: int
    """UTC, microseconds since the epoch."""
    latency_ms: float
    error: str | None = None
    probe: bool = True
    """False when it was real traffic."""
