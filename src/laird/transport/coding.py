"""Undoes Content-Encoding, a bounded piece at a time."""

from __future__ import annotations

import zlib

_GZIP = 31
_ZLIB = 15
_RAW = -15


class Decoder:
    """Decompresses gzip or deflate. Raises `zlib.error` for bytes that are neither."""

    __slots__ = ("_fed", "_press", "_rest", "_window", "backlog")

    def __init__(self, coding: str) -> None:
        """Take `gzip`, `x-gzip` or `deflate`; raises `ValueError` for anything else."""
        if coding not in {"gzip", "x-gzip", "deflate"}:
            raise ValueError(coding)
        self._window = _ZLIB if coding == "deflate" else _GZIP
        self._press = zlib.decompressobj(wbits=self._window)
        self._rest = b""
        self._fed = False
        self.backlog = False
        """There may be more output without more input."""

    @property
    def complete(self) -> bool:
        """The compressed body ended where it should; an empty one counts as such."""
        return self._press.eof or not self._fed

    def decode(self, data: bytes, limit: int) -> bytes:
        """Take more input and return at most `limit` bytes of output, maybe none."""
        if not data and not self.backlog:
            return b""
        if self._rest:
            data = self._rest + data
        if data and not self._fed:
            self._begin(data)
        if self._press.eof and data:
            # gzip allows several members one after the other.
            self._press = zlib.decompressobj(wbits=self._window)
        output = self._press.decompress(data, limit)
        self._rest = self._press.unused_data if self._press.eof else self._press.unconsumed_tail
        self.backlog = bool(self._rest) or len(output) == limit
        return output

    def _begin(self, data: bytes) -> None:
        self._fed = True
        # RFC 9110 says that deflate is the zlib format; some servers leave its wrapper out. The
        # low four bits of a zlib header are 8, those of a raw stream's first byte never are with
        # the blocks that compressors write.
        if self._window == _ZLIB and data[0] & 0x0F != 8:
            self._window = _RAW
            self._press = zlib.decompressobj(wbits=_RAW)
