"""What answers about budgets look like. Times are UTC, microseconds since 1970."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict


class SlackShown(TypedDict):
    """By how much a budget may be overshot by answers that nobody limits."""

    bounded: bool
    """True when every model's most is known."""
    nano: int | None
    """The most that one such request may cost beyond what is held for it; null where even the
    model's window is not known."""
    models: list[str]
    """Those whose answers nobody limits."""


class BudgetShown(TypedDict):
    """A budget and how it is now. Money is nano-dollars, and US dollars as a decimal string."""

    id: str
    name: str
    limit_nano: int
    limit_usd: str
    scope: Literal["global", "key", "workflow", "provider"]
    subject: str | None
    """The key's id, the workflow's name or the provider's id; null for a global one."""
    subject_name: str | None
    """What people call the subject."""
    period: Literal["monthly", "daily", "total"]
    reset_day: int
    zone: str
    on_limit: Literal["refuse", "local", "warn"]
    alerts: list[int]
    """Percents of the limit at which to alert, beside 100."""
    enabled: bool
    created_us: int
    spent_nano: int
    spent_usd: str
    reserved_nano: int
    """Held for requests under way."""
    reserved_usd: str
    remaining_nano: int
    """Less than nothing when the limit was lowered, or overshot."""
    remaining_usd: str
    percent: float
    """Spent share of the limit."""
    projected_nano: int | None
    """What its window will have cost at its end if it goes on like this; null where it has none,
    or it is too early to tell."""
    projected_usd: str | None
    starts_us: int
    resets_us: int | None
    """Null for one that never begins anew."""
    refused: int
    """Attempts not made since Laird was started because there was no room."""
    slack: SlackShown


class BudgetsShown(TypedDict):
    """All budgets."""

    budgets: list[BudgetShown]
