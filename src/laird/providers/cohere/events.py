"""A streamed answer of `POST /v2/chat` as events of ours.

`message-start`, then per block `content-start`, `content-delta`, `content-end`, `tool-plan-delta`,
per call `tool-call-start`, `tool-call-delta`, `tool-call-end`, `citation-start` and `citation-end`
anywhere, and at last `message-end` with finish and usage. In a stream `tool_calls` and `content`
are single objects, but lists in `message-start`.
Wire facts: `cohere.v2.types.V2ChatStreamResponse` of the Python SDK.
"""

from __future__ import annotations

import msgspec

from laird.domain.chat import (
    Finished,
    Logprobs,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    UsageSeen,
)
from laird.domain.errors import UpstreamGarbled
from laird.providers.cohere.answer import (
    Call,
    Content,
    LogprobItem,
    Usage,
    finish_of,
    token_logprob,
)
from laird.providers.cohere.errors import Voice, message_of, stream_error
from laird.wire.payloads import Payloads


class _Message(msgspec.Struct):
    content: Content | list[Content] | None = None
    tool_plan: str | None = None
    tool_calls: Call | list[Call] | None = None


class _Delta(msgspec.Struct):
    message: _Message | None = None
    error: str | None = None
    finish_reason: str | None = None
    usage: Usage | None = None


class _Event(msgspec.Struct):
    """Any event of a stream; an error that came instead of one has a `message` and no type."""

    type: str = ""
    index: int | None = None
    delta: _Delta | None = None
    logprobs: LogprobItem | None = None
    message: str | None = None


_EVENT = msgspec.json.Decoder(_Event)
_NOTHING = _Message()


class _OpenCall:
    """A tool call that is not closed yet."""

    __slots__ = ("index", "written")

    def __init__(self, index: int) -> None:
        self.index = index
        self.written = False


class ChatEvents:
    """Reads one streamed answer. See `laird.domain.chat.EventReader`.

    Citations are passed over, and so is every event that is not known yet.
    """

    __slots__ = ("_calls", "_last", "_open", "_payloads", "_voice", "done")

    def __init__(self, voice: Voice) -> None:
        self._voice = voice
        self._payloads = Payloads()
        self._open: dict[int, _OpenCall] = {}
        self._last: _OpenCall | None = None
        self._calls = 0
        self.done = False

    def feed(self, data: bytes) -> list[StreamEvent]:
        """Return the events completed by `data`. Raises an `UpstreamError`."""
        events: list[StreamEvent] = []
        for payload in self._payloads.feed(data):
            if payload and not self.done and payload != b"[DONE]":
                self._read(payload, events)
        return events

    def end(self) -> list[StreamEvent]:
        """Return nothing, at the end of a whole answer. Raises `UpstreamGarbled` for another."""
        if not self.done:
            if (message := message_of(self._payloads.early)) is not None:
                # A server that fails early may answer with plain JSON where a stream was to come.
                raise stream_error(message, self._voice)
            raise UpstreamGarbled(
                f"{self._voice.provider} ended its stream before the answer was complete."
                " Try again."
            )
        return []

    def _read(self, payload: bytes, events: list[StreamEvent]) -> None:
        try:
            event = _EVENT.decode(payload)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise self._voice.garbled(f"a stream event that can't be read ({error})") from error
        delta = event.delta
        message = delta.message if delta is not None and delta.message is not None else _NOTHING
        match event.type:
            case "content-delta" | "content-start":
                _content(message, event.logprobs, events)
            case "tool-call-delta" | "tool-call-start":
                self._tool_calls(event, message, events)
            case "tool-plan-delta":
                if message.tool_plan:
                    events.append(TextDelta(message.tool_plan))
            case "tool-call-end":
                self._close(self._call(event.index), events)
            case "message-end":
                self._finish(delta or _Delta(), events)
            case "" | "error" if event.message is not None:
                raise stream_error(event.message, self._voice)
            case _:
                pass

    def _tool_calls(self, event: _Event, message: _Message, events: list[StreamEvent]) -> None:
        calls = message.tool_calls
        for call in calls if isinstance(calls, list) else () if calls is None else (calls,):
            if event.type == "tool-call-start":
                self._start(event.index, call, events)
            opened = self._call(event.index)
            if opened is not None and call.arguments:
                opened.written = True
                events.append(ToolCallDelta(index=opened.index, arguments=call.arguments))

    def _start(self, index: int | None, call: Call, events: list[StreamEvent]) -> None:
        opened = self._last = _OpenCall(self._calls)
        self._open[self._calls if index is None else index] = opened
        self._calls += 1
        identity = call.id or f"call_{opened.index}"
        events.append(ToolCallStart(index=opened.index, id=identity, name=call.name))

    def _call(self, index: int | None) -> _OpenCall | None:
        """Return the call that an event belongs to; without an index, the last one begun."""
        return self._last if index is None else self._open.get(index)

    @staticmethod
    def _close(call: _OpenCall | None, events: list[StreamEvent]) -> None:
        """Give a call its arguments that has none: clients parse them as JSON."""
        if call is not None and not call.written:
            call.written = True
            events.append(ToolCallDelta(index=call.index, arguments="{}"))

    def _finish(self, delta: _Delta, events: list[StreamEvent]) -> None:
        word = delta.finish_reason
        if word is None and not delta.error:
            raise self._voice.garbled("the end of a stream without a finish reason")
        reason = finish_of(word or "ERROR", self._voice, called=self._calls > 0, cause=delta.error)
        for call in self._open.values():
            self._close(call, events)
        if delta.usage is not None:
            events.append(UsageSeen(delta.usage.counted()))
        self.done = True
        events.append(Finished(reason))


def _content(message: _Message, logprobs: LogprobItem | None, events: list[StreamEvent]) -> None:
    content = message.content
    for block in content if isinstance(content, list) else () if content is None else (content,):
        if block.thinking:
            events.append(ReasoningDelta(text=block.thinking))
        if block.text:
            events.append(TextDelta(block.text))
            if logprobs is not None:
                events.append(Logprobs((token_logprob(logprobs),)))
