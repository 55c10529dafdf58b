"""Long texts as the database holds them: compressed."""

from __future__ import annotations

import zlib

_LEVEL = 3


def pack(data: bytes) -> bytes:
    """Return bytes as they are stored."""
    return zlib.compress(data, _LEVEL)


def unpack(stored: bytes) -> bytes:
    """Return the bytes that were stored. Raises `ValueError` when they are damaged."""
    try:
        return zlib.decompress(stored)
    except zlib.error as error:
        raise ValueError(str(error)) from None
