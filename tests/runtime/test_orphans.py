"""However Laird ends, no llama.cpp process stays behind."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.processes import linux, lives
from tests.support.waiting import MACHINE_S, until

KILLS = 50
AT_ONCE = 5


class Keeper:
    """Starts programs that run a model."""

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._pipe, self._lines = process.stdin, process.stdout

    def order(self, how: str = "") -> None:
        """Start one; it is told of when its model is warm, or at once if it is `loading`."""
        self._pipe.write(f"{how}\n".encode())

    async def next(self) -> tuple[int, int]:
        """Return the process ids of the next that is ready, and of its model."""
        parent, child = (await self._lines.readline()).split()
        return int(parent), int(child)


@pytest.fixture
async def keeper(files: dict[str, Path], tmp_path: Path) -> AsyncIterator[Keeper]:
    """What starts programs that run a model."""
    command = [sys.executable, "-m", "tests.runtime.keeper", str(tmp_path), str(files["one"])]
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
    yield Keeper(process)
    process.kill()
    await process.wait()


@linux
async def test_fifty_kills_of_the_parent_leave_no_child(keeper: Keeper) -> None:
    children = set()
    for number in range(KILLS + AT_ONCE):
        if number >= AT_ONCE:
            parent, child = await keeper.next()
            assert lives(parent)
            os.kill(parent, signal.SIGKILL)
            children.add(child)
        if number < KILLS:
            keeper.order("loading" if number % 2 else "")
    assert len(children) == KILLS
    await until(lambda: not any(map(lives, children)), within=MACHINE_S + 2)


@linux
@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGINT])
async def test_a_parent_that_is_asked_to_end_leaves_none_either(
    keeper: Keeper, kind: signal.Signals
) -> None:
    keeper.order()
    parent, child = await keeper.next()
    os.kill(parent, kind)
    await until(lambda: not lives(parent) and not lives(child), within=MACHINE_S + 2)
