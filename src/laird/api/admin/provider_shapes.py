"""What the routes of providers, models and chains return, so that the API's document can say it."""

from __future__ import annotations

from typing import Any, Literal

from typing_extensions import TypedDict

Egress = Literal["local", "external"]
Status = Literal["unknown", "healthy", "degraded", "offline", "disabled"]


class TimeoutsShown(TypedDict):
    """Limits of one attempt in force, seconds."""

    connect: float
    first_byte: float
    idle: float
    total: float


class HealthCheckShown(TypedDict):
    """How a provider is probed, seconds; `path` is null for the one of its kind."""

    interval: float
    timeout: float
    path: str | None


class ProviderShown(TypedDict):
    """A provider, how it is set, and how it is now."""

    id: str
    name: str
    kind: str
    type: Egress
    endpoint: str
    enabled: bool
    priority: int
    auth_type: str
    credential: str | None
    """Where its credential is from, never what it is; null where it has none."""
    has_credential: bool
    status: Status
    admits: bool
    error: str | None
    credential_bad: bool
    latency_ms: float | None
    active: int
    max_concurrent: int | None
    models: int
    overridden: list[str]
    """Fields that an environment variable decides, in the document's words."""
    timeouts: TimeoutsShown
    health_check: HealthCheckShown
    daily_request_limit: int | None
    max_tokens_per_request: int | None
    weight: int
    cost_tracking: bool
    gpu: bool
    location: str | None


class ProvidersShown(TypedDict):
    """All providers, and the revision of the document they are from."""

    revision: str
    providers: list[ProviderShown]


class ProviderAdded(TypedDict):
    """A provider that was added."""

    revision: str
    provider: ProviderShown


class ProviderChanged(TypedDict):
    """A provider that was changed; null where another id means another provider now."""

    revision: str
    provider: ProviderShown | None


class RevisionShown(TypedDict):
    """The document's revision after a change."""

    revision: str


class KindShown(TypedDict):
    """A kind of provider that can be added."""

    kind: str
    title: str
    type: Egress
    endpoint: str | None
    """The usual one; null where only its owner knows it."""
    auth_type: str
    env_key: str | None
    """The environment variable that usually holds its credential."""


class KindsShown(TypedDict):
    """All kinds."""

    kinds: list[KindShown]


class CapabilitiesShown(TypedDict):
    """What a model can do; null where nobody said."""

    streaming: bool | None
    function_calling: bool | None
    vision: bool | None
    json_mode: bool | None
    embeddings: bool | None
    reasoning: bool | None


class ModelFound(TypedDict):
    """A model that a provider lists."""

    id: str
    context_window: int | None
    max_tokens: int | None
    capabilities: CapabilitiesShown
    egress: Egress | None


class InspectionShown(TypedDict):
    """What a test of a provider found."""

    provider_id: str
    ok: bool
    latency_ms: float
    models: list[ModelFound]
    error: str | None


class HealthShown(TypedDict):
    """How a provider did; a figure is null where there are no samples for it."""

    provider: str
    days: float
    uptime_pct: float | None
    average_latency_ms: float | None
    error_rate: float | None
    samples: int


class ServerModelShown(TypedDict):
    """A model of a server that was found."""

    id: str
    context_window: int | None
    embeddings: bool | None
    egress: Egress


class ServerShown(TypedDict):
    """A server that was found; `entry` is null where it is configured already."""

    kind: str
    title: str
    endpoint: str
    also_at: list[str]
    version: str | None
    models: list[ServerModelShown]
    needs_key: bool
    configured_as: str | None
    entry: dict[str, Any] | None


class CloudShown(TypedDict):
    """A cloud whose variable is set; `entry` is null where it is configured or one is missing."""

    kind: str
    title: str
    variable: str
    missing: str | None
    configured_as: str | None
    entry: dict[str, Any] | None


class DiscoveredShown(TypedDict):
    """All that was found."""

    revision: str
    asked: list[str]
    servers: list[ServerShown]
    clouds: list[CloudShown]
    problems: list[str]


class ModelPricesShown(TypedDict):
    """USD per million tokens; the first tier where there are several."""

    input: str | None
    output: str | None
    cached_input: str | None
    cache_write: str | None
    version: str | None


class ModelShown(TypedDict):
    """A model; `warm` and `loaded_context_window` are null where the server does not say."""

    key: str
    id: str
    name: str
    provider: str
    upstream_model: str
    egress: Egress
    context_window: int | None
    max_tokens: int | None
    warm: bool | None
    loaded_context_window: int | None
    is_default: bool
    capabilities: CapabilitiesShown
    can: list[str]
    tags: list[str]
    pricing: ModelPricesShown | None


class ModelsShown(TypedDict):
    """Models, in the order of the document."""

    models: list[ModelShown]


class StepShown(TypedDict):
    """One step of a chain, in the document's words."""

    providerId: str
    modelId: str
    maxRetries: int
    timeoutMs: int | None


class ChainShown(TypedDict):
    """A chain."""

    id: str
    name: str
    strategy: str | None
    models: list[StepShown]


class ChainsShown(TypedDict):
    """All chains, and the revision of the document they are from."""

    revision: str
    chains: list[ChainShown]


class ChainPut(TypedDict):
    """A chain that was written."""

    revision: str
    chain: ChainShown
