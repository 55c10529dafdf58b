"""The bytes of a GGUF header, read in order and never believed.

The layout is that of docs/gguf.md in the ggml project: little-endian numbers, strings with a length
of 64 bits before them, and typed values. Every length is held against the bytes that are there
before anything is read, and memory is taken for one window at a time.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple

from laird.domain.errors import LairdError

HEADER_LIMIT = 256 * 1024 * 1024
"""Bytes that a header may have. Real ones, with all the words of a model, have up to 30 million."""
ITEM_LIMIT = 4_000_000
"""Strings and nested arrays that are stepped over one by one, in all arrays of a header."""
KEPT_LIMIT = 65_536
"""Numbers of arrays that are kept in memory, in all arrays of a header."""

_WINDOW = 256 * 1024
_NESTING_LIMIT = 4
_STRING, _ARRAY, _BOOL = 8, 9, 7
_U32 = struct.Struct("<I")
_U64 = struct.Struct("<Q")
_ARRAY_HEAD = struct.Struct("<IQ")
# The numbers of `gguf_metadata_value_type`, without strings and arrays.
_SCALARS = {
    0: struct.Struct("<B"),
    1: struct.Struct("<b"),
    2: struct.Struct("<H"),
    3: struct.Struct("<h"),
    4: struct.Struct("<I"),
    5: struct.Struct("<i"),
    6: struct.Struct("<f"),
    _BOOL: struct.Struct("<?"),
    10: struct.Struct("<Q"),
    11: struct.Struct("<q"),
    12: struct.Struct("<d"),
}


class BadGguf(LairdError):
    """A file that is no GGUF model, or a broken one; the message tells what is wrong."""

    code = "bad_model_file"


class GgufCutShort(BadGguf):
    """The bytes end before the header does, as in a file that is not wholly there yet."""

    def __init__(self) -> None:
        super().__init__("The file ends inside its header: it is not whole.")


class ArrayValue(NamedTuple):
    """An array: how long it is, and its numbers where they were wanted."""

    length: int
    numbers: tuple[int | float, ...] | None = None


Value = int | float | bool | bytes | ArrayValue | None


class GgufBytes:
    """A header's bytes, from the first on.

    Args:
        read_at: Returns so many bytes from a place, fewer where they end.
        available: How many bytes there are.
    """

    def __init__(self, read_at: Callable[[int, int], bytes], available: int) -> None:
        self._read_at = read_at
        self._end = min(available, HEADER_LIMIT)
        self._too_long = available > HEADER_LIMIT
        self._window = b""
        self._start = 0
        self._at = 0
        self._items = 0
        self._kept = 0

    @property
    def place(self) -> int:
        """Where the next byte is, counted from the file's first."""
        return self._start + self._at

    def skip(self, count: int) -> None:
        """Step over so many bytes."""
        self._must_have(count)
        self._at += count

    def take(self, count: int) -> bytes:
        """Return the next bytes, which must be few."""
        self._fill(count)
        taken = self._window[self._at : self._at + count]
        self._at += count
        return taken

    def u32(self) -> int:
        """Return the next number of 32 bits."""
        self._fill(4)
        (number,) = _U32.unpack_from(self._window, self._at)
        self._at += 4
        return int(number)

    def u64(self) -> int:
        """Return the next number of 64 bits."""
        self._fill(8)
        (number,) = _U64.unpack_from(self._window, self._at)
        self._at += 8
        return int(number)

    def string(self, limit: int, what: str) -> bytes:
        """Return the next string, which may not be longer than `limit` bytes."""
        length = self.u64()
        self._must_have(length)
        if length > limit:
            raise BadGguf(f"The file has {what} of {length:,} bytes, which is too long.")
        return self.take(length)

    def value(self, *, text: int = 0, numbers: int = 0) -> Value:
        """Return the next typed value, None for a string that is not kept.

        Args:
            text: How many bytes of a string are kept, from its first on.
            numbers: How long an array may be so that its numbers are kept.
        """
        kind = self.u32()
        if kind == _STRING:
            return self._text(text)
        if kind == _ARRAY:
            return self._array(numbers)
        return self._scalar(kind)

    def _scalar(self, kind: int) -> int | float | bool:
        layout = _SCALARS.get(kind)
        if layout is None:
            raise BadGguf(f"The file has a value of type {kind}, which is none of GGUF's.")
        raw = self.take(layout.size)
        if kind == _BOOL and raw[0] > 1:
            raise BadGguf("The file has a truth value that is neither true nor false.")
        number: int | float | bool = layout.unpack(raw)[0]
        return number

    def _text(self, keep: int) -> bytes | None:
        length = self.u64()
        self._must_have(length)
        taken = self.take(min(length, keep)) if keep else b""
        self.skip(length - len(taken))
        return taken if keep else None

    def _array(self, keep: int, nested: int = 1) -> ArrayValue:
        kind, length = _ARRAY_HEAD.unpack(self.take(_ARRAY_HEAD.size))
        layout = _SCALARS.get(kind)
        if layout is not None:
            return self._numbers(layout, length, keep)
        if kind == _STRING:
            self._skip_strings(length)
        elif kind == _ARRAY:
            self._skip_arrays(length, nested)
        else:
            raise BadGguf(f"The file has an array of type {kind}, which is none of GGUF's.")
        return ArrayValue(length)

    def _numbers(self, layout: struct.Struct, length: int, keep: int) -> ArrayValue:
        self._must_have(length * layout.size)
        if length > keep:
            self.skip(length * layout.size)
            return ArrayValue(length)
        self._kept += length
        if self._kept > KEPT_LIMIT:
            raise BadGguf("The file tells more of its layers than a model can have.")
        raw = self.take(length * layout.size)
        return ArrayValue(length, tuple(number for (number,) in layout.iter_unpack(raw)))

    def _skip_arrays(self, length: int, nested: int) -> None:
        if nested >= _NESTING_LIMIT:
            raise BadGguf("The file has arrays within arrays, too deep to be a model's.")
        self._count(length, smallest=_ARRAY_HEAD.size)
        for _ in range(length):
            self._array(0, nested + 1)

    def _skip_strings(self, length: int) -> None:
        self._count(length, smallest=_U64.size)
        unpack, left = _U64.unpack_from, length
        while left:
            self._fill(8)
            window, at, end = self._window, self._at, len(self._window) - 8
            while left and at <= end:
                (size,) = unpack(window, at)
                at += 8 + size
                left -= 1
            # The last string may end behind the window.
            over, self._at = at - self._at, self._at
            self.skip(over)

    def _count(self, length: int, *, smallest: int) -> None:
        self._must_have(length * smallest)
        self._items += length
        if self._items > ITEM_LIMIT:
            raise BadGguf(f"The file has lists of more than {ITEM_LIMIT:,} entries.")

    def _must_have(self, count: int) -> None:
        if count > self._end - self.place:
            if self._too_long:
                raise BadGguf("The file's header is larger than that of any model.")
            raise GgufCutShort

    def _fill(self, count: int) -> None:
        """Have so many bytes in the window."""
        if self._at + count <= len(self._window):
            return
        self._must_have(count)
        place = self.place
        wanted = min(max(count, _WINDOW), self._end - place)
        self._window, self._start, self._at = self._read_at(place, wanted), place, 0
        if len(self._window) < count:
            raise GgufCutShort
