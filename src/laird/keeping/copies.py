"""A copy of one request and its answer, in the making and whole."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson

LARGEST = 4 * 1024 * 1024
"""Bytes of a request's body, or of an answer, that are kept."""


class KeptRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request and its answer, as the client sent and saw them. Headers are never in it."""

    request_id: str
    at_us: int
    """When it was answered, UTC microseconds."""
    key_id: str
    dialect: str
    model: str
    """What was asked for."""
    stream: bool
    local_only: bool
    """It had to stay local."""
    error: str | None = None
    """A code of the error tree, where it failed before anything was sent; `cancelled` where the
    client went away."""
    request: bytes | None
    """JSON; None where it was too large."""
    answer: bytes | None
    """The body, of a stream all of its bytes; None where nothing was sent."""
    cut: bool = False
    """Something was too large: the request is missing, or the answer is cut off."""

    @property
    def size(self) -> int:
        """Bytes of text."""
        return len(self.request or b"") + len(self.answer or b"")


class AnswerCopy:
    """Collects an answer piece by piece, up to the largest size."""

    __slots__ = ("_left", "_pieces", "cut")

    def __init__(self, largest: int = LARGEST) -> None:
        self._pieces: list[bytes] = []
        self._left = largest
        self.cut = False

    def add(self, data: bytes) -> None:
        """Take the next piece."""
        if len(data) > self._left:
            self.cut = True
            data = data[: self._left]
        if data:
            self._pieces.append(data)
            self._left -= len(data)

    @property
    def content(self) -> bytes | None:
        """What was collected; None where there was nothing."""
        return b"".join(self._pieces) if self._pieces else None


def content(data: bytes | None) -> Any:
    """Return what was copied as others read it: JSON as its value, all else as text."""
    if data is None:
        return None
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return data.decode("utf-8", "replace")
