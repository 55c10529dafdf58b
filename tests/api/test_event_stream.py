"""What happens is told as it happens, in order, and to those alone who may hear it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.support import openai_wire
from tests.support.answers import json_answer
from tests.support.chat_upstream import chat_upstream
from tests.support.client import Exchange
from tests.support.documents import chain, document, provider
from tests.support.laird import RunningLaird, running_laird

from laird.api.admin import events as events_module
from laird.keys.draft import KeyDraft
from laird.telemetry.feed import Feed


@pytest.fixture
async def laird(tmp_path: Path) -> AsyncIterator[RunningLaird]:
    async with chat_upstream() as up:
        up.always(json_answer(openai_wire.COMPLETION))
        dead = provider("dead", "http://127.0.0.1:9")
        text = document(dead, provider("a", up.url), rest=chain("both", "dead/m", "a/m"))
        async with running_laird(tmp_path, text) as running:
            yield running


class Stream:
    """A stream of events, read message by message."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self._pieces = exchange.chunks()
        self._held = b""

    async def block(self) -> dict[str, str]:
        """Return the fields of the next message; comments are passed over."""
        async with asyncio.timeout(20):
            while True:
                while b"\n\n" not in self._held:
                    self._held += await anext(self._pieces)
                raw, _, self._held = self._held.partition(b"\n\n")
                lines = raw.decode().split("\n")
                fields = dict(line.split(": ", 1) for line in lines if not line.startswith(":"))
                if fields and "retry" not in fields:
                    return fields

    async def until(self, kind: str) -> dict[str, Any]:
        """Return the next event of a kind."""
        while True:
            event: dict[str, Any] = json.loads((await self.block())["data"])
            if event.get("kind") == kind:
                return event


async def listen(laird: RunningLaird, scope: str = "viewer", last: str | None = None) -> Stream:
    key = await laird.make_key(KeyDraft(name=f"{scope} {last}", scopes=frozenset({scope})))
    sent = {"authorization": f"Bearer {key}"}
    if last is not None:
        sent["last-event-id"] = last
    exchange = await laird.client(key).open("GET", "/api/events", headers=sent)
    await exchange.head()
    assert exchange.status == 200
    assert exchange.headers["content-type"].startswith("text/event-stream")
    return Stream(exchange)


async def test_changes_are_told(laird: RunningLaird) -> None:
    stream = await listen(laird)
    await laird.admin("POST", "/api/keys", {"name": "new"})
    while "new" not in (told := await stream.until("key.changed"))["data"]["keys"]:
        pass
    assert set(told) == {"id", "at_us", "kind", "data"}
    await laird.admin("POST", "/api/budgets", {"name": "b", "limit_usd": "5"})
    assert (await stream.until("budget.changed"))["data"]["change"] == "created"
    await laird.write_document(laird.document.read_text() + "\n# a remark\n")
    revision = laird.program.configuration.snapshot.revision
    assert (await stream.until("configuration.changed"))["data"]["revision"] == revision
    stream.exchange.leave()


async def test_errors_of_the_document_are_told_and_their_end(laird: RunningLaird) -> None:
    stream = await listen(laird)
    good = laird.document.read_text()
    laird.document.write_text("providers: {")
    assert (await stream.until("configuration.error"))["data"]["message"]
    laird.document.write_text(good)
    assert (await stream.until("configuration.recovered"))["data"]["revision"]
    stream.exchange.leave()


async def test_requests_failovers_and_health_are_told(laird: RunningLaird) -> None:
    stream = await listen(laird)
    reply = await laird.client().chat("both")
    assert reply.status == 200
    seen: dict[str, dict[str, Any]] = {}
    while not {"failover", "request.finished", "provider.health"} <= seen.keys():
        event = json.loads((await stream.block())["data"])
        seen[event["kind"]] = event["data"]
    request_id = reply.headers["x-laird-request-id"]
    failover = seen["failover"]
    assert (failover["from"], failover["to"], failover["request_id"]) == ("dead", "a", request_id)
    told = seen["request.finished"]
    assert told["request_id"] == request_id
    assert (told["key"], told["provider"], told["model"]) == ("test", "a", "m")
    assert (told["status"], told["failover"]) == (200, "dead/m")
    assert told["latency_ms"] > 0
    assert told["untold"] == 0
    stream.exchange.leave()


async def test_a_client_goes_on_where_it_was(laird: RunningLaird) -> None:
    feed = laird.program.feed
    first = await listen(laird)
    feed.publish("one", {})
    while json.loads((fields := await first.block())["data"])["kind"] != "one":
        pass
    first.exchange.leave()
    feed.publish("two", {"n": 2})
    again = await listen(laird, last=fields["id"])
    assert (await again.until("two"))["data"] == {"n": 2}
    again.exchange.leave()


@pytest.mark.parametrize("last", ["0-1", "x", "{origin}-x", "{origin}-999999999"])
async def test_who_has_missed_something_is_told(laird: RunningLaird, last: str) -> None:
    stream = await listen(laird, last=last.format(origin=laird.program.feed.origin))
    assert (await stream.block())["event"] == "reset"
    stream.exchange.leave()


async def test_a_place_that_is_out_of_the_ring_is_missed() -> None:
    feed = Feed(ring=2)
    for _ in range(5):
        feed.publish("e", {})
    place = events_module._place
    assert place(feed, f"{feed.origin}-1") == (None, False)
    assert place(feed, f"{feed.origin}-3") == (3, True)
    assert place(feed, f"{feed.origin}-5") == (5, True)
    assert place(feed, None) == (None, True)


async def test_a_slow_client_is_dropped() -> None:
    feed = Feed(ring=3)
    stream = events_module._Stream(feed, None)
    messages = stream._messages()
    assert await anext(messages) == b"retry: 1000\n\n"
    for _ in range(9):
        feed.publish("e", {})
    assert (await anext(messages)).startswith(b"event: reset\n")
    with pytest.raises(StopAsyncIteration):
        await anext(messages)
    stream._reader.close()


async def test_a_quiet_stream_shows_that_it_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events_module, "HEARTBEAT_S", 0.001)
    stream = events_module._Stream(Feed(), None)
    messages = stream._messages()
    await anext(messages)
    assert (await anext(messages)).startswith(b":")
    stream._reader.close()
    with pytest.raises(StopAsyncIteration):
        await anext(messages)


async def test_there_are_only_so_many_streams(
    laird: RunningLaird, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events_module, "MOST_STREAMS", 1)
    stream = await listen(laird)
    refused = await laird.client(
        await laird.make_key(KeyDraft(name="v", scopes=frozenset({"viewer"})))
    ).request("GET", "/api/events")
    assert refused.status == 429
    stream.exchange.leave()


async def test_streams_end_when_the_server_stops(tmp_path: Path) -> None:
    async with running_laird(tmp_path, document(provider("a", "http://127.0.0.1:9"))) as laird:
        stream = await listen(laird)
        await laird.program.gateway.drain(1.0)
        assert (await stream.until("drain"))["data"]["active"] == 0
        with pytest.raises(StopAsyncIteration):
            await stream.block()
    assert laird.program.feed.readers == 0
