"""What is kept, how long, and what happens when there is too much of it."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from contextlib import closing, suppress
from functools import partial
from typing import Any

import pytest
from sqlalchemy import update

from laird.domain.errors import NotFound
from laird.keeping import store
from laird.keeping.copies import AnswerCopy, KeptRequest, content
from laird.keeping.keeper import Keeper, KeepRules
from laird.storage.engine import Database
from laird.storage.packed import unpack
from laird.storage.tables import kept_requests

DAY_US = 86_400_000_000


def kept(request_id: str = "req_1", **changes: Any) -> KeptRequest:
    values: dict[str, Any] = {
        "request_id": request_id,
        "at_us": time.time_ns() // 1000,
        "key_id": "key_1",
        "dialect": "openai.chat",
        "model": "m",
        "stream": False,
        "local_only": False,
        "request": b'{"model":"m"}',
        "answer": b'{"id":"1"}',
    }
    return KeptRequest(**{**values, **changes})


async def found(database: Database, request_id: str = "req_1") -> KeptRequest | None:
    return await database.read(partial(store.get, request_id=request_id))


async def names(database: Database) -> list[str]:
    listed = await database.read(partial(store.newest, limit=1000))
    return [one.request_id for one in listed]


async def run_until_written(keeper: Keeper, database: Database, count: int) -> None:
    work = asyncio.create_task(keeper.run())
    async with asyncio.timeout(20):
        while len(await names(database)) != count:
            pass
    work.cancel()
    with suppress(asyncio.CancelledError):
        await work


async def test_a_copy_is_read_as_it_was_taken(database: Database) -> None:
    keeper = Keeper(database, KeepRules())
    one = kept(answer=b"data: \xff\n\n", error="provider_error", cut=True, stream=True)
    empty = kept("req_2", request=None, answer=None)
    keeper.take(one)
    keeper.take(empty)
    assert await keeper.flush()
    assert await found(database) == one
    assert await found(database, "req_2") == empty
    assert await found(database, "req_3") is None


async def test_copies_are_written_while_it_runs(database: Database) -> None:
    keeper = Keeper(database, KeepRules())
    for number in range(120):
        keeper.take(kept(f"req_{number}"))
    await run_until_written(keeper, database, 120)
    assert keeper.lost == 0


async def test_two_may_want_it_written_at_once(database: Database) -> None:
    keeper = Keeper(database, KeepRules())
    for number in range(120):
        keeper.take(kept(f"req_{number}"))
    assert await asyncio.gather(*(keeper.flush() for _ in range(4))) == [True] * 4
    assert len(await names(database)) == 120


async def test_a_later_copy_takes_the_place_of_an_earlier_one(database: Database) -> None:
    keeper = Keeper(database, KeepRules())
    keeper.take(kept())
    await keeper.flush()
    keeper.take(kept(answer=b"other"))
    await keeper.flush()
    again = await found(database)
    assert again is not None
    assert again.answer == b"other"


async def test_what_must_stay_local_is_kept_only_when_told(database: Database) -> None:
    for rules, expected in ((KeepRules(), []), (KeepRules(local=True), ["req_1"])):
        keeper = Keeper(database, rules)
        keeper.take(kept(local_only=True))
        await keeper.flush()
        assert await names(database) == expected


async def test_with_the_database_away_copies_wait_and_then_are_lost(database: Database) -> None:
    keeper = Keeper(database, KeepRules(), most_waiting=3 * kept().size)
    with closing(sqlite3.connect(database.file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for number in range(5):
            keeper.take(kept(f"req_{number}"))
            assert not await keeper.flush()
        assert keeper.lost == 2
    assert await keeper.flush()
    assert sorted(await names(database)) == ["req_0", "req_1", "req_2"]
    keeper.take(kept("req_9"))
    assert await keeper.flush()
    assert "req_9" in await names(database)


async def test_old_copies_go(database: Database) -> None:
    now = time.time_ns() // 1000
    keeper = Keeper(database, KeepRules(days=7))
    for number in range(store.PORTION + 5):
        keeper.take(kept(f"old_{number}", at_us=now - 7 * DAY_US - 1000 - number))
    keeper.take(kept("new", at_us=now - 6 * DAY_US))
    await keeper.flush()
    await run_until_written(keeper, database, 1)
    assert await names(database) == ["new"]


async def test_all_together_take_no_more_than_they_may(database: Database) -> None:
    size = store.packed(kept(answer=os.urandom(1000))).size
    keeper = Keeper(database, KeepRules(most_bytes=10 * size + 50))
    for number in range(25):
        keeper.take(kept(f"req_{number:02}", at_us=number, answer=os.urandom(1000)))
    await keeper.flush()
    assert await names(database) == [f"req_{number:02}" for number in range(24, 14, -1)]
    assert await database.read(store.total) <= 10 * size + 50
    nothing = Keeper(database, KeepRules(most_bytes=0))
    nothing.take(kept("req_99"))
    await nothing.flush()
    assert await names(database) == []


async def test_copies_are_small(database: Database) -> None:
    keeper = Keeper(database, KeepRules())
    keeper.take(kept(request=b'{"role": "user", "content": "again and again"}' * 1000))
    await keeper.flush()
    assert await database.read(store.total) < 2000


async def test_one_copy_can_be_removed(database: Database) -> None:
    keeper = Keeper(database, KeepRules())
    keeper.take(kept())
    await keeper.flush()
    await database.write(partial(store.remove, request_id="req_1"))
    assert await found(database) is None
    with pytest.raises(NotFound):
        await database.write(partial(store.remove, request_id="req_1"))


async def test_a_damaged_copy_is_said_to_be_one(database: Database) -> None:
    keeper = Keeper(database, KeepRules())
    keeper.take(kept())
    await keeper.flush()
    damage = update(kept_requests).values(answer=b"x")
    await database.write(lambda connection: connection.execute(damage).rowcount)
    with pytest.raises(ValueError, match=r"."):
        await found(database)
    with pytest.raises(ValueError, match=r"."):
        unpack(b"")


async def test_copies_of_a_time_and_of_keys_are_read_one_by_one(database: Database) -> None:
    keeper = Keeper(database, KeepRules())
    for number in range(5):
        keeper.take(kept(f"req_{number}", at_us=number, key_id=f"key_{number % 2}"))
    await keeper.flush()

    def read(since_us: int, until_us: int, *keys: str) -> list[str]:
        return database.read_now(
            lambda connection: [
                one.request_id for one in store.every(connection, since_us, until_us, keys)
            ]
        )

    assert read(1, 4) == ["req_1", "req_2", "req_3"]
    assert read(0, 9, "key_1") == ["req_1", "req_3"]
    listed = await database.read(partial(store.newest, limit=2, key_id="key_0"))
    assert [one.request_id for one in listed] == ["req_4", "req_2"]


def test_an_answer_is_copied_up_to_its_limit() -> None:
    copy = AnswerCopy(5)
    for piece in (b"ab", b"", b"cd"):
        copy.add(piece)
    assert (copy.content, copy.cut) == (b"abcd", False)
    copy.add(b"efg")
    copy.add(b"h")
    assert (copy.content, copy.cut) == (b"abcde", True)
    assert AnswerCopy().content is None


def test_contents_are_values_where_they_are_json() -> None:
    assert content(None) is None
    assert content(b'{"a": [1]}') == {"a": [1]}
    assert content(b"data: {}\n\n") == "data: {}\n\n"
    assert content(b"\xff") == "\ufffd"
