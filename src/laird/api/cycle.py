"""One request and its answer on a connection: what ASGI calls receive and send, and a shorter way.

The head of an answer is written together with its first bytes, in one piece.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, MutableMapping
from typing import TYPE_CHECKING, Any

import msgspec

from laird.api.edge import CLOSE, STATUS_LINES
from laird.api.http import Message, Scope
from laird.telemetry.logs import get_logger

if TYPE_CHECKING:
    from laird.api.connection import Protocol

_NO_BODY = frozenset({204, 304})
_CHUNKED = b"transfer-encoding: chunked\r\n"

_log = get_logger("http")


class Cycle(msgspec.Struct, eq=False):
    """One request and its answer: what ASGI calls receive and send."""

    _connection: Protocol
    scope: Scope
    keep_alive: bool
    _expects_continue: bool
    _is_head: bool
    gone: Callable[[], None] | None = None
    """Called once when the client goes away before its answer is complete."""
    extra: bytes = b""
    """Header lines that the answer has beside its own."""
    started: bool = False
    complete: bool = False
    disconnected: bool = False
    task: asyncio.Task[None] | None = None
    _arrival: asyncio.Future[None] | None = None
    _body: bytes | None = b""
    """What has come of the request's body; None once its end was given out."""
    _more: bool = True
    _head: bytes = b""
    _left: int = -1
    """Bytes of the answer's body that are still to come; -1 in a chunked one."""

    @property
    def unread(self) -> bool:
        """True while more of the request's body is to come."""
        return self._more

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
        if self._arrival is not None:
            self.wake()
        return len(body)

    def fed(self) -> None:
        """Note the end of the request's body."""
        self._more = False
        if self._arrival is not None:
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
            whole = b"%b%b%bcontent-length: %d\r\n%b\r\n%b" % (
                STATUS_LINES[status],
                head,
                self.extra,
                len(body),
                b"" if self._stays() else CLOSE,
                b"" if self._is_head else body,
            )
            self._connection.write(whole)
            self._finish()

    def begin(self, status: int, head: bytes) -> None:
        """Begin a streamed answer. `head` is header lines."""
        self.started = True
        close = b"" if self._stays() else CLOSE
        lines = (STATUS_LINES[status], head, self.extra, _CHUNKED, close)
        self._head = b"%b%b%b%b%b\r\n" % lines

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

    def _stays(self) -> bool:
        """Tell whether the connection is used again.

        A client that was never told to go on may send its body or not: nobody could tell that body
        from another request.
        """
        if self._expects_continue and self._more:
            self.keep_alive = False
        return self.keep_alive

    def _start(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        self.started = True
        parts = [STATUS_LINES[status], self.extra]
        left = 0 if status in _NO_BODY else -1
        for name, value in headers:
            parts += (name, b": ", value, b"\r\n")
            if name == b"content-length":
                left = int(value)
            elif name == b"connection" and value.lower() == b"close":
                self.keep_alive = False
        if not self._stays():
            parts.append(CLOSE)
        self._expects_continue = False
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
            self._finish()

    def _finish(self) -> None:
        self.complete = True
        self.gone = None
        if self._arrival is not None:
            self.wake()
        self._connection.answered(self)
