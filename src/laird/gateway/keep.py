"""Copies of requests and answers: what stands between clients and everything that answers them.

It stands behind the privacy rules, so that the verdict on a request is known, and before the cache,
so that a copy has what the client saw.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

import orjson

from laird.domain.errors import LairdError, RefusedByPrivacy
from laird.gateway.call import Answering, Call, Client, Trace
from laird.keeping.copies import LARGEST, AnswerCopy, KeptRequest
from laird.keeping.keeper import Keeper

CANCELLED = "cancelled"
"""What stands in place of an error where the client went away."""


class Keep:
    """Has requests answered, and keeps copies where that is switched on. See `Gateway.answer`."""

    def __init__(self, keeper: Keeper, answering: Answering) -> None:
        self._keeper = keeper
        self._answering = answering

    def answer(
        self, call: Call, client: Client, trace: Trace, task: asyncio.Task[Any]
    ) -> Coroutine[Any, Any, None]:
        """Answer one request through `client`, as `Gateway.answer` does, and raise what it does."""
        if not self._keeper.wants(call.caller.key) or call.count is not None:
            return self._answering.answer(call, client, trace, task)
        return self._answer(call, client, trace, task)

    async def _answer(
        self, call: Call, client: Client, trace: Trace, task: asyncio.Task[Any]
    ) -> None:
        copying = _Copying(client)
        try:
            await self._answering.answer(call, copying, trace, task)
        except RefusedByPrivacy:
            # It came to light in the conversation that the request goes on from.
            raise
        except LairdError as problem:
            copying.copy.add(call.dialect.error(problem))
            self._keeper.take(_kept(call, trace, copying.copy, problem.code))
            raise
        except asyncio.CancelledError:
            self._keeper.take(_kept(call, trace, copying.copy, CANCELLED))
            raise
        self._keeper.take(_kept(call, trace, copying.copy, None))


def _kept(call: Call, trace: Trace, copy: AnswerCopy, error: str | None) -> KeptRequest:
    request = None if call.size > LARGEST else orjson.dumps(call.body)
    # The verdict may have come from a conversation that the request goes on from.
    local_only = call.caller.local_only or trace.privacy.startswith("local")
    return KeptRequest(
        request_id=call.request_id,
        at_us=time.time_ns() // 1000,
        key_id=call.caller.key.id,
        dialect=call.dialect.name,
        model=call.facts.model,
        stream=call.facts.stream,
        local_only=local_only,
        error=error,
        request=request,
        answer=copy.content,
        cut=copy.cut or request is None,
    )


class _Copying:
    """Hears an answer for a client and copies it. See `laird.gateway.call.Client`."""

    __slots__ = ("_client", "copy")

    def __init__(self, client: Client) -> None:
        self._client = client
        self.copy = AnswerCopy()

    def answer(self, trace: Trace, body: bytes) -> None:
        """Give a whole answer."""
        self.copy.add(body)
        self._client.answer(trace, body)

    async def begin(self, trace: Trace, first: bytes) -> None:
        """Begin a streamed answer."""
        self.copy.add(first)
        await self._client.begin(trace, first)

    def push(self, data: bytes) -> bool:
        """Give more of a streamed answer."""
        self.copy.add(data)
        return self._client.push(data)

    async def ready(self) -> None:
        """Wait while the client is slow."""
        await self._client.ready()

    async def end(self, data: bytes) -> None:
        """Give the last bytes of a streamed answer."""
        self.copy.add(data)
        await self._client.end(data)
