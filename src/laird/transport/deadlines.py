"""One timer for all exchanges under way, so that a request costs no timer of its own."""

from __future__ import annotations

import asyncio
import math
from typing import Protocol

from laird.domain.errors import UpstreamError

_GRAIN_S = 0.001
_GRAIN_PER_WATCHED_S = 0.00001


class Watched(Protocol):
    """What has a deadline. `due` is the loop time of the next look at it; never too late."""

    due: float

    def check(self, now: float) -> float:
        """Act if it is late; return the time of the next look, `math.inf` for never."""
        ...

    def fail(self, error: UpstreamError) -> None:
        """End it by an error."""
        ...


class Deadlines:
    """Looks at everything watched when the earliest may be due.

    A look costs time in proportion to their number, so looks keep a distance in proportion to it
    too: 1 ms, and 10 µs for each.
    """

    __slots__ = ("_next", "_timer", "loop", "watched")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._next = math.inf
        self._timer: asyncio.TimerHandle | None = None
        self.watched: set[Watched] = set()

    def watch(self, item: Watched) -> None:
        """Begin to look after it; `watched.discard` ends that."""
        self.watched.add(item)
        if item.due < self._next:
            self._arm(item.due)

    def sooner(self, due: float) -> None:
        """Say that something watched is due earlier than it was."""
        if due < self._next:
            self._arm(due)

    def close(self, error: UpstreamError) -> None:
        """End everything watched by an error, and stop looking."""
        for item in list(self.watched):
            item.fail(error)
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._next = when
        self._timer = self.loop.call_at(when, self._look)

    def _look(self) -> None:
        now = self.loop.time()
        self._timer = None
        self._next = math.inf
        earliest = math.inf
        for item in list(self.watched):
            due = item.due if item.due > now else item.check(now)
            earliest = min(earliest, due)
        if earliest < self._next:
            grain = _GRAIN_S + _GRAIN_PER_WATCHED_S * len(self.watched)
            self._arm(max(earliest, now + grain))
