"""The life of one request: plan, admit, dispatch, and the accounts when it is over."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from laird.domain.catalog import Provider, Snapshot
from laird.domain.errors import NotAllowed, QuotaExceeded, RoutingError, ShuttingDown, UpstreamError
from laird.domain.keys import Caller, Scope
from laird.domain.plan import Conditions, Plan, RequestFacts
from laird.domain.spending import Spending, ceiling_of
from laird.gateway.admission import admit, expected_tokens
from laird.gateway.call import Call, Client, Trace, body_bytes
from laird.gateway.dispatch import Dispatch, Means, begin
from laird.gateway.screen import Screen
from laird.limits.daily import day_left_s
from laird.limits.rates import Rates
from laird.privacy.policy import Policy
from laird.providers.base import Adapter
from laird.routing.names import Names, everything_for
from laird.routing.plan import plan, weigh
from laird.telemetry.logs import get_logger

BuildAdapter = Callable[[Provider], Adapter]

_NONE: frozenset[str] = frozenset()
_log = get_logger("gateway")
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


def _able(planned: Plan, runtime: Runtime, dialect: str) -> Plan:
    """Return a plan with those candidates alone that take a dialect as it is."""
    adapters = runtime.adapters
    attempts = planned.attempts
    able = tuple(one for one in attempts if dialect in adapters[one.provider.id].speaks)
    return msgspec.structs.replace(planned, attempts=able)


class Gateway:
    """Answers requests. One instance serves the whole process, on one event loop."""

    def __init__(self, means: Means, rates: Rates, runtime: Runtime) -> None:
        self._means = means
        self._rates = rates
        self._runtime = runtime
        self.screen = Screen(means.metrics)
        self._under_way: dict[asyncio.Task[Any], Dispatch] = {}
        self._idle = asyncio.Event()
        self._idle.set()
        self.draining = False
        self.on_drain: Callable[[float], None] | None = None
        """Called when a drain begins, with the seconds that it may take."""
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
        self._ceiling = ceiling_of(
            (snapshot.providers[model.provider_id], model) for model in snapshot.models.values()
        )
        self._means.board.configure(snapshot)
        self.screen.use(snapshot.privacy, snapshot.aliases)

    async def screened(self, call: Call, trace: Trace) -> Call:
        """Return a call with the verdict of the privacy rules in its caller.

        Raises `RefusedByPrivacy`.
        """
        policy = self.screen.policy
        caller = call.caller
        if call.screened is not policy:
            caller = await self.judged(call.body, call.facts, caller, trace)
        return self._told(call, caller, policy, trace)

    def screened_now(self, call: Call, trace: Trace) -> Call | None:
        """Return what `screened` does where that needs no waiting, else None."""
        policy, asking = self.screen.policy, call.caller
        if policy is None or call.screened is policy:
            return self._told(call, asking, policy, trace)
        caller = self.screen.judge_now(policy, asking, call.body, call.facts.model, trace)
        return None if caller is None else self._told(call, caller, policy, trace)

    def _told(self, call: Call, caller: Caller, policy: Policy | None, trace: Trace) -> Call:
        """Return the call as its verdict leaves it, and note what is to be told of it."""
        if call.screened is not policy:
            call = msgspec.structs.replace(call, caller=caller, screened=policy)
        if caller.privacy_reason is not None:
            self.screen.note(caller, trace)
        return call

    async def judged(
        self,
        body: Mapping[str, Any],
        facts: RequestFacts,
        caller: Caller,
        trace: Trace | None = None,
    ) -> Caller:
        """Return who asks, with the verdict on what is asked. Raises `RefusedByPrivacy`.

        Without a trace the question is one of curiosity: nothing is noted or counted.
        """
        policy = self.screen.policy
        if policy is None:
            return caller
        return await self.screen.judge(policy, caller, body, facts.model, trace)

    def weigh(self, facts: RequestFacts, caller: Caller, size: int = 0) -> Plan:
        """Say where a request would go, with reasons, without sending it; `size` is its body's.

        A plan without attempts means that it would be refused. Raises `ModelNotFound`.
        """
        names, budgets = self._runtime.names, self._means.budgets
        target = names.resolve(facts.model)
        spending = None
        if budgets.active:
            extent, now_us = facts.extent(size), time.time_ns() // 1000
            spending = budgets.spending(caller.key.id, caller.workflow, extent, now_us)
        conditions = self._conditions(self._runtime, spending)
        return weigh(facts, target, caller, conditions, everything_for(spending, names))

    def _plan(self, runtime: Runtime, call: Call, trace: Trace) -> Plan:
        """Plan a request, with what budgets say to it, or hold for it, in its trace."""
        names, facts, caller = runtime.names, call.facts, call.caller
        target = names.resolve(facts.model)
        budgets = self._means.budgets
        if not budgets.active or call.count is not None:
            return plan(facts, target, caller, self._conditions(runtime))
        key_id, workflow, now_us = caller.key.id, caller.workflow, time.time_ns() // 1000
        size = body_bytes(call)
        if self._ceiling is not None:
            most = facts.at_most(size, self._ceiling)
            trace.hold = budgets.hold(key_id, workflow, most, now_us)
            if trace.hold is not None:
                planned = plan(facts, target, caller, self._conditions(runtime))
                if planned.attempts and planned.attempts[0].for_nothing:
                    # It may wait long for a free slot, and others need the room meanwhile.
                    trace.hold.release()
                    trace.hold = None
                return planned
        spending = budgets.spending(key_id, workflow, facts.extent(size), now_us)
        conditions = self._conditions(runtime, spending)
        try:
            return plan(facts, target, caller, conditions, everything_for(spending, names))
        except QuotaExceeded as refused:
            budgets.count_refusal(refused.budget_id)
            raise

    def _conditions(self, runtime: Runtime, spending: Spending | None = None) -> Conditions:
        means = self._means
        limits = runtime.daily_limits
        now_us = time.time_ns() // 1000 if limits else 0
        return Conditions(
            health=means.board.conditions,
            active=means.slots.active,
            exhausted=means.daily.exhausted(limits, now_us) if limits else _NONE,
            day_left_s=day_left_s(now_us),
            now=time.monotonic(),
            draw=random.random(),  # noqa: S311 - spreads load, guards nothing
            spending=spending,
        )

    async def answer(
        self, call: Call, client: Client, trace: Trace, task: asyncio.Task[Any]
    ) -> None:
        """Answer one request through `client`; what happens on the way is noted in `trace`.

        `task` is the one that runs this, which a stop of the server may have to cancel.
        Raises a `LairdError` when the client has seen nothing of an answer yet. A stream that
        fails later ends with an error event instead.
        """
        while call.screened is not self.screen.policy:
            # Nothing gets past here without a verdict by the rules that are in force now.
            call = await self.screened(call, trace)
        runtime = self._runtime
        key = call.caller.key
        if self.draining:
            raise ShuttingDown(_STOPPING)
        if Scope.INFERENCE not in key.scopes:
            raise NotAllowed(f"The key '{key.name}' is not for inference.")
        try:
            planned = self._plan(runtime, call, trace)
            if call.count is None:
                await self._serve(runtime, planned, call, client, trace, task)
                return
            planned = _able(planned, runtime, call.dialect.name)
            try:
                if planned.attempts:
                    await self._serve(runtime, planned, call, client, trace, task)
                    return
            except (RoutingError, UpstreamError) as error:
                told = error.message
                _log.warning("tokens are estimated", request_id=call.request_id, reason=told)
            client.answer(trace, call.count.estimate(call.body))
        finally:
            if trace.hold is not None:
                trace.hold.release()

    async def _serve(
        self,
        runtime: Runtime,
        planned: Plan,
        call: Call,
        client: Client,
        trace: Trace,
        task: asyncio.Task[Any],
    ) -> None:
        expected = expected_tokens(call)
        limited = admit(self._rates, call, trace, expected)
        self._means.retries.earn()
        routing = runtime.snapshot.routing
        dispatch = begin(self._means, runtime.adapters, routing, call, planned, client, trace)
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
                key = call.caller.key
                used = dispatch.exchange.tokens
                self._rates.settle(key.id, key.rate, expected, used, time.monotonic())

    async def drain(self, seconds: float) -> int:
        """Take no new requests, let those under way finish, and cut what is left after `seconds`.

        Streams that are cut end with an error event. Returns how many were cut.
        """
        self.draining = True
        if self.on_drain is not None:
            self.on_drain(seconds)
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
