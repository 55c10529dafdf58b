"""Walks a plan: one attempt after another until one answers. The only place that tries again."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping

import msgspec

from laird.budgets.counters import Counters
from laird.budgets.holding import Hold
from laird.domain.catalog import Egress, Provider, RoutingRules, Timeouts
from laird.domain.chat import ChatRequest
from laird.domain.errors import (
    ContextLengthExceeded,
    CredentialRefused,
    LairdError,
    QuotaExceeded,
    RequestError,
    UnsupportedField,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
)
from laird.domain.plan import Attempt, Plan
from laird.domain.usage import AttemptStatus
from laird.gateway.call import Call, Client, Trace, body_bytes
from laird.gateway.continuation import Continuation
from laird.gateway.exchange import Exchange
from laird.gateway.images import Inliner
from laird.gateway.renewal import Renewal
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
from laird.transport.guard import Guard

_ERROR_BODY_LIMIT = 256 * 1024
_DAY_S = 86_400
_NEGLIGIBLE_S = 0.05
"""What a request's first attempt may run over its total time, for what came before it."""

_log = get_logger("dispatch")


class Means(msgspec.Struct, frozen=True, kw_only=True):
    """What dispatch works with; it lives as long as the server."""

    transport: Transport
    slots: Slots
    daily: DailyCounts
    board: HealthBoard
    books: Books
    budgets: Counters
    metrics: Metrics
    retries: RetryBudget
    guard: Guard | None = None
    """Fetches what requests point at; None where that is switched off."""
    renewal: Renewal | None = None
    """Has another credential where one is refused; None where there is never another."""
    used: dict[str, int] = {}
    """When providers were last asked, UTC microseconds, by id."""


def begin(
    means: Means,
    adapters: Mapping[str, Adapter],
    routing: RoutingRules,
    call: Call,
    plan: Plan,
    client: Client,
    trace: Trace,
) -> Dispatch:
    """Return the walk of a request through its plan, which has at least one attempt."""
    attempts = plan.attempts
    longest = attempts[0].provider.timeouts.total
    if len(attempts) > 1:
        longest = max(attempt.provider.timeouts.total for attempt in attempts)
    said = Continuation() if call.carry_on and call.facts.stream else None
    exchange = Exchange(call, trace, client, said)
    deadline = call.began + longest
    over = plan.over_budget
    return Dispatch(means, adapters, routing, call, plan, trace, exchange, deadline, over)


