"""Counters: who is held to what, and what happens when windows turn."""

from __future__ import annotations

from typing import Any

import pytest
from tests.budgets.money import DAY_US, LOCAL, NOW, WARN, budget, finished, started

from laird.budgets.counters import Counters
from laird.budgets.holding import Hold, Seed
from laird.budgets.view import state_of
from laird.domain.budget import Budget, BudgetPeriod, window_at
from laird.domain.errors import QuotaExceeded
from laird.domain.spending import Extent
from laird.domain.usage import AttemptFinished
from laird.pricing.cost import worst_case_nano

DAILY = BudgetPeriod.DAILY


class World:
    """Counters with what a test does to them."""

    def __init__(self, *budgets: Budget, at_us: int = NOW) -> None:
        self.notices = 0
        self.counters = Counters(worst_case_nano, self._notice)
        self.install(*budgets, at_us=at_us)

    def _notice(self) -> None:
        self.notices += 1

    def install(self, *budgets: Budget, at_us: int = NOW, spent: int = 0, **more: Any) -> None:
        self.counters.note()
        wanted = self.counters.wanting(budgets, at_us)
        seeds = {
            budget_id: Seed(window=window, spent=spent)
            for budget_id, (_, window) in wanted.unread.items()
        }
        self.counters.install(budgets, seeds, more.get("fired", {}), at_us)

    def reserve(self, nano: int | None, at_us: int = NOW, **who: Any) -> Hold | None:
        key, workflow, provider = who.get("key", "k"), who.get("workflow"), who.get("provider", "p")
        return self.counters.reserve(key, workflow, provider, nano, at_us)

    def settle(self, nano: int, hold: Hold | None = None, **who: Any) -> None:
        self.counters.settle(started(**who), nano, hold)

    def state(self, name: str = "team") -> tuple[int, int]:
        """Return spent and reserved."""
        account = self.counters.account(f"bud_{name}")
        assert account is not None
        return account.spent, account.reserved

    def marks(self) -> list[tuple[str, int]]:
        """Return the marks that were reached, and forget them."""
        found = [(one.budget.name, one.mark) for one in self.counters.reached]
        self.counters.reached.clear()
        return found


def test_what_is_reserved_is_given_back_and_what_is_spent_stays() -> None:
    world = World(budget(limit=100))
    hold = world.reserve(60)
    assert world.state() == (0, 60)
    world.settle(25, hold)
    assert world.state() == (25, 0)
    free = world.reserve(75)
    assert free is not None
    free.release()
    free.release()
    assert world.state() == (25, 0)


def test_reservations_of_others_are_in_the_way() -> None:
    world = World(budget(limit=100))
    first = world.reserve(60)
    with pytest.raises(QuotaExceeded, match="'team'") as refused:
        world.reserve(41)
    assert refused.value.retry_after_s == 1.0
    assert world.state() == (0, 60)
    world.settle(60, first)
    with pytest.raises(QuotaExceeded) as refused:
        world.reserve(41)
    assert refused.value.retry_after_s is not None
    assert refused.value.retry_after_s > DAY_US / 1_000_000
    assert world.reserve(40) is not None


def test_all_budgets_that_hold_must_have_room_and_none_is_touched_when_one_has_not() -> None:
    world = World(
        budget("all", 1000), budget("mine", 50, key="k"), budget("theirs", 1, key="other"),
        budget("cloud", 500, provider="p"), budget("nightly", 30, workflow="night"),
    )  # fmt: skip
    hold = world.reserve(40)
    assert [world.state(name)[1] for name in ("all", "mine", "theirs", "cloud", "nightly")] == [
        40, 40, 0, 40, 0,
    ]  # fmt: skip
    world.settle(40, hold)
    with pytest.raises(QuotaExceeded, match="'mine'"):
        world.reserve(11)
    assert world.state("all") == (40, 0)
    with pytest.raises(QuotaExceeded, match="'nightly'"):
        world.reserve(31, key="else", workflow="night")
    assert world.reserve(31, key="else", workflow="day", provider="q") is not None
    assert world.state("cloud") == (40, 0)


