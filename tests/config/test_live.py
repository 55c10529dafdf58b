from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.config.world import KINDS, list_price
from tests.support.waiting import MACHINE_S

from laird.config.compile import compile_snapshot
from laird.config.history import ChangeEntry, ChangeSource, MemoryHistory
from laird.config.home import YamlHome
from laird.config.live import LiveConfiguration
from laird.domain.catalog import Snapshot
from laird.domain.errors import ConfigError, InvalidRequest, StaleRevision, StorageUnavailable
from laird.domain.secret import Secret

FIRST = """\
providers:
  - id: cloud
    kind: openai
    authSecret: sk-very-secret-1  # mine
    maxConcurrent: 4
    models: [gpt-4o]
"""
SECOND = FIRST.replace("maxConcurrent: 4", "maxConcurrent: 8")

compile_document = functools.partial(
    compile_snapshot, kinds=KINDS, environment={}, price=list_price
)


@pytest.fixture
def home(tmp_path: Path) -> YamlHome:
    home = YamlHome(tmp_path / "providers.yaml", poll_s=60)
    home.create(FIRST)
    return home


@pytest.fixture
def history() -> MemoryHistory:
    return MemoryHistory()


@pytest.fixture
async def live(home: YamlHome, history: MemoryHistory) -> AsyncIterator[LiveConfiguration]:
    live = LiveConfiguration(home, compile_document, history, clock_us=lambda: 1_000_000)
    await live.start()
    yield live
    await live.stop()


def error_of(live: LiveConfiguration) -> ConfigError | None:
    return live.error


def most(live: LiveConfiguration) -> int | None:
    return live.snapshot.providers["cloud"].max_concurrent


async def test_an_edit_of_the_file_is_in_force_within_a_second(
    tmp_path: Path, history: MemoryHistory
) -> None:
    home = YamlHome(tmp_path / "providers.yaml")
    home.create(FIRST)
    live = LiveConfiguration(home, compile_document, history)
    await live.start()
    try:
        old = live.snapshot
        changed = asyncio.Event()
        live.subscribe(lambda _, __: changed.set())
        async with asyncio.timeout(1 + MACHINE_S):
            home.path.write_text(SECOND)
            await changed.wait()
        assert most(live) == 8
        assert old.providers["cloud"].max_concurrent == 4, "running requests keep theirs"
    finally:
        await live.stop()


async def test_a_broken_file_changes_nothing_until_it_is_mended(
    live: LiveConfiguration, home: YamlHome, caplog: pytest.LogCaptureFixture
) -> None:
    before = live.snapshot
    home.path.write_text(FIRST.replace("kind: openai", "kind: opnai"))
    await live.reload()
    await live.reload()
    assert live.snapshot is before
    assert live.error is not None
    assert len([one for one in caplog.records if "not changed" in one.message]) == 1
    assert live.error.problems[0].line == 3
    assert "providers.yaml:3" in caplog.text
    assert "sk-very-secret-1" not in caplog.text
    home.path.write_text(SECOND)
    await live.reload()
    assert (error_of(live), most(live)) == (None, 8)


async def test_a_file_put_back_as_it_was_is_no_change(
    live: LiveConfiguration, home: YamlHome, history: MemoryHistory
) -> None:
    home.path.unlink()
    await live.reload()
    assert live.error is not None
    home.path.write_text(FIRST)
    await live.reload()
    assert error_of(live) is None
    assert len(await history.list(10)) == 1


async def test_a_server_does_not_start_with_a_broken_file(
    home: YamlHome, history: MemoryHistory
) -> None:
    home.path.write_text("providers: 5")
    with pytest.raises(ConfigError, match=r"providers\.yaml:1"):
        await LiveConfiguration(home, compile_document, history).start()


async def test_a_change_is_checked_saved_and_in_force(
    live: LiveConfiguration, home: YamlHome, history: MemoryHistory
) -> None:
    text, revision = await live.current()
    assert "sk-very-secret-1" not in text
    changed = text.replace("maxConcurrent: 4", "maxConcurrent: 8")
    snapshot = await live.apply(changed, revision, "ann", ChangeSource.API)
    assert live.snapshot is snapshot
    assert home.load() == (
        SECOND,
        snapshot.revision,
    )
    assert snapshot.providers["cloud"].secret == Secret("sk-very-secret-1"), "it was filled in"
    entry, first = await history.list(10)
    assert (entry.actor, entry.source, entry.at_us) == ("ann", ChangeSource.API, 1_000_000)
    assert (entry.before, entry.revision) == (first.revision, snapshot.revision)
    assert entry.summary == ("provider cloud: maxConcurrent 4 -> 8",)
    assert "sk-very-secret-1" not in entry.document + first.document
    assert "sk-very-secret-1" not in live.shown_text


async def test_a_wrong_change_changes_nothing(live: LiveConfiguration, home: YamlHome) -> None:
    before = live.snapshot
    with pytest.raises(ConfigError):
        await live.apply("providers: 5", before.revision, "ann")
    assert live.snapshot is before
    assert live.error is None
    assert home.load()[0] == FIRST


