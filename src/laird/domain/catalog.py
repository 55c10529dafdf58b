"""What the configuration says, compiled: providers, models, chains and the snapshot of all of them.

A snapshot is immutable. A configuration change builds a new one and swaps one reference; a request
keeps the snapshot it began with.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from laird.domain.cache import CacheSettings
from laird.domain.local_models import RunSettings
from laird.domain.privacy import PrivacyPolicy
from laird.domain.secret import Secret


class Egress(StrEnum):
    """Where the text of a request goes: it stays on our machines, or it leaves them."""

    LOCAL = "local"
    EXTERNAL = "external"


class AuthType(StrEnum):
    """How a provider wants its credential; the exact header is the adapter's business."""

    NONE = "null"
    API_KEY = "api_key"
    BEARER = "bearer"


class Strategy(StrEnum):
    """How candidates are put in order. Only `default` puts local models before external ones."""

    DEFAULT = "default"
    PRIORITY = "priority"
    CHEAPEST = "cheapest"
    FASTEST = "fastest"
    LEAST_BUSY = "least-busy"
    WEIGHTED = "weighted"


class Timeouts(msgspec.Struct, frozen=True):
    """Limits of one upstream attempt, all in seconds."""

    connect: float = 5.0
    first_byte: float = 60.0
    idle: float = 60.0
    total: float = 600.0
    begin: float | None = None
    """Until the first byte, the load of a model that Laird runs itself included; None lets that
    take as long as the request may."""


class Capabilities(msgspec.Struct, frozen=True):
    """What a model can do. None means unknown, and unknown is allowed through."""

    streaming: bool | None = None
    function_calling: bool | None = None
    vision: bool | None = None
    json_mode: bool | None = None
    embeddings: bool | None = None
    reasoning: bool | None = None


class Tier(msgspec.Struct, frozen=True):
    """A rate that applies when a request's whole input has at least `from_tokens` tokens."""

    from_tokens: int
    nano_per_mtok: int


class Rate(msgspec.Struct, frozen=True):
    """A price in nano-dollars per million tokens; `tiers` are ascending and may be empty."""

    nano_per_mtok: int
    tiers: tuple[Tier, ...] = ()


class Pricing(msgspec.Struct, frozen=True, kw_only=True):
    """A model's prices. `version` names their source, and is kept in each ledger row.

    `cached_input` and `cache_write` of None mean that such tokens are priced as `input`, and
    `cache_write_1h` of None that tokens kept for an hour are priced as other `cache_write`.
    """

    input: Rate
    output: Rate
    cached_input: Rate | None = None
    cache_write: Rate | None = None
    cache_write_1h: Rate | None = None
    per_request: int = 0
    version: str = "document"


FREE = Pricing(input=Rate(0), output=Rate(0), version="local")
"""What a model on our own machines costs where the document says nothing else."""


class HealthCheck(msgspec.Struct, frozen=True):
    """How a provider is probed; `path` of None means the one of its kind. Seconds."""

    interval: float = 30.0
    timeout: float = 5.0
    path: str | None = None


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a kind of provider before anybody configures one: defaults, as data."""

    id: str
    """The word in the document's `kind`."""
    title: str
    egress: Egress
    endpoint: str | None = None
    """The usual base URL, or None where only the user can know it."""
    auth_type: AuthType = AuthType.NONE
    env_key: str | None = None
    """The environment variable that usually holds the credential."""
    health_path: str | None = None
    capabilities: Capabilities = Capabilities()
    """What its models can do where the document does not say."""
    prices_as: str | None = None
    """The provider's id in the price catalogue; None for kinds that cost nothing or are unknown."""


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """One upstream: a connection, its credential and its limits."""

    id: str
    name: str
    kind: str
    egress: Egress
    endpoint: str
    priority: int = 100
    """Lower goes first."""
    enabled: bool = True
    max_concurrent: int | None = None
    gpu: bool = False
    location: str | None = None
    health: HealthCheck = HealthCheck()
    auth_type: AuthType = AuthType.NONE
    secret: Secret | None = None
    secret_source: str | None = None
    """Where the secret is from, fit to be shown: `env:NAME`, `stored:NAME`, `document`,
    `PROVIDER_X_API_KEY`."""
    credential: str | None = None
    """The name of the stored credential that the secret is."""
    timeouts: Timeouts = Timeouts()
    daily_request_limit: int | None = None
    max_tokens_per_request: int | None = None
    cost_tracking: bool = True
    weight: int = 1
    overridden: tuple[str, ...] = ()
    """Names of the fields that an environment variable decides."""


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """One model at one provider."""

    id: str
    name: str
    provider_id: str
    upstream_model: str
    egress: Egress
    context_window: int | None = None
    max_tokens: int | None = None
    is_default: bool = False
    pricing: Pricing | None = None
    """None means that the price is unknown: cost is null, never 0."""
    capabilities: Capabilities = Capabilities()
    tags: tuple[str, ...] = ()
    run: RunSettings | None = None
    """How Laird runs it, where it is one of the library's."""

    @property
    def key(self) -> str:
        """The model's unique name, `provider/model`."""
        return f"{self.provider_id}/{self.id}"


class ChainStep(msgspec.Struct, frozen=True, kw_only=True):
    """One rung of a failover chain. `timeout_s` limits the wait for the first byte."""

    provider_id: str
    model_id: str
    max_retries: int = 1
    timeout_s: float | None = None


class Chain(msgspec.Struct, frozen=True, kw_only=True):
    """A named failover chain; without a strategy its steps are tried in the order written."""

    id: str
    name: str
    steps: tuple[ChainStep, ...]
    strategy: Strategy | None = None


class RoutingRules(msgspec.Struct, frozen=True, kw_only=True):
    """Routing settings that hold for all requests."""

    strategy: Strategy = Strategy.DEFAULT
    fallback: str | None = None
    """A chain that is tried after the named model's own candidates are used up."""
    queue_length: int = 256
    """Requests that may wait for a slot, per provider."""
    queue_timeout_s: float = 60.0
    agent_prefix: str = "agent-"
    """Keys whose name begins so are served first unless they carry a priority of their own."""


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The whole configuration, indexed for the request path."""

    revision: str
    """A digest of the document; a stale edit is one made against another revision."""
    providers: Mapping[str, Provider]
    models: Mapping[str, Model]
    """By `provider/model` key, in document order."""
    chains: Mapping[str, Chain] = {}
    aliases: Mapping[str, str] = {}
    by_name: Mapping[str, tuple[Model, ...]] = {}
    """Models by id and by name (one name may be served by several providers)."""
    defaults: Mapping[str, Model] = {}
    """Each provider's default model."""
    routing: RoutingRules = RoutingRules()
    cache: CacheSettings = CacheSettings()
    privacy: PrivacyPolicy | None = None
    """None where the document asks for nothing: then nobody looks at a text."""
    warnings: tuple[str, ...] = ()