def test_a_budget_that_warns_refuses_nothing_and_counts_everything() -> None:
    world = World(budget(limit=10, on_limit=WARN))
    assert world.reserve(None) is None
    world.settle(25, world.reserve(500))
    assert world.state() == (25, 0)
    assert world.counters.spending("k", None, Extent(1, 1), NOW) is None


def test_only_where_there_is_plenty_is_a_request_let_by_before_it_is_planned() -> None:
    world = World(budget("all", 1600), budget("w", 1, on_limit=WARN))
    hold = world.counters.hold
    assert hold("k", None, 101, NOW) is None
    held = hold("k", None, 100, NOW)
    assert held is not None
    assert world.state("all") == (0, 100)
    # What is held is no longer there for others, and what was spent is not.
    assert hold("k", None, 100, NOW) is None
    assert held.serves("p", NOW)
    world.settle(80, held)
    assert world.state("all") == (80, 0)
    assert hold("k", None, 100, NOW) is None
    assert hold("k", None, 95, NOW) is not None


def test_what_is_let_by_leaves_half_of_the_room_to_those_who_are_asked() -> None:
    world = World(budget("all", 1000))
    holds = []
    while (held := world.counters.hold("k", None, 1, NOW)) is not None:
        holds.append(held)
    assert 400 < len(holds) <= 500
    big = world.reserve(500)
    assert big is not None
    world.settle(500, big)
    for held in holds:
        held.release()
    assert world.state("all") == (500, 0)


def test_what_was_let_by_asks_budgets_that_have_changed_since() -> None:
    world = World(budget("all", 10**6))
    held = world.counters.hold("k", None, 100, NOW)
    assert held is not None
    world.install(budget("all", 10**6), budget("mine", 10, key="k"))
    assert not held.serves("p", NOW)
    held.release()
    with pytest.raises(QuotaExceeded):
        world.reserve(100)
    assert world.state("mine") == (0, 0)


def test_what_was_let_by_asks_again_after_the_clock_was_set_back() -> None:
    world = World(budget("all", 10**6))
    held = world.counters.hold("k", None, 100, NOW)
    assert held is not None
    assert not held.serves("p", NOW - 1)
    held.release()
    assert world.state("all") == (0, 0)


def test_what_is_charged_for_what_was_let_by_reaches_marks_and_the_books_of_a_change() -> None:
    world = World(budget("all", 1600))
    held = world.counters.hold("k", None, 100, NOW)
    other = world.counters.hold("k", None, 10, NOW)
    assert held is not None
    assert other is not None
    world.settle(1280, held)
    assert world.state("all") == (1280, 10)
    assert world.marks() == [("all", 80)]
    noted = world.counters.note()
    world.settle(5, other)
    assert [charge.nano for charge in noted.values()] == [5]
    assert world.state("all") == (1285, 0)


def test_budgets_that_have_a_say_in_planning_let_nothing_by() -> None:
    world = World(budget("all", 10**9))
    held = world.counters.hold("k", None, 1, NOW)
    assert held is not None
    # A window that is over is turned by what follows; one that goes local decides what steps in.
    assert world.counters.hold("k", None, 1, NOW + 400 * DAY_US) is None
    assert not held.serves("p", NOW + 400 * DAY_US)
    world.install(budget("all", 10**9), budget("cloud", 10**9, provider="p"))
    assert not held.serves("p", NOW)
    assert world.counters.hold("k", None, 1, NOW) is None
    world.install(budget("all", 10**9, on_limit=LOCAL))
    assert world.counters.hold("k", None, 1, NOW) is None
    held.release()


def test_one_that_refuses_wins_over_one_that_goes_local() -> None:
    world = World(budget("soft", 1, on_limit=LOCAL), budget("hard", 1))
    with pytest.raises(QuotaExceeded) as refused:
        world.reserve(2)
    assert not refused.value.local
    assert refused.value.budget_id == "bud_hard"
    world.install(budget("soft", 1, on_limit=LOCAL))
    with pytest.raises(QuotaExceeded) as refused:
        world.reserve(2)
    assert refused.value.local


