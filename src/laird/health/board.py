"""What is known of each provider's health, fed by probes and by real traffic.

The board owns the state; the planner and the dashboard read `conditions`, a live mapping of frozen
values. It is used from one event loop and takes no locks.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType

from laird.domain.catalog import Provider, Snapshot
from laird.domain.errors import (
    ConnectionLost,
    CredentialRefused,
    Unreachable,
    UpstreamError,
    UpstreamFailed,
    UpstreamGarbled,
    UpstreamQuota,
    UpstreamRateLimited,
    UpstreamTimeout,
)
from laird.domain.health import HealthStatus, LoadedModel, ProbeResult, ProviderCondition
from laird.health.breaker import (
    FRESH,
    Breaker,
    BreakerPolicy,
    Phase,
    probe_abandoned,
    probe_failed,
    probe_started,
    probe_succeeded,
    request_failed,
    request_succeeded,
)

Listener = Callable[[str, ProviderCondition], None]

REST_S = 10.0
"""How long a provider is left alone after a 429 that names no time."""
LONGEST_REST_S = 300.0
SLOW_SHARE = 0.4
"""A probe that takes more than this share of its timeout is slow."""
RECHECK_S = 5.0
"""A provider that has just failed is probed again after this long, not a whole interval."""

_ILL = (Unreachable, ConnectionLost, UpstreamTimeout, UpstreamFailed, UpstreamGarbled)
_ANSWERED = (UpstreamRateLimited, UpstreamQuota, CredentialRefused)
"""What a probe may be told by a server that is up."""
_SMOOTHING = 0.2
_NOTICEABLE = 0.25


class _State:
    """What the board keeps of one provider."""

    __slots__ = (
        "average_ms",
        "breaker",
        "calm",
        "condition",
        "credential_bad",
        "error",
        "failed",
        "heard",
        "last_error",
        "loaded",
        "provider",
        "resting_until",
        "served",
        "served_ms",
        "slow",
        "tolerance_ms",
    )

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.breaker: Breaker = FRESH
        self.condition = ProviderCondition()
        self.heard = False
        self.slow = False
        self.error: str | None = None
        self.credential_bad = False
        self.resting_until = 0.0
        self.average_ms: float | None = None
        self.tolerance_ms = 0.0
        """How far the average may move from the published latency before it is published again."""
        self.calm = False
        """A success of real traffic would change nothing but the average."""
        self.served = 0
        """Real requests since they were last taken, like the three that follow."""
        self.served_ms = 0.0
        self.failed = 0
        self.last_error: str | None = None
        self.loaded: tuple[LoadedModel, ...] | None = None


class HealthBoard:
    """The health of all providers.

    Args:
        clock: monotonic seconds, the clock of `ProviderCondition.resting_until`.
        jitter: returns a number in [0, 1), to spread probes.
        policy: how patient the breakers are.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
        policy: BreakerPolicy | None = None,
    ) -> None:
        self._clock = clock
        self._jitter = jitter
        self._policy = policy or BreakerPolicy()
        self._states: dict[str, _State] = {}
        self._conditions: dict[str, ProviderCondition] = {}
        self._listeners: list[Listener] = []
        self.conditions: Mapping[str, ProviderCondition] = MappingProxyType(self._conditions)
        """Conditions by provider id: a live view."""

    def listen(self, listener: Listener) -> None:
        """Call `listener` with the provider's id and its new condition after each change."""
        self._listeners.append(listener)

    def configure(self, snapshot: Snapshot) -> None:
        """Follow a new configuration.

        Providers that are gone are forgotten. One whose endpoint or credential has changed, or
        that was enabled again, starts anew; all others keep their state.
        """
        for provider_id in self._states.keys() - snapshot.providers.keys():
            del self._states[provider_id]
            del self._conditions[provider_id]
        for provider_id, provider in snapshot.providers.items():
            state = self._states.get(provider_id)
            if state is not None and _same_upstream(state.provider, provider):
                state.provider = provider
            else:
                state = self._states[provider_id] = _State(provider)
                self._conditions[provider_id] = state.condition

    def record_success(self, provider_id: str, latency_ms: float) -> None:
        """Take note of a real request that got its answer; `latency_ms` is to the first byte."""
        state = self._states.get(provider_id)
        if state is None:
            return
        state.served += 1
        state.served_ms += latency_ms
        average = state.average_ms
        if average is not None:
            average += (latency_ms - average) * _SMOOTHING
            state.average_ms = average
            if state.calm:
                published = state.condition.latency_ms
                if published is not None and abs(average - published) <= state.tolerance_ms:
                    return
        else:
            state.average_ms = latency_ms
        state.heard = True
        state.breaker = request_succeeded(state.breaker)
        state.credential_bad = False
        state.error = None
        self._publish(state)

    def record_failure(self, provider_id: str, error: UpstreamError) -> None:
        """Take note of a real request that failed.

        Faults of the connection or the server count against its health, but for those that are
        about one of its models alone. A 429 makes it rest, a refused credential is marked; anything
        else says nothing about health.
        """
        state = self._states.get(provider_id)
        if state is None:
            return
        if isinstance(error, _ILL):
            if isinstance(error, ConnectionLost) and error.stale:
                return  # a kept-alive connection that the server had closed: nobody's fault
            state.last_error = error.message
            state.failed += 1
            if not error.of_model:
                state.error = error.message
                state.breaker = request_failed(
                    state.breaker, now=self._clock(), jitter=self._jitter(), policy=self._policy
                )
        elif not self._mark(state, error):
            return
        state.heard = True
        self._publish(state)

    def record_probe(self, result: ProbeResult) -> None:
        """Take note of what a probe found."""
        state = self._states.get(result.provider_id)
        if state is None:
            return
        state.heard = True
        if result.ok:
            state.breaker = probe_succeeded(state.breaker)
            state.slow = result.latency_ms > state.provider.health.timeout * 1000 * SLOW_SHARE
            state.credential_bad = False
            state.error = None
        else:
            state.breaker = probe_failed(
                state.breaker, now=self._clock(), jitter=self._jitter(), policy=self._policy
            )
            state.error = result.error or "its health probe failed"
        self._publish(state)

    def record_probe_error(self, provider_id: str, error: UpstreamError) -> None:
        """Take note of a probe that raised.

        A server that answers with a 429, or that refuses the credential, is there all the same.
        """
        state = self._states.get(provider_id)
        if state is None:
            return
        state.heard = True
        if isinstance(error, _ANSWERED):
            state.breaker = probe_succeeded(state.breaker)
            state.error = None
            self._mark(state, error)
        else:
            state.breaker = probe_failed(
                state.breaker, now=self._clock(), jitter=self._jitter(), policy=self._policy
            )
            state.error = error.message
        self._publish(state)

    def record_state(self, provider_id: str, loaded: tuple[LoadedModel, ...] | None) -> None:
        """Take note of the models that a provider holds in memory; None when it does not say."""
        state = self._states.get(provider_id)
        if state is not None and state.loaded != loaded:
            state.loaded = loaded
            self._publish(state)

    def take_traffic(self, at_us: int) -> list[ProbeResult]:
        """Return what real traffic showed since the last call, and count anew.

        For each provider at most one sample of its successes, with their average latency, and one
        of its failures, with the last of them.
        """
        samples: list[ProbeResult] = []
        for provider_id, state in self._states.items():
            if state.served:
                mean = state.served_ms / state.served
                samples.append(_traffic(provider_id, at_us, mean, None))
            if state.failed:
                samples.append(_traffic(provider_id, at_us, 0.0, state.last_error))
            state.served, state.served_ms, state.failed, state.last_error = 0, 0.0, 0, None
        return samples

    def start_probe(self, provider_id: str) -> bool:
        """Tell whether a probe may be sent now; while the breaker is open, only one at a time.

        Every probe that was allowed is followed by a record of its result, or by `abandon_probe`.
        """
        state = self._states.get(provider_id)
        if state is None:
            return False
        started = probe_started(state.breaker, now=self._clock())
        if started is None:
            return False
        state.breaker = started
        return True

    def abandon_probe(self, provider_id: str) -> None:
        """Let another probe go where one was given up without a result."""
        state = self._states.get(provider_id)
        if state is not None:
            state.breaker = probe_abandoned(state.breaker)

    def probe_due(self, provider_id: str, planned: float) -> float:
        """Return when the next probe is due, monotonic seconds; `planned` when all is well.

        A provider that is away, or has just failed, is probed sooner than others.
        """
        state = self._states.get(provider_id)
        if state is None:
            return planned
        if state.breaker.phase is not Phase.CLOSED:
            return state.breaker.probe_at
        return planned if state.error is None else min(planned, self._clock() + RECHECK_S)

    def _mark(self, state: _State, error: UpstreamError) -> bool:
        """Note a pause that was asked for, or a bad credential; False when it is neither."""
        if isinstance(error, UpstreamRateLimited):
            asked = REST_S if error.retry_after_s is None else error.retry_after_s
            until = self._clock() + min(max(asked, 0.0), LONGEST_REST_S)
            state.resting_until = max(state.resting_until, until)
            return True
        if isinstance(error, CredentialRefused):
            state.credential_bad = True
            state.error = error.message
            return True
        return False

    def _publish(self, state: _State) -> None:
        """Replace the provider's condition when something in it has changed."""
        condition = ProviderCondition(
            status=_status(state),
            admits=state.breaker.phase is Phase.CLOSED,
            resting_until=state.resting_until,
            latency_ms=state.average_ms,
            error=state.error,
            credential_bad=state.credential_bad,
            loaded=state.loaded,
        )
        state.calm = state.breaker is FRESH and state.error is None and not state.credential_bad
        state.tolerance_ms = (state.average_ms or 0.0) * _NOTICEABLE
        if condition == state.condition:
            return
        state.condition = condition
        provider_id = state.provider.id
        self._conditions[provider_id] = condition
        for listener in self._listeners:
            listener(provider_id, condition)


def _status(state: _State) -> HealthStatus:
    if state.breaker.phase is not Phase.CLOSED:
        return HealthStatus.OFFLINE
    if state.error is not None or state.slow:
        return HealthStatus.DEGRADED
    return HealthStatus.HEALTHY if state.heard else HealthStatus.UNKNOWN


def _traffic(provider_id: str, at_us: int, latency_ms: float, error: str | None) -> ProbeResult:
    return ProbeResult(
        provider_id=provider_id,
        ok=error is None,
        at_us=at_us,
        latency_ms=latency_ms,
        error=error,
        probe=False,
    )


def _same_upstream(before: Provider, after: Provider) -> bool:
    return (
        before.endpoint == after.endpoint
        and before.kind == after.kind
        and before.auth_type == after.auth_type
        and before.secret == after.secret
        and before.enabled == after.enabled
    )
