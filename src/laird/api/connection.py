"""One HTTP/1.1 connection: uvicorn's protocol, with our limits, our error bodies, and less work.

Only what a request needs is done on its way in, and the head of an answer is written together
with its first bytes, in one piece.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, MutableMapping
from typing import Any
from urllib.parse import unquote

import httptools
import orjson
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

MAX_HEADER_BYTES = 32 * 1024
_NO_BODY = frozenset({204, 304})
_ASGI = {"version": "3.0", "spec_version": "2.3"}


class _HeadersTooLarge(Exception):
    """The header block is over the limit."""


class Cycle(RequestResponseCycle):
    """One request and its answer."""

    gone: Callable[[], None] | None = None
    """Called once when the client goes away before its answer is complete."""
    _head = b""
    _length = -1
    """Bytes of the body that are still to come; -1 in a chunked answer."""

    async def send(self, message: MutableMapping[str, Any]) -> None:  # type: ignore[override]
        """Take one ASGI message. Raises `RuntimeError` for one that is out of turn."""
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        if not self.response_started:
            self._start(message)
        elif self.response_complete:
            raise RuntimeError("The answer is complete already.")
        else:
            self._body(message.get("body", b""), last=not message.get("more_body", False))

    def push(self, data: bytes) -> bool:
        """Write more of a streamed body now; False when the client is too slow to take it."""
        if self.disconnected:
            return True
        self._body(data, last=False)
        return not self.flow.write_paused

    async def writable(self) -> None:
        """Wait until the client has taken what was written."""
        await self.flow.drain()

    def _start(self, message: MutableMapping[str, Any]) -> None:
        self.response_started = True
        self.waiting_for_100_continue = False
        status: int = message["status"]
        parts = [STATUS_LINE[status]]
        length = 0 if status in _NO_BODY else -1
        for name, value in message["headers"]:
            parts += (name, b": ", value, b"\r\n")
            if name == b"content-length":
                length = int(value)
            elif name == b"connection" and value.lower() == b"close":
                self.keep_alive = False
        if not self.keep_alive:
            parts.append(b"connection: close\r\n")
        if length < 0:
            parts.append(b"transfer-encoding: chunked\r\n")
        head = b"".join(parts)
        if head.count(b"\n") != head.count(b"\r\n"):
            raise RuntimeError("A header of the answer has a line break in it.")
        self._length = 0 if self.scope["method"] == "HEAD" else length
        self._head = head + b"\r\n"

    def _body(self, body: bytes, *, last: bool) -> None:
        head, self._head = self._head, b""
        if self.scope["method"] == "HEAD":
            data = head
        elif self._length >= 0:
            self._length -= len(body)
            if self._length < 0 or (last and self._length):
                raise RuntimeError("The body's length is not the one in the head.")
            data = head + body
        else:
            chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            data = head + chunk + (b"0\r\n\r\n" if last else b"")
        if data:
            self.transport.write(data)
        if last:
            self.response_complete = True
            self.message_event.set()
            if not self.keep_alive:
                self.transport.close()
            self.on_response()


class Protocol(HttpToolsProtocol):
    """One connection. A request that is not valid HTTP gets an error body like any other."""

    _header_bytes = 0

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._header_bytes = 0
        self.url = b""
        self.expect_100_continue = False
        self.headers = []

    def on_url(self, url: bytes) -> None:
        """Count the target against the limit of the header block."""
        self._count(len(url))
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, and count it against the limit of the block."""
        self._count(len(name) + len(value) + 4)
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def _count(self, size: int) -> None:
        self._header_bytes += size
        if self._header_bytes > MAX_HEADER_BYTES:
            raise _HeadersTooLarge

    def on_headers_complete(self) -> None:
        """Start the application on a request, or queue it behind the one before."""
        parser = self.parser
        version = parser.get_http_version()
        url = httptools.parse_url(self.url)
        raw_path: bytes = url.path
        path = raw_path.decode("ascii")
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": _ASGI,
            "http_version": version,
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "root_path": "",
            "headers": self.headers,
            "method": parser.get_method().decode("ascii"),
            "path": unquote(path) if "%" in path else path,
            "raw_path": raw_path,
            "query_string": url.query or b"",
        }
        before: RequestResponseCycle | None = self.cycle
        self.cycle = Cycle(
            scope=scope,  # type: ignore[arg-type]  # a plain dict costs less than a typed one
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=[],
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=version != "1.0" and parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        scope["laird.link"] = self.cycle
        if before is None or before.response_complete:
            self._start_asgi_task(self.cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the requests of this connection that their client is gone."""
        super().connection_lost(exc)
        for cycle in (self.cycle, *(cycle for cycle, _ in self.pipeline)):
            if isinstance(cycle, Cycle) and cycle.gone is not None:
                if not cycle.response_complete:
                    cycle.gone()
                cycle.gone = None

    def send_400_response(self, msg: str) -> None:
        """Refuse what the parser could not read, with the reason it gave, and close."""
        error = sys.exc_info()[1]
        status, code = 400, "invalid_request"
        if isinstance(error, httptools.HttpParserCallbackError):
            status, code = 431, "headers_too_large"
            message = f"The request's headers are over {MAX_HEADER_BYTES} bytes. Send fewer."
        else:
            message = f"This is not a valid HTTP request: {error or msg}. Nothing was done with it."
        body = orjson.dumps(
            {
                "error": {
                    "message": message,
                    "type": "invalid_request_error",
                    "param": None,
                    "code": code,
                }
            }
        )
        self.transport.write(
            b"%scontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s"
            % (STATUS_LINE[status], len(body), body)
        )
        self.transport.close()