async def test_a_stale_change_gets_both_versions_without_secrets(
    live: LiveConfiguration, home: YamlHome
) -> None:
    home.path.write_text(FIRST + "# edited meanwhile\n")
    with pytest.raises(StaleRevision) as caught:
        await live.apply(SECOND, live.snapshot.revision, "ann")
    assert "edited meanwhile" in caught.value.current_document
    assert "sk-very-secret-1" not in caught.value.current_document
    assert home.load()[0].endswith("# edited meanwhile\n")


async def test_of_many_changes_at_once_one_wins(live: LiveConfiguration) -> None:
    revision = live.snapshot.revision
    results = await asyncio.gather(
        *(live.apply(f"{FIRST}# {number}\n", revision, "ann") for number in range(5)),
        return_exceptions=True,
    )
    assert [isinstance(result, Snapshot) for result in results].count(True) == 1
    assert [isinstance(result, StaleRevision) for result in results].count(True) == 4


async def test_listeners_hear_old_and_new_and_one_failure_stops_nobody(
    live: LiveConfiguration, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[tuple[str, str]] = []

    def fails(_: Snapshot, __: Snapshot) -> None:
        raise RuntimeError("no")

    live.subscribe(fails)
    unsubscribe = live.subscribe(lambda old, new: heard.append((old.revision, new.revision)))
    old = live.snapshot.revision
    new = await live.apply(SECOND, old, "ann")
    assert heard == [(old, new.revision)]
    assert "A listener failed" in caplog.text
    unsubscribe()
    await live.apply(FIRST, new.revision, "ann")
    assert len(heard) == 1


async def test_a_change_can_be_taken_back(
    live: LiveConfiguration, home: YamlHome, history: MemoryHistory
) -> None:
    await live.apply(SECOND, live.snapshot.revision, "ann")
    (first,) = (await history.list(10))[1:]
    await live.rollback(first.id, "bob")
    assert most(live) == 4
    assert live.snapshot.providers["cloud"].secret == Secret("sk-very-secret-1")
    assert (await history.list(1))[0].source is ChangeSource.ROLLBACK
    with pytest.raises(InvalidRequest, match="no change 'zzz'"):
        await live.rollback("zzz", "bob")


async def test_taking_back_mends_a_broken_file(
    live: LiveConfiguration, home: YamlHome, history: MemoryHistory
) -> None:
    home.path.write_text("providers: 5")
    await live.reload()
    await live.rollback((await history.list(1))[0].id, "bob")
    assert live.error is None
    assert "maxConcurrent: 4" in home.load()[0]


async def test_a_secret_that_is_gone_keeps_a_change_from_being_taken_back(
    live: LiveConfiguration, history: MemoryHistory
) -> None:
    first = (await history.list(1))[0]
    without = FIRST.replace("sk-very-secret-1", "env:OPENAI_API_KEY")
    await live.apply(without, live.snapshot.revision, "ann")
    await live.rollback(first.id, "bob")
    assert live.snapshot.providers["cloud"].secret_source == "env:OPENAI_API_KEY"
    await live.apply("providers: []\n", live.snapshot.revision, "ann")
    with pytest.raises(ConfigError, match="stands for a secret"):
        await live.rollback(first.id, "bob")


async def test_what_was_changed_while_stopped_is_in_the_history(
    home: YamlHome, history: MemoryHistory
) -> None:
    live = LiveConfiguration(home, compile_document, history)
    await live.start()
    await live.stop()
    await live.start()
    await live.stop()
    assert [entry.summary for entry in await history.list(10)] == [("first document",)]
    home.path.write_text(SECOND)
    await live.start()
    await live.stop()
    latest = (await history.list(10))[0]
    assert latest.summary == ("provider cloud: maxConcurrent 4 -> 8",)


class AwayHistory(MemoryHistory):
    """A history whose database has gone away after the start."""

    async def record(self, entry: ChangeEntry) -> None:
        if entry.before is not None:
            raise StorageUnavailable("the database is away")
        await super().record(entry)


async def test_a_change_is_in_force_also_when_it_can_not_be_recorded(
    home: YamlHome, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    live = LiveConfiguration(home, compile_document, AwayHistory())
    await live.start()
    await live.apply(SECOND, live.snapshot.revision, "ann")
    await live.stop()
    assert most(live) == 8
    assert "could not be recorded" in caplog.text


async def test_before_the_start_there_is_an_empty_configuration(
    home: YamlHome, history: MemoryHistory
) -> None:
    live = LiveConfiguration(home, compile_document, history)
    assert (live.document, live.document_text, live.shown_text) == (None, "", "")
    assert not live.snapshot.providers
    await live.stop()


async def test_the_memory_history_forgets_the_oldest() -> None:
    history = MemoryHistory(limit=2)
    for name in "abc":
        await history.record(
            ChangeEntry(
                id=name,
                at_us=0,
                actor="x",
                source=ChangeSource.CLI,
                revision=name,
                before=None,
                document="",
                summary=(),
            )
        )
    assert [entry.id for entry in await history.list(5)] == ["c", "b"]
    assert await history.get("a") is None
