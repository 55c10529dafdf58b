"""A small HTTP client for tests: shows the wire as it is, and can leave in the middle."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Reply:
    """A whole answer; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes = field(repr=False)

    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """The error object of a refusal."""
        found: dict[str, Any] = self.json()["error"]
        return found

    def events(self) -> list[Any]:
        """Return the data of a stream's events: parsed JSON, or the text `[DONE]`."""
        return events_of(self.body)


def events_of(body: bytes) -> list[Any]:
    """Return the data of a stream's events: parsed JSON, or the text `[DONE]`."""
    found: list[Any] = []
    for line in body.split(b"\n"):
        if line.startswith(b"data: "):
            data = line[6:].strip()
            found.append("[DONE]" if data == b"[DONE]" else json.loads(data))
    return found


def text_of(events: list[Any]) -> str:
    """Return the text that a stream's chunks carry."""
    return "".join(
        choice["delta"].get("content") or ""
        for event in events
        if event != "[DONE]"
        for choice in event.get("choices", [])
    )


class Exchange:
    """One request on one connection, read as far as a test wants."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.status = 0
        self.headers: dict[str, str] = {}

    async def head(self) -> None:
        """Read status and headers."""
        raw = await self._reader.readuntil(b"\r\n\r\n")
        first, *lines = raw.decode("latin-1").split("\r\n")
        self.status = int(first.split(" ")[1])
        pairs = (line.partition(":") for line in lines if line)
        self.headers = {name.lower(): value.strip() for name, _, value in pairs}

    async def chunks(self) -> AsyncIterator[bytes]:
        """Read the body piece by piece."""
        if self.headers.get("transfer-encoding") != "chunked":
            length = int(self.headers.get("content-length", "0"))
            if length:
                yield await self._reader.readexactly(length)
            return
        while True:
            size = int((await self._reader.readuntil(b"\r\n")).strip(), 16)
            data = await self._reader.readexactly(size + 2)
            if size == 0:
                return
            yield data[:-2]

    async def body(self) -> bytes:
        """Read the whole body."""
        return b"".join([piece async for piece in self.chunks()])

    async def until(self, text: bytes) -> bytes:
        """Read the body until `text` has come, and return what came."""
        seen = b""
        async for piece in self.chunks():
            seen += piece
            if text in seen:
                return seen
        raise AssertionError(f"{text!r} did not come: {seen!r}")

    def leave(self) -> None:
        """Close the connection at once."""
        self._writer.transport.abort()


class Client:
    """Requests with a key, each on a connection of its own."""

    def __init__(self, url: str, key: str) -> None:
        self._host, _, port = url.removeprefix("http://").rpartition(":")
        self._port = int(port)
        self.key = key
        self._open: list[asyncio.StreamWriter] = []

    async def send_raw(self, data: bytes) -> Exchange:
        """Send bytes as they are."""
        reader, writer = await asyncio.open_connection(self._host, self._port)
        self._open.append(writer)
        writer.write(data)
        return Exchange(reader, writer)

    async def open(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> Exchange:
        """Send a request and read nothing yet."""
        sent = {
            "host": f"{self._host}:{self._port}",
            "authorization": f"Bearer {self.key}",
            "content-length": str(len(body)),
            **(headers or {}),
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items() if value)
        return await self.send_raw(f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body)

    async def request(
        self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
    ) -> Reply:
        """Send a request and read its whole answer. Bytes are sent as they are, else JSON."""
        raw = (
            body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        )
        exchange = await self.open(method, path, raw, headers)
        await exchange.head()
        try:
            body_wanted = method != "HEAD"
            read = await exchange.body() if body_wanted else b""
            return Reply(exchange.status, exchange.headers, read)
        finally:
            exchange.leave()

    async def chat(
        self, model: str, text: str = "Hello", headers: dict[str, str] | None = None, **fields: Any
    ) -> Reply:
        """Make a chat request."""
        body = {"model": model, "messages": [{"role": "user", "content": text}], **fields}
        return await self.request("POST", "/v1/chat/completions", body, headers)

    async def begin_chat(
        self, model: str, headers: dict[str, str] | None = None, **fields: Any
    ) -> Exchange:
        """Send a chat request and read nothing yet."""
        body = {"model": model, "messages": [{"role": "user", "content": "Hello"}], **fields}
        return await self.open("POST", "/v1/chat/completions", json.dumps(body).encode(), headers)

    def close(self) -> None:
        """Close what is still open."""
        for writer in self._open:
            writer.transport.abort()
