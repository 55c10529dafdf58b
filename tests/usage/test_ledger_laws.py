"""Whatever happens in whatever order: one row per attempt, nothing lost, nothing counted twice."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.usage.cases import finished, open_database, rows, started

from laird.domain.errors import StorageUnavailable, UsageUnavailable
from laird.domain.usage import AttemptStarted, AttemptStatus
from laird.storage.engine import Database, sqlite_url
from laird.usage.drain import Drain
from laird.usage.journal import Journal
from laird.usage.recovery import recover
from laird.usage.segments import find_segments

Identity = tuple[str, int]


class Ledger(RuleBasedStateMachine):
    """A server's life: attempts, drains, outages, kills, old files that come back."""

    template: Path

    @initialize()
    def begin(self) -> None:
        self.home = Path(tempfile.mkdtemp())
        self.file = self.home / "laird.db"
        shutil.copy(self.template, self.file)
        self.database = Database(sqlite_url(self.file), busy_timeout_s=0.01)
        self.loop = asyncio.new_event_loop()
        self.open: dict[Identity, AttemptStarted] = {}
        self.done: dict[Identity, int] = {}
        self.in_memory: set[Identity] = set()
        """Finished, but on no disk for all we know: a kill may make them interrupted ones."""
        self.interrupted: dict[Identity, int | None] = {}
        self.perhaps: dict[Identity, int] = {}
        """Killed when only memory, or perhaps the ledger, had the finish."""
        self.seen: dict[str, bytes] = {}
        self.number = 0
        self.killed_at = 0
        self.away = False
        self.disk_fails = False
        self.write = os.write
        self.boot()

    def boot(self) -> None:
        self.journal = Journal(self.home / "journal", segment_bytes=2_000)
        self.drain = Drain(self.journal, self.database)

    def failing(self, descriptor: int, data: bytes) -> int:
        """Take half of what is written, as a disk that fills up does."""
        if len(data) > 20 and bytes(data[:2]) == b"LJ":
            self.write(descriptor, bytes(data[: len(data) // 2]))
            raise OSError(errno.ENOSPC, "No space left on device")
        return self.write(descriptor, data)

    @rule(
        costs=st.lists(st.integers(0, 10**9), min_size=1, max_size=6),
        finishes=st.integers(0, 8),
        oldest=st.booleans(),
        retry=st.booleans(),
    )
    def serve(self, costs: list[int], finishes: int, *, oldest: bool, retry: bool) -> None:
        for cost in costs:
            self.start(cost, retry=retry)
        for cost in range(min(finishes, len(self.open))):
            self.finish(cost, oldest=oldest)

    @rule(oldest=st.booleans())
    def finish_everything(self, *, oldest: bool) -> None:
        while self.open:
            self.finish(7, oldest=oldest)

    def start(self, cost: int, *, retry: bool) -> None:
        self.number += 1
        name, attempt = (f"req_{self.number - 1}", 2) if retry else (f"req_{self.number}", 1)
        begun = started(name, attempt, cost_nano=cost)
        try:
            self.journal.start(begun)
        except UsageUnavailable:
            assert self.disk_fails
        else:
            self.open[name, attempt] = begun

    def finish(self, cost: int, *, oldest: bool) -> None:
        identity = next(iter(self.open) if oldest else reversed(self.open))
        begun = self.open.pop(identity)
        self.done[identity] = cost
        self.journal.finish(finished(begun, cost_nano=cost))
        if identity in self.journal.unwritten:
            assert self.disk_fails
            self.in_memory.add(identity)

    @rule()
    def flush(self) -> None:
        self.remember_files()
        complete = self.loop.run_until_complete(self.drain.flush())
        if complete:
            self.in_memory.clear()
            for file in find_segments(self.home / "journal"):
                assert file.path not in {each.path for each in self.journal.sealed}
            assert self.journal.pending_records == 0
            if not self.away:
                found = rows(self.database)
                assert set(self.done) <= set(found)
                assert not set(self.open) & set(found)
        else:
            assert self.away or self.disk_fails
            assert self.drain.state.last_error

    def remember_files(self) -> None:
        for segment in find_segments(self.home / "journal"):
            self.seen[segment.path.name] = segment.path.read_bytes()

    @precondition(lambda self: self.number > self.killed_at + 3)
    @rule(tail=st.binary(max_size=40), old=st.booleans(), recovers=st.booleans())
    def kill(self, tail: bytes, *, old: bool, recovers: bool) -> None:
        """Die at once; a half record may stand at the end, and old files may come back."""
        if self.journal._path:
            os.close(self.journal._descriptor)
            with self.journal._path.open("r+b") as file:
                file.seek(self.journal._offset)
                file.write(tail)
        self.remember_files()
        self.killed_at = self.number
        for identity, begun in self.open.items():
            self.interrupted[identity] = begun.cost_nano
        for identity in self.in_memory:
            self.perhaps[identity] = self.done.pop(identity)
        self.open.clear()
        self.in_memory.clear()
        self.disk_is_back()
        if old:
            for name, content in self.seen.items():
                gone = self.home / "journal" / name
                if not gone.exists():
                    gone.write_bytes(content)
        if recovers:
            try:
                recover(self.home / "journal", self.database)
            except StorageUnavailable:
                assert self.away
        self.boot()

    @rule(database=st.booleans())
    def outage_begins_or_ends(self, *, database: bool) -> None:
        if database:
            self.database_goes_or_comes()
        else:
            self.disk_fills_or_frees()

    def database_goes_or_comes(self) -> None:
        moved = self.home / "moved"
        if self.away:
            moved.rename(self.file)
        else:
            self.file.rename(moved)
        self.away = not self.away

    def disk_fills_or_frees(self) -> None:
        if self.disk_fails:
            self.disk_is_back()
        else:
            self.disk_fails = True
            os.write = self.failing  # type: ignore[assignment]

    def disk_is_back(self) -> None:
        self.disk_fails = False
        os.write = self.write

    @invariant()
    def counters_are_honest(self) -> None:
        assert self.journal.open_attempts >= len(self.open)
        assert self.journal.pending_records >= len(self.in_memory)

    def teardown(self) -> None:
        try:
            self.check_everything()
        finally:
            os.write = self.write
            self.journal.close()
            self.database.close()
            self.loop.close()
            shutil.rmtree(self.home)

    def check_everything(self) -> None:
        self.disk_is_back()
        if self.away:
            self.database_goes_or_comes()
        assert self.loop.run_until_complete(self.drain.flush())
        self.kill(b"", old=True, recovers=True)
        found = rows(self.database)
        for identity, cost in self.done.items():
            assert (found[identity].status, found[identity].cost_nano) == (AttemptStatus.OK, cost)
        for identity, estimate in self.interrupted.items():
            row = found[identity]
            assert (row.status, row.cost_nano) == (AttemptStatus.INTERRUPTED, estimate)
        for identity, cost in self.perhaps.items():
            row = found[identity]
            assert row.status is AttemptStatus.INTERRUPTED or row.cost_nano == cost
        assert set(found) == {*self.done, *self.interrupted, *self.perhaps}


@pytest.mark.slow
def test_the_ledger_keeps_its_laws(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    database.close()
    Ledger.template = database.file
    run_state_machine_as_test(
        Ledger,
        settings=settings(
            max_examples=50,
            stateful_step_count=30,
            deadline=None,
            phases=(Phase.explicit, Phase.generate),
            suppress_health_check=list(HealthCheck),
        ),
    )
