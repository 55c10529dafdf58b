"""Answers from the cache, and answers that are kept for it: what stands before the gateway.

A request that does not ask for the cache passes at the cost of a few comparisons. One that does is
looked up by what it is, who asks, and what its model's name means now. What is found is given only
to those who may still have an answer of that provider's model; and where the request must stay
local, only if a local model made it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from hashlib import blake2b
from typing import Any

import msgspec
import orjson

from laird.cache.fingerprint import DIGEST_BYTES, Fingerprints
from laird.cache.flights import Flights
from laird.cache.rules import wanted
from laird.cache.store import Entry, Recording, ResponseCache
from laird.cache.worth import worth_keeping
from laird.domain.cache import CacheMark, CacheSettings, CacheWish
from laird.domain.keys import Scope
from laird.gateway.call import Call, Client, Trace
from laird.gateway.gateway import Gateway, Runtime
from laird.gateway.playback import Playback
from laird.routing.policy import permitted
from laird.routing.target import Target
from laird.telemetry.metrics import Metrics

PATIENCE_S = 30.0
"""The longest wait for another request's answer, seconds."""

_RECEIPT = b": x-laird-cost-usd "


class _Lookup(msgspec.Struct, frozen=True):
    """A request that asks for the cache, and where its answer would be."""

    name: bytes
    target: Target
    refresh: bool


