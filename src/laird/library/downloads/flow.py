"""Between the loop, where bytes arrive, and a thread, where they are written and hashed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from typing import ParamSpec, TypeVar

from laird.library.downloads.part import PartFile

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(
    threads: Executor, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Call a function in a thread.

    A thread can't be stopped: when this is cancelled, it waits for the function to end before it
    says so, since what comes next may be about the same file.
    """
    loop = asyncio.get_running_loop()
    return await to_the_end(loop.run_in_executor(threads, lambda: function(*args, **kwargs)))


async def to_the_end(work: Awaitable[T]) -> T:
    """Wait for something that must not be broken off; a cancellation is passed on after it."""
    future = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        await _ended(future)
        raise


async def _ended(future: asyncio.Future[T]) -> None:
    while not future.done():
        try:
            await asyncio.wait({future})
        except asyncio.CancelledError:
            continue
    if not future.cancelled():
        future.exception()  # looked at, so that nobody warns of it


class Flow:
    """Takes bytes as they arrive and has them written behind, a batch at a time.

    While one batch is written, the next is collected; who is faster waits for the other.
    """

    def __init__(self, part: PartFile, threads: Executor, batch_bytes: int) -> None:
        self._part = part
        self._threads = threads
        self._batch_bytes = batch_bytes
        self._held: list[bytes] = []
        self._size = 0
        self._writing: asyncio.Future[None] | None = None
        self._flowing = False
        """Bytes are being taken, and nobody waits for what is being written: `nudge` may write."""
        self.place = part.done
        """Bytes of the file that are here, written or held."""

    async def add(self, data: bytes) -> None:
        """Take the next bytes. Raises what writing earlier ones has raised."""
        self.place += len(data)
        self._held.append(data)
        self._size += len(data)
        if self._size >= self._batch_bytes:
            self._flowing = False
            await self._written()
            self._write()
        self._flowing = True

    def nudge(self) -> None:
        """Have written what is held, where bytes are being taken and nothing is written now."""
        if self._flowing and (self._writing is None or self._writing.done()):
            self._write()

    async def settle(self) -> None:
        """Have all that was taken written and brought to the disk. Raises `DiskTrouble`.

        What is being written when it is cancelled is waited for all the same.
        """
        self._flowing = False
        await self._written()
        self._write()
        await self._written()
        await in_thread(self._threads, self._part.checkpoint)

    async def drop(self) -> None:
        """Forget what is held, and wait for what is being written; its troubles are forgotten."""
        self._flowing = False
        self._held, self._size = [], 0
        if self._writing is not None:
            await _ended(self._writing)
            self._writing = None
        self.place = self._part.done

    async def _written(self) -> None:
        if self._writing is not None:
            await asyncio.shield(self._writing)
            self._writing = None

    def _write(self) -> None:
        if self._writing is not None and self._writing.done() and self._writing.exception():
            return  # the reader is about to be told
        batch, self._held, self._size = self._held, [], 0
        loop = asyncio.get_running_loop()
        self._writing = loop.run_in_executor(self._threads, self._part.append, batch)
