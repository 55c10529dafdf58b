"""What a database driver's errors mean, in words that say what to do."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from laird.domain.errors import StorageUnavailable

_MEANINGS = {
    sqlite3.SQLITE_PERM: "may not be opened by this user; check the owner and mode of the file",
    sqlite3.SQLITE_BUSY: "is locked by another program; close it or wait",
    sqlite3.SQLITE_LOCKED: "is locked by another program; close it or wait",
    sqlite3.SQLITE_READONLY: "is read-only; check the owner and mode of the file and its directory",
    sqlite3.SQLITE_IOERR: "can't be read or written (input/output error); check the disk",
    sqlite3.SQLITE_CORRUPT: "is damaged; restore a backup or recover it with sqlite3's .recover",
    sqlite3.SQLITE_FULL: "can't grow because the disk is full; free some space",
    sqlite3.SQLITE_CANTOPEN: (
        "can't be opened; check that it exists, is a file, and that its directory can be written"
    ),
    sqlite3.SQLITE_NOTADB: "is not an SQLite database; move that file away or name another one",
}


def primary_code(error: BaseException | None) -> int | None:
    """Return SQLite's primary result code of a driver error, or None when it has none.

    The low byte of an extended code is the primary one: https://sqlite.org/rescode.html
    """
    code = getattr(error, "sqlite_errorcode", None)
    return code & 0xFF if isinstance(code, int) else None


def is_outage(error: DBAPIError) -> bool:
    """Tell whether an error is about the database itself, and not about what was asked of it."""
    if isinstance(error, IntegrityError):
        return False
    if isinstance(error, OperationalError) or error.connection_invalidated:
        return True
    return primary_code(error.orig) in _MEANINGS


def unavailable(error: DBAPIError, database: Path) -> StorageUnavailable:
    """Return the error that a caller gets for a driver's; `database` is the file it names."""
    meaning = _MEANINGS.get(primary_code(error.orig) or 0)
    if meaning is None:
        meaning = f"refused: {error.orig}; run `laird db upgrade` if its tables are missing or old"
    return StorageUnavailable(f"The database {database} {meaning}.")
