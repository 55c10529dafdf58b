from __future__ import annotations

import asyncio
import errno
import os
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from laird.config.home import YamlHome
from laird.domain.errors import ConfigError, StaleRevision

TEXT = "providers: []\n"
OTHER = "providers: [] # other\n"


@pytest.fixture
def home(tmp_path: Path) -> YamlHome:
    home = YamlHome(tmp_path / "providers.yaml", poll_s=0.01)
    home.create(TEXT)
    return home


def test_the_first_document_is_for_its_owner_alone(tmp_path: Path) -> None:
    home = YamlHome(tmp_path / "new" / "providers.yaml")
    assert not home.exists()
    revision = home.create(TEXT)
    assert home.load() == (TEXT, revision)
    assert stat.S_IMODE(home.path.stat().st_mode) == 0o600
    with pytest.raises(StaleRevision):
        home.create(OTHER)


def test_saving_replaces_the_text_and_leaves_nothing_beside_it(home: YamlHome) -> None:
    _, revision = home.load()
    home.path.chmod(0o644)
    new = home.save(OTHER, revision)
    assert home.load() == (OTHER, new)
    assert stat.S_IMODE(home.path.stat().st_mode) == 0o644, "the mode stays"
    assert [path.name for path in home.path.parent.iterdir()] == ["providers.yaml"]


def test_a_stale_edit_changes_nothing_and_gets_both_versions(home: YamlHome) -> None:
    _, old = home.load()
    home.path.write_text(OTHER)
    with pytest.raises(StaleRevision) as caught:
        home.save("providers: [] # mine\n", old)
    assert caught.value.expected == old
    assert (caught.value.current_document, caught.value.current) == home.load()


def test_a_link_is_followed(home: YamlHome, tmp_path: Path) -> None:
    link = tmp_path / "link.yaml"
    link.symlink_to(home.path)
    linked = YamlHome(link)
    linked.save(OTHER, linked.load()[1])
    assert link.is_symlink()
    assert home.load()[0] == OTHER


def test_a_byte_order_mark_is_no_part_of_the_text(home: YamlHome) -> None:
    home.path.write_bytes(b"\xef\xbb\xbf" + TEXT.encode())
    assert home.load()[0] == TEXT


@pytest.mark.parametrize("damage", ["missing", "directory", "bytes"])
def test_what_can_not_be_read_is_told_with_its_path(home: YamlHome, damage: str) -> None:
    home.path.unlink()
    if damage == "directory":
        home.path.mkdir()
    if damage == "bytes":
        home.path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"providers\.yaml"):
        home.load()


def test_what_can_not_be_written_changes_nothing(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(ConfigError, match="can't be written"):
        YamlHome(blocked / "providers.yaml").create(TEXT)


def test_a_full_disk_changes_nothing(home: YamlHome, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigError, match="No space left"):
        home.save(OTHER, home.load()[1])
    assert home.load()[0] == TEXT
    assert [path.name for path in home.path.parent.iterdir()] == ["providers.yaml"]


def test_a_mounted_file_that_can_not_be_replaced_is_written_in_place(
    home: YamlHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(_: Path, __: Path) -> None:
        raise OSError(errno.EBUSY, "Device or resource busy")

    monkeypatch.setattr(Path, "replace", busy)
    home.save("a: 1\n", home.load()[1])
    assert home.load()[0] == "a: 1\n"
    assert [path.name for path in home.path.parent.iterdir()] == ["providers.yaml"]


@asynccontextmanager
async def watching(home: YamlHome) -> AsyncIterator[AsyncIterator[None]]:
    changes = home.watch()
    await asyncio.wait_for(anext(changes), 5)  # the first look
    try:
        yield changes
    finally:
        await changes.aclose()  # type: ignore[attr-defined]


async def seen(changes: AsyncIterator[None]) -> bool:
    await asyncio.wait_for(anext(changes), 5)
    return True


async def test_an_edit_in_place_is_seen(home: YamlHome) -> None:
    async with watching(home) as changes:
        home.path.write_text(OTHER)
        assert await seen(changes)


async def test_an_edit_of_the_same_size_is_seen(home: YamlHome) -> None:
    async with watching(home) as changes:
        home.path.write_text(TEXT.replace("s", "z"))
        assert await seen(changes)


async def test_an_editor_that_replaces_the_file_is_seen(home: YamlHome) -> None:
    async with watching(home) as changes:
        other = home.path.with_name("swap")
        other.write_text(OTHER)
        other.replace(home.path)
        assert await seen(changes)
        home.path.write_text(TEXT)
        assert await seen(changes)


async def test_a_link_that_is_turned_is_seen(home: YamlHome, tmp_path: Path) -> None:
    link, other = tmp_path / "link.yaml", tmp_path / "other.yaml"
    other.write_text(OTHER)
    link.symlink_to(home.path)
    async with watching(YamlHome(link, poll_s=0.01)) as changes:
        link.unlink()
        link.symlink_to(other)
        assert await seen(changes)


async def test_a_file_that_goes_and_comes_back_is_seen(home: YamlHome) -> None:
    async with watching(home) as changes:
        home.path.unlink()
        assert await seen(changes)
        home.path.write_text(OTHER)
        assert await seen(changes)
