"""Those who watch downloads: each gets the changes at its own pace."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Self

from laird.library.downloads.values import DownloadProgress
from laird.telemetry.logs import get_logger

_MOST_WAITING = 256
_log = get_logger("library")


class Watchers:
    """All who watch, on one loop."""

    def __init__(self) -> None:
        self._watchers: set[Watcher] = set()
        self._listeners: dict[object, Callable[[DownloadProgress], None]] = {}

    def tell(self, progress: DownloadProgress) -> None:
        """Tell everybody. Never waits."""
        for watcher in self._watchers:
            watcher.take(progress)
        for listener in list(self._listeners.values()):
            try:
                listener(progress)
            except Exception as fault:  # noqa: BLE001 - no fault of the download
                _log.warning("a listener to downloads failed", reason=repr(fault))

    def listen(self, listener: Callable[[DownloadProgress], None]) -> Callable[[], None]:
        """Call a function with each change; returns how to end that."""
        mark = object()
        self._listeners[mark] = listener
        return lambda: self._listeners.pop(mark, None) and None

    def watch(self, download_id: str | None) -> Watcher:
        """Return a watcher of one download or of all; use it as a context manager."""
        watcher = Watcher(download_id, self._watchers.discard)
        self._watchers.add(watcher)
        return watcher

    def close(self) -> None:
        """Let everybody's watching end."""
        for watcher in self._watchers:
            watcher.close()


class Watcher:
    """One who watches."""

    def __init__(self, download_id: str | None, leave: Callable[[Watcher], None]) -> None:
        self._only = download_id
        self._leave = leave
        self._waiting: deque[DownloadProgress] = deque(maxlen=_MOST_WAITING)
        self._awake = asyncio.Event()
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._leave(self)

    def take(self, progress: DownloadProgress) -> None:
        """Take a change; it replaces one that waits and tells of the same state."""
        if self._only not in {None, progress.id}:
            return
        for place in range(len(self._waiting) - 1, -1, -1):
            older = self._waiting[place]
            if older.id == progress.id:
                if (older.state, older.problem) == (progress.state, progress.problem):
                    del self._waiting[place]
                break
        self._waiting.append(progress)
        self._awake.set()

    def close(self) -> None:
        """Let it end, once it has read what waits."""
        self._closed = True
        self._awake.set()

    def waiting(self) -> DownloadProgress | None:
        """Return the next change that has come already, or None."""
        return self._waiting.popleft() if self._waiting else None

    async def next(self) -> DownloadProgress | None:
        """Return the next change; None at the end."""
        while True:
            self._awake.clear()
            if self._waiting:
                return self._waiting.popleft()
            if self._closed:
                return None
            await self._awake.wait()
