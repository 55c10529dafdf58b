"""The journal: what was begun and what it cost, in the kernel's hands before anybody is answered.

One small record is appended when an attempt starts and one when it is finished, each with one
write. A record that was written survives the death of the process; the drain moves finished ones
into the ledger. The layout of the files is described in `segments`.

A full disk must not cost a row. So space is reserved before it is needed: a segment is allocated
in full when it is created, and a start is only accepted when the segment has room for it and for
the finish of everything that is under way. A start that finds no room, and no room for a new
segment either, is refused; a finish always finds its own.

A new segment begins with copies of the starts that are still under way. Each older segment can
therefore be deleted as soon as its finished records are in the ledger.
"""

from __future__ import annotations

import errno
import os
import secrets
from pathlib import Path
from zlib import crc32

import msgspec

from laird.domain.errors import UsageUnavailable
from laird.domain.usage import AttemptFinished, AttemptStarted
from laird.usage.bounds import bounded
from laird.usage.segments import (
    CHECKSUM,
    CHECKSUM_OFFSET,
    FINISHED,
    HEADER,
    MAX_PAYLOAD,
    STARTED,
    Segment,
    find_segments,
    segment_name,
    sequence_of,
)

SEGMENT_BYTES = 4 * 1024 * 1024

MOST_AT_HAND = 10_000
"""Finished attempts that are kept in memory for the drain, some 10 MB; the others are read again
from their files."""

_HEAD = HEADER.size
# A finished record is its started record and at most so much more: the counts, cost and times are
# at most 9 bytes each, the status and the error are short words.
_FINISH_EXTRA = 256

Identity = tuple[str, int]
"""Request id and attempt number."""


