"""One HTTP/1.1 connection, on asyncio's protocols and the parser that uvicorn uses.

It does what an inference server needs and no more, since every request pays for it: limits on the
header block, error bodies like any other, pipelining in order, backpressure both ways. The head of
an answer is written together with its first bytes, in one piece.
"""

from __future__ import annotations

import asyncio
import http
from collections import deque
from collections.abc import Callable, MutableMapping
from typing import Any
from urllib.parse import unquote

import httptools
import orjson
import uvicorn
from uvicorn.server import ServerState

from laird.api.http import Message, Scope
from laird.telemetry.logs import get_logger

MAX_HEADER_BYTES = 32 * 1024
KEEP_ALIVE_S = 75.0
_HIGH_WATER = 64 * 1024
"""Bytes of a request's body held for an application that does not read."""
_NO_BODY = frozenset({204, 304})
_ASGI = {"version": "3.0", "spec_version": "2.3"}
_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode()
    for status in http.HTTPStatus
}
_CLOSE = b"connection: close\r\n"
_CHUNKED = b"transfer-encoding: chunked\r\n"
_NO_PARSER = httptools.HttpRequestParser(object())

_log = get_logger("http")


class _HeadersTooLarge(Exception):
    """The header block is over the limit."""


class Cycle:
    """One request and its answer: what ASGI calls receive and send."""

    __slots__ = (
        "_arrival",
        "_body",
        "_connection",
        "_expects_continue",
        "_head",
        "_is_head",
        "_left",
        "_more",
        "complete",
        "disconnected",
        "gone",
        "keep_alive",
        "scope",
        "started",
        "task",
    )

    def __init__(
        self, connection: Protocol, scope: Scope, *, keep_alive: bool, expects_continue: bool
    ) -> None:
        self.scope = scope
        self.keep_alive = keep_alive
        self.gone: Callable[[], None] | None = None
        """Called once when the client goes away before its answer is complete."""
        self.started = False
        self.complete = False
        self.disconnected = False
        self.task: asyncio.Task[None] | None = None
        self._connection = connection
        self._expects_continue = expects_continue
        self._arrival: asyncio.Future[None] | None = None
        self._body: bytes | None = b""
        """What has come of the request's body; None once its end was given out."""
        self._more = True
        self._head = b""
        self._is_head = scope["method"] == "HEAD"
        self._left = -1
        """Bytes of the answer's body that are still to come; -1 in a chunked one."""

    async def run(self) -> None:
        """Have the application answer."""
        try:
            await self._connection.app(self.scope, self.receive, self.send)
        except Exception:  # noqa: BLE001 - nobody is above this; what it was is in the log
            _log.error("a request failed", path=self.scope["path"], exc_info=True)
            self._connection.fail(self)
        else:
            if not self.complete and not self.disconnected:
                _log.error("a request was left unanswered", path=self.scope["path"])
                self._connection.fail(self)

    async def receive(self) -> Message:
        """Return the next piece of the request's body, or that the client is gone."""
        connection = self._connection
        if self._expects_continue:
            self._expects_continue = False
            connection.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        while not self.disconnected and not self.complete:
            body = self._body
            if body is not None and (body or not self._more):
                self._body = b"" if self._more else None
                return {"type": "http.request", "body": body, "more_body": self._more}
            connection.resume_reading()
            self._arrival = connection.loop.create_future()
            await self._arrival
        return {"type": "http.disconnect"}

    def take(self) -> bytes | None:
        """Return the request's body if all of it is there; else it comes by `receive`."""
        body = self._body
        if self._more or body is None or self.disconnected:
            return None
        self._body = None
        return body

    def feed(self, data: bytes) -> int:
        """Take a piece of the request's body; return how many bytes wait to be read."""
        self._body = body = self._body + data if self._body else data
        self.wake()
        return len(body)

    def fed(self) -> None:
        """Note the end of the request's body."""
        self._more = False
        self.wake()

    def wake(self) -> None:
        """Let whoever waits in `receive` look again."""
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)
        self._arrival = None

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """Take one message of the answer. Raises `RuntimeError` for one that is out of turn."""
        if self.disconnected:
            return
        if not self.started:
            self._start(message["status"], message["headers"])
        elif self.complete:
            raise RuntimeError("The answer is complete already.")
        else:
            if self._connection.slow:
                await self._connection.writable()
            self._write(message.get("body", b""), last=not message.get("more_body", False))

    def respond(self, status: int, head: bytes, body: bytes) -> None:
        """Write a whole answer. `head` is header lines, without Content-Length."""
        if not self.disconnected:
            self.started = True
            self._left = len(body)
            close = b"" if self.keep_alive else _CLOSE
            length = b"content-length: %d\r\n" % len(body)
            self._head = b"%b%b%b%b\r\n" % (_STATUS_LINES[status], head, length, close)
            self._write(body, last=True)

    def begin(self, status: int, head: bytes) -> None:
        """Begin a streamed answer. `head` is header lines."""
        self.started = True
        close = b"" if self.keep_alive else _CLOSE
        self._head = b"%b%b%b%b\r\n" % (_STATUS_LINES[status], head, _CHUNKED, close)

    def push(self, data: bytes) -> bool:
        """Write more of a streamed body now; False when the client is too slow to take it."""
        connection = self._connection
        if self.disconnected:
            return True
        if self._head or self._left >= 0 or self._is_head:
            self._write(data, last=False)
        elif data:  # an empty chunk would end the body
            connection.write(b"%x\r\n%b\r\n" % (len(data), data))
        return not connection.slow

    async def writable(self) -> None:
        """Wait until the client has taken what was written."""
        await self._connection.writable()

    def _start(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        self.started = True
        self._expects_continue = False
        parts = [_STATUS_LINES[status]]
        left = 0 if status in _NO_BODY else -1
        for name, value in headers:
            parts += (name, b": ", value, b"\r\n")
            if name == b"content-length":
                left = int(value)
            elif name == b"connection" and value.lower() == b"close":
                self.keep_alive = False
        if not self.keep_alive:
            parts.append(_CLOSE)
        if left < 0:
            parts.append(_CHUNKED)
        head = b"".join(parts)
        if head.count(b"\n") != head.count(b"\r\n"):
            raise RuntimeError("A header of the answer has a line break in it.")
        self._left = 0 if self._is_head else left
        self._head = head + b"\r\n"

    def _write(self, body: bytes, *, last: bool) -> None:
        data, self._head = self._head, b""
        if self._is_head:
            pass
        elif self._left >= 0:
            self._left -= len(body)
            if self._left < 0 or (last and self._left):
                raise RuntimeError("The body's length is not the one in the head.")
            data += body
        else:
            if body:
                data += b"%x\r\n%b\r\n" % (len(body), body)
            if last:
                data += b"0\r\n\r\n"
        if data:
            self._connection.write(data)
        if last:
            self.complete = True
            self.gone = None
            self.wake()
            self._connection.answered(self)


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
        self._drained: asyncio.Future[None] | None = None
        self._cycle: Cycle | None = None
        self._waiting: deque[Cycle] = deque()
        self._idle_since = self.loop.time()
        self._idle_check: asyncio.TimerHandle | None = None
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._header_bytes = 0
        self._expects_continue = False
        self._newest: Cycle | None = None
        """The cycle whose body is being read; behind `_cycle` when requests are pipelined."""

    # Called by the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")  # noqa: S101
        self._transport = transport  # type: ignore[assignment]  # uvloop's is no subclass
        self.write = self._transport.write
        self._connections.add(self)  # type: ignore[arg-type]  # typed for uvicorn's own
        name = transport.get_extra_info("sockname")
        self._server = (name, None) if isinstance(name, str) else name[:2] if name else None
        peer = transport.get_extra_info("peername")
        self._client = peer[:2] if isinstance(peer, tuple) else None
        self._idle_check = self.loop.call_later(KEEP_ALIVE_S, self._check_idle)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the requests of this connection that their client is gone."""
        del exc
        self._connections.discard(self)
        if self._idle_check is not None:
            self._idle_check.cancel()
        self.resume_writing()
        for cycle in (self._cycle, *self._waiting):
            if cycle is not None and not cycle.complete:
                cycle.disconnected = True
                cycle.wake()
                if cycle.gone is not None:
                    cycle.gone()
                    cycle.gone = None
        # The parser refers to this connection: without it neither waits for the collector.
        self._parser = _NO_PARSER

    def data_received(self, data: bytes) -> None:
        """Parse what has arrived."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._refuse(error)
        except httptools.HttpParserUpgrade:
            # The request itself was read; that it wants another protocol is its own affair.
            pass

    def pause_writing(self) -> None:
        """Note that the client takes less than is written."""
        self.slow = True

    def resume_writing(self) -> None:
        """Note that the client has caught up, or is gone."""
        self.slow = False
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._drained = None

    # Called by the parser.

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._url = b""
        self._headers = []
        self._header_bytes = 0
        self._expects_continue = False

    def on_url(self, url: bytes) -> None:
        """Take the target, which counts against the limit of the header block."""
        self._url += url
        self._header_bytes += len(url)
        if self._header_bytes > MAX_HEADER_BYTES:
            raise _HeadersTooLarge

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, which counts against the limit of the block."""
        self._header_bytes += len(name) + len(value) + 4
        if self._header_bytes > MAX_HEADER_BYTES:
            raise _HeadersTooLarge
        name = name.lower()
        if name == b"expect":
            self._expects_continue = value.lower() == b"100-continue"
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Start the application on a request, or queue it behind the one before."""
        parser = self._parser
        version: str = parser.get_http_version()
        url = httptools.parse_url(self._url)
        raw_path: bytes = url.path or b"/"
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
            "method": parser.get_method().decode("ascii"),
            "path": unquote(path) if "%" in path else path,
            "raw_path": raw_path,
            "query_string": url.query or b"",
        }
        cycle = Cycle(
            self,
            scope,
            keep_alive=version != "1.0" and parser.should_keep_alive(),
            expects_continue=self._expects_continue,
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
        cycle = self._newest
        if cycle is not None and not cycle.complete and cycle.feed(body) > _HIGH_WATER:
            self.pause_reading()

    def on_message_complete(self) -> None:
        """Note the end of a request."""
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
            self._transport.close()
            return
        if self._waiting:
            self._begin(self._waiting.popleft())
        else:
            self._idle_since = self.loop.time()
        self.resume_reading()

    def fail(self, cycle: Cycle) -> None:
        """End the connection of a request that the application failed at."""
        if not cycle.started and not cycle.disconnected:
            self._transport.write(_error(500, "server_error", "Laird failed at this request."))
        self._transport.close()

    def shutdown(self) -> None:
        """Close now when nothing is under way, else after the present answer."""
        if self._cycle is None:
            self._transport.close()
        else:
            self._cycle.keep_alive = False

    def _begin(self, cycle: Cycle) -> None:
        self._cycle = cycle
        cycle.task = self.loop.create_task(cycle.run())

    def _refuse(self, error: httptools.HttpParserError) -> None:
        """Refuse what the parser could not read, with the reason it gave, and close."""
        if isinstance(error, httptools.HttpParserCallbackError):
            message = f"The request's headers are over {MAX_HEADER_BYTES} bytes. Send fewer."
            answer = _error(431, "headers_too_large", message)
        else:
            message = f"This is not a valid HTTP request: {error}. Nothing was done with it."
            answer = _error(400, "invalid_request", message)
        if self._cycle is None or not self._cycle.started:
            self._transport.write(answer)
        self._transport.close()

    def _check_idle(self) -> None:
        """Close a connection on which nothing has happened for long."""
        left = self._idle_since + KEEP_ALIVE_S - self.loop.time()
        if self._cycle is None and left <= 0:
            self._transport.close()
            return
        self._idle_check = self.loop.call_later(max(left, 1.0), self._check_idle)


def _error(status: int, code: str, message: str) -> bytes:
    kind = "server_error" if status >= 500 else "invalid_request_error"
    error = {"message": message, "type": kind, "param": None, "code": code}
    body = orjson.dumps({"error": error})
    head = b"content-type: application/json\r\ncontent-length: %d\r\n" % len(body)
    return _STATUS_LINES[status] + head + _CLOSE + b"\r\n" + body
