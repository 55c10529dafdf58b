"""The journal's files: how a record is laid out, and how a file is read that may be damaged.

A journal is a directory of segment files named `<sequence>-<seed>.segment`. A segment is a run of
records and, behind them, zeros that were reserved for more. A record is, little-endian:

    mark     4 bytes  4c 4a fe, then 01 for a start and 02 for a finish
    length   4 bytes  of the payload
    checksum 4 bytes  CRC-32 of the whole record with zeros here, begun from the seed
    payload           MessagePack of the value, as an array

The seed is a random number of the run that wrote the file. It is part of every checksum, so text
inside a payload can't be made to look like a record of its own when a damaged file is searched.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import msgspec

STARTED = b"LJ\xfe\x01"
FINISHED = b"LJ\xfe\x02"
HEADER = struct.Struct("<4sII")
CHECKSUM = struct.Struct("<I")
CHECKSUM_OFFSET = 8
MAX_PAYLOAD = 1 << 20
"""A longer length is damage."""

_MARK = STARTED[:3]
_KINDS = frozenset({STARTED, FINISHED})

_NAME = re.compile(r"([0-9]{10})-([0-9a-f]{8})\.segment")


class Segment(msgspec.Struct, frozen=True):
    """A file that nothing is appended to any more."""

    path: Path
    seed: int
    finished: int = 0
    """Finished records in it; 0 also when the file is of an earlier run and was not read yet."""
    size: int = 0
    """Bytes that hold records."""


def segment_name(sequence: int, seed: int) -> str:
    """Return the file name of a segment."""
    return f"{sequence:010d}-{seed:08x}.segment"


def sequence_of(path: Path) -> int | None:
    """Return the number of a segment file, or None when the name is not one of a segment."""
    match = _NAME.fullmatch(path.name)
    return int(match[1]) if match else None


def find_segments(directory: Path) -> list[Segment]:
    """Return the segments in a directory, oldest first; a missing directory has none.

    Raises:
        OSError: the directory can't be read.
    """
    found = []
    if directory.is_dir():
        for path in directory.iterdir():
            match = _NAME.fullmatch(path.name)
            if match:
                size = path.stat().st_size
                found.append((int(match[1]), Segment(path, int(match[2], 16), size=size)))
    return [segment for _, segment in sorted(found, key=lambda pair: pair[0])]


class Scan:
    """The good records of a segment's content, one by one; damage is skipped and counted.

    `damaged` and `torn` are known when the iteration has come to its end.
    """

    def __init__(self, data: bytes, seed: int) -> None:
        self._data = data
        self._seed = seed
        self.damaged = 0
        """Gaps that were skipped because good records follow them."""
        self.torn = False
        """The last write was cut off; what it held was never acknowledged."""

    def __iter__(self) -> Iterator[tuple[bytes, memoryview]]:
        """Yield kind and payload of each record whose checksum is right, oldest first."""
        data = self._data
        view = memoryview(data)
        end = 0
        position = data.find(_MARK)
        while 0 <= position <= len(data) - HEADER.size:
            kind, length, checksum = HEADER.unpack_from(data, position)
            start = position + HEADER.size
            stop = start + length
            if (
                kind in _KINDS
                and length <= MAX_PAYLOAD
                and stop <= len(data)
                and crc32(view[start:stop], crc32(HEADER.pack(kind, length, 0), self._seed))
                == checksum
            ):
                if position != end:
                    self.damaged += 1
                end = stop
                yield kind, view[start:stop]
                position = data.find(_MARK, stop)
            else:
                position = data.find(_MARK, position + 1)
        # Zeros are reserved space; anything else behind the last good record is half a write.
        self.torn = data.count(0, end) != len(data) - end
