"""A model server that costs next to nothing, so that what is measured is the gateway before it.

It speaks just enough of OpenAI's API: `POST /v1/chat/completions`, streamed or not, and
`GET /v1/models`. A completion is answered at once with fixed bytes. A stream gets its head and the
role chunk at once, then `CHUNKS` content chunks, one at each tick of a clock that all streams
share, and with the last one the finish chunk, the usage chunk (when asked for) and `[DONE]`.

One thread, one epoll, one `send` for each chunk: asyncio's transports cost several times as much,
and this process shares a core with the load generator. `GET /stats` tells what it did and how late
its clock ran.
"""

from __future__ import annotations

import argparse
import json
import re
import select
import socket
import time
from collections.abc import Callable

CHUNKS = 100
INTERVAL = 0.005
"""Seconds between two chunks of one stream."""
MODEL = "bench-model"

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[ \t]*chunked", re.IGNORECASE)
_STREAM = re.compile(rb'"stream"\s*:\s*true')
_INCLUDE_USAGE = re.compile(rb'"include_usage"\s*:\s*true')
_RECV_BYTES = 65536
_GIVE_UP_BEHIND = 0.25
"""A clock later than this many seconds starts anew instead of catching up."""

_ID = "chatcmpl-C7kXw2vQ9mT4nB1rL6yZ8pJ3dHs0"
_CREATED = 1767225600
_USAGE = {
    "prompt_tokens": 24,
    "completion_tokens": CHUNKS,
    "total_tokens": 24 + CHUNKS,
    "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
}
_TEXT = (
    "A reverse proxy takes a request from a client, passes it on to one of several servers and "
    "hands the answer back, so that the client needs to know one address only."
)


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _response(status: str, body: bytes) -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\nx-request-id: req_bench\r\n\r\n"
    )
    return head.encode() + body


def completion() -> bytes:
    """The whole HTTP response to a request that does not stream."""
    message: dict[str, object] = {
        "role": "assistant",
        "content": _TEXT,
        "refusal": None,
        "annotations": [],
    }
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    body = {
        "id": _ID,
        "object": "chat.completion",
        "created": _CREATED,
        "model": MODEL,
        "choices": [choice],
        "usage": _USAGE,
        "service_tier": "default",
    }
    return _response("200 OK", _json(body))


def _models() -> bytes:
    model = {"id": MODEL, "object": "model", "created": _CREATED, "owned_by": "bench"}
    return _response("200 OK", _json({"object": "list", "data": [model]}))


def _not_found() -> bytes:
    error = {
        "message": "Unknown request URL.",
        "type": "invalid_request_error",
        "param": None,
        "code": "unknown_url",
    }
    return _response("404 Not Found", _json({"error": error}))


def _frame(event: bytes) -> bytes:
    """One server-sent event as one chunk of the transfer encoding."""
    line = b"data: " + event + b"\n\n"
    return b"%x\r\n%b\r\n" % (len(line), line)


