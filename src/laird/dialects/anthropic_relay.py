"""Passing Anthropic's Messages format on: bytes in, the same bytes out, watched on the way.

One field is spliced into each event's data (`"provider":"…"`, who served it); nothing is written
anew. What says why the model stopped, and the end, are kept back until the stream has ended well.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec
import orjson

from laird.dialects.base import ForwardedAnswer
from laird.domain.errors import UpstreamError, UpstreamGarbled
from laird.domain.tokens import TokenUsage
from laird.wire.anthropic import ErrorBody, Usage, read_envelope, stream_error
from laird.wire.payloads import Payloads

_UNSET = msgspec.UNSET


class _Delta(msgspec.Struct, gc=False):
    """The `delta` of a content block or of the message: what is looked at."""

    text: str = ""
    partial_json: str = ""
    thinking: str = ""
    stop_reason: str | None = None


class _Block(msgspec.Struct):
    """A content block, as far as its length matters."""

    text: str = ""
    thinking: str = ""
    name: str = ""
    input: msgspec.Raw = msgspec.Raw()


class _Message(msgspec.Struct):
    type: str = ""
    content: list[_Block] = []
    stop_reason: str | None = None
    usage: Usage | None = None
    error: ErrorBody | None = None
    provider: Any = msgspec.UNSET


class _Event(msgspec.Struct):
    """Any event of a stream."""

    type: str
    delta: _Delta | None = None
    content_block: _Block | None = None
    message: _Message | None = None
    usage: Usage | None = None
    error: ErrorBody | None = None
    provider: Any = msgspec.UNSET


class _Count(msgspec.Struct):
    input_tokens: int
    provider: Any = msgspec.UNSET


_EVENT = msgspec.json.Decoder(_Event).decode
_MESSAGE = msgspec.json.Decoder(_Message)
_COUNT = msgspec.json.Decoder(_Count)
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError)


class AnthropicPassThrough:
    """Passes a stream on to a client that speaks the same format. See `Relay` for the marks."""

    __slots__ = (
        "_counts",
        "_data",
        "_payloads",
        "_provider",
        "_stopped",
        "_tail",
        "content",
        "done",
        "finished",
        "text_length",
        "usage",
    )

    def __init__(self, provider_id: str) -> None:
        self.content = False
        self.finished = False
        self.done = False
        self.usage: TokenUsage | None = None
        self.text_length = 0
        self._provider = provider_id
        self._data = b"\ndata: " + _provider_field(provider_id)
        self._payloads = Payloads()
        self._counts = Usage()
        self._stopped = False
        self._tail: list[bytes] = []

    def feed(self, data: bytes) -> bytes:
        """Return the client's bytes for these upstream bytes.

        Raises an `UpstreamError` for an error in the stream, `UpstreamGarbled` for what is no
        event.
        """
        pieces: list[bytes] = []
        for payload in self._payloads.feed(data):
            if payload and not self.done:
                self._event(payload, pieces)
        return b"".join(pieces)

    def end(self) -> bytes:
        """Return what was kept back. Raises `UpstreamGarbled` when the answer is not complete."""
        if not self.finished:
            error = read_envelope(self._payloads.early)
            if error is not None:
                # A server that fails early may answer with plain JSON where a stream was to come.
                raise stream_error(self._provider, error)
            raise UpstreamGarbled(
                f"{self._provider} ended its stream before the answer was complete. Try again."
            )
        return b"".join(self._tail)

    def _event(self, payload: bytes, pieces: list[bytes]) -> None:
        """Look at one event and add what the client gets for it."""
        try:
            event = _EVENT(payload)
        except _UNREADABLE as error:
            raise _unreadable(self._provider, f"an event that can't be read ({error})") from error
        kind = event.type
        if kind == "content_block_delta":
            delta = event.delta
            if delta is not None:
                self._said(len(delta.text) + len(delta.thinking) + len(delta.partial_json))
        elif kind == "error":
            raise stream_error(self._provider, event.error or ErrorBody())
        else:
            self._frame(event)
        if self._stopped:
            pieces = self._tail
        if event.provider is _UNSET and payload[:2] == b'{"':
            # Line ends inside JSON are mere blanks, and would need a `data:` of their own.
            rest = payload.replace(b"\n", b" ") if b"\n" in payload else payload
            pieces += (b"event: ", kind.encode(), self._data, rest[1:], b"\n\n")
        else:
            named = _named(payload, self._provider)
            pieces += (b"event: ", kind.encode(), b"\ndata: ", named, b"\n\n")

    def _said(self, length: int) -> None:
        if length:
            self.content = True
            self.text_length += length

    def _frame(self, event: _Event) -> None:
        """Watch what begins and ends blocks and the message."""
        match event.type:
            case "content_block_start":
                block = event.content_block
                if block is not None:
                    self._said(len(block.text) + len(block.thinking) + len(block.name))
            case "message_start":
                if event.message is not None and event.message.usage is not None:
                    self._counts = event.message.usage
                    self.usage = self._counts.tokens(estimated=True)
            case "message_delta":
                self._message_delta(event)
            case "message_stop":
                if not self._stopped:
                    raise _unreadable(self._provider, "the end of a stream without a stop reason")
                self.finished = self.done = True

    def _message_delta(self, event: _Event) -> None:
        if event.usage is not None:
            self._counts = self._counts.updated(event.usage)
            self.usage = self._counts.tokens()
        if event.delta is not None and event.delta.stop_reason is not None:
            self._stopped = True


def forward_answer(body: bytes, *, provider: str) -> ForwardedAnswer:
    """Pass on a whole message, with our provider id put in.

    Raises `UpstreamGarbled` when it is not one, and what an `error` in it means.
    """
    try:
        message = _MESSAGE.decode(body)
    except _UNREADABLE as error:
        raise _unreadable(provider, f"an answer that can't be read ({error})") from error
    if message.error is not None:
        raise stream_error(provider, message.error)
    if message.type != "message" or message.stop_reason is None:
        raise _unreadable(provider, "an answer that is not a whole message")
    length = sum(
        len(block.text) + len(block.thinking) + len(block.name) + len(block.input)
        for block in message.content
    )
    usage = message.usage.tokens() if message.usage is not None else None
    return ForwardedAnswer(_spliced(body, message.provider, provider), usage, length)


def forward_count(body: bytes, *, provider: str) -> ForwardedAnswer:
    """Pass on a count of tokens, which costs nothing. Raises `UpstreamGarbled`."""
    try:
        count = _COUNT.decode(body)
    except _UNREADABLE as error:
        fault: UpstreamError = _unreadable(provider, f"a count that can't be read ({error})")
        raise fault from error
    return ForwardedAnswer(_spliced(body, count.provider, provider), TokenUsage(), 0)


def _unreadable(provider: str, what: str) -> UpstreamGarbled:
    return UpstreamGarbled(
        f"{provider} sent {what}. Check that its endpoint speaks Anthropic's Messages API."
    )


def _spliced(body: bytes, named: object, provider_id: str) -> bytes:
    if named is _UNSET and body.startswith(b'{"'):
        return _provider_field(provider_id) + body[1:]
    return _named(body, provider_id)


@lru_cache(maxsize=1024)
def _provider_field(provider_id: str) -> bytes:
    """Return `{"provider":"…",`, the beginning of an object that has more fields."""
    return b'{"provider":' + orjson.dumps(provider_id) + b","


def _named(payload: bytes, provider_id: str) -> bytes:
    """Return the JSON object with our provider id, written anew."""
    value = orjson.loads(payload)
    value["provider"] = provider_id
    return orjson.dumps(value)
