"""What a key's limits per minute promise."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laird.domain.errors import InvalidRequest, NotAllowed, RateLimited
from laird.domain.keys import RateLimit
from laird.limits.rates import Rates

NOW = 1_000.0


def fill(rates: Rates, limit: RateLimit, tokens: int, now: float) -> int:
    """Admit until refused; returns how many fitted."""
    count = 0
    while True:
        try:
            rates.admit("k", limit, tokens, now)
        except RateLimited:
            return count
        count += 1


@pytest.mark.parametrize("per_minute", [1, 3, 7, 60, 100, 999, 6000])
def test_a_minute_of_requests_fits_at_once_and_no_more(per_minute: int) -> None:
    rates = Rates()
    limit = RateLimit(requests_per_minute=per_minute)
    assert fill(rates, limit, 0, NOW) == per_minute
    assert fill(rates, limit, 0, NOW + 60) == per_minute


@pytest.mark.parametrize("per_minute", [1, 7, 60, 90, 1000])
def test_retry_after_is_right_to_the_second(per_minute: int) -> None:
    rates = Rates()
    limit = RateLimit(requests_per_minute=per_minute)
    fill(rates, limit, 0, NOW)
    with pytest.raises(RateLimited) as refused:
        rates.admit("k", limit, 0, NOW)
    wait_s = refused.value.retry_after_s
    assert wait_s == -(-60 // per_minute)
    if wait_s > 1:
        with pytest.raises(RateLimited):
            rates.admit("k", limit, 0, NOW + wait_s - 1)
    rates.admit("k", limit, 0, NOW + wait_s)


def test_the_message_names_the_limit_and_the_way_out() -> None:
    rates = Rates()
    by_requests = RateLimit(requests_per_minute=1, tokens_per_minute=1000)
    rates.admit("a", by_requests, 10, NOW)
    with pytest.raises(RateLimited, match=r"1 requests per minute.*60 s.*requests_per_minute"):
        rates.admit("a", by_requests, 10, NOW)
    by_tokens = RateLimit(requests_per_minute=100, tokens_per_minute=1000)
    rates.admit("b", by_tokens, 700, NOW)
    with pytest.raises(RateLimited, match=r"1000 tokens per minute.*24 s.*tokens_per_minute"):
        rates.admit("b", by_tokens, 700, NOW)


def test_a_refused_request_takes_nothing() -> None:
    rates = Rates()
    limit = RateLimit(requests_per_minute=2, tokens_per_minute=100)
    rates.admit("k", limit, 60, NOW)
    for _ in range(5):
        with pytest.raises(RateLimited):
            rates.admit("k", limit, 60, NOW)
    rates.admit("k", limit, 40, NOW)


def test_a_request_larger_than_the_whole_minute_is_told_so_and_not_to_wait() -> None:
    rates = Rates()
    limit = RateLimit(tokens_per_minute=1000)
    rates.admit("k", limit, 1000, NOW)
    with pytest.raises(InvalidRequest, match=r"1001 tokens.*1000 tokens per minute.*not help"):
        rates.admit("k", limit, 1001, NOW + 3600)


@pytest.mark.parametrize("nothing", [0, -5])
def test_limits_that_let_nothing_through_say_so(nothing: int) -> None:
    rates = Rates()
    with pytest.raises(NotAllowed, match="no request through"):
        rates.admit("k", RateLimit(requests_per_minute=nothing), 0, NOW)
    with pytest.raises(InvalidRequest):
        rates.admit("k", RateLimit(tokens_per_minute=nothing), 5, NOW)
    rates.settle("k", RateLimit(tokens_per_minute=nothing), estimated=5, actual=9, now=NOW)


def test_keys_are_apart() -> None:
    rates = Rates()
    limit = RateLimit(requests_per_minute=1)
    rates.admit("a", limit, 0, NOW)
    rates.admit("b", limit, 0, NOW)
    with pytest.raises(RateLimited):
        rates.admit("a", limit, 0, NOW)


def test_a_changed_limit_counts_from_the_next_request_on() -> None:
    rates = Rates()
    for _ in range(5):
        rates.admit("k", RateLimit(requests_per_minute=10), 0, NOW)
    assert fill(rates, RateLimit(requests_per_minute=100), 0, NOW) == 50
    with pytest.raises(RateLimited):
        rates.admit("k", RateLimit(requests_per_minute=2), 0, NOW)
    rates.admit("k", RateLimit(), 10**9, NOW)


def test_what_ends_under_an_older_limit_changes_nothing_else_of_the_new_one() -> None:
    rates = Rates()
    by_tokens = RateLimit(tokens_per_minute=1000)
    for _ in range(2):
        rates.admit("k", by_tokens, 100, NOW)
    both = RateLimit(requests_per_minute=1, tokens_per_minute=2000)
    rates.admit("k", both, 0, NOW)
    rates.settle("k", by_tokens, estimated=100, actual=50, now=NOW)
    with pytest.raises(RateLimited, match="1 requests per minute"):
        rates.admit("k", both, 0, NOW)
    # Of 200 of 1000, so of 12 s, half of the first was given back.
    assert rates.standing("k", both, NOW).tokens_s == pytest.approx(9)


def test_what_ends_after_its_limit_was_lifted_is_charged_to_none() -> None:
    rates = Rates()
    both = RateLimit(requests_per_minute=10, tokens_per_minute=1000)
    by_requests = RateLimit(requests_per_minute=10)
    rates.admit("k", both, 100, NOW)
    rates.admit("k", by_requests, 0, NOW)
    rates.settle("k", both, estimated=100, actual=90_000, now=NOW)
    rates.admit("k", by_requests, 10**6, NOW)
    assert rates.standing("k", both, NOW).requests_s == pytest.approx(18)


def test_settling_gives_back_what_was_not_used_and_charges_what_was() -> None:
    rates = Rates()
    limit = RateLimit(tokens_per_minute=1000)
    rates.admit("k", limit, 900, NOW)
    with pytest.raises(RateLimited):
        rates.admit("k", limit, 900, NOW)
    rates.settle("k", limit, estimated=900, actual=100, now=NOW)
    rates.admit("k", limit, 900, NOW)
    rates.settle("k", limit, estimated=900, actual=1900, now=NOW)
    with pytest.raises(RateLimited) as refused:
        rates.admit("k", limit, 100, NOW)
    assert refused.value.retry_after_s == 66.0
    rates.admit("k", limit, 100, NOW + 66)


def test_a_long_answer_is_charged_even_when_its_key_was_forgotten() -> None:
    rates = Rates()
    limit = RateLimit(tokens_per_minute=1000)
    rates.settle("k", limit, estimated=10, actual=1010, now=NOW)
    with pytest.raises(RateLimited):
        rates.admit("k", limit, 1, NOW)
    rates.settle("free", RateLimit(), estimated=10, actual=1010, now=NOW)
    rates.settle("exact", limit, estimated=10, actual=10, now=NOW)
    assert len(rates) == 1


def test_nothing_is_gained_by_settling_after_the_bucket_is_full_again() -> None:
    rates = Rates()
    limit = RateLimit(tokens_per_minute=60)
    rates.admit("k", limit, 60, NOW)
    rates.settle("k", limit, estimated=60, actual=0, now=NOW + 600)
    assert fill(rates, limit, 1, NOW + 600) == 60


def test_keys_without_limits_are_not_remembered() -> None:
    rates = Rates()
    rates.admit("k", RateLimit(), 10**9, NOW)
    assert len(rates) == 0


def test_memory_is_bounded_by_the_keys_in_use() -> None:
    rates = Rates()
    limit = RateLimit(requests_per_minute=60)
    for number in range(20_000):
        rates.admit(f"k{number}", limit, 0, NOW + number * 0.01)
    assert len(rates) <= 1200
    busy = RateLimit(requests_per_minute=1)
    for number in range(3_000):
        rates.admit(f"b{number}", busy, 0, NOW + 1000)
    assert len(rates) >= 3_000
    with pytest.raises(RateLimited):
        rates.admit("b0", busy, 0, NOW + 1000)


step = st.tuples(
    st.floats(0, 30, allow_nan=False), st.integers(0, 400), st.floats(0, 2, allow_nan=False)
)


@settings(deadline=None, max_examples=150)
@given(
    per_minute=st.integers(1, 50),
    tokens_per_minute=st.integers(400, 2000),
    steps=st.lists(step, max_size=60),
)
def test_over_any_time_no_more_than_a_minute_and_the_refill_is_used(
    per_minute: int, tokens_per_minute: int, steps: list[tuple[float, int, float]]
) -> None:
    rates = Rates()
    limit = RateLimit(requests_per_minute=per_minute, tokens_per_minute=tokens_per_minute)
    now, admitted, used = NOW, 0, 0
    for pause, tokens, share in steps:
        now += pause
        try:
            rates.admit("k", limit, tokens, now)
        except RateLimited as refused:
            now += refused.retry_after_s
            rates.admit("k", limit, tokens, now)
        actual = int(tokens * min(share, 1.0))
        rates.settle("k", limit, estimated=tokens, actual=actual, now=now)
        admitted += 1
        used += actual
    passed = now - NOW
    assert admitted <= per_minute * (1 + passed / 60) + 1e-3
    assert used <= tokens_per_minute * (1 + passed / 60) + 1e-3
