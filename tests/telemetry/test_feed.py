"""The feed: bounded, in order, and nobody is waited for."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from laird.domain.events import Event
from laird.telemetry.feed import Feed, Reader


async def take(reader: Reader, count: int) -> list[Event]:
    """Read so many events."""
    found: list[Event] = []
    async with asyncio.timeout(20):
        async for event in reader:
            found.append(event)
            if len(found) == count:
                break
    return found


async def test_a_reader_hears_what_happens_from_now_on() -> None:
    feed = Feed()
    feed.publish("before", {})
    with feed.subscribe() as reader:
        reading = asyncio.create_task(take(reader, 2))
        await asyncio.sleep(0)
        feed.publish("one", {"n": 1})
        feed.publish("two", {"n": 2})
        events = await reading
    assert [(event.id, event.kind, event.data) for event in events] == [
        (2, "one", {"n": 1}),
        (3, "two", {"n": 2}),
    ]
    assert feed.readers == 0


async def test_a_reader_may_go_on_where_it_was() -> None:
    feed = Feed()
    for number in range(5):
        feed.publish(f"e{number}", {})
    with feed.subscribe(after=2) as reader:
        assert [event.id for event in await take(reader, 3)] == [3, 4, 5]


async def test_a_slow_reader_is_told_what_it_missed() -> None:
    feed = Feed(ring=3)
    with feed.subscribe() as reader:
        for number in range(10):
            feed.publish("e", {"n": number})
        assert [event.id for event in await take(reader, 3)] == [8, 9, 10]
        assert reader.missed == 7


async def test_a_closed_reader_ends() -> None:
    feed = Feed()
    reader = feed.subscribe()
    reading = asyncio.create_task(take(reader, 1))
    await asyncio.sleep(0)
    reader.close()
    assert await reading == []
    assert reader.closed
    feed.publish("unheard", {})
    assert feed.readers == 0


async def test_several_readers_have_places_of_their_own() -> None:
    feed = Feed()
    with feed.subscribe() as one, feed.subscribe() as other:
        feed.publish("a", {})
        assert [event.kind for event in await take(one, 1)] == ["a"]
        feed.publish("b", {})
        assert [event.kind for event in await take(other, 2)] == ["a", "b"]
        assert [event.kind for event in await take(one, 1)] == ["b"]


@settings(deadline=None)
@given(st.integers(1, 8), st.integers(0, 30), st.integers(0, 40))
def test_since_gives_the_newest_events_after_one(ring: int, count: int, after: int) -> None:
    feed = Feed(ring)
    for _ in range(count):
        feed.publish("e", {})
    kept = range(max(0, count - ring) + 1, count + 1)
    wanted = [number for number in kept if number > after]
    assert [event.id for event in feed.since(after)] == wanted
    following = feed.next_after(after)
    assert (following.id if following is not None else None) == (wanted[0] if wanted else None)
