"""One budget's counters in memory: what is spent and reserved in its present window."""

from __future__ import annotations

from sys import maxsize

import msgspec

from laird.domain.budget import Budget, OnLimit, Window, window_at
from laird.domain.spending import Room


class Crossing(msgspec.Struct, frozen=True, kw_only=True):
    """A mark of a budget that was reached."""

    budget: Budget
    window: Window
    mark: int
    """Percent of the limit."""
    spent: int
    at_us: int


class Account:
    """Counters of one budget. All amounts are nano-dollars, all times UTC microseconds.

    What is spent counts to the window in which its attempt began, as in the ledger. What is
    reserved in a window that is over is of no concern to the next one.
    """

    __slots__ = (
        "_earlier",
        "budget",
        "end",
        "fired",
        "hard",
        "limit",
        "local",
        "next_level",
        "refusals",
        "reserved",
        "seeded",
        "spent",
        "start",
        "window",
    )

    def __init__(self, budget: Budget, at_us: int) -> None:
        self.spent = 0
        self.reserved = 0
        self.refusals = 0
        self.fired: frozenset[int] = frozenset()
        """Marks that were alerted to in this window."""
        self.seeded = False
        """What the ledger had for this window is counted."""
        self.next_level = maxsize
        """Spent nano-dollars at which the next mark is reached."""
        self._earlier: tuple[Window, int] | None = None
        self._place(window_at(budget, at_us))
        self.change(budget)

    def change(self, budget: Budget) -> None:
        """Take another limit, or other words, for the same windows and the same spending."""
        self.budget = budget
        self.limit = budget.limit_nano
        self.hard = budget.hard and budget.enabled
        self.local = budget.on_limit is OnLimit.LOCAL
        self._aim()

    def seed(self, spent: int, fired: frozenset[int]) -> None:
        """Take what the ledger says was spent in the present window, and what was alerted to."""
        self.spent = spent
        self.fired = fired
        self.seeded = True
        self._aim()

    def turn(self, at_us: int) -> None:
        """Go to the window of an instant outside the present one; nothing is reserved in it yet.

        A clock that was set back over the beginning of a window finds the one before as it was.
        """
        before = (self.window, self.spent)
        window = window_at(self.budget, at_us)
        earlier = self._earlier
        self.spent = earlier[1] if earlier is not None and earlier[0] == window else 0
        self._earlier = before
        self._place(window)
        self.reserved = 0
        self.fired = frozenset()
        self.seeded = False
        self._aim()

    def charge_late(self, nano: int, at_us: int) -> None:
        """Count what an attempt has cost that did not begin in the present window."""
        earlier = self._earlier
        if earlier is not None and earlier[0].holds(at_us):
            self._earlier = (earlier[0], earlier[1] + nano)

    def crossings(self, at_us: int) -> list[Crossing]:
        """Return the marks that are reached and were not alerted to, and count them as alerted."""
        budget = self.budget
        if self.spent < self.next_level:
            return []
        reached = [
            mark
            for mark in budget.marks
            if mark not in self.fired and self.spent >= budget.level(mark)
        ]
        self.fired |= frozenset(reached)
        self._aim()
        return [
            Crossing(budget=budget, window=self.window, mark=mark, spent=self.spent, at_us=at_us)
            for mark in reached
        ]

    def room(self) -> Room:
        """Return what is left."""
        left = self.budget.limit_nano - self.spent - self.reserved
        return Room(self.budget, left, self.reserved, self.window.end_us)

    def _place(self, window: Window) -> None:
        self.window = window
        self.start = window.start_us
        self.end = maxsize if window.end_us is None else window.end_us

    def _aim(self) -> None:
        """Work out the next level; none while the ledger's part is not known."""
        self.next_level = maxsize
        if self.seeded and self.budget.enabled:
            open_marks = (mark for mark in self.budget.marks if mark not in self.fired)
            levels = [self.budget.level(mark) for mark in open_marks]
            self.next_level = min(levels, default=maxsize)
