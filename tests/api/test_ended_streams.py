"""What is under way ends when who asked for it may no more, within two seconds."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.responses import StreamingResponse
from tests.support import openai_wire
from tests.support.answers import json_answer, sse_answer
from tests.support.chat_upstream import chat_upstream, chats
from tests.support.client import Exchange, events_of
from tests.support.documents import document, provider
from tests.support.laird import RunningLaird, running_laird
from tests.support.people import sign_in, signed_in, with_password
from tests.support.upstream import ScriptedUpstream
from tests.support.waiting import MACHINE_S, until

from laird.domain.people import OWNER, Role
from laird.keys import store
from laird.keys.draft import KeyDraft
from laird.people import store as people_store

WITHIN_S = 2.0


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with chat_upstream() as up:
        yield up


@pytest.fixture
async def laird(tmp_path: Path, upstream: ScriptedUpstream) -> AsyncIterator[RunningLaird]:
    async with running_laird(tmp_path, document(provider("a", upstream.url))) as running:
        yield running


Change = Callable[[RunningLaird], Awaitable[object]]


async def elsewhere(laird: RunningLaird, work: Callable[[Any], object]) -> None:
    """Change the database as another process would: nothing is refreshed here."""
    await laird.program.database.write(work)


async def revoked(laird: RunningLaird) -> None:
    await laird.admin("DELETE", "/api/keys/brief")


async def revoked_elsewhere(laird: RunningLaird) -> None:
    await elsewhere(laird, lambda connection: store.revoke(connection, "brief"))


async def disabled(laird: RunningLaird) -> None:
    await laird.admin("PATCH", "/api/keys/brief", {"enabled": False})


async def ended_by_time(laird: RunningLaird) -> None:
    """The key expires by itself: see `brief_key`."""


KEY_CHANGES: list[Change] = [revoked, revoked_elsewhere, disabled, ended_by_time]


async def brief_key(laird: RunningLaird, change: Change, scope: str = "inference") -> str:
    expires = time.time_ns() // 1000 + 600_000 if change is ended_by_time else None
    draft = KeyDraft(name="brief", scopes=frozenset({scope}), expires_us=expires)
    return await laird.make_key(draft)


async def rest(exchange: Exchange) -> bytes:
    """Read what is left of an answer, which must end in time."""
    async with asyncio.timeout(WITHIN_S + MACHINE_S):
        return await exchange.body()


@pytest.mark.parametrize("change", KEY_CHANGES)
async def test_a_stream_ends_with_its_key(
    laird: RunningLaird, upstream: ScriptedUpstream, change: Change
) -> None:
    upstream.always(sse_answer(openai_wire.STREAM).stalled(at=3))
    client = laird.client(await brief_key(laird, change))
    exchange = await client.begin_chat("a/m", stream=True)
    await exchange.head()
    assert exchange.status == 200
    await anext(exchange.chunks())
    await change(laird)
    events = events_of(await rest(exchange))
    assert events[-1]["error"]["code"] == "invalid_api_key"
    assert "[DONE]" not in events
    # The upstream's work is over, and its row is written.
    await until(lambda: laird.program.gateway.active == 0, within=WITHIN_S + MACHINE_S)
    assert [row["status"] for row in await laird.rows()] == ["cancelled"]
    await upstream.client_gone()


@pytest.mark.parametrize(
    ("path", "body", "mark"),
    [
        ("/v1/messages", {"max_tokens": 50}, b"event: error"),
        ("/v1/responses", {"input": "Hello"}, b"error"),
        ("/v1/completions", {"prompt": "Hello"}, b'"code":"invalid_api_key"'),
    ],
)
async def test_a_stream_ends_in_the_form_of_its_client(
    laird: RunningLaird,
    upstream: ScriptedUpstream,
    path: str,
    body: dict[str, object],
    mark: bytes,
) -> None:
    upstream.always(sse_answer(openai_wire.STREAM).stalled(at=3))
    client = laird.client(await brief_key(laird, revoked))
    wanted = {"model": "a/m", "stream": True, **body}
    if path == "/v1/messages":
        wanted["messages"] = [{"role": "user", "content": "Hello"}]
    raw = json.dumps(wanted).encode()
    exchange = await client.open("POST", path, raw)
    await exchange.head()
    assert exchange.status == 200
    await anext(exchange.chunks())
    await revoked(laird)
    assert mark in (await rest(exchange))


async def test_an_answer_that_is_not_streamed_is_refused(
    laird: RunningLaird, upstream: ScriptedUpstream
) -> None:
    upstream.always(json_answer(openai_wire.COMPLETION).stalled(byte=0))
    client = laird.client(await brief_key(laird, revoked))
    exchange = await client.begin_chat("a/m")
    await upstream.wait_for(lambda: chats(upstream))
    await revoked(laird)
    async with asyncio.timeout(WITHIN_S + MACHINE_S):
        await exchange.head()
    assert exchange.status == 401
    assert b"has been revoked" in await rest(exchange)


async def test_other_keys_go_on(laird: RunningLaird, upstream: ScriptedUpstream) -> None:
    await brief_key(laird, revoked)
    upstream.always(sse_answer(openai_wire.STREAM).stalled(at=3))
    exchange = await laird.client().begin_chat("a/m", stream=True)
    await exchange.head()
    await anext(exchange.chunks())
    await revoked(laird)
    now_us = time.time_ns() // 1000
    assert laird.program.app._inference.end_refused(now_us) == 0
    exchange.leave()


async def tick(laird: RunningLaird) -> None:
    """Add a route that streams without end: events at /api/ticks, other bytes at /api/drops."""
    application = await laird.program.app._admin.loaded()  # type: ignore[attr-defined]
    assert isinstance(application, FastAPI)

    async def endless() -> AsyncIterator[bytes]:
        yield b"data: 1\n\n"
        await asyncio.Event().wait()

    async def ticks() -> StreamingResponse:
        return StreamingResponse(endless(), media_type="text/event-stream")

    async def drops() -> StreamingResponse:
        return StreamingResponse(endless(), media_type="application/octet-stream")

    application.add_api_route("/api/ticks", ticks)
    application.add_api_route("/api/drops", drops)


@pytest.mark.parametrize("change", KEY_CHANGES)
async def test_events_end_with_their_key(laird: RunningLaird, change: Change) -> None:
    await tick(laird)
    client = laird.client(await brief_key(laird, change, "admin"))
    exchange = await client.open("GET", "/api/ticks")
    await exchange.head()
    assert exchange.status == 200
    assert await anext(exchange.chunks()) == b"data: 1\n\n"
    await change(laird)
    assert (await rest(exchange)).startswith(b"event: end\n")


async def test_other_streams_do_not_look_complete_when_they_end(laird: RunningLaird) -> None:
    await tick(laird)
    client = laird.client(await brief_key(laird, revoked, "admin"))
    exchange = await client.open("GET", "/api/drops")
    await exchange.head()
    await anext(exchange.chunks())
    await revoked(laird)
    with pytest.raises(asyncio.IncompleteReadError):
        await rest(exchange)


async def signed_out(laird: RunningLaird) -> None:
    directory = laird.program.reception.directory
    await directory.end_sessions(await directory.get("ann"), OWNER)


async def switched_off(laird: RunningLaird) -> None:
    await laird.program.reception.directory.change("ann", OWNER, enabled=False)


async def removed(laird: RunningLaird) -> None:
    await laird.program.reception.directory.remove("ann", OWNER)


async def lowered(laird: RunningLaird) -> None:
    await laird.program.reception.directory.change("ann", OWNER, role=Role.VIEWER)


async def lowered_elsewhere(laird: RunningLaird) -> None:
    person = await laird.program.reception.directory.get("ann")
    await elsewhere(laird, lambda one: people_store.change(one, person, role=Role.VIEWER))


@pytest.mark.parametrize("change", [signed_out, switched_off, removed, lowered, lowered_elsewhere])
async def test_events_end_with_their_session_or_its_role(
    laird: RunningLaird, change: Change
) -> None:
    await tick(laird)
    await signed_in(laird, "boss", Role.ADMIN)
    ann = await sign_in(laird, await with_password(laird, "ann", Role.ADMIN))
    exchange = await ann.open("GET", "/api/ticks")
    await exchange.head()
    await anext(exchange.chunks())
    await change(laird)
    assert (await rest(exchange)).startswith(b"event: end\n")


@pytest.mark.parametrize("change", [signed_out, lowered])
async def test_the_servers_own_events_end_as_the_policy_says(
    laird: RunningLaird, change: Change
) -> None:
    """A viewer may hear events: being made one ends nothing."""
    await signed_in(laird, "boss", Role.ADMIN)
    ann = await sign_in(laird, await with_password(laird, "ann", Role.ADMIN))
    exchange = await ann.open("GET", "/api/events")
    await exchange.head()
    assert exchange.status == 200
    await anext(exchange.chunks())
    await change(laird)
    if change is signed_out:
        assert b"event: end\n" in await rest(exchange)
    else:
        assert (await ann.request("GET", "/api/system")).status == 200
        exchange.leave()


async def test_events_end_when_their_client_leaves(laird: RunningLaird) -> None:
    await tick(laird)
    client = laird.client(await brief_key(laird, revoked, "admin"))
    exchange = await client.open("GET", "/api/ticks")
    await exchange.head()
    exchange.leave()
    assert (await client.request("GET", "/api/system")).status == 200
