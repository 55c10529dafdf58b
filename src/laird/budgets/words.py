"""What is said of a budget that has reached a mark: to people, and as plain data."""

from __future__ import annotations

from typing import Any

from laird.budgets.account import Crossing
from laird.domain.budget import OnLimit, allowance_text, moment_text
from laird.domain.money import usd_text

_THEN = {
    OnLimit.REFUSE: "requests that cost money are refused",
    OnLimit.LOCAL: "local models serve what they can and other requests are refused",
    OnLimit.WARN: "requests go on being served",
}


def message_of(crossing: Crossing) -> str:
    """Return a few sentences: what was reached, and what follows."""
    budget = crossing.budget
    end_us = crossing.window.end_us
    text = (
        f"The budget '{budget.name}' ({allowance_text(budget)}) has reached {crossing.mark}%:"
        f" {usd_text(crossing.spent)} USD are spent."
    )
    if crossing.spent >= budget.limit_nano:
        until = f" until {moment_text(budget, end_us)}" if end_us is not None else ""
        return f"{text} It is used up: {_THEN[budget.on_limit]}{until}."
    resets = f" It begins anew on {moment_text(budget, end_us)}." if end_us is not None else ""
    return f"{text}{resets} Once it is used up, {_THEN[budget.on_limit]}."


def data_of(crossing: Crossing) -> dict[str, Any]:
    """Return the figures of a mark that was reached."""
    budget = crossing.budget
    return {
        "budget": budget.name,
        "budget_id": budget.id,
        "scope": budget.scope.value,
        "subject": budget.subject,
        "percent": crossing.mark,
        "spent_nano": crossing.spent,
        "spent_usd": usd_text(crossing.spent),
        "limit_nano": budget.limit_nano,
        "limit_usd": usd_text(budget.limit_nano),
        "on_limit": budget.on_limit.value,
        "starts_us": crossing.window.start_us,
        "resets_us": crossing.window.end_us,
    }
