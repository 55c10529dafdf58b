"""Writes answers of ours in OpenAI's Responses format, whole or as a stream of events."""

from __future__ import annotations

from typing import Any

import orjson

from laird.dialects.responses_errors import write_failure
from laird.dialects.responses_frame import Asked, Frame, status_of
from laird.dialects.responses_output import Event, Output
from laird.domain.chat import (
    ChatAnswer,
    Finished,
    FinishReason,
    Logprobs,
    Reasoning,
    ReasoningDelta,
    RefusalDelta,
    StreamEvent,
    Text,
    TextDelta,
    TokenLogprob,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
)
from laird.domain.errors import LairdError
from laird.domain.tokens import TokenUsage

_TEXT_DELTA = b"response.output_text.delta"


def write_event(kind: str, fields: dict[str, Any], number: int, provider: str) -> bytes:
    """Return one server-sent event."""
    payload = {"type": kind, "sequence_number": number, **fields, "provider": provider}
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), orjson.dumps(payload))


def write_answer(
    answer: ChatAnswer, asked: Asked, *, provider: str, created: int
) -> dict[str, Any]:
    """Return a whole answer as a `response` object."""
    output = Output(asked)
    tokens = answer.logprobs
    for number, part in enumerate(answer.parts):
        match part:
            case Text(text):
                output.say(text, tokens)
                tokens = ()
            case Reasoning(text=text, signature=signature, redacted=redacted):
                output.think(text, signature, redacted)
                output.end_thought()
            case ToolCall(id=call_id, name=name, arguments=arguments, signature=signature):
                output.call(number, call_id, name, signature)
                output.argue(number, arguments)
    if answer.refusal:
        output.refuse(answer.refusal)
    status, reason = status_of(answer.finish)
    output.close(status)
    frame = Frame(asked=asked, model=answer.model, provider=provider, created=created)
    return frame.response(status, output=output.items, usage=answer.usage, reason=reason)


class ResponsesEncoder:
    """Writes one stream of events. See `Encoder`.

    Text, which is nearly all of a stream, is written around the bytes that its events have in
    common.
    """

    __slots__ = (
        "_after",
        "_before",
        "_begun",
        "_finish",
        "_frame",
        "_number",
        "_output",
        "_tokens",
        "final",
        "shown",
    )

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._output = Output(frame.asked)
        self._number = 0
        self._begun = False
        self._finish = FinishReason.STOP
        self._tokens: list[TokenLogprob] = []
        self._before = b""
        self._after = b""
        self.shown = False
        """The client could see something of the answer in what was encoded so far."""
        self.final: dict[str, Any] | None = None
        """The whole response, once it is complete."""

    def go_on(self, frame: Frame) -> None:
        """Go on with the answer of another candidate where the first one's was cut."""
        self._frame = frame
        self._before = b""

    def encode(self, events: list[StreamEvent]) -> bytes:
        """Return the bytes for these events."""
        pieces: list[bytes] = []
        for event in events:
            if type(event) is Logprobs:
                self._tokens += event.tokens
        for event in events:
            if type(event) is TextDelta:
                if event.text:
                    self._text(event.text, pieces)
            else:
                self._other(event, pieces)
        return b"".join(pieces)

    def end(self, usage: TokenUsage | None) -> bytes:
        """Close what is open and say that the response is complete, or incomplete and why."""
        status, reason = status_of(self._finish)
        pieces: list[bytes] = []
        self._write(self._output.close(status), pieces)
        response = self._frame.response(
            status, output=self._output.items, usage=usage, reason=reason
        )
        self._write([(f"response.{status}", {"response": response})], pieces)
        self.final = response
        return b"".join(pieces)

    def failure(self, error: LairdError) -> bytes:
        """Return the events that end the stream as a failure."""
        self.final = None
        response = self._frame.response("failed", output=self._output.items)
        return write_failure(error, self._number, response)

    def _text(self, text: str, pieces: list[bytes]) -> None:
        message = self._output.message
        if self._before and not self._tokens and message is not None:
            # The usual piece: more of the text that is open.
            message.pieces.append(text)
            delta = orjson.dumps(text)
            pieces += (self._before, delta, b',"sequence_number":%d' % self._number, self._after)
            self._number += 1
            return
        tokens, self._tokens = self._tokens, []
        self._write(self._output.say(text, tokens), pieces)
        self.shown = True
        self._learn()

    def _learn(self) -> None:
        """Write down what the deltas of the open text have in common."""
        message = self._output.message
        if message is None:
            return
        place = {
            "type": _TEXT_DELTA.decode(),
            "item_id": message.id,
            "output_index": message.index,
            "content_index": message.content_index,
            "logprobs": [],
            "provider": self._frame.provider,
        }
        head = orjson.dumps(place)[:-1]
        self._before = b'event: %b\ndata: %b,"delta":' % (_TEXT_DELTA, head)
        self._after = b"}\n\n"

    def _other(self, event: StreamEvent, pieces: list[bytes]) -> None:
        """Write an event that is no text."""
        output = self._output
        match event:
            case ReasoningDelta(text=text, signature=signature, redacted=redacted):
                self.shown = self.shown or bool(text)
                found = output.think(text, signature, redacted)
            case RefusalDelta(text):
                if not text:
                    return
                self.shown = True
                found = output.refuse(text)
            case ToolCallStart(index=number, id=call_id, name=name, signature=signature):
                self.shown = True
                found = output.call(number, call_id, name, signature)
            case ToolCallDelta(index=number, arguments=arguments):
                if not arguments:
                    return
                found = output.argue(number, arguments)
            case Finished(reason):
                self._finish = reason
                return
            case _:
                return
        self._before = b""
        self._write(found, pieces)

    def _write(self, events: list[Event], pieces: list[bytes]) -> None:
        if not self._begun:
            self._begun = True
            begun = {"response": self._frame.response("in_progress")}
            events = [("response.created", begun), ("response.in_progress", begun), *events]
        provider = self._frame.provider
        for kind, fields in events:
            pieces.append(write_event(kind, fields, self._number, provider))
            self._number += 1
