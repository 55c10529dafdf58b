"""Keeps what probes and traffic found, and reports uptime, latency and error rate from it."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, delete, func, insert, select

from laird.domain.errors import StorageUnavailable
from laird.domain.health import ProbeResult
from laird.health.board import HealthBoard
from laird.storage.engine import Database
from laird.storage.tables import health_samples
from laird.telemetry.logs import get_logger

FLUSH_S = 60.0
KEEP_US = 7 * 24 * 3600 * 1_000_000
"""Samples are kept for seven days."""
PENDING = 10_000
"""Samples that wait while the database is away; older ones are given up first."""

_log = get_logger("health")


class HealthHistory(msgspec.Struct, frozen=True, kw_only=True):
    """How one provider did over a time. A figure is None where there are no samples for it."""

    uptime_pct: float | None
    """Probes that succeeded, in percent."""
    average_latency_ms: float | None
    """Time to the first byte of real traffic; of probes where there was no traffic."""
    error_rate: float | None
    """Failing samples as a share of all, 0 to 1."""
    samples: int
    """Probes, and for each minute of traffic one for its successes and one for its failures."""


class Recorder:
    """Collects samples and writes them to the database in batches, off the event loop.

    Args:
        database: has the table of samples.
        board: where the samples of real traffic are taken from.
    """

    def __init__(self, database: Database, board: HealthBoard) -> None:
        self._database = database
        self._board = board
        self._pending: deque[ProbeResult] = deque(maxlen=PENDING)
        self._away = False

    def add(self, result: ProbeResult) -> None:
        """Keep a sample until the next flush."""
        self._pending.append(result)

    async def flush(self) -> None:
        """Write what was collected and delete what is too old.

        While the database is away, samples wait for the next flush.
        """
        now_us = time.time_ns() // 1000
        self._pending.extend(self._board.take_traffic(now_us))
        batch = list(self._pending)
        self._pending.clear()

        def work(connection: Connection) -> None:
            insert_samples(connection, batch)
            prune(connection, now_us - KEEP_US)

        try:
            await self._database.write(work)
        except StorageUnavailable as error:
            self._pending.extendleft(reversed(batch[-(PENDING - len(self._pending)) :]))
            if not self._away:
                _log.warning("health history waits for the database", reason=error.message)
            self._away = True
        else:
            self._away = False

    async def run(self, period_s: float = FLUSH_S) -> None:
        """Flush every `period_s` seconds until cancelled; whoever stops it flushes a last time."""
        while True:
            await asyncio.sleep(period_s)
            await self.flush()


def insert_samples(connection: Connection, samples: Sequence[ProbeResult]) -> None:
    """Write samples."""
    if samples:
        connection.execute(insert(health_samples), [msgspec.structs.asdict(one) for one in samples])


def prune(connection: Connection, before_us: int) -> int:
    """Delete the samples from before a time (UTC, microseconds) and return how many there were."""
    old = health_samples.c.at_us < before_us
    return connection.execute(delete(health_samples).where(old)).rowcount


def report(connection: Connection, provider_id: str, since_us: int) -> HealthHistory:
    """Sum up a provider's samples from `since_us` (UTC, microseconds) on."""
    column = health_samples.c
    row = connection.execute(
        select(
            func.count(),
            func.count().filter(~column.ok),
            func.count().filter(column.probe),
            func.count().filter(column.probe & column.ok),
            func.avg(column.latency_ms).filter(column.ok & ~column.probe),
            func.avg(column.latency_ms).filter(column.ok & column.probe),
        ).where(column.provider_id == provider_id, column.at_us >= since_us)
    ).one()
    samples, failed, probes, good_probes, traffic_ms, probe_ms = row
    return HealthHistory(
        uptime_pct=100 * good_probes / probes if probes else None,
        average_latency_ms=probe_ms if traffic_ms is None else traffic_ms,
        error_rate=failed / samples if samples else None,
        samples=samples,
    )
