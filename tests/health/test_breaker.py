"""The circuit breaker's transitions."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

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

POLICY = BreakerPolicy()
MIDDLE = 0.5
"""The jitter that leaves a delay as it is."""


def failing(breaker: Breaker, times: int, *, now: float = 0.0) -> Breaker:
    for _ in range(times):
        breaker = request_failed(breaker, now=now, jitter=MIDDLE, policy=POLICY)
    return breaker


def away(breaker: Breaker, times: int, *, now: float = 0.0) -> Breaker:
    for _ in range(times):
        breaker = probe_failed(breaker, now=now, jitter=MIDDLE, policy=POLICY)
    return breaker


def test_three_failures_in_a_row_open_it() -> None:
    assert failing(FRESH, 2).phase is Phase.CLOSED
    assert failing(FRESH, 3).phase is Phase.OPEN
    assert away(FRESH, 3).phase is Phase.OPEN
    assert away(failing(FRESH, 2), 1).phase is Phase.OPEN


def test_a_success_between_failures_starts_the_count_anew() -> None:
    assert failing(request_succeeded(failing(FRESH, 2)), 2).phase is Phase.CLOSED


def test_good_probes_do_not_hide_that_real_requests_fail() -> None:
    assert failing(probe_succeeded(failing(FRESH, 2)), 1).phase is Phase.OPEN
    assert away(probe_succeeded(away(FRESH, 2)), 2).phase is Phase.CLOSED


def test_once_the_delay_is_over_exactly_one_probe_is_let_through() -> None:
    opened = failing(FRESH, 3, now=100.0)

    assert opened.probe_at == 101.0
    assert probe_started(opened, now=100.9) is None
    half_open = probe_started(opened, now=101.0)
    assert half_open is not None
    assert half_open.phase is Phase.HALF_OPEN
    assert probe_started(half_open, now=500.0) is None


def test_the_probe_decides() -> None:
    half_open = probe_started(failing(FRESH, 3), now=9.0)
    assert half_open is not None

    assert probe_succeeded(half_open).phase is Phase.CLOSED
    again = probe_failed(half_open, now=9.0, jitter=MIDDLE, policy=POLICY)
    assert again.phase is Phase.OPEN
    assert again.probe_at == 11.0
    assert probe_abandoned(half_open).phase is Phase.OPEN
    assert request_succeeded(half_open) == FRESH


def test_probes_of_one_that_stays_away_come_later_and_later_up_to_a_few_seconds() -> None:
    delays = [away(failing(FRESH, 3), times).probe_at for times in range(6)]

    assert delays == [1.0, 2.0, 4.0, 5.0, 5.0, 5.0]


def test_one_that_relapses_after_each_good_probe_is_left_alone_for_longer() -> None:
    breaker, delays = FRESH, []
    for _ in range(8):
        breaker = failing(breaker, 3)
        delays.append(breaker.probe_at)
        breaker = probe_succeeded(breaker)

    assert delays == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    assert failing(request_succeeded(breaker), 3).probe_at == 1.0


def test_real_failures_do_not_put_off_the_probe() -> None:
    opened = failing(FRESH, 3, now=10.0)

    assert failing(opened, 5, now=10.9).probe_at == opened.probe_at


def test_a_closed_breaker_lets_every_probe_through() -> None:
    assert probe_started(FRESH, now=0.0) is FRESH
    assert probe_abandoned(FRESH) is FRESH
    assert probe_succeeded(FRESH) is FRESH


events = st.lists(st.sampled_from(["ok", "bad", "probe", "probe ok", "probe bad", "gone"]))


@given(events=events, jitter=st.floats(0, 1, exclude_max=True))
def test_from_every_state_a_probe_is_let_through_soon_and_its_success_closes(
    events: list[str], jitter: float
) -> None:
    breaker, now = FRESH, 1000.0
    for event in events:
        now += 1
        if event == "ok":
            breaker = request_succeeded(breaker)
        elif event == "bad":
            breaker = request_failed(breaker, now=now, jitter=jitter, policy=POLICY)
        elif event == "probe":
            breaker = probe_started(breaker, now=now) or breaker
        elif event == "probe ok":
            breaker = probe_succeeded(breaker)
        elif event == "probe bad":
            breaker = probe_failed(breaker, now=now, jitter=jitter, policy=POLICY)
        else:
            breaker = probe_abandoned(breaker)

    waiting = probe_abandoned(breaker)
    let_through = probe_started(waiting, now=now + POLICY.relapse_delay_cap_s * 1.25)
    assert let_through is not None
    assert probe_succeeded(let_through).phase is Phase.CLOSED
