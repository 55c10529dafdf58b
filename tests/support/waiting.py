"""Waiting for a condition of state in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

MACHINE_S = 8.0
"""What a busy machine may hold a test up, on top of the time that is promised, in seconds."""


async def until(condition: Callable[[], object], within: float = 20.0) -> None:
    """Let the loop turn until the condition holds; TimeoutError after `within` seconds."""
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - the state has no event; the loop turns freely
            await asyncio.sleep(0)
