"""What follows a failure, as a table and as laws."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laird.domain.errors import (
    ConnectionLost,
    CredentialRefused,
    LairdError,
    Unreachable,
    UnsupportedField,
    UpstreamFailed,
    UpstreamGarbled,
    UpstreamModelMissing,
    UpstreamQuota,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
)
from laird.gateway.retry import Next, RetryBudget, Verdict, after_failure, backoff_s, most_telling

ERRORS: dict[str, tuple[LairdError, Next]] = {
    "unreachable": (Unreachable("x"), Next.MOVE_ON),
    "broken": (ConnectionLost("x"), Next.RETRY),
    "500": (UpstreamFailed("x", status=500), Next.RETRY),
    "502": (UpstreamFailed("x", status=502), Next.RETRY),
    "503": (UpstreamFailed("x", status=503), Next.RETRY),
    "529": (UpstreamFailed("x", status=529), Next.RETRY),
    "501": (UpstreamFailed("x", status=501), Next.MOVE_ON),
    "a redirect": (UpstreamFailed("x", status=302), Next.MOVE_ON),
    "429 short": (UpstreamRateLimited("x", retry_after_s=1.5), Next.RETRY),
    "429 long": (UpstreamRateLimited("x", retry_after_s=20), Next.MOVE_ON),
    "429 silent": (UpstreamRateLimited("x"), Next.MOVE_ON),
    "quota": (UpstreamQuota("x", status=429), Next.MOVE_ON),
    "slow": (UpstreamTimeout("x", phase="first_byte"), Next.MOVE_ON),
    "bad key": (CredentialRefused("x", status=401), Next.MOVE_ON),
    "no such model": (UpstreamModelMissing("x", status=404), Next.MOVE_ON),
    "garbled": (UpstreamGarbled("x"), Next.MOVE_ON),
    "can't honour": (UnsupportedField("x", param="seed"), Next.MOVE_ON),
    "refused": (UpstreamRejected("x", status=400), Next.STOP),
    "unprocessable": (UpstreamRejected("x", status=422), Next.STOP),
    "too long": (
        UpstreamRejected("x", status=400, upstream_code="context_length_exceeded"),
        Next.MOVE_ON,
    ),
}


@pytest.mark.parametrize(("error", "then"), ERRORS.values(), ids=ERRORS)
def test_each_failure_has_its_consequence(error: LairdError, then: Next) -> None:
    verdict = after_failure(error, tries=0, max_retries=1, spent_s=0, others=True, jitter=0)
    assert verdict.then is then


def test_the_first_retry_comes_after_a_second() -> None:
    error = UpstreamFailed("x", status=503)
    verdict = after_failure(error, tries=0, max_retries=1, spent_s=0, others=False, jitter=0.9)
    assert verdict == Verdict(Next.RETRY, 1.0)


def test_a_stale_connection_is_tried_again_at_once_even_without_retries() -> None:
    error = ConnectionLost("x", stale=True)
    again = after_failure(error, tries=0, max_retries=0, spent_s=0, others=True, jitter=0)
    assert again == Verdict(Next.RETRY, 0.0)
    enough = after_failure(error, tries=2, max_retries=0, spent_s=0, others=True, jitter=0)
    assert enough.then is Next.MOVE_ON


@given(
    error=st.sampled_from([error for error, _ in ERRORS.values()]),
    tries=st.integers(0, 12),
    max_retries=st.integers(0, 10),
    spent_s=st.floats(0, 100),
    jitter=st.floats(0, 1, exclude_max=True),
)
def test_with_another_candidate_switching_takes_under_five_seconds(
    error: LairdError, tries: int, max_retries: int, spent_s: float, jitter: float
) -> None:
    verdict = after_failure(
        error, tries=tries, max_retries=max_retries, spent_s=spent_s, others=True, jitter=jitter
    )
    if verdict.then is Next.RETRY:
        assert spent_s + verdict.delay_s <= 4
        assert tries < max_retries


@given(tries=st.integers(1, 12), jitter=st.floats(0, 1, exclude_max=True))
def test_backing_off_doubles_and_is_bounded(tries: int, jitter: float) -> None:
    wait = backoff_s(tries, jitter)
    longest = min(2.0 ** (tries - 1), 30)
    assert longest / 2 <= wait <= longest


def test_retries_are_a_fifth_of_the_traffic_in_the_long_run() -> None:
    budget = RetryBudget(share=0.2, reserve=3)
    assert [budget.spend() for _ in range(4)] == [True, True, True, False]
    spent = 0
    for _ in range(100):
        budget.earn()
        spent += budget.spend()
    assert 18 <= spent <= 20


def test_a_quiet_server_keeps_its_reserve_and_no_more() -> None:
    budget = RetryBudget(share=0.2, reserve=2)
    for _ in range(100):
        budget.earn()
    assert [budget.spend() for _ in range(3)] == [True, True, False]


def test_what_the_caller_can_mend_is_told_first_else_the_last_failure() -> None:
    rejected = UpstreamRejected("x", status=400)
    assert most_telling([Unreachable("a"), rejected, Unreachable("b")]) is rejected
    last = Unreachable("b")
    assert most_telling([UpstreamGarbled("a"), last]) is last
