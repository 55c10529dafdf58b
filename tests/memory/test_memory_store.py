"""What is kept of responses: by key, as a chain, and gone when it is deleted or too old."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, func, select

from laird.domain.errors import (
    InvalidRequest,
    NotFound,
    PreviousResponseNotFound,
    StorageUnavailable,
)
from laird.memory import store
from laird.memory.retention import Retention
from laird.memory.store import Kept, KeptItem
from laird.storage import schema
from laird.storage.engine import Database, sqlite_url
from laird.storage.tables import response_items

DAY_US = 86_400_000_000


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(sqlite_url(tmp_path / "laird.db"))
    schema.prepare(opened)
    yield opened
    opened.close()


def item(item_id: str, *, output: bool = False) -> KeptItem:
    return KeptItem(item_id, {"id": item_id, "type": "message"}, output)


def kept(response_id: str, previous: str | None = None, **fields: Any) -> Kept:
    return Kept(
        **{
            "id": response_id,
            "key_id": "ann",
            "created_us": 1,
            "previous_id": previous,
            "response": {"id": response_id, "status": "completed"},
            "items": (item(f"{response_id}-in"), item(f"{response_id}-out", output=True)),
            **fields,
        }
    )


def save(database: Database, *those: Kept) -> None:
    for one in those:
        database.write_now(partial(store.save, kept=one))


def recall(
    database: Database, previous: str | None, *references: str, key: str = "ann"
) -> store.Recalled:
    return database.read_now(lambda connection: store.recall(connection, key, previous, references))


def test_a_response_comes_back_with_its_output(database: Database) -> None:
    save(database, kept("a"))
    found = database.read_now(lambda connection: store.get(connection, "ann", "a"))
    assert found == {
        "id": "a",
        "status": "completed",
        "output": [{"id": "a-out", "type": "message"}],
    }


def test_a_conversation_is_recalled_oldest_first(database: Database) -> None:
    save(database, kept("a"), kept("b", "a"), kept("c", "b"), kept("other"))
    found = recall(database, "c")
    assert [one.id for one in found.items] == [
        "a-in", "a-out", "b-in", "b-out", "c-in", "c-out"
    ]  # fmt: skip
    assert found.response_ids == ("a", "b", "c")
    assert not found.local_only
    given = database.read_now(lambda connection: store.input_items(connection, "ann", "c"))
    assert [one.id for one in given] == ["a-in", "a-out", "b-in", "b-out", "c-in"]


def test_one_turn_that_had_to_stay_local_binds_all_that_follow(database: Database) -> None:
    save(database, kept("a", local_only=True), kept("b", "a"), kept("c", "b"))
    assert recall(database, "c").local_only
    assert recall(database, None, "a-out").local_only
    assert not recall(database, None, "b-out").local_only


def test_items_are_found_by_their_ids(database: Database) -> None:
    save(database, kept("a"))
    found = recall(database, None, "a-in", "nothing")
    assert found.referred == {"a-in": {"id": "a-in", "type": "message"}}
    assert found.items == ()


def test_another_keys_responses_are_unknown(database: Database) -> None:
    save(database, kept("a"))
    with pytest.raises(PreviousResponseNotFound, match="store"):
        recall(database, "a", key="bob")
    assert recall(database, None, "a-in", key="bob").referred == {}
    functions: tuple[Callable[..., object], ...] = (store.get, store.remove, store.input_items)
    for function in functions:
        with pytest.raises(NotFound):
            database.write_now(partial(function, key_id="bob", response_id="a"))
    database.read_now(lambda connection: store.get(connection, "ann", "a"))


def test_a_deleted_response_leaves_no_text_behind(database: Database) -> None:
    save(database, kept("a"), kept("b", "a"))
    database.write_now(lambda connection: store.remove(connection, "ann", "a"))
    assert database.read_now(_count) == 2  # those of the other one
    with pytest.raises(PreviousResponseNotFound, match="'b' goes on from 'a'"):
        recall(database, "b")
    given = database.read_now(lambda connection: store.input_items(connection, "ann", "b"))
    assert [one.id for one in given] == ["b-in"]
    with pytest.raises(NotFound):
        database.write_now(lambda connection: store.remove(connection, "ann", "a"))


def test_a_conversation_that_is_too_large_is_refused(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "LARGEST_HISTORY", 100)
    save(database, kept("a"))
    recall(database, "a")
    save(database, kept("b", "a"))
    with pytest.raises(InvalidRequest) as refused:
        recall(database, "b")
    assert refused.value.param == "previous_response_id"


async def test_old_responses_are_deleted_unless_a_conversation_goes_on(database: Database) -> None:
    save(database, kept("old"), kept("begun"))
    later = kept("recent", "begun", created_us=20 * DAY_US)
    database.write_now(lambda connection: store.save(connection, later, ["begun"]))
    retention = Retention(database, 30)
    assert await retention.purge(30 * DAY_US) == 0
    assert await retention.purge(31 * DAY_US) == 1
    assert recall(database, "recent").response_ids == ("begun", "recent")
    with pytest.raises(PreviousResponseNotFound):
        recall(database, "old")
    assert await retention.purge(51 * DAY_US) == 2


async def test_many_old_responses_are_deleted_in_portions(database: Database) -> None:
    save(database, *(kept(f"r{number}") for number in range(250)))
    assert await Retention(database, 1).purge(9 * DAY_US) == 250


async def test_old_responses_are_deleted_all_the_time(database: Database) -> None:
    away = database.file.with_suffix(".away")
    database.file.rename(away)
    work = asyncio.create_task(Retention(database, 1).run(period_s=0.01))
    # It outlives a database that is away, and does its work when that is back.
    with pytest.raises(StorageUnavailable):
        await database.read(lambda connection: store.recall(connection, "ann", "a"))
    away.rename(database.file)
    await database.write(partial(store.save, kept=kept("a")))

    async with asyncio.timeout(20):
        while await database.read(_count):
            assert not work.done()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work


def _count(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(response_items)).scalar() or 0


def test_another_keys_conversation_is_not_renewed(database: Database) -> None:
    save(database, kept("a"))
    other = kept("b", key_id="bob", created_us=9)
    database.write_now(lambda connection: store.save(connection, other, ["a"]))
    assert database.write_now(lambda connection: store.purge(connection, 5)) == 1
