"""From segments to ledger rows, at boot and while the server runs.

Everything here may be cut short at any moment and done again: rows are inserted by identity, and a
file is deleted only after the transaction with its rows was committed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec
from sqlalchemy import Connection

from laird.domain.usage import AttemptFinished, AttemptStarted
from laird.storage.engine import Database
from laird.usage.ledger import BATCH, insert_finished, insert_interrupted
from laird.usage.segments import Records, Segment, find_segments, read

T = TypeVar("T")

_finished_decoder = msgspec.msgpack.Decoder(AttemptFinished)
_started_decoder = msgspec.msgpack.Decoder(AttemptStarted)


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
        records = _records(segment)
        for started in _decoded(_started_decoder, records.started, records):
            self._open[started.request_id, started.attempt] = started
        finished = 0
        for batch in _batches(_decoded(_finished_decoder, records.finished, records)):
            insert_finished(connection, batch)
            finished += len(batch)
            for attempt in batch:
                self._open.pop((attempt.started.request_id, attempt.started.attempt), None)
        self._add(segment, records, finished)

    def close(self, connection: Connection) -> None:
        """Insert what was never finished."""
        insert_interrupted(connection, tuple(self._open.values()))
        self.result = msgspec.structs.replace(self.result, interrupted=len(self._open))

    def _add(self, segment: Segment, records: Records, finished: int) -> None:
        so_far = self.result
        self.result = msgspec.structs.replace(
            so_far,
            finished=so_far.finished + finished,
            damaged=so_far.damaged + records.damaged,
            torn=so_far.torn + records.torn,
            aside=so_far.aside + ((segment.path,) if records.damaged else ()),
        )


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
    records = _records(segment)
    finished = 0
    for batch in _batches(_decoded(_finished_decoder, records.finished, records)):
        insert_finished(connection, batch)
        finished += len(batch)
    aside = (segment.path,) if records.damaged else ()
    return Recovered(finished, 0, records.damaged, int(records.torn), aside)


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


def _records(segment: Segment) -> Records:
    """Read a segment. One that somebody deleted counts as damage, and stops nothing else."""
    try:
        return read(segment.path.read_bytes(), segment.seed)
    except FileNotFoundError:
        return Records([], [], damaged=1)


def _decoded(
    decoder: msgspec.msgpack.Decoder[T], payloads: Iterable[memoryview], records: Records
) -> Iterator[T]:
    for payload in payloads:
        try:
            yield decoder.decode(payload)
        except msgspec.DecodeError:
            records.damaged += 1


def _batches(attempts: Iterator[AttemptFinished]) -> Iterator[list[AttemptFinished]]:
    batch = []
    for attempt in attempts:
        batch.append(attempt)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
