"""What a ledger row can hold, whatever a provider claims."""

from __future__ import annotations

from math import isfinite

import msgspec

from laird.domain.usage import AttemptFinished

MAX_TOKENS = 10**12
MAX_COST_NANO = 10**15
"""A million dollars for one attempt; sums of thousands of such rows still fit 64 bits."""
MAX_LATENCY_MS = 1e9
"""More than eleven days."""


def bounded(attempt: AttemptFinished) -> AttemptFinished:
    """Return the attempt with its numbers brought inside what can be stored and summed.

    Counts come from providers. A negative or absurd one must neither stop the ledger nor make the
    sums of honest rows overflow. Nearly always the attempt itself is returned.
    """
    cost = attempt.cost_nano
    ttft = attempt.ttft_ms
    if (
        0 <= attempt.prompt_tokens <= MAX_TOKENS
        and 0 <= attempt.completion_tokens <= MAX_TOKENS
        and 0 <= attempt.cached_tokens <= MAX_TOKENS
        and 0 <= attempt.cache_write_tokens <= MAX_TOKENS
        and 0 <= attempt.reasoning_tokens <= MAX_TOKENS
        and (cost is None or 0 <= cost <= MAX_COST_NANO)
        and 0 <= attempt.latency_ms <= MAX_LATENCY_MS
        and (ttft is None or 0 <= ttft <= MAX_LATENCY_MS)
    ):
        return attempt
    return msgspec.structs.replace(
        attempt,
        prompt_tokens=_within(attempt.prompt_tokens, MAX_TOKENS),
        completion_tokens=_within(attempt.completion_tokens, MAX_TOKENS),
        cached_tokens=_within(attempt.cached_tokens, MAX_TOKENS),
        cache_write_tokens=_within(attempt.cache_write_tokens, MAX_TOKENS),
        reasoning_tokens=_within(attempt.reasoning_tokens, MAX_TOKENS),
        cost_nano=None if cost is None else _within(cost, MAX_COST_NANO),
        latency_ms=_time(attempt.latency_ms) or 0.0,
        ttft_ms=None if ttft is None else _time(ttft),
    )


def bounded_cost(nano: int) -> int:
    """Return a cost as `bounded` brings it inside what can be summed."""
    return nano if 0 <= nano <= MAX_COST_NANO else _within(nano, MAX_COST_NANO)


def _within(value: int, most: int) -> int:
    return max(0, min(value, most))


def _time(value: float) -> float | None:
    return max(0.0, min(value, MAX_LATENCY_MS)) if isfinite(value) else None
