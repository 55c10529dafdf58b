"""Waiting for somebody who asks the same."""

from __future__ import annotations

import asyncio

from tests.support.waiting import until

from laird.cache.flights import Flights

NAME = (b"n", False)


async def test_all_who_follow_go_on_when_the_first_one_lands() -> None:
    flights = Flights(patience_s=5)
    assert flights.lead(NAME)
    assert not flights.lead(NAME)
    followers = [asyncio.create_task(flights.follow(NAME)) for _ in range(3)]
    await asyncio.sleep(0)
    assert not any(each.done() for each in followers)
    flights.land(NAME)
    assert await asyncio.gather(*followers) == [True, True, True]
    assert len(flights) == 0


async def test_with_nobody_ahead_there_is_no_wait() -> None:
    flights = Flights(patience_s=5)
    assert not await flights.follow(NAME)
    flights.lead((b"n", True))
    assert not await flights.follow(NAME)


async def test_patience_ends() -> None:
    flights = Flights(patience_s=0.01)
    flights.lead(NAME)
    assert await flights.follow(NAME)
    assert len(flights) == 1


async def test_one_who_leaves_does_not_disturb_the_others() -> None:
    flights = Flights(patience_s=5)
    flights.lead(NAME)
    gone, other = (asyncio.create_task(flights.follow(NAME)) for _ in range(2))
    await asyncio.sleep(0)
    gone.cancel()
    await until(gone.done)
    flights.land(NAME)
    assert await other
