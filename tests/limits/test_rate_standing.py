"""What a client is told of its limits is what it gets."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laird.domain.errors import InvalidRequest, RateLimited
from laird.domain.keys import RateLimit
from laird.limits.daily import day_left_s
from laird.limits.rates import Rates, left_of

NOW = 1_000.0


def requests_left(rates: Rates, limit: RateLimit, now: float) -> tuple[int, float]:
    standing = rates.standing("k", limit, now)
    assert limit.requests_per_minute is not None
    full_s = standing.requests_s
    return left_of(limit.requests_per_minute, full_s), round(full_s, 6)


def tokens_left(rates: Rates, limit: RateLimit, now: float) -> tuple[int, float]:
    standing = rates.standing("k", limit, now)
    assert limit.tokens_per_minute is not None
    full_s = standing.tokens_s
    return left_of(limit.tokens_per_minute, full_s), round(full_s, 6)


def test_an_untouched_limit_is_all_there() -> None:
    rates, limit = Rates(), RateLimit(60, 1000)
    assert requests_left(rates, limit, NOW) == (60, 0.0)
    assert tokens_left(rates, limit, NOW) == (1000, 0.0)


def test_a_limit_that_was_not_set_is_untouched_when_it_is() -> None:
    rates = Rates()
    rates.settle("k", RateLimit(60, 1000), estimated=0, actual=9000, now=NOW)
    rates.admit("k", RateLimit(60), 50, NOW)
    assert tokens_left(rates, RateLimit(60, 1000), NOW) == (1000, 0.0)
    assert requests_left(rates, RateLimit(60, 1000), NOW) == (59, 1.0)


def test_what_was_taken_comes_back_evenly() -> None:
    rates = Rates()
    limit = RateLimit(60, 1000)
    rates.admit("k", limit, 500, NOW)
    rates.admit("k", limit, 0, NOW)
    assert requests_left(rates, limit, NOW) == (58, 2.0)
    assert tokens_left(rates, limit, NOW) == (500, 30.0)
    assert requests_left(rates, limit, NOW + 1) == (59, 1.0)
    assert requests_left(rates, limit, NOW + 2) == (60, 0.0)


def test_more_used_than_there_was_is_nothing_left_and_a_longer_time() -> None:
    rates = Rates()
    limit = RateLimit(tokens_per_minute=1000)
    rates.settle("k", limit, estimated=0, actual=2000, now=NOW)
    assert tokens_left(rates, limit, NOW) == (0, 120.0)


def test_a_limit_that_lets_nothing_through_has_nothing_left() -> None:
    assert requests_left(Rates(), RateLimit(requests_per_minute=0), NOW)[0] == 0


@settings(deadline=None)
@given(
    per_minute=st.integers(1, 2000),
    taken=st.integers(0, 50),
    pause=st.floats(0, 90, allow_nan=False),
)
def test_as_many_as_are_left_fit_and_no_more(per_minute: int, taken: int, pause: float) -> None:
    rates = Rates()
    limit = RateLimit(requests_per_minute=per_minute)
    for _ in range(min(taken, per_minute)):
        rates.admit("k", limit, 0, NOW)
    now = NOW + pause
    left, _ = requests_left(rates, limit, now)
    for _ in range(left):
        rates.admit("k", limit, 0, now)
    with pytest.raises(RateLimited):
        rates.admit("k", limit, 0, now)
    full_s = rates.standing("k", limit, now).requests_s
    assert requests_left(rates, limit, now + full_s) == (per_minute, 0.0)


@pytest.mark.parametrize(("at_us", "left_s"), [(0, 86_400.0), (86_399_500_000, 0.5)])
def test_a_day_ends_at_midnight_utc(at_us: int, left_s: float) -> None:
    assert day_left_s(20_000 * 86_400_000_000 + at_us) == left_s


@settings(deadline=None)
@given(
    limits=st.tuples(st.none() | st.integers(1, 10**9), st.none() | st.integers(1, 10**9)),
    taken=st.lists(st.tuples(st.integers(0, 1000), st.floats(0, 5)), min_size=1, max_size=8),
)
def test_whoever_is_let_in_hears_what_is_left_then(
    limits: tuple[int | None, int | None], taken: list[tuple[int, float]]
) -> None:
    rates, limit, now = Rates(), RateLimit(*limits), NOW
    for tokens, pause in taken:
        now += pause
        try:
            told = rates.admit("k", limit, tokens, now)
        except (RateLimited, InvalidRequest):
            continue
        asked = rates.standing("k", limit, now)
        if limits == (None, None):
            assert told is None
            continue
        assert told is not None
        for per_minute, one, other in (
            (limits[0], told.requests_s, asked.requests_s),
            (limits[1], told.tokens_s, asked.tokens_s),
        ):
            if per_minute is not None:
                assert one == pytest.approx(other, abs=1e-6)
                # Numbers that size have their rounding at the end of a minute.
                left = left_of(per_minute, one)
                assert abs(left - left_of(per_minute, other)) <= 1 + per_minute // 10**6
                assert 0 <= left <= per_minute
