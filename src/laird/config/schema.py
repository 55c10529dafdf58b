"""The document `providers.yaml` as Pydantic models: what may be written, and within which bounds.

Fields are camelCase in the document. Unknown fields are refused, and nothing is converted: `"4"` is
text and `4` is a number. What one entry says about another (references, unique ids) is checked in
`laird.config.checks`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

PLAIN_ID = r"^[a-z0-9][a-z0-9._-]{0,63}$"
MODEL_ID = r"^[a-z0-9][a-z0-9._:/-]{0,199}$"
ALIAS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,199}")
DEMO_SCHEME = "demo://"
IN_PROCESS = {"demo": DEMO_SCHEME, "library": "library://"}
"""What is served by Laird itself: the scheme of its endpoint, by kind."""
REDACTED = "«redacted»"
"""What stands in place of a secret wherever a document is shown or kept."""
_DAY_S = 86_400.0
_NO_URL = "must be a URL such as http://127.0.0.1:11434"
_NO_PRICE = "must be an amount in USD, such as 2.50"


def slug(name: str) -> str:
    """Return the model id that fits a model's name: lower case, other characters as `-`."""
    return re.sub(r"[^a-z0-9._:/-]+", "-", name.lower()).strip("-._:/")[:200]


def _endpoint(value: object) -> object:
    if not isinstance(value, str) or value.startswith(tuple(IN_PROCESS.values())):
        return value
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise ValueError(_NO_URL) from None
    if not usable or re.search(r"[\s\\\x00-\x1f]", value):
        raise ValueError(_NO_URL)
    if "@" in parts.netloc:
        raise ValueError("must not hold a user name or password; use authSecret")
    if "#" in value:
        raise ValueError("must not hold a '#' part")
    return value.rstrip("/")


