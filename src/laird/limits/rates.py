"""Rates: requests and tokens per minute, by key.

Each limit is a bucket that holds one minute's worth and refills evenly. A bucket is kept as one
number, the moment at which it will be full again: what a request takes moves that moment on by the
time the refill needs, and a request fits while the moment is at most a minute ahead. A changed
limit therefore counts from the next request on, with the share already used carried over.

Over any span of t seconds no more is let through than one minute's worth plus t seconds of refill,
plus the estimates of requests that were still unsettled when the span began.
"""

from __future__ import annotations

import math
from typing import NoReturn

import msgspec

from laird.domain.errors import InvalidRequest, NotAllowed, RateLimited
from laird.domain.keys import RateLimit

_MINUTE_S = 60.0
_TOLERANCE_S = 1e-6
"""Sums of fractions of a minute may miss the whole minute by a rounding error."""
_HORIZON_S = _MINUTE_S + _TOLERANCE_S
_NEVER_S = 1e300
"""Longer than anybody waits. Finite, since no tokens take no time even then."""
_FIRST_SWEEP = 1024


class _Bucket:
    """One key's two buckets, by its limits of the moment."""

    __slots__ = ("limit", "request_s", "requests_full_at", "token_s", "tokens_full_at")

    def __init__(self, limit: RateLimit) -> None:
        self.requests_full_at = -math.inf
        """Monotonic seconds at which it is full again, as below."""
        self.tokens_full_at = -math.inf
        self.fit(limit)

    def fit(self, limit: RateLimit) -> None:
        """Refill as a limit says from now on; what was used counts on where there still is one."""
        self.limit = limit
        if limit.requests_per_minute is None:
            self.requests_full_at = -math.inf
        if limit.tokens_per_minute is None:
            self.tokens_full_at = -math.inf
        self.request_s = _refill_s(limit.requests_per_minute)
        """Seconds that the refill of one request takes, as below of one token."""
        self.token_s = _refill_s(limit.tokens_per_minute)


def _refill_s(per_minute: int | None) -> float:
    if per_minute is None:
        return 0.0
    return _MINUTE_S / per_minute if per_minute > 0 else _NEVER_S


class RateStanding(msgspec.Struct, frozen=True, gc=False):
    """What is left of a key's limits."""

    limit: RateLimit
    requests_s: float
    """Seconds until all of it is there again, if nothing is taken meanwhile; as below."""
    tokens_s: float


def left_of(per_minute: int, full_in_s: float) -> int:
    """Return what is left of a limit that is all there again in so many seconds, 0 or more."""
    # By the horizon, a sum that misses the whole minute by a rounding error is the whole.
    return max(0, int(per_minute - per_minute * full_in_s / _HORIZON_S))


