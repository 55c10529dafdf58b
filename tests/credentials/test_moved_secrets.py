"""Secrets that stand in the document are moved out of it."""

from __future__ import annotations

import functools
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.config.world import KINDS, list_price
from tests.credentials.vault_world import ONE, THREE, TWO, credentials, database, files_with

from laird.config.compile import compile_snapshot
from laird.config.history import ChangeSource, MemoryHistory
from laird.config.home import YamlHome
from laird.config.live import LiveConfiguration
from laird.config.redact import redact, replace_secrets, written_out
from laird.credentials.master import FILE
from laird.credentials.stored import Credentials
from laird.domain.credential import Slot
from laird.domain.errors import ConfigError, StaleRevision, VaultLocked
from laird.domain.secret import Secret

BEFORE = f"""\
# mine: {ONE}
providers:
  - id: cloud      # the dear one
    kind: openai
    authSecret: "{ONE}"   # was {ONE} before
    models: [gpt-4o]
  - {{id: other, kind: anthropic, authSecret: {TWO}, models: [claude]}}
  - id: env
    kind: openai
    authSecret: env:SOME_KEY
    models: [x]
"""
AFTER = """\
# mine: «redacted»
providers:
  - id: cloud      # the dear one
    kind: openai
    authSecret: cloud   # was «redacted» before
    models: [gpt-4o]
  - {id: other, kind: anthropic, authSecret: other, models: [claude]}
  - id: env
    kind: openai
    authSecret: env:SOME_KEY
    models: [x]
"""


class World:
    """A document in its home, and credentials beside it."""

    def __init__(self, directory: Path, stored: Credentials) -> None:
        self.directory = directory
        self.stored = stored
        self.home = YamlHome(directory / "providers.yaml", poll_s=60)
        self.history = MemoryHistory()
        self.live = self.reopened()

    def reopened(self) -> LiveConfiguration:
        compiled = functools.partial(
            compile_snapshot,
            kinds=KINDS,
            environment={"SOME_KEY": "from the environment"},
            price=list_price,
            credentials=self.stored,
        )
        self.live = LiveConfiguration(self.home, compiled, self.history, credentials=self.stored)
        return self.live

    @property
    def text(self) -> str:
        return self.home.path.read_text()

    def secret(self, provider_id: str) -> Secret | None:
        return self.live.snapshot.providers[provider_id].secret

    async def told(self) -> str:
        """Return all that the history and those who ask get to see."""
        entries = await self.history.list(100)
        shown, _ = await self.live.current()
        return "\n".join([self.live.shown_text, shown, *map(repr, entries)])


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    with database(tmp_path) as opened:
        stored = credentials(opened, tmp_path)
        await stored.refresh()
        world = World(tmp_path, stored)
        yield world
        await world.live.stop()


async def check_moved(world: World) -> None:
    assert world.text == AFTER
    assert world.secret("cloud") == Secret(ONE)
    assert world.secret("other") == Secret(TWO)
    assert world.secret("env") == Secret("from the environment")
    cloud = world.live.snapshot.providers["cloud"]
    assert (cloud.credential, cloud.secret_source) == ("cloud", "stored:cloud")
    told = await world.told()
    assert ONE not in told
    assert TWO not in told
    assert "authSecret: cloud" in told
    assert files_with(world.directory, ONE, TWO) == []


