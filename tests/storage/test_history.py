from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from laird.domain.revisions import ConfigRevision
from laird.storage import history, schema, versions
from laird.storage.engine import Database, sqlite_url


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(sqlite_url(tmp_path / "laird.db"))
    schema.prepare(database)
    yield database
    database.close()


def record(database: Database, number: int) -> ConfigRevision:
    return database.write_now(
        partial(
            history.record,
            at_us=1_790_000_000_000_000 + number,
            actor="ann",
            source="dashboard",
            revision=f"r{number}",
            before_revision=f"r{number - 1}" if number else None,
            document=f"# ünïcode\nproviders: [{number}]\n",
            summary="added a provider",
        )
    )


def test_a_revision_is_found_again_as_it_was_recorded(database: Database) -> None:
    first = record(database, 0)
    second = record(database, 1)
    assert first.before_revision is None
    assert second.before_revision == "r0"
    assert database.read_now(partial(history.get, number=first.id)) == first
    assert database.read_now(partial(history.get, number=second.id)) == second
    assert database.read_now(partial(history.get, number=99)) is None


def test_the_newest_revisions_come_first(database: Database) -> None:
    made = [record(database, number) for number in range(5)]
    assert database.read_now(history.list_revisions) == made[::-1]
    assert database.read_now(partial(history.list_revisions, limit=2)) == [made[4], made[3]]


def test_counters_go_up_by_one_and_apart(database: Database) -> None:
    assert database.write_now(partial(versions.bump, name="keys")) == 1
    assert database.write_now(partial(versions.bump, name="keys")) == 2
    assert database.write_now(partial(versions.bump, name="document")) == 1
    assert database.read_now(partial(versions.current, name="keys")) == 2
    assert database.read_now(partial(versions.current, name="nothing")) == 0
