"""Values in the operating system's keyring, and which keyrings count."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keyring
import keyring.backends.chainer
import keyring.backends.fail
import keyring.backends.null
import pytest
from keyring.backend import KeyringBackend
from tests.credentials.vault_world import (
    ONE,
    TWO,
    MemoryKeyring,
    credentials,
    database,
    files_with,
)

from laird.credentials.os_keyring import REAL, OsKeyring, real_backend, system_keyring
from laird.domain.credential import Slot, StoreKind
from laird.domain.errors import VaultLocked
from laird.domain.secret import Secret


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring.core, "_keyring_backend", None)


@pytest.mark.parametrize(
    "backend",
    [keyring.backends.fail.Keyring, keyring.backends.null.Keyring, MemoryKeyring],
    ids=["fail", "null", "of somebody's own"],
)
def test_what_the_system_does_not_guard_does_not_count(
    backend: Callable[[], KeyringBackend],
) -> None:
    keyring.set_keyring(backend())
    assert real_backend() is None
    assert system_keyring() is None


@pytest.mark.parametrize("module", REAL)
def test_real_ones_count_also_in_a_chain(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Real(MemoryKeyring):
        pass

    Real.__module__ = module
    real = Real()
    keyring.set_keyring(real)
    assert real_backend() is real
    chain = keyring.backends.chainer.ChainerBackend()  # type: ignore[no-untyped-call]
    monkeypatch.setattr(type(chain), "backends", [real])
    keyring.set_keyring(chain)
    assert real_backend() is real
    found = system_keyring()
    assert found is not None
    assert found.works()
    assert real.kept == {}
    real.closed = True
    assert system_keyring() is None


def test_a_keyring_that_fails_does_not_repeat_what_it_was_given() -> None:
    backend = MemoryKeyring()
    backend.closed = True
    system = OsKeyring(backend)
    for call in (
        lambda: system.put("id", Secret(ONE)),
        lambda: system.get("id"),
        lambda: system.delete("id"),
    ):
        with pytest.raises(VaultLocked, match="Unlock it") as caught:
            call()  # type: ignore[no-untyped-call]
        assert ONE not in str(caught.value)
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__


async def test_values_are_there_and_nowhere_else(tmp_path: Path) -> None:
    backend = MemoryKeyring()
    with database(tmp_path) as opened:
        stored = credentials(opened, tmp_path, keyring=backend)
        await stored.refresh()
        await stored.set("openai", Secret(ONE))
        assert stored.held.row("openai").store is StoreKind.KEYRING
        assert list(backend.kept.values()) == [ONE]
        await stored.stage("openai", Secret(TWO))
        await stored.promote("openai")
        assert sorted(backend.kept.values()) == sorted([ONE, TWO])
        assert stored.held.value("openai", Slot.PREVIOUS)[1] == Secret(ONE)
    with database(tmp_path) as opened:
        again = credentials(opened, tmp_path, keyring=backend)
        await again.refresh()
        assert again.find("openai").secret == Secret(TWO)  # type: ignore[union-attr]
        await again.remove("openai")
        assert backend.kept == {}
    assert files_with(tmp_path, ONE, TWO) == []


async def test_a_value_that_is_in_another_machines_keyring_is_missing_and_told(
    tmp_path: Path,
) -> None:
    with database(tmp_path) as opened:
        stored = credentials(opened, tmp_path, keyring=MemoryKeyring())
        await stored.refresh()
        await stored.set("openai", Secret(ONE))
        for other in (MemoryKeyring(), None):
            elsewhere = credentials(opened, tmp_path, keyring=other)
            await elsewhere.refresh()
            assert elsewhere.find("openai").secret is None  # type: ignore[union-attr]
            assert len(elsewhere.held.problems()) == 1


async def test_a_value_that_could_not_be_written_down_leaves_the_keyring_again(
    tmp_path: Path,
) -> None:
    backend = MemoryKeyring()
    with database(tmp_path) as opened:
        stored = credentials(opened, tmp_path, keyring=backend)
        await stored.refresh()
        await stored.set("first", Secret(TWO))

        def refuse(_connection: object) -> None:
            raise VaultLocked("no")

        with pytest.raises(VaultLocked):
            await stored.set("openai", Secret(ONE), also=refuse)
        assert list(backend.kept.values()) == [TWO]
        assert stored.find("openai") is None


async def test_the_vault_can_be_preferred(tmp_path: Path) -> None:
    backend = MemoryKeyring()
    with database(tmp_path) as opened:
        stored = credentials(opened, tmp_path, keyring=backend, preferred=StoreKind.VAULT)
        await stored.refresh()
        await stored.set("openai", Secret(ONE))
        assert backend.kept == {}
        await stored.set("openai", Secret(TWO), store=StoreKind.KEYRING)
        assert list(backend.kept.values()) == [TWO]
        assert stored.held.value("openai", Slot.PREVIOUS)[1] == Secret(ONE)


async def test_without_a_keyring_it_can_not_be_asked_for(tmp_path: Path) -> None:
    with database(tmp_path) as opened:
        stored = credentials(opened, tmp_path)
        await stored.refresh()
        with pytest.raises(VaultLocked, match="--store vault"):
            await stored.set("openai", Secret(ONE), store=StoreKind.KEYRING)
