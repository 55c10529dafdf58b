"""Passing OpenAI's chats and completions on: bytes in, the same bytes out, watched on the way.

One field is spliced into each chunk (`"provider":"…"`, who served it); nothing is written anew.
This is the hottest code of the gateway, so a chunk costs about two microseconds.
"""

from __future__ import annotations

from functools import lru_cache

import msgspec
import orjson

from laird.dialects.base import ForwardedAnswer
from laird.dialects.openai_plain import NO_PATTERN, learn_plain
from laird.domain.tokens import TokenUsage
from laird.transport.sse import SseEvent, SseSplitter
from laird.wire.openai import (
    DONE,
    LONGEST_EVENT,
    StrayJson,
    WireChoice,
    WireChunk,
    WireDelta,
    finish_of,
    join_parts,
    load_object,
    read_chunk,
    stream_error,
    token_usage,
    unreadable,
)

_UNSET = msgspec.UNSET
_MOST_SKIPPED = 15


class OpenAIPassThrough:
    """Passes a stream on to a client that speaks the same format. See `Relay` for the marks.

    The chunk that holds only usage is taken out when the client did not ask for it. Text that
    stands in the same read as an error is not passed on: nothing follows it that could finish it.
    """

    __slots__ = (
        "_between",
        "_field",
        "_finished_choices",
        "_include_usage",
        "_lessons_skipped",
        "_lessons_to_skip",
        "_open_choices",
        "_plain",
        "_plain_event",
        "_plain_start",
        "_provider",
        "_shown",
        "_split",
        "_stray",
        "_tail",
        "content",
        "done",
        "finished",
        "text_length",
        "usage",
    )

    def __init__(self, provider_id: str, *, include_usage: bool) -> None:
        self.content = False
        self.finished = False
        self.usage: TokenUsage | None = None
        self.text_length = 0
        self._provider = provider_id
        self._include_usage = include_usage
        self._field = _provider_field(provider_id)
        self._split = SseSplitter(LONGEST_EVENT).feed
        self._between = True
        self._stray = StrayJson()
        self._tail: list[bytes] = []
        self._shown = False
        self._plain = self._plain_event = NO_PATTERN
        self._plain_start = b""
        self._lessons_skipped = 0
        self._lessons_to_skip = 0
        self._open_choices: set[int] = set()
        self._finished_choices: set[int] = set()
        self.done = False

    def feed(self, data: bytes) -> bytes:
        """Return the client's bytes for these upstream bytes.

        Raises an `UpstreamError` for an error in the stream, `UpstreamGarbled` for what is no
        chunk.
        """
        whole = data.endswith(b"\n\n")
        if whole and self._between:
            # The usual read: one chunk of text, whole.
            plain = self._plain_event
            length = plain.text_length(data, len(data) - 2)
            if length >= 0:
                self.text_length += length
                return self._plain_start + data[plain.before_length :]
        events = self._split(data)
        if data:
            self._between = whole
        if events:
            return self._events(events)
        if not self._open_choices:
            self._stray.keep(data)
        return b""

    def end(self) -> bytes:
        """Return what was kept back and the success marker.

        Raises `UpstreamGarbled` when the answer is not complete.
        """
        if not self.finished:
            raise self._stray.error(self._provider)
        return b"".join(self._tail) + DONE

    def _events(self, events: list[SseEvent]) -> bytes:
        """Return what the client gets for these events."""
        pieces: list[bytes] = []
        for name, payload in events:
            plain = self._plain
            length = plain.text_length(payload, len(payload))
            if length >= 0 and name is None:
                self.text_length += length
                pieces += (self._plain_start, payload[plain.before_length :], b"\n\n")
            elif not self.done:
                self._event(name, payload, pieces)
        self.content = self._shown
        return b"".join(pieces)

    def _event(self, name: str | None, payload: bytes, pieces: list[bytes]) -> None:
        """Look at an event that is not known to be a plain chunk."""
        bare = payload.strip()
        if bare == b"[DONE]":
            self.done = True
            self._plain = self._plain_event = NO_PATTERN
        elif name == "error":
            raise stream_error(self._provider, _error_value(bare))
        elif bare:
            # Line ends inside JSON are mere blanks, and would need a `data:` of their own.
            self._chunk(bare.replace(b"\n", b" "), pieces)

    def _chunk(self, payload: bytes, pieces: list[bytes]) -> None:
        """Look at one chunk and add what the client gets for it."""
        try:
            chunk = read_chunk(payload)
        except ValueError:
            raise unreadable(self._provider, "a chunk that is not JSON") from None
        if chunk.error:
            raise stream_error(self._provider, chunk.error)
        choices = chunk.choices
        if choices:
            lacking = False
            for choice in choices:
                self._watch(choice)
                # The choices of a legacy completion have a text instead.
                lacking = lacking or (choice.delta is None and choice.text is None)
            if lacking:
                payload = _with_deltas(payload)
        if chunk.usage is not None:
            self.usage = token_usage(chunk.usage)
            if not choices and not self._include_usage:
                return
        pieces = self._open_or_held(pieces)
        if chunk.provider is _UNSET and payload.startswith(b'{"') and not chunk.in_parts:
            pieces += (b"data: ", self._field, payload[1:], b"\n\n")
            if not self.finished:
                self._learn(payload, chunk)
        else:
            pieces += (b"data: ", _named(payload, self._provider, in_parts=chunk.in_parts), b"\n\n")

    def _open_or_held(self, pieces: list[bytes]) -> list[bytes]:
        """Return where the chunk just watched belongs: with `pieces`, or kept back for `end`.

        A stream that is cut after its finish must not look complete, so the finish waits for the
        end, and what follows waits behind it.
        """
        if self.finished:
            self._plain = self._plain_event = NO_PATTERN
            return self._tail
        if self._tail:
            # Another choice has begun: the stream goes on.
            pieces += self._tail
            self._tail = []
        self._shown = self.text_length > 0
        return pieces

    def _learn(self, payload: bytes, chunk: WireChunk) -> None:
        """Learn how this stream's text chunks look; less and less often where each differs."""
        if self._lessons_skipped < self._lessons_to_skip:
            self._lessons_skipped += 1
            return
        plain = learn_plain(payload, chunk)
        if plain is not None:
            self._plain = plain
            self._plain_event = plain.after_prefix(b"data: ")
            self._plain_start = b"data: " + self._field + plain.before[1:]
            self._lessons_skipped = 0
            self._lessons_to_skip = min(2 * self._lessons_to_skip + 1, _MOST_SKIPPED)

    def _watch(self, choice: WireChoice) -> None:
        """Count what a choice adds, and know whether it is finished."""
        delta = choice.delta
        if delta is not None:
            content = delta.content
            self.text_length += len(content) if content else _other_length(delta)
        elif choice.text:
            self.text_length += len(choice.text)
        index = choice.index
        if choice.finish_reason:
            finish_of(choice.finish_reason, self._provider)
            self._finished_choices.add(index)
            self._open_choices.discard(index)
            self.finished = not self._open_choices
        elif index not in self._open_choices and index not in self._finished_choices:
            self._open_choices.add(index)
            self.finished = False


