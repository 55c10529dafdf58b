"""Takes copies and brings them into the database, beside the requests' way.

Copies are a convenience: what does not fit into memory while the database is away is dropped.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from functools import partial

import msgspec
from sqlalchemy import Connection

from laird.domain.errors import StorageUnavailable
from laird.domain.keys import ApiKey
from laird.keeping import store
from laird.keeping.copies import KeptRequest
from laird.keeping.store import Packed
from laird.storage.engine import Database
from laird.telemetry.logs import get_logger

MOST_WAITING = 64 * 1024 * 1024
"""Bytes of copies that may wait for the database."""
_BATCH = 50
_COLLECT_S = 0.5
_RETRY_S = 5.0
_PURGE_EVERY_S = 600.0
_DAY_US = 86_400_000_000

_log = get_logger("keeping")


class KeepRules(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept, and how long."""

    everybody: bool = False
    """All keys' requests, and not only those of keys that say so."""
    local: bool = False
    """Also what must stay local."""
    days: int = 7
    most_bytes: int = 1 << 30
    """Of all copies in the database."""


class Keeper:
    """Keeps copies of requests and answers."""

    def __init__(
        self, database: Database, rules: KeepRules, *, most_waiting: int = MOST_WAITING
    ) -> None:
        self.rules = rules
        self.lost = 0
        """Copies that were dropped since the start."""
        self._database = database
        self._most_waiting = most_waiting
        self._queue: deque[KeptRequest] = deque()
        self._waiting = 0
        self._arrived = asyncio.Event()
        self._lock = asyncio.Lock()
        self._away = False

    def wants(self, key: ApiKey) -> bool:
        """Tell whether a key's requests are kept."""
        return self.rules.everybody or key.keep

    def take(self, kept: KeptRequest) -> None:
        """Take a copy; it is dropped where too many wait, or where it must not be kept."""
        if kept.local_only and not self.rules.local:
            return
        if self._waiting + kept.size > self._most_waiting:
            self.lost += 1
            return
        self._waiting += kept.size
        self._queue.append(kept)
        self._arrived.set()

    async def run(self) -> None:
        """Write and purge, again and again until cancelled."""
        purge_at = 0.0
        while True:
            if time.monotonic() >= purge_at:
                purge_at = time.monotonic() + _PURGE_EVERY_S
                await self._purge()
            try:
                async with asyncio.timeout(purge_at - time.monotonic()):
                    await self._arrived.wait()
            except TimeoutError:
                continue
            await asyncio.sleep(_COLLECT_S)
            if not await self.flush():
                await asyncio.sleep(_RETRY_S)

    async def flush(self) -> bool:
        """Write everything that waits; False when the database is away, and it waits on."""
        async with self._lock:
            return await self._flush()

    async def _flush(self) -> bool:
        while self._queue:
            batch = [self._queue[place] for place in range(min(_BATCH, len(self._queue)))]
            copies = await asyncio.to_thread(_packed, batch)
            try:
                await self._database.write(partial(self._write, copies=copies))
            except StorageUnavailable as error:
                if not self._away:
                    _log.warning("copies wait for the database", reason=error.message)
                self._away = True
                return False
            self._away = False
            for kept in batch:
                self._queue.popleft()
                self._waiting -= kept.size
        self._arrived.clear()
        return True

    def _write(self, connection: Connection, copies: list[Packed]) -> None:
        store.save(connection, copies)
        store.shrink(connection, self.rules.most_bytes)

    async def _purge(self) -> None:
        before_us = time.time_ns() // 1000 - self.rules.days * _DAY_US
        try:
            gone, purged = store.PORTION, 0
            while gone == store.PORTION:
                gone = await self._database.write(partial(store.purge, before_us=before_us))
                purged += gone
            await self._database.write(partial(store.shrink, largest=self.rules.most_bytes))
        except StorageUnavailable as error:
            _log.warning("old copies wait for the database", reason=error.message)
        else:
            if purged:
                _log.info("old copies deleted", count=purged)


def _packed(batch: list[KeptRequest]) -> list[Packed]:
    return [store.packed(kept) for kept in batch]
