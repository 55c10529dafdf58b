"""Windows of budgets: they tile the time line, whatever clocks do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from laird.domain.budget import Budget, BudgetPeriod, Window, window_at

MONTHLY, DAILY, TOTAL = BudgetPeriod.MONTHLY, BudgetPeriod.DAILY, BudgetPeriod.TOTAL
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/St_Johns",  # set back at one minute past midnight, to the day before
    "America/Sao_Paulo",  # leapt over midnight
    "America/Havana",  # had midnight twice
    "Asia/Kathmandu",
    "Asia/Beirut",
    "Australia/Lord_Howe",  # leaps by half an hour
    "Pacific/Apia",  # left out a whole day
    "Pacific/Kiritimati",
)
FIRST = int(datetime(1975, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
LAST = int(datetime(2075, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000


def budget(period: BudgetPeriod = MONTHLY, zone: str = "UTC", **fields: Any) -> Budget:
    return Budget(id="b", name="b", limit_nano=1, period=period, zone=zone, **fields)


budgets = st.builds(
    budget,
    period=st.sampled_from([MONTHLY, DAILY]),
    zone=st.sampled_from(ZONES),
    reset_day=st.integers(1, 31),
)
instants = st.integers(FIRST, LAST)


def us(text: str) -> int:
    """Return an instant, written with its offset, as UTC microseconds."""
    moment = datetime.fromisoformat(text)
    assert moment.tzinfo is not None
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def begins(of: Budget, at: str) -> str:
    """Return when the window of an instant begins, on the clocks of the budget's zone."""
    start = window_at(of, us(at)).start_us
    return datetime.fromtimestamp(start / 1_000_000, ZoneInfo(of.zone)).isoformat()


def ends(of: Budget, at: str) -> str:
    end = window_at(of, us(at)).end_us
    assert end is not None
    return datetime.fromtimestamp(end / 1_000_000, ZoneInfo(of.zone)).isoformat()


def end_of(window: Window) -> int:
    assert window.end_us is not None
    return window.end_us


