"""One HTTP/1.1 connection, on asyncio's protocols and the parser that uvicorn uses.

It does what an inference server needs and no more, since every request pays for it: limits on the
header block, error bodies like any other, pipelining in order, backpressure both ways. A request
and its answer are in `cycle.py`, what a request must be in `edge.py`, how long it may take in
`patience.py`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import httptools
import uvicorn
from uvicorn.server import ServerState

from laird.api.cycle import Cycle
from laird.api.edge import (
    MAX_HEADER_BYTES,
    MAX_TARGET_BYTES,
    MOST_DISCARDED,
    Refused,
    check_coding,
    check_head,
    error_answer,
    too_large,
    too_long,
    wrong,
)
from laird.api.http import Scope
from laird.api.patience import Stage, make_room

_HIGH_WATER = 64 * 1024
"""Bytes of a request's body held for an application that does not read."""
_ASGI = {"version": "3.0", "spec_version": "2.3"}
_LOOKED_AT = frozenset({b"host", b"transfer-encoding", b"expect"})
_MOST_NAMES = 1000
_LONG_NAME = 64
_names: dict[bytes, bytes] = {}
"""Names of headers that need no look, in lower case, by how they were written."""
_NO_PARSER = httptools.HttpRequestParser(object())


class Protocol(asyncio.Protocol):
    """A connection as uvicorn's server makes it: one for each client."""

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        del app_state
        self.loop = _loop or asyncio.get_running_loop()
        self.app = config.loaded_app
        self.slow = False
        """The client does not take what was written: more should wait for `writable`."""
        self._connections = server_state.connections
        self._parser = httptools.HttpRequestParser(self)
        # A pipelined request behind one that closes is ignored, not answered with an error.
        self._parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._transport: asyncio.Transport
        self.write: Callable[[bytes], None]
        """Writes to the client; the transport's own method, for there are many pieces."""
        self._server: tuple[str, int | None] | None = None
        self._client: tuple[str, int] | None = None
        self._reading = True
        self._deaf = False
        """What comes is thrown away: it can't be told from an attack, or is not HTTP/1.1."""
        self._lingers = False
        self._ignored = 0
        self._drained: asyncio.Future[None] | None = None
        self._cycle: Cycle | None = None
        self._waiting: deque[Cycle] = deque()
        self.idle_since = self.loop.time()
        self.got = 0
        """Bytes of bodies that have come."""
        self._most = config.limit_concurrency
        """How many connections there may be; None for any number."""
        self._heads = 0
        """Requests begun."""
        self._drains = 0
        self._in_head = False
        self._unparsed = 0
        """Bytes that have come since the last thing that was whole: a head, a piece of body."""
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._host: bytes | None = None
        self._expects_continue = False
        self._newest: Cycle | None = None
        """The cycle whose body is being read; behind `_cycle` when requests are pipelined."""

    # Called by the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")  # noqa: S101
        self._transport = transport  # type: ignore[assignment]  # uvloop's is no subclass
        self.write = self._transport.write
        name = transport.get_extra_info("sockname")
        self._server = (name, None) if isinstance(name, str) else name[:2] if name else None
        peer = transport.get_extra_info("peername")
        self._client = peer[:2] if isinstance(peer, tuple) else None
        if self._client is not None and self._is_one_too_many():
            self._turn_away()
            return
        self._connections.add(self)  # type: ignore[arg-type]  # typed for uvicorn's own

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the requests of this connection that their client is gone."""
        del exc
        self._connections.discard(self)
        self.resume_writing()
        self._lose_cycles()
        # The parser refers to this connection: without it neither waits for the collector.
        self._parser = _NO_PARSER

    def _lose_cycles(self) -> None:
        for cycle in (self._cycle, *self._waiting):
            if cycle is not None and not cycle.complete:
                cycle.disconnected = True
                cycle.wake()
                if cycle.gone is not None:
                    cycle.gone()
                    cycle.gone = None

    def data_received(self, data: bytes) -> None:
        """Parse what has arrived."""
        if self._deaf:
            self._ignore(len(data))
            return
        self._unparsed += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            refused = error.__context__
            self._refuse(refused if isinstance(refused, Refused) else wrong(str(error)))
        except httptools.HttpParserUpgrade:
            # It gets its answer in HTTP/1.1; what follows is in another protocol.
            self._deaf = True
        else:
            if self._unparsed > MAX_HEADER_BYTES:
                self._refuse(too_large())

    def pause_writing(self) -> None:
        """Note that the client takes less than is written."""
        self.slow = True

    def resume_writing(self) -> None:
        """Note that the client has caught up, or is gone."""
        self.slow = False
        self._drains += 1
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._drained = None

    # Called by the parser.

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._url = b""
        self._headers = []
        self._host = None
        self._expects_continue = False
        self._in_head = True
        self._heads += 1

    def on_url(self, url: bytes) -> None:
        """Take the target, which counts against the limit of the header block."""
        self._url += url
        if len(self._url) > MAX_TARGET_BYTES:
            raise too_long()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header. How long all of them are is looked at when they are complete."""
        # A trailer is not taken: nobody may be told by it who asks, or for what.
        if self._in_head:
            self._headers.append((_names.get(name) or self._named(name, value), value))

    def on_headers_complete(self) -> None:
        """Start the application on a request, or queue it behind the one before."""
        parser = self._parser
        if self._unparsed > MAX_HEADER_BYTES and _size(self._url, self._headers) > MAX_HEADER_BYTES:
            raise too_large()
        version: str = parser.get_http_version()
        method = parser.get_method().decode("ascii")
        raw_path, query = check_head(version, method, self._url, self._host, len(self._headers))
        self._in_head = False
        self._unparsed = 0
        path = raw_path.decode("latin-1")
        scope: Scope = {
            "type": "http",
            "asgi": _ASGI,
            "http_version": version,
            "server": self._server,
            "client": self._client,
            "scheme": "http",
            "root_path": "",
            "headers": self._headers,
            "method": method,
            "path": unquote(path) if "%" in path else path,
            "raw_path": raw_path,
            "query_string": query,
        }
        cycle = Cycle(
            self,
            scope,
            version != "1.0" and parser.should_keep_alive() and not parser.should_upgrade(),
            self._expects_continue,
            method == "HEAD",
        )
        scope["laird.link"] = cycle
        self._newest = cycle
        if self._cycle is None:
            self._begin(cycle)
        else:
            self._waiting.append(cycle)
            self.pause_reading()

    def on_body(self, body: bytes) -> None:
        """Hand over a piece of the body; read no more while it is not taken."""
        self._unparsed = 0
        self.got += len(body)
        cycle = self._newest
        if cycle is None:
            return
        if cycle.complete:
            self._ignore(len(body))
        elif cycle.feed(body) > _HIGH_WATER:
            self.pause_reading()

    def on_message_complete(self) -> None:
        """Note the end of a request."""
        self._unparsed = 0
        if self._newest is not None:
            self._newest.fed()

    # Called by cycles and the server.

    async def writable(self) -> None:
        """Wait until the client has taken what was written, or is gone."""
        while self.slow:
            if self._drained is None:
                self._drained = self.loop.create_future()
            await asyncio.shield(self._drained)

    def pause_reading(self) -> None:
        """Read no more for now."""
        if self._reading and not self._transport.is_closing():
            self._reading = False
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read again."""
        if not self._reading and not self._transport.is_closing():
            self._reading = True
            self._transport.resume_reading()

    def answered(self, cycle: Cycle) -> None:
        """Go on with the next request, or close, once an answer is written."""
        self._cycle = None
        if not cycle.keep_alive:
            if cycle.unread:
                self._linger()
            else:
                self._transport.close()
            return
        if self._waiting:
            self._begin(self._waiting.popleft())
        else:
            self.idle_since = self.loop.time()
        if not self._reading:
            self.resume_reading()

    def fail(self, cycle: Cycle) -> None:
        """End the connection of a request that the application failed at."""
        if not cycle.started and not cycle.disconnected:
            message = "Laird failed at this request."
            self._transport.write(error_answer(500, "server_error", message))
        self._transport.close()

    def cut(self) -> None:
        """Break the connection, whatever is under way."""
        self._deaf = True
        self._transport.abort()

    def shutdown(self) -> None:
        """Close now when nothing is under way, else after the present answer."""
        if self._cycle is None:
            self._transport.close()
        else:
            self._cycle.keep_alive = False

    def _begin(self, cycle: Cycle) -> None:
        self._cycle = cycle
        cycle.task = self.loop.create_task(cycle.run())

    def _named(self, name: bytes, value: bytes) -> bytes:
        """Return the lower-case name of a header that is new, or is to be looked at each time."""
        lower = name.lower()
        if lower in _LOOKED_AT:
            self._look_at(lower, value)
        elif len(_names) < _MOST_NAMES and len(name) <= _LONG_NAME:
            _names[name] = lower
        return lower

    def _look_at(self, name: bytes, value: bytes) -> None:
        """Take note of a header that says how the request is to be read."""
        if name == b"host":
            if self._host is not None:
                raise wrong("it has more than one Host header")
            self._host = value
        elif name == b"transfer-encoding":
            check_coding(self._parser.get_http_version(), value)
        else:
            self._expects_continue = value.lower() == b"100-continue"

    def _refuse(self, refused: Refused) -> None:
        """Refuse what could not be read, and close once requests before it have their answers."""
        self._deaf = True
        last = self._waiting[-1] if self._waiting else self._cycle
        if last is not None and not last.unread:
            last.keep_alive = False
            return
        newest = self._newest
        has_answer = newest is not None and newest.unread and newest.started
        if not self._waiting and not has_answer:
            answer = error_answer(refused.status, refused.code, str(refused))
            self._transport.write(answer)
        self._lose_cycles()
        self._linger()

    def _linger(self) -> None:
        """Close, but not under what the client still sends: that would take the answer from it.

        What comes until the client closes too is thrown away (RFC 9112, section 9.6).
        """
        self._deaf = self._lingers = True
        if not self._transport.is_closing():
            self._transport.write_eof()
            self.resume_reading()

    def _ignore(self, size: int) -> None:
        """Take in what nobody reads: so much and no more."""
        self._ignored += size
        if self._ignored > MOST_DISCARDED:
            self.cut()

    # How long it takes.

    @property
    def stage(self) -> Stage:
        """What it waits for now."""
        if self.slow or self._transport.is_closing():
            return Stage.READER
        if self._lingers:
            return Stage.LEAVING
        if self._newest is not None and self._newest.unread:
            return Stage.BODY if self._reading else Stage.ANSWER
        if self._cycle is not None:
            return Stage.ANSWER
        return Stage.HEAD if self._in_head or self._unparsed or not self._heads else Stage.IDLE

    @property
    def progress(self) -> object:
        """Differs from before once the stage has come on."""
        return self._heads, self._drains, self._transport.get_write_buffer_size()

    def give_up(self, stage: Stage) -> None:
        """Cut off a client that takes too long."""
        if stage in {Stage.READER, Stage.LEAVING}:
            self.cut()
        elif stage is Stage.IDLE or not self._heads:
            self._transport.close()
        else:
            what = "headers" if stage is Stage.HEAD else "body"
            message = f"The request's {what} did not come in time. Send it again, without pauses."
            self._refuse(Refused(408, "request_timeout", message))

    def _is_one_too_many(self) -> bool:
        most = self._most
        if most is None or len(self._connections) < most:
            return False
        return not make_room(self._connections, most)  # type: ignore[arg-type]  # as above

    def _turn_away(self) -> None:
        message = f"{self._most} connections are open, which is the most. Try again in a while."
        self._transport.write(error_answer(503, "too_many_connections", message))
        self._deaf = True
        self._transport.close()


def _size(target: bytes, headers: list[tuple[bytes, bytes]]) -> int:
    return len(target) + sum(len(name) + len(value) + 4 for name, value in headers)
