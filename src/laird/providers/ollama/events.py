"""A streamed answer of Ollama as events of ours: one JSON object a line, the last one `done`."""

from __future__ import annotations

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
from laird.providers.ollama.answer import (
    WireLine,
    WireMessage,
    finish_of,
    read_calls,
    read_line,
    read_logprobs,
)
from laird.providers.ollama.errors import Voice

LONGEST_LINE = 16 * 1024 * 1024
"""Bytes of one line; more is no part of a chat."""

_BOM = b"\xef\xbb\xbf"


class LineEvents:
    """Reads one streamed answer. See `laird.domain.chat.EventReader`."""

    __slots__ = ("_begun", "_calls", "_rest", "_voice", "done")

    def __init__(self, voice: Voice) -> None:
        self._voice = voice
        self._begun = False
        self._rest = bytearray()
        self._calls: set[str] = set()
        self.done = False
        """The line that says why the model stopped has come."""

    def feed(self, data: bytes) -> list[StreamEvent]:
        """Return the events completed by `data`."""
        if self._rest:
            searched = len(self._rest)
            self._rest += data
            end = self._rest.rfind(b"\n", searched)
            whole = bytes(self._rest[:end]) if end >= 0 else b""
            del self._rest[: end + 1]
        else:
            end = data.rfind(b"\n")
            whole = data[:end] if end >= 0 else b""
            self._rest += data[end + 1 :]
        if len(self._rest) > LONGEST_LINE:
            raise self._voice.garbled("a line of more than 16 MB")
        events: list[StreamEvent] = []
        if end >= 0:
            for line in whole.split(b"\n"):
                self._read(line, events)
        return events

    def end(self) -> list[StreamEvent]:
        """Return what is left at the clean end of the body."""
        events: list[StreamEvent] = []
        rest = bytes(self._rest)
        self._rest.clear()
        self._read(rest, events)
        if not self.done:
            raise self._voice.unfinished()
        return events

    def _read(self, data: bytes, events: list[StreamEvent]) -> None:
        if not self._begun:
            data = data.removeprefix(_BOM)
        if self.done or not data or data.isspace():
            return
        self._begun = True
        line = read_line(data, self._voice)
        if line.message is not None:
            self._say(line, line.message, events)
        if line.logprobs:
            events.append(Logprobs(read_logprobs(line)))
        if line.done:
            reason = finish_of(line, self._voice, called=bool(self._calls))
            usage = line.usage
            if usage is not None:
                events.append(UsageSeen(usage))
            events.append(Finished(reason))
            self.done = True

    def _say(self, line: WireLine, message: WireMessage, events: list[StreamEvent]) -> None:
        if message.thinking:
            events.append(ReasoningDelta(text=message.thinking))
        if message.content:
            events.append(TextDelta(message.content))
        if message.tool_calls:
            first = len(self._calls)
            for index, call in enumerate(read_calls(line, self._calls), first):
                events.append(ToolCallStart(index=index, id=call.id, name=call.name))
                events.append(ToolCallDelta(index=index, arguments=call.arguments))
