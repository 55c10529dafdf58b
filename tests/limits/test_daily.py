"""Daily request limits of providers."""

from __future__ import annotations

from laird.limits.daily import DailyCounts

DAY_US = 86_400_000_000
NOON_US = 20_000 * DAY_US + DAY_US // 2
LIMITS: dict[str, int | None] = {"cloud": 3, "free": None, "shut": 0}


def test_a_provider_is_exhausted_once_its_limit_is_used_up() -> None:
    counts = DailyCounts()
    assert counts.exhausted(LIMITS, NOON_US) == {"shut"}
    for _ in range(2):
        assert counts.count("cloud", 3, NOON_US)
        assert counts.exhausted(LIMITS, NOON_US) == {"shut"}
    assert counts.count("cloud", 3, NOON_US)
    assert counts.exhausted(LIMITS, NOON_US) == {"cloud", "shut"}
    assert not counts.count("cloud", 3, NOON_US)
    assert counts.used("cloud", NOON_US) == 3


def test_a_provider_without_limit_is_never_exhausted() -> None:
    counts = DailyCounts()
    assert all(counts.count("free", None, NOON_US) for _ in range(1000))
    assert counts.exhausted({"free": None}, NOON_US) == frozenset()
    assert counts.used("free", NOON_US) == 1000


def test_midnight_utc_starts_anew_and_a_clock_set_back_does_not_undo_it() -> None:
    counts = DailyCounts()
    counts.seed({"cloud": 3}, NOON_US)
    last_us = 20_001 * DAY_US - 1
    assert counts.exhausted(LIMITS, last_us) == {"cloud", "shut"}
    assert counts.exhausted(LIMITS, last_us + 1) == {"shut"}
    assert counts.count("cloud", 3, last_us + 1)
    assert counts.used("cloud", last_us) == 1


def test_the_count_of_the_day_goes_on_after_a_restart() -> None:
    counts = DailyCounts()
    counts.count("cloud", 3, NOON_US)
    counts.seed({"cloud": 2, "other": 5}, NOON_US)
    assert counts.exhausted(LIMITS, NOON_US) == {"cloud", "shut"}
    assert counts.used("other", NOON_US) == 5


def test_a_new_configuration_is_seen_at_once() -> None:
    counts = DailyCounts()
    counts.seed({"cloud": 3}, NOON_US)
    assert "cloud" in counts.exhausted(LIMITS, NOON_US)
    assert counts.exhausted({"cloud": 4}, NOON_US) == frozenset()
    assert counts.exhausted({"cloud": 2}, NOON_US) == {"cloud"}