@settings(deadline=None)
@given(budgets, instants)
@example(budget(DAILY, "Pacific/Apia"), us("2011-12-30T12:00:00+14:00"))
@example(budget(DAILY, "America/St_Johns"), us("2010-11-07T00:00:30-02:30"))
@example(budget(DAILY, "America/St_Johns"), us("2010-11-06T23:30:00-03:30"))
def test_every_instant_is_in_exactly_one_window(of: Budget, at_us: int) -> None:
    window = window_at(of, at_us)
    end = end_of(window)
    assert window.holds(at_us)
    assert window.start_us < end
    # Its neighbours begin where it ends, and end where it begins.
    assert window_at(of, end).start_us == end
    assert window_at(of, window.start_us - 1).end_us == window.start_us
    # All of its instants agree on it.
    for inside in (window.start_us, (window.start_us + end) // 2, end - 1):
        assert window_at(of, inside) == window


@settings(deadline=None)
@given(budgets, instants)
def test_a_window_has_the_length_that_people_expect(of: Budget, at_us: int) -> None:
    window = window_at(of, at_us)
    hours = (end_of(window) - window.start_us) / 3_600_000_000
    # A day may be 23 or 25 hours, or 48 where one was left out; no month is shorter than February.
    if of.period is DAILY:
        assert 22 <= hours <= 49
    else:
        assert 28 * 24 - 25 <= hours <= 31 * 24 + 25 * 3


@settings(deadline=None)
@given(budgets, instants)
def test_windows_begin_at_midnight_on_their_day(of: Budget, at_us: int) -> None:
    start = datetime.fromtimestamp(window_at(of, at_us).start_us / 1_000_000, ZoneInfo(of.zone))
    # Where clocks leap over midnight, or over the day, what comes first after it is the beginning.
    assert start.time().isoformat() in {"00:00:00", "00:15:00", "00:30:00", "01:00:00"}
    if of.period is MONTHLY and of.zone not in {"Pacific/Apia", "Pacific/Kiritimati"}:
        tomorrow = start + timedelta(days=1)
        assert start.day == of.reset_day or (tomorrow.day == 1 and start.day < of.reset_day)


@pytest.mark.parametrize(
    ("at", "start", "end"),
    [
        ("2026-01-31T00:00:00+00:00", "2026-01-31", "2026-02-28"),
        ("2026-02-27T23:59:59+00:00", "2026-01-31", "2026-02-28"),
        ("2026-02-28T00:00:00+00:00", "2026-02-28", "2026-03-31"),
        ("2028-02-28T12:00:00+00:00", "2028-01-31", "2028-02-29"),
        ("2028-02-29T12:00:00+00:00", "2028-02-29", "2028-03-31"),
        ("2026-04-30T00:00:00+00:00", "2026-04-30", "2026-05-31"),
        ("2026-12-31T00:00:00+00:00", "2026-12-31", "2027-01-31"),
        ("2027-01-01T00:00:00+00:00", "2026-12-31", "2027-01-31"),
    ],
)
def test_reset_day_31_is_the_last_day_of_shorter_months(at: str, start: str, end: str) -> None:
    of = budget(reset_day=31)
    assert begins(of, at) == f"{start}T00:00:00+00:00"
    assert ends(of, at) == f"{end}T00:00:00+00:00"


def test_day_30_of_february_is_its_last_one_too() -> None:
    of = budget(reset_day=30)
    assert begins(of, "2026-03-29T23:00:00+00:00") == "2026-02-28T00:00:00+00:00"
    assert begins(of, "2026-03-30T00:00:00+00:00") == "2026-03-30T00:00:00+00:00"


def test_days_are_those_of_the_zone() -> None:
    tokyo = budget(DAILY, "Asia/Tokyo")
    assert begins(tokyo, "2026-06-30T14:59:59+00:00") == "2026-06-30T00:00:00+09:00"
    assert begins(tokyo, "2026-06-30T15:00:00+00:00") == "2026-07-01T00:00:00+09:00"
    kathmandu = budget(MONTHLY, "Asia/Kathmandu")
    assert begins(kathmandu, "2026-05-31T18:15:00+00:00") == "2026-06-01T00:00:00+05:45"


def hours_of(of: Budget, at: str) -> float:
    window = window_at(of, us(at))
    return (end_of(window) - window.start_us) / 3_600_000_000


def test_the_days_on_which_clocks_change_are_shorter_and_longer() -> None:
    berlin = budget(DAILY, "Europe/Berlin")
    assert hours_of(berlin, "2026-03-29T12:00:00+02:00") == 23
    assert hours_of(berlin, "2026-10-25T12:00:00+01:00") == 25
    assert hours_of(berlin, "2026-10-26T12:00:00+01:00") == 24
    month = budget(MONTHLY, "Europe/Berlin")
    assert begins(month, "2026-03-31T23:30:00+02:00") == "2026-03-01T00:00:00+01:00"
    assert ends(month, "2026-03-31T23:30:00+02:00") == "2026-04-01T00:00:00+02:00"


def test_a_midnight_that_clocks_leap_over_is_the_leap() -> None:
    sao_paulo = budget(DAILY, "America/Sao_Paulo")
    # 2018-11-04 began at one o'clock there.
    assert begins(sao_paulo, "2018-11-04T12:00:00-02:00") == "2018-11-04T01:00:00-02:00"
    assert hours_of(sao_paulo, "2018-11-04T12:00:00-02:00") == 23


def test_a_midnight_that_comes_twice_is_the_first() -> None:
    havana = budget(DAILY, "America/Havana")
    # On 2026-11-01 clocks go back from one to midnight.
    assert begins(havana, "2026-11-01T12:00:00-05:00") == "2026-11-01T00:00:00-04:00"
    assert hours_of(havana, "2026-11-01T12:00:00-05:00") == 25
    again = "2026-11-01T00:30:00-05:00"
    assert begins(havana, again) == "2026-11-01T00:00:00-04:00"


def test_clocks_that_go_back_over_midnight_do_not_bring_the_day_before_back() -> None:
    st_johns = budget(DAILY, "America/St_Johns")
    # On 2010-11-07 at 00:01 clocks went back to 23:01 of the day before.
    assert begins(st_johns, "2010-11-06T23:30:00-03:30") == "2010-11-07T00:00:00-02:30"


def test_a_day_that_was_left_out_has_no_window() -> None:
    apia = budget(DAILY, "Pacific/Apia")
    # 2011-12-30 did not happen there.
    assert begins(apia, "2011-12-29T12:00:00-10:00") == "2011-12-29T00:00:00-10:00"
    assert ends(apia, "2011-12-29T12:00:00-10:00") == "2011-12-31T00:00:00+14:00"


def test_a_total_budget_counts_from_when_it_was_made() -> None:
    of = budget(TOTAL, created_us=1000)
    assert window_at(of, 5000) == Window(1000, None)
    assert not window_at(of, 5000).holds(999)
    assert window_at(of, 5000).holds(LAST)