async def test_at_start(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.home.create(BEFORE)
    await world.live.start(move_secrets=True)
    await check_moved(world)
    assert "The secret of provider 'cloud' was written out" in caplog.text
    assert ONE not in caplog.text
    entries = await world.history.list(10)
    assert [entry.revision for entry in entries] == [world.live.snapshot.revision]
    assert not any("secret" in warning for warning in world.live.snapshot.warnings)


async def test_when_the_file_is_saved(world: World) -> None:
    world.home.create("providers: []\n")
    await world.live.start()
    world.home.path.write_text(BEFORE)
    await world.live.reload()
    await check_moved(world)
    await world.live.reload()
    assert len(await world.history.list(10)) == 2


async def test_when_it_is_changed_by_api(world: World) -> None:
    world.home.create("providers: []\n")
    before = await world.live.start()
    snapshot = await world.live.apply(BEFORE, before.revision, "ann")
    await check_moved(world)
    assert snapshot is world.live.snapshot
    entries = await world.history.list(10)
    assert [entry.actor for entry in entries] == ["ann", "file"]


async def test_on_demand(world: World) -> None:
    world.home.create(BEFORE)
    await world.live.start()
    assert world.text == BEFORE
    assert world.secret("cloud") == Secret(ONE)
    moved = await world.live.move_secrets("ann", ChangeSource.CLI)
    assert moved == {"cloud": "cloud", "other": "other"}
    await check_moved(world)
    assert await world.live.move_secrets("ann", ChangeSource.CLI) == {}


async def test_not_by_a_command_that_only_looks(world: World) -> None:
    world.home.create(BEFORE)
    await world.live.start()
    assert world.text == BEFORE
    assert ONE not in await world.told()


async def test_killed_before_the_file_was_written_it_goes_on_without_a_second_copy(
    world: World,
) -> None:
    world.home.create(BEFORE)
    await world.stored.set("cloud", Secret(ONE))
    await world.live.start(move_secrets=True)
    await check_moved(world)
    assert sorted(world.stored.names) == ["cloud", "other"]


async def test_a_wrong_document_stores_nothing(world: World) -> None:
    world.home.create("providers: []\n")
    before = await world.live.start()
    wrong = BEFORE.replace("kind: anthropic", "kind: antropic")
    with pytest.raises(ConfigError) as caught:
        await world.live.apply(wrong, before.revision, "ann")
    world.home.path.write_text(wrong)
    await world.live.reload()
    assert world.live.error is not None
    assert ONE not in str(caught.value) + world.live.error.message
    assert list(world.stored.names) == []
    assert ONE not in await world.told()


async def test_a_stale_change_stores_nothing(world: World) -> None:
    world.home.create("providers: []\n")
    await world.live.start()
    with pytest.raises(StaleRevision):
        await world.live.apply(BEFORE, "0123456789abcdef", "ann")
    assert list(world.stored.names) == []


async def test_a_new_value_for_a_provider_replaces_its_own_with_a_fallback(world: World) -> None:
    world.home.create(BEFORE)
    await world.live.start(move_secrets=True)
    changed = AFTER.replace("authSecret: cloud ", f"authSecret: {THREE} ")
    await world.live.apply(changed, world.live.snapshot.revision, "ann")
    assert world.text == AFTER
    assert world.secret("cloud") == Secret(THREE)
    assert world.stored.held.value("cloud", Slot.PREVIOUS)[1] == Secret(ONE)


async def test_a_value_that_another_provider_uses_is_not_written_over(world: World) -> None:
    world.home.create(BEFORE.replace("env:SOME_KEY", "cloud"))
    await world.stored.set("cloud", Secret(ONE))
    await world.live.start(move_secrets=True)
    changed = world.text.replace("authSecret: cloud ", f"authSecret: {THREE} ", 1)
    await world.live.apply(changed, world.live.snapshot.revision, "ann")
    assert world.secret("cloud") == Secret(THREE)
    assert world.live.snapshot.providers["cloud"].credential == "cloud-2"
    assert world.secret("env") == Secret(ONE)


async def test_a_file_that_can_not_be_written_works_and_is_told(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.home.create(BEFORE)

    def refuse(text: str, expected_revision: str) -> str:
        raise world.home._problem("the file can't be written.", "Mount it otherwise.")

    monkeypatch.setattr(world.home, "save", refuse)
    await world.live.start(move_secrets=True)
    assert world.text == BEFORE
    assert world.secret("cloud") == Secret(ONE)
    assert "can't be moved out of it" in caplog.text
    assert ONE not in caplog.text
    assert any("written out" in warning for warning in world.live.snapshot.warnings)


async def test_without_the_master_key_the_file_stays_as_it_is_and_an_edit_is_refused(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await world.stored.set("kept", Secret(THREE))
    (world.directory / FILE).unlink()
    world.home.create(BEFORE)
    await world.live.start(move_secrets=True)
    assert world.text == BEFORE
    assert world.secret("cloud") == Secret(ONE)
    assert caplog.records[0].levelno == logging.ERROR
    changed = BEFORE.replace("models: [x]", "models: [y]")
    with pytest.raises(VaultLocked):
        await world.live.apply(changed, world.live.snapshot.revision, "ann")
    assert world.text == BEFORE


async def test_an_old_document_comes_back_with_the_present_secrets(world: World) -> None:
    world.home.create(BEFORE)
    await world.live.start(move_secrets=True)
    first = (await world.history.list(1))[0]
    changed = AFTER.replace("models: [x]", "models: [y]")
    await world.live.apply(changed, world.live.snapshot.revision, "ann")
    await world.live.rollback(first.id, "ann")
    await check_moved(world)


async def test_names_are_shown_and_what_only_looks_like_one_is_not(world: World) -> None:
    await world.stored.set("team", Secret(ONE))
    await world.stored.set("gone", Secret(TWO))
    await world.stored.remove("gone")
    world.home.create(
        "providers:\n"
        "  - {id: a, kind: openai, authSecret: team, models: [m]}\n"
        "  - {id: b, kind: openai, authSecret: gone, models: [m]}\n"
        "  - {id: c, kind: openai, authSecret: unknown-name, models: [m]}\n"
        "  - {id: d, kind: openai, authSecret: d, models: [m]}\n"
        "  - {id: e, kind: openai, authSecret: 'stored:later', models: [m]}\n"
        "  - {id: f, kind: openai, authSecret: 'stored:team', models: [m]}\n"
    )
    await world.live.start()
    shown = world.live.shown_text
    assert "authSecret: team" in shown
    assert "authSecret: gone" in shown
    assert "authSecret: 'stored:later'" in shown
    assert "unknown-name" not in shown
    assert written_out(world.text, world.stored.names) == {"c": "unknown-name"}
    assert world.secret("f") == Secret(ONE)
    assert world.secret("e") is None
    assert world.secret("a") == Secret(ONE)
    # The name of a credential that is not there is never sent as one.
    assert world.secret("b") is None
    assert world.secret("d") is None
    warnings = "\n".join(world.live.snapshot.warnings)
    assert "laird credentials set gone" in warnings
    assert "laird credentials set d" in warnings


async def test_a_changed_credential_is_in_force_without_a_change_of_the_document(
    world: World,
) -> None:
    world.home.create(BEFORE)
    await world.live.start(move_secrets=True)
    revision = world.live.snapshot.revision
    heard: list[Secret | None] = []
    world.live.subscribe(lambda _old, new: heard.append(new.providers["cloud"].secret))
    await world.stored.set("cloud", Secret(THREE))
    assert await world.live.recompile()
    assert heard == [Secret(THREE)]
    assert world.live.snapshot.revision == revision
    assert not await world.live.recompile()


def test_anchors_and_merges_are_understood() -> None:
    text = (
        "providers:\n"
        f"  - &base {{id: a, kind: openai, authSecret: &key {ONE}, models: [m]}}\n"
        "  - {<<: *base, id: b}\n"
        "  - {id: c, kind: openai, authSecret: *key, models: [m]}\n"
    )
    assert written_out(text, ()) == {"a": ONE}
    moved = replace_secrets(text, {"a": "a"})
    assert "authSecret: &key a," in moved
    assert written_out(moved, ("a",)) == {}
    assert ONE not in moved


def test_block_scalars_are_understood() -> None:
    before = "providers:\n  - id: a\n    kind: openai\n    authSecret:"
    text = f"{before} >-\n      {ONE}\n    models: [m]\n"
    assert written_out(text, ()) == {"a": ONE}
    moved = replace_secrets(text, {"a": "a"})
    assert moved == f"{before} a\n    models: [m]\n"


def test_what_is_no_secret_stays() -> None:
    assert written_out("providers: []", ()) == {}
    assert written_out("", ()) == {}
    assert written_out("providers:\n  - {id: a, authSecret: «redacted»}\n", ()) == {}
    assert redact(AFTER, ("cloud", "other")) == AFTER
    assert "authSecret: cloud" not in redact(AFTER)
