"""What the scripted upstream can be told to do: one frozen `Answer` per request.

Start from one of the functions below and refine it: `sse_answer(chunks).stalled(at=2)`,
`json_answer({...}).coded("gzip").closing()`, `failing(503).held(gate)`.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import format_datetime
from enum import Enum
from typing import Any, Literal

from tests.support.gates import Waitable

Framing = Literal["length", "chunked", "until-close", "raw"]
Coding = Literal["gzip", "deflate", "raw-deflate"]
Headers = Sequence[tuple[str, str]]

_WINDOW = {"gzip": 31, "deflate": 15, "raw-deflate": -15}


class End(Enum):
    """What becomes of the connection when the script of an answer has been played."""

    KEEP = "keep"
    CLOSE = "close"
    RESET = "reset"
    STALL = "stall"


@dataclass(frozen=True)
class Answer:
    """One scripted answer. `chunks` are the body's pieces, each written by itself."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    chunks: tuple[bytes, ...] = ()
    framing: Framing = "length"
    coding: Coding | None = None
    end: End = End.KEEP
    early: bool = False
    pause: float = 0.0
    first_bytes: bytes = b""
    last_bytes: bytes = b""
    head_gate: Waitable | None = None
    head_split: bool = False
    gate: Waitable | None = None
    gate_at: int = 0
    stop_at_chunk: int | None = None
    stop_at_byte: int | None = None

    def with_headers(self, *headers: tuple[str, str]) -> Answer:
        """Add headers."""
        return replace(self, headers=(*self.headers, *headers))

    def framed(self, framing: Framing) -> Answer:
        """Choose how the body's end is told: length, chunked, until-close."""
        return replace(self, framing=framing)

    def coded(self, coding: Coding) -> Answer:
        """Compress the body; `raw-deflate` says deflate but leaves out the zlib wrapper."""
        return replace(self, coding=coding)

    def paced(self, seconds: float) -> Answer:
        """Pause before each chunk but the first."""
        return replace(self, pause=seconds)

    def held(self, gate: Waitable, *, at: int | None = None) -> Answer:
        """Hold the whole answer until the gate opens, or from chunk `at` on."""
        if at is None:
            return replace(self, head_gate=gate)
        return replace(self, gate=gate, gate_at=at)

    def slow_head(self, gate: Waitable) -> Answer:
        """Send half of the head, and the rest once the gate opens."""
        return replace(self, head_gate=gate, head_split=True)

    def reset(self, *, at: int | None = None, byte: int | None = None) -> Answer:
        """Break with a TCP reset before chunk `at`, or after `byte` bytes (head included).

        Without either it happens after the last chunk, before the mark that ends a chunked body.
        """
        return self._stopped(End.RESET, at, byte)

    def cut(self, *, at: int | None = None, byte: int | None = None) -> Answer:
        """Close properly at TCP level, but in the middle of the answer."""
        return self._stopped(End.CLOSE, at, byte)

    def stalled(self, *, at: int | None = None, byte: int | None = None) -> Answer:
        """Fall silent until the client goes away."""
        return self._stopped(End.STALL, at, byte)

    def _stopped(self, end: End, at: int | None, byte: int | None) -> Answer:
        if at is None and byte is None:
            at = len(self.chunks)
        return replace(self, end=end, stop_at_chunk=at, stop_at_byte=byte)

    def closing(self, *, announced: bool = True) -> Answer:
        """Close after the answer, with `Connection: close` or without a word."""
        closed = replace(self, end=End.CLOSE)
        return closed.with_headers(("Connection", "close")) if announced else closed

    def before_body(self) -> Answer:
        """Answer as soon as the request's head is there, and close without reading its body."""
        return replace(self, early=True, end=End.CLOSE).with_headers(("Connection", "close"))

    def preceded_by(self, data: bytes) -> Answer:
        """Send bytes before the head, such as an informational answer."""
        return replace(self, first_bytes=data)

    def followed_by(self, data: bytes) -> Answer:
        """Send bytes that belong to no answer right after this one."""
        return replace(self, last_bytes=data)

    def head(self) -> bytes:
        """Return the status line and headers as bytes."""
        headers = list(self.headers)
        names = {name.lower() for name, _ in headers}
        if self.coding is not None:
            headers.append(("Content-Encoding", self.coding.removeprefix("raw-")))
        if self.framing == "chunked":
            headers.append(("Transfer-Encoding", "chunked"))
        elif self.framing == "length" and "content-length" not in names:
            length = sum(map(len, self.coded_chunks()))
            headers.append(("Content-Length", str(length)))
        lines = [f"HTTP/1.1 {self.status} Scripted", *(f"{k}: {v}" for k, v in headers)]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def coded_chunks(self) -> Iterable[bytes]:
        """Return the body's pieces, compressed where that is asked for."""
        if self.coding is None:
            return self.chunks
        press = zlib.compressobj(wbits=_WINDOW[self.coding])
        pieces = [press.compress(c) + press.flush(zlib.Z_SYNC_FLUSH) for c in self.chunks]
        return [*pieces, press.flush()]


