"""Files that are sent while they are read from the database."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from functools import partial

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy import Connection
from starlette.types import Message, Receive, Scope, Send

from laird.domain.errors import RateLimited
from laird.export.writing import compressed
from laird.storage.engine import Database

AT_ONCE = 4
"""Files under way at one time: each has a thread, and holds one state of the database."""
STALL_S = 60.0
"""A client that takes nothing for so long is cut off."""

_GZIP = frozenset({"gzip", "x-gzip", "*"})
_REFUSED = re.compile(r"q=0(\.0*)?")
_HEADERS = {
    "cache-control": "no-store",
    "vary": "accept-encoding",
    "x-content-type-options": "nosniff",
}

Work = Callable[[Connection], Iterator[bytes]]
"""Yields a file piece by piece, read in the transaction of a connection."""


class Downloads:
    """Sends files from the database, a few at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._under_way: set[object] = set()

    async def send(
        self, request: Request, work: Work, headers: Mapping[str, str], *, name: str, media: str
    ) -> Response:
        """Return the answer that sends a file, compressed where its client takes that.

        Raises `RateLimited` when too many are under way, and `StorageUnavailable`.
        """
        if len(self._under_way) >= AT_ONCE:
            raise RateLimited(
                f"{AT_ONCE} exports are under way already. Try again when one has ended.",
                retry_after_s=5.0,
            )
        told = {
            **_HEADERS,
            **headers,
            "content-type": media,
            "content-disposition": f'attachment; filename="{name}"',
        }
        if _takes_gzip(request.headers.get("accept-encoding", "")):
            told["content-encoding"] = "gzip"
            work = partial(_compressed, work)
        mark = object()
        self._under_way.add(mark)
        try:
            pieces = self._database.stream(work)
            # What can go wrong goes wrong here, while there is still a status to say it with.
            first = await anext(pieces, b"")
        except BaseException:
            self._under_way.discard(mark)
            raise
        return _Download(first, pieces, told, partial(self._under_way.discard, mark))


class _Download(StreamingResponse):
    """A file that is read while it is sent, and no faster than its client takes it."""

    def __init__(
        self,
        first: bytes,
        rest: AsyncGenerator[bytes, None],
        headers: Mapping[str, str],
        ended: Callable[[], None],
    ) -> None:
        super().__init__(_joined(first, rest), headers=headers)
        self._rest = rest
        self._ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, and stop reading when the client has gone away or takes nothing any more."""
        try:
            await super().__call__(scope, receive, partial(_in_time, send))
        finally:
            self._ended()
            await self._rest.aclose()


async def _joined(first: bytes, rest: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    yield first
    async for piece in rest:
        yield piece


async def _in_time(send: Send, message: Message) -> None:
    async with asyncio.timeout(STALL_S):
        await send(message)


def _compressed(work: Work, connection: Connection) -> Iterator[bytes]:
    return compressed(work(connection))


def _takes_gzip(accepted: str) -> bool:
    """Read an Accept-Encoding header (RFC 9110, section 12.5.3)."""
    for part in accepted.lower().replace(" ", "").split(","):
        coding, _, weight = part.partition(";")
        if coding in _GZIP:
            return _REFUSED.fullmatch(weight) is None
    return False
