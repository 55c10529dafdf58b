"""Deletes kept responses when their time is over."""

from __future__ import annotations

import asyncio
import time

from laird.domain.errors import StorageUnavailable
from laird.memory import store
from laird.storage.engine import Database
from laird.telemetry.logs import get_logger

PERIOD_S = 3600.0
_DAY_US = 86_400_000_000
_PORTION = 200
"""Responses in one transaction, so that other writes need not wait long."""

_log = get_logger("memory")


class Retention:
    """Deletes responses that were not used for `days` days."""

    def __init__(self, database: Database, days: int) -> None:
        self._database = database
        self._days = days

    async def purge(self, now_us: int) -> int:
        """Delete what is too old at a time (UTC microseconds); return how many there were."""
        before_us = now_us - self._days * _DAY_US
        purged = 0
        while True:
            gone = await self._database.write(
                lambda connection: store.purge(connection, before_us, _PORTION)
            )
            purged += gone
            if gone < _PORTION:
                return purged

    async def run(self, period_s: float = PERIOD_S) -> None:
        """Purge now and every `period_s` seconds until cancelled."""
        while True:
            try:
                purged = await self.purge(time.time_ns() // 1000)
            except StorageUnavailable as error:
                _log.warning("old responses wait for the database", reason=error.message)
            else:
                if purged:
                    _log.info("old responses deleted", count=purged)
            await asyncio.sleep(period_s)
