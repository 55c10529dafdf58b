from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from laird.domain.errors import StartError
from laird.storage import history, schema, versions
from laird.storage.engine import Database, sqlite_url
from laird.storage.tables import metadata


@pytest.fixture
def url(tmp_path: Path) -> str:
    return sqlite_url(tmp_path / "50% full" / "laird.db")


@pytest.fixture(autouse=True)
def directory(tmp_path: Path) -> None:
    (tmp_path / "50% full").mkdir()


def add_data(connection: Connection) -> None:
    versions.bump(connection, "keys")
    history.record(
        connection,
        at_us=1,
        actor="ann",
        source="cli",
        revision="r1",
        before_revision=None,
        document="providers: []",
        summary="first",
    )


def tables(url: str) -> set[str]:
    database = Database(url)
    try:
        return set(database.read_now(lambda connection: inspect(connection).get_table_names()))
    finally:
        database.close()


def test_a_new_database_has_no_version_and_an_upgraded_one_the_newest(url: str) -> None:
    assert schema.current(url) is None
    schema.upgrade(url)
    assert schema.current(url) == schema.REVISIONS[-1]
    assert tables(url) == {*metadata.tables, "alembic_version"}


def test_the_steps_lead_to_exactly_the_tables_that_the_code_uses(url: str) -> None:
    schema.upgrade(url)
    database = Database(url)

    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        return list(compare_metadata(context, metadata))

    assert database.read_now(differences) == []
    database.close()


def test_a_database_made_at_once_is_the_one_that_the_steps_make(tmp_path: Path) -> None:
    def made(connection: Connection) -> set[tuple[str, str, str]]:
        found = connection.execute(text("SELECT type, name, sql FROM sqlite_master"))
        return {(kind, name, "".join((sql or "").split())) for kind, name, sql in found}

    contents = []
    for name in ("at-once", "by-steps"):
        url = f"sqlite:///{tmp_path}/{name}.db"
        database = Database(url)
        if name == "at-once":
            assert schema.prepare(database)
            assert not schema.prepare(database)
        else:
            schema.upgrade(url)
        contents.append(database.read_now(made))
        database.close()
        assert schema.current(url) == schema.REVISIONS[-1]
    assert contents[0] == contents[1]
    schema.downgrade(f"sqlite:///{tmp_path}/at-once.db", "base")


def test_the_known_versions_are_the_steps_that_are_shipped() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
    steps = [step.revision for step in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(steps)) == schema.REVISIONS


def test_every_step_goes_up_down_and_up_again_with_data(url: str) -> None:
    schema.upgrade(url)
    database = Database(url)
    database.write_now(add_data)
    database.close()
    for revision in [*reversed(schema.REVISIONS[:-1]), "base"]:
        schema.downgrade(url, revision)
    assert schema.current(url) is None
    assert tables(url) == {"alembic_version"}
    for revision in schema.REVISIONS:
        schema.upgrade(url, revision)
    database = Database(url)
    database.write_now(add_data)
    assert database.read_now(lambda connection: versions.current(connection, "keys")) == 1
    database.close()


def test_an_upgrade_keeps_the_data_and_may_be_repeated(url: str) -> None:
    schema.upgrade(url)
    database = Database(url)
    database.write_now(add_data)
    schema.upgrade(url)
    assert schema.prepare(database) is False
    assert database.read_now(lambda connection: len(history.list_revisions(connection))) == 1
    database.close()


def test_a_step_that_fails_leaves_nothing_half_done(url: str) -> None:
    database = Database(url)
    database.write_now(lambda connection: connection.execute(text("CREATE TABLE versions (x)")))
    with pytest.raises(Exception, match="versions"):
        schema.prepare(database)
    database.close()
    assert tables(url) == {"versions"}


def test_a_database_of_a_newer_laird_is_refused_in_one_line(url: str) -> None:
    schema.upgrade(url)
    database = Database(url)
    database.write_now(
        lambda connection: connection.execute(text("UPDATE alembic_version SET version_num='9999'"))
    )
    with pytest.raises(StartError, match=r"version 9999, made by a newer Laird") as refused:
        schema.prepare(database)
    database.close()
    assert "update Laird" in refused.value.message
    assert "\n" not in refused.value.message
    for step in (schema.upgrade, lambda url: schema.downgrade(url, "base")):
        with pytest.raises(StartError, match="9999"):
            step(url)
    assert schema.current(url) == "9999"


def test_a_version_that_does_not_exist_is_refused(url: str) -> None:
    with pytest.raises(StartError, match="no database version 0"):
        schema.upgrade(url, "0")
