"""Short ways to send a request through a transport."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from laird.domain.catalog import Timeouts
from laird.transport.base import RequestHead, Transport, UpstreamRequest
from laird.transport.urls import origin_of

PATIENT = Timeouts(connect=5.0, first_byte=5.0, idle=5.0, total=10.0)


@dataclass(frozen=True)
class Whole:
    """An answer read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON."""
        return orjson.loads(self.body)


def request_to(
    url: str,
    body: bytes = b'{"model":"m"}',
    *,
    method: str = "POST",
    headers: tuple[tuple[str, str], ...] = (("content-type", "application/json"),),
) -> UpstreamRequest:
    """Return a request to a URL with its path."""
    origin, path = origin_of(url)
    return UpstreamRequest(RequestHead(method, origin, path or "/", headers), body)


async def fetch(
    transport: Transport,
    request: UpstreamRequest | str,
    *,
    timeouts: Timeouts = PATIENT,
    limit: int = 1 << 20,
) -> Whole:
    """Send a request (or post to a URL) and read the whole answer."""
    if isinstance(request, str):
        request = request_to(request)
    response = await transport.send(request, timeouts)
    try:
        return Whole(response.status, response.headers, await response.read(limit))
    finally:
        response.close()


async def pieces(
    transport: Transport, request: UpstreamRequest | str, *, timeouts: Timeouts = PATIENT
) -> list[bytes]:
    """Send a request and return the pieces in which its answer arrives."""
    if isinstance(request, str):
        request = request_to(request)
    response = await transport.send(request, timeouts)
    found: list[bytes] = []
    try:
        while piece := await response.chunk():
            found.append(piece)
    finally:
        response.close()
    return found