class Replay:
    """Answers requests from the cache, or has the gateway do it. See `Gateway.answer`."""

    def __init__(
        self,
        gateway: Gateway,
        cache: ResponseCache,
        playback: Playback,
        metrics: Metrics,
        *,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._gateway = gateway
        self._cache = cache
        self._playback = playback
        self._metrics = metrics
        self._fingerprints = Fingerprints()
        self._flights = Flights(patience_s)
        self._runtime: Runtime | None = None
        self._meanings: dict[str, bytes] = {}

    def answer(
        self, call: Call, client: Client, trace: Trace, task: asyncio.Task[Any]
    ) -> Coroutine[Any, Any, None]:
        """Answer one request through `client`, as `Gateway.answer` does, and raise what it does."""
        gateway = self._gateway
        wish = call.cache
        if wish is None:
            unasked = not call.caller.key.cache and not gateway.runtime.snapshot.cache.rules
        else:
            unasked = wish is CacheWish.OFF
        answering = gateway.answer if unasked else self._answer
        return answering(call, client, trace, task)

    async def _answer(
        self, call: Call, client: Client, trace: Trace, task: asyncio.Task[Any]
    ) -> None:
        lookup = self._lookup(call)
        if lookup is None:
            await self._gateway.answer(call, client, trace, task)
            return
        entry = None
        if not lookup.refresh:
            entry = self._find(lookup, call)
            if entry is None and await self._others_land(lookup, call, trace):
                # The world may be another one by now.
                lookup = self._lookup(call)
                if lookup is None:
                    await self._gateway.answer(call, client, trace, task)
                    return
                entry = self._find(lookup, call)
        if entry is not None:
            await self._playback.give(entry, call, client, trace)
        else:
            await self._ask(lookup, call, client, trace, task)

    def _lookup(self, call: Call) -> _Lookup | None:
        """Return where to look, or None when this request does not use the cache.

        The gateway itself refuses what it does not serve, and judges by new privacy rules what
        was judged by others; that is left to it. Raises `ModelNotFound`.
        """
        gateway = self._gateway
        runtime = gateway.runtime
        settings = runtime.snapshot.cache
        caller = call.caller
        key = caller.key
        if (
            not settings.max_bytes
            or call.count is not None
            or gateway.draining
            or call.screened is not gateway.screen.policy
            or Scope.INFERENCE not in key.scopes
        ):
            return None
        model = call.facts.model
        target = runtime.names.resolve(model)
        if call.cache is None and not key.cache and not _ruled(settings, call, target):
            return None
        name = self._fingerprints.of(
            owner="" if settings.shared else key.id,
            dialect=call.dialect.name,
            meaning=self._meaning(runtime, model, target),
            headers=call.passed,
            body=call.body,
        )
        return _Lookup(name, target, call.cache is CacheWish.REFRESH)

    def _meaning(self, runtime: Runtime, model: str, target: Target) -> bytes:
        """Return a digest of what a name means: it changes only when another answer could come."""
        if runtime is not self._runtime:
            self._runtime = runtime
            self._meanings = {}
        found = self._meanings.get(model)
        if found is None:
            found = self._meanings[model] = _digest(target)
        return found

    def _find(self, lookup: _Lookup, call: Call) -> Entry | None:
        """Return the answer that is there, if this caller may have it."""
        entry = self._cache.get(lookup.name, time.monotonic())
        if entry is None or (call.caller.local_only and entry.external):
            return None
        origin = f"{entry.provider}/{entry.model}"
        return None if permitted(lookup.target, call.caller, origin) is None else entry

    async def _others_land(self, lookup: _Lookup, call: Call, trace: Trace) -> bool:
        """Wait for a request that asks the same; False when none is under way.

        Who streams wants the first words soon, and does not wait.
        """
        if call.facts.stream:
            return False
        began = time.monotonic()
        waited = await self._flights.follow((lookup.name, call.caller.local_only))
        if waited:
            trace.upstream_s += time.monotonic() - began
        return waited

    async def _ask(
        self,
        lookup: _Lookup,
        call: Call,
        client: Client,
        trace: Trace,
        task: asyncio.Task[Any],
    ) -> None:
        """Have the gateway answer, and keep that."""
        refresh = lookup.refresh
        trace.cache = CacheMark.REFRESH if refresh else CacheMark.MISS
        self._cache.miss(refresh=refresh)
        self._metrics.cache_miss(refresh=refresh)
        flight = (lookup.name, call.caller.local_only)
        leads = not (refresh or call.facts.stream) and self._flights.lead(flight)
        recorder = _Recorder(self, lookup, call, client, trace, self._cache.recorder())
        try:
            await self._gateway.answer(call, recorder, trace, task)
        finally:
            recorder.close()
            if leads:
                self._flights.land(flight)

    def keep(self, lookup: _Lookup, call: Call, trace: Trace, body: bytes, tail: bytes) -> None:
        """Keep a complete answer, where it is worth that.

        What a local model said in the place of one that a budget had no room for is not: there may
        be room the next time. Nor is what ends while the server stops, which may be an error.
        """
        row = trace.answered
        if row is None or trace.gone_local or self._gateway.draining:
            return
        started = row.started
        made_by = permitted(lookup.target, call.caller, f"{started.provider}/{started.model}")
        if made_by is None or not worth_keeping(tail or body):
            return
        entry = Entry(
            body=body,
            tail=tail,
            stream=call.facts.stream,
            key_id=started.key_id,
            provider=started.provider,
            model=started.model,
            upstream_model=started.upstream_model,
            external=made_by.external,
            stored_at=time.monotonic(),
            tokens=row.prompt_tokens + row.completion_tokens,
            cost_nano=row.cost_nano,
        )
        self._cache.put(lookup.name, entry)


def _ruled(settings: CacheSettings, call: Call, target: Target) -> bool:
    """Tell whether a rule of the document has this request use the cache."""
    model = call.facts.model
    stands_for = target.resolved.partition(":")[2] or target.resolved
    return wanted(settings.rules, {model, stands_for}, call.caller.key, call.caller.workflow)


def _digest(target: Target) -> bytes:
    """Hash what a target is: everything that decides who could answer, and how."""
    told = [
        target.resolved,
        *(
            [
                group.strategy,
                group.standby,
                *(
                    (
                        each.key,
                        each.provider.kind,
                        each.provider.endpoint,
                        each.model.upstream_model,
                        each.model.context_window,
                        each.model.max_tokens,
                        each.external,
                    )
                    for each in group.candidates
                ),
            ]
            for group in target.groups
        ),
    ]
    return blake2b(orjson.dumps(told), digest_size=DIGEST_BYTES).digest()


class _Recorder:
    """Hears an answer for a client and records it on the way."""

    __slots__ = ("_call", "_client", "_lookup", "_recording", "_replay", "_trace", "_tries")

    def __init__(
        self,
        replay: Replay,
        lookup: _Lookup,
        call: Call,
        client: Client,
        trace: Trace,
        recording: Recording,
    ) -> None:
        self._replay = replay
        self._lookup = lookup
        self._call = call
        self._client = client
        self._trace = trace
        self._recording = recording
        self._tries = 0

    def answer(self, trace: Trace, body: bytes) -> None:
        """Give a whole answer, and keep it."""
        self._client.answer(trace, body)
        self._replay.keep(self._lookup, self._call, trace, body, b"")

    async def begin(self, trace: Trace, first: bytes) -> None:
        """Begin a streamed answer."""
        self._tries = trace.attempts
        self._recording.add(first)
        await self._client.begin(trace, first)

    def push(self, data: bytes) -> bool:
        """Give more of a streamed answer."""
        self._recording.add(data)
        return self._client.push(data)

    async def ready(self) -> None:
        """Wait while the client is slow."""
        await self._client.ready()

    async def end(self, data: bytes) -> None:
        """Give the last bytes of a streamed answer, and keep it if it is a good and whole one.

        One that went on with another try after a break is not kept.
        """
        trace = self._trace
        recording = self._recording
        if recording.whole and trace.answered is not None and trace.attempts == self._tries:
            body = recording.take()
            self._replay.keep(self._lookup, self._call, trace, body, _unpriced(data))
        await self._client.end(data)

    def close(self) -> None:
        """Give back what was recorded and is not kept."""
        self._recording.close()


def _unpriced(ending: bytes) -> bytes:
    """Return the end of a stream without what it cost: it will cost nothing."""
    if not ending.startswith(_RECEIPT):
        return ending
    return ending.partition(b"\n\n")[2]
