"""What follows a failed attempt. The only place where Laird decides to try again."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from laird.domain.errors import (
    ConnectionLost,
    LairdError,
    UpstreamError,
    UpstreamFailed,
    UpstreamRateLimited,
    UpstreamRejected,
)

TRANSIENT_STATUSES = frozenset({500, 502, 503, 529})
SHORT_WAIT_S = 2.0
"""A 429 is waited out when it asks for no more than this."""
SWITCH_WITHIN_S = 4.0
"""With another candidate in hand, no more than this is spent on retries of one."""
_FIRST_DELAY_S = 1.0
_LONGEST_DELAY_S = 30.0


class Next(StrEnum):
    """What to do after a failure."""

    RETRY = "retry"
    MOVE_ON = "move_on"
    STOP = "stop"


class Verdict(msgspec.Struct, frozen=True):
    """What to do, and after how many seconds."""

    then: Next
    delay_s: float = 0.0


_MOVE_ON = Verdict(Next.MOVE_ON)
_STOP = Verdict(Next.STOP)


def backoff_s(tries: int, jitter: float) -> float:
    """Return the wait before retry number `tries` (from 1): 1 s, then doubling, jittered.

    `jitter` in [0, 1) takes off up to half of every wait but the first.
    """
    delay = min(_FIRST_DELAY_S * 2 ** (tries - 1), _LONGEST_DELAY_S)
    return delay if tries == 1 else float(delay * (1 - jitter / 2))


def after_failure(
    error: LairdError, *, tries: int, max_retries: int, spent_s: float, others: bool, jitter: float
) -> Verdict:
    """Decide what follows a failure before any content reached the client.

    `tries` counts the retries that this candidate has had, `spent_s` the time it has taken,
    `others` says whether another candidate is left.
    """
    if isinstance(error, UpstreamRejected):
        # The same request would be refused again; only a larger window could help.
        too_long = error.upstream_code == "context_length_exceeded"
        return _MOVE_ON if too_long and others else _STOP
    if isinstance(error, ConnectionLost) and error.stale and tries <= max_retries + 1:
        return Verdict(Next.RETRY)
    delay = _retry_delay(error, tries, jitter)
    if delay is None or tries >= max_retries:
        return _MOVE_ON
    if others and spent_s + delay > SWITCH_WITHIN_S:
        return _MOVE_ON
    return Verdict(Next.RETRY, delay)


def _retry_delay(error: LairdError, tries: int, jitter: float) -> float | None:
    """Return how long to wait before the same candidate is tried again, None for never."""
    if isinstance(error, UpstreamRateLimited):
        wait = error.retry_after_s
        return wait if wait is not None and wait <= SHORT_WAIT_S else None
    if isinstance(error, ConnectionLost):
        return backoff_s(tries + 1, jitter)
    if isinstance(error, UpstreamFailed) and error.status in TRANSIENT_STATUSES:
        return backoff_s(tries + 1, jitter)
    return None


class RetryBudget:
    """Keeps retries to a fifth of the traffic, so that an outage is not made worse by us.

    Each request earns a fifth of a retry, up to a reserve that lets quiet servers retry freely.
    """

    def __init__(self, *, share: float = 0.2, reserve: float = 20.0) -> None:
        self._share = share
        self._reserve = reserve
        self._left = reserve

    def earn(self) -> None:
        """Count one request."""
        if self._left < self._reserve:
            self._left = min(self._reserve, self._left + self._share)

    def spend(self) -> bool:
        """Take one retry; False when there is none left."""
        if self._left < 1:
            return False
        self._left -= 1
        return True


def most_telling(errors: list[LairdError]) -> LairdError:
    """Return the error that best tells the caller why nothing worked.

    A refusal of the request itself is the caller's to mend, so it wins; else the last one, which is
    from the last candidate tried.
    """
    for error in errors:
        if not isinstance(error, UpstreamError) or isinstance(error, UpstreamRejected):
            return error
    return errors[-1]
