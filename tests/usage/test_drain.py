from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.usage.cases import finished, open_database, rows, started

from laird.domain.errors import UsageUnavailable
from laird.domain.usage import AttemptStatus
from laird.storage.engine import Database
from laird.usage.drain import Drain
from laird.usage.journal import Journal
from laird.usage.recovery import recover
from laird.usage.segments import find_segments


@pytest.fixture
def journal(directory: Path) -> Iterator[Journal]:
    journal = Journal(directory, segment_bytes=50_000)
    yield journal
    journal.close()


def files(directory: Path) -> list[Path]:
    return list(directory.iterdir())


async def until_drained(drain: Drain) -> None:
    """Look at the counters, as the dashboard does, until nothing is pending."""
    while drain.state.pending_records:  # noqa: ASYNC110
        await asyncio.sleep(0.005)


def start_until_refused(journal: Journal, accepted: list[str]) -> None:
    """Start attempts until one is refused, and note those that were accepted."""
    for number in range(10_000):
        journal.start(started(f"req_{number}"))
        accepted.append(f"req_{number}")


def make(journal: Journal, *names: str) -> None:
    for name in names:
        journal.start(started(name))
        journal.finish(finished(started(name)))


async def test_a_flush_brings_everything_finished_into_the_ledger(
    journal: Journal, database: Database, directory: Path
) -> None:
    drain = Drain(journal, database)
    journal.start(started("open"))
    make(journal, "req_1", "req_2")
    assert drain.state.pending_records == 2
    assert await drain.flush() is True
    assert set(rows(database)) == {("req_1", 1), ("req_2", 1)}
    state = drain.state
    assert (state.pending_records, state.open_attempts, state.drained_records) == (0, 1, 2)
    assert (state.failures, state.last_error) == (0, None)
    assert len(files(directory)) == 1
    assert await drain.flush() is True
    journal.finish(finished(started("open")))
    assert await drain.flush() is True
    assert len(rows(database)) == 3
    journal.close()
    assert files(directory) == []


async def test_what_is_under_way_survives_the_deletion_of_its_segment(
    journal: Journal, database: Database, directory: Path
) -> None:
    drain = Drain(journal, database)
    journal.start(started("open"))
    for number in range(5):
        make(journal, f"req_{number}")
        await drain.flush()
    recover(directory, database)
    found = rows(database)
    assert found["open", 1].status is AttemptStatus.INTERRUPTED
    assert len(found) == 6


async def test_large_amounts_are_drained_from_several_segments(
    journal: Journal, database: Database
) -> None:
    drain = Drain(journal, database)
    make(journal, *(f"req_{number}" for number in range(600)))
    assert len(journal.sealed) > 1
    assert await drain.flush() is True
    assert len(rows(database)) == 600


async def test_flushes_at_once_take_turns(journal: Journal, database: Database) -> None:
    drain = Drain(journal, database)
    make(journal, *(f"req_{number}" for number in range(200)))
    assert await asyncio.gather(*(drain.flush() for _ in range(5))) == [True] * 5
    assert len(rows(database)) == 200
    assert drain.state.drained_records == 200


async def test_the_task_drains_by_itself_and_when_it_is_woken(
    journal: Journal, database: Database
) -> None:
    drain = Drain(journal, database, interval_s=60)
    running = asyncio.create_task(drain.run())
    async with asyncio.timeout(30):
        for number in range(3):
            make(journal, f"req_{number}")
            drain.wake()
            await until_drained(drain)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert len(rows(database)) == 3


async def test_the_task_goes_on_by_the_clock(journal: Journal, database: Database) -> None:
    drain = Drain(journal, database, interval_s=0.01)
    running = asyncio.create_task(drain.run())
    async with asyncio.timeout(30):
        for number in range(3):
            make(journal, f"req_{number}")
            await until_drained(drain)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert len(rows(database)) == 3


async def test_a_drain_cut_short_is_made_up_for(journal: Journal, database: Database) -> None:
    drain = Drain(journal, database)
    make(journal, *(f"req_{number}" for number in range(500)))
    for _ in range(4):
        running = asyncio.create_task(drain.flush())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert await drain.flush() is True
    assert len(rows(database)) == 500
    assert journal.pending_records == 0


