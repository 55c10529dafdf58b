"""Synchronisation without sleeping, between loops and threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Protocol


class Waitable(Protocol):
    """An `asyncio.Event` of the server's own loop, or a `Gate`."""

    def wait(self) -> Coroutine[Any, Any, object]:
        """Return once it is open."""
        ...


class Gate:
    """An event that any thread may open and any number of loops may wait for."""

    def __init__(self) -> None:
        self._is_open = False
        self._changes = Changes()

    def open(self) -> None:
        """Let everybody through, now and later."""
        self._is_open = True
        self._changes.notify()

    async def wait(self) -> bool:
        """Return once the gate is open, however long that takes."""
        await self._changes.until(lambda: self._is_open, within=None)
        return True


class Changes:
    """Wakes those who wait for a condition over state that others change."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loops: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
        self._threads = threading.Condition()

    def notify(self) -> None:
        """Say that the state has changed."""
        with self._lock:
            waiting = list(self._loops)
        for loop, event in waiting:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)
        with self._threads:
            self._threads.notify_all()

    async def until(self, condition: Callable[[], object], within: float | None) -> None:
        """Wait until the condition holds; TimeoutError after `within` seconds."""
        entry = (asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            self._loops.append(entry)
        try:
            async with asyncio.timeout(within):
                while not condition():
                    await entry[1].wait()
                    entry[1].clear()
        finally:
            with self._lock:
                self._loops.remove(entry)

    def block_until(self, condition: Callable[[], object], within: float) -> None:
        """Do the same in a thread without a loop."""
        with self._threads:
            if not self._threads.wait_for(lambda: bool(condition()), within):
                raise TimeoutError