def _chunk(delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    body = {
        "id": _ID,
        "object": "chat.completion.chunk",
        "created": _CREATED,
        "model": MODEL,
        "choices": [choice],
    }
    return _frame(_json(body))


def stream_frames(*, usage: bool) -> list[bytes]:
    """What one stream sends: the head with the role chunk, then one item for each tick."""
    head = (
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
        b"cache-control: no-cache\r\nx-accel-buffering: no\r\nx-request-id: req_bench\r\n"
        b"transfer-encoding: chunked\r\n\r\n"
    )
    frames = [head + _chunk({"role": "assistant", "content": ""})]
    frames += [_chunk({"content": f" word{number:02d}"}) for number in range(CHUNKS)]
    tail = _chunk({}, "stop")
    if usage:
        last = {
            "id": _ID,
            "object": "chat.completion.chunk",
            "created": _CREATED,
            "model": MODEL,
            "choices": [],
            "usage": _USAGE,
        }
        tail += _frame(_json(last))
    frames[-1] += tail + _frame(b"[DONE]") + b"0\r\n\r\n"
    return frames


class Connection:
    """One client, and the stream it is in, if any."""

    __slots__ = ("frames", "received", "send", "sock", "tick", "unsent")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.send: Callable[[bytes], int] = sock.send
        self.received = b""
        self.unsent = b""
        self.frames: list[bytes] = []
        self.tick = 0

    def write(self, data: bytes) -> None:
        """Send what the socket takes; the rest goes out with the next write or tick.

        Raises:
            OSError: the client is gone.
        """
        if self.unsent:
            data = self.unsent + data
        try:
            sent = self.send(data)
        except BlockingIOError:
            sent = 0
        self.unsent = data[sent:] if sent < len(data) else b""


class Upstream:
    """The server: it owns the listening socket, the connections and the clock."""

    def __init__(self, port: int) -> None:
        self.listener = socket.create_server(("127.0.0.1", port), backlog=4096)
        self.listener.settimeout(0)
        self.poll = select.epoll()
        self.poll.register(self.listener.fileno(), select.EPOLLIN)
        self.connections: dict[int, Connection] = {}
        self.streams: list[Connection] = []
        self.next_tick = 0.0
        self.counts = {"completions": 0, "streams": 0, "chunks": 0, "ticks": 0, "late_ticks": 0}
        self.completion = completion()
        self.plain_frames = stream_frames(usage=False)
        self.usage_frames = stream_frames(usage=True)

    def run(self) -> None:
        """Serve until killed."""
        listener = self.listener.fileno()
        connections = self.connections
        while True:
            timeout = -1.0
            if self.streams:
                timeout = self.next_tick - time.monotonic()
                if timeout <= 0:
                    self._tick(-timeout)
                    continue
            for fileno, _ in self.poll.poll(timeout):
                if fileno == listener:
                    self._accept()
                else:
                    self._readable(connections[fileno])

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self.listener.accept()
            except BlockingIOError:
                return
            sock.settimeout(0)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections[sock.fileno()] = Connection(sock)
            self.poll.register(sock.fileno(), select.EPOLLIN)

    def _close(self, connection: Connection) -> None:
        """Forget a connection; the tick drops its stream when it next comes by."""
        if connection.sock.fileno() >= 0:
            del self.connections[connection.sock.fileno()]
            connection.sock.close()
        connection.frames = []

    def _readable(self, connection: Connection) -> None:
        try:
            data = connection.sock.recv(_RECV_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._close(connection)
            return
        if connection.received:
            data = connection.received + data
        connection.received = b""
        self._answer(connection, data)

    def _answer(self, connection: Connection, data: bytes) -> None:
        """Answer each whole request in `data` and keep the rest."""
        while data:
            end = request_end(data)
            if end < 0:
                connection.received = data
                return
            try:
                self._respond(connection, data[:end])
            except OSError:
                self._close(connection)
                return
            data = data[end:]

    def _respond(self, connection: Connection, request: bytes) -> None:
        if request.startswith(b"POST /v1/chat/completions"):
            if _STREAM.search(request):
                self._start(connection, usage=bool(_INCLUDE_USAGE.search(request)))
            else:
                self.counts["completions"] += 1
                connection.write(self.completion)
        elif request.startswith(b"GET /v1/models"):
            connection.write(_models())
        elif request.startswith(b"GET /stats"):
            stats = {**self.counts, "cpu_seconds": time.process_time()}
            connection.write(_response("200 OK", _json(stats)))
        else:
            connection.write(_not_found())

    def _start(self, connection: Connection, *, usage: bool) -> None:
        self.counts["streams"] += 1
        connection.frames = self.usage_frames if usage else self.plain_frames
        connection.tick = 1
        connection.write(connection.frames[0])
        if not self.streams:
            self.next_tick = time.monotonic() + INTERVAL
        self.streams.append(connection)

    def _tick(self, late: float) -> None:
        """Send each stream its next chunk; `late` is how far behind the clock is, in seconds."""
        self.next_tick += INTERVAL
        if late > _GIVE_UP_BEHIND:
            self.next_tick = time.monotonic() + INTERVAL
        self.counts["ticks"] += 1
        self.counts["late_ticks"] += late > INTERVAL
        self.counts["chunks"] += len(self.streams)
        going = []
        for stream in self.streams:
            frames = stream.frames
            if not frames:
                continue
            tick = stream.tick
            try:
                if tick <= CHUNKS:
                    stream.write(frames[tick])
                    stream.tick = tick + 1
                elif stream.unsent:
                    stream.write(b"")
            except OSError:
                self._close(stream)
                continue
            if tick < CHUNKS or stream.unsent:
                going.append(stream)
            else:
                stream.frames = []
        self.streams = going


def request_end(data: bytes) -> int:
    """Where the first request in `data` ends, or -1 when it is not all there yet."""
    head = data.find(b"\r\n\r\n")
    if head < 0:
        return -1
    length = _LENGTH.search(data, 0, head)
    if length:
        end = head + 4 + int(length[1])
        return end if end <= len(data) else -1
    if _CHUNKED.search(data, 0, head):
        last = data.find(b"0\r\n\r\n", head + 4)
        return last + 5 if last >= 0 else -1
    return head + 4


def main() -> None:
    parser = argparse.ArgumentParser(description="A model server that costs next to nothing.")
    parser.add_argument("--port", type=int, required=True)
    Upstream(parser.parse_args().port).run()


if __name__ == "__main__":
    main()
