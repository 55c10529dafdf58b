"""What is new in a text that goes on where another stopped."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laird.domain.chat import (
    ChatRequest,
    Finished,
    FinishReason,
    Message,
    ReasoningDelta,
    Role,
    StreamEvent,
    Text,
    TextDelta,
    ToolCallStart,
)
from laird.domain.errors import UpstreamGarbled
from laird.gateway.continuation import Continuation, without_repeat

LONG = "The quick brown fox jumps over the lazy dog and runs away into the deep dark wood."


class Scripted:
    """A reader that gives one batch of events per feed."""

    done = False

    def __init__(self, *batches: list[StreamEvent]) -> None:
        self._batches = list(batches)

    def feed(self, data: bytes) -> list[StreamEvent]:
        assert data == b""
        return self._batches.pop(0) if self._batches else []

    def end(self) -> list[StreamEvent]:
        return []


def heard(continuation: Continuation, *batches: list[StreamEvent]) -> str:
    reader = continuation.watch(Scripted(*batches))
    events = [event for _ in batches for event in reader.feed(b"")] + reader.end()
    return "".join(event.text for event in events if isinstance(event, TextDelta))


@given(said=st.text(max_size=60), more=st.text(max_size=60))
def test_nothing_new_is_lost(said: str, more: str) -> None:
    new = without_repeat(said, more)
    assert more.endswith(new)
    assert said.endswith(more[: len(more) - len(new)]) or more.startswith(said)


@given(cut=st.integers(0, len(LONG)), step=st.integers(1, 20))
def test_a_model_that_starts_anew_is_heard_from_the_cut(cut: int, step: int) -> None:
    continuation = Continuation()
    first = heard(continuation, [TextDelta(LONG[:cut])])
    pieces: list[list[StreamEvent]] = [
        [TextDelta(LONG[n : n + step])] for n in range(0, len(LONG), step)
    ]
    second = heard(continuation, *pieces, [Finished(FinishReason.STOP)])
    assert first + second == LONG
    assert continuation.said == LONG


@pytest.mark.parametrize("overlap", [0, 12, 20])
def test_a_repeated_tail_is_taken_out(overlap: int) -> None:
    continuation = Continuation()
    heard(continuation, [TextDelta(LONG[:40])])
    assert heard(continuation, [TextDelta(LONG[40 - overlap :])]) == LONG[40:]


def test_the_next_model_is_given_what_was_said() -> None:
    continuation = Continuation()
    request = ChatRequest(messages=(Message(role=Role.USER, parts=(Text("hi"),)),))
    assert continuation.request(request) is request
    heard(continuation, [TextDelta("Hello ")])
    last = continuation.request(request).messages[-1]
    assert (last.role, last.parts) == (Role.ASSISTANT, (Text("Hello "),))


def test_after_a_tool_call_nothing_goes_on() -> None:
    continuation = Continuation()
    heard(continuation, [ToolCallStart(index=0, id="c", name="f")])
    assert not continuation.possible


def test_a_tool_call_in_the_middle_of_prose_is_an_error() -> None:
    continuation = Continuation()
    heard(continuation, [TextDelta("Hello ")])
    with pytest.raises(UpstreamGarbled, match="called a tool"):
        heard(continuation, [ToolCallStart(index=0, id="c", name="f")])


def test_thinking_of_the_second_model_is_left_out() -> None:
    continuation = Continuation()
    heard(continuation, [TextDelta("Hello ")])
    reader = continuation.watch(Scripted([ReasoningDelta(text="hm"), TextDelta("there.")]))
    assert [*reader.feed(b""), *reader.end()] == [TextDelta("there.")]
