"""What happens now, as a stream of server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Header, Request
from fastapi.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send
from typing_extensions import TypedDict

from laird.api.admin.context import Admin
from laird.api.admin.routes import routes_at
from laird.domain.errors import RateLimited
from laird.domain.events import Event
from laird.telemetry.feed import Feed

MOST_STREAMS = 200
HEARTBEAT_S = 15.0
STALL_S = 30.0
"""A client that takes nothing for so long is cut off."""
_LAST = "drain"
"""After this event there are no others: the server stops."""
_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


class LiveEvent(TypedDict):
    """One thing that happened: the data of one message of the stream."""

    id: int
    """Counts up while the server runs."""
    at_us: int
    """UTC, microseconds since the epoch."""
    kind: str
    """Such as `failover` or `budget.alert`."""
    data: dict[str, Any]


def router(admin: Admin) -> APIRouter:
    """Return the route."""
    routes = routes_at("/api/events", "events")
    feed = admin.feed

    @routes.get(
        "",
        operation_id="streamEvents",
        response_class=StreamingResponse,
        responses={
            200: {
                "model": LiveEvent,
                "description": "Server-sent events; the data of each message is one of these.",
                "content": {"text/event-stream": {}},
            }
        },
    )
    async def events(
        request: Request, last_event_id: Annotated[str | None, Header()] = None
    ) -> StreamingResponse:
        """Tell what happens from now on, or since the message with the id `Last-Event-ID`."""
        admin.gate.actor(request)
        if feed.readers >= MOST_STREAMS:
            raise RateLimited(
                f"{MOST_STREAMS} streams of events are open already; close one of them.",
                retry_after_s=10.0,
            )
        return _Stream(feed, last_event_id)

    return routes


class _Stream(StreamingResponse):
    """Events on their way to one client, which holds a place in the feed and no queue."""

    def __init__(self, feed: Feed, last: str | None) -> None:
        after, self._known = _place(feed, last)
        self._feed = feed
        self._reader = feed.subscribe(after)
        super().__init__(self._messages(), headers=_HEADERS, media_type="text/event-stream")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send events until the client has gone away, or is too slow."""
        with self._reader:
            await super().__call__(scope, receive, partial(_in_time, send))

    async def _messages(self) -> AsyncIterator[bytes]:
        reader = self._reader
        yield b"retry: 1000\n\n"
        if not self._known:
            yield _reset("What happened before is not known any more.")
        while not reader.closed:
            event = await reader.next(HEARTBEAT_S)
            if reader.missed:
                yield _reset(f"{reader.missed} events were not read in time.")
                return
            if event is None:
                yield b": still here\n\n"
                continue
            yield _message(self._feed.origin, event)
            if event.kind == _LAST:
                return


def _place(feed: Feed, last: str | None) -> tuple[int | None, bool]:
    """Return after which event to go on, and whether all that came after it is still there."""
    if not last:
        return None, True
    origin, _, number = last.partition("-")
    if origin != feed.origin or not number.isdecimal() or len(number) > 18:
        return None, False
    after = int(number)
    oldest = feed.next_after(after)
    if after > feed.last_id or (oldest is not None and oldest.id != after + 1):
        return None, False
    return after, True


def _message(origin: str, event: Event) -> bytes:
    plain = {"id": event.id, "at_us": event.at_us, "kind": event.kind, "data": event.data}
    return b"id: %b-%d\ndata: %b\n\n" % (origin.encode(), event.id, orjson.dumps(plain))


def _reset(message: str) -> bytes:
    """Return what tells a client to ask for everything again."""
    return b"event: reset\ndata: %b\n\n" % orjson.dumps({"message": message})


async def _in_time(send: Send, message: Message) -> None:
    async with asyncio.timeout(STALL_S):
        await send(message)