def json_answer(value: Any, *, status: int = 200, headers: Headers = ()) -> Answer:
    """Answer with JSON and a Content-Length."""
    body = json.dumps(value).encode()
    return Answer(status, (("Content-Type", "application/json"), *headers), (body,))


def text_answer(
    body: bytes, *, status: int = 200, content_type: str = "text/plain", headers: Headers = ()
) -> Answer:
    """Answer with any bytes; the way to a wrong content type."""
    return Answer(status, (("Content-Type", content_type), *headers), (body,))


def sse_answer(chunks: Iterable[bytes], *, headers: Headers = ()) -> Answer:
    """Stream server-sent events, one HTTP chunk for each piece."""
    head = (("Content-Type", "text/event-stream"), *headers)
    return Answer(200, head, tuple(chunks), framing="chunked")


def raw_answer(*pieces: bytes) -> Answer:
    """Send exactly these bytes, with no head made here, and close."""
    return Answer(chunks=pieces, framing="raw", end=End.CLOSE)


def truncated_json(value: Any, keep: int = 10) -> Answer:
    """Answer well framed, with only the first bytes of the JSON."""
    return text_answer(json.dumps(value).encode()[:keep], content_type="application/json")


def failing(status: int, message: str = "scripted failure", *, headers: Headers = ()) -> Answer:
    """Answer with an error in OpenAI's form."""
    error = {"message": message, "type": "server_error", "param": None, "code": None}
    return json_answer({"error": error}, status=status, headers=headers)


def rate_limited(retry_after: float | str | datetime | None = None) -> Answer:
    """Answer 429; Retry-After is a number of seconds, a date (aware) or left out."""
    if retry_after is None:
        return failing(429, "slow down")
    if isinstance(retry_after, datetime):
        retry_after = format_datetime(retry_after, usegmt=True)
    return failing(429, "slow down", headers=[("Retry-After", str(retry_after))])


def error_event(message: str = "overloaded", *, after: Iterable[bytes] = ()) -> Answer:
    """Stream with status 200 that ends in an error event after some chunks."""
    error = {"error": {"message": message, "type": "server_error", "code": None, "param": None}}
    return sse_answer([*after, b"data: " + json.dumps(error).encode() + b"\n\n"])


def giant_line(size: int) -> Answer:
    """Stream one event line of `size` bytes that never ends in a newline."""
    piece = b"x" * 65536
    return sse_answer([b"data: ", *([piece] * (size // len(piece))), b"x" * (size % len(piece))])


def bytewise(answer: Answer) -> Answer:
    """Cut the body into single bytes: splits UTF-8, escapes and line ends alike."""
    whole = b"".join(answer.chunks)
    return replace(answer, chunks=tuple(whole[i : i + 1] for i in range(len(whole))))
