"""A fake upstream on a real loopback socket that does to each request what a test scripts.

    async with ScriptedUpstream() as up:
        up.script(failing(503), sse_answer(openai_wire.STREAM).stalled(at=2))
        ...
        assert up.requests[0].json()["model"] == "m"
        await up.client_gone()

It runs under asyncio and uvloop, or in a thread of its own (`with threaded_upstream() as up:`).
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from ssl import SSLContext
from typing import Any, Self

from tests.support.answers import (
    Answer,
    bytewise,
    error_event,
    failing,
    giant_line,
    json_answer,
    rate_limited,
    raw_answer,
    sse_answer,
    text_answer,
    truncated_json,
)
from tests.support.gates import Changes, Gate
from tests.support.wire_server import Gone, Player, WireConnection

__all__ = [
    "Answer",
    "Behaviour",
    "Gate",
    "Received",
    "ScriptedUpstream",
    "bytewise",
    "error_event",
    "failing",
    "giant_line",
    "json_answer",
    "rate_limited",
    "raw_answer",
    "sse_answer",
    "text_answer",
    "threaded_upstream",
    "truncated_json",
    "unused_port",
]


@dataclass(frozen=True)
class Received:
    """A request as it came over the wire; header names are in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = field(default=b"", repr=False)
    connection: int = 0
    """Counts the connections from 1: the same number means a connection was used again."""

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)


Behaviour = Answer | Callable[[Received], Answer]


class ScriptedUpstream:
    """The server. Attributes may be read from any thread."""

    def __init__(
        self, *, host: str = "127.0.0.1", port: int = 0, ssl: SSLContext | None = None
    ) -> None:
        self.host = host
        self.port = port
        self.requests: list[Received] = []
        self.active = 0
        """Requests being handled now, from the head's arrival to the answer's end."""
        self.max_active = 0
        self.connections = 0
        """Connections accepted so far."""
        self.open_connections = 0
        self.bytes_sent = 0
        """Bytes the kernel or the send buffer took; stands still while the client does not read."""
        self.gone: list[float] = []
        """Loop times (`time.monotonic`) at which a client left during an answer."""
        self._ssl = ssl
        self._script: deque[Behaviour] = deque()
        self._always: Behaviour = failing(500, "the test scripted no answer for this request")
        self._routes: dict[str, Behaviour] = {}
        self._changes = Changes()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: asyncio.Server | None = None
        self._live: dict[WireConnection, asyncio.Task[None]] = {}
        self._failures: list[BaseException] = []

    @property
    def url(self) -> str:
        """The address, without a trailing slash."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self._ssl else 'http'}://{host}:{self.port}"

    def script(self, *behaviours: Behaviour) -> None:
        """Queue what is done to the next requests, in order."""
        self._script.extend(behaviours)

    def always(self, behaviour: Behaviour) -> None:
        """Say what is done when the script is used up."""
        self._always = behaviour

    def on(self, path: str, behaviour: Behaviour) -> None:
        """Say what is done to each request for a path, past the script (a probe, a listing)."""
        self._routes[path] = behaviour

    async def wait_for(self, condition: Callable[[], object], within: float = 20.0) -> None:
        """Wait for a condition over this server's state, from any loop, `within` seconds."""
        await self._changes.until(condition, within)

    def block_until(self, condition: Callable[[], object], within: float = 20.0) -> None:
        """Wait for a condition in a test without a loop."""
        self._changes.block_until(condition, within)

    async def client_gone(self, count: int = 1, within: float = 20.0) -> float:
        """Wait until `count` clients have left during an answer; return when the last one did."""
        await self.wait_for(lambda: len(self.gone) >= count, within)
        return self.gone[count - 1]

    def drop_connections(self) -> None:
        """Close every connection, idle or not, as a server does that restarts."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._abort)

    async def __aenter__(self) -> Self:
        self._loop = loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: WireConnection(self._connected), self.host, self.port, ssl=self._ssl
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        tasks = list(self._live.values())
        self._abort()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.wait_for(lambda: not self._live)
        await self._server.wait_closed()
        if self._failures:
            raise self._failures[0]

    def _connected(self, connection: WireConnection) -> None:
        self.connections += 1
        self.open_connections += 1
        connection.number = self.connections
        task = asyncio.get_running_loop().create_task(self._converse(connection))
        self._live[connection] = task
        connection.on_lost = lambda: self._lost(connection)
        self._changes.notify()

    def _lost(self, connection: WireConnection) -> None:
        self.open_connections -= 1
        self._live.pop(connection, None)
        self._changes.notify()

    async def _converse(self, connection: WireConnection) -> None:
        try:
            while await self._exchange(connection):
                pass
        except Gone:
            pass
        except Exception as failure:  # noqa: BLE001 - a faulty script fails the test at its end
            self._failures.append(failure)
        finally:
            connection.transport.close()

    def _abort(self) -> None:
        for connection in list(self._live):
            connection.transport.abort()

    async def _exchange(self, connection: WireConnection) -> bool:
        head = await connection.read_head()
        received = Received(*head, connection=connection.number)
        self.active += 1
        self.max_active = max(self.max_active, self.active)
        self._changes.notify()
        try:
            behaviour = self._choose(received.path)
            if not (isinstance(behaviour, Answer) and behaviour.early):
                received = Received(*head, await connection.read_body(), connection.number)
            self.requests.append(received)
            answer = behaviour if isinstance(behaviour, Answer) else behaviour(received)
            self._changes.notify()
            return await Player(answer, connection, self._count).play(received.method)
        except Gone:
            self.gone.append(asyncio.get_running_loop().time())
            raise
        finally:
            self.active -= 1
            self._changes.notify()

    def _choose(self, path: str) -> Behaviour:
        if path in self._routes:
            return self._routes[path]
        return self._script.popleft() if self._script else self._always

    def _count(self, sent: int) -> None:
        self.bytes_sent += sent
        self._changes.notify()


@contextmanager
def threaded_upstream(upstream: ScriptedUpstream | None = None) -> Iterator[ScriptedUpstream]:
    """Run an upstream in a thread with a loop of its own."""
    up = upstream or ScriptedUpstream()
    ready, stop = threading.Event(), Gate()
    problems: list[BaseException] = []

    async def serve() -> None:
        async with up:
            ready.set()
            await stop.wait()

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as problem:  # noqa: BLE001 - handed to the thread of the test
            problems.append(problem)
            ready.set()

    thread = threading.Thread(target=run, name="scripted-upstream")
    thread.start()
    try:
        ready.wait()
        if not problems:
            yield up
    finally:
        stop.open()
        thread.join()
    if problems:
        raise problems[0]


def unused_port(host: str = "127.0.0.1") -> int:
    """Return a port on which nobody listens, so that connecting to it is refused."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
