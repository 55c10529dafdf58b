"""Walks a plan: one attempt after another until one answers. The only place that tries again."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping

import msgspec

from laird.domain.catalog import Egress, Provider, RoutingRules, Timeouts
from laird.domain.chat import ChatRequest
from laird.domain.errors import (
    ContextLengthExceeded,
    LairdError,
    RequestError,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamTimeout,
)
from laird.domain.plan import Attempt, Plan
from laird.domain.usage import AttemptStatus
from laird.gateway.call import Call, Client, Trace
from laird.gateway.exchange import Exchange
from laird.gateway.retry import Next, RetryBudget, Verdict, after_failure, most_telling
from laird.gateway.settle import Books, OpenAttempt
from laird.health.board import HealthBoard
from laird.keys.table import default_priority
from laird.limits.daily import DailyCounts
from laird.limits.slots import Slot, Slots
from laird.providers.base import Adapter
from laird.telemetry.logs import get_logger
from laird.telemetry.metrics import Metrics
from laird.transport.base import Transport, UpstreamRequest, UpstreamResponse

_ERROR_BODY_LIMIT = 256 * 1024
_DAY_S = 86_400

_log = get_logger("dispatch")


class Means(msgspec.Struct, frozen=True, kw_only=True):
    """What dispatch works with; it lives as long as the server."""

    transport: Transport
    slots: Slots
    daily: DailyCounts
    board: HealthBoard
    books: Books
    metrics: Metrics
    retries: RetryBudget


class Dispatch:
    """One request's walk through its plan."""

    __slots__ = (
        "_adapters",
        "_call",
        "_canonical",
        "_client",
        "_deadline",
        "_errors",
        "_means",
        "_plan",
        "_routing",
        "_trace",
        "exchange",
        "stopping",
    )

    def __init__(
        self,
        means: Means,
        adapters: Mapping[str, Adapter],
        routing: RoutingRules,
        call: Call,
        plan: Plan,
        client: Client,
        trace: Trace,
    ) -> None:
        self._means = means
        self._adapters = adapters
        self._call = call
        self._plan = plan
        self._client = client
        self._trace = trace
        self._routing = routing
        self._canonical: ChatRequest | None = None
        self._errors: list[LairdError] = []
        attempts = plan.attempts
        longest = attempts[0].provider.timeouts.total
        if len(attempts) > 1:
            longest = max(attempt.provider.timeouts.total for attempt in attempts)
        self._deadline = call.began + longest
        self.exchange = Exchange(call, trace, client)
        self.stopping = False
        """Set when the server stops under this request: its cancellation is not the client's."""

    async def run(self) -> None:
        """Answer the client, or raise what best tells it why that was not possible.

        A stream that fails after its beginning ends with an error event and raises nothing.
        """
        try:
            await self._walk()
        except LairdError as error:
            if not self.exchange.begun:
                raise
            _log.warning("stream cut", request_id=self._call.request_id, code=error.code)
            await self.exchange.break_off(error)

    async def _walk(self) -> None:
        full: list[Attempt] = []
        attempts = self._plan.attempts
        last = len(attempts) - 1
        for place, attempt in enumerate(attempts):
            slot = self._means.slots.try_acquire(attempt.provider.id)
            if slot is None:
                full.append(attempt)
            elif await self._with_slot(attempt, slot, others=place < last or bool(full)):
                return
        while full:
            slot = await self._wait_for_slot(full)
            attempt = next(each for each in full if each.provider.id == slot.provider_id)
            full.remove(attempt)
            if await self._with_slot(attempt, slot, others=bool(full)):
                return
        raise self._last_word()

    def _last_word(self) -> LairdError:
        error = most_telling(self._errors)
        if getattr(error, "upstream_code", None) == "context_length_exceeded":
            return ContextLengthExceeded(error.message, param="messages")
        return error

    async def _wait_for_slot(self, full: list[Attempt]) -> Slot:
        waited_from = time.monotonic()
        routing = self._routing
        patience = min(routing.queue_timeout_s, max(0.0, self._deadline - waited_from))
        try:
            return await self._means.slots.acquire_any(
                [attempt.provider.id for attempt in full],
                priority=default_priority(self._call.caller.key, routing.agent_prefix),
                timeout_s=patience,
            )
        finally:
            self._trace.upstream_s += time.monotonic() - waited_from

    async def _with_slot(self, attempt: Attempt, slot: Slot, *, others: bool) -> bool:
        """Try one candidate, again where that helps. True when the client has its answer."""
        tries = 0
        began = time.monotonic()
        try:
            while True:
                try:
                    await self._once(attempt)
                except (UpstreamError, RequestError) as error:
                    self._errors.append(error)
                    spent = time.monotonic() - began
                    verdict = self._verdict(error, attempt, tries, spent, others=others)
                    if verdict.then is Next.STOP:
                        raise self._last_word() from error
                    self._note(attempt, error, verdict)
                    if verdict.then is Next.MOVE_ON:
                        return False
                    await self._pause(verdict.delay_s)
                    tries += 1
                else:
                    return True
        finally:
            slot.release()

    def _verdict(
        self, error: LairdError, attempt: Attempt, tries: int, spent: float, *, others: bool
    ) -> Verdict:
        if self.exchange.begun:
            return Verdict(Next.MOVE_ON if self.exchange.carries_on else Next.STOP)
        verdict = after_failure(
            error,
            tries=tries,
            max_retries=attempt.max_retries,
            spent_s=spent,
            others=others,
            jitter=random.random(),  # noqa: S311 - spreads retries, guards nothing
        )
        late = time.monotonic() + verdict.delay_s >= self._deadline
        if verdict.then is Next.RETRY and (late or not self._means.retries.spend()):
            return Verdict(Next.MOVE_ON)
        return verdict

    async def _pause(self, delay_s: float) -> None:
        if delay_s > 0:
            await asyncio.sleep(delay_s)
            self._trace.upstream_s += delay_s

    def _note(self, attempt: Attempt, error: LairdError, verdict: Verdict) -> None:
        if verdict.then is Next.MOVE_ON and self._trace.failover_from is None:
            self._trace.failover_from = attempt.model.key
        _log.warning(
            "attempt failed",
            request_id=self._call.request_id,
            attempt=self._trace.attempts,
            model=attempt.model.key,
            code=error.code,
            reason=error.message,
            then=verdict.then.value,
            delay_s=round(verdict.delay_s, 3),
        )

    async def _once(self, attempt: Attempt) -> None:
        """Make one upstream call. Raises an `UpstreamError` while the client has seen nothing."""
        provider = attempt.provider
        if self._call.caller.local_only and attempt.model.egress is not Egress.LOCAL:
            # The planner has left such candidates out; nothing may get past here if it ever errs.
            raise RequestError(
                f"'{attempt.model.key}' is external and this request must stay local."
            )
        adapter = self._adapters[provider.id]
        forwards = self.exchange.forwards(adapter)
        request = self._request(adapter, attempt, forwards=forwards)
        timeouts = self._timeouts(attempt)
        self._count_for_the_day(provider)
        trace = self._trace
        trace.attempts += 1
        trace.provider, trace.model = provider.id, attempt.model.id
        row = self._means.books.open(self._call, trace, attempt)
        response: UpstreamResponse | None = None
        try:
            response = await self._means.transport.send(request, timeouts)
            await self._hear(adapter, attempt, response, row, forwards=forwards)
        except UpstreamError as error:
            row.fail(error, response.status if response is not None else error.status)
            self._means.board.record_failure(provider.id, error)
            raise
        except asyncio.CancelledError:
            self.exchange.settle(row, AttemptStatus.CANCELLED)
            raise
        finally:
            if response is not None:
                response.close()
            if not row.settled:  # a defect of ours: the attempt has its row all the same
                self.exchange.settle(row, AttemptStatus.ERROR)
            trace.upstream_s += time.monotonic() - row.began

    async def _hear(
        self,
        adapter: Adapter,
        attempt: Attempt,
        response: UpstreamResponse,
        row: OpenAttempt,
        *,
        forwards: bool,
    ) -> None:
        status = response.status
        if not 200 <= status < 300:
            body = await response.read(_ERROR_BODY_LIMIT)
            raise adapter.read_error(status, response.headers, body)
        head_ms = (time.monotonic() - row.began) * 1000
        self._count_failover(attempt.provider)
        if self._call.facts.stream:
            await self.exchange.stream(adapter, response, row, forwards=forwards)
        else:
            await self.exchange.whole(adapter, response, row, forwards=forwards)
        self._means.board.record_success(attempt.provider.id, head_ms)

    def _count_for_the_day(self, provider: Provider) -> None:
        now_us = time.time_ns() // 1000
        if not self._means.daily.count(provider.id, provider.daily_request_limit, now_us):
            raise UpstreamRateLimited(
                f"'{provider.id}' has had its {provider.daily_request_limit} requests for today"
                " (its dailyRequestLimit). Use another provider, or raise the limit.",
                status=None,
                retry_after_s=_DAY_S - now_us / 1_000_000 % _DAY_S,
            )

    def _count_failover(self, provider: Provider) -> None:
        origin = self._trace.failover_from
        if origin is not None:
            self._means.metrics.failover(origin.partition("/")[0], provider.id)

    def _request(self, adapter: Adapter, attempt: Attempt, *, forwards: bool) -> UpstreamRequest:
        if forwards:
            return adapter.forward_request(attempt.model, self._call.body)
        if self._canonical is None:
            self._canonical = self._call.dialect.request(self._call.body)
        return adapter.chat_request(attempt.model, self.exchange.request(self._canonical))

    def _timeouts(self, attempt: Attempt) -> Timeouts:
        """Return the provider's limits, cut to the chain's and to what is left of the request's."""
        own = attempt.provider.timeouts
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise UpstreamTimeout(
                "The request's time was used up before a provider answered."
                " Try again, or raise the provider's total timeout.",
                phase="total",
            )
        if attempt.timeout_s is None and left >= own.total:
            return own
        first_byte = own.first_byte if attempt.timeout_s is None else attempt.timeout_s
        return Timeouts(
            connect=min(own.connect, first_byte),
            first_byte=first_byte,
            idle=own.idle,
            total=min(own.total, left),
        )
