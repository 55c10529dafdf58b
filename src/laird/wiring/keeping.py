"""What keeps copies of requests and answers, opened and closed with the program."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress

from laird.config.settings import Settings
from laird.keeping.keeper import Keeper, KeepRules
from laird.storage.engine import Database
from laird.telemetry.metrics import Metrics

_LAST_FLUSH_S = 1.0


def open_keeping(
    stack: AsyncExitStack, settings: Settings, database: Database, metrics: Metrics
) -> Keeper:
    """Return the keeper. At the end, what waits is written where the database is there for it."""
    rules = KeepRules(
        everybody=settings.keep_requests,
        local=settings.keep_local,
        days=settings.keep_days,
        most_bytes=settings.keep_max_bytes,
    )
    keeper = Keeper(database, rules)
    metrics.gauge(
        "local_ai_keeping_lost_requests",
        "Copies of requests that were to be kept and could not be.",
        "",
        lambda: {"": keeper.lost},
    )
    stack.push_async_callback(_last_flush, keeper)
    return keeper


async def _last_flush(keeper: Keeper) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(_LAST_FLUSH_S):
            await keeper.flush()
