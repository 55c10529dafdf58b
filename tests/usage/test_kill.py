from __future__ import annotations

import os
import random
import select
import subprocess
import sys
import time
from pathlib import Path

from tests.usage.cases import rows

from laird.domain.usage import AttemptStatus
from laird.storage.engine import Database
from laird.usage.recovery import recover

SERVER = """
import asyncio, os, sys
from pathlib import Path
from laird.storage.engine import Database, sqlite_url
from laird.usage.drain import Drain
from laird.usage.journal import Journal
from tests.usage.cases import finished, started

async def serve(home, run):
    journal = Journal(home / "journal", segment_bytes=20_000)
    drain = Drain(journal, Database(sqlite_url(home / "laird.db")), interval_s=0.005)
    draining = asyncio.create_task(drain.run())
    waiting = []
    for number in range(1_000_000):
        begun = started(f"run{run}_{number}")
        journal.start(begun)
        os.write(1, f"s {begun.request_id}\\n".encode())
        waiting.append(begun)
        if len(waiting) > 5:
            done = waiting.pop(number % 5)
            journal.finish(finished(done))
            os.write(1, f"f {done.request_id}\\n".encode())
        await asyncio.sleep(0)

asyncio.run(serve(Path(sys.argv[1]), sys.argv[2]))
"""


def acknowledged_until_killed(home: Path, run: int, amount: int) -> list[str]:
    """Run a server, kill -9 it after so many bytes of acknowledgements, return all it gave."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, str(home), str(run)],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    ) as server:
        assert server.stdout is not None
        pipe = server.stdout.fileno()
        received = b""
        deadline = time.monotonic() + 30
        while len(received) < amount:
            assert select.select([pipe], [], [], max(0, deadline - time.monotonic()))[0]
            received += os.read(pipe, 4096)
        server.kill()
        while chunk := os.read(pipe, 65536):
            received += chunk
    # A line that was cut off is an acknowledgement that nobody got.
    return received.decode().split("\n")[:-1]


def test_kill_9_loses_nothing_acknowledged_and_doubles_nothing(
    database: Database, tmp_path: Path
) -> None:
    chance = random.Random(7)
    begun: set[str] = set()
    ended: set[str] = set()
    for run in range(5):
        lines = acknowledged_until_killed(tmp_path, run, chance.randrange(1_000, 60_000))
        begun |= {line[2:] for line in lines if line[0] == "s"}
        ended |= {line[2:] for line in lines if line[0] == "f"}
        if run != 2:
            recover(tmp_path / "journal", database)
    found = rows(database)
    assert len(ended) > 500
    assert {name for name in ended if found[name, 1].status is not AttemptStatus.OK} == set()
    names = {name for name, _ in found}
    assert begun - names == set()
    # At most one start and one finish per run were written but not yet acknowledged.
    assert len(names - begun) <= 5
    ok = {name for (name, _), row in found.items() if row.status is AttemptStatus.OK}
    assert len(ok - ended) <= 5
    assert all(
        row.status in {AttemptStatus.OK, AttemptStatus.INTERRUPTED} for row in found.values()
    )
    assert list((tmp_path / "journal").iterdir()) == []
