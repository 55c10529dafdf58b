"""Requests that go on from what was said before, and answers that are kept for those to come.

It stands before the gateway for the Responses format alone. What is kept is in the database before
the client gets the end of its answer, so that an id which a client has is never lost.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from laird.dialects.responses import ResponsesCall
from laird.dialects.responses_kept import (
    forwardable,
    id_of,
    input_items,
    referred,
    resolved,
)
from laird.domain.errors import StorageUnavailable
from laird.gateway.call import Answering, Call, Client, Judging, Trace
from laird.memory import store
from laird.memory.store import Kept, KeptItem, Recalled
from laird.storage.engine import Database

_NOTHING = Recalled()


class Remember:
    """Answers requests in the Responses format. See `Gateway.answer`."""

    def __init__(self, gateway: Judging, replay: Answering, database: Database) -> None:
        """`replay` may answer from the cache; what is kept, or goes on from that, may not be."""
        self._gateway = gateway
        self._replay = replay
        self._database = database

    async def answer(
        self, call: Call, client: Client, trace: Trace, task: asyncio.Task[Any]
    ) -> None:
        """Answer one request through `client`, as `Gateway.answer` does.

        Raises what that raises, `PreviousResponseNotFound`, and `StorageUnavailable` where a
        conversation can't be read or an answer can't be kept.
        """
        own = input_items(call.body)
        previous: str | None = call.body.get("previous_response_id")
        references = referred(own)
        recalled = _NOTHING
        if previous is not None or references:
            recalled = await self._recall(call, previous, references)
            own = resolved(own, recalled.referred)
        keep = call.body.get("store") is True
        owns = keep or previous is not None
        body = _with_history(call.body, recalled, own)
        before = len(recalled.items)
        dialect = ResponsesCall(body, call.request_id, before=before, owns=owns)
        call = _prepared(call, dialect, body, recalled, keep=keep)
        if recalled is not _NOTHING:
            # What was kept may hold what today's rules keep at home, a model's own words among it.
            call = await self._gateway.screened(call, trace)
        if not keep:
            answering = self._gateway if owns else self._replay
            await answering.answer(call, client, trace, task)
            return
        keeper = _Keeper(self._database, call, dialect, client, own, recalled, previous)
        await self._gateway.answer(call, keeper, trace, task)
        await keeper.deliver()

    async def _recall(self, call: Call, previous: str | None, references: list[str]) -> Recalled:
        key_id = call.caller.key.id
        return await self._database.read(
            lambda connection: store.recall(connection, key_id, previous, references)
        )


def _with_history(
    body: Mapping[str, Any], recalled: Recalled, own: Sequence[Mapping[str, Any]]
) -> Mapping[str, Any]:
    """Return the body with the conversation so far before its own input."""
    if recalled is _NOTHING:
        return body
    return {**body, "input": [*(item.body for item in recalled.items), *own]}


def _prepared(
    call: Call, dialect: ResponsesCall, body: Mapping[str, Any], recalled: Recalled, *, keep: bool
) -> Call:
    """Return the call as the gateway gets it.

    What goes on from words that had to stay local must stay local as well, whatever this request
    says: it carries those words.
    """
    caller = call.caller
    if recalled.local_only and not caller.local_only:
        caller = msgspec.structs.replace(caller, local_only=True, privacy_reason="memory")
    return msgspec.structs.replace(
        call,
        dialect=dialect,
        chat=dialect,
        body=forwardable(body, keep=keep),
        facts=call.facts if recalled is _NOTHING else dialect.facts(body),
        size=call.size if recalled is _NOTHING else 0,
        caller=caller,
        screened=call.screened if recalled is _NOTHING else None,
    )


class _Keeper:
    """Hears an answer for a client, and keeps it before the client gets the end of it."""

    __slots__ = (
        "_body",
        "_call",
        "_client",
        "_database",
        "_dialect",
        "_own",
        "_previous",
        "_recalled",
        "_trace",
    )

    def __init__(
        self,
        database: Database,
        call: Call,
        dialect: ResponsesCall,
        client: Client,
        own: Sequence[Mapping[str, Any]],
        recalled: Recalled,
        previous: str | None,
    ) -> None:
        self._database = database
        self._call = call
        self._dialect = dialect
        self._client = client
        self._own = own
        self._recalled = recalled
        self._previous = previous
        self._trace: Trace | None = None
        self._body = b""

    def answer(self, trace: Trace, body: bytes) -> None:
        """Take a whole answer; `deliver` gives it to the client once it is kept."""
        self._trace = trace
        self._body = body

    async def deliver(self) -> None:
        """Keep a whole answer and give it to the client. Raises `StorageUnavailable`."""
        if self._trace is not None:
            await self._keep()
            self._client.answer(self._trace, self._body)

    async def begin(self, trace: Trace, first: bytes) -> None:
        """Begin a streamed answer."""
        await self._client.begin(trace, first)

    def push(self, data: bytes) -> bool:
        """Give more of a streamed answer."""
        return self._client.push(data)

    async def ready(self) -> None:
        """Wait while the client is slow."""
        await self._client.ready()

    async def end(self, data: bytes) -> None:
        """Keep a streamed answer and give its last bytes. Raises `StorageUnavailable`.

        One that failed has no whole response: then `data` says so, and nothing is kept.
        """
        await self._keep()
        await self._client.end(data)

    async def _keep(self) -> None:
        final = self._dialect.final
        if final is None:
            return
        kept = self._kept(final)
        work = partial(store.save, kept=kept, conversation=self._recalled.response_ids)
        try:
            await self._database.write(work)
        except StorageUnavailable as error:
            raise StorageUnavailable(
                f"The answer was to be stored and can't be: {error.message} Send the request again"
                ' without "store": true, or when the database is back.'
            ) from error

    def _kept(self, final: dict[str, Any]) -> Kept:
        response = dict(final)
        output: list[dict[str, Any]] = response.pop("output")
        serial = self._dialect.response_id.removeprefix("resp_")
        given = [
            KeptItem(id_of(item, serial, place), dict(item)) for place, item in enumerate(self._own)
        ]
        said = [
            KeptItem(id_of(item, serial, len(given) + place), item, output=True)
            for place, item in enumerate(output)
        ]
        caller = self._call.caller
        return Kept(
            id=self._dialect.response_id,
            key_id=caller.key.id,
            created_us=time.time_ns() // 1000,
            previous_id=self._previous,
            local_only=caller.local_only,
            response=response,
            items=(*given, *said),
        )
