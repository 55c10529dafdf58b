"""Programs that run a fleet until they are killed.

    python -m tests.runtime.keeper LOGS MODEL.gguf

makes such a program for each line on its standard input: a copy of itself, since a Python for each
would take longer than all else. The program prints its process id and that of its model's process,
once that is warm, or as soon as it is there where the line says `loading`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from tests.runtime.fleets import model_at
from tests.support.waiting import until

from laird.runtime.fleet import Fleet
from laird.telemetry.logs import log_like_a_library

_LONGEST_S = 120
"""A program that was forgotten ends by itself."""


async def keep(logs: Path, file: Path, *, loading: bool) -> None:
    fleet = Fleet(logs, memory=lambda: 1000, threads=1)
    fleet.configure({"one": model_at(file, "one")})
    acquiring = asyncio.create_task(fleet.acquire("one", 60))
    if loading:
        await until(lambda: fleet.states()["one"].pid)
    else:
        await acquiring
    line = f"{os.getpid()} {fleet.states()['one'].pid}\n"
    os.write(1, line.encode())
    await acquiring
    await asyncio.get_running_loop().create_future()


def main(logs: Path, file: Path) -> None:
    log_like_a_library()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for number, line in enumerate(sys.stdin):
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.alarm(_LONGEST_S)
            loading = line.strip() == "loading"
            asyncio.run(keep(logs / str(number), file, loading=loading))
            os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
