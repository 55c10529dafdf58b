"""The HTTP transport: pooled HTTP/1.1, with a parser in C and no task or timer per request."""

from __future__ import annotations

import asyncio
import ssl

import msgspec

from laird.domain.catalog import Timeouts
from laird.domain.errors import ConnectionLost, Unreachable, UpstreamTimeout
from laird.transport.addresses import refuse_metadata
from laird.transport.base import Origin, RequestHead, UpstreamRequest
from laird.transport.connect import Dialer, Lookup, look_up
from laird.transport.deadlines import Deadlines
from laird.transport.exchange import Exchange
from laird.transport.http1 import Connection
from laird.transport.pool import Pool
from laird.transport.proxies import Proxies, Proxy

_MAX_ROUTES = 1024
_OURS = frozenset({"host", "content-length", "connection", "transfer-encoding"})
_BODILESS = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})


class _Route(msgspec.Struct, frozen=True):
    """A request head, ready to be written."""

    head: RequestHead
    encoded: bytes
    """Up to the value of Content-Length."""
    without_body: bytes
    """The whole head of a request without a body."""
    pool: Pool
    proxy: Proxy | None
    is_head: bool


class HttpTransport:
    """A `Transport` over HTTP/1.1, for one event loop.

    It neither retries nor follows redirects. Answers are asked for uncompressed unless the head
    says otherwise; gzip and deflate are undone all the same.
    """

    def __init__(
        self,
        *,
        ssl_context: ssl.SSLContext | None = None,
        proxies: Proxies | None = None,
        keep_idle_s: float = 60.0,
        max_idle: int = 256,
        lookup: Lookup = look_up,
    ) -> None:
        """Set up; nothing is opened yet.

        `proxies` of None means what HTTP_PROXY, HTTPS_PROXY and NO_PROXY say now (`ValueError`
        when they can't be used). `max_idle` connections are kept for each origin, for
        `keep_idle_s` seconds. `lookup` finds the addresses of hosts.
        """
        self._dialer = Dialer(ssl_context, lookup)
        self._proxies = Proxies.from_environment() if proxies is None else proxies
        self._keep_idle_s = keep_idle_s
        self._max_idle = max_idle
        self._routes: dict[int, _Route] = {}
        self._pools: dict[Origin, Pool] = {}
        self._deadlines: Deadlines | None = None
        self._closed = False

    async def send(self, request: UpstreamRequest, timeouts: Timeouts) -> Exchange:
        """Send a request and wait for the head of its answer.

        Raises `Unreachable`, `ConnectionLost`, `UpstreamGarbled` or `UpstreamTimeout`. Cancelling
        it cuts the connection.
        """
        head = request.head
        # Heads are built once per provider, so identity is the cheapest key; a route holds its
        # head, so an id in the table is not used again.
        route = self._routes.get(id(head)) or self._learn(head)
        pool, body = route.pool, request.body
        loop = pool.loop
        deadline = loop.time() + timeouts.total
        connection = pool.take() or await self._connect(route, timeouts)
        now = loop.time()
        due = min(now + timeouts.first_byte, deadline)
        exchange = Exchange(loop, pool.deadlines, timeouts, now, deadline, due, route.is_head)
        encoded = b"%b%d\r\n\r\n" % (route.encoded, len(body)) if body else route.without_body
        connection.begin(exchange, encoded, body)
        await exchange.head(connection)
        return exchange

    async def close(self) -> None:
        """Close idle connections and cut those under way."""
        self._closed = True
        for pool in self._pools.values():
            pool.close()
        if self._deadlines is not None:
            self._deadlines.close(ConnectionLost("Laird is shutting down; the answer was cut."))
        self._routes.clear()

    async def _connect(self, route: _Route, timeouts: Timeouts) -> Connection:
        connection = Connection(route.pool)
        limit = min(timeouts.connect, timeouts.total)
        try:
            async with asyncio.timeout(limit):
                await self._dialer.open(route.head.origin, route.proxy, connection, limit)
        except TimeoutError:
            phase = "connect" if timeouts.connect <= timeouts.total else "total"
            raise UpstreamTimeout(
                f"{route.pool.authority} did not accept a connection within {limit:g} s."
                " Check that the machine is on and the network lets it be reached.",
                phase=phase,
            ) from None
        if self._closed:
            connection.cut()
            raise _shut_down()
        return connection

    def _learn(self, head: RequestHead) -> _Route:
        if self._closed:
            raise _shut_down()
        origin = head.origin
        proxy = self._proxies.for_origin(origin)
        if proxy is not None:
            # It is the proxy that asks for a name's addresses; an address is seen here.
            refuse_metadata(origin.host, (origin.host,))
        encoded = encode_head(head, proxy)
        with_length = encoded + b"content-length: "
        without = encoded if head.method in _BODILESS else with_length + b"0\r\n"
        route = _Route(
            head, with_length, without + b"\r\n", self._pool(origin), proxy, head.method == "HEAD"
        )
        if len(self._routes) >= _MAX_ROUTES:
            self._routes.clear()
        self._routes[id(head)] = route
        return route

    def _pool(self, origin: Origin) -> Pool:
        pool = self._pools.get(origin)
        if pool is None:
            if self._deadlines is None:
                self._deadlines = Deadlines(asyncio.get_running_loop())
            host = f"[{origin.host}]" if ":" in origin.host else origin.host
            pool = self._pools[origin] = Pool(
                self._deadlines,
                f"{host}:{origin.port}",
                keep_s=self._keep_idle_s,
                limit=self._max_idle,
            )
        return pool


def encode_head(head: RequestHead, proxy: Proxy | None = None) -> bytes:
    """Return the request line and headers as bytes, without Content-Length and the empty line.

    Raises `Unreachable` for what can't be sent; the message never holds a header's value.
    """
    origin = head.origin
    if origin.scheme not in {"http", "https"}:
        raise Unreachable(f"The scheme '{origin.scheme}' is not one of http and https.")
    forwarded = proxy is not None and origin.scheme == "http"
    target = f"http://{origin.authority}{head.target}" if forwarded else head.target
    pairs = [(n, v) for n, v in head.headers if n.lower() not in _OURS]
    if not any(name.lower() == "accept-encoding" for name, _ in pairs):
        pairs.append(("accept-encoding", "identity"))
    if forwarded and proxy is not None and proxy.authorization is not None:
        pairs.append(("proxy-authorization", proxy.authorization))
    if not target.isascii() or any(c <= " " or c == "\x7f" for c in target):
        raise Unreachable(f"The path for {origin.authority} has characters that can't be sent.")
    lines = [f"{head.method} {target} HTTP/1.1\r\nhost: {origin.authority}\r\n".encode("ascii")]
    lines.extend(_encode_header(origin, name, value) for name, value in pairs)
    return b"".join(lines)


def _encode_header(origin: Origin, name: str, value: str) -> bytes:
    try:
        line = f"{name}: {value}".encode("latin-1")
    except UnicodeEncodeError:
        line = b"\n"
    if any(byte in line for byte in b"\r\n\0"):
        raise Unreachable(
            f"The header '{name[:60]}' for {origin.authority} holds a character that can't be"
            " sent. If it carries a credential, store that again without line breaks."
        ) from None
    return line + b"\r\n"


def _shut_down() -> Unreachable:
    return Unreachable("Laird is shutting down; the request was not sent.")
