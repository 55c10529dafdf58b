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
_NEVER = math.inf
_FIRST_SWEEP = 1024


class _Bucket:
    """Moments, in monotonic seconds, at which a key's two buckets are full again."""

    __slots__ = ("requests_full_at", "tokens_full_at")

    def __init__(self) -> None:
        self.requests_full_at = -math.inf
        self.tokens_full_at = -math.inf


class Allowance(msgspec.Struct, frozen=True, gc=False):
    """What is left of one limit."""

    limit: int
    """Per minute."""
    remaining: int
    reset_s: float
    """Seconds until all of it is there again, if nothing is taken meanwhile."""


class RateStanding(msgspec.Struct, frozen=True, gc=False):
    """What is left of a key's limits; None where there is none."""

    requests: Allowance | None
    tokens: Allowance | None


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
        per_minute = limit.requests_per_minute
        tokens_per_minute = limit.tokens_per_minute
        if per_minute is None and tokens_per_minute is None:
            return None
        bucket = self._buckets.get(key_id)
        if bucket is None:
            bucket = self._open(key_id, now)
        requests_s = tokens_s = -_NEVER
        if per_minute is not None:
            step = _MINUTE_S / per_minute if per_minute > 0 else _NEVER
            ahead = bucket.requests_full_at - now
            requests_s = ahead + step if ahead > 0.0 else step
        if tokens_per_minute is not None:
            step = tokens * _MINUTE_S / tokens_per_minute if tokens_per_minute > 0 else _NEVER
            ahead = bucket.tokens_full_at - now
            tokens_s = ahead + step if ahead > 0.0 else step
        if requests_s > _HORIZON_S or tokens_s > _HORIZON_S:
            _refuse(limit, tokens, requests_s, tokens_s)
        bucket.requests_full_at = now + requests_s
        bucket.tokens_full_at = now + tokens_s
        requests = of_tokens = None
        if per_minute is not None:
            left = int(per_minute - per_minute * requests_s / _HORIZON_S)
            requests = Allowance(per_minute, left, requests_s)
        if tokens_per_minute is not None:
            left = int(tokens_per_minute - tokens_per_minute * tokens_s / _HORIZON_S)
            of_tokens = Allowance(tokens_per_minute, left, tokens_s)
        return RateStanding(requests, of_tokens)

    def settle(
        self, key_id: str, limit: RateLimit, estimated: int, actual: int, now: float
    ) -> None:
        """Replace the estimate that `admit` took by the tokens a request really used.

        More than estimated may leave the bucket below empty: the key then waits that off.
        """
        tokens_per_minute = limit.tokens_per_minute
        if tokens_per_minute is None or tokens_per_minute <= 0 or actual == estimated:
            return
        bucket = self._buckets.get(key_id)
        if bucket is None:
            bucket = self._open(key_id, now)
        shift = (actual - estimated) * _MINUTE_S / tokens_per_minute
        bucket.tokens_full_at = max(bucket.tokens_full_at, now) + shift

    def standing(self, key_id: str, limit: RateLimit, now: float) -> RateStanding:
        """Return what is left of a key's limits."""
        bucket = self._buckets.get(key_id) or _FULL
        return RateStanding(
            _allowance(limit.requests_per_minute, bucket.requests_full_at - now),
            _allowance(limit.tokens_per_minute, bucket.tokens_full_at - now),
        )

    def _open(self, key_id: str, now: float) -> _Bucket:
        if len(self._buckets) >= self._sweep_above:
            self._sweep(now)
        bucket = self._buckets[key_id] = _Bucket()
        return bucket

    def _sweep(self, now: float) -> None:
        """Forget full buckets: they are the same as none."""
        self._buckets = {
            key_id: bucket
            for key_id, bucket in self._buckets.items()
            if bucket.requests_full_at > now or bucket.tokens_full_at > now
        }
        self._sweep_above = max(_FIRST_SWEEP, 2 * len(self._buckets))


_FULL = _Bucket()


def _allowance(per_minute: int | None, full_in_s: float) -> Allowance | None:
    if per_minute is None:
        return None
    if full_in_s <= 0.0:
        return Allowance(per_minute, max(0, per_minute), 0.0)
    left = int(per_minute * (1.0 - (full_in_s - _TOLERANCE_S) / _MINUTE_S))
    if not 0 <= left <= per_minute:
        left = max(0, min(left, per_minute))
    return Allowance(per_minute, left, full_in_s)


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
