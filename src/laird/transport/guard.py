"""The one way to fetch a URL that a client supplied, and what providers may not be.

The name is resolved once, every address that it has is checked, and exactly those are dialled, so
that a name which changes its mind between check and use (rebinding) gains nothing. Every redirect
begins again at the first check. No proxy, no credential, no cookie goes along; size, time and type
are limited, and the type is what the content is, never what the server calls it.

A provider may be anywhere, for an administrator names it; but not where a cloud hands out the
credentials of this machine, by whatever name.
"""

from __future__ import annotations

import asyncio
import ssl
from urllib.parse import urljoin

import msgspec

from laird.domain.catalog import Timeouts
from laird.domain.errors import InvalidRequest, Unreachable, UpstreamError, UpstreamGarbled
from laird.transport.addresses import (
    Allowed,
    Target,
    read_target,
    refuse_closed,
    refuse_metadata,
)
from laird.transport.base import RequestHead, UpstreamRequest, UpstreamResponse
from laird.transport.client import HttpTransport
from laird.transport.connect import Lookup, default_context, look_up
from laird.transport.proxies import Proxies

IMAGES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
DOCUMENTS = frozenset({"application/pdf", "text/plain"})
MOST_BYTES = 10 * 1024 * 1024
MOST_REDIRECTS = 3
MOST_SECONDS = 20.0

_NOTHING = Allowed()
_TIMEOUTS = Timeouts(connect=5.0, first_byte=10.0, idle=5.0, total=15.0)
_AT_ONCE = 16
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HEADERS = (("accept", "*/*"), ("user-agent", "Laird"))
_SPOKEN = {
    "image/png": "PNG",
    "image/jpeg": "JPEG",
    "image/gif": "GIF",
    "image/webp": "WebP",
    "application/pdf": "PDF",
    "text/plain": "plain text",
}


class Fetched(msgspec.Struct, frozen=True):
    """What was found at a URL: its type, by its content, and its bytes."""

    media_type: str
    data: bytes


class _Closed(Unreachable):
    """The host has an address that may not be dialled."""


async def look_up_provider(host: str, port: int) -> list[tuple[int, str]]:
    """Ask the system for a provider's addresses. Raises `Unreachable` for a metadata server's."""
    found = await look_up(host, port)
    refuse_metadata(host, (address for _, address in found))
    return found


class Guard:
    """Fetches URLs that clients supply."""

    def __init__(
        self,
        allowed: Allowed = _NOTHING,
        *,
        lookup: Lookup = look_up,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """Take what an administrator has opened beside the public internet.

        `ssl_context` of None means the system's certificates, loaded at first use.
        """
        self._allowed = allowed
        self._lookup = lookup
        self._ssl_context = ssl_context
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def fetch(
        self, url: str, *, param: str, types: frozenset[str], limit: int = MOST_BYTES
    ) -> Fetched:
        """Fetch a URL; `param` is the request's field that holds it, for messages.

        Raises `InvalidRequest` that names the field and says why, when the URL may not be fetched,
        does not answer, has more than `limit` bytes or is of another type than `types`.
        """
        try:
            async with self._places, asyncio.timeout(MOST_SECONDS):
                data = await self._follow(url, limit)
        except TimeoutError:
            reason = f"it did not come within {MOST_SECONDS:g} s"
            raise _refused(param, reason) from None
        except (ValueError, _Closed) as problem:
            raise _refused(param, str(problem)) from None
        except UpstreamGarbled:
            raise _refused(param, f"it is larger than {limit} bytes, or garbled") from None
        except UpstreamError as problem:
            raise _refused(param, f"it can't be fetched ({problem.message})") from None
        media_type = sniffed(data)
        if media_type not in types:
            names = ", ".join(sorted(_SPOKEN[name] for name in types))
            raise _refused(param, f"its content is none of {names}")
        return Fetched(media_type, data)

    async def _follow(self, url: str, limit: int) -> bytes:
        for _ in range(MOST_REDIRECTS + 1):
            transport = await self._transport()
            try:
                found = await _get(transport, read_target(url), limit)
            finally:
                await transport.close()
            if isinstance(found, bytes):
                return found
            url = urljoin(url, found)
        raise ValueError(f"it redirects more than {MOST_REDIRECTS} times")

    async def _transport(self) -> HttpTransport:
        """Return a transport for one exchange: nothing of it is kept for another client's URL."""
        if self._ssl_context is None:
            self._ssl_context = await asyncio.to_thread(default_context)
        return HttpTransport(
            ssl_context=self._ssl_context,
            proxies=Proxies({}),
            max_idle=0,
            lookup=self._checked,
        )

    async def _checked(self, host: str, port: int) -> list[tuple[int, str]]:
        """Find a host's addresses; what is returned is what is dialled."""
        found = await self._lookup(host, port)
        try:
            refuse_closed(host, port, (address for _, address in found), self._allowed)
        except ValueError as problem:
            raise _Closed(str(problem)) from None
        return found


async def _get(transport: HttpTransport, target: Target, limit: int) -> bytes | str:
    """Return the body, or where a redirect leads. Raises `ValueError` or an `UpstreamError`."""
    head = RequestHead("GET", target.origin, target.path, _HEADERS)
    response = await transport.send(UpstreamRequest(head), _TIMEOUTS)
    try:
        return await _body(response, limit)
    finally:
        response.close()


async def _body(response: UpstreamResponse, limit: int) -> bytes | str:
    status, headers = response.status, response.headers
    if status in _REDIRECTS:
        location = headers.get("location")
        if not location:
            raise ValueError(f"it answered {status} without saying where to go")
        return location
    if status != 200:
        raise ValueError(f"it answered {status}")
    length = headers.get("content-length", "")
    if length.isdigit() and int(length) > limit:
        raise ValueError(f"it has {length} bytes; {limit} are the most")
    return await response.read(limit)


def sniffed(data: bytes) -> str | None:
    """Return the type of what begins so: an image's, PDF or plain text; None for another."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    if data.startswith(b"%PDF-"):
        return "application/pdf"
    return "text/plain" if _is_text(data) else None


def _is_text(data: bytes) -> bool:
    if not data or b"\0" in data or data.lstrip()[:1] == b"<":
        return False
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _refused(param: str, reason: str) -> InvalidRequest:
    return InvalidRequest(
        f"The address in '{param}' can't be used: {reason.rstrip('.')}. Send the data inline as a"
        " data: URL instead, or another address.",
        param=param,
    )
