"""Budgets, assembled: counters, what watches them, and the way out for alerts."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Awaitable, Callable
from functools import partial

from laird.budgets.account import Account
from laird.budgets.counters import Counters
from laird.budgets.post import Post
from laird.budgets.watch import Watch
from laird.config.settings import Settings
from laird.domain.money import NANO
from laird.pricing.cost import worst_case_nano
from laird.storage.engine import Database
from laird.telemetry.feed import Feed
from laird.telemetry.metrics import Metrics


async def open_budgets(
    settings: Settings, database: Database, flush: Callable[[], Awaitable[bool]], feed: Feed
) -> tuple[Watch, Post | None]:
    """Return the watch over the budgets, which are in force, and the post where there is mail.

    What an earlier process has left in the journal is brought into the ledger first, and counts.
    Raises `StartError` where mail is configured wrong, and `StorageUnavailable`.
    """
    news = asyncio.Event()
    counters = Counters(worst_case_nano, news.set)
    post = _post(settings, database)
    watch = Watch(counters, database, flush, feed, news, post)
    await watch.refresh()
    return watch, post


def _post(settings: Settings, database: Database) -> Post | None:
    url, sender, recipients = (
        "" if text.strip().lower() == "none" else text.strip()
        for text in (settings.smtp_url, settings.alert_from, settings.alert_to)
    )
    if not url:
        return None
    # Python's mail library takes long to load, and most homes have no mail server.
    mail = importlib.import_module("laird.budgets.mail")
    return Post(database, mail.Mailer(mail.read_mailbox(url, sender, recipients)).send)


_GAUGES: tuple[tuple[str, str, Callable[[Account], float]], ...] = (
    (
        "local_ai_budget_spent_ratio",
        "Share of a budget's limit that is spent; 1 is all of it.",
        lambda account: account.spent / max(1, account.budget.limit_nano),
    ),
    (
        "local_ai_budget_limit_usd",
        "A budget's limit.",
        lambda account: account.budget.limit_nano / NANO,
    ),
    (
        "local_ai_budget_spent_usd",
        "What a budget's present window has spent.",
        lambda account: account.spent / NANO,
    ),
    (
        "local_ai_budget_reserved_usd",
        "What a budget holds for requests under way.",
        lambda account: account.reserved / NANO,
    ),
    (
        "local_ai_budget_refused_attempts",
        "Attempts that were not made since the start because a budget had no room.",
        lambda account: account.refusals,
    ),
)


def publish_budgets(metrics: Metrics, counters: Counters) -> None:
    """Publish how far each budget is spent, by its name."""
    for name, text, read in _GAUGES:
        metrics.gauge(name, text, "budget", partial(_readings, counters, read))


def _readings(counters: Counters, read: Callable[[Account], float]) -> dict[str, float]:
    return {account.budget.name: read(account) for account in counters.accounts}
