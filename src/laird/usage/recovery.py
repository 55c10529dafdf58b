"""From segments to ledger rows, at boot and while the server runs.

Everything here may be cut short at any moment and done again: rows are inserted by identity, and a
file is deleted only after the transaction with its rows was committed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import msgspec
from sqlalchemy import Connection

from laird.domain.usage import AttemptFinished, AttemptStarted
from laird.storage.engine import Database
from laird.usage.ledger import BATCH, Posting, insert_interrupted
from laird.usage.segments import FINISHED, Scan, Segment, find_segments

_finished_decoder = msgspec.msgpack.Decoder(AttemptFinished)
_started_decoder = msgspec.msgpack.Decoder(AttemptStarted)

_PAUSE_S = 0.0001


class Recovered(msgspec.Struct, frozen=True):
    """What was found in segments."""

    finished: int = 0
    interrupted: int = 0
    """Attempts of a dead process that were started and never finished."""
    damaged: int = 0
    """Places with a wrong checksum or an unreadable record; those files are set aside."""
    torn: int = 0
    """Files whose last record was cut off; it was never acknowledged."""
    aside: tuple[Path, ...] = ()
    """Damaged files, kept beside the journal under the name `*.damaged`."""


class Replay:
    """What a dead process left, segment by segment, oldest first.

    Finished attempts go in as they are found; then each attempt that was only started becomes an
    interrupted row with its estimated cost. Every method is one transaction's work.
    """

    def __init__(self) -> None:
        self.result = Recovered()
        self._open: dict[tuple[str, int], AttemptStarted] = {}

    def take(self, connection: Connection, segment: Segment) -> None:
        """Insert the finished attempts of a segment, and remember the others."""
        self.result = plus(self.result, _insert(connection, segment, self._open))

    def close(self, connection: Connection) -> None:
        """Insert what was never finished."""
        insert_interrupted(connection, tuple(self._open.values()))
        self.result = plus(self.result, Recovered(interrupted=len(self._open)))


def recover(directory: Path, database: Database) -> Recovered:
    """Bring the journal that an earlier process left into the ledger, and delete it.

    To be called before the journal is opened, and only by the process that holds the home.

    Raises:
        StorageUnavailable: the ledger can't be written now. The segments stay, and the drain of the
            journal that is opened next does what was left undone.
        OSError: the segments can't be read.
    """
    segments = find_segments(directory)
    if not segments:
        return Recovered()
    replay = Replay()
    for segment in segments:
        database.write_now(partial(replay.take, segment=segment))
    database.write_now(replay.close)
    return remove(segments, replay.result)


def drain_segment(connection: Connection, segment: Segment) -> Recovered:
    """Insert the finished attempts of a segment of this process; its starts live on elsewhere."""
    return _insert(connection, segment, None)


def drain_rows(connection: Connection, rows: Sequence[AttemptFinished]) -> Recovered:
    """Insert the finished attempts of a segment of this process that memory still holds."""
    posting = Posting(connection)
    for begin in range(0, len(rows), BATCH):
        _insert_batch(posting, rows[begin : begin + BATCH], None)
    _close(posting)
    return Recovered(finished=len(rows))


def remove(segments: Iterable[Segment], result: Recovered) -> Recovered:
    """Delete segments whose rows are committed; set the damaged ones aside for a person to see."""
    aside = []
    for segment in segments:
        if segment.path in result.aside and segment.path.exists():
            kept = segment.path.with_suffix(".damaged")
            segment.path.replace(kept)
            aside.append(kept)
        else:
            segment.path.unlink(missing_ok=True)
    return msgspec.structs.replace(result, aside=tuple(aside))


def synchronise(segments: Iterable[Segment]) -> None:
    """Have segments on the disk itself, since they will have to wait for the database."""
    for segment in segments:
        descriptor = os.open(segment.path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def plus(one: Recovered, other: Recovered) -> Recovered:
    """Return what was found in both."""
    return Recovered(
        one.finished + other.finished,
        one.interrupted + other.interrupted,
        one.damaged + other.damaged,
        one.torn + other.torn,
        (*one.aside, *other.aside),
    )


def _insert(
    connection: Connection,
    segment: Segment,
    open_attempts: dict[tuple[str, int], AttemptStarted] | None,
) -> Recovered:
    """Insert a segment's finished attempts, and keep account of those under way if asked to."""
    try:
        scan = Scan(segment.path.read_bytes(), segment.seed)
    except FileNotFoundError:
        # Somebody deleted it. That is damage, but no reason to hold up the others.
        return Recovered(damaged=1)
    posting = Posting(connection)
    finished = unreadable = 0
    batch: list[AttemptFinished] = []
    for kind, payload in scan:
        try:
            if kind == FINISHED:
                batch.append(_finished_decoder.decode(payload))
            elif open_attempts is not None:
                begun = _started_decoder.decode(payload)
                open_attempts[begun.request_id, begun.attempt] = begun
        except msgspec.DecodeError:
            unreadable += 1
        if len(batch) == BATCH:
            finished += _insert_batch(posting, batch, open_attempts)
            batch = []
    finished += _insert_batch(posting, batch, open_attempts)
    _close(posting)
    damaged = scan.damaged + unreadable
    return Recovered(
        finished=finished,
        damaged=damaged,
        torn=int(scan.torn),
        aside=(segment.path,) if damaged else (),
    )


def _insert_batch(
    posting: Posting,
    batch: Sequence[AttemptFinished],
    open_attempts: dict[tuple[str, int], AttemptStarted] | None,
) -> int:
    posting.finished(batch)
    if open_attempts:
        for attempt in batch:
            open_attempts.pop((attempt.started.request_id, attempt.started.attempt), None)
    # A real pause, not just an offer: the event loop must get its turn after every batch.
    time.sleep(_PAUSE_S)
    return len(batch)


def _close(posting: Posting) -> None:
    """Write the sums, and give way after each statement as after each batch of rows."""
    for _ in posting.closing():
        time.sleep(_PAUSE_S)
