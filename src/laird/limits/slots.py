"""Concurrency: how many requests each provider may have under way, and who goes next.

A slot is held from before the upstream call until its answer, or its stream, has ended. When all
are taken, requests wait in a bounded queue per provider, lower priority number first and in order
of arrival within one number. A freed slot passes from the one who gives it back straight to the
first who waits, so a free slot and a waiting request never exist together: nobody overtakes, no
crowd is woken for one place, and the limit holds at every instant.

Everything here belongs to one event loop and one thread.
"""

from __future__ import annotations

import asyncio
import math
import time
from bisect import bisect_left, insort
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import msgspec

from laird.domain.errors import CapacityExceeded

_UNKNOWN_PACE_RETRY_S = 5.0
_LONGEST_RETRY_S = 60.0
_PACE_WEIGHT = 0.2


class Slot(msgspec.Struct, eq=False):
    """The right to one request at `provider_id`; give it back with `release`."""

    provider_id: str
    _lane: _Lane | None

    def release(self) -> None:
        """Give the slot back, to the first who waits. Calling it again does nothing."""
        lane = self._lane
        if lane is not None:
            self._lane = None
            lane.vacate()


class _Waiter:
    """One request that waits, in the queues of one provider or of several.

    The future ends with the slot, or with None when the wait was too long.
    """

    __slots__ = ("entry", "future", "lanes")

    def __init__(
        self, lanes: list[_Lane], order: tuple[int, int], future: asyncio.Future[Slot | None]
    ) -> None:
        self.lanes = lanes
        self.future = future
        self.entry: _Entry = (*order, self)

    def leave_queues(self) -> None:
        """Take back every place in a queue."""
        for lane in self.lanes:
            lane.remove(self.entry)
        self.lanes = []

    def expire(self) -> None:
        """End the wait without a slot."""
        self.leave_queues()
        if not self.future.done():
            self.future.set_result(None)

    def abandon(self) -> None:
        """Leave because the request was cancelled.

        The slot may have been granted since the task last ran; then it moves on to the next.
        """
        self.leave_queues()
        if self.future.done() and not self.future.cancelled():
            slot = self.future.result()
            if slot is not None:
                slot.release()


_Entry = tuple[int, int, _Waiter]
"""Priority, arrival, waiter. Arrivals are unique, so two waiters are never compared."""


class _Lane:
    """One provider: its limit, its queue, and its entry in the shared count of running requests."""

    __slots__ = ("_clock", "_counts", "_granted_at", "limit", "pace_s", "provider_id", "queue")

    def __init__(
        self,
        provider_id: str,
        limit: int | None,
        counts: dict[str, int],
        clock: Callable[[], float],
    ) -> None:
        self.provider_id = provider_id
        self.limit = limit
        self.queue: list[_Entry] = []
        self.pace_s: float | None = None
        """Moving average of the seconds between two grants while others wait."""
        self._granted_at: float | None = None
        self._clock = clock
        self._counts = counts
        counts[provider_id] = 0

    @property
    def running(self) -> int:
        return self._counts[self.provider_id]

    def take(self) -> Slot | None:
        """Return a slot when one is free."""
        counts = self._counts
        running = counts[self.provider_id]
        limit = self.limit
        if limit is not None and running >= limit:
            return None
        counts[self.provider_id] = running + 1
        return Slot(self.provider_id, self)

    def vacate(self) -> None:
        """End one running request: its place goes to the first in the queue, or is free."""
        # A limit that was lowered meanwhile is reached again before anybody new is let in.
        fits = self.limit is None or self._counts[self.provider_id] <= self.limit
        if not (self.queue and fits and self._grant()):
            self._counts[self.provider_id] -= 1

    def fill(self) -> None:
        """Let in as many as a new limit has room for."""
        counts = self._counts
        while self.queue and (self.limit is None or counts[self.provider_id] < self.limit):
            if self._grant():
                counts[self.provider_id] += 1

    def remove(self, entry: _Entry) -> None:
        place = bisect_left(self.queue, entry)
        if place < len(self.queue) and self.queue[place] is entry:
            del self.queue[place]
        if not self.queue:
            self._granted_at = None

    def retry_after_s(self) -> float:
        """Estimate, in whole seconds, when somebody who comes now would be served."""
        if self.pace_s is None:
            return _UNKNOWN_PACE_RETRY_S
        wait = math.ceil(self.pace_s * (len(self.queue) + 1))
        return float(min(max(wait, 1), _LONGEST_RETRY_S))

    def describe(self) -> str:
        running = f"{self.running} of {self.limit}" if self.limit is not None else "unlimited"
        return f"'{self.provider_id}' ({running} running, {len(self.queue)} waiting)"

    def _grant(self) -> bool:
        """Hand a slot to the first who still waits; False when nobody does."""
        while self.queue:
            waiter = self.queue[0][2]
            self._keep_pace()
            waiter.leave_queues()
            # A cancelled waiter stays queued until its task runs again.
            if not waiter.future.done():
                waiter.future.set_result(Slot(self.provider_id, self))
                return True
        return False

    def _keep_pace(self) -> None:
        now = self._clock()
        if self._granted_at is not None:
            gap = now - self._granted_at
            pace = self.pace_s
            self.pace_s = gap if pace is None else pace + _PACE_WEIGHT * (gap - pace)
        self._granted_at = now


