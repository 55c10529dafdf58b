"""The port between an adapter, which knows what to say, and a transport, which says it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Protocol

import msgspec

from laird.domain.catalog import Timeouts


class Origin(msgspec.Struct, frozen=True):
    """Where connections go: scheme (`http`, `https`, or an in-process one), host and port."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """The Host header: the port is left out where it is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = {"http": 80, "https": 443}.get(self.scheme)
        return host if self.port == usual else f"{host}:{self.port}"


class RequestHead(msgspec.Struct, frozen=True):
    """Everything of a request that does not change from call to call; built once per provider.

    `headers` holds neither Host nor Content-Length nor Connection: those are the transport's.
    """

    method: str
    origin: Origin
    target: str
    """Path and query, beginning with `/`."""
    headers: tuple[tuple[str, str], ...] = ()

    # A credential is among the headers, and may be in the query: neither shows itself, wherever
    # this is printed.

    def __repr__(self) -> str:
        path = self.target.partition("?")[0]
        return f"RequestHead({self.method} {self.origin.scheme}://{self.origin.authority}{path})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("request", repr(self))]


class UpstreamRequest(msgspec.Struct, frozen=True):
    """One request: a head that is shared, and a body of its own."""

    head: RequestHead
    body: bytes = b""


class UpstreamResponse(Protocol):
    """An answer whose head has arrived. Whoever got it closes it, in a `finally`."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Header values by lower-case name."""
        ...

    async def read(self, limit: int) -> bytes:
        """Return the whole body, at most `limit` bytes.

        Raises `UpstreamGarbled` when it is longer, `ConnectionLost` or `UpstreamTimeout` when it
        does not arrive whole.
        """
        ...

    async def chunk(self) -> bytes:
        """Return what has arrived since the last call, waiting for at least a byte.

        Returns b"" once, at the clean end of the body. Raises `ConnectionLost` when the connection
        breaks before it, and `UpstreamTimeout` (idle or total).
        """
        ...

    async def pipe(self, take: Callable[[bytes], bool]) -> bool:
        """Hand each piece to `take` as soon as it arrives, until it returns False.

        `take` is called straight from the event loop and must not wait. Returns True at the clean
        end of the body, False when `take` wanted no more; then `pipe` or `chunk` may be called
        again. Raises what `chunk` and `take` raise.
        """
        ...

    def close(self) -> None:
        """Give the connection back when the body was read to its end, else cut it. Idempotent."""
        ...


async def pull(response: UpstreamResponse, take: Callable[[bytes], bool]) -> bool:
    """Do what `UpstreamResponse.pipe` does, by means of `chunk`."""
    while data := await response.chunk():
        if not take(data):
            return False
    return True


class Transport(Protocol):
    """Sends requests. Safe for any number of concurrent calls on one event loop."""

    def send(
        self, request: UpstreamRequest, timeouts: Timeouts
    ) -> Coroutine[Any, Any, UpstreamResponse]:
        """Send a request and wait for the head of its answer.

        Raises `Unreachable`, `ConnectionLost` or `UpstreamTimeout` (connect, first_byte or total).
        Cancelling the call cuts the connection.
        """
        ...

    async def close(self) -> None:
        """Close idle connections; those under way are cut."""
        ...
