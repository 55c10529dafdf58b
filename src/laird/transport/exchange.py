"""One answer on its way: what the connection has read, and who waits for it."""

from __future__ import annotations

import asyncio
import math
import zlib
from collections.abc import Callable
from typing import Protocol, cast

import msgspec

from laird.domain.catalog import Timeouts
from laird.domain.errors import ConnectionLost, UpstreamError, UpstreamGarbled, UpstreamTimeout
from laird.transport.base import pull
from laird.transport.coding import Decoder
from laird.transport.deadlines import Deadlines

HIGH_WATER = 256 * 1024
"""Bytes of body held for a reader that is slow; the socket is not read while there are more."""


class Wire(Protocol):
    """What an exchange asks of the connection it runs on."""

    authority: str
    paused: bool

    def pause(self) -> None:
        """Stop reading from the socket."""
        ...

    def resume(self) -> None:
        """Read again."""
        ...

    def cut(self) -> None:
        """Break the connection."""
        ...


class Exchange(msgspec.Struct, eq=False):
    """An `UpstreamResponse`. The connection fills it; it never sees the connection's next one.

    A cancelled `read` or `chunk` loses no byte and leaves the exchange as it was: it is `close`
    that cuts the connection. (It is a struct because one is made for each request.)
    """

    _loop: asyncio.AbstractEventLoop
    _deadlines: Deadlines
    _timeouts: Timeouts
    _since: float
    """When something was last heard, on the loop's clock."""
    _deadline: float
    due: float
    is_head: bool
    status: int = 0
    """0 until the head has arrived."""
    headers: dict[str, str] = {}
    done: bool = False
    """The message has been read from the wire to its end."""
    _chunks: list[bytes] = []
    _size: int = 0
    _whole: int | None = None
    _error: UpstreamError | None = None
    _waiter: asyncio.Future[None] | None = None
    _decoder: Decoder | None = None
    _sink: Callable[[bytes], bool] | None = None
    """Takes pieces as they arrive, while somebody pipes."""
    _enough: bool = False
    _wire: Wire = cast("Wire", None)

    async def head(self, wire: Wire) -> None:
        """Wait for the head, once the request has been written to `wire`."""
        self._wire = wire
        self._deadlines.watch(self)
        self._waiter = waiter = self._loop.create_future()
        try:
            await waiter
        except BaseException:
            self.close()
            raise
        if self._error is not None:
            raise self._error

    async def chunk(self) -> bytes:
        """Return what has arrived since the last call; b"" at the clean end."""
        while True:
            if self._chunks:
                data = self._take()
                if self._decoder is None:
                    return data
                if decoded := self._decoded(self._decoder, data):
                    return decoded
            elif self._decoder is not None and self._decoder.backlog:
                if decoded := self._decoded(self._decoder, b""):
                    return decoded
            elif self._error is not None:
                raise self._error
            elif self.done:
                return self._end()
            else:
                await self._arrival()

    async def pipe(self, take: Callable[[bytes], bool]) -> bool:
        """Hand each piece to `take` as it arrives; see `UpstreamResponse.pipe`.

        A stream of small pieces costs far less so than by `chunk`: no task is woken for each.
        """
        if self._decoder is not None:
            return await pull(self, take)
        while True:
            if self._chunks:
                if not take(self._take()):
                    return False
            elif self._error is not None:
                raise self._error
            elif self.done:
                return True
            elif not await self._pour(take):
                return False

    async def _pour(self, take: Callable[[bytes], bool]) -> bool:
        """Let pieces go to `take` as they arrive; False when it wants no more."""
        self._sink = take
        self._enough = False
        try:
            await self._arrival()
        finally:
            self._sink = None
        return not self._enough

    async def read(self, limit: int) -> bytes:
        """Return the whole body, at most `limit` bytes. Raises `UpstreamGarbled` over it."""
        if self._decoder is not None:
            return await self._read_decoded(limit)
        self._whole = limit
        while not self.done and self._error is None and self._size <= limit:
            if self._wire.paused:
                self._wire.resume()
            await self._arrival()
        if self._size > limit:
            raise self._over(limit)
        if self._error is not None:
            raise self._error
        return self._take() if self._chunks else b""

    def close(self) -> None:
        """Cut the connection unless the answer was read to its end."""
        self._chunks.clear()
        self._size = 0
        self._decoder = None
        if not self.done and self._error is None:
            self.fail(ConnectionLost(f"The answer of {self._wire.authority} was given up."))

    def headed(self, status: int) -> None:
        """Take the status, the headers being complete. Raises `UpstreamGarbled`."""
        coding = self.headers.get("content-encoding")
        if coding is not None:
            self._prepare_decoding(coding.strip().lower())
        self.status = status
        self._since = self._loop.time()
        if self._waiter is not None:
            self._wake()

    def add(self, data: bytes) -> None:
        """Take a piece of the body."""
        self._chunks.append(data)
        self._size += len(data)

    def arrived(self) -> None:
        """Note that bytes of an unfinished answer have come; its pieces are already added."""
        if self._sink is not None:
            if self._size:
                self._push(self._sink)
            return
        if self._whole is not None:
            self._since = self._loop.time()
            if self._size <= self._whole:
                return
        if self._size > HIGH_WATER and not self._wire.paused:
            self._wire.pause()
        if self._waiter is not None and self._size:
            self._wake()

    def finish(self) -> None:
        """Note the clean end of the message."""
        self.done = True
        self._deadlines.watched.discard(self)
        if self._waiter is not None:
            self._wake()

    def fail(self, error: UpstreamError) -> None:
        """End the exchange by an error, which the reader gets after what has arrived."""
        self._error = error
        self._deadlines.watched.discard(self)
        self._wire.cut()
        if self._waiter is not None:
            self._wake()

    def check(self, now: float) -> float:
        """Time out if it is late; return when to look again."""
        limits = self._timeouts
        # A reader that does not read (its own client is slow) is no idleness of the upstream.
        since = now if self._waiter is None else self._since
        due = since + (limits.idle if self.status else limits.first_byte)
        if now >= self._deadline:
            self.fail(_late(self._wire.authority, "total", limits.total))
        elif now >= due and self.status:
            self.fail(_late(self._wire.authority, "idle", limits.idle))
        elif now >= due:
            self.fail(_late(self._wire.authority, "first_byte", limits.first_byte))
        else:
            self.due = min(due, self._deadline)
            return self.due
        return math.inf

    async def _arrival(self) -> None:
        if self._waiter is not None:
            raise RuntimeError("one answer is read by one task")
        self._since = now = self._loop.time()
        due = now + self._timeouts.idle
        if due < self.due:
            self.due = due
            self._deadlines.sooner(due)
        self._waiter = waiter = self._loop.create_future()
        try:
            await waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        waiter = self._waiter
        self._waiter = None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _push(self, sink: Callable[[bytes], bool]) -> None:
        """Hand over what has arrived. Whoever pipes wakes when that is enough, or goes wrong."""
        self._since = self._loop.time()
        chunks = self._chunks
        if len(chunks) == 1 and not self._wire.paused:
            data = chunks.pop()
            self._size = 0
        else:
            data = self._take()
        try:
            if sink(data):
                return
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to the one who pipes
            waiter = self._waiter
            if waiter is not None and not waiter.done():
                waiter.set_exception(error)
            self._sink = None
            return
        self._sink = None
        self._enough = True
        self._wake()

    def _take(self) -> bytes:
        chunks = self._chunks
        data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        chunks.clear()
        self._size = 0
        if not self.done and self._error is None and self._wire.paused:
            self._wire.resume()
        return data

    async def _read_decoded(self, limit: int) -> bytes:
        body = bytearray()
        while data := await self.chunk():
            body += data
            if len(body) > limit:
                raise self._over(limit)
        return bytes(body)

    def _prepare_decoding(self, coding: str) -> None:
        if not coding or coding == "identity" or self.is_head:
            return
        try:
            self._decoder = Decoder(coding)
        except ValueError:
            raise UpstreamGarbled(
                f"{self._wire.authority} answered with Content-Encoding '{coding[:40]}', which"
                " was not asked for and is not understood. Check what stands between Laird and"
                " the provider."
            ) from None
        # They describe the bytes on the wire, not those that readers get.
        del self.headers["content-encoding"]
        self.headers.pop("content-length", None)

    def _decoded(self, decoder: Decoder, data: bytes) -> bytes:
        try:
            return decoder.decode(data, HIGH_WATER)
        except zlib.error:
            raise self._cut_off("is not what its Content-Encoding says") from None

    def _end(self) -> bytes:
        if self._decoder is not None and not self._decoder.complete:
            raise self._cut_off("ends in the middle of its compressed data")
        return b""

    def _cut_off(self, what: str) -> UpstreamGarbled:
        return self._give_up(
            f"The answer of {self._wire.authority} {what}. Check what stands between Laird and"
            " the provider."
        )

    def _over(self, limit: int) -> UpstreamGarbled:
        return self._give_up(
            f"The answer of {self._wire.authority} is larger than the {limit} bytes expected at"
            " most. Check that the endpoint is the right one."
        )

    def _give_up(self, message: str) -> UpstreamGarbled:
        error = UpstreamGarbled(message, status=self.status)
        self.close()
        self._error = error
        return error


_LATE = {
    "first_byte": "did not begin to answer within {:g} s. It may be loading a model or be"
    " overloaded; raise the firstByte timeout if that is usual.",
    "idle": "fell silent for {:g} s in the middle of its answer. It may be overloaded; raise the"
    " idle timeout if such pauses are usual.",
    "total": "did not finish its answer within {:g} s. Ask for a shorter answer, or raise the total"
    " timeout.",
}


def _late(authority: str, phase: str, limit: float) -> UpstreamTimeout:
    return UpstreamTimeout(f"{authority} {_LATE[phase].format(limit)}", phase=phase)
