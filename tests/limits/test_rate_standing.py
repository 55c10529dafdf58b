"""What a client is told of its limits is what it gets."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laird.domain.errors import InvalidRequest, RateLimited
from laird.domain.keys import RateLimit
from laird.limits.daily import day_left_s
from laird.limits.rates import Allowance, Rates

NOW = 1_000.0


def about(standing: Allowance | None) -> tuple[int, int, float]:
    assert standing is not None
    return standing.limit, standing.remaining, round(standing.reset_s, 6)


def requests_left(rates: Rates, limit: RateLimit, now: float) -> Allowance:
    standing = rates.standing("k", limit, now)
    assert standing.requests is not None
    return standing.requests


def test_an_untouched_limit_is_all_there() -> None:
    standing = Rates().standing("k", RateLimit(60, 1000), NOW)
    assert standing.requests == Allowance(60, 60, 0.0)
    assert standing.tokens == Allowance(1000, 1000, 0.0)


def test_a_limit_that_is_not_set_has_no_standing() -> None:
    standing = Rates().standing("k", RateLimit(requests_per_minute=5), NOW)
    assert standing.tokens is None


def test_what_was_taken_comes_back_evenly() -> None:
    rates = Rates()
    limit = RateLimit(60, 1000)
    rates.admit("k", limit, 500, NOW)
    rates.admit("k", limit, 0, NOW)
    assert about(requests_left(rates, limit, NOW)) == (60, 58, 2.0)
    assert about(rates.standing("k", limit, NOW).tokens) == (1000, 500, 30.0)
    assert requests_left(rates, limit, NOW + 1).remaining == 59
    assert about(requests_left(rates, limit, NOW + 2)) == (60, 60, 0.0)


def test_more_used_than_there_was_is_nothing_left_and_a_longer_time() -> None:
    rates = Rates()
    limit = RateLimit(tokens_per_minute=1000)
    rates.settle("k", limit, estimated=0, actual=2000, now=NOW)
    assert about(rates.standing("k", limit, NOW).tokens) == (1000, 0, 120.0)


def test_a_limit_that_lets_nothing_through_has_nothing_left() -> None:
    assert requests_left(Rates(), RateLimit(requests_per_minute=0), NOW).remaining == 0


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
    left = requests_left(rates, limit, now)
    for _ in range(left.remaining):
        rates.admit("k", limit, 0, now)
    with pytest.raises(RateLimited):
        rates.admit("k", limit, 0, now)
    full = rates.standing("k", limit, now).requests
    assert full is not None
    assert requests_left(rates, limit, now + full.reset_s).remaining == per_minute


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
        for one, other in ((told.requests, asked.requests), (told.tokens, asked.tokens)):
            assert (one is None) == (other is None)
            if one is not None and other is not None:
                assert one.limit == other.limit
                # Numbers that size have their rounding at the end of a minute.
                assert abs(one.remaining - other.remaining) <= 1 + one.limit // 10**6
                assert one.reset_s == pytest.approx(other.reset_s, abs=1e-6)
                assert 0 <= one.remaining <= one.limit
