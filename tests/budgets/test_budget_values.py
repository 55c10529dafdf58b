"""Amounts as people write them, and what is said of budgets."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.budgets.money import LOCAL, NOW, WARN, budget

from laird.budgets.account import Crossing
from laird.budgets.view import projected
from laird.budgets.words import data_of, message_of
from laird.domain.budget import (
    BudgetPeriod,
    Window,
    allowance_text,
    read_allowance,
    read_usd,
    window_at,
    zone_of,
)
from laird.domain.money import NANO, usd_text


@pytest.mark.parametrize(
    ("text", "nano"),
    [
        ("20", 20 * NANO),
        (" 20 ", 20 * NANO),
        ("$0.50", NANO // 2),
        ("12.5 USD", 12_500_000_000),
        ("0", 0),
        (".5", NANO // 2),
        ("5.", 5 * NANO),
        ("0.000000001", 1),
        ("1000000000", 10**18),
    ],
)
def test_an_amount_is_read_as_people_write_it(text: str, nano: int) -> None:
    assert read_usd(text) == nano


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-1",
        "twenty",
        "1e3",
        "NaN",
        "inf",
        "20/month",
        "1,5",
        "0.0000000001",
        "1000000000.1",
        ".",
    ],
)
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"amount|decimals|limit"):
        read_usd(text)


@settings(deadline=None)
@given(st.integers(0, 10**18))
def test_every_amount_can_be_written_and_read_back(nano: int) -> None:
    assert read_usd(usd_text(nano)) == nano


def test_an_allowance_has_a_period() -> None:
    assert read_allowance("20/month") == (20 * NANO, BudgetPeriod.MONTHLY)
    assert read_allowance("$5 / Day") == (5 * NANO, BudgetPeriod.DAILY)
    assert read_allowance("0.5/total") == (NANO // 2, BudgetPeriod.TOTAL)
    for wrong in ("20", "20/year", "/month", "20/", "month/20"):
        with pytest.raises(ValueError, match=r"allowance|amount"):
            read_allowance(wrong)


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../etc/passwd", "/etc/passwd", "Europe"])
def test_a_zone_that_does_not_exist_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="time zone"):
        zone_of(name)


@settings(deadline=None)
@given(st.integers(0, 10**18), st.integers(1, 1000))
def test_a_mark_is_reached_at_its_percent_and_not_before(limit: int, mark: int) -> None:
    level = budget(limit=limit).level(mark)
    assert level >= 1
    assert level * 100 >= limit * mark
    assert level == 1 or (level - 1) * 100 < limit * mark


def test_a_hundred_percent_is_always_a_mark() -> None:
    assert budget(alerts=(50, 80)).marks == (50, 80, 100)
    assert budget(alerts=()).marks == (100,)
    assert budget(alerts=(100, 150)).marks == (100, 150)


def crossing(spent: int, mark: int = 80, **fields: Any) -> Crossing:
    of = budget(limit=10 * NANO, zone="Europe/Berlin", **fields)
    return Crossing(budget=of, window=window_at(of, NOW), mark=mark, spent=spent, at_us=NOW)


def test_an_alert_says_what_was_reached_and_what_follows() -> None:
    early = message_of(crossing(8_100_000_000))
    assert "'team' (10 USD a month) has reached 80%: 8.1 USD are spent" in early
    assert "begins anew on 2026-10-01 00:00 Europe/Berlin" in early
    assert "are refused" in early
    over = message_of(crossing(10 * NANO, 100))
    assert "It is used up: requests that cost money are refused until 2026-10-01" in over
    assert "local models" in message_of(crossing(10 * NANO, 100, on_limit=LOCAL))
    assert "go on being served" in message_of(crossing(10 * NANO, 100, on_limit=WARN))
    forever = message_of(crossing(10 * NANO, 100, period=BudgetPeriod.TOTAL))
    assert forever.endswith("are refused.")
    assert data_of(crossing(8_100_000_000))["spent_usd"] == "8.1"


def test_a_limit_is_said_as_people_say_it() -> None:
    assert allowance_text(budget(limit=20 * NANO)) == "20 USD a month"
    assert allowance_text(budget(limit=1, period=BudgetPeriod.DAILY)) == "0.000000001 USD a day"
    assert allowance_text(budget(limit=NANO, period=BudgetPeriod.TOTAL)) == "1 USD in all"


def test_spending_is_projected_at_the_pace_until_now() -> None:
    hour = 3_600_000_000
    day = Window(0, 24 * hour)
    assert projected(day, 600, 6 * hour) == 2400
    assert projected(day, 600, 24 * hour - 1) == 600
    assert projected(day, 600, hour - 1) is None
    assert projected(Window(0, None), 600, 6 * hour) is None
