"""Idle connections of one origin."""

from __future__ import annotations

import asyncio

from laird.transport.deadlines import Deadlines
from laird.transport.http1 import Connection


class Pool:
    """Keeps what may serve again; the one used last goes first, so that the rest can age."""

    __slots__ = ("_idle", "_keep_s", "_limit", "_timer", "authority", "closed", "deadlines", "loop")

    def __init__(self, deadlines: Deadlines, authority: str, *, keep_s: float, limit: int) -> None:
        """Keep at most `limit` connections, each for about `keep_s` seconds of idleness."""
        self.authority = authority
        self.deadlines = deadlines
        """Those of the exchanges on its connections."""
        self.loop = deadlines.loop
        self.closed = False
        self._keep_s = keep_s
        self._limit = limit
        self._idle: list[Connection] = []
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._idle)

    def take(self) -> Connection | None:
        """Return an idle connection, or None."""
        return self._idle.pop() if self._idle else None

    def put(self, connection: Connection) -> None:
        """Keep a connection whose exchange is over."""
        if self.closed or len(self._idle) >= self._limit:
            connection.cut()
            return
        connection.idle_since = self.loop.time()
        self._idle.append(connection)
        if self._timer is None:
            self._timer = self.loop.call_later(self._keep_s, self._drop_old)

    def forget(self, connection: Connection) -> None:
        """Drop a connection that broke, if it is here."""
        if connection in self._idle:
            self._idle.remove(connection)

    def close(self) -> None:
        """Close what is idle; what is put back later is closed too."""
        self.closed = True
        while self._idle:
            self._idle.pop().cut()
        if self._timer is not None:
            self._timer.cancel()

    def _drop_old(self) -> None:
        self._timer = None
        idle = self._idle
        oldest = self.loop.time() - self._keep_s
        count = 0
        while count < len(idle) and idle[count].idle_since <= oldest:
            count += 1
        for connection in idle[:count]:
            connection.cut()
        del idle[:count]
        if idle:
            # Never sooner than a tick of the coarsest loop clock, or it would spin.
            delay = max(idle[0].idle_since - oldest, 0.001)
            self._timer = self.loop.call_later(delay, self._drop_old)
