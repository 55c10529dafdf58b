"""Keeps a table of people as new as the database, whoever changes it."""

from __future__ import annotations

import asyncio
import time

from sqlalchemy import Connection

from laird.domain.errors import StorageUnavailable
from laird.people import link_store, session_store, store
from laird.people.table import IDLE_US, PeopleTable
from laird.storage import versions
from laird.storage.engine import Database
from laird.telemetry.logs import get_logger

_RELOAD_S = 60.0
"""Stamps of other processes do not raise the version, so that all is read now and then."""
_FORGET_S = 3600.0
_FLUSH_S = 15.0

_log = get_logger("people")


async def refresh(table: PeopleTable, database: Database, *, always: bool = False) -> bool:
    """Load people and sessions when they have changed, or `always`; True when they were loaded.

    Raises:
        StorageUnavailable: the database can't be read; the table is as it was.
    """
    found = await database.read(lambda connection: versions.current(connection, store.VERSION))
    if found == table.version and not always:
        return False
    version, people, sessions = await database.read(
        lambda connection: (
            versions.current(connection, store.VERSION),
            store.list_people(connection),
            session_store.list_sessions(connection),
        )
    )
    table.load(people, sessions, version)
    return True


async def flush_seen(table: PeopleTable, database: Database) -> None:
    """Write when sessions were last seen.

    Raises:
        StorageUnavailable: the database can't be written; the stamps are kept for another try.
    """
    stamps = table.take_seen()
    if not stamps:
        return
    try:
        await database.write(lambda connection: session_store.seen(connection, stamps))
    except BaseException:
        table.give_back_seen(stamps)
        raise


async def forget(database: Database, now_us: int) -> None:
    """Delete sessions and links that have run out. Raises `StorageUnavailable`."""

    def work(connection: Connection) -> None:
        session_store.forget(connection, now_us, now_us - IDLE_US)
        link_store.forget(connection, now_us)

    await database.write(work)


async def follow(table: PeopleTable, database: Database, *, interval_s: float = 1.0) -> None:
    """Refresh the table, and write when sessions were seen, again and again until cancelled.

    A session that another process has ended is refused at most `interval_s` and a short query
    later. While the database is away the table stays as it is, and this goes on trying.
    """
    away = False
    reload_at = forget_at = flush_at = 0.0
    while True:
        now = time.monotonic()
        try:
            if now >= forget_at:
                await forget(database, time.time_ns() // 1000)
                forget_at = now + _FORGET_S
            if now >= flush_at:
                await flush_seen(table, database)
                flush_at = now + _FLUSH_S
            await refresh(table, database, always=now >= reload_at)
            if now >= reload_at:
                reload_at = now + _RELOAD_S
        except StorageUnavailable as error:
            if not away:
                _log.error(
                    "people can't be refreshed; the last known are in force", cause=str(error)
                )
            away = True
        else:
            if away:
                _log.info("people are followed again")
            away = False
        await asyncio.sleep(interval_s)
