from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import Connection, insert, select, text
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError
from tests.support.waiting import until

from laird.domain.errors import LairdError, StartError, StorageUnavailable
from laird.storage import schema, versions
from laird.storage.engine import (
    READERS,
    Database,
    check_sqlite,
    sqlite_file,
    sqlite_url,
    sqlite_warnings,
)
from laird.storage.faults import unavailable
from laird.storage.tables import config_revisions
from laird.storage.tables import versions as versions_table

T = TypeVar("T")


def bump(connection: Connection) -> int:
    return versions.bump(connection, "keys")


def current(connection: Connection) -> int:
    return versions.current(connection, "keys")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "odd name #1?%.db"


@pytest.fixture
def database(file: Path) -> Iterator[Database]:
    database = Database(sqlite_url(file), busy_timeout_s=0.02)
    schema.prepare(database)
    yield database
    database.close()


async def test_what_was_written_is_read(database: Database) -> None:
    assert await database.read(current) == 0
    assert await database.write(bump) == 1
    assert await database.write(bump) == 2
    assert await database.read(current) == 2


def test_synchronous_work_gives_the_same(database: Database) -> None:
    assert database.write_now(bump) == 1
    assert database.read_now(current) == 1


def test_work_that_raises_leaves_nothing_behind(database: Database) -> None:
    def fail(connection: Connection) -> None:
        bump(connection)
        raise LookupError("not this one")

    with pytest.raises(LookupError):
        database.write_now(fail)
    assert database.read_now(current) == 0


def test_a_change_of_tables_that_fails_is_rolled_back_too(database: Database) -> None:
    def fail(connection: Connection) -> None:
        connection.execute(text("CREATE TABLE half (x INTEGER)"))
        raise LookupError("not this one")

    with pytest.raises(LookupError):
        database.write_now(fail)
    names = database.read_now(
        lambda connection: connection.scalars(text("SELECT name FROM sqlite_master")).all()
    )
    assert "half" not in names


class Stopper:
    """Work that raises a counter, says that it has begun, and goes on when it is let."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self._release = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def __call__(self, connection: Connection) -> int:
        value = bump(connection)
        self._loop.call_soon_threadsafe(self.begun.set)
        asyncio.run_coroutine_threadsafe(self._released(), self._loop).result(5)
        return value

    def release(self) -> None:
        self._release.set()

    async def _released(self) -> None:
        await self._release.wait()


async def test_readers_are_not_held_up_by_a_writer(database: Database) -> None:
    work = Stopper()
    writing = asyncio.create_task(database.write(work))
    await asyncio.wait_for(work.begun.wait(), 5)
    assert await asyncio.wait_for(database.read(current), 5) == 0
    work.release()
    assert await writing == 1
    assert await database.read(current) == 1


async def test_a_transaction_goes_on_when_its_task_is_cancelled(database: Database) -> None:
    work = Stopper()
    writing = asyncio.create_task(database.write(work))
    await asyncio.wait_for(work.begun.wait(), 5)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    work.release()
    assert await database.write(current) == 1


def test_a_reader_can_not_write(database: Database) -> None:
    with pytest.raises(StorageUnavailable, match="read-only"):
        database.read_now(bump)


def test_only_the_owner_can_read_the_files(database: Database, file: Path) -> None:
    database.write_now(bump)
    files = list(file.parent.iterdir())
    assert len(files) == 3
    assert {stat.S_IMODE(each.stat().st_mode) for each in files} == {0o600}


def test_one_file_is_left_after_closing(database: Database, file: Path) -> None:
    database.write_now(bump)
    database.close()
    assert list(file.parent.iterdir()) == [file]


def test_a_commit_is_on_the_disk_and_references_are_checked(database: Database) -> None:
    def settings(connection: Connection) -> tuple[object, ...]:
        names = ("synchronous", "journal_mode", "foreign_keys")
        return tuple(connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names)

    assert database.write_now(settings) == (2, "wal", 1)


async def test_a_closed_database_says_so(database: Database) -> None:
    database.close()
    database.close()
    with pytest.raises(StorageUnavailable, match="closed"):
        database.read_now(current)
    with pytest.raises(StorageUnavailable, match="closed"):
        database.write_now(current)
    with pytest.raises(StorageUnavailable, match="closed"):
        await database.read(current)
    with pytest.raises(StorageUnavailable, match="closed"):
        await database.write(current)


def test_a_locked_database_says_so_and_comes_back(database: Database, file: Path) -> None:
    database.write_now(bump)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageUnavailable, match="locked by another program"):
        database.write_now(bump)
    assert database.read_now(current) == 1
    other.execute("ROLLBACK")
    other.close()
    assert database.write_now(bump) == 2


def test_a_directory_in_the_place_of_the_file_says_so(database: Database, file: Path) -> None:
    database.write_now(bump)
    moved = file.with_name("moved.db")
    file.rename(moved)
    file.mkdir()
    with pytest.raises(StorageUnavailable, match="can't be opened"):
        database.write_now(bump)
    with pytest.raises(StorageUnavailable, match="can't be opened"):
        database.read_now(current)
    file.rmdir()
    moved.rename(file)
    assert database.write_now(bump) == 2


def test_a_deleted_database_is_not_written_into_nowhere(database: Database, file: Path) -> None:
    database.write_now(bump)
    for each in list(file.parent.iterdir()):
        each.unlink()
    with pytest.raises(StorageUnavailable, match="can't be opened"):
        database.write_now(bump)
    assert not file.exists()


def test_a_replaced_database_is_the_one_that_is_used(
    database: Database, file: Path, tmp_path: Path
) -> None:
    database.write_now(bump)
    backup = tmp_path / "backup.db"
    restored = Database(sqlite_url(backup))
    schema.prepare(restored)
    for _ in range(7):
        restored.write_now(bump)
    restored.close()
    for suffix in ("-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)
    backup.replace(file)
    assert database.read_now(current) == 7
    assert database.write_now(bump) == 8


def test_a_file_that_is_no_database_says_so(tmp_path: Path) -> None:
    file = tmp_path / "letter.db"
    file.write_text("Dear Sir or Madam, this is not a database, however long you look at it." * 20)
    database = Database(sqlite_url(file))
    with pytest.raises(StorageUnavailable, match="not an SQLite database"):
        database.read_now(current)
    with pytest.raises(StorageUnavailable, match="not an SQLite database"):
        database.write_now(bump)
    database.close()


def test_missing_tables_name_the_command_that_makes_them(tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path / "empty.db"))
    with pytest.raises(StorageUnavailable, match="no such table: versions; run `laird db upgrade`"):
        database.read_now(current)
    database.close()


def test_a_broken_rule_is_not_an_outage(database: Database) -> None:
    with pytest.raises(IntegrityError):
        database.write_now(
            lambda connection: connection.execute(
                insert(versions_table), [{"name": "x", "value": 1}, {"name": "x", "value": 2}]
            )
        )
    with pytest.raises(ProgrammingError):
        database.read_now(lambda connection: connection.exec_driver_sql("SELECT ?", (1, 2)))


READ_ONLY = """
import os, sys
from pathlib import Path
from laird.domain.errors import StorageUnavailable
from laird.storage import versions
from laird.storage.engine import Database, sqlite_url
if os.geteuid() == 0:
    os.setegid(65534)
    os.seteuid(65534)
