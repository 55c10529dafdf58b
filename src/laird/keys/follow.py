"""Keeps a table of keys as new as the database, whoever changes it."""

from __future__ import annotations

import asyncio
import time
from types import TracebackType

from sqlalchemy.exc import SQLAlchemyError

from laird.domain.errors import StorageUnavailable
from laird.keys import store
from laird.keys.table import KeyTable
from laird.storage.engine import Database
from laird.telemetry.logs import get_logger

_log = get_logger("keys")


async def refresh(table: KeyTable, database: Database) -> bool:
    """Load the keys when they have changed; True when they had.

    Raises:
        StorageUnavailable: the database can't be read; the table is as it was.
    """
    if table.version == await database.read(store.current_version):
        return False
    found = await database.read(store.list_keys)
    table.load(found.keys, found.version)
    return True


async def flush_used(table: KeyTable, database: Database) -> None:
    """Write when keys were last used.

    Raises:
        StorageUnavailable: the database can't be written; the stamps are kept for another try.
    """
    stamps = table.take_used()
    if not stamps:
        return
    try:
        await database.write(lambda connection: store.touch_last_used(connection, stamps))
    except BaseException:
        table.give_back_used(stamps)
        raise


async def follow(
    table: KeyTable, database: Database, *, interval_s: float = 1.0, flush_interval_s: float = 15.0
) -> None:
    """Refresh the table, and write when its keys were used, again and again until cancelled.

    A key revoked by another process is refused at most `interval_s` and a short query later. While
    the database is away the table stays as it is, requests are served from it, and this goes on
    trying; that it is away, and that it is back, is logged once each.
    """
    reading = _Outage("keys can't be refreshed; the last known ones are in force")
    writing = _Outage("the last use of keys can't be written")
    flush_at = time.monotonic() + flush_interval_s
    while True:
        with reading:
            await refresh(table, database)
        if time.monotonic() >= flush_at:
            flush_at = time.monotonic() + flush_interval_s
            with writing:
                await flush_used(table, database)
        await asyncio.sleep(interval_s)


class _Outage:
    """Passes over errors of the database, and logs when they begin and when they have ended."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._lasting = False

    def __enter__(self) -> None:
        """Begin an attempt."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        failed = isinstance(error, StorageUnavailable | SQLAlchemyError)
        if failed and not self._lasting:
            _log.error(self._what, cause=str(error))
        elif error is None and self._lasting:
            _log.info("the database is back", after=self._what)
        if failed or error is None:
            self._lasting = failed
        return failed
