"""What is kept of health, and what is reported from it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.health.upstreams import provider, snapshot

from laird.domain.errors import Unreachable
from laird.domain.health import ProbeResult
from laird.health.board import HealthBoard
from laird.health.history import (
    KEEP_US,
    HealthHistory,
    Recorder,
    insert_samples,
    prune,
    report,
)
from laird.storage.engine import Database, sqlite_url
from laird.storage.tables import metadata


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(sqlite_url(tmp_path / "laird.db"))
    database.write_now(metadata.create_all)
    yield database
    database.close()


def sample(
    at_us: int, *, ok: bool = True, latency_ms: float = 10.0, probe: bool = True
) -> ProbeResult:
    return ProbeResult(
        provider_id="a",
        ok=ok,
        at_us=at_us,
        latency_ms=latency_ms,
        error=None if ok else "down",
        probe=probe,
    )


def reported(database: Database, since_us: int = 0, provider_id: str = "a") -> HealthHistory:
    return database.read_now(lambda connection: report(connection, provider_id, since_us))


def keep(database: Database, *samples: ProbeResult) -> None:
    database.write_now(lambda connection: insert_samples(connection, samples))


def test_a_report_tells_uptime_latency_and_error_rate(database: Database) -> None:
    keep(
        database,
        sample(1, latency_ms=10.0),
        sample(2, latency_ms=30.0),
        sample(3, latency_ms=20.0),
        sample(4, ok=False, latency_ms=5_000.0),
    )

    assert reported(database) == HealthHistory(
        uptime_pct=75.0, average_latency_ms=20.0, error_rate=0.25, samples=4
    )


def test_latency_is_that_of_real_traffic_where_there_is_some(database: Database) -> None:
    keep(
        database,
        sample(1),
        sample(2, latency_ms=700.0, probe=False),
        sample(2, ok=False, latency_ms=0.0, probe=False),
    )

    history = reported(database)
    assert history.average_latency_ms == 700.0
    assert history.uptime_pct == 100.0
    assert history.error_rate == pytest.approx(1 / 3)


def test_a_report_begins_where_it_is_told_to_and_knows_providers_apart(
    database: Database,
) -> None:
    keep(database, sample(1, ok=False), sample(2))

    assert reported(database, since_us=2).samples == 1
    nothing = HealthHistory(uptime_pct=None, average_latency_ms=None, error_rate=None, samples=0)
    assert reported(database, provider_id="b") == nothing


def test_old_samples_are_deleted(database: Database) -> None:
    keep(database, sample(1), sample(2), sample(3))

    assert database.write_now(lambda connection: prune(connection, 3)) == 2
    assert reported(database).samples == 1


async def test_a_flush_writes_probes_and_traffic_and_forgets_the_last_week(
    database: Database,
) -> None:
    board = HealthBoard()
    board.configure(snapshot(provider("a")))
    recorder = Recorder(database, board)
    now_us = time.time_ns() // 1000
    recorder.add(sample(now_us))
    recorder.add(sample(now_us - KEEP_US - 1))
    board.record_success("a", 40.0)
    board.record_failure("a", Unreachable("refused"))
    await recorder.flush()

    assert reported(database) == HealthHistory(
        uptime_pct=100.0, average_latency_ms=40.0, error_rate=1 / 3, samples=3
    )
    await recorder.flush()
    assert reported(database).samples == 3


async def test_samples_wait_while_the_database_is_away(database: Database) -> None:
    recorder = Recorder(database, HealthBoard())
    elsewhere = database.file.with_suffix(".away")
    now_us = time.time_ns() // 1000
    recorder.add(sample(now_us))
    database.file.rename(elsewhere)
    await recorder.flush()
    recorder.add(sample(now_us + 1))
    await recorder.flush()
    elsewhere.rename(database.file)
    await recorder.flush()

    assert reported(database).samples == 2


async def test_samples_are_flushed_from_time_to_time(database: Database) -> None:
    flushed = asyncio.Event()

    class Announced(Recorder):
        async def flush(self) -> None:
            await super().flush()
            flushed.set()

    recorder = Announced(database, HealthBoard())
    recorder.add(sample(time.time_ns() // 1000))
    task = asyncio.create_task(recorder.run(period_s=0.001))
    async with asyncio.timeout(30):
        await flushed.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert reported(database).samples == 1
