"""A streamed answer of the Messages API as events of ours.

`message_start`, then per block `content_block_start`, `content_block_delta`, `content_block_stop`,
then `message_delta` and `message_stop`; `ping` anywhere; `error` may come after the status was 200.
Wire facts: `anthropic.types.RawMessageStreamEvent` and the accumulator in
`anthropic/lib/streaming/_messages.py` of the Python SDK.
"""

from __future__ import annotations

import msgspec

from laird.domain.chat import (
    Finished,
    ReasoningDelta,
    RefusalDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    UsageSeen,
)
from laird.domain.errors import UpstreamGarbled
from laird.providers.anthropic.answer import Block, StopDetails
from laird.providers.anthropic.errors import Voice
from laird.wire.anthropic import ErrorBody, Usage, finish_of, read_envelope
from laird.wire.payloads import Payloads


class _Delta(msgspec.Struct):
    """The `delta` of a content block or of the message; `type` is empty with the latter."""

    type: str = ""
    text: str = ""
    partial_json: str = ""
    thinking: str = ""
    signature: str = ""
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: StopDetails | None = None


class _Start(msgspec.Struct):
    usage: Usage | None = None


class _Event(msgspec.Struct):
    """Any event of a stream."""

    type: str
    index: int = 0
    delta: _Delta | None = None
    content_block: Block | None = None
    message: _Start | None = None
    usage: Usage | None = None
    error: ErrorBody | None = None


_EVENT = msgspec.json.Decoder(_Event)


class _OpenCall:
    """A tool call whose block is open."""

    __slots__ = ("index", "initial", "written")

    def __init__(self, index: int, initial: str) -> None:
        self.index = index
        self.initial = initial
        self.written = False


class MessageEvents:
    """Reads one streamed answer. See `laird.providers.base.EventReader`.

    Citations and the blocks of the API's own tools, which we never ask for, are passed over, and
    so is every event and delta that is not known yet: the API says that new ones may come.
    The counts of `message_start` are passed on as an estimate, since its output is a placeholder.
    """

    __slots__ = (
        "_calls",
        "_open",
        "_payloads",
        "_stop",
        "_stop_sequence",
        "_usage",
        "_voice",
        "done",
    )

    def __init__(self, voice: Voice) -> None:
        self._voice = voice
        self._payloads = Payloads()
        self._open: dict[int, _OpenCall] = {}
        self._calls = 0
        self._usage = Usage()
        self._stop: str | None = None
        self._stop_sequence: str | None = None
        self.done = False

    def feed(self, data: bytes) -> list[StreamEvent]:
        """Return the events completed by `data`. Raises an `UpstreamError`."""
        events: list[StreamEvent] = []
        for payload in self._payloads.feed(data):
            if payload and not self.done:
                self._read(payload, events)
        return events

    def end(self) -> list[StreamEvent]:
        """Return nothing, at the end of a whole answer. Raises `UpstreamGarbled` for another."""
        if not self.done:
            if (error := read_envelope(self._payloads.early)) is not None:
                # A server that fails early may answer with plain JSON where a stream was to come.
                raise self._voice.stream_error(error)
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
        if event.type == "content_block_delta":
            if event.delta is not None:
                self._block_delta(event.index, event.delta, events)
        elif event.type == "error":
            raise self._voice.stream_error(event.error or ErrorBody())
        else:
            self._frame(event, events)

    def _frame(self, event: _Event, events: list[StreamEvent]) -> None:
        """Read what begins and ends blocks and the message."""
        match event.type:
            case "content_block_start":
                if event.content_block is not None:
                    self._block_start(event.index, event.content_block, events)
            case "content_block_stop":
                self._block_stop(event.index, events)
            case "message_start":
                if event.message is not None and event.message.usage is not None:
                    self._usage = event.message.usage
                    events.append(UsageSeen(self._usage.tokens(estimated=True)))
            case "message_delta":
                self._message_delta(event, events)
            case "message_stop":
                self._message_stop(events)
            case _:
                pass

    def _block_start(self, index: int, block: Block, events: list[StreamEvent]) -> None:
        match block.type:
            case "text":
                if block.text:
                    events.append(TextDelta(block.text))
            case "tool_use":
                call = _OpenCall(self._calls, block.arguments)
                self._calls += 1
                self._open[index] = call
                events.append(ToolCallStart(index=call.index, id=block.id, name=block.name))
            case "thinking":
                if block.thinking or block.signature:
                    events.append(
                        ReasoningDelta(text=block.thinking, signature=block.signature or None)
                    )
            case "redacted_thinking":
                events.append(ReasoningDelta(redacted=block.data))
            case _:
                pass

    def _block_delta(self, index: int, delta: _Delta, events: list[StreamEvent]) -> None:
        match delta.type:
            case "text_delta":
                if delta.text:
                    events.append(TextDelta(delta.text))
            case "input_json_delta":
                call = self._open.get(index)
                if call is not None and delta.partial_json:
                    call.written = True
                    events.append(ToolCallDelta(index=call.index, arguments=delta.partial_json))
            case "thinking_delta":
                if delta.thinking:
                    events.append(ReasoningDelta(text=delta.thinking))
            case "signature_delta":
                if delta.signature:
                    events.append(ReasoningDelta(signature=delta.signature))
            case _:
                pass

    def _block_stop(self, index: int, events: list[StreamEvent]) -> None:
        call = self._open.pop(index, None)
        if call is not None and not call.written:
            # A tool without arguments streams none: the block's own input says `{}`.
            events.append(ToolCallDelta(index=call.index, arguments=call.initial))

    def _message_delta(self, event: _Event, events: list[StreamEvent]) -> None:
        if event.usage is not None:
            self._usage = self._usage.updated(event.usage)
            events.append(UsageSeen(self._usage.tokens()))
        delta = event.delta
        if delta is None:
            return
        if delta.stop_reason is not None:
            self._stop = delta.stop_reason
            self._stop_sequence = delta.stop_sequence
        if delta.stop_details is not None and delta.stop_details.explanation:
            events.append(RefusalDelta(delta.stop_details.explanation))

    def _message_stop(self, events: list[StreamEvent]) -> None:
        if self._stop is None:
            raise self._voice.garbled("the end of a stream without a stop reason")
        for index in tuple(self._open):
            self._block_stop(index, events)
        self.done = True
        events.append(Finished(finish_of(self._stop), self._stop_sequence))
