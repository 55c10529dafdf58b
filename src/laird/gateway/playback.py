"""Giving an answer from the cache: counted, written down, and sent as fast as it is read."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from laird.cache.store import Entry, ResponseCache
from laird.domain.cache import CacheMark
from laird.domain.catalog import Egress
from laird.domain.errors import UsageUnavailable
from laird.domain.usage import AttemptFinished, AttemptStarted, AttemptStatus
from laird.gateway.admission import admit
from laird.gateway.call import Call, Client, Trace
from laird.gateway.settle import Journal
from laird.limits.rates import Rates
from laird.telemetry.metrics import Metrics

PRICE_VERSION = "cache"
"""The price list in the ledger's rows of answers from the cache: they cost nothing."""

_PIECE = 64 * 1024
_FREE = b": x-laird-cost-usd 0\n\n"


class Playback:
    """Gives clients what the cache has for them."""

    def __init__(
        self, cache: ResponseCache, rates: Rates, journal: Journal, metrics: Metrics
    ) -> None:
        self._cache = cache
        self._rates = rates
        self._journal = journal
        self._metrics = metrics

    async def give(self, entry: Entry, call: Call, client: Client, trace: Trace) -> None:
        """Answer a request with an entry.

        It counts as a request of its key, and takes no tokens. Raises what `Rates.admit` raises,
        and `UsageUnavailable` while nothing was sent.
        """
        began = time.monotonic()
        admit(self._rates, call, trace, 0)
        trace.cache = CacheMark.HIT
        trace.age_s = int(began - entry.stored_at)
        trace.provider, trace.model = entry.provider, entry.model
        trace.cost_nano = 0
        self._cache.hit(entry)
        self._metrics.cache_hit(tokens=entry.tokens, cost_nano=entry.cost_nano or 0)
        if entry.stream:
            await self._stream(entry, call, client, trace, began)
        else:
            self._write_row(entry, call, AttemptStatus.OK, began, None)
            client.answer(trace, entry.body)

    async def _stream(
        self, entry: Entry, call: Call, client: Client, trace: Trace, began: float
    ) -> None:
        """Stream as fast as the client reads. The row is written before the last piece goes."""
        body = entry.body
        first = (time.monotonic() - began) * 1000
        try:
            await client.begin(trace, body[:_PIECE])
            for at in range(_PIECE, len(body), _PIECE):
                if not client.push(body[at : at + _PIECE]):
                    await client.ready()
        except asyncio.CancelledError:
            with suppress(UsageUnavailable):
                self._write_row(entry, call, AttemptStatus.CANCELLED, began, first)
            raise
        try:
            self._write_row(entry, call, AttemptStatus.OK, began, first)
        except UsageUnavailable as error:
            await client.end(call.dialect.error_event(error))
            return
        await client.end(_FREE + entry.tail)

    def _write_row(
        self,
        entry: Entry,
        call: Call,
        status: AttemptStatus,
        began: float,
        ttft_ms: float | None,
    ) -> None:
        """Write the row: no tokens and no money. Raises `UsageUnavailable`."""
        caller = call.caller
        latency_ms = (time.monotonic() - began) * 1000
        started = AttemptStarted(
            request_id=call.request_id,
            attempt=1,
            at_us=time.time_ns() // 1000 - int(latency_ms * 1000),
            key_id=caller.key.id,
            provider=entry.provider,
            model=entry.model,
            upstream_model=entry.upstream_model,
            dialect=call.dialect.name,
            stream=call.facts.stream,
            prompt_tokens=0,
            cost_nano=0,
            price_version=PRICE_VERSION,
            failover_from=None,
            privacy="local" if caller.local_only else "any",
            privacy_reason=caller.privacy_reason,
            workflow=caller.workflow,
            node=caller.node,
            egress=Egress.LOCAL.value,  # nothing was sent anywhere
        )
        self._journal.start(started)
        self._journal.finish(
            AttemptFinished(
                started=started,
                status=status,
                error=None,
                http_status=None,
                prompt_tokens=0,
                completion_tokens=0,
                cached_tokens=0,
                cache_write_tokens=0,
                reasoning_tokens=0,
                estimated=False,
                cost_nano=0,
                latency_ms=latency_ms,
                ttft_ms=ttft_ms,
                cache_hit=True,
            )
        )
