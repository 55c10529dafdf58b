"""Splits a stream of server-sent events, cut anywhere, into events.

The rules are those of the WHATWG HTML standard, section 9.2.6 (interpreting an event stream):
lines end in LF, CR or CRLF; one byte order mark may lead; a line that begins with a colon is a
comment; an event ends at an empty line, is dropped when it has no data, and an event that the end
of the stream cuts is dropped too.
"""

from __future__ import annotations

from laird.domain.errors import UpstreamGarbled

SseEvent = tuple[str | None, bytes]
"""The event's name, None where it has none, and its data (several lines joined by LF)."""

_BOM = b"\xef\xbb\xbf"
_LF = 10
_CR = 13
_LINE_ENDS = b"\r\n"
_COLON = 58
_LINE_COST = 64
"""Bytes that one more line counts against the limit, since holding it costs about as much."""


class SseSplitter:
    """Collects bytes and returns the events they complete.

    The usual form, whole events of one `data: ` line each, is split without looking at lines.
    """

    __slots__ = (
        "_between",
        "_data",
        "_data_size",
        "_fresh",
        "_last_cr",
        "_max_event_bytes",
        "_name",
        "_partial",
        "_partial_size",
    )

    def __init__(self, max_event_bytes: int = 16 * 1024 * 1024) -> None:
        self._max_event_bytes = max_event_bytes
        self._between = True
        """Nothing of an unfinished event or line is held."""
        self._fresh = True
        """No byte that is not a byte order mark's was seen."""
        self._last_cr = False
        """The last line ended in CR, so a LF that follows belongs to it."""
        self._partial: list[bytes] = []
        self._data: list[bytes] = []
        self._name: str | None = None
        self._data_size = 0
        self._partial_size = 0

    def feed(self, chunk: bytes) -> list[SseEvent]:
        """Return the events that `chunk` completes.

        Raises `UpstreamGarbled` when one event is larger than the limit.
        """
        if self._between and chunk.startswith(b"data: ") and _CR not in chunk:
            end = len(chunk) - 2
            if chunk.find(_LF) == end and end < self._max_event_bytes and chunk[-1] == _LF:
                self._fresh = self._last_cr = False
                return [(None, chunk[6:end])]
            if chunk.endswith(b"\n\n") and end < self._max_event_bytes:
                parts = chunk[6:end].split(b"\n\ndata: ")
                # Every LF is one of the separators', so no part holds a second line.
                if chunk.count(b"\n") == 2 * len(parts):
                    self._fresh = self._last_cr = False
                    return [(None, part) for part in parts]
        return self._feed_lines(chunk) if chunk else []

    def _feed_lines(self, chunk: bytes) -> list[SseEvent]:
        if self._fresh:
            chunk = self._without_mark(chunk)
        if self._last_cr and chunk:
            self._last_cr = False
            chunk = chunk.removeprefix(b"\n")
        if not chunk:
            return []
        events: list[SseEvent] = []
        lines = chunk.splitlines(keepends=True)
        rest = lines.pop() if chunk[-1] not in _LINE_ENDS else b""
        for ended in lines:
            line = ended.rstrip(b"\r\n")
            if self._partial:
                line = self._completed(line)
            self._line(line, events)
        if rest:
            self._partial.append(rest)
            self._partial_size += len(rest)
        else:
            self._last_cr = chunk[-1] == _CR
        if self._data_size + self._partial_size > self._max_event_bytes:
            raise self._too_large()
        self._between = not (self._partial or self._data or self._name)
        return events

    def _completed(self, end: bytes) -> bytes:
        self._partial.append(end)
        line = b"".join(self._partial)
        self._partial.clear()
        self._partial_size = 0
        return line

    def _without_mark(self, chunk: bytes) -> bytes:
        if self._partial:
            chunk = self._partial.pop() + chunk
        if len(chunk) < len(_BOM) and _BOM.startswith(chunk):
            self._partial.append(chunk)
            self._between = False
            return b""
        self._fresh = False
        return chunk.removeprefix(_BOM)

    def _line(self, line: bytes, events: list[SseEvent]) -> None:
        if not line:
            if self._data:
                events.append((self._name, self._whole()))
            self._name = None
        elif line[:6] == b"data: ":
            self._add(line[6:])
        elif line[0] != _COLON:
            field, _, value = line.partition(b":")
            if value[:1] == b" ":
                value = value[1:]
            if field == b"data":
                self._add(value)
            elif field == b"event":
                self._name = value.decode("utf-8", "replace") or None

    def _add(self, value: bytes) -> None:
        self._data_size += len(value) + (_LINE_COST if self._data else 0)
        self._data.append(value)

    def _whole(self) -> bytes:
        if self._data_size > self._max_event_bytes:
            raise self._too_large()
        data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
        self._data.clear()
        self._data_size = 0
        return data

    def _too_large(self) -> UpstreamGarbled:
        return UpstreamGarbled(
            f"The provider sent one event of more than {self._max_event_bytes} bytes in a stream,"
            " which no chat answer needs. Check that the endpoint is the right one."
        )