class Rates:
    """The rates of all keys. `now` is monotonic seconds throughout and must not run backwards."""

    def __init__(self) -> None:
        self._buckets: dict[str, _Bucket] = {}
        self._sweep_above = _FIRST_SWEEP

    def __len__(self) -> int:
        """Return how many keys are remembered."""
        return len(self._buckets)

    def admit(self, key_id: str, limit: RateLimit, tokens: int, now: float) -> RateStanding | None:
        """Take one request and `tokens` (an estimate, see `settle`) from the key's buckets.

        Takes from both or, when it raises, from neither. Returns what is left; None where the key
        has no limits.

        Raises:
            RateLimited: A bucket is too empty; `retry_after_s` (whole seconds) says when the same
                request fits if the key makes no other.
            InvalidRequest: The request alone exceeds what the key may use in a minute, so waiting
                can't help.
            NotAllowed: The key's limit lets no request through at all.
        """
        if limit.requests_per_minute is None and limit.tokens_per_minute is None:
            return None
        bucket = self._buckets.get(key_id)
        if bucket is None or bucket.limit is not limit:
            bucket = self._fitted(key_id, limit, now)
        requests_s = bucket.request_s
        tokens_s = bucket.token_s * tokens
        ahead = bucket.requests_full_at - now
        if ahead > 0.0:
            requests_s += ahead
        ahead = bucket.tokens_full_at - now
        if ahead > 0.0:
            tokens_s += ahead
        if requests_s > _HORIZON_S or tokens_s > _HORIZON_S:
            _refuse(limit, tokens, requests_s, tokens_s)
        bucket.requests_full_at = now + requests_s
        bucket.tokens_full_at = now + tokens_s
        return RateStanding(limit, requests_s, tokens_s)

    def settle(
        self, key_id: str, limit: RateLimit, estimated: int, actual: int, now: float
    ) -> None:
        """Replace the estimate that `admit` took by the tokens a request really used.

        More than estimated may leave the bucket below empty: the key then waits that off.
        """
        tokens_per_minute = limit.tokens_per_minute
        if actual == estimated or tokens_per_minute is None or tokens_per_minute <= 0:
            return
        bucket = self._buckets.get(key_id)
        if bucket is None:
            bucket = self._fitted(key_id, limit, now)
        elif bucket.limit.tokens_per_minute is None:
            return
        # By the limit it was admitted with, which need not be the one in force now.
        shift = (actual - estimated) * _MINUTE_S / tokens_per_minute
        bucket.tokens_full_at = max(now, bucket.tokens_full_at) + shift

    def standing(self, key_id: str, limit: RateLimit, now: float) -> RateStanding:
        """Return what is left of a key's limits."""
        bucket = self._buckets.get(key_id)
        if bucket is None:
            return RateStanding(limit, 0.0, 0.0)
        requests_s, tokens_s = bucket.requests_full_at - now, bucket.tokens_full_at - now
        return RateStanding(limit, max(requests_s, 0.0), max(tokens_s, 0.0))

    def _fitted(self, key_id: str, limit: RateLimit, now: float) -> _Bucket:
        """Return a key's bucket, by other limits than before where it has one."""
        bucket = self._buckets.get(key_id)
        if bucket is not None:
            bucket.fit(limit)
            return bucket
        if len(self._buckets) >= self._sweep_above:
            self._sweep(now)
        bucket = self._buckets[key_id] = _Bucket(limit)
        return bucket

    def _sweep(self, now: float) -> None:
        """Forget full buckets: they are the same as none."""
        self._buckets = {
            key_id: bucket
            for key_id, bucket in self._buckets.items()
            if bucket.requests_full_at > now or bucket.tokens_full_at > now
        }
        self._sweep_above = max(_FIRST_SWEEP, 2 * len(self._buckets))


def _refuse(limit: RateLimit, tokens: int, requests_s: float, tokens_s: float) -> NoReturn:
    """Raise what fits; `requests_s` and `tokens_s` are how far ahead each bucket would be full."""
    allowed_requests, allowed_tokens = limit.requests_per_minute, limit.tokens_per_minute
    if allowed_requests is not None and allowed_requests <= 0:
        raise NotAllowed(
            f"This key's requests_per_minute is {allowed_requests}, which lets no request through."
            " Raise it to use the key."
        )
    if allowed_tokens is not None and tokens > max(allowed_tokens, 0):
        raise InvalidRequest(
            f"This request may use {tokens} tokens, and its key has {allowed_tokens} tokens per"
            " minute in all, so waiting does not help. Shorten the prompt, ask for fewer output"
            " tokens, or raise the key's tokens_per_minute."
        )
    wait_s = float(math.ceil(max(requests_s, tokens_s) - _MINUTE_S - _TOLERANCE_S))
    if requests_s >= tokens_s:
        which, field = f"{allowed_requests} requests per minute", "requests_per_minute"
    else:
        which, field = f"{allowed_tokens} tokens per minute", "tokens_per_minute"
    raise RateLimited(
        f"This key has reached its limit of {which}."
        f" Try again in {wait_s:.0f} s, or raise the key's {field}.",
        retry_after_s=wait_s,
    )