async def test_while_the_database_is_away_the_journal_grows_and_nothing_is_lost(
    journal: Journal, database: Database, directory: Path
) -> None:
    drain = Drain(journal, database)
    locker = sqlite3.connect(database.file, isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    make(journal, "req_0")
    assert await drain.flush() is False
    for number in range(1, 4):
        make(journal, f"req_{number}")
        assert await drain.flush() is False
    state = drain.state
    assert (state.pending_records, state.failures) == (4, 4)
    assert state.last_error is not None
    assert "locked" in state.last_error
    # One sealed file waits and one grows, however often it was tried.
    assert len(files(directory)) == 2
    locker.execute("ROLLBACK")
    locker.close()
    assert await drain.flush() is True
    assert len(rows(database)) == 4
    assert (drain.state.failures, drain.state.last_error) == (0, None)


async def test_what_an_earlier_run_left_is_recovered_when_the_database_is_back(
    directory: Path, database: Database
) -> None:
    earlier = Journal(directory)
    make(earlier, "req_1")
    earlier.start(started("open"))
    journal = Journal(directory)
    drain = Drain(journal, database)
    moved = database.file.with_name("moved")
    database.file.rename(moved)
    make(journal, "req_2")
    assert await drain.flush() is False
    moved.rename(database.file)
    assert await drain.flush() is True
    found = rows(database)
    assert set(found) == {("req_1", 1), ("req_2", 1), ("open", 1)}
    assert found["open", 1].status is AttemptStatus.INTERRUPTED
    assert (drain.state.drained_records, drain.state.interrupted_records) == (2, 1)
    assert journal.inherited == []
    journal.close()
    assert files(directory) == []


async def test_a_segment_that_somebody_deleted_holds_up_nothing(
    journal: Journal, database: Database
) -> None:
    drain = Drain(journal, database)
    make(journal, "req_1")
    journal.seal()
    journal.sealed[0].path.unlink()
    make(journal, "req_2")
    assert await drain.flush() is True
    assert set(rows(database)) == {("req_1", 1), ("req_2", 1)}
    assert drain.state.damaged_records == 0


@pytest.fixture
def forgetful(directory: Path) -> Iterator[Journal]:
    """A journal that keeps one finished attempt in memory, and no more."""
    journal = Journal(directory, at_hand=1)
    yield journal
    journal.close()


async def test_what_memory_does_not_hold_is_read_from_the_files(
    forgetful: Journal, database: Database
) -> None:
    drain = Drain(forgetful, database)
    for round_of in range(3):
        for number in range(3):
            make(forgetful, f"req_{round_of}_{number}")
        assert await drain.flush() is True
    assert len(rows(database)) == 9
    assert drain.state.drained_records == 9


async def test_a_file_that_somebody_deleted_holds_up_nothing(
    forgetful: Journal, database: Database
) -> None:
    drain = Drain(forgetful, database)
    make(forgetful, "req_1")
    make(forgetful, "req_2")
    forgetful.seal()
    forgetful.sealed[0].path.unlink()
    make(forgetful, "req_3")
    assert await drain.flush() is True
    assert set(rows(database)) == {("req_3", 1)}
    assert drain.state.damaged_records == 1


async def test_a_segment_that_can_not_be_read_is_told_and_holds_up_nothing(
    journal: Journal, database: Database
) -> None:
    drain = Drain(journal, database)
    make(journal, "req_1")
    journal.seal()
    file = journal.sealed[0].path
    content = file.read_bytes()
    file.unlink()
    file.mkdir()
    assert await drain.flush() is False
    assert "can't be read" in (drain.state.last_error or "")
    file.rmdir()
    file.write_bytes(content)
    assert await drain.flush() is True
    assert set(rows(database)) == {("req_1", 1)}


async def test_a_journal_that_can_not_be_brought_to_the_disk_is_told(
    journal: Journal, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    drain = Drain(journal, database)
    make(journal, "req_1")
    journal.seal()
    database.file.rename(database.file.with_name("moved"))
    monkeypatch.setattr(os, "fsync", fail)
    assert await drain.flush() is False
    assert "Input/output error" in (drain.state.last_error or "")
    monkeypatch.undo()
    database.file.with_name("moved").rename(database.file)
    assert await drain.flush() is True


async def test_what_no_disk_takes_goes_from_memory_into_the_ledger(
    journal: Journal, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    drain = Drain(journal, database)
    make(journal, "req_1")
    journal.start(started("req_2"))
    monkeypatch.setattr(os, "write", full)
    journal.finish(finished(started("req_2")))
    assert drain.state.unwritten == 1
    assert await drain.flush() is False
    assert "No space left" in (drain.state.last_error or "")
    assert set(rows(database)) == {("req_2", 1)}
    assert (drain.state.unwritten, drain.state.pending_records) == (0, 1)
    monkeypatch.undo()
    assert await drain.flush() is True
    assert set(rows(database)) == {("req_1", 1), ("req_2", 1)}
    assert rows(database)["req_2", 1].status is AttemptStatus.OK


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte. Only root can make one; others skip."""
    place = tmp_path / "small"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("no right to mount a small file system")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


async def test_a_disk_that_is_really_full_refuses_work_and_loses_nothing(small_disk: Path) -> None:
    database = open_database(small_disk)
    journal = Journal(small_disk / "journal", segment_bytes=100_000)
    drain = Drain(journal, database)
    journal.start(started("first"))
    filler = small_disk / "filler"
    with filler.open("wb") as file:
        while free := os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize:
            file.write(bytes(free))
            file.flush()
    accepted = ["first"]
    with pytest.raises(UsageUnavailable, match="No space left"):
        start_until_refused(journal, accepted)
    assert len(accepted) > 100
    for name in accepted:
        journal.finish(finished(started(name)))
    assert journal.unwritten == {}
    assert await drain.flush() is False
    assert journal.pending_records == len(accepted)
    filler.unlink()
    assert await drain.flush() is True
    assert set(rows(database)) == {(name, 1) for name in accepted}
    journal.start(started("after"))
    assert len(find_segments(small_disk / "journal")) == 1
    journal.close()
    database.close()
