"""A circuit breaker as values: a state and an event give the next state.

Closed, it counts failures in a row. The third opens it: ordinary traffic then passes the provider
by, and after a delay one probe is let through (half-open). Its success closes the breaker; its
failure opens it again. Chance and time are arguments, so every transition is a pure function.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Phase(StrEnum):
    """Whether ordinary traffic may pass."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class BreakerPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How patient a breaker is; seconds."""

    threshold: int = 3
    """Failures in a row that open it."""
    first_delay_s: float = 1.0
    """From opening to the first probe; it doubles from there."""
    probe_delay_cap_s: float = 5.0
    """Between probes of a provider that stays away: it is to be back soon after it returns."""
    relapse_delay_cap_s: float = 60.0
    """Between probes of one whose probes succeed while its real traffic keeps failing."""


class Breaker(msgspec.Struct, frozen=True, kw_only=True):
    """The state of one provider's breaker."""

    phase: Phase = Phase.CLOSED
    failures: int = 0
    """Real requests that failed since one succeeded."""
    failed_probes: int = 0
    """Probes in a row that failed, counted anew when it opens."""
    openings: int = 0
    """Times that real traffic opened it since a real request succeeded."""
    probe_at: float = 0.0
    """Monotonic seconds; while it is open, the next probe is due then."""


FRESH = Breaker()


def request_succeeded(_breaker: Breaker) -> Breaker:
    """Return the state after a real request got its answer: all is forgiven."""
    return FRESH


def probe_succeeded(breaker: Breaker) -> Breaker:
    """Return the state after a probe succeeded.

    A closed breaker goes on counting real failures: a server may well be, and still fail all work.
    """
    if breaker.phase is Phase.CLOSED:
        return (
            msgspec.structs.replace(breaker, failed_probes=0) if breaker.failed_probes else breaker
        )
    return Breaker(openings=breaker.openings)


def request_failed(
    breaker: Breaker, *, now: float, jitter: float, policy: BreakerPolicy
) -> Breaker:
    """Return the state after a real request failed. `jitter` is in [0, 1).

    Once it is open, failures of real requests (begun before, or sent as a last resort) change
    nothing about the next probe.
    """
    failed = msgspec.structs.replace(breaker, failures=breaker.failures + 1)
    if breaker.phase is not Phase.CLOSED or _in_a_row(failed) < policy.threshold:
        return failed
    return _opened(failed, openings=failed.openings + 1, now=now, jitter=jitter, policy=policy)


def probe_failed(breaker: Breaker, *, now: float, jitter: float, policy: BreakerPolicy) -> Breaker:
    """Return the state after a probe failed. `jitter` is in [0, 1)."""
    failed = msgspec.structs.replace(breaker, failed_probes=breaker.failed_probes + 1)
    if breaker.phase is not Phase.CLOSED:
        return _waiting(failed, now=now, jitter=jitter, policy=policy)
    if _in_a_row(failed) < policy.threshold:
        return failed
    return _opened(failed, openings=1, now=now, jitter=jitter, policy=policy)


def probe_started(breaker: Breaker, *, now: float) -> Breaker | None:
    """Return the state with a probe under way, None when none may be sent now.

    While it is closed, probes are always welcome. Half-open means that the one probe is under way.
    """
    if breaker.phase is Phase.CLOSED:
        return breaker
    if breaker.phase is Phase.HALF_OPEN or now < breaker.probe_at:
        return None
    return msgspec.structs.replace(breaker, phase=Phase.HALF_OPEN)


def probe_abandoned(breaker: Breaker) -> Breaker:
    """Return the state after a probe was given up without a result: another one may go."""
    if breaker.phase is not Phase.HALF_OPEN:
        return breaker
    return msgspec.structs.replace(breaker, phase=Phase.OPEN)


def _in_a_row(breaker: Breaker) -> int:
    return breaker.failures + breaker.failed_probes


def _opened(
    breaker: Breaker, *, openings: int, now: float, jitter: float, policy: BreakerPolicy
) -> Breaker:
    opened = msgspec.structs.replace(breaker, failed_probes=0, openings=openings)
    return _waiting(opened, now=now, jitter=jitter, policy=policy)


def _waiting(breaker: Breaker, *, now: float, jitter: float, policy: BreakerPolicy) -> Breaker:
    """Open it until the next probe: the longer it has failed, the later, spread by a quarter."""
    first = policy.first_delay_s
    # Exponents are bounded, since a provider may be away for months.
    away = min(first * 2.0 ** min(breaker.failed_probes, 30), policy.probe_delay_cap_s)
    relapsed = min(first * 2.0 ** min(breaker.openings - 1, 30), policy.relapse_delay_cap_s)
    delay = max(away, relapsed) * (0.75 + jitter / 2)
    return msgspec.structs.replace(breaker, phase=Phase.OPEN, probe_at=now + delay)
