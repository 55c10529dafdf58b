"""The data of server-sent events with a name each, as Anthropic's API and Cohere's write them."""

from __future__ import annotations

from laird.transport.sse import SseSplitter

_LONGEST_EARLY = 65_536
"""Bytes that are kept while no event has come, to find an error that is plain JSON."""


class Payloads:
    """Splits a stream into the data of its events, past the splitter where it can be."""

    __slots__ = ("_between", "_early", "_split")

    def __init__(self) -> None:
        self._split = SseSplitter().feed
        self._between = False
        self._early: bytes | None = b""

    @property
    def early(self) -> bytes:
        """What came before there was any event: a server that fails early may answer plain JSON."""
        return self._early or b""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the data of the events that are whole now."""
        if self._between:
            payloads = _plain(data)
            if payloads is not None:
                return payloads
        if data:
            # Only an empty line of LFs is taken for an end: the splitter then holds nothing back.
            self._between = data[-2:] == b"\n\n"
        payloads = [payload for _, payload in self._split(data)]
        if payloads:
            self._early = None
        elif self._early is not None and len(self._early) < _LONGEST_EARLY:
            self._early += data
        return payloads


def _plain(data: bytes) -> list[bytes] | None:
    """Return the payloads of whole events of two lines each.

    None where something in `data`, which begins an event, is not of that form.
    """
    if data[-2:] != b"\n\n" or data[:6] != b"event:" or b"\r" in data:
        return None
    if data.count(b"\n") == 3:
        # The usual read: one event. Its third line end is the one between name and data.
        payload = data[:-2].partition(b"\ndata: ")[2]
        return [payload] if payload else None
    payloads = []
    for block in data[:-2].split(b"\n\n"):
        name, _, payload = block.partition(b"\ndata: ")
        if not payload or name[:6] != b"event:" or b"\n" in name or b"\n" in payload:
            return None
        payloads.append(payload)
    return payloads