class Journal:
    """The open journal of this process. Used from one thread only, the event loop's.

    Args:
        directory: where the segments are; made with mode 0700 when missing.
        segment_bytes: what a segment is allocated with; more when what is under way needs it.
        at_hand: finished attempts that memory may hold for the drain.

    Raises:
        UsageUnavailable: the directory can't be made or read.
    """

    def __init__(
        self,
        directory: Path,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        at_hand: int = MOST_AT_HAND,
    ) -> None:
        self._directory = directory
        self._segment_bytes = segment_bytes
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.inherited = find_segments(directory)
        except OSError as error:
            raise _refusal(directory, error) from error
        self.sealed: list[Segment] = []
        """Segments of this run that wait for the drain, oldest first."""
        last = sequence_of(self.inherited[-1].path) if self.inherited else 0
        self._sequence = last or 0
        self._seed = secrets.randbits(32)
        self._encode_into = msgspec.msgpack.Encoder().encode_into
        self._buffer = bytearray(1024)
        self._path: Path | None = None
        self._descriptor = -1
        self._offset = 0
        self._capacity = 0
        self._finished = 0
        self._at_hand: list[AttemptFinished] = []
        self._rows: dict[Path, list[AttemptFinished]] = {}
        self._rows_kept = 0
        self._most_rows = at_hand
        self._open: dict[Identity, bytes] = {}
        self._reserved = 0
        self.unwritten: dict[Identity, AttemptFinished] = {}
        """Finished attempts that no disk would take; the drain brings them into the ledger."""

    @property
    def open_attempts(self) -> int:
        """Attempts that were started and not finished."""
        return len(self._open)

    @property
    def pending_records(self) -> int:
        """Finished attempts of this run that are not in the ledger yet."""
        waiting = sum(segment.finished for segment in self.sealed)
        return waiting + self._finished + len(self.unwritten)

    @property
    def pending_bytes(self) -> int:
        """Bytes of records on disk, those of earlier runs included."""
        files = (*self.inherited, *self.sealed)
        return self._offset + sum(segment.size for segment in files)

    def start(self, attempt: AttemptStarted) -> None:
        """Record that an attempt is about to be made.

        Raises:
            UsageUnavailable: it can't be recorded, so the attempt must not be made.
        """
        buffer = self._buffer
        self._encode_into(attempt, buffer, _HEAD)
        size = len(buffer)
        reserve = size + _FINISH_EXTRA
        if self._offset + size + reserve + self._reserved > self._capacity:
            self._make_room(size + reserve)
        self._append(STARTED, size)
        self._open[attempt.request_id, attempt.attempt] = bytes(buffer)
        self._reserved += reserve

    def finish(self, attempt: AttemptFinished) -> None:
        """Record how an attempt ended. Never raises for want of space.

        What the disk does not take is kept in memory, and the drain tries again. It is then lost
        only if the process dies before; the attempt is still known as an interrupted one.
        """
        buffer = self._buffer
        try:
            self._encode_into(attempt, buffer, _HEAD)
        except OverflowError:
            attempt = bounded(attempt)
            self._encode_into(attempt, buffer, _HEAD)
        size = len(buffer)
        identity = (attempt.started.request_id, attempt.started.attempt)
        try:
            if self._offset + size > self._capacity:
                self._make_room(size)
            self._append(FINISHED, size)
        except UsageUnavailable:
            self.unwritten[identity] = attempt
            return
        self._finished += 1
        if self._rows_kept < self._most_rows:
            self._rows_kept += 1
            self._at_hand.append(attempt)
        self._close_attempt(identity)

    def retry_unwritten(self) -> None:
        """Try again to write what the disk did not take."""
        for attempt in tuple(self.unwritten.values()):
            del self.unwritten[attempt.started.request_id, attempt.started.attempt]
            self.finish(attempt)

    def forget_unwritten(self, identities: list[Identity]) -> None:
        """Drop finished attempts from memory that are in the ledger by now."""
        for identity in identities:
            self.unwritten.pop(identity, None)
            self._close_attempt(identity)

    def rows(self, segment: Segment) -> list[AttemptFinished] | None:
        """Return all that is finished in a sealed segment, where memory still holds it."""
        return self._rows.get(segment.path)

    def seal(self) -> None:
        """Close the active segment if it has finished records, so that it can be drained.

        Raises:
            UsageUnavailable: there is no space for the next one; everything stays as it was.
        """
        if self._finished:
            self._rotate(0)

    def discard(self, segments: list[Segment]) -> None:
        """Forget segments whose files are gone."""
        gone = {segment.path for segment in segments}
        for path in gone:
            self._rows_kept -= len(self._rows.pop(path, ()))
        self.sealed = [segment for segment in self.sealed if segment.path not in gone]
        self.inherited = [segment for segment in self.inherited if segment.path not in gone]

    def close(self) -> None:
        """Close the active segment; it is deleted when nothing is in it that must be kept."""
        if self._path is None:
            return
        self._trim()
        os.close(self._descriptor)
        if not self._finished and not self._open:
            self._path.unlink(missing_ok=True)
        self._path = None
        self._capacity = self._offset = 0

    def _close_attempt(self, identity: Identity) -> None:
        record = self._open.pop(identity, None)
        if record is not None:
            self._reserved -= len(record) + _FINISH_EXTRA

    def _append(self, kind: bytes, size: int) -> None:
        """Write the record whose payload is in the buffer."""
        record = self._buffer
        HEADER.pack_into(record, 0, kind, size - _HEAD, 0)
        CHECKSUM.pack_into(record, CHECKSUM_OFFSET, crc32(record, self._seed))
        try:
            if os.write(self._descriptor, record) != size:
                raise _full()
        except OSError as error:
            self._retreat()
            raise _refusal(self._directory, error) from error
        self._offset += size

    def _retreat(self) -> None:
        """Cut off half a record, and use the segment no more: the next record opens another one.

        When even the cut fails, the half record stays the last thing in its file, where a reader
        knows it for what it is.
        """
        self._trim()
        self._capacity = self._offset

    def _trim(self) -> None:
        try:
            os.ftruncate(self._descriptor, self._offset)
        except OSError:
            return

    def _make_room(self, size: int) -> None:
        if size > MAX_PAYLOAD:
            raise UsageUnavailable("The usage record of this request is too large to be kept.")
        self._rotate(size)

    def _rotate(self, size: int) -> None:
        """Open the next segment, with room for `size` more bytes, and seal the active one."""
        copies = b"".join(self._open.values())
        self._reserved = len(copies) + _FINISH_EXTRA * len(self._open)
        needed = len(copies) + self._reserved + size
        capacity = max(self._segment_bytes, 2 * needed)
        path = self._directory / segment_name(self._sequence + 1, self._seed)
        descriptor = _create(path, capacity, copies)
        if self._path is not None:
            self._trim()
            os.close(self._descriptor)
            self._hand_over(self._path)
        self._sequence += 1
        self._path = path
        self._descriptor = descriptor
        self._offset = len(copies)
        self._capacity = capacity
        self._finished = 0

    def _hand_over(self, path: Path) -> None:
        """Give the active segment to the drain, with its rows where all of them are at hand."""
        self.sealed.append(Segment(path, self._seed, self._finished, self._offset))
        rows, self._at_hand = self._at_hand, []
        if len(rows) == self._finished:
            self._rows[path] = rows
        else:
            self._rows_kept -= len(rows)


def _create(path: Path, capacity: int, content: bytes) -> int:
    """Create a segment with all its space and return its descriptor, placed behind the content.

    Raises:
        UsageUnavailable: no space, or no way to write; then there is no file either.
    """
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _refusal(path.parent, error) from error
    try:
        _reserve(descriptor, capacity)
        _write_all(descriptor, content)
    except OSError as error:
        os.close(descriptor)
        path.unlink(missing_ok=True)
        raise _refusal(path.parent, error) from error
    return descriptor


def _write_all(descriptor: int, content: bytes | bytearray) -> None:
    """Write with one call; a write that was cut short means that the disk is full."""
    if os.write(descriptor, content) != len(content):
        raise _full()


def _full() -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _reserve(descriptor: int, capacity: int) -> None:
    """Allocate a file's blocks. Where a file system can't, writes may fail later and are kept."""
    if not hasattr(os, "posix_fallocate"):
        return
    try:
        os.posix_fallocate(descriptor, 0, capacity)
    except OSError as error:
        if error.errno not in {errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS}:
            raise


def _refusal(directory: Path, error: OSError) -> UsageUnavailable:
    return UsageUnavailable(
        f"Usage can't be recorded in {directory} ({error.strerror});"
        " requests are refused until it can. Free some space or check the disk."
    )
