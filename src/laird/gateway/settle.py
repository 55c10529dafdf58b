"""The books of one attempt: opened before the upstream is called, settled exactly once."""

from __future__ import annotations

import time
from typing import Protocol

import msgspec

from laird.budgets.counters import Counters
from laird.budgets.holding import Hold
from laird.domain.catalog import FREE, Egress, Model
from laird.domain.errors import LairdError
from laird.domain.money import NANO
from laird.domain.plan import Attempt, RequestFacts
from laird.domain.tokens import TokenUsage, estimate_tokens
from laird.domain.usage import AttemptFinished, AttemptStarted, AttemptStatus
from laird.gateway.call import Call, Trace
from laird.pricing.cost import cost_nano
from laird.telemetry.metrics import Metrics
from laird.usage.bounds import bounded_cost

EXPECTED_OUTPUT_TOKENS = 500
"""Output assumed for an estimate where the client set no limit."""

_NOTHING = TokenUsage()
_EGRESS_WORDS = (Egress.EXTERNAL.value, Egress.LOCAL.value)


class Journal(Protocol):
    """Where attempts are written down before and after."""

    def start(self, record: AttemptStarted) -> None:
        """Write that an attempt begins. Raises `UsageUnavailable`: then nothing may be sent."""
        ...

    def finish(self, record: AttemptFinished) -> None:
        """Write how an attempt ended. Never raises: the record is kept until it can be written."""
        ...


class OpenAttempt(msgspec.Struct, eq=False):
    """An attempt under way. `settle` takes effect once; later calls change nothing."""

    _books: Books
    _model: Model
    started: AttemptStarted
    hold: Hold | None
    """What budgets hold for it; None where none does, or where it costs nothing."""
    began: float
    """Monotonic seconds."""
    first_content: float | None = None
    """Monotonic seconds at which the first content came."""
    _settled: bool = False

    @property
    def settled(self) -> bool:
        """True once the attempt has its row."""
        return self._settled

    def settle(
        self,
        status: AttemptStatus,
        *,
        usage: TokenUsage | None,
        output_chars: int = 0,
        error: LairdError | None = None,
        http_status: int | None = None,
    ) -> AttemptFinished | None:
        """Write the row; `usage` of None means that the provider did not say, so it is estimated.

        Returns the row, or None when the attempt had one already.
        """
        if self._settled:
            return None
        self._settled = True
        if usage is None:
            usage = TokenUsage(
                prompt=self.started.prompt_tokens,
                completion=estimate_tokens(output_chars),
                estimated=True,
            )
        elif usage.estimated:
            # A stream that broke off may have counted its input and not yet its output.
            seen = max(usage.completion, estimate_tokens(output_chars))
            usage = msgspec.structs.replace(usage, completion=seen)
        return self._books.close(self, self._model, status, usage, error, http_status)

    def fail(self, error: LairdError, http_status: int | None) -> None:
        """Write the row of an attempt that gave nothing and is taken to cost nothing."""
        self.settle(AttemptStatus.ERROR, usage=_NOTHING, error=error, http_status=http_status)


class Books:
    """Opens and closes the rows of attempts, with their cost at the time of the call."""

    def __init__(self, journal: Journal, metrics: Metrics, budgets: Counters) -> None:
        self._journal = journal
        self._metrics = metrics
        self._budgets = budgets

    def open(
        self, call: Call, trace: Trace, attempt: Attempt, at_us: int, hold: Hold | None
    ) -> OpenAttempt:
        """Write that an attempt begins at an instant (UTC microseconds), with what is held for it.

        Raises `UsageUnavailable`: then nothing may be sent.
        """
        model = attempt.model
        pricing = model.pricing if attempt.provider.cost_tracking else None
        facts = call.facts
        caller = call.caller
        estimate = None
        if pricing is not None:
            estimate = 0 if pricing is FREE else cost_nano(pricing, _expected(facts, model))
        started = AttemptStarted(
            request_id=call.request_id,
            attempt=trace.attempts,
            at_us=at_us,
            key_id=caller.key.id,
            provider=attempt.provider.id,
            model=model.id,
            upstream_model=model.upstream_model,
            dialect=call.dialect.name,
            stream=facts.stream,
            prompt_tokens=facts.prompt_tokens,
            cost_nano=estimate,
            price_version=pricing.version if pricing is not None else None,
            failover_from=trace.failover_from,
            privacy="local" if caller.local_only else "any",
            privacy_reason=caller.privacy_reason,
            workflow=caller.workflow,
            node=caller.node,
            egress=_EGRESS_WORDS[model.egress is Egress.LOCAL],
        )
        self._journal.start(started)
        return OpenAttempt(self, model, started, hold, time.monotonic())

    def close(
        self,
        row: OpenAttempt,
        model: Model,
        status: AttemptStatus,
        usage: TokenUsage,
        error: LairdError | None,
        http_status: int | None,
    ) -> AttemptFinished:
        """Price and write one finished attempt."""
        started = row.started
        cost = None
        if started.price_version is not None and model.pricing is not None:
            free = usage is _NOTHING or model.pricing is FREE
            cost = 0 if free else cost_nano(model.pricing, usage)
        first = row.first_content
        finished = AttemptFinished(
            started=started,
            status=status,
            error=error.code if error is not None else None,
            http_status=http_status,
            prompt_tokens=usage.prompt,
            completion_tokens=usage.completion,
            cached_tokens=usage.cached,
            cache_write_tokens=usage.cache_write,
            reasoning_tokens=usage.reasoning,
            estimated=usage.estimated,
            cost_nano=cost,
            latency_ms=(time.monotonic() - row.began) * 1000,
            ttft_ms=(first - row.began) * 1000 if first is not None else None,
        )
        self._journal.finish(finished)
        if self._budgets.active or row.hold is not None:
            # What the ledger will hold, whatever a provider claims.
            self._budgets.settle(started, bounded_cost(cost or 0), row.hold)
        self._count(finished, error)
        return finished

    def _count(self, row: AttemptFinished, error: LairdError | None) -> None:
        provider, model = row.started.provider, row.started.model
        if error is not None:
            self._metrics.attempt_error(provider, error.code)
        self._metrics.tokens(
            provider,
            model,
            prompt=row.prompt_tokens,
            completion=row.completion_tokens,
            cost_usd=(row.cost_nano or 0) / NANO,
        )
        if row.ttft_ms is not None:
            self._metrics.first_token(provider, model, row.ttft_ms / 1000)


def _expected(facts: RequestFacts, model: Model) -> TokenUsage:
    """Return what an attempt is likely to take, for the case that nobody lives to tell."""
    output = facts.max_tokens
    if output is None:
        output = min(EXPECTED_OUTPUT_TOKENS, model.max_tokens or EXPECTED_OUTPUT_TOKENS)
    return TokenUsage(prompt=facts.prompt_tokens, completion=output)
