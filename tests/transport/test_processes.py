"""A process that is ended is not waited for any longer than it lives."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE

import pytest
from tests.support.waiting import MACHINE_S

from laird.transport.processes import end

_CHILD = "import time; time.sleep(600)"


@pytest.mark.parametrize("then", ["time.sleep(600)", "os._exit(3)", "print('x' * 10**7)"])
async def test_it_ends_whatever_holds_its_output(then: str) -> None:
    code = (
        "import os, subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-c', {_CHILD!r}])\n"
        "print(child.pid, flush=True)\n"
        f"{then}\n"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=PIPE)
    assert process.stdout is not None
    child = int(await process.stdout.readline())
    async with asyncio.timeout(MACHINE_S):
        assert await end(process) in {-signal.SIGKILL, 3}
    os.kill(child, signal.SIGKILL)
