"""The database: one writer thread, a few reader threads, short transactions.

SQLite allows one writer at a time, so Laird has one: a single thread with a single connection
does all writing, and it alone checkpoints the write-ahead log. Readers have their own connections
and never wait for it. Work is given as a function of a SQLAlchemy `Connection` and runs in one
transaction: it is committed when the function returns and rolled back when it raises.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from sqlalchemy import Connection, Engine, QueuePool, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from laird.domain.errors import StartError, StorageUnavailable
from laird.storage.faults import is_outage, unavailable

T = TypeVar("T")

READERS = 2


def sqlite_file(url: str) -> Path:
    """Return the absolute path of the file that a database URL names.

    Raises:
        StartError: the URL is not one of an SQLite file.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise StartError(
            "LAIRD_DATABASE_URL is not a database URL; write sqlite:////path/to/laird.db"
        ) from error
    backend = parsed.get_backend_name()
    if backend != "sqlite":
        raise StartError(
            f"Databases of type {backend} are not supported yet;"
            " write LAIRD_DATABASE_URL as sqlite:////path/to/laird.db"
        )
    if not parsed.database or parsed.database == ":memory:" or parsed.query:
        raise StartError(
            "The database must be a file: write LAIRD_DATABASE_URL as sqlite:////path/to/laird.db"
        )
    return Path(parsed.database).absolute()


def sqlite_url(file: Path) -> str:
    """Return the database URL of an SQLite file."""
    return URL.create("sqlite", database=str(file.absolute())).render_as_string()


def sqlite_warnings(version: str = sqlite3.sqlite_version) -> list[str]:
    """Return what an administrator should know about the SQLite library, as sentences.

    Versions 3.7.0 to 3.51.2 can, very rarely, damage a database in WAL mode when two connections
    checkpoint at the same moment (https://sqlite.org/wal.html#walresetbug). It is fixed in 3.51.3
    and, on their own branches, in 3.50.7 and 3.44.6.
    """
    number = tuple(int(part) for part in version.split("."))
    affected = (3, 7, 0) <= number < (3, 51, 3)
    backported = (3, 50, 7) <= number < (3, 51, 0) or (3, 44, 6) <= number < (3, 45, 0)
    if not affected or backported:
        return []
    return [
        (
            f"The SQLite library is {version}: before 3.51.3 (but for 3.50.7 and 3.44.6) it can, in"
            " rare cases, damage a database that several connections write at once. Laird writes"
            " over one connection, which avoids it. Let no other program write the file, and update"
            " SQLite when you can; your distribution may have fixed it under the old number."
        )
    ]


def check_sqlite(version: str = sqlite3.sqlite_version) -> None:
    """Refuse an SQLite library that lacks what Laird's statements need (RETURNING came last).

    Raises:
        StartError: the library is older than 3.35.
    """
    if tuple(int(part) for part in version.split(".")) < (3, 35, 0):
        raise StartError(
            f"The SQLite library is {version} and Laird needs 3.35 or newer;"
            " use a Python that is built with a newer one"
        )