def _price(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise ValueError(_NO_PRICE)  # noqa: TRY004  (Pydantic reports only ValueError)
    try:
        return Decimal(str(value))
    except InvalidOperation:
        raise ValueError(_NO_PRICE) from None


def _path(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(r"/(?!/)[^\s#]*", value):
        raise ValueError("must be a path that begins with one '/', such as /health")
    return value


def _empty_list(value: object) -> object:
    return [] if value is None else value


def _empty_mapping(value: object) -> object:
    return {} if value is None else value


_SIZE = re.compile(r"([0-9]+) ?([kMG]i?B)?")
_UNITS = {"kB": 10**3, "MB": 10**6, "GB": 10**9, "kiB": 2**10, "MiB": 2**20, "GiB": 2**30}


def _size(value: object) -> object:
    """Read `64MiB` as bytes."""
    if not isinstance(value, str):
        return value
    match = _SIZE.fullmatch(value)
    if match is None:
        raise ValueError("must be a number of bytes, or such as 500kB or 64MiB")
    return int(match[1]) * _UNITS.get(match[2], 1)


def _nothing(value: object) -> object:
    """Read `authType: null`, which YAML turns into nothing, as the word."""
    return "null" if value is None else value


Endpoint = Annotated[str, BeforeValidator(_endpoint)]
Usd = Annotated[Decimal, BeforeValidator(_price), Field(ge=0, le=1_000_000)]
HttpPath = Annotated[str, BeforeValidator(_path)]
PlainId = Annotated[str, Field(pattern=PLAIN_ID)]
ModelId = Annotated[str, Field(pattern=MODEL_ID)]
Title = Annotated[str, Field(min_length=1, max_length=200)]
Seconds = Annotated[float, Field(gt=0, le=_DAY_S)]
Bytes = Annotated[int, BeforeValidator(_size), Field(ge=0, le=2**40)]
Pattern = Annotated[str, Field(min_length=1, max_length=200)]
Count = Annotated[int, Field(ge=1, le=1_000_000_000)]
Region = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
ActionName = Literal["off", "warn", "local", "refuse"]
CategoryName = Literal["secrets", "cards", "iban", "nationalIds", "email", "phone"]
StrategyName = Literal["default", "priority", "cheapest", "fastest", "least-busy", "weighted"]


class Entry(BaseModel):
    """Common rules of every part of the document."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        alias_generator=to_camel,
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )


class TimeoutsEntry(Entry):
    """Limits of one upstream attempt, seconds; absent ones follow the provider's type."""

    connect: Seconds | None = None
    first_byte: Seconds | None = None
    idle: Seconds | None = None
    total: Seconds | None = None


class PricingEntry(Entry):
    """Prices in USD per million tokens."""

    input: Usd
    output: Usd
    cached_input: Usd | None = None
    cache_write: Usd | None = None
    cache_write_1h: Usd | None = Field(default=None, alias="cacheWrite1h")


class CapabilitiesEntry(Entry):
    """What a model can do; absent means what its kind of provider can."""

    streaming: bool | None = None
    function_calling: bool | None = None
    vision: bool | None = None
    json_mode: bool | None = None
    embeddings: bool | None = None
    reasoning: bool | None = None


class InlineModelEntry(Entry):
    """A model inside its provider's `models`; a bare name is short for an id and its spelling."""

    id: ModelId
    name: Title | None = None
    upstream_model: Title | None = None
    context_window: Count | None = None
    max_tokens: Count | None = None
    is_default: bool = False
    egress: Literal["local", "external"] | None = None
    pricing: PricingEntry | None = None
    cost_per_1k_tokens: Usd | None = Field(default=None, alias="costPer1kTokens")
    capabilities: CapabilitiesEntry = CapabilitiesEntry()
    tags: Annotated[list[Title], BeforeValidator(_empty_list)] = []
    gpu_layers: Annotated[int, Field(ge=-1, le=10_000)] | None = None
    slots: Annotated[int, Field(ge=1, le=256)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        fields: dict[str, str] = {"id": slug(value)}
        if fields["id"] != value:
            fields |= {"name": value, "upstreamModel": value}
        return fields

    @model_validator(mode="after")
    def _one_price(self) -> Self:
        if self.pricing is not None and self.cost_per_1k_tokens is not None:
            raise ValueError("has both pricing and costPer1kTokens; keep one of them")
        return self


class ModelEntry(InlineModelEntry):
    """A model in the top-level `models`."""

    provider_id: PlainId


class ProviderEntry(Entry):
    """One upstream."""

    id: PlainId
    name: Title | None = None
    type: Literal["local", "external"] | None = None
    kind: str
    endpoint: Endpoint | None = None
    priority: Annotated[int, Field(ge=0, le=1_000_000)] = 100
    enabled: bool = True
    max_concurrent: Annotated[int, Field(ge=1, le=100_000)] | None = None
    gpu: bool = False
    location: Title | None = None
    health_check_interval: Annotated[float, Field(ge=1, le=_DAY_S)] = 30.0
    health_check_timeout: Annotated[float, Field(gt=0, le=600)] = 5.0
    health_check_path: HttpPath | None = None
    auth_type: Annotated[Literal["null", "api_key", "bearer"] | None, BeforeValidator(_nothing)] = (
        None
    )
    auth_secret: Annotated[str, Field(min_length=1, max_length=8192)] | None = None
    timeouts: TimeoutsEntry = TimeoutsEntry()
    daily_request_limit: Count | None = None
    max_tokens_per_request: Count | None = None
    cost_tracking: bool = True
    weight: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    models: Annotated[list[InlineModelEntry], BeforeValidator(_empty_list)] = []


class ChainStepEntry(Entry):
    """One rung of a failover chain; `timeout_ms` limits the wait for the first byte."""

    provider_id: PlainId
    model_id: str
    max_retries: Annotated[int, Field(ge=0, le=10)] = 1
    timeout_ms: Annotated[int, Field(ge=1000, le=120_000)] | None = None


class ChainEntry(Entry):
    """A named failover chain."""

    id: PlainId
    name: Title | None = None
    models: Annotated[list[ChainStepEntry], Field(min_length=1)]
    strategy: StrategyName | None = None


class RoutingEntry(Entry):
    """Routing settings that hold for all requests."""

    strategy: StrategyName = "default"
    fallback: str | None = None
    queue_length: Annotated[int, Field(ge=0, le=100_000)] = 256
    queue_timeout: Annotated[float, Field(ge=0, le=3600)] = 60.0
    agent_prefix: Annotated[str, Field(max_length=64)] = "agent-"


class CacheRuleEntry(Entry):
    """Requests that use the cache unasked; `*` in a pattern stands for any characters."""

    models: Annotated[list[Pattern], BeforeValidator(_empty_list)] = []
    keys: Annotated[list[Pattern], BeforeValidator(_empty_list)] = []
    workflows: Annotated[list[Pattern], BeforeValidator(_empty_list)] = []


class CacheEntry(Entry):
    """The response cache."""

    ttl: Annotated[float, Field(gt=0, le=366 * _DAY_S)] = 3600.0
    max_bytes: Bytes = 64 * 2**20
    max_entry_bytes: Bytes = 2**20
    shared: bool = False
    rules: Annotated[list[CacheRuleEntry], BeforeValidator(_empty_list)] = []


class DetectEntry(Entry):
    """What follows when a category is found in a request."""

    secrets: ActionName = "off"
    cards: ActionName = "off"
    iban: ActionName = "off"
    national_ids: ActionName = "off"
    email: ActionName = "off"
    phone: ActionName = "off"


class PrivacyConditionsEntry(Entry):
    """When a privacy rule holds; `*` in a pattern stands for any characters."""

    keys: Annotated[list[Pattern], BeforeValidator(_empty_list)] = []
    workflows: Annotated[list[Pattern], BeforeValidator(_empty_list)] = []
    models: Annotated[list[Pattern], BeforeValidator(_empty_list)] = []
    contains: Annotated[list[Pattern], BeforeValidator(_empty_list)] = []
    detected: Annotated[list[CategoryName], BeforeValidator(_empty_list)] = []


class PrivacyRuleEntry(Entry):
    """One privacy rule."""

    name: PlainId
    when: PrivacyConditionsEntry
    then: Literal["any", "warn", "local", "refuse"]


class PrivacyEntry(Entry):
    """What may leave the house."""

    detect: Annotated[DetectEntry, BeforeValidator(_empty_mapping)] = DetectEntry()
    attachments: Literal["any", "warn", "local"] = "local"
    regions: Annotated[list[Region], BeforeValidator(_empty_list)] = []
    rules: Annotated[list[PrivacyRuleEntry], BeforeValidator(_empty_list)] = []


class DocumentEntry(Entry):
    """The whole document."""

    version: Literal[1] = 1
    providers: Annotated[list[ProviderEntry], BeforeValidator(_empty_list)] = []
    models: Annotated[list[ModelEntry], BeforeValidator(_empty_list)] = []
    chains: Annotated[list[ChainEntry], BeforeValidator(_empty_list)] = []
    aliases: Annotated[Mapping[str, str], BeforeValidator(_empty_mapping)] = {}
    routing: Annotated[RoutingEntry, BeforeValidator(_empty_mapping)] = RoutingEntry()
    cache: Annotated[CacheEntry, BeforeValidator(_empty_mapping)] = CacheEntry()
    privacy: Annotated[PrivacyEntry, BeforeValidator(_empty_mapping)] = PrivacyEntry()
