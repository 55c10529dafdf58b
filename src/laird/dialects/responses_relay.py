"""Passing the Responses format on: bytes in, the same bytes out, watched on the way.

Who served it is spliced into each event (`"provider":"…"`). Only where Laird keeps the answer, or
has put a kept conversation before it, are the events that carry the whole response written anew,
since the provider knows nothing of either.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec
import orjson

from laird.dialects.base import ForwardedAnswer
from laird.dialects.responses_errors import write_failure
from laird.domain.errors import LairdError, UpstreamError, UpstreamFailed
from laird.domain.tokens import TokenUsage
from laird.transport.sse import SseSplitter
from laird.wire.openai import LONGEST_EVENT, StrayJson, load_object, stream_error, unreadable

_UNSET = msgspec.UNSET
_LAST = frozenset({"response.completed", "response.incomplete"})
_WHOLE = _LAST | {"response.created", "response.in_progress", "response.queued"}
"""Events that carry the response object."""
_PREAMBLE = _WHOLE | {
    "response.content_part.added",
    "response.reasoning_summary_part.added",
    "keepalive",
}
"""Events that show nothing of the answer yet."""
_QUIET_ITEMS = frozenset({"message", "reasoning"})


class _Details(msgspec.Struct, frozen=True, gc=False):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct, frozen=True):
    input_tokens: int | None = None
    input_tokens_details: _Details | None = None
    output_tokens: int | None = None
    output_tokens_details: _Details | None = None


class _Part(msgspec.Struct, frozen=True):
    text: str | None = None
    refusal: str | None = None


class _Item(msgspec.Struct, frozen=True):
    type: str | None = None
    name: str | None = None
    arguments: str | None = None
    content: tuple[_Part, ...] | None = None
    summary: tuple[_Part, ...] | None = None

    @property
    def length(self) -> int:
        """Characters of output."""
        parts = (*(self.content or ()), *(self.summary or ()))
        said = sum(len(part.text or part.refusal or "") for part in parts)
        return said + len(self.name or "") + len(self.arguments or "")


class _Response(msgspec.Struct, frozen=True):
    """The response object, as far as it is looked at."""

    status: str | None = None
    error: Any = None
    usage: _Usage | None = None
    output: tuple[_Item, ...] | None = None
    provider: Any = _UNSET


class _Kind(msgspec.Struct, frozen=True):
    type: str | None = None


class _Event(msgspec.Struct, frozen=True):
    """One event, as far as it is looked at."""

    type: str | None = None
    sequence_number: int | None = None
    delta: Any = None
    item: _Kind | None = None
    error: Any = None
    provider: Any = _UNSET


class _Delta(msgspec.Struct, frozen=True):
    """An event that adds a piece of text."""

    type: str
    sequence_number: int
    delta: str
    error: Any = None
    provider: Any = _UNSET


class _LastEvent(msgspec.Struct, frozen=True):
    response: _Response


_EVENT = msgspec.json.Decoder(_Event)
_DELTA = msgspec.json.Decoder(_Delta)
_LAST_EVENT = msgspec.json.Decoder(_LastEvent)
_RESPONSE = msgspec.json.Decoder(_Response)


class ResponsesPassThrough:
    """Passes a stream on to a client that speaks the same format. See `Relay` for the marks.

    `own` are fields of the response that are Laird's to say; None where it has none.
    """

    __slots__ = (
        "_begun",
        "_between",
        "_field",
        "_number",
        "_own",
        "_provider",
        "_split",
        "_stray",
        "_tail",
        "content",
        "done",
        "final",
        "finished",
        "text_length",
        "usage",
    )

    def __init__(self, provider_id: str, own: Mapping[str, Any] | None = None) -> None:
        self.content = False
        self.finished = False
        self.done = False
        self.usage: TokenUsage | None = None
        self.text_length = 0
        self.final: dict[str, Any] | None = None
        """The whole response, once it is complete and there is something of Laird's in it."""
        self._provider = provider_id
        self._field = b'{"provider":' + orjson.dumps(provider_id) + b","
        self._own = own
        self._split = SseSplitter(LONGEST_EVENT).feed
        self._stray = StrayJson()
        self._between = True
        self._number = 0
        self._begun: bytes | None = None
        self._tail = b""

    def feed(self, data: bytes) -> bytes:
        """Return the client's bytes for these upstream bytes.

        Raises an `UpstreamError` for an error in the stream, `UpstreamGarbled` for what is no
        event.
        """
        whole = data.endswith(b"\n\n")
        if whole and self._between and data.startswith(b"event: ") and data.count(b"\n") == 3:
            # The usual read: one event, whole.
            written = self._delta(data)
            if written is not None:
                return written
        events = self._split(data)
        if data:
            self._between = whole
        if not events:
            if self._begun is None:
                self._stray.keep(data)
            return b""
        pieces: list[bytes] = []
        for name, payload in events:
            bare = payload.strip()
            if bare and bare != b"[DONE]" and not self.done:
                # Line ends inside JSON are mere blanks, and would need a `data:` of their own.
                self._event(name, bare.replace(b"\n", b" "), pieces)
        return b"".join(pieces)

    def end(self) -> bytes:
        """Return the event that says that the response is complete, or incomplete and why.

        Raises `UpstreamGarbled` when it has not come.
        """
        if not self.finished:
            raise self._stray.error(self._provider)
        return self._tail

    def failure(self, error: LairdError) -> bytes:
        """Return the events that end the stream as a failure."""
        self.final = None
        response = None if self._begun is None else _read(self._begun).get("response")
        return write_failure(error, self._number, response)

    def _delta(self, data: bytes) -> bytes | None:
        """Return the client's bytes for one event, or None when it is more than a delta."""
        at = data.find(b'.delta\ndata: {"') + 13
        if at < 13 or self.done:
            return None
        try:
            event = _DELTA.decode(data[at:])
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None
        delta = event.delta
        if event.error or event.provider is not _UNSET or data[7 : at - 7] != event.type.encode():
            return None
        if delta:
            self.content = True
            self.text_length += len(delta)
        self._number = event.sequence_number + 1
        return b"".join((data[:at], self._field, data[at + 1 :]))

    def _event(self, name: str | None, payload: bytes, pieces: list[bytes]) -> None:
        """Look at one event and add what the client gets for it."""
        try:
            event = _EVENT.decode(payload)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            event = _lenient_event(payload, self._provider)
        kind = event.type or name
        if kind == "error" or event.error:
            raise stream_error(self._provider, event.error or _read(payload))
        if kind is None:
            raise unreadable(self._provider, "an event without a type")
        if kind == "response.failed":
            raise _failure(self._provider, _read(payload).get("response"))
        self._number = (event.sequence_number or self._number) + 1
        if kind in _WHOLE and self._own is not None:
            payload = _owned(payload, self._own)
        written = self._written(kind, payload, named=event.provider is not _UNSET)
        if kind in _LAST:
            self._finish(payload)
            self._tail = written
            return
        if kind == "response.created":
            self._begun = payload
        self._watch(kind, event)
        pieces.append(written)

    def _written(self, kind: str, payload: bytes, *, named: bool) -> bytes:
        """Return the event with our provider id in it."""
        if named or not payload.startswith(b'{"'):
            payload = orjson.dumps({**_read(payload), "provider": self._provider})
        else:
            payload = self._field + payload[1:]
        return b"event: %b\ndata: %b\n\n" % (kind.encode(), payload)

    def _watch(self, kind: str, event: _Event) -> None:
        """Count what an event adds, and know whether it shows anything."""
        if kind.endswith(".delta"):
            if isinstance(event.delta, str) and event.delta:
                self.content = True
                self.text_length += len(event.delta)
        elif kind == "response.output_item.added":
            item = event.item
            self.content = self.content or item is None or item.type not in _QUIET_ITEMS
        elif kind not in _PREAMBLE:
            self.content = True

    def _finish(self, payload: bytes) -> None:
        """Take the counts from the last event. Raises when it tells of a failure after all."""
        try:
            response = _LAST_EVENT.decode(payload).response
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise unreadable(self._provider, f"a last event that can't be read ({error})") from None
        _refuse_failed(self._provider, response)
        self.usage = _token_usage(response.usage)
        self.text_length = max(self.text_length, _length(response))
        self.finished = self.done = True
        if self._own is not None:
            self.final = _read(payload)["response"]


