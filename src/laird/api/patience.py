"""How long a connection may take: over its headers, its body, its answer, and between requests.

There is no timer for a connection or a request. Once a second each connection says what it waits
for and how far it has come, and one that waits for too long without getting on is cut.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Collection
from enum import IntEnum
from typing import Protocol

import msgspec


class Stage(IntEnum):
    """What a connection waits for."""

    ANSWER = 0
    """For us: other deadlines hold."""
    IDLE = 1
    """For the next request."""
    HEAD = 2
    """For the whole head of a request."""
    BODY = 3
    """For more of a request's body."""
    READER = 4
    """For the client to read what was written."""
    LEAVING = 5
    """For the client to close as well, after an answer to what it had not sent whole."""


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds that a client may take before it is cut off."""

    head: float = 20.0
    """Until the head of a request is whole; for the first one from when it is connected."""
    body: float = 30.0
    """For each `least` bytes of a request's body."""
    least: int = 4096
    """Bytes of a body that must come in each `body` seconds, if it has so many."""
    idle: float = 75.0
    """From an answer to the next request."""
    reader: float = 60.0
    """Without reading a single byte of an answer."""
    leaving: float = 5.0
    """Between the end of what is written and the client's."""
    every: float = 1.0
    """How often that is looked at."""

    def of(self, stage: Stage) -> float:
        """Return the limit of a stage."""
        limits = (float("inf"), self.idle, self.head, self.body, self.reader, self.leaving)
        return limits[stage]


USUAL = Patience()


class Watched(Protocol):
    """A connection, as far as it is watched."""

    idle_since: float
    """When its last answer was complete, by the event loop's clock."""

    @property
    def stage(self) -> Stage:
        """What it waits for now."""
        ...

    @property
    def progress(self) -> object:
        """Differs from before once the stage has come on."""
        ...

    @property
    def got(self) -> int:
        """Bytes of bodies that have come."""
        ...

    def give_up(self, stage: Stage) -> None:
        """Cut it off."""
        ...


class Standing(msgspec.Struct):
    """What was seen of one connection when it last came on."""

    stage: Stage
    progress: object
    got: int
    since: float


class Watch:
    """Cuts off the connections that take too long."""

    def __init__(self, connections: Collection[Watched], patience: Patience) -> None:
        self._connections = connections
        self._patience = patience
        self._seen: dict[Watched, Standing] = {}

    async def run(self) -> None:
        """Look at all connections again and again, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._patience.every)
            self.look(loop.time())

    def look(self, now: float) -> None:
        """Look at all connections once."""
        before, self._seen = self._seen, {}
        for connection in tuple(self._connections):
            stage = connection.stage
            if stage is Stage.ANSWER:
                continue
            standing = before.get(connection)
            if standing is None or self._came_on(connection, stage, standing):
                standing = Standing(stage, connection.progress, connection.got, now)
            elif now - standing.since >= self._patience.of(stage):
                connection.give_up(stage)
            self._seen[connection] = standing

    def _came_on(self, connection: Watched, stage: Stage, standing: Standing) -> bool:
        if stage is not standing.stage or connection.progress != standing.progress:
            return True
        return stage is Stage.BODY and connection.got - standing.got >= self._patience.least


def make_room(connections: Collection[Watched], most: int) -> bool:
    """Close those that have been idle for longest, a twentieth of all; False when none is."""
    idle = [one for one in connections if one.stage is Stage.IDLE]
    for one in heapq.nsmallest(max(1, most // 20), idle, key=lambda one: one.idle_since):
        one.give_up(Stage.IDLE)
    return bool(idle)
