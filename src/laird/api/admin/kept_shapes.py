"""Answers about single requests, and what is kept of them."""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict


class KeptListed(TypedDict):
    """A copy without its text. Times are UTC, microseconds since 1970, and in ISO 8601."""

    request_id: str
    at_us: int
    at: str
    key_id: str
    dialect: str
    model: str
    stream: bool
    local_only: bool
    error: str | None
    cut: bool
    size: int
    """Bytes in the database."""


class KeptList(TypedDict):
    """The rules by which copies are kept, and the newest of them."""

    everybody: bool
    local: bool
    days: int
    bytes: int
    most_bytes: int
    lost: int
    requests: list[KeptListed]


class KeptShown(TypedDict):
    """What is kept of one request: JSON as its value, all else as text."""

    request_id: str
    at_us: int
    at: str
    key_id: str
    dialect: str
    model: str
    stream: bool
    local_only: bool
    error: str | None
    cut: bool
    request: Any
    answer: Any
    until_us: int
    """When it is deleted."""
    until: str


class AttemptOfRequest(TypedDict):
    """A row of the ledger: one call to a provider."""

    id: int
    request_id: str
    attempt: int
    at_us: int
    at: str
    key_id: str
    provider: str
    model: str
    upstream_model: str
    dialect: str
    stream: bool
    price_version: str | None
    failover_from: str | None
    privacy: str
    privacy_reason: str | None
    workflow: str | None
    node: str | None
    status: str
    error: str | None
    http_status: int | None
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    estimated: bool
    cost_nano: int | None
    cost_usd: str | None
    latency_ms: float
    ttft_ms: float | None
    cache_hit: bool
    egress: str | None


class RequestDetail(TypedDict):
    """One request as a whole."""

    request_id: str
    complete: bool
    """False while the database is away: attempts may be missing."""
    attempts: list[AttemptOfRequest]
    kept: KeptShown | None


class Forgotten(TypedDict):
    """A copy that is gone."""

    request_id: str
    deleted: bool