def test_what_nobody_can_price_has_no_room_in_a_budget_that_refuses() -> None:
    world = World(budget(limit=10**12))
    with pytest.raises(QuotaExceeded, match="price is unknown"):
        world.reserve(None)
    account = world.counters.account("bud_team")
    assert account is not None
    assert state_of(account, NOW).refused == 1


def test_a_disabled_budget_counts_and_is_in_nobodys_way() -> None:
    world = World(budget(limit=10, enabled=False))
    world.settle(25, world.reserve(500))
    assert world.state() == (25, 0)
    assert world.marks() == []
    world.install(budget(limit=10))
    assert world.marks() == [("team", 80), ("team", 100)]
    with pytest.raises(QuotaExceeded):
        world.reserve(1)


def test_without_budgets_nothing_has_to_come_by() -> None:
    world = World()
    active = [world.counters.active]
    for budgets in ([budget()], []):
        world.install(*budgets)
        active.append(world.counters.active)
    assert active == [False, True, False]
    assert world.reserve(5) is None


def test_planning_hears_of_the_tightest_rooms() -> None:
    world = World(
        budget("all", 100), budget("mine", 60, key="k"), budget("soft", 80, on_limit=LOCAL),
        budget("cloud", 30, provider="p"), budget("cloud2", 20, provider="p"),
        budget("west", 5, provider="q", on_limit=LOCAL),
    )  # fmt: skip
    found = world.counters.spending("k", None, Extent(1, 1), NOW)
    assert found is not None
    assert found.refuse is not None
    assert found.refuse.budget.name == "mine"
    assert found.local is not None
    assert found.local.left == 80
    assert found.refuse_at["p"].budget.name == "cloud2"
    assert found.local_at["q"].left == 5
    other = world.counters.spending("else", None, Extent(1, 1), NOW)
    assert other is not None
    assert other.refuse is not None
    assert other.refuse.budget.name == "all"


def test_a_new_window_begins_with_nothing_spent() -> None:
    world = World(budget(limit=100, period=DAILY))
    old = world.reserve(70)
    tomorrow = NOW + DAY_US
    hold = world.reserve(90, at_us=tomorrow)
    assert world.state() == (0, 90)
    assert world.notices == 1
    # What began yesterday counts to yesterday, as in the ledger, whenever it ends.
    world.settle(70, old)
    assert world.state() == (0, 90)
    world.settle(90, hold, at_us=tomorrow)
    assert world.state() == (90, 0)


def test_a_clock_set_back_finds_the_window_as_it_was() -> None:
    world = World(budget(limit=100, period=DAILY))
    world.settle(80, world.reserve(80))
    held = world.reserve(10, at_us=NOW + DAY_US)
    with pytest.raises(QuotaExceeded):
        world.reserve(30, at_us=NOW)
    assert world.state() == (80, 0)
    world.settle(10, held, at_us=NOW + DAY_US)
    assert world.state() == (80, 0)
    # And that of the day it left again has what was settled there meanwhile.
    with pytest.raises(QuotaExceeded):
        world.reserve(91, at_us=NOW + DAY_US)
    assert world.state() == (10, 0)


def test_a_window_that_turned_is_read_from_the_ledger_again() -> None:
    world = World(budget(limit=100, period=DAILY))
    assert not world.counters.keep_up(NOW)
    assert world.counters.keep_up(NOW + DAY_US)
    # The clock had been wrong: the ledger knows more of that day.
    world.install(budget(limit=100, period=DAILY), at_us=NOW + DAY_US, spent=95)
    assert world.state() == (95, 0)
    assert world.marks() == [("team", 80)]
    assert not world.counters.keep_up(NOW + DAY_US)


