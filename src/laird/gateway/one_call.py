"""One tool call at a time, for providers that can't be told so.

A client that sends `parallel_tool_calls: false` runs one tool and then asks again. Where a model
calls several all the same, it is shown the first: the others are the model's to repeat, once it has
seen the first result.
"""

from __future__ import annotations

import msgspec

from laird.domain.chat import (
    ChatAnswer,
    EventReader,
    StreamEvent,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
)


def first_call_only(answer: ChatAnswer) -> ChatAnswer:
    """Return the answer without the tool calls after its first."""
    calls = [part for part in answer.parts if isinstance(part, ToolCall)]
    if len(calls) < 2:
        return answer
    first = calls[0]
    kept = tuple(part for part in answer.parts if not isinstance(part, ToolCall) or part is first)
    return msgspec.structs.replace(answer, parts=kept)


class FirstCallReader:
    """Reads one streamed answer and leaves out the tool calls after its first."""

    __slots__ = ("_reader",)

    def __init__(self, reader: EventReader) -> None:
        self._reader = reader

    @property
    def done(self) -> bool:
        """The stream's own end marker has come."""
        return self._reader.done

    def feed(self, data: bytes) -> list[StreamEvent]:
        """Return the events completed by `data`."""
        return _first(self._reader.feed(data))

    def end(self) -> list[StreamEvent]:
        """Return what is left at the clean end of the body."""
        return _first(self._reader.end())


def _first(events: list[StreamEvent]) -> list[StreamEvent]:
    return [
        event
        for event in events
        if not (isinstance(event, ToolCallStart | ToolCallDelta) and event.index)
    ]
