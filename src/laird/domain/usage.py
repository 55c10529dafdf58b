"""Ledger rows as values: one upstream attempt is one row."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from laird.domain.tokens import TokenUsage


class AttemptStatus(StrEnum):
    """How an attempt ended."""

    OK = "ok"
    ERROR = "error"
    CUT = "cut"
    """The stream broke after its first content had reached the client."""
    CANCELLED = "cancelled"
    """The client went away, or the server was told to stop."""
    INTERRUPTED = "interrupted"
    """The server died under it; written by recovery, with the estimated cost."""


class AttemptStarted(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """What is known before the upstream is called. (request_id, attempt) is the identity.

    The order of fields is a file format: only ever append.
    """

    request_id: str
    attempt: int
    """1 for the first upstream call of a request."""
    at_us: int
    """UTC, microseconds since the epoch."""
    key_id: str
    provider: str
    model: str
    upstream_model: str
    dialect: str
    stream: bool
    prompt_tokens: int
    """Estimated."""
    cost_nano: int | None
    """Estimated; None when the price is unknown."""
    price_version: str | None
    failover_from: str | None
    """`provider/model` of the attempt before this one, when that was another candidate."""
    privacy: str
    """`local` or `any`: what the request was allowed to reach."""
    privacy_reason: str | None
    workflow: str | None = None
    node: str | None = None
    egress: str | None = None
    """`local` or `external`: where the text went; None in rows of earlier versions."""


class AttemptFinished(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """The whole row. The order of fields is a file format: only ever append."""

    started: AttemptStarted
    status: AttemptStatus
    error: str | None
    """A code of the error tree; never a prompt, never a key."""
    http_status: int | None
    """What the provider answered."""
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    estimated: bool
    cost_nano: int | None
    latency_ms: float
    ttft_ms: float | None
    """Time to the first content, ms; None when there was none."""
    cache_hit: bool = False

    @property
    def usage(self) -> TokenUsage:
        """The row's counts as one value."""
        return TokenUsage(
            prompt=self.prompt_tokens,
            completion=self.completion_tokens,
            cached=self.cached_tokens,
            cache_write=self.cache_write_tokens,
            reasoning=self.reasoning_tokens,
            estimated=self.estimated,
        )
