"""How fast bytes come, averaged over the last seconds."""

from __future__ import annotations

from collections import deque

WINDOW_S = 10.0


class Speed:
    """A moving average. Times are of one monotonic clock, in seconds."""

    def __init__(self, window_s: float = WINDOW_S) -> None:
        self._window_s = window_s
        self._seen: deque[tuple[float, int]] = deque()

    def note(self, now: float, received: int) -> None:
        """Take how many bytes have come in all until now."""
        seen = self._seen
        seen.append((now, received))
        while len(seen) > 2 and seen[1][0] <= now - self._window_s:
            seen.popleft()

    def clear(self) -> None:
        """Begin anew, after a pause."""
        self._seen.clear()

    @property
    def bytes_per_s(self) -> float:
        """0 where nothing has come, or nothing is known yet."""
        if len(self._seen) < 2:
            return 0.0
        (first_at, first), (last_at, last) = self._seen[0], self._seen[-1]
        return max(0.0, (last - first) / (last_at - first_at)) if last_at > first_at else 0.0
