"""Whatever bytes come, and however they are cut: an answer that is none of ours to be sorry for."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Iterable
from typing import Any

import uvicorn
from hypothesis import example, given, settings
from hypothesis import strategies as st
from uvicorn.server import ServerState

from laird.api.connection import Protocol
from laird.api.http import Receive, Scope, Send

ALLOWED = {100, 200, 400, 405, 408, 414, 431, 505}
Seen = list[tuple[str, str, bytes]]


class Wire(asyncio.Transport):
    """Keeps what is written, and says whether more is wanted."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False
        self.reading = True

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def write_eof(self) -> None:
        """Keep on reading."""

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def get_write_buffer_size(self) -> int:
        return 0

    def get_extra_info(self, _name: str, default: Any = None) -> Any:
        return default


def serving(seen: Seen) -> Any:
    """Return an application that notes each whole request, and answers it."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message["body"]
            more = message["more_body"]
        seen.append((scope["method"], scope["path"], body))
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
        )
        await send({"type": "http.response.body", "body": b"ok", "more_body": False})

    return app


async def converse(pieces: Iterable[bytes]) -> tuple[Seen, bytes]:
    """Send bytes to a connection as they are cut; return what was understood and answered."""
    seen: Seen = []
    config = uvicorn.Config(serving(seen), log_config=None)
    config.loaded_app = config.app
    protocol = Protocol(config, ServerState(), {})
    wire = Wire()
    protocol.connection_made(wire)
    for piece in pieces:
        for _ in range(200):
            if wire.reading or wire.closed:
                break
            await asyncio.sleep(0)
        if wire.closed or not wire.reading:
            break
        protocol.data_received(piece)
        for _ in range(8):
            await asyncio.sleep(0)
    for _ in range(50):
        await asyncio.sleep(0)
    protocol.connection_lost(None)
    for _ in range(8):
        await asyncio.sleep(0)
    left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert left == []
    return seen, wire.written


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[a:b] for a, b in itertools.pairwise(edges)]


LINES = [
    b"GET / HTTP/1.1\r\n",
    b"POST /x HTTP/1.1\r\n",
    b"POST /y HTTP/1.0\r\n",
    b"OPTIONS * HTTP/1.1\r\n",
    b"CONNECT a:1 HTTP/1.1\r\n",
    b"GET http://h/z HTTP/1.1\r\n",
    b"GET /a?b=%00#c HTTP/1.1\r\n",
    b"host: h\r\n",
    b"host: h\r\n",
    b"host: h\r\n",
    b"content-length: 3\r\n",
    b"content-length: 0\r\n",
    b"transfer-encoding: chunked\r\n",
    b"connection: close\r\n",
    b"connection: upgrade\r\nupgrade: h2c\r\n",
    b"expect: 100-continue\r\n",
    b"x: y\r\n",
    b" folded\r\n",
    b"\r\n",
    b"\r\n",
    b"\n",
    b"\r",
    b"abc",
    b"3\r\nabc\r\n",
    b"2;x=y\r\nab\r\n",
    b"0\r\n\r\n",
    b"0\r\nhost: evil\r\n\r\n",
]
messages = st.lists(st.one_of(st.sampled_from(LINES), st.binary(max_size=6)), max_size=14).map(
    b"".join
)


@settings(max_examples=250, deadline=None, derandomize=True)
@given(messages, st.lists(st.integers(0, 400), max_size=6))
@example(b"GET / HTTP/1.1\r\nhost: h\r\n\r\n" * 3, [])
@example(
    b"POST /x HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\n\r\nabcGET / HTTP/1.1\r\nhost: h\r\n\r\n",
    [50],
)
def test_no_bytes_are_a_fault_of_ours_and_cuts_change_nothing(
    data: bytes, places: list[int]
) -> None:
    whole, answers = asyncio.run(converse([data] if data else []))
    pieces, answers_to_pieces = asyncio.run(converse(cut(data, places)))
    for written in (answers, answers_to_pieces):
        statuses = {int(found) for found in re.findall(rb"HTTP/1\.1 (\d{3})", written)}
        assert statuses <= ALLOWED
    # How far they come may differ, since a refusal may overtake an answer; what is said, never.
    shorter = min(len(whole), len(pieces))
    assert whole[:shorter] == pieces[:shorter]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.binary(min_size=1, max_size=300))
def test_noise_is_refused_or_waited_for(data: bytes) -> None:
    seen, answers = asyncio.run(converse([data]))
    assert seen == []
    assert not answers or answers.startswith((b"HTTP/1.1 4", b"HTTP/1.1 505"))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.lists(st.binary(min_size=1, max_size=40), max_size=5),
    st.booleans(),
    st.lists(st.integers(0, 400), max_size=8),
)
def test_a_good_request_is_understood_however_it_is_cut(
    parts: list[bytes], chunked: bool, places: list[int]
) -> None:
    body = b"".join(parts)
    head = b"POST /x HTTP/1.1\r\nhost: h\r\n"
    if chunked:
        framed = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
        data = head + b"transfer-encoding: chunked\r\n\r\n" + framed + b"0\r\n\r\n"
    else:
        data = head + b"content-length: %d\r\n\r\n" % len(body) + body
    seen, answers = asyncio.run(converse(cut(data * 2, places)))
    assert seen == [("POST", "/x", body)] * 2
    assert answers.count(b"HTTP/1.1 200 ") == 2
