"""Waiting for a condition of state in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], object], within: float = 5.0) -> None:
    """Let the loop turn until the condition holds; TimeoutError after `within` seconds."""
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - the state has no event; the loop turns freely
            await asyncio.sleep(0)
