"""What calls from a program give back: frozen values with types."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
import orjson

from laird.domain.chat import FinishReason, ToolCallDelta, ToolCallStart
from laird.domain.chat import ToolCall as WireToolCall
from laird.domain.money import NANO
from laird.domain.tokens import TokenUsage


class ToolCall(msgspec.Struct, frozen=True, kw_only=True):
    """The model's wish to call a tool."""

    id: str
    name: str
    arguments: str
    """JSON text, as the model wrote it."""

    def parsed(self) -> Any:
        """Return the arguments as values. Raises `ValueError` where the model wrote no JSON."""
        return orjson.loads(self.arguments or "{}")


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """Who served a request, and what it cost."""

    request_id: str
    """In the ledger and in the log: `laird usage show ID`."""
    provider: str
    model: str
    """The model's id at that provider."""
    attempts: int
    """Calls to providers that it took, retries included."""
    failover_from: str | None
    """`provider/model` of the one that was tried first and failed."""
    cache: str
    """`off`, `miss`, `refresh` or `hit`."""
    usage: TokenUsage | None
    """None where the provider did not say; the ledger has an estimate then."""
    cost_nano: int | None
    """Nano-dollars that all attempts cost together; None where a price is unknown."""

    @property
    def cost_usd(self) -> Decimal | None:
        """Dollars that all attempts cost together; None where a price is unknown."""
        return usd(self.cost_nano)


class Answer(Served, frozen=True, kw_only=True):
    """A whole answer to a chat request."""

    text: str
    reasoning: str
    """What the model showed of its thinking."""
    tool_calls: tuple[ToolCall, ...]
    refusal: str | None
    finish_reason: FinishReason
    raw: dict[str, Any]
    """The answer in OpenAI's form, with fields that are not told here."""


class Delta(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of a streamed answer. One of its fields says something."""

    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    tool_call: ToolCallStart | ToolCallDelta | None = None
    """A tool call begins, or more of its arguments."""


class Vectors(Served, frozen=True, kw_only=True):
    """One vector for each text, in order."""

    vectors: tuple[tuple[float, ...], ...]
    raw: dict[str, Any]


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who would be asked."""

    position: int
    provider: str
    model: str
    upstream_model: str
    egress: str
    max_retries: int
    timeout_s: float | None
    reason: str
    """Why it stands where it stands."""


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who would not be asked, and why."""

    provider: str
    model: str
    reason: str
    detail: str


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Where a request would go, and why."""

    requested: str
    resolved: str
    strategy: str
    attempts: tuple[Candidate, ...]
    dropped: tuple[LeftOut, ...]
    local_only: bool
    """It must stay local."""
    privacy_reason: str | None


class ModelInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A name that may be asked for."""

    id: str
    title: str
    owner: str
    """The provider; `laird` for what chooses among several models."""
    egress: str
    context_window: int | None
    max_tokens: int | None


class ProviderStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A provider as it is configured, and as it is."""

    id: str
    name: str
    kind: str
    egress: str
    endpoint: str
    enabled: bool
    status: str
    """`healthy`, `degraded`, `offline`, `unknown` or `disabled`."""
    error: str | None
    latency_ms: float | None
    models: tuple[str, ...]
    active: int
    """Requests under way."""
    max_concurrent: int | None
    credential: str | None
    """Where its credential is from; never what it is."""
    has_credential: bool


class HealthReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a look at a provider found just now."""

    provider: str
    ok: bool
    status: str
    latency_ms: float
    error: str | None
    models: tuple[str, ...] = ()
    """What it lists, where that was asked."""


class CostEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """What a request would cost."""

    provider: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    cost_nano: int | None
    """None where the price is unknown."""

    @property
    def cost_usd(self) -> Decimal | None:
        """Dollars; None where the price is unknown."""
        return usd(self.cost_nano)


class CostLine(msgspec.Struct, frozen=True, kw_only=True):
    """What one group of calls took and cost."""

    group: str
    calls: int
    errors: int
    prompt_tokens: int
    completion_tokens: int
    cost_nano: int
    """Of the calls whose price is known."""
    unpriced_calls: int

    @property
    def cost_usd(self) -> Decimal:
        """Dollars, of the calls whose price is known."""
        return Decimal(self.cost_nano) / NANO


class CostSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What was spent in a time, by whom and for what. The dearest come first."""

    since: datetime
    until: datetime
    complete: bool
    """Everything that has ended is in it."""
    total: CostLine
    by_provider: tuple[CostLine, ...]
    by_model: tuple[CostLine, ...]
    by_key: tuple[CostLine, ...]
    by_workflow: tuple[CostLine, ...]
    by_day: tuple[CostLine, ...]
    """In order of time; days in UTC."""

    @property
    def cost_usd(self) -> Decimal:
        """Dollars in all, of the calls whose price is known."""
        return self.total.cost_usd


def usd(nano: int | None) -> Decimal | None:
    """Return nano-dollars as dollars, exactly."""
    return None if nano is None else Decimal(nano) / NANO


def tool_call(call: WireToolCall) -> ToolCall:
    """Return a tool call as programs see it."""
    return ToolCall(id=call.id, name=call.name, arguments=call.arguments)
