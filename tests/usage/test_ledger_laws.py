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
    Bundle,
    RuleBasedStateMachine,
    consumes,
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
    under_way: Bundle[AttemptStarted] = Bundle("under_way")

    @initialize()
    def begin(self) -> None:
        self.home = Path(tempfile.mkdtemp())
        self.file = self.home / "laird.db"
        shutil.copy(self.template, self.file)
        self.database = Database(sqlite_url(self.file), busy_timeout_s=0.01)
        self.loop = asyncio.new_event_loop()
        self.open: dict[Identity, int] = {}
        self.done: dict[Identity, int] = {}
        self.in_memory: set[Identity] = set()
        """Finished, but on no disk for all we know: a kill may make them interrupted ones."""
        self.interrupted: dict[Identity, int] = {}
        self.perhaps: dict[Identity, tuple[int, int]] = {}
        """Killed when only memory, or perhaps the ledger, had the finish."""
        self.seen: dict[str, bytes] = {}
        self.number = 0
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
        target=under_way,
        again=st.booleans(),
        cost=st.integers(0, 10**9),
        provider=st.sampled_from(["openai", "ollama"]),
    )
    def start(self, cost: int, provider: str, *, again: bool) -> AttemptStarted:
        self.number += 1
        name, attempt = (f"req_{self.number - 1}", 2) if again else (f"req_{self.number}", 1)
        begun = started(name, attempt, cost_nano=cost, provider=provider)
        try:
            self.journal.start(begun)
        except UsageUnavailable:
            assert self.disk_fails
        else:
            assert not self.disk_fails or self.journal.open_attempts
            self.open[name, attempt] = cost
        return begun

    @rule(begun=consumes(under_way), cost=st.integers(0, 10**9))
    def finish(self, begun: AttemptStarted, cost: int) -> None:
        identity = (begun.request_id, begun.attempt)
        if identity not in self.open:
            return
        del self.open[identity]
        self.done[identity] = cost
        self.journal.finish(finished(begun, cost_nano=cost))
        if self.journal.unwritten:
            assert self.disk_fails
            self.in_memory.add(identity)

    @rule()
    def flush(self) -> None:
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

    @rule()
    def remember_files(self) -> None:
        for segment in find_segments(self.home / "journal"):
            self.seen[segment.path.name] = segment.path.read_bytes()

    @rule(tail=st.binary(max_size=40), old=st.booleans(), recovers=st.booleans())
    def kill(self, tail: bytes, *, old: bool, recovers: bool) -> None:
        """Die at once; a half record may stand at the end, and old files may come back."""
        os.close(self.journal._descriptor) if self.journal._path else None
        if self.journal._path:
            with self.journal._path.open("r+b") as file:
                file.seek(self.journal._offset)
                file.write(tail)
        for identity, cost in self.open.items():
            self.interrupted[identity] = cost
        for identity in self.in_memory:
            self.perhaps[identity] = (self.done.pop(identity), -1)
        self.open.clear()
        self.in_memory.clear()
        self.disk_is_back()
        if old:
            for name, content in self.seen.items():
                file = self.home / "journal" / name
                if not file.exists():
                    file.write_bytes(content)
        if recovers:
            try:
                recover(self.home / "journal", self.database)
            except StorageUnavailable:
                assert self.away
        self.boot()

    @precondition(lambda self: not self.away)
    @rule()
    def database_goes_away(self) -> None:
        self.away = True
        self.file.rename(self.home / "moved")

    @precondition(lambda self: self.away)
    @rule()
    def database_is_back(self) -> None:
        self.away = False
        (self.home / "moved").rename(self.file)

    @precondition(lambda self: not self.disk_fails)
    @rule()
    def disk_fills(self) -> None:
        self.disk_fails = True
        os.write = self.failing  # type: ignore[assignment]

    @precondition(lambda self: self.disk_fails)
    @rule()
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
            self.database_is_back()
        assert self.loop.run_until_complete(self.drain.flush())
        self.kill(b"", old=True, recovers=True)
        found = rows(self.database)
        for identity, cost in self.done.items():
            assert (found[identity].status, found[identity].cost_nano) == (AttemptStatus.OK, cost)
        for identity, cost in self.interrupted.items():
            row = found[identity]
            assert (row.status, row.cost_nano) == (AttemptStatus.INTERRUPTED, cost)
        assert set(found) == {*self.done, *self.interrupted, *self.perhaps}


@pytest.mark.slow
def test_the_ledger_keeps_its_laws(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    database.close()
    Ledger.template = database.file
    run_state_machine_as_test(
        Ledger,
        settings=settings(
            max_examples=60,
            stateful_step_count=30,
            deadline=None,
            phases=(Phase.explicit, Phase.generate),
            suppress_health_check=list(HealthCheck),
        ),
    )