def forward_answer(
    body: bytes, *, provider: str, own: Mapping[str, Any] | None = None
) -> tuple[ForwardedAnswer, dict[str, Any] | None]:
    """Pass on an answer that is not streamed, with our provider id and Laird's own fields put in.

    Returns the response object too, where there is something of Laird's in it. Raises
    `UpstreamGarbled` when it is no response, and what an error in it means.
    """
    try:
        response = _RESPONSE.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise unreadable(provider, "an answer that is no response object") from None
    if response.status is None and response.error:
        raise stream_error(provider, response.error)
    _refuse_failed(provider, response)
    if response.output is None:
        raise unreadable(provider, "an answer without output")
    final: dict[str, Any] | None = None
    if own is None and response.provider is _UNSET and body.startswith(b'{"'):
        body = b'{"provider":' + orjson.dumps(provider) + b"," + body[1:]
    else:
        value = {**_read(body), **(own or {}), "provider": provider}
        final = value if own is not None else None
        body = orjson.dumps(value)
    return ForwardedAnswer(body, _token_usage(response.usage), _length(response)), final


def _lenient_event(payload: bytes, provider: str) -> _Event:
    """Read an event that is not what the types above say."""
    try:
        value = load_object(payload)
    except ValueError:
        raise unreadable(provider, "an event that is not JSON") from None
    kind, number = value.get("type"), value.get("sequence_number")
    return _Event(
        type=kind if isinstance(kind, str) else None,
        sequence_number=number if type(number) is int else None,
        delta=value.get("delta"),
        error=value.get("error"),
        provider=value.get("provider", _UNSET),
    )


