"""From samples of the local library to figures: percentiles, differences and ratios."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec


class Latency(msgspec.Struct, frozen=True):
    """Of single requests, in ms."""

    p50_ms: float
    p99_ms: float


class Turns(msgspec.Struct, frozen=True, kw_only=True):
    """Requests to models that don't fit into memory together."""

    clients: int
    requests: int
    loads: int
    seconds: float
    longest_s: float
    """That one request took, the wait for its model's turn included."""

    @property
    def loads_per_request(self) -> float:
        """1 is the worst: a load for each."""
        return self.loads / self.requests


def percentile(samples: Sequence[float], share: float) -> float:
    """Return the least sample that at least this share of all are not above (nearest rank)."""
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def latency(seconds: Sequence[float]) -> Latency:
    """Return the figures of requests that took so many seconds each."""
    return Latency(
        round(percentile(seconds, 0.50) * 1000, 3), round(percentile(seconds, 0.99) * 1000, 3)
    )


def best(rounds: Sequence[Latency]) -> Latency:
    """Return the best of some rounds, since all else on a machine only ever makes them slower."""
    return Latency(min(each.p50_ms for each in rounds), min(each.p99_ms for each in rounds))


def added(own: Latency, direct: Latency) -> Latency:
    """Return what is between two latencies; below zero is noise."""
    return Latency(round(own.p50_ms - direct.p50_ms, 3), round(own.p99_ms - direct.p99_ms, 3))


def megabytes_per_s(size: int, seconds: float) -> float:
    """Return a speed in MB/s; 1 MB is 10^6 bytes."""
    return round(size / seconds / 1e6, 1)
