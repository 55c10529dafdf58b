"""The feed of events: a bounded ring in memory, which any number of readers may follow.

A reader has no queue of its own, only a place in the ring. One that falls behind by more than the
ring's length is told how many events it has missed; nobody is ever waited for.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping
from itertools import islice
from typing import Any, Self

from laird.domain.events import Event

RING = 1000
"""Events that are kept."""


class Feed:
    """Events of this process, for one event loop."""

    def __init__(self, ring: int = RING) -> None:
        self._ring: deque[Event] = deque(maxlen=ring)
        self._last = 0
        self._readers: set[Reader] = set()
        self.origin = f"{time.time_ns() // 1_000_000:x}"
        """Tells the ids of this feed from those of another process."""

    @property
    def last_id(self) -> int:
        """The id of the newest event; 0 before the first."""
        return self._last

    @property
    def readers(self) -> int:
        """Readers that follow it now."""
        return len(self._readers)

    def publish(self, kind: str, data: Mapping[str, Any]) -> Event:
        """Add an event and wake the readers. Never waits."""
        self._last += 1
        event = Event(id=self._last, at_us=time.time_ns() // 1000, kind=kind, data=data)
        self._ring.append(event)
        for reader in self._readers:
            reader.wake()
        return event

    def since(self, event_id: int) -> list[Event]:
        """Return the events after one, oldest first, as far as the ring goes back."""
        if event_id >= self._last:
            return []
        behind = self._last - max(event_id, 0)
        return list(islice(self._ring, max(0, len(self._ring) - behind), None))

    def next_after(self, event_id: int) -> Event | None:
        """Return the oldest event after one that is still in the ring, None where there is none."""
        if event_id >= self._last:
            return None
        return self._ring[max(0, len(self._ring) - (self._last - event_id))]

    def subscribe(self, after: int | None = None) -> Reader:
        """Return a reader of the events after `after`; of those to come when it is None.

        Use it as a context manager, or call `close` at the end.
        """
        reader = Reader(self, self._last if after is None else after)
        self._readers.add(reader)
        return reader

    def unsubscribe(self, reader: Reader) -> None:
        """Wake a reader no more; its iteration ends."""
        self._readers.discard(reader)


class Reader:
    """One reader's place in the feed: an iterator over events that waits for new ones."""

    def __init__(self, feed: Feed, after: int) -> None:
        self._feed = feed
        self._after = after
        self._awake = asyncio.Event()
        self._closed = False
        self.missed = 0
        """Events that were gone before they were read."""

    @property
    def closed(self) -> bool:
        """True once it follows no more."""
        return self._closed

    def wake(self) -> None:
        """Let it look again."""
        self._awake.set()

    def close(self) -> None:
        """Follow no more."""
        self._closed = True
        self._feed.unsubscribe(self)
        self._awake.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def next(self, within_s: float | None = None) -> Event | None:
        """Return the next event; None once it follows no more, or when none came in that time."""
        while not self.closed:
            self._awake.clear()
            event = self._feed.next_after(self._after)
            if event is not None:
                self.missed += event.id - self._after - 1
                self._after = event.id
                return event
            try:
                async with asyncio.timeout(within_s):
                    await self._awake.wait()
            except TimeoutError:
                return None
        return None

    async def __aiter__(self) -> AsyncIterator[Event]:
        while (event := await self.next()) is not None:
            yield event