def test_marks_are_told_once_and_again_in_the_next_window() -> None:
    world = World(budget(limit=100, period=DAILY, alerts=(50, 80)))
    world.settle(49)
    assert world.marks() == []
    world.settle(1)
    assert world.marks() == [("team", 50)]
    world.settle(45)
    world.settle(1)
    assert world.marks() == [("team", 80)]
    world.settle(100)
    assert world.marks() == [("team", 100)]
    assert world.counters.keep_up(NOW + DAY_US)
    world.settle(60, at_us=NOW + DAY_US)
    assert world.marks() == [], "not before the ledger was read: it may have been told"
    world.install(budget(limit=100, period=DAILY, alerts=(50, 80)), at_us=NOW + DAY_US)
    assert world.marks() == [("team", 50)]


def test_marks_told_before_a_restart_are_not_told_again() -> None:
    of = budget(limit=100)
    window = window_at(of, NOW)
    world = World()
    world.install(of, spent=85, fired={("bud_team", window.start_us): frozenset({80})})
    assert world.marks() == []
    world.settle(15)
    assert world.marks() == [("team", 100)]


def test_a_mark_that_is_not_written_yet_is_not_told_twice() -> None:
    world = World(budget(limit=100))
    world.settle(85)
    assert [one.mark for one in world.counters.reached] == [80]
    world.install(budget(limit=100))
    assert [one.mark for one in world.counters.reached] == [80]


def test_another_limit_keeps_what_was_spent() -> None:
    world = World(budget(limit=100))
    hold = world.reserve(50)
    world.settle(40)
    world.install(budget(limit=1000), spent=999)
    assert world.state() == (40, 50)
    world.settle(50, hold)
    assert world.state() == (90, 0)


def test_attempts_under_way_are_held_by_budgets_made_meanwhile() -> None:
    world = World(budget("all", 1000))
    hold = world.reserve(300)
    world.install(budget("all", 1000), budget("mine", 400, key="k"), budget("other", 9, key="x"))
    assert world.state("mine") == (0, 300)
    assert world.state("other") == (0, 0)
    with pytest.raises(QuotaExceeded, match="'mine'"):
        world.reserve(101)
    world.settle(120, hold)
    assert world.state("mine") == (120, 0)
    assert world.state("all") == (120, 0)


def test_what_is_settled_while_the_ledger_is_read_counts_once() -> None:
    counters = World().counters
    noted = counters.note()
    assert counters.active
    counters.settle(started(1), 10, None)  # drained before the sums were read
    counters.settle(started(2), 20, None)  # not drained yet
    counters.settle(started(3, key="else"), 30, None)
    of = budget(limit=100, key="k")
    (found,) = counters.wanting([of], NOW).unread.values()
    assert set(noted) == {("req_1", 1), ("req_2", 1), ("req_3", 1)}
    seed = Seed(window=found[1], spent=7 + 10, present=frozenset({("req_1", 1)}))
    counters.install([of], {of.id: seed}, {}, NOW)
    account = counters.account(of.id)
    assert account is not None
    assert account.spent == 7 + 10 + 20


def test_a_read_that_failed_changes_nothing() -> None:
    world = World(budget(limit=100))
    world.settle(10)
    world.counters.note()
    world.settle(10)
    world.counters.stop_noting()
    assert world.state() == (20, 0)
    empty = World()
    empty.counters.note()
    empty.counters.stop_noting()
    assert not empty.counters.active


def test_free_and_unpriced_attempts_add_nothing() -> None:
    world = World(budget(limit=100))
    rows: list[AttemptFinished] = [finished(started(), 0), finished(started(), None)]
    for row in rows:
        world.settle(row.cost_nano or 0)
    world.settle(-5)
    assert world.state() == (0, 0)


def test_any_number_of_workflows_takes_no_more_memory() -> None:
    world = World(budget("nightly", 10**9, workflow="night"))
    for number in range(10_000):
        world.settle(1, workflow=f"w{number}")
    world.settle(1, workflow="night")
    assert len(world.counters._routes) <= 4096
    assert world.state("nightly") == (1, 0)
