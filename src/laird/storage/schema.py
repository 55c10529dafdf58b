"""Which version of the tables a database has, and the way to another one.

A database that is up to date is recognised by one small query; Alembic, which takes a fifth of a
second to load, is loaded only when there is something to change.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache
from typing import cast

from sqlalchemy import Connection, create_mock_engine, inspect, text
from sqlalchemy.sql import ClauseElement

from laird.domain.errors import StartError
from laird.storage.engine import Database
from laird.storage.tables import metadata

REVISIONS = tuple(f"{number:04}" for number in range(1, 12))
"""All versions of the tables that this Laird knows, oldest first."""

_Step = Callable[[Connection, str], None]


def revision_of(connection: Connection) -> str | None:
    """Return the version of the tables, or None when the database has none."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def current(database_url: str) -> str | None:
    """Return the version of a database's tables, or None when it has none.

    Raises:
        StartError: the URL is not supported.
        StorageUnavailable: the database can't be read.
    """
    database = Database(database_url)
    try:
        return database.read_now(revision_of)
    finally:
        database.close()


def check_not_newer(revision: str | None) -> None:
    """Refuse tables that a newer Laird has made.

    Raises:
        StartError: in one line, with what to do.
    """
    if revision is not None and revision not in REVISIONS:
        raise StartError(
            f"The database has tables of version {revision}, made by a newer Laird (this one knows"
            f" up to {REVISIONS[-1]}); update Laird, or restore a backup of the database"
        )


def prepare(database: Database) -> bool:
    """Bring the tables of an open database up to this Laird's version; True when that took work.

    Raises:
        StartError: the tables are of a newer Laird.
        StorageUnavailable: the database can't be written.
    """
    found = database.read_now(revision_of)
    check_not_newer(found)
    if found == REVISIONS[-1]:
        return False
    if found is None and database.read_now(_is_empty):
        database.write_now(_create)
    else:
        database.write_now(lambda connection: _step("up")(connection, "head"))
    return True


def _is_empty(connection: Connection) -> bool:
    return not inspect(connection).get_table_names()


def _create(connection: Connection) -> None:
    """Make the tables of an empty database at once, as all steps together would."""
    for statement in _statements():
        connection.exec_driver_sql(statement)
    connection.execute(
        text(
            "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL,"
            " CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
        )
    )
    connection.execute(
        text("INSERT INTO alembic_version (version_num) VALUES (:newest)"),
        {"newest": REVISIONS[-1]},
    )


@cache
def _statements() -> tuple[str, ...]:
    """Return what makes all tables, spelt out once: that takes longer than to run it."""
    found: list[str] = []

    def note(statement: ClauseElement, *_: object, **__: object) -> None:
        found.append(str(statement.compile(dialect=engine.dialect)))

    engine = create_mock_engine("sqlite://", note)
    metadata.create_all(engine, checkfirst=False)
    return tuple(found)


def upgrade(database_url: str, revision: str = "head") -> None:
    """Bring a database's tables up to a revision, all steps in one transaction.

    Raises:
        StartError: the URL is not supported, or the tables are of a newer Laird.
        StorageUnavailable: the database can't be written.
    """
    _walk(database_url, "up", REVISIONS[-1] if revision == "head" else revision)


def downgrade(database_url: str, revision: str) -> None:
    """Take a database's tables back to a revision; `base` removes all tables and their rows.

    Raises:
        StartError: the URL is not supported, or the tables are of a newer Laird.
        StorageUnavailable: the database can't be written.
    """
    _walk(database_url, "down", revision)


def _walk(database_url: str, direction: str, revision: str) -> None:
    database = Database(database_url)
    try:
        found = database.read_now(revision_of)
        check_not_newer(found)
        if revision not in {found, "base", *REVISIONS}:
            raise StartError(
                f"There is no database version {revision}; this Laird knows {', '.join(REVISIONS)}"
            )
        if found != revision:
            database.write_now(lambda connection: _step(direction)(connection, revision))
    finally:
        database.close()


def _step(direction: str) -> _Step:
    module = importlib.import_module("laird.storage.migrate")
    return cast("_Step", getattr(module, direction))
