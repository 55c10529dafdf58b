"""Budgets as values: what may be spent, on what, and in which stretch of time.

Stretches of time follow one another without a gap: every instant is in exactly one window of a
budget, whatever clocks do in its zone. A day begins at its first midnight; where clocks leap over
midnight, it begins with the leap.
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from laird.domain.money import NANO, usd_text

MOST_USD = 1_000_000_000
"""The highest limit, so that sums fit 64 bits of nano-dollars."""

_DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class BudgetScope(StrEnum):
    """What a budget holds together."""

    GLOBAL = "global"
    KEY = "key"
    WORKFLOW = "workflow"
    PROVIDER = "provider"


class BudgetPeriod(StrEnum):
    """After which time a budget begins anew."""

    MONTHLY = "monthly"
    DAILY = "daily"
    TOTAL = "total"
    """Never: it counts from when it was made."""


class OnLimit(StrEnum):
    """What happens to a request that a budget has no room for."""

    REFUSE = "refuse"
    LOCAL = "local"
    """A local model that costs nothing serves it, where one can."""
    WARN = "warn"
    """It is served all the same."""


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """One budget."""

    id: str
    name: str
    limit_nano: int
    """Nano-dollars for one window."""
    scope: BudgetScope = BudgetScope.GLOBAL
    subject: str | None = None
    """The key's id, the workflow's name or the provider's id; None for a global one."""
    period: BudgetPeriod = BudgetPeriod.MONTHLY
    reset_day: int = 1
    """Day of the month, 1 to 31, on which a monthly one begins; the last day where a month has
    fewer."""
    zone: str = "UTC"
    """The IANA zone whose days are meant."""
    on_limit: OnLimit = OnLimit.REFUSE
    alerts: tuple[int, ...] = (80,)
    """Percent of the limit at which to alert, beside 100."""
    enabled: bool = True
    created_us: int = 0

    @property
    def hard(self) -> bool:
        """True when it keeps requests from being served by what costs money."""
        return self.on_limit is not OnLimit.WARN

    @property
    def marks(self) -> tuple[int, ...]:
        """All percents to alert at, ascending; 100 is always one."""
        return tuple(sorted({*self.alerts, 100}))

    def level(self, mark: int) -> int:
        """Return the nano-dollars at which a mark is reached, at least 1."""
        return max(1, -(-self.limit_nano * mark // 100))


class Window(msgspec.Struct, frozen=True, gc=False):
    """A stretch of time, UTC microseconds since the epoch; the end is not in it."""

    start_us: int
    end_us: int | None
    """None for one that never ends."""

    def holds(self, at_us: int) -> bool:
        """Tell whether an instant is in it."""
        return at_us >= self.start_us and (self.end_us is None or at_us < self.end_us)


def window_at(budget: Budget, at_us: int) -> Window:
    """Return the budget's window that an instant is in."""
    if budget.period is BudgetPeriod.TOTAL:
        return Window(budget.created_us, None)
    zone = zone_of(budget.zone)
    day = (_EPOCH + timedelta(microseconds=at_us)).astimezone(zone).date()
    # The window of this day may begin later, and where clocks are set back over midnight, the day
    # may have begun before: so the search begins one window earlier.
    first = _later(budget, day, -1)
    start = _begin_of(first, zone)
    while True:
        first = _later(budget, first, 1)
        end = _begin_of(first, zone)
        if at_us < end:
            return Window(start, end)
        start = end


def zone_of(name: str) -> tzinfo:
    """Return the zone of this name. Raises `ValueError` when there is none.

    UTC is there even where the system has no data of time zones.
    """
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError, ValueError):
        raise ValueError(f"there is no time zone '{name[:60]}'") from None


def read_usd(text: str) -> int:
    """Return the nano-dollars of an amount in USD: `20`, `$0.50`, `12.5 USD`.

    Raises `ValueError` when it is none, negative, too large, or finer than nano-dollars.
    """
    bare = text.strip().removesuffix("USD").removesuffix("usd").strip().removeprefix("$").strip()
    if re.fullmatch(r"[0-9]{1,10}(\.[0-9]*)?|\.[0-9]+", bare) is None:
        raise ValueError(f"'{text[:40]}' is not an amount in USD such as 20 or 0.50")
    try:
        exact = Decimal(bare) * NANO
    except InvalidOperation:
        raise ValueError(f"'{text[:40]}' is not an amount in USD such as 20 or 0.50") from None
    if exact > MOST_USD * NANO:
        raise ValueError(f"{text[:40]} is more than the highest limit, {MOST_USD} USD")
    if exact != int(exact):
        raise ValueError(f"'{text[:40]}' has more than nine decimals")
    return int(exact)


_PERIODS = {
    "month": BudgetPeriod.MONTHLY,
    "monthly": BudgetPeriod.MONTHLY,
    "day": BudgetPeriod.DAILY,
    "daily": BudgetPeriod.DAILY,
    "total": BudgetPeriod.TOTAL,
}


def read_allowance(text: str) -> tuple[int, BudgetPeriod]:
    """Return nano-dollars and period of `20/month`, `5/day` or `100/total`.

    Raises `ValueError` when it is not one of these.
    """
    amount, slash, word = text.partition("/")
    period = _PERIODS.get(word.strip().lower())
    if not slash or period is None:
        raise ValueError(f"'{text[:40]}' is not an allowance such as 20/month, 5/day or 100/total")
    return read_usd(amount), period


def allowance_text(budget: Budget) -> str:
    """Return a limit as people say it: `20 USD a month`."""
    words = {
        BudgetPeriod.MONTHLY: " a month",
        BudgetPeriod.DAILY: " a day",
        BudgetPeriod.TOTAL: " in all",
    }
    return f"{usd_text(budget.limit_nano)} USD{words[budget.period]}"


def moment_text(budget: Budget, at_us: int) -> str:
    """Return an instant on the clocks of the budget's zone: `2026-12-01 00:00 Europe/Berlin`."""
    local = (_EPOCH + timedelta(microseconds=at_us)).astimezone(zone_of(budget.zone))
    return f"{local:%Y-%m-%d %H:%M} {budget.zone}"


def _begin_of(day: date, zone: tzinfo) -> int:
    """Return the first instant of a day.

    A midnight that comes twice means the first one. One that clocks leap over is read with the
    offset before the leap, which makes it the leap itself.
    """
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    return (midnight.astimezone(UTC) - _EPOCH) // _MICROSECOND


def _later(budget: Budget, day: date, steps: int) -> date:
    """Return the first day of the window that is `steps` windows after the one of `day`.

    Of a monthly budget, the window of a day is taken to be the one that begins in its month.
    """
    if budget.period is BudgetPeriod.DAILY:
        return day + steps * _DAY
    year, month = divmod(day.year * 12 + day.month - 1 + steps, 12)
    last = monthrange(year, month + 1)[1]
    return date(year, month + 1, min(budget.reset_day, last))