class Database:
    """The database behind a URL. Connections are opened when first needed, so it may be away.

    Safe to use from any thread, but a piece of work must not call back into the same database
    synchronously: it would wait for its own thread.

    Args:
        url: `sqlite:////absolute/path` (a missing file is created with mode 0600).
        busy_timeout_s: how long to wait for another program's lock.

    Raises:
        StartError: the URL or the SQLite library is not supported, or the file can't be created.
    """

    def __init__(self, url: str, *, busy_timeout_s: float = 5.0) -> None:
        check_sqlite()
        self.file = sqlite_file(url)
        self.warnings = tuple(sqlite_warnings())
        _create_private(self.file)
        self._identity: tuple[int, int] | None = None
        self._identity_lock = threading.Lock()
        self._closed = False
        self._busy_timeout_s = busy_timeout_s
        self._write_engine = _engine(self.file, busy_timeout_s, writer=True)
        self._read_engine = _engine(self.file, busy_timeout_s, writer=False)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="laird-db-writer")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="laird-db-reader")

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on the writer thread in one transaction and return its result.

        When the waiting task is cancelled, a transaction that has begun is finished all the same;
        one that still waits for its turn is dropped.

        Raises:
            StorageUnavailable: locked, full, read-only, missing or damaged.
        """
        self._check_open()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._writer, self._run, self._write_engine, work)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on a reader thread; it sees one consistent state and can't write.

        Raises:
            StorageUnavailable: locked, missing or damaged.
        """
        self._check_open()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, self._run, self._read_engine, work)

    def write_now(self, work: Callable[[Connection], T]) -> T:
        """Do what `write` does and block until it is done; not for the event loop."""
        self._check_open()
        return self._writer.submit(self._run, self._write_engine, work).result()

    def read_now(self, work: Callable[[Connection], T]) -> T:
        """Do what `read` does and block until it is done; not for the event loop."""
        self._check_open()
        return self._readers.submit(self._run, self._read_engine, work).result()

    async def stream(self, work: Callable[[Connection], Iterator[T]]) -> AsyncGenerator[T, None]:
        """Yield what `work` yields, one by one, and only as fast as it is asked for.

        All of it is of one consistent state, however long that takes and whatever is written
        meanwhile. It has a thread and a connection of its own, so that nobody waits for it; but the
        write-ahead log grows until it ends, so nothing slow may hold it for ever. Close it
        (`contextlib.aclosing`) where it may not be read to its end.

        Raises:
            StorageUnavailable: locked, missing or damaged.
        """
        self._check_open()
        loop = asyncio.get_running_loop()
        thread = ThreadPoolExecutor(1, thread_name_prefix="laird-db-stream")
        steps = self._steps(work)
        try:
            while (item := await loop.run_in_executor(thread, _next, steps)) is not None:
                yield item[0]
        finally:
            # In turn behind a step that may still be under way, and without waiting for it.
            thread.submit(steps.close)
            thread.shutdown(wait=False)

    def _steps(self, work: Callable[[Connection], Iterator[T]]) -> Generator[T, None, None]:
        engine = _engine(self.file, self._busy_timeout_s, writer=False)
        try:
            with engine.begin() as connection:
                yield from work(connection)
        except DBAPIError as error:
            if not is_outage(error):
                raise
            raise unavailable(error, self.file) from error
        finally:
            engine.dispose()

    def close(self) -> None:
        """Finish the work that was given, and close all connections. May be called twice.

        The writer is closed last: SQLite then moves the write-ahead log into the database.
        """
        self._closed = True
        self._readers.shutdown()
        self._read_engine.dispose()
        self._writer.shutdown()
        self._write_engine.dispose()

    def _check_open(self) -> None:
        if self._closed:
            raise StorageUnavailable(f"The database {self.file} has been closed.")

    def _run(self, engine: Engine, work: Callable[[Connection], T]) -> T:
        try:
            self._follow_file()
            with engine.begin() as connection:
                return work(connection)
        except DBAPIError as error:
            if not is_outage(error):
                raise
            raise unavailable(error, self.file) from error

    def _follow_file(self) -> None:
        """Drop pooled connections when the file under the name is another one than before.

        An open connection would go on writing into a file that was moved or deleted, and all that
        it wrote would be lost with it.
        """
        try:
            status = self.file.stat()
            identity = (status.st_dev, status.st_ino)
        except OSError:
            identity = None
        with self._identity_lock:
            if identity != self._identity:
                self._write_engine.dispose()
                self._read_engine.dispose()
                self._identity = identity


def _next(steps: Iterator[T]) -> tuple[T] | None:
    """Return the next item, or None at the end: no executor can pass on `StopIteration`."""
    for item in steps:
        return (item,)
    return None


def _create_private(file: Path) -> None:
    """Create an empty database file that only its owner can read, unless there is one.

    SQLite gives the files beside it (`-wal`, `-shm`) the same mode.
    """
    try:
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        raise StartError(
            f"The database {file} can't be created: {error.strerror};"
            " check LAIRD_HOME or LAIRD_DATABASE_URL"
        ) from error


def _engine(file: Path, busy_timeout_s: float, *, writer: bool) -> Engine:
    """Return an engine whose connections are set up for writing, or for reading only.

    The name is opened with mode=rw: a database that was deleted under a running server is an
    error that is seen, not a new and empty one.
    """
    name = f"file:{quote(str(file))}?mode=rw"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            name,
            uri=True,
            timeout=busy_timeout_s,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            _prepare(connection, writer=writer)
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    engine = create_engine(
        "sqlite://",
        creator=connect,
        poolclass=QueuePool,
        pool_size=1 if writer else READERS,
        max_overflow=0,
    )
    # IMMEDIATE takes the write lock at once: a deferred one could fail half-way through.
    begin = "BEGIN IMMEDIATE" if writer else "BEGIN"
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine


def _prepare(connection: sqlite3.Connection, *, writer: bool) -> None:
    """Set what SQLite keeps per connection.

    synchronous=FULL costs one fsync per commit, and there are only a few commits a second, all off
    the event loop. It makes a commit survive a power cut, so that a journal segment may be deleted
    as soon as its rows are committed.
    """
    connection.execute("PRAGMA foreign_keys=ON")
    if writer:
        connection.execute("PRAGMA journal_mode=WAL").fetchall()
        connection.execute("PRAGMA synchronous=FULL")
    else:
        connection.execute("PRAGMA query_only=ON")
        # Reports sort some megabytes of sums; with the usual 2 MB they would go by way of a file.
        connection.execute("PRAGMA cache_size=-8000")
