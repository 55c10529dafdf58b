"""Relays: an upstream's stream on one side, the client's on the other.

`TranslatingRelay` is for two different wire formats. Passing on the same one is the business of a
dialect's own relay, such as `openai_relay.OpenAIPassThrough`.
"""

from __future__ import annotations

from laird.dialects.base import Encoder
from laird.domain.chat import (
    EventReader,
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
from laird.domain.tokens import TokenUsage


class TranslatingRelay:
    """Reads one wire format and writes another, event by event. See `Relay` for the marks."""

    __slots__ = ("_encoder", "_reader", "_tail", "content", "finished", "text_length", "usage")

    def __init__(self, reader: EventReader, encoder: Encoder) -> None:
        self.content = False
        self.finished = False
        self.usage: TokenUsage | None = None
        self.text_length = 0
        self._reader = reader
        self._encoder = encoder
        self._tail = b""

    @property
    def done(self) -> bool:
        """The upstream said that nothing follows."""
        return self._reader.done

    def feed(self, data: bytes) -> bytes:
        """Return the client's bytes for these upstream bytes."""
        events = self._reader.feed(data)
        if not events:
            return b""
        was_finished = self.finished
        self._watch(events)
        if was_finished:
            self._tail += self._encoder.encode(events)
            return b""
        if not self.finished:
            return self._encoder.encode(events)
        last = next(n for n, event in enumerate(events) if isinstance(event, Finished))
        shown = self._encoder.encode(events[:last])
        self._tail = self._encoder.encode(events[last:])
        return shown

    def end(self) -> bytes:
        """Return the rest with the success marker. Raises `UpstreamGarbled` when it is cut."""
        events = self._reader.end()
        self._watch(events)
        if not self.finished:
            raise UpstreamGarbled("The provider's stream ended before the answer was complete.")
        rest = self._encoder.encode(events) if events else b""
        return self._tail + rest + self._encoder.end(self.usage)

    def _watch(self, events: list[StreamEvent]) -> None:
        for event in events:
            match event:
                case TextDelta(text) | RefusalDelta(text) | ReasoningDelta(text=text):
                    if text:
                        self.content = True
                        self.text_length += len(text)
                case ToolCallDelta(arguments=arguments):
                    self.content = True
                    self.text_length += len(arguments)
                case ToolCallStart(name=name):
                    self.content = True
                    self.text_length += len(name)
                case UsageSeen(usage):
                    self.usage = usage
                case Finished():
                    self.finished = True