def _read(payload: bytes) -> dict[str, Any]:
    """Return a JSON object that can be written again: half of a surrogate pair can't be."""
    try:
        value: dict[str, Any] = orjson.loads(payload)
    except ValueError:
        text = json.dumps(load_object(payload), ensure_ascii=False)
        value = orjson.loads(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
    return value


def _owned(payload: bytes, own: Mapping[str, Any]) -> bytes:
    """Return an event whose response says Laird's own fields."""
    event = _read(payload)
    event["response"] = {**event.get("response", {}), **own}
    return orjson.dumps(event)


def _failure(provider: str, response: object) -> UpstreamError:
    """Return what a response that failed means."""
    error = response.get("error") if isinstance(response, dict) else None
    return stream_error(provider, error or "the response failed")


def _refuse_failed(provider: str, response: _Response) -> None:
    """Raise what it means when a response was given up."""
    if response.status == "failed" or response.error:
        raise stream_error(provider, response.error or "the response failed")
    if response.status not in {"completed", "incomplete"}:
        raise UpstreamFailed(
            f"{provider} gave the answer up (status '{response.status}'). Try again."
        )


def _length(response: _Response) -> int:
    return sum(item.length for item in response.output or ())


def _token_usage(usage: _Usage | None) -> TokenUsage | None:
    """Return usage in our meaning: as OpenAI's, cached and reasoning tokens are inside."""
    if usage is None:
        return None
    before, after = usage.input_tokens_details, usage.output_tokens_details
    prompt, completion = max(0, usage.input_tokens or 0), max(0, usage.output_tokens or 0)
    return TokenUsage(
        prompt=prompt,
        completion=completion,
        cached=min(max(0, (before.cached_tokens or 0) if before else 0), prompt),
        cache_write=max(0, (before.cache_write_tokens or 0) if before else 0),
        reasoning=min(max(0, (after.reasoning_tokens or 0) if after else 0), completion),
    )
