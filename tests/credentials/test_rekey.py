"""The master key changes, and whenever that is cut off, everything still opens."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.credentials.vault_world import ONE, THREE, TWO, credentials, database, files_with

from laird.credentials import rows
from laird.credentials.master import FILE, NEXT_FILE, MasterKeys
from laird.domain.credential import Slot
from laird.domain.errors import VaultLocked
from laird.domain.secret import Secret

STEPS = ["made", "wrapped 1", "wrapped 2", "wrapped 4", "checked", "switched", "cleaned"]
KILLED = """
import os, signal, sys
from pathlib import Path
from laird.credentials.master import MasterKeys
from laird.credentials.rekey import rekey
from laird.storage.engine import Database, sqlite_url

home, stop = Path(sys.argv[1]), sys.argv[2]
count = 0

def reached(step):
    global count
    count += step == "wrapped"
    if stop in {step, f"{step} {count}"}:
        os.kill(os.getpid(), signal.SIGKILL)

rekey(Database(sqlite_url(home / "laird.db")), MasterKeys(home, {}), reached)
"""


async def fill(home: Path, environment: dict[str, str] | None = None) -> None:
    with database(home) as opened:
        stored = credentials(opened, home, environment=environment)
        await stored.refresh()
        await stored.set("one", Secret(ONE))
        await stored.set("two", Secret(TWO))
        await stored.stage("two", Secret(THREE))


async def check(home: Path, environment: dict[str, str] | None = None) -> None:
    """Read all that `fill` kept, with what is in the home now."""
    with database(home) as opened:
        stored = credentials(opened, home, environment=environment)
        await stored.refresh()
        assert stored.held.problems() == []
        assert stored.find("one").secret == Secret(ONE)  # type: ignore[union-attr]
        assert stored.find("two").secret == Secret(TWO)  # type: ignore[union-attr]
        assert stored.held.value("two", Slot.STAGED)[1] == Secret(THREE)


def masters_of(home: Path) -> set[str]:
    """Return the master keys that have wrapped something."""
    with database(home) as opened:
        book = opened.read_now(rows.read)
        return {master_id for wraps in book.wraps.values() for master_id in wraps}


async def test_everything_opens_with_the_new_key_and_nothing_with_the_old_one(
    tmp_path: Path,
) -> None:
    await fill(tmp_path)
    before = (tmp_path / FILE).read_text()
    with database(tmp_path) as opened:
        stored = credentials(opened, tmp_path)
        await stored.refresh()
        assert await stored.rekey() == 4
        assert stored.find("one").secret == Secret(ONE)  # type: ignore[union-attr]
        # The server goes on with the new key at once.
        await stored.set("later", Secret(ONE))
    assert (tmp_path / FILE).read_text() != before
    await check(tmp_path)
    current = MasterKeys(tmp_path, {}).current
    assert current is not None
    assert masters_of(tmp_path) == {current.id}
    (tmp_path / FILE).write_text(before)
    with pytest.raises(AssertionError):
        await check(tmp_path)


@pytest.mark.parametrize("step", STEPS)
async def test_killed_after_each_step_everything_opens_and_it_goes_on_from_there(
    step: str, tmp_path: Path
) -> None:
    await fill(tmp_path)
    command = [sys.executable, "-c", KILLED, str(tmp_path), step]
    done = await asyncio.to_thread(subprocess.run, command, check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    await check(tmp_path)
    with database(tmp_path) as opened:
        stored = credentials(opened, tmp_path)
        await stored.refresh()
        # What is set between the kill and the next try is no exception.
        await stored.set("three", Secret(THREE))
        await stored.rekey()
    await check(tmp_path)
    current = MasterKeys(tmp_path, {}).current
    assert current is not None
    assert masters_of(tmp_path) == {current.id}
    assert not (tmp_path / NEXT_FILE).exists()
    assert files_with(tmp_path, ONE, TWO, THREE) == []


async def test_what_can_not_be_opened_keeps_the_old_key_in_place(tmp_path: Path) -> None:
    await fill(tmp_path)
    before = (tmp_path / FILE).read_text()
    with database(tmp_path) as opened:
        opened.write_now(
            lambda connection: connection.exec_driver_sql(
                "UPDATE credential_values SET sealed = zeroblob(40) WHERE name = 'one'"
            )
        )
        stored = credentials(opened, tmp_path)
        await stored.refresh()
        with pytest.raises(VaultLocked, match="'one'"):
            await stored.rekey()
        assert (tmp_path / FILE).read_text() == before
        assert stored.find("two").secret == Secret(TWO)  # type: ignore[union-attr]
        await stored.remove("one")
        assert await stored.rekey() == 0
    assert (tmp_path / FILE).read_text() != before


async def test_from_one_variable_to_another(tmp_path: Path) -> None:
    old, new = {"LAIRD_MASTER_KEY": "11" * 32}, {"LAIRD_MASTER_KEY": "22" * 32}
    await fill(tmp_path, old)
    both = {**new, "LAIRD_MASTER_KEY_OLD": "11" * 32}
    await check(tmp_path, both)
    with database(tmp_path) as opened:
        stored = credentials(opened, tmp_path, environment=both)
        await stored.refresh()
        assert await stored.rekey() == 4
        assert await stored.rekey() == 0
    await check(tmp_path, new)
    with pytest.raises(AssertionError):
        await check(tmp_path, old)


async def test_from_the_file_to_a_variable(tmp_path: Path) -> None:
    await fill(tmp_path)
    given = {"LAIRD_MASTER_KEY": "22" * 32}
    with database(tmp_path) as opened:
        stored = credentials(opened, tmp_path, environment=given)
        await stored.refresh()
        await stored.rekey()
    assert not (tmp_path / FILE).exists()
    await check(tmp_path, given)