class Dispatch(msgspec.Struct, eq=False):
    """One request's walk through its plan."""

    _means: Means
    _adapters: Mapping[str, Adapter]
    _routing: RoutingRules
    _call: Call
    _plan: Plan
    _trace: Trace
    exchange: Exchange
    _deadline: float
    _short: bool
    """A budget has no room for what the plan begins with."""
    _canonical: ChatRequest | None = None
    _inliner: Inliner | None = None
    _renewed: dict[str, Adapter] | None = None
    _errors: list[LairdError] = []
    stopping: bool = False
    """Set when the server stops under this request: its cancellation is not the client's."""

    async def run(self) -> None:
        """Answer the client, or raise what best tells it why that was not possible.

        A stream that fails after its beginning ends with an error event and raises nothing.
        """
        try:
            plan = self._plan
            if not await self._try(plan.attempts) and not await self._stand_in(plan):
                raise self._last_word()
        except LairdError as error:
            if not self.exchange.begun:
                raise
            _log.warning("stream cut", request_id=self._call.request_id, code=error.code)
            await self.exchange.break_off(error)

    async def _stand_in(self, plan: Plan) -> bool:
        """Try local candidates in place of those that a budget has no room for."""
        return self._short and bool(plan.stand_ins) and await self._try(plan.stand_ins)

    async def _try(self, attempts: tuple[Attempt, ...]) -> bool:
        """Try candidates in their order, full ones last. True when the client has its answer."""
        full: list[Attempt] = []
        last = len(attempts) - 1
        for place, attempt in enumerate(attempts):
            slot = self._means.slots.try_acquire(attempt.provider.id)
            if slot is None:
                full.append(attempt)
            elif await self._with_slot(attempt, slot, others=place < last or bool(full)):
                return True
        while full:
            slot = await self._wait_for_slot(full)
            attempt = next(each for each in full if each.provider.id == slot.provider_id)
            full.remove(attempt)
            if await self._with_slot(attempt, slot, others=bool(full)):
                return True
        return False

    def _last_word(self) -> LairdError:
        # A failure is told before a want of room: that is what may be cured by another try.
        failures = [each for each in self._errors if not isinstance(each, QuotaExceeded)]
        if failures and len(failures) < len(self._errors):
            short = next(each for each in self._errors if isinstance(each, QuotaExceeded))
            failures[-1].message += f" Beside that, {short.message}"
        error = most_telling(failures or self._errors)
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
                except QuotaExceeded as error:
                    self._errors.append(error)
                    self._short = self._short or error.local
                    self._note(attempt, error, Verdict(Next.MOVE_ON), asked=tries > 0)
                    return False
                except (UpstreamError, RequestError) as error:
                    self._errors.append(error)
                    if isinstance(error, CredentialRefused) and await self._renew(attempt, error):
                        continue
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

    async def _renew(self, attempt: Attempt, error: CredentialRefused) -> bool:
        """Take another credential for a provider that refused one, once; False where there is none.

        Only then it counts against the provider that it refuses what it is sent.
        """
        provider, renewal = attempt.provider, self._means.renewal
        again = self._renewed is not None and provider.id in self._renewed
        if renewal is not None and not again and not self.exchange.begun:
            began = time.monotonic()
            adapter = await renewal.adapter(provider, self._deadline - began)
            self._trace.upstream_s += time.monotonic() - began
            if adapter is not None:
                self._renewed = {**(self._renewed or {}), provider.id: adapter}
                return True
        self._means.board.record_failure(provider.id, error)
        return False

    def _verdict(
        self, error: LairdError, attempt: Attempt, tries: int, spent: float, *, others: bool
    ) -> Verdict:
        if self.exchange.begun:
            # An answer to a prompt that was cut is not one to go on with.
            carries_on = self.exchange.carries_on and not isinstance(error, UpstreamRejected)
            return Verdict(Next.MOVE_ON if carries_on else Next.STOP)
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

    def _note(
        self, attempt: Attempt, error: LairdError, verdict: Verdict, *, asked: bool = True
    ) -> None:
        """Log a failure. What was never asked is not what the request moved on from."""
        if asked and verdict.then is Next.MOVE_ON and self._trace.failover_from is None:
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
        if self._renewed is not None:
            adapter = self._renewed.get(provider.id, adapter)
        forwards = self.exchange.forwards(adapter)
        request = (
            self._forwarded(adapter, attempt)
            if forwards
            else await self._translated(adapter, attempt)
        )
        self.exchange.sent = request
        timeouts = self._timeouts(attempt)
        trace = self._trace
        row = self._open(attempt)
        response: UpstreamResponse | None = None
        try:
            response = await self._means.transport.send(request, timeouts)
            await self._hear(adapter, attempt, response, row, forwards=forwards)
        except UpstreamError as error:
            row.fail(error, response.status if response is not None else error.status)
            if not isinstance(error, CredentialRefused):
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

    def _open(self, attempt: Attempt) -> OpenAttempt:
        """Open the attempt's row, once budgets have room for it and its provider's day has.

        Raises `QuotaExceeded`, `UpstreamRateLimited` and `UsageUnavailable`; nothing is held then.
        """
        means, trace, provider = self._means, self._trace, attempt.provider
        now_us = time.time_ns() // 1000
        hold = self._hold(attempt, now_us) if means.budgets.active else None
        try:
            self._count_for_the_day(provider, now_us)
            trace.attempts += 1
            means.used[provider.id] = now_us
            trace.provider, trace.model = provider.id, attempt.model.id
            trace.gone_local = self._short and attempt.model.egress is Egress.LOCAL
            return means.books.open(self._call, trace, attempt, now_us, hold)
        except LairdError:
            if hold is not None:
                hold.release()
            raise

    def _hold(self, attempt: Attempt, now_us: int) -> Hold | None:
        """Reserve the most that this attempt may cost. Raises `QuotaExceeded`."""
        trace = self._trace
        hold = trace.hold
        if hold is not None:
            trace.hold = None
            if hold.serves(attempt.provider.id, now_us) and not attempt.for_nothing:
                return hold
            hold.release()
        call = self._call
        if call.count is not None:
            return None
        size = body_bytes(call)
        if self.exchange.begun and self.exchange.sent is not None:
            # What was said so far is now a part of the prompt.
            size = max(size, len(self.exchange.sent.body))
        extent = call.facts.extent(size)
        budgets = self._means.budgets
        nano = extent.cost(attempt.provider, attempt.model, budgets.price)
        if nano == 0:
            return None
        key_id, workflow = call.caller.key.id, call.caller.workflow
        return budgets.reserve(key_id, workflow, attempt.provider.id, nano, now_us)

    def _count_for_the_day(self, provider: Provider, now_us: int) -> None:
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

    def _forwarded(self, adapter: Adapter, attempt: Attempt) -> UpstreamRequest:
        call = self._call
        return adapter.forward_request(call.dialect.name, attempt.model, call.body, call.passed)

    async def _translated(self, adapter: Adapter, attempt: Attempt) -> UpstreamRequest:
        call = self._call
        if call.embedding is not None:
            wish = call.embedding.embedding_request(call.body)
            return adapter.embedding_request(attempt.model, wish)
        if call.chat is None:
            raise UnsupportedField(
                f"'{attempt.model.key}' can't answer {call.dialect.name} requests.", param="model"
            )
        if self._canonical is None:
            self._canonical = call.chat.request(call.body)
        request = self._canonical
        if not (adapter.takes_image_urls and adapter.takes_document_urls):
            request = await self._inlined(request, adapter)
        return adapter.chat_request(attempt.model, self.exchange.request(request))

    async def _inlined(self, request: ChatRequest, adapter: Adapter) -> ChatRequest:
        """Return the request with what it points at in it; the wait is none of our overhead."""
        if self._inliner is None:
            local_only = self._call.caller.local_only
            self._inliner = Inliner(self._means.guard, local_only=local_only)
        began = time.monotonic()
        try:
            return await self._inliner.inlined(request, adapter)
        finally:
            self._trace.upstream_s += time.monotonic() - began

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
        if attempt.timeout_s is None and left + _NEGLIGIBLE_S >= own.total:
            return own
        first_byte = own.first_byte if attempt.timeout_s is None else attempt.timeout_s
        return Timeouts(
            connect=min(own.connect, first_byte),
            first_byte=first_byte,
            idle=own.idle,
            total=min(own.total, left),
            begin=attempt.timeout_s,
        )
