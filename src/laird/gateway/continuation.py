"""Going on with a cut stream at the next candidate, where the client asked for it.

Only prose is continued: once a tool call or a refusal has begun, half of it can't be glued to the
other half of another model's. The next model is given what was said so far as the beginning of its
own turn, and what it repeats of that is taken out.
"""

from __future__ import annotations

import msgspec

from laird.domain.chat import (
    ChatRequest,
    EventReader,
    Finished,
    Message,
    ReasoningDelta,
    RefusalDelta,
    Role,
    StreamEvent,
    Text,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)
from laird.domain.errors import UpstreamGarbled

_SHORTEST_OVERLAP = 12
"""A shared run shorter than this may be chance, so it is kept."""


def without_repeat(said: str, more: str) -> str:
    """Return what of `more` is new after `said`.

    Takes out a repetition of the whole text, or of a long enough tail of it.
    """
    if said and more.startswith(said):
        return more[len(said) :]
    for length in range(min(len(said), len(more)), _SHORTEST_OVERLAP - 1, -1):
        if said.endswith(more[:length]):
            return more[length:]
    return more


class Continuation:
    """What was said so far in one streamed answer, over all attempts."""

    def __init__(self) -> None:
        self.said = ""
        self.possible = True
        """False once something other than prose has reached the client."""

    def request(self, canonical: ChatRequest) -> ChatRequest:
        """Return the request with what was said so far as the beginning of the answer."""
        if not self.said:
            return canonical
        begun = Message(role=Role.ASSISTANT, parts=(Text(self.said),))
        return msgspec.structs.replace(canonical, messages=(*canonical.messages, begun))

    def watch(self, reader: EventReader) -> EventReader:
        """Return a reader that notes what passes, and leaves out what was said already."""
        return _WatchedReader(self, reader)


class _WatchedReader:
    """Reads one attempt's events for a continuation."""

    def __init__(self, continuation: Continuation, reader: EventReader) -> None:
        self._continuation = continuation
        self._reader = reader
        self._before = continuation.said
        self._held = ""
        self._holding = bool(self._before)

    @property
    def done(self) -> bool:
        return self._reader.done

    def feed(self, data: bytes) -> list[StreamEvent]:
        return self._pass(self._reader.feed(data))

    def end(self) -> list[StreamEvent]:
        return [*self._pass(self._reader.end()), *self._release()]

    def _pass(self, events: list[StreamEvent]) -> list[StreamEvent]:
        passed: list[StreamEvent] = []
        for event in events:
            if isinstance(event, TextDelta):
                passed += self._text(event.text)
            elif isinstance(event, ToolCallStart | ToolCallDelta | RefusalDelta):
                passed += self._not_prose(event)
            elif isinstance(event, Finished):
                passed += [*self._release(), event]
            elif not (isinstance(event, ReasoningDelta) and self._before):
                passed.append(event)
        return passed

    def _not_prose(self, event: StreamEvent) -> list[StreamEvent]:
        if self._before:
            raise UpstreamGarbled(
                "The candidate that was to go on with a cut answer called a tool instead of"
                " continuing the text."
            )
        self._continuation.possible = False
        return [event]

    def _text(self, text: str) -> list[StreamEvent]:
        if not self._holding:
            self._continuation.said += text
            return [TextDelta(text)]
        self._held += text
        # While it may still turn out to be a repetition of the whole, nothing is shown.
        if len(self._held) <= len(self._before) and self._may_repeat():
            return []
        return self._release()

    def _may_repeat(self) -> bool:
        held, before = self._held, self._before
        return before.startswith(held) or held in before or len(held) < _SHORTEST_OVERLAP

    def _release(self) -> list[StreamEvent]:
        if not self._holding:
            return []
        self._holding = False
        new = without_repeat(self._before, self._held)
        self._held = ""
        self._continuation.said += new
        return [TextDelta(new)] if new else []
