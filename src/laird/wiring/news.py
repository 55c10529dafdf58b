"""What happens in the parts of a running Laird, told to the feed of events."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from laird.config.live import LiveConfiguration
from laird.domain.catalog import Snapshot
from laird.domain.errors import ConfigError
from laird.domain.health import ProviderCondition
from laird.domain.keys import ApiKey
from laird.domain.money import usd_text
from laird.gateway.call import Trace
from laird.gateway.gateway import Gateway
from laird.health.board import HealthBoard
from laird.keys.table import KeyTable
from laird.telemetry.feed import Feed

_MOST_NAMES = 20
_LATENCY_EVERY_S = 5.0
_SAME_FAILOVER_EVERY_S = 2.0
_REQUESTS_PER_S = 10.0
_REQUESTS_AT_ONCE = 20.0


def tell_news(
    feed: Feed,
    *,
    board: HealthBoard,
    configuration: LiveConfiguration,
    keys: KeyTable,
    gateway: Gateway,
) -> None:
    """Have the feed hear of health, the configuration, keys, and the end of the server."""
    board.listen(_Health(feed).changed)

    def changed(old: Snapshot, new: Snapshot) -> None:
        told = {"revision": new.revision, "before": old.revision or None}
        feed.publish("configuration.changed", told)

    def error(found: ConfigError | None) -> None:
        if found is None:
            told = {"revision": configuration.snapshot.revision}
            feed.publish("configuration.recovered", told)
        else:
            feed.publish("configuration.error", {"message": found.message})

    def keys_changed(which: tuple[ApiKey, ...]) -> None:
        names = [key.name for key in which[:_MOST_NAMES]]
        feed.publish("key.changed", {"keys": names, "count": len(which)})

    def drain(seconds: float) -> None:
        feed.publish("drain", {"active": gateway.active, "seconds": seconds})

    configuration.subscribe(changed)
    configuration.on_error(error)
    keys.listen(keys_changed)
    gateway.on_drain = drain


class _Health:
    """Tells of providers' health: each change at once, a latency alone now and then."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._told: dict[str, tuple[Mapping[str, Any], float]] = {}

    def changed(self, provider_id: str, condition: ProviderCondition) -> None:
        """Tell of a condition, unless nothing but its latency is new."""
        now = time.monotonic()
        resting = condition.resting_until > now
        state = {
            "status": condition.status.value,
            "error": condition.error,
            "credential_bad": condition.credential_bad,
            "resting": resting,
            "loaded": [one.id for one in condition.loaded or ()],
        }
        before, told_at = self._told.get(provider_id, (None, 0.0))
        if state == before and now - told_at < _LATENCY_EVERY_S:
            return
        self._told[provider_id] = (state, now)
        latency = condition.latency_ms
        self._feed.publish(
            "provider.health",
            {
                "provider": provider_id,
                **state,
                "latency_ms": None if latency is None else round(latency, 1),
            },
        )


class RequestNews:
    """Tells of requests that have ended, no more of them than somebody can read.

    Single requests are told of only while somebody follows the feed; a burst of them in part, with
    the number of the others in the next one. A failover between the same two is told of once in
    `_SAME_FAILOVER_EVERY_S` seconds.
    """

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._room = _REQUESTS_AT_ONCE
        self._filled = time.monotonic()
        self._untold = 0
        self._failovers: dict[tuple[str, str], float] = {}

    def ended(self, trace: Trace, key: ApiKey | None, status: int, seconds: float) -> None:
        """Take note of a request; see `api.inference.Heard`."""
        origin = trace.failover_from
        if origin is not None and status < 400 and trace.provider:
            self._failed_over(trace, origin)
        if self._feed.readers and key is not None:
            self._finished(trace, key, status, seconds)

    def _failed_over(self, trace: Trace, origin: str) -> None:
        now = time.monotonic()
        source, _, model = origin.partition("/")
        pair = (source, trace.provider)
        if now - self._failovers.get(pair, -_SAME_FAILOVER_EVERY_S) < _SAME_FAILOVER_EVERY_S:
            return
        self._failovers[pair] = now
        self._feed.publish(
            "failover",
            {
                "from": source,
                "to": trace.provider,
                "model": trace.model,
                "from_model": model,
                "request_id": trace.request_id,
            },
        )

    def _finished(self, trace: Trace, key: ApiKey, status: int, seconds: float) -> None:
        now = time.monotonic()
        gained = (now - self._filled) * _REQUESTS_PER_S
        self._room, self._filled = min(_REQUESTS_AT_ONCE, self._room + gained), now
        if self._room < 1:
            self._untold += 1
            return
        self._room -= 1
        untold, self._untold = self._untold, 0
        cost = trace.answered.cost_nano if trace.answered is not None else None
        self._feed.publish(
            "request.finished",
            {
                "request_id": trace.request_id,
                "at_us": time.time_ns() // 1000 - round(seconds * 1_000_000),
                "key": key.name,
                "provider": trace.provider or None,
                "model": trace.model or None,
                "status": status,
                "latency_ms": round(seconds * 1000, 1),
                "cost_usd": None if cost is None else usd_text(cost),
                "failover": trace.failover_from,
                "untold": untold,
            },
        )
