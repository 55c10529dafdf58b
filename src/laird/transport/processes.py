"""The end of processes that were started here."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress

_PIPES = (0, 1, 2)


async def end(process: asyncio.subprocess.Process) -> int:
    """Kill a process where it still runs, wait for its end, and return its code.

    A process counts as ended only when its pipes are closed. That does not happen by itself while
    there is more in them than anybody reads, or while something that it has started holds them
    open; so they are closed here.
    """
    if process.returncode is None:
        # Not `process.kill`, which may itself find the end, and then nobody hears its code.
        with suppress(ProcessLookupError, PermissionError):
            os.kill(process.pid, signal.SIGKILL)
    transport: asyncio.SubprocessTransport = process._transport  # type: ignore[attr-defined]  # noqa: SLF001
    for number in _PIPES:
        pipe = transport.get_pipe_transport(number)
        if pipe is not None:
            pipe.close()
    return await process.wait()