database = Database(sqlite_url(Path(sys.argv[1])))
try:
    database.write_now(lambda connection: versions.bump(connection, "keys"))
except StorageUnavailable as error:
    print(error.message)
"""


def test_a_read_only_database_says_so() -> None:
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "laird.db"
        url = sqlite_url(file)
        schema.upgrade(url)
        file.chmod(0o444)
        Path(directory).chmod(0o555)
        try:
            result = subprocess.run(
                [sys.executable, "-c", READ_ONLY, str(file)],
                capture_output=True,
                text=True,
                check=True,
            )
        finally:
            Path(directory).chmod(0o755)
    assert result.stdout == (
        f"The database {file} is read-only;"
        " check the owner and mode of the file and its directory.\n"
    )


FULL_DISK = """
import resource, sys
from pathlib import Path
from sqlalchemy import insert
from laird.domain.errors import StorageUnavailable
from laird.storage import versions
from laird.storage.engine import Database, sqlite_url
from laird.storage.tables import config_revisions
database = Database(sqlite_url(Path(sys.argv[1])))
row = dict(at_us=0, actor="a", source="s", revision="r", document="d" * 500_000, summary="")
def work(connection):
    connection.execute(insert(config_revisions).values(row))
    return versions.bump(connection, "keys")
print(database.write_now(work))
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
try:
    database.write_now(work)
