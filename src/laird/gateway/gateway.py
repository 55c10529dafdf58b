"""The life of one request: plan, admit, dispatch, and the accounts when it is over."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from laird.domain.catalog import Provider, Snapshot
from laird.domain.errors import NotAllowed, ShuttingDown
from laird.domain.keys import Caller, Scope
from laird.domain.plan import Conditions, Plan, RequestFacts
from laird.gateway.call import Call, Client, Trace
from laird.gateway.dispatch import Dispatch, Means
from laird.limits.rates import Rates
from laird.providers.base import Adapter
from laird.routing.names import Names
from laird.routing.plan import plan, weigh

BuildAdapter = Callable[[Provider], Adapter]

_NONE: frozenset[str] = frozenset()
_STOPPING = "The server is stopping. Send the request again; another try will reach the new one."


class Runtime(msgspec.Struct, frozen=True):
    """A snapshot made ready to serve: adapters with their prepared heads, names with their targets.

    A request keeps the runtime that it began with.
    """

    snapshot: Snapshot
    names: Names
    adapters: Mapping[str, Adapter]
    daily_limits: Mapping[str, int]


def build_runtime(snapshot: Snapshot, build_adapter: BuildAdapter) -> Runtime:
    """Prepare a snapshot."""
    providers = snapshot.providers.values()
    return Runtime(
        snapshot,
        Names(snapshot),
        {provider.id: build_adapter(provider) for provider in providers},
        {
            provider.id: provider.daily_request_limit
            for provider in providers
            if provider.daily_request_limit is not None
        },
    )


class Gateway:
    """Answers requests. One instance serves the whole process, on one event loop."""

    def __init__(self, means: Means, rates: Rates, runtime: Runtime) -> None:
        self._means = means
        self._rates = rates
        self._runtime = runtime
        self._under_way: dict[asyncio.Task[Any], Dispatch] = {}
        self._idle = asyncio.Event()
        self._idle.set()
        self.draining = False
        self.use(runtime)

    @property
    def runtime(self) -> Runtime:
        """What new requests are served with."""
        return self._runtime

    @property
    def active(self) -> int:
        """Requests under way."""
        return len(self._under_way)

    def active_at(self, provider_id: str) -> int:
        """Return how many requests a provider has under way."""
        return self._means.slots.active.get(provider_id, 0)

    def use(self, runtime: Runtime) -> None:
        """Serve new requests with another runtime. Those under way keep the one they have."""
        self._runtime = runtime
        snapshot = runtime.snapshot
        self._means.slots.configure(
            {provider.id: provider.max_concurrent for provider in snapshot.providers.values()},
            queue_length=snapshot.routing.queue_length,
        )
        self._means.board.configure(snapshot)

    def weigh(self, facts: RequestFacts, caller: Caller) -> Plan:
        """Say where a request would go, with reasons, without sending it.

        A plan without attempts means that it would be refused. Raises `ModelNotFound`.
        """
        runtime = self._runtime
        target = runtime.names.resolve(facts.model)
        return weigh(facts, target, caller, self._conditions(runtime))

    def _plan(self, runtime: Runtime, facts: RequestFacts, caller: Caller) -> Plan:
        target = runtime.names.resolve(facts.model)
        return plan(facts, target, caller, self._conditions(runtime))

    def _conditions(self, runtime: Runtime) -> Conditions:
        means = self._means
        limits = runtime.daily_limits
        return Conditions(
            health=means.board.conditions,
            active=means.slots.active,
            exhausted=means.daily.exhausted(limits, time.time_ns() // 1000) if limits else _NONE,
            now=time.monotonic(),
            draw=random.random(),  # noqa: S311 - spreads load, guards nothing
        )

    async def chat(self, call: Call, client: Client, trace: Trace, task: asyncio.Task[Any]) -> None:
        """Answer one request through `client`; what happens on the way is noted in `trace`.

        `task` is the one that runs this, which a stop of the server may have to cancel.
        Raises a `LairdError` when the client has seen nothing of an answer yet. A stream that
        fails later ends with an error event instead.
        """
        runtime = self._runtime
        key = call.caller.key
        if self.draining:
            raise ShuttingDown(_STOPPING)
        if Scope.INFERENCE not in key.scopes:
            raise NotAllowed(f"The key '{key.name}' is not for inference.")
        planned = self._plan(runtime, call.facts, call.caller)
        rate = key.rate
        limited = rate.requests_per_minute is not None or rate.tokens_per_minute is not None
        expected = 0
        if limited:
            expected = call.facts.prompt_tokens + (call.facts.max_tokens or 0)
            self._rates.admit(key.id, rate, expected, time.monotonic())
        self._means.retries.earn()
        routing = runtime.snapshot.routing
        dispatch = Dispatch(self._means, runtime.adapters, routing, call, planned, client, trace)
        # As one of those under way, it can be ended in good form when the server stops.
        self._under_way[task] = dispatch
        try:
            await dispatch.run()
        except asyncio.CancelledError:
            if not dispatch.stopping:
                raise
            task.uncancel()
            error = ShuttingDown(_STOPPING)
            if not dispatch.exchange.begun:
                raise error from None
            await client.end(call.dialect.error_event(error))
        finally:
            del self._under_way[task]
            if not self._under_way:
                self._idle.set()
            if limited:
                used = dispatch.exchange.tokens
                self._rates.settle(
                    key.id, rate, estimated=expected, actual=used, now=time.monotonic()
                )

    async def drain(self, seconds: float) -> int:
        """Take no new requests, let those under way finish, and cut what is left after `seconds`.

        Streams that are cut end with an error event. Returns how many were cut.
        """
        self.draining = True
        try:
            async with asyncio.timeout(seconds):
                await self._none_under_way()
        except TimeoutError:
            pass
        else:
            return 0
        cut = len(self._under_way)
        for task, dispatch in self._under_way.items():
            dispatch.stopping = True
            task.cancel()
        try:
            async with asyncio.timeout(1.0):
                await self._none_under_way()
        except TimeoutError:
            # A client that does not read keeps its task; the server's end will close it.
            pass
        return cut

    async def _none_under_way(self) -> None:
        while self._under_way:
            self._idle.clear()
            await self._idle.wait()
