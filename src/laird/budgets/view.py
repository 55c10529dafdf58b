"""A budget's state at a moment, for people."""

from __future__ import annotations

import msgspec

from laird.budgets.account import Account
from laird.domain.budget import Budget, Window

_TOO_EARLY_US = 3_600_000_000
"""Nothing is projected from less than an hour."""


class BudgetState(msgspec.Struct, frozen=True, kw_only=True):
    """What a budget has spent. Amounts are nano-dollars, times UTC microseconds."""

    budget: Budget
    window: Window
    spent: int
    reserved: int
    """Held for requests under way; they will cost no more, and mostly less."""
    remaining: int
    """What is left for others; less than nothing when the limit was lowered, or overshot."""
    percent: float
    """Spent share of the limit."""
    projected: int | None
    """What the window will have spent at its end if it goes on like this; None where there is no
    end, or it is too early to tell."""
    refused: int
    """Attempts not made since the start because there was no room."""


def state_of(account: Account, now_us: int) -> BudgetState:
    """Return a budget's state."""
    budget, window, spent = account.budget, account.window, account.spent
    limit = budget.limit_nano
    return BudgetState(
        budget=budget,
        window=window,
        spent=spent,
        reserved=account.reserved,
        remaining=limit - spent - account.reserved,
        percent=round(100 * spent / limit, 2) if limit else (100.0 if spent else 0.0),
        projected=projected(window, spent, now_us),
        refused=account.refusals,
    )


def projected(window: Window, spent: int, now_us: int) -> int | None:
    """Return what a window will have spent at its end at the pace until now."""
    if window.end_us is None:
        return None
    gone = now_us - window.start_us
    if gone < _TOO_EARLY_US:
        return None
    return spent * (window.end_us - window.start_us) // gone