class Slots:
    """The slots of all providers.

    Args:
        queue_length: How many requests may wait per provider.
        clock: Monotonic seconds; only used to tell how fast a queue moves.
    """

    def __init__(
        self, *, queue_length: int = 256, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._queue_length = queue_length
        self._clock = clock
        self._counts: dict[str, int] = {}
        self._lanes: dict[str, _Lane] = {}
        self._gone: set[str] = set()
        self._arrivals = 0
        self.active: Mapping[str, int] = MappingProxyType(self._counts)
        """Requests under way by provider id, a live view."""

    def configure(self, limits: Mapping[str, int | None], queue_length: int) -> None:
        """Apply the limits of a new snapshot; a limit of None means unlimited.

        Nothing that runs or waits is disturbed. Under a lowered limit nobody new is let in until
        enough have ended; a raised one lets waiting requests in at once. A provider that is gone
        keeps its old limit for the requests that still know it, and is forgotten once it has been
        idle and absent through one more change.
        """
        self._queue_length = queue_length
        for provider_id, limit in limits.items():
            self._lane(provider_id).limit = limit
        gone = self._lanes.keys() - limits.keys()
        for provider_id in gone & self._gone:
            lane = self._lanes[provider_id]
            if not lane.running and not lane.queue:
                del self._lanes[provider_id], self._counts[provider_id]
        self._gone = gone & self._lanes.keys()
        for lane in self._lanes.values():
            lane.fill()

    def try_acquire(self, provider_id: str) -> Slot | None:
        """Return a slot, or None when the provider is full. Never waits, never overtakes.

        A provider that no configuration has named is unlimited.
        """
        lane = self._lanes.get(provider_id)
        if lane is None:
            lane = self._lane(provider_id)
        return lane.take()

    def waiting(self, provider_id: str) -> int:
        """Return how many requests wait for this provider."""
        lane = self._lanes.get(provider_id)
        return len(lane.queue) if lane else 0

    async def acquire_any(
        self, provider_ids: Sequence[str], *, priority: int, timeout_s: float
    ) -> Slot:
        """Return a slot of whichever of these providers frees one first.

        A free one is taken at once, the earliest named first. Otherwise the request waits in the
        queue of each that has room for one more. Cancelling loses no slot, even one granted in
        the same turn of the loop. Do not wrap this in `asyncio.wait_for`, which can drop a result
        that arrives while it cancels: `timeout_s` is there for that.

        Raises:
            CapacityExceeded: All queues are full, or the wait was longer than `timeout_s`.
        """
        lanes = [self._lane(provider_id) for provider_id in dict.fromkeys(provider_ids)]
        for lane in lanes:
            if slot := lane.take():
                return slot
        if timeout_s <= 0:
            raise _refusal(lanes, "and waiting is switched off")
        loop = asyncio.get_running_loop()
        waiter = self._line_up(lanes, priority, loop.create_future())
        timer = loop.call_later(timeout_s, waiter.expire)
        try:
            granted = await waiter.future
        except BaseException:
            waiter.abandon()
            raise
        finally:
            timer.cancel()
        if granted is None:
            raise _refusal(lanes, f"and none was free within {timeout_s:g} s")
        return granted

    def _lane(self, provider_id: str) -> _Lane:
        lane = self._lanes.get(provider_id)
        if lane is None:
            lane = _Lane(provider_id, None, self._counts, self._clock)
            self._lanes[provider_id] = lane
        return lane

    def _line_up(
        self, lanes: list[_Lane], priority: int, future: asyncio.Future[Slot | None]
    ) -> _Waiter:
        roomy = [lane for lane in lanes if len(lane.queue) < self._queue_length]
        if not roomy:
            raise _refusal(lanes, f"and {self._queue_length} may wait at most")
        self._arrivals += 1
        waiter = _Waiter(roomy, (priority, self._arrivals), future)
        for lane in roomy:
            insort(lane.queue, waiter.entry)
        return waiter


def _refusal(lanes: list[_Lane], why: str) -> CapacityExceeded:
    retry_after_s = min((lane.retry_after_s() for lane in lanes), default=_UNKNOWN_PACE_RETRY_S)
    busy = ", ".join(lane.describe() for lane in lanes)
    return CapacityExceeded(
        f"Every provider that could serve this is busy: {busy}, {why}."
        f" Try again in {retry_after_s:.0f} s, or raise maxConcurrent of the provider.",
        retry_after_s=retry_after_s,
    )
