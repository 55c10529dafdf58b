"""The drain: moves finished attempts from the journal into the ledger, in the background.

When the database is away, traffic goes on and the journal grows; the drain tries again, ever less
often, and nothing is deleted before its rows are committed.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial

import msgspec
from sqlalchemy import Connection

from laird.domain.errors import StorageUnavailable, UsageUnavailable
from laird.domain.usage import AttemptFinished
from laird.storage.engine import Database
from laird.usage.journal import Journal
from laird.usage.ledger import insert_finished
from laird.usage.recovery import (
    Recovered,
    Replay,
    drain_rows,
    drain_segment,
    plus,
    remove,
    synchronise,
)
from laird.usage.segments import Segment

_GIVE_WAY_EVERY_S = 0.005
_GIVE_WAY_S = 0.00005


class DrainState(msgspec.Struct, frozen=True, kw_only=True):
    """How far the ledger is behind, for metrics and the dashboard."""

    pending_records: int
    """Finished attempts of this run that are not in the ledger yet."""
    pending_bytes: int
    """Bytes of journal on disk, those of earlier runs included."""
    unwritten: int
    """Finished attempts that only memory holds, because no disk took them."""
    open_attempts: int
    drained_records: int
    """Rows moved into the ledger since the start."""
    interrupted_records: int
    damaged_records: int
    failures: int
    """Passes that failed since the last good one."""
    last_error: str | None
    """Why the last pass failed; None when it did not."""


class Drain:
    """Moves finished attempts of a journal into the ledger of a database.

    Args:
        journal: the journal of this process; the drain runs on the same event loop.
        database: where the ledger is.
        interval_s: pause between two passes.
        longest_pause_s: pause after many failed passes in a row.
    """

    def __init__(
        self,
        journal: Journal,
        database: Database,
        *,
        interval_s: float = 0.75,
        longest_pause_s: float = 15.0,
    ) -> None:
        self._journal = journal
        self._database = database
        self._interval_s = interval_s
        self._longest_pause_s = longest_pause_s
        self._lock = asyncio.Lock()
        self._wanted = asyncio.Event()
        self._total = Recovered()
        self._failures = 0
        self._last_error: str | None = None
        self._synchronised: set[Segment] = set()

    @property
    def state(self) -> DrainState:
        """The counters of this moment."""
        journal = self._journal
        return DrainState(
            pending_records=journal.pending_records,
            pending_bytes=journal.pending_bytes,
            unwritten=len(journal.unwritten),
            open_attempts=journal.open_attempts,
            drained_records=self._total.finished,
            interrupted_records=self._total.interrupted,
            damaged_records=self._total.damaged,
            failures=self._failures,
            last_error=self._last_error,
        )

    async def run(self) -> None:
        """Drain again and again, until cancelled. Call `flush` once more before closing."""
        while True:
            await self.flush()
            pause = min(self._interval_s * 2.0**self._failures, self._longest_pause_s)
            try:
                await asyncio.wait_for(self._wanted.wait(), pause)
            except TimeoutError:
                continue
            self._wanted.clear()

    def wake(self) -> None:
        """Have the next pass done now, and do not wait for it."""
        self._wanted.set()

    async def flush(self) -> bool:
        """Move all that is finished into the ledger now.

        Returns whether it all is there; if not, `state.last_error` says why. Never raises for a
        database that is away or a disk that is full.
        """
        async with self._lock:
            pacing = asyncio.create_task(_give_way_often())
            try:
                await self._pass()
            except (StorageUnavailable, UsageUnavailable) as error:
                problem = error.message
            except OSError as error:
                problem = f"A segment of the journal can't be read or deleted: {error}."
            else:
                self._failures = 0
                self._last_error = None
                return True
            finally:
                pacing.cancel()
            self._failures = min(self._failures + 1, 16)
            self._last_error = problem
            await self._keep_safe()
            return False

    async def _pass(self) -> None:
        """Do all steps; one that fails for its own reasons does not hold up the others."""
        problem: UsageUnavailable | OSError | None = None
        # Sealed last: while the database is away one file grows, instead of many small ones.
        steps = (
            self._drain_inherited,
            self._drain_sealed,
            self._drain_unwritten,
            self._drain_active,
        )
        for step in steps:
            try:
                await step()
            except (UsageUnavailable, OSError) as error:
                problem = problem or error
        if problem is not None:
            raise problem

    async def _drain_inherited(self) -> None:
        segments = list(self._journal.inherited)
        if not segments:
            return
        replay = Replay()
        for segment in segments:
            await self._database.write(partial(replay.take, segment=segment))
        await self._database.write(replay.close)
        await self._done(segments, replay.result)

    async def _drain_sealed(self) -> None:
        for segment in tuple(self._journal.sealed):
            rows = self._journal.rows(segment)
            if rows is None:
                work = partial(drain_segment, segment=segment)
            else:
                work = partial(drain_rows, rows=rows)
            await self._done([segment], await self._database.write(work))

    async def _drain_active(self) -> None:
        self._journal.seal()
        await self._drain_sealed()

    async def _drain_unwritten(self) -> None:
        self._journal.retry_unwritten()
        waiting = dict(self._journal.unwritten)
        if waiting:
            attempts = list(waiting.values())
            await self._database.write(partial(_insert, attempts=attempts))
            self._journal.forget_unwritten(list(waiting))
            self._total = plus(self._total, Recovered(len(attempts)))

    async def _done(self, segments: list[Segment], result: Recovered) -> None:
        # The rows are committed: a file that can't be deleted now is found and read again at the
        # next start, and changes nothing then.
        self._journal.discard(segments)
        self._synchronised.difference_update(segments)
        self._total = plus(self._total, result)
        await asyncio.to_thread(remove, segments, result)

    async def _keep_safe(self) -> None:
        """Have what must wait for the database outlive a power cut, too."""
        waiting = [each for each in self._journal.sealed if each not in self._synchronised]
        try:
            await asyncio.to_thread(synchronise, waiting)
        except OSError as error:
            self._last_error = f"The journal can't be brought to the disk: {error}."
        else:
            self._synchronised.update(waiting)


async def _give_way_often() -> None:
    """Let the writer thread have the interpreter now and then, while the loop is busy.

    A loop that never rests releases the interpreter's lock for so short moments that a thread that
    waits for it hardly ever wins the race. A pause of the loop's whole thread is what it takes.
    """
    while True:
        await asyncio.sleep(_GIVE_WAY_EVERY_S)
        _pause()


def _pause() -> None:
    time.sleep(_GIVE_WAY_S)


def _insert(connection: Connection, attempts: list[AttemptFinished]) -> None:
    insert_finished(connection, attempts)
