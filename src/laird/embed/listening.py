"""Hearing an answer inside the program: whole, or piece by piece."""

from __future__ import annotations

import asyncio
from collections import deque

from laird.dialects.openai_chat import OpenAIChat
from laird.domain.errors import LairdError
from laird.gateway.call import Trace

_HIGH_WATER = 64 * 1024
"""Bytes that wait for a slow reader before the provider has to wait as well."""


class ListeningChat(OpenAIChat):
    """OpenAI's chat format for one request, which remembers why a stream broke off."""

    def __init__(self) -> None:
        self.failure: LairdError | None = None

    def error_event(self, error: LairdError) -> bytes:
        """Take note of the error; a program gets it raised, and not written."""
        self.failure = error
        return b""


class WholeAnswer:
    """Hears an answer that is not streamed. See `laird.gateway.call.Client`."""

    __slots__ = ("body",)

    def __init__(self) -> None:
        self.body = b""

    def answer(self, trace: Trace, body: bytes) -> None:
        """Take the answer."""
        del trace
        self.body = body

    async def begin(self, trace: Trace, first: bytes) -> None:
        """Never called: no stream was asked for."""
        raise NotImplementedError

    def push(self, data: bytes) -> bool:
        """Never called: no stream was asked for."""
        raise NotImplementedError

    async def ready(self) -> None:
        """Never called: no stream was asked for."""
        raise NotImplementedError

    async def end(self, data: bytes) -> None:
        """Never called: no stream was asked for."""
        raise NotImplementedError


class Pieces:
    """Hears a streamed answer, and holds little of it. See `laird.gateway.call.Client`."""

    __slots__ = ("_arrived", "_held", "_pieces", "_taken", "over")

    def __init__(self) -> None:
        self._pieces: deque[bytes] = deque()
        self._held = 0
        self._arrived = asyncio.Event()
        self._taken = asyncio.Event()
        self.over = False
        """Nothing follows."""

    def answer(self, trace: Trace, body: bytes) -> None:
        """Never called: a stream was asked for."""
        raise NotImplementedError

    async def begin(self, trace: Trace, first: bytes) -> None:
        """Take the first piece."""
        del trace
        self.push(first)
        await self.ready()

    def push(self, data: bytes) -> bool:
        """Take a piece; False when its reader is slow."""
        self._pieces.append(data)
        self._held += len(data)
        self._arrived.set()
        return self._held < _HIGH_WATER

    async def ready(self) -> None:
        """Wait while the reader is slow."""
        while self._held >= _HIGH_WATER:
            self._taken.clear()
            await self._taken.wait()

    async def end(self, data: bytes) -> None:
        """Take the last piece."""
        self.push(data)
        self.finish()

    def finish(self) -> None:
        """Take note that nothing follows."""
        self.over = True
        self._arrived.set()

    async def take(self) -> bytes | None:
        """Return what has arrived, at least something; None at the end."""
        while not self._pieces:
            if self.over:
                return None
            self._arrived.clear()
            await self._arrived.wait()
        data = b"".join(self._pieces)
        self._pieces.clear()
        self._held = 0
        self._taken.set()
        return data