except StorageUnavailable as error:
    print(error.message)
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
print(database.write_now(work))
database.close()
"""


def test_a_write_that_finds_no_space_changes_nothing_and_the_next_one_works(
    database: Database, file: Path
) -> None:
    database.close()
    result = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(file)], capture_output=True, text=True, check=True
    )
    first, refusal, last = result.stdout.splitlines()
    assert (first, last) == ("1", "2")
    assert "disk is full" in refusal or "input/output error" in refusal
    reopened = Database(sqlite_url(file))
    rows = reopened.read_now(
        lambda connection: connection.scalars(select(config_revisions.c.id)).all()
    )
    reopened.close()
    assert len(rows) == 2


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://laird@db/laird", "postgresql are not supported yet"),
        ("postgresql+psycopg://laird@db/laird", "postgresql are not supported yet"),
        ("mysql://db/laird", "mysql are not supported yet"),
        ("sqlite://", "must be a file"),
        ("sqlite:///:memory:", "must be a file"),
        ("sqlite:////tmp/x.db?mode=ro", "must be a file"),
        ("/var/lib/laird.db", "not a database URL"),
    ],
)
def test_a_url_that_can_not_be_used_is_refused_with_the_form_that_can(url: str, words: str) -> None:
    with pytest.raises(StartError, match=words) as refused:
        Database(url)
    assert "sqlite:////path/to/laird.db" in refused.value.message
    assert "\n" not in refused.value.message


def test_a_place_that_does_not_exist_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="LAIRD_HOME"):
        Database(sqlite_url(tmp_path / "nowhere" / "laird.db"))


def test_a_url_and_its_file_are_two_ways_to_say_the_same(file: Path) -> None:
    assert sqlite_file(sqlite_url(file)) == file
    assert sqlite_file("sqlite:///here.db") == Path.cwd() / "here.db"


@pytest.mark.parametrize(
    ("version", "warned"),
    [
        ("3.6.23", False),
        ("3.7.0", True),
        ("3.40.1", True),
        ("3.44.5", True),
        ("3.44.6", False),
        ("3.45.0", True),
        ("3.50.6", True),
        ("3.50.7", False),
        ("3.51.2", True),
        ("3.51.3", False),
        ("3.53.0", False),
    ],
)
def test_versions_of_sqlite_with_the_log_reset_fault_are_warned_of(
    version: str, *, warned: bool
) -> None:
    warnings = sqlite_warnings(version)
    assert bool(warnings) == warned
    assert all(version in warning for warning in warnings)


def test_a_library_that_is_too_old_is_refused_in_one_line() -> None:
    check_sqlite("3.35.0")
    with pytest.raises(StartError, match=r"3\.34\.1 and Laird needs 3\.35 or newer"):
        check_sqlite("3.34.1")


def test_a_database_carries_the_warnings_of_its_library(database: Database) -> None:
    assert list(database.warnings) == sqlite_warnings()


def test_an_error_without_a_code_keeps_its_own_words(file: Path) -> None:
    error = OperationalError("SELECT 1", {}, RuntimeError("server closed the connection"))
    message = unavailable(error, file).message
    assert "server closed the connection" in message
    assert "SELECT 1" not in message
    assert isinstance(unavailable(error, file), LairdError)


def test_an_identity_change_needs_no_file_at_all(tmp_path: Path) -> None:
    file = tmp_path / "laird.db"
    database = Database(sqlite_url(file))
    file.unlink()
    with pytest.raises(StorageUnavailable, match="can't be opened"):
        database.read_now(current)
    database.close()


def numbers(connection: Connection) -> Iterator[int]:
    """Count on from what is there, one query after the other in one transaction."""
    while True:
        yield current(connection)


async def test_a_stream_sees_one_state_whatever_is_written_meanwhile(database: Database) -> None:
    await database.write(bump)
    async with contextlib.aclosing(database.stream(numbers)) as stream:
        seen = [await anext(stream)]
        for _ in range(3):
            await database.write(bump)
            seen.append(await anext(stream))
        assert await database.read(current) == 4
    assert seen == [1, 1, 1, 1]


async def test_a_stream_ends_with_its_work_and_its_thread(database: Database) -> None:
    def three(connection: Connection) -> Iterator[int]:
        yield from range(current(connection), 3)

    assert [number async for number in database.stream(three)] == [0, 1, 2]
    await until(lambda: not streaming())


async def test_streams_take_nothing_from_readers(database: Database) -> None:
    streams = [database.stream(numbers) for _ in range(READERS + 2)]
    for stream in streams:
        await anext(stream)
    assert await database.read(current) == 0
    for stream in streams:
        await stream.aclose()
    await until(lambda: not streaming())


async def test_a_stream_can_not_write(database: Database) -> None:
    def write(connection: Connection) -> Iterator[int]:
        yield bump(connection)

    with pytest.raises(StorageUnavailable, match="read-only"):
        await anext(database.stream(write))


async def test_a_stream_of_a_database_that_is_away_says_so(database: Database, file: Path) -> None:
    file.rename(file.with_suffix(".moved"))
    with pytest.raises(StorageUnavailable, match="can't be opened"):
        await anext(database.stream(numbers))


async def test_a_closed_database_streams_nothing(database: Database) -> None:
    database.close()
    with pytest.raises(StorageUnavailable, match="closed"):
        await anext(database.stream(numbers))


async def test_a_defect_in_a_stream_is_not_called_an_outage(database: Database) -> None:
    def broken(connection: Connection) -> Iterator[int]:
        yield from connection.exec_driver_sql("SELECT ?", (1, 2)).scalars()

    with pytest.raises(ProgrammingError):
        await anext(database.stream(broken))


def streaming() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name.startswith("laird-db-stream")]
