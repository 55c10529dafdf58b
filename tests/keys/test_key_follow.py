"""A table follows the database, whoever changes it and whatever happens to it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest
from structlog.testing import capture_logs

from laird.domain.errors import InvalidKey, StorageUnavailable
from laird.keys import store
from laird.keys.draft import KeyDraft, NewKey
from laird.keys.follow import flush_used, follow, refresh
from laird.keys.table import KeyTable
from laird.storage.engine import Database

NOW_US = 1_800_000_000_000_000


async def create(database: Database, name: str = "laptop") -> NewKey:
    draft = KeyDraft(name=name)
    return await database.write(lambda connection: store.create(connection, draft, NOW_US))


@asynccontextmanager
async def following(
    table: KeyTable, database: Database, *, flush_interval_s: float = 60.0
) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.ensure_future(
        follow(table, database, interval_s=0.005, flush_interval_s=flush_interval_s)
    )
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def eventually(holds: Callable[[], bool]) -> None:
    for _ in range(1000):
        if holds():
            return
        await asyncio.sleep(0.005)
    pytest.fail("it never came true")


async def test_a_table_is_loaded_once_and_again_after_each_change(database: Database) -> None:
    table = KeyTable()
    made = await create(database)
    assert await refresh(table, database)
    assert not await refresh(table, database)
    assert table.authenticate(made.text.reveal(), NOW_US).id == made.key.id
    await database.write(lambda connection: store.set_enabled(connection, "laptop", enabled=False))
    assert await refresh(table, database)
    with pytest.raises(InvalidKey, match="disabled"):
        table.authenticate(made.text.reveal(), NOW_US)


async def test_an_empty_table_is_loaded_too(database: Database) -> None:
    table = KeyTable()
    assert await refresh(table, database)
    assert table.version == 0


async def test_a_key_revoked_by_another_process_stops_working(
    database: Database, database_url: str
) -> None:
    table = KeyTable()
    other = Database(database_url)
    async with following(table, database):
        made = await create(other)
        await eventually(lambda: len(table) == 1)
        assert table.authenticate(made.text.reveal(), NOW_US).name == "laptop"
        await other.write(lambda connection: store.revoke(connection, "laptop"))
        await eventually(lambda: len(table) == 0)
    other.close()


async def test_a_database_that_goes_away_and_returns_is_survived_and_logged_once(
    database: Database,
) -> None:
    table = KeyTable()
    made = await create(database)
    away = database.file.with_suffix(".away")
    with capture_logs() as logs:
        async with following(table, database) as task:
            await eventually(lambda: len(table) == 1)
            # What was committed may still be in the write-ahead log beside the file.
            with sqlite3.connect(database.file) as raw:
                raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            raw.close()
            database.file.rename(away)
            await eventually(lambda: len(logs) == 1)
            for _ in range(5):
                with pytest.raises(StorageUnavailable):
                    await refresh(table, database)
            assert table.authenticate(made.text.reveal(), NOW_US).name == "laptop"
            away.rename(database.file)
            await eventually(lambda: len(logs) == 2)
            await create(database, "phone")
            await eventually(lambda: len(table) == 2)
            assert not task.done()
    assert [entry["log_level"] for entry in logs] == ["error", "info"]
    assert made.key.digest not in str(logs)


async def test_uses_reach_the_database_in_batches(database: Database) -> None:
    table = KeyTable()
    made = await create(database)
    async with following(table, database, flush_interval_s=0.0):
        await eventually(lambda: len(table) == 1)
        table.used(made.key.id, NOW_US + 7)
        await eventually(
            lambda: database.read_now(store.list_keys).keys[0].last_used_us == NOW_US + 7
        )


async def test_uses_that_could_not_be_written_are_kept(database: Database) -> None:
    table = KeyTable()
    await flush_used(table, database)
    made = await create(database)
    table.used(made.key.id, NOW_US)
    database.close()
    with pytest.raises(StorageUnavailable):
        await flush_used(table, database)
    assert table.take_used() == {made.key.id: NOW_US}
