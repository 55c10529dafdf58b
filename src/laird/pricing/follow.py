"""Following prices that change while the server runs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from laird.pricing.catalogue import Catalogue

_LOOK_EVERY = timedelta(minutes=1)
"""Also after the machine slept, or somebody set its clock, a price is followed within this time."""
_AT_LATEST = timedelta(hours=1)
_SHORTEST = timedelta(seconds=1)


def _now() -> datetime:
    return datetime.now(UTC)


async def follow_prices(
    catalogue: Catalogue,
    refresh: Callable[[], Awaitable[object]],
    *,
    clock: Callable[[], datetime] = _now,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> None:
    """Call `refresh` whenever a price of a model in use may have changed, and hourly; never ends.

    `refresh` looks the prices up again. A call under way keeps the prices it began with.
    """
    seen = clock()
    while True:
        now = clock()
        due = catalogue.next_change(seen)
        until = _LOOK_EVERY if due is None else min(_LOOK_EVERY, due - now)
        await sleep(max(until, _SHORTEST).total_seconds())
        now = clock()
        due = catalogue.next_change(seen)
        if (due is not None and due <= now) or not seen <= now < seen + _AT_LATEST:
            await refresh()
            seen = now
