"""One HTTP/1.1 connection, on asyncio's protocols and the llhttp parser."""

from __future__ import annotations

import asyncio
from typing import Protocol, cast

import httptools

from laird.domain.errors import ConnectionLost, UpstreamError, UpstreamGarbled
from laird.transport.exchange import Exchange

MAX_HEAD = 32 * 1024
"""Bytes of an answer's head, informational answers before it included; of trailers too."""

_JOIN_BELOW = 64 * 1024
_NAMES: dict[bytes, str] = {}
_MAX_NAMES = 1000
_LONG_NAME = 64
_NO_PARSER = httptools.HttpResponseParser(object())


class Home(Protocol):
    """Where a connection goes between exchanges."""

    authority: str

    def put(self, connection: Connection) -> None:
        """Take a connection that may serve again."""
        ...

    def forget(self, connection: Connection) -> None:
        """Drop a connection that broke; it may not be held at all."""
        ...


class Connection(asyncio.Protocol):
    """Carries one exchange after the other; the parser calls the `on_` methods."""

    __slots__ = (
        "_complete",
        "_exchange",
        "_headers",
        "_home",
        "_keep",
        "_overhead",
        "_parser",
        "_transport",
        "_until_close",
        "authority",
        "idle_since",
        "open",
        "paused",
        "served",
    )

    def __init__(self, home: Home) -> None:
        self.authority = home.authority
        self.open = False
        """Connected, and not seen to break yet."""
        self.paused = False
        self.served = 0
        """Exchanges begun on this connection."""
        self.idle_since = 0.0
        self._home = home
        self._transport = cast("asyncio.Transport", None)
        self._parser = httptools.HttpResponseParser(self)
        self._exchange: Exchange | None = None
        self._headers: dict[str, str] | None = None
        self._overhead = 0
        """Bytes read since the request went out, or since the last piece of body."""
        self._complete = False
        self._until_close = False
        self._keep = False

    def attach(self, transport: asyncio.Transport) -> None:
        """Use this transport; with TLS it is not the one that was connected first."""
        self._transport = transport
        self.open = True

    def begin(self, exchange: Exchange, head: bytes, body: bytes) -> None:
        """Write a request whose answer is to fill `exchange`. Raises `ConnectionLost`."""
        self.served += 1
        if not self.open:
            raise self._lost()
        self._exchange = exchange
        self._headers = exchange.headers
        self._overhead = 0
        self._complete = self._until_close = self._keep = False
        if len(body) < _JOIN_BELOW:
            self._transport.write(head + body)
        else:
            self._transport.write(head)
            self._transport.write(body)

    def cut(self) -> None:
        """Break the connection; the exchange on it hears no more of it."""
        self._exchange = None
        if self.open:
            self.open = False
            self._transport.abort()

    def pause(self) -> None:
        """Stop reading, so that in the end the peer can't send."""
        if self.open:
            self.paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read again."""
        self.paused = False
        if self.open:
            self._transport.resume_reading()

    # What follows is called by the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Use the transport just connected."""
        self.attach(cast("asyncio.Transport", transport))

    def data_received(self, data: bytes) -> None:
        """Parse what has arrived."""
        exchange = self._exchange
        if exchange is None:
            # Nothing was asked for: whatever this is, it must not answer the next request.
            self._home.forget(self)
            self.cut()
            return
        self._overhead += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as problem:
            if not self._complete:
                exchange.fail(self._garbled(problem))
                return
            self._keep = False
        if self._complete:
            self._release(exchange)
        elif self._overhead > MAX_HEAD:
            exchange.fail(self._too_long())
        elif exchange.status:
            exchange.arrived()

    def eof_received(self) -> None:
        """Take the end of what the peer sends as the end of the connection."""
        self._ended(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """End the exchange under way, if any."""
        self._ended(exc)
        # The parser refers to this connection: without it neither waits for the collector.
        self._parser = _NO_PARSER

    # What follows is called by the parser.

    def on_message_begin(self) -> None:
        """Refuse a second answer to one request."""
        if self._complete:
            raise _Stray

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header of the answer."""
        headers = self._headers
        if headers is None:
            return  # a trailer
        key = _NAMES.get(name) or _learn(name)
        text = value.decode("latin-1").rstrip(" \t")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text

    def on_headers_complete(self) -> None:
        """Decide how the body ends, and hand over the head."""
        exchange = cast("Exchange", self._exchange)
        status = self._parser.get_status_code()
        headers = exchange.headers
        if self._overhead > MAX_HEAD and sum(map(_size, headers.items())) > MAX_HEAD:
            raise self._too_long()
        if status < 200:
            if status == 101:
                raise self._not_http("changed to another protocol")
            headers.clear()
            return
        coding = headers.get("transfer-encoding")
        if coding is None:
            bodiless = status in {204, 304} or exchange.is_head
            self._until_close = not bodiless and "content-length" not in headers
        elif coding.lower() != "chunked":
            raise self._not_http("answered with a Transfer-Encoding other than chunked")
        self._headers = None
        exchange.headed(status)
        if exchange.is_head:
            # The parser now waits for a body that does not come: it is of no further use.
            self._complete = True

    def on_body(self, data: bytes) -> None:
        """Hand over a piece of the body."""
        if self._complete:
            raise _Stray
        self._overhead = 0
        cast("Exchange", self._exchange).add(data)

    def on_message_complete(self) -> None:
        """Note the end; the exchange is over when all bytes at hand are read."""
        if not self._complete and cast("Exchange", self._exchange).status:
            self._complete = True
            self._keep = self._parser.should_keep_alive()

    def _release(self, exchange: Exchange) -> None:
        self._exchange = None
        exchange.finish()
        # An early answer may overtake the request's body.
        if self._keep and not self._transport.get_write_buffer_size():
            if self.paused:
                self.resume()
            self._home.put(self)
        else:
            self.cut()

    def _ended(self, problem: Exception | None) -> None:
        exchange = self._exchange
        if exchange is None:
            self._home.forget(self)
        elif problem is None and self._until_close:
            exchange.finish()
        else:
            exchange.fail(self._lost())
        self.cut()

    def _lost(self) -> ConnectionLost:
        exchange = self._exchange
        if exchange is not None and exchange.status:
            return ConnectionLost(
                f"{self.authority} broke the connection in the middle of its answer."
                " Look for a crash or a restart there, or for a proxy with a short timeout."
            )
        return ConnectionLost(
            f"{self.authority} closed the connection without an answer."
            " Look for a crash or a restart there; it may also speak https and not http.",
            stale=self.served > 1 and not self._overhead,
        )

    def _garbled(self, problem: Exception) -> UpstreamError:
        cause = problem.__context__
        if isinstance(cause, UpstreamError):
            return cause
        return self._not_http(f"answered in something other than HTTP/1.1 ({problem})")

    def _too_long(self) -> UpstreamGarbled:
        return self._not_http(f"sent more than {MAX_HEAD} bytes of headers")

    def _not_http(self, what: str) -> UpstreamGarbled:
        return UpstreamGarbled(
            f"{self.authority} {what}. Check that the endpoint's scheme, host and port are those"
            " of an AI server."
        )


class _Stray(Exception):
    """Bytes follow the end of an answer, though nothing more was asked for."""


def _learn(name: bytes) -> str:
    text = name.decode("latin-1").lower()
    if len(_NAMES) < _MAX_NAMES and len(name) <= _LONG_NAME:
        _NAMES[name] = text
    return text


def _size(header: tuple[str, str]) -> int:
    return len(header[0]) + len(header[1]) + 4
