"""The little of ASGI that the inference path needs: reading a request, writing an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Protocol

from laird.domain.errors import BodyTooLarge, InvalidRequest

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

JSON = (b"content-type", b"application/json")


class Link(Protocol):
    """What our server offers a request beyond ASGI, as `laird.link` in its scope."""

    task: asyncio.Task[None] | None
    """What answers the request."""
    extra: bytes
    """Header lines that the answer has beside its own."""
    gone: Callable[[], None] | None
    """Called once when the client goes away before its answer is complete."""

    def take(self) -> bytes | None:
        """Return the request's body if all of it is there; else it comes by `receive`."""
        ...

    def respond(self, status: int, head: bytes, body: bytes) -> None:
        """Write a whole answer. `head` is header lines, without Content-Length."""
        ...

    def begin(self, status: int, head: bytes) -> None:
        """Begin a streamed answer. `head` is header lines."""
        ...

    def push(self, data: bytes) -> bool:
        """Write more of a streamed body now; False when the client is too slow to take it."""
        ...

    async def writable(self) -> None:
        """Wait until the client has taken what was written."""
        ...


class ClientGone(Exception):
    """The client closed the connection before its request was whole."""


async def read_body(
    headers: Mapping[bytes, bytes], link: Link, receive: Receive, limit: int
) -> bytes:
    """Return the whole request body.

    Raises `BodyTooLarge` over `limit` bytes, told from Content-Length before anything is read where
    that is possible, `InvalidRequest` for an encoded body, and `ClientGone`.
    """
    length = headers.get(b"content-length")
    if length is not None and int(length) > limit:
        raise _too_large(limit)
    encoding = headers.get(b"content-encoding")
    if encoding is not None and encoding not in {b"", b"identity"}:
        raise InvalidRequest(
            "Send the body without Content-Encoding: compressed bodies are not read."
        )
    at_once = link.take()
    if at_once is not None:
        if len(at_once) > limit:
            raise _too_large(limit)
        return at_once
    parts: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        part: bytes = message["body"]
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        parts.append(part)
        more = message["more_body"]
    return b"".join(parts)


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(
        f"The body is over the limit of {limit} bytes."
        " Send less, or raise LAIRD_MAX_BODY_BYTES on the server."
    )


async def write(send: Send, status: int, headers: Headers, body: bytes) -> None:
    """Send a whole answer."""
    headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
