"""A budget as somebody asks for it, checked and made."""

from __future__ import annotations

import secrets
import unicodedata

import msgspec

from laird.domain.budget import (
    MOST_USD,
    Budget,
    BudgetPeriod,
    BudgetScope,
    OnLimit,
    zone_of,
)
from laird.domain.errors import InvalidRequest
from laird.domain.money import NANO

LONGEST_NAME = 100
_LONGEST_SUBJECT = 300
_MOST_ALERTS = 10
_HIGHEST_ALERT = 1000


class BudgetDraft(msgspec.Struct, frozen=True, kw_only=True):
    """What a new budget shall be; the fields mean what they mean in `Budget`."""

    name: str
    limit_nano: int
    scope: BudgetScope = BudgetScope.GLOBAL
    subject: str | None = None
    period: BudgetPeriod = BudgetPeriod.MONTHLY
    reset_day: int = 1
    zone: str = "UTC"
    on_limit: OnLimit = OnLimit.REFUSE
    alerts: tuple[int, ...] = (80,)
    enabled: bool = True


def make_budget(draft: BudgetDraft, now_us: int) -> Budget:
    """Return a new budget with an id of its own. `now_us` is UTC microseconds.

    Raises:
        InvalidRequest: a field of the draft is wrong; `param` names it.
    """
    fields = msgspec.structs.asdict(draft)
    return checked(Budget(id=f"bud_{secrets.token_hex(8)}", created_us=now_us, **fields))


def checked(budget: Budget) -> Budget:
    """Return a budget whose fields make sense, its name and subject without blanks around them.

    Raises:
        InvalidRequest: a field is wrong; `param` names it.
    """
    if not 0 <= budget.limit_nano <= MOST_USD * NANO:
        raise InvalidRequest(f"The limit must be from 0 to {MOST_USD} USD.", param="limit_usd")
    if not 1 <= budget.reset_day <= 31:
        raise InvalidRequest(
            f"The reset day is {budget.reset_day}; it must be a day of the month, 1 to 31. In a"
            " month that has fewer, its last day is taken.",
            param="reset_day",
        )
    try:
        zone_of(budget.zone)
    except ValueError as problem:
        raise InvalidRequest(
            f"The zone is wrong: {problem}. Write one such as UTC or Europe/Berlin.", param="zone"
        ) from None
    return msgspec.structs.replace(
        budget,
        name=_checked_name(budget.name),
        subject=_checked_subject(budget),
        alerts=_checked_alerts(budget.alerts),
    )


def _checked_name(name: str) -> str:
    stripped = name.strip()
    if not stripped:
        raise InvalidRequest("A budget needs a name, such as 'team'.", param="name")
    if len(stripped) > LONGEST_NAME:
        raise InvalidRequest(
            f"The name has {len(stripped)} characters; {LONGEST_NAME} are the most.", param="name"
        )
    # It is written into logs, tables and subjects of mails.
    if any(unicodedata.category(character)[0] == "C" for character in stripped):
        raise InvalidRequest("The name has characters that can't be shown.", param="name")
    return stripped


def _checked_subject(budget: Budget) -> str | None:
    subject = (budget.subject or "").strip()
    if budget.scope is BudgetScope.GLOBAL:
        if subject:
            raise InvalidRequest("A global budget has no subject.", param="subject")
        return None
    if not subject:
        words = {
            BudgetScope.KEY: "key",
            BudgetScope.WORKFLOW: "workflow",
            BudgetScope.PROVIDER: "provider",
        }
        noun = words[budget.scope]
        raise InvalidRequest(f"Say which {noun} the budget is of.", param="subject")
    if len(subject) > _LONGEST_SUBJECT:
        raise InvalidRequest(
            f"The subject has {len(subject)} characters; {_LONGEST_SUBJECT} are the most.",
            param="subject",
        )
    return subject


def _checked_alerts(alerts: tuple[int, ...]) -> tuple[int, ...]:
    if len(alerts) > _MOST_ALERTS:
        raise InvalidRequest(
            f"{len(alerts)} alerts are too many; {_MOST_ALERTS} are the most.", param="alerts"
        )
    for percent in alerts:
        if not 1 <= percent <= _HIGHEST_ALERT:
            raise InvalidRequest(
                f"An alert is at {percent}%; it must be from 1 to {_HIGHEST_ALERT} percent of the"
                " limit.",
                param="alerts",
            )
    return tuple(sorted(set(alerts)))
