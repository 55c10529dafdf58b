"""Requests under way whose answer others, asking the same, may wait for."""

from __future__ import annotations

import asyncio

Name = tuple[bytes, bool]
"""A request's fingerprint, and whether it must stay local: one that must is not kept waiting for
one that need not, whose answer it may not have."""


class Flights:
    """The first ones of their kind that are under way."""

    def __init__(self, patience_s: float) -> None:
        """`patience_s` is the longest that anybody waits, in seconds."""
        self._patience_s = patience_s
        self._under_way: dict[Name, asyncio.Event] = {}

    def __len__(self) -> int:
        return len(self._under_way)

    def lead(self, name: Name) -> bool:
        """Become the one that others wait for; False when there is one. Then `land` is due."""
        if name in self._under_way:
            return False
        self._under_way[name] = asyncio.Event()
        return True

    def land(self, name: Name) -> None:
        """Let those go on who wait."""
        self._under_way.pop(name).set()

    async def follow(self, name: Name) -> bool:
        """Wait until the one under way has landed; False when there is none."""
        flight = self._under_way.get(name)
        if flight is None:
            return False
        try:
            async with asyncio.timeout(self._patience_s):
                await flight.wait()
        except TimeoutError:
            pass
        return True