def _other_length(delta: WireDelta) -> int:
    """Return the characters of a delta without text: thinking, a refusal, calls of tools."""
    length = len(delta.reasoning_content or delta.reasoning or "") + len(delta.refusal or "")
    if delta.tool_calls or delta.function_call is not None:
        functions = [call.function for call in delta.tool_calls or ()]
        for function in (*functions, delta.function_call):
            if function is not None:
                length += len(function.name or "") + len(function.arguments or "")
    # Sound has no length in characters, but the client notices it.
    return length or bool(delta.audio)


@lru_cache(maxsize=1024)
def _provider_field(provider_id: str) -> bytes:
    """Return `{"provider":"…",`, the beginning of an object that has more fields."""
    return b'{"provider":' + orjson.dumps(provider_id) + b","


def _named(payload: bytes, provider_id: str, *, in_parts: bool) -> bytes:
    """Return the JSON object with our provider id, written anew where it has to be.

    Content that came as a list of parts becomes the one text that clients of this format expect.
    """
    value = load_object(payload)
    if in_parts:
        join_parts(value)
    elif value and "provider" not in value:
        return _provider_field(provider_id) + payload.lstrip()[1:]
    value["provider"] = provider_id
    return msgspec.json.encode(value)


def _with_deltas(payload: bytes) -> bytes:
    """Return a chunk in which each choice has a `delta`, which OpenAI's own clients rely on.

    Azure leaves it out where a chunk only tells how far its content filter has read.
    """
    try:
        value = load_object(payload)
        for choice in value["choices"]:
            if isinstance(choice, dict) and not isinstance(choice.get("delta"), dict):
                choice["delta"] = {}
        return msgspec.json.encode(value)
    except ValueError:
        # Text that is not UTF-8, in a field that is not looked at, goes on as it came.
        return payload


def _error_value(payload: bytes) -> object:
    """Return the error that an event holds, as an object or as text."""
    try:
        value = load_object(payload)
    except ValueError:
        return payload.decode(errors="replace").strip() or "an error event"
    return value.get("error") or value


def forward_answer(body: bytes, *, provider: str) -> ForwardedAnswer:
    """Pass on an answer that is not streamed, with our provider id put in.

    Raises `UpstreamGarbled` when it is not a completion, and what an `error` in it means.
    """
    answer = _whole_answer(body, provider)
    length = 0
    for choice in answer.choices or ():
        message = choice.message
        if message is None:
            raise unreadable(provider, "an answer without choices")
        length += len(message.content or "") + _other_length(message)
    return _forwarded(body, answer, length, provider)


def forward_completion(body: bytes, *, provider: str) -> ForwardedAnswer:
    """Do what `forward_answer` does with a legacy completion, whose choices are texts."""
    answer = _whole_answer(body, provider)
    length = 0
    for choice in answer.choices or ():
        if choice.text is None:
            raise unreadable(provider, "an answer without text")
        length += len(choice.text)
    return _forwarded(body, answer, length, provider)


def _whole_answer(body: bytes, provider: str) -> WireChunk:
    """Read an answer that is not streamed. Raises `UpstreamGarbled` when it is not one."""
    try:
        answer = read_chunk(body)
    except ValueError:
        raise unreadable(provider, "an answer that is not JSON") from None
    if answer.error:
        raise stream_error(provider, answer.error)
    if not answer.choices:
        raise unreadable(provider, "an answer without choices")
    for choice in answer.choices:
        if choice.finish_reason:
            finish_of(choice.finish_reason, provider)
    return answer


def _forwarded(body: bytes, answer: WireChunk, length: int, provider: str) -> ForwardedAnswer:
    if answer.provider is _UNSET and body.startswith(b'{"') and not answer.in_parts:
        body = _provider_field(provider) + body[1:]
    else:
        body = _named(body, provider, in_parts=answer.in_parts)
    usage = answer.usage
    return ForwardedAnswer(body, token_usage(usage) if usage is not None else None, length)
