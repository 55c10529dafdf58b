"""The server's half of HTTP/1.1, in as few words as scripted answers need."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn, cast

from tests.support.answers import Answer, End

Head = tuple[str, str, dict[str, str]]


class Gone(Exception):
    """The client has closed or reset the connection."""


class WireConnection(asyncio.Protocol):
    """One accepted connection: what has been read, and whether the client is still there."""

    def __init__(self, on_connected: Callable[[WireConnection], None]) -> None:
        self.transport: asyncio.Transport = cast("asyncio.Transport", None)
        self.number = 0
        self.on_lost: Callable[[], None] = lambda: None
        self._on_connected = on_connected
        self._buffer = bytearray()
        self._event = asyncio.Event()
        self._writable = True
        self._gone = False
        self._headers: dict[str, str] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(high=65536, low=0)
        self._on_connected(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._event.set()

    def eof_received(self) -> None:
        self._gone = True
        self._event.set()

    def connection_lost(self, _exc: Exception | None) -> None:
        self._gone = True
        self._event.set()
        self.on_lost()

    def pause_writing(self) -> None:
        self._writable = False

    def resume_writing(self) -> None:
        self._writable = True
        self._event.set()

    async def read_head(self) -> Head:
        """Return method, target and headers of the next request."""
        end = await self._find(b"\r\n\r\n")
        lines = bytes(self._buffer[:end]).decode("latin-1").split("\r\n")
        del self._buffer[: end + 4]
        method, target, _ = lines[0].split(" ")
        pairs = (line.partition(":") for line in lines[1:])
        self._headers = {name.lower(): value.strip() for name, _, value in pairs}
        return method, target, self._headers

    async def read_body(self) -> bytes:
        """Return the body of the request whose head was read last."""
        if self._headers.get("transfer-encoding") == "chunked":
            return await self._read_chunks()
        return await self._take(int(self._headers.get("content-length", "0")))

    async def _read_chunks(self) -> bytes:
        body = bytearray()
        while True:
            end = await self._find(b"\r\n")
            size = int(bytes(self._buffer[:end]), 16)
            del self._buffer[: end + 2]
            body += (await self._take(size + 2))[:-2]
            if size == 0:
                return bytes(body)

    async def _find(self, mark: bytes) -> int:
        while (position := self._buffer.find(mark)) < 0:
            await self._change()
        return position

    async def _take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            await self._change()
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    async def _change(self) -> None:
        if self._gone:
            raise Gone
        self._event.clear()
        await self._event.wait()

    async def write(self, data: bytes) -> None:
        """Write and wait until the send buffer is short again. Raises `Gone`."""
        if self._gone:
            raise Gone
        self.transport.write(data)
        while not self._writable:
            await self._change()

    async def until_gone(self) -> NoReturn:
        """Wait for the client to leave; raises `Gone`, never returns."""
        while True:
            await self._change()

    async def unless_gone(self, wait: Coroutine[Any, Any, object]) -> None:
        """Wait for something else; raises `Gone` when the client leaves first."""
        waiting = asyncio.ensure_future(wait)
        leaving = asyncio.ensure_future(self.until_gone())
        try:
            await asyncio.wait((waiting, leaving), return_when=asyncio.FIRST_COMPLETED)
            if not waiting.done():
                await leaving
        finally:
            waiting.cancel()
            leaving.cancel()
            await asyncio.gather(waiting, leaving, return_exceptions=True)

    async def flush(self) -> None:
        """Wait until all that was written is with the kernel."""
        self.transport.set_write_buffer_limits(high=0)
        while self.transport.get_write_buffer_size() and not self._gone:
            await self._change()

    def reset(self) -> None:
        """Break the connection with a TCP reset."""
        sock = self.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


class Player:
    """Acts one answer on a connection; `sent` is told of each number of bytes that went out."""

    def __init__(
        self, answer: Answer, connection: WireConnection, sent: Callable[[int], None]
    ) -> None:
        self._answer = answer
        self._connection = connection
        self._sent = sent
        self._left = answer.stop_at_byte

    async def play(self, method: str) -> bool:
        """Act; return whether the connection lives on. Raises `Gone` when the client leaves."""
        answer = self._answer
        try:
            if answer.framing != "raw":
                await self._head()
            if method != "HEAD":
                await self._body()
        except _Stop:
            pass
        if answer.end is End.STALL:
            await self._connection.until_gone()
        if answer.end is End.RESET:
            await self._connection.flush()
            self._connection.reset()
        return answer.end is End.KEEP and answer.framing not in {"until-close", "raw"}

    async def _head(self) -> None:
        answer = self._answer
        head = answer.first_bytes + answer.head()
        if answer.head_gate is not None:
            half = len(head) // 2 if answer.head_split else 0
            await self._write(head[:half])
            await self._connection.unless_gone(answer.head_gate.wait())
            head = head[half:]
        await self._write(head)

    async def _body(self) -> None:
        answer = self._answer
        chunked = answer.framing == "chunked"
        index = 0
        for chunk in answer.coded_chunks():
            await self._wait_before(index)
            await self._write(b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunked else chunk)
            index += 1
        await self._wait_before(index)
        await self._write((b"0\r\n\r\n" if chunked else b"") + answer.last_bytes)

    async def _wait_before(self, index: int) -> None:
        answer = self._answer
        if index == answer.stop_at_chunk:
            raise _Stop
        if answer.gate is not None and index == answer.gate_at:
            await self._connection.unless_gone(answer.gate.wait())
        if 0 < index < len(answer.chunks) and answer.pause:
            await self._connection.unless_gone(asyncio.sleep(answer.pause))

    async def _write(self, data: bytes) -> None:
        if self._left is not None:
            data = data[: self._left]
            self._left -= len(data)
        if data:
            await self._connection.write(data)
            self._sent(len(data))
        if self._left == 0:
            raise _Stop


class _Stop(Exception):
    """The script ends here, in the middle of the answer."""
