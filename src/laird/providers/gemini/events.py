"""A streamed answer of the Gemini API as events of ours.

Each event is a piece of the answer in the form of a whole one. There is no end marker: the stream
is whole when its body has ended and the last piece of the candidate said why the model stopped.
Some models say STOP in every piece, so the reason alone ends nothing; a piece that follows without
one takes it back. Wire facts: the types of Google's Python SDK, and `_api_client.py` there, which
reads errors that come as plain JSON between the events.
"""

from __future__ import annotations

import msgspec

from laird.domain.chat import (
    Finished,
    FinishReason,
    Logprobs,
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
from laird.providers.gemini.answer import (
    RESPONSE,
    CallIds,
    Candidate,
    Part,
    Response,
    blocked,
    finish_of,
    picture,
    refusal_of,
)
from laird.providers.gemini.errors import Voice, read_envelope, stream_error
from laird.transport.sse import SseSplitter

_LONGEST_REST = 65_536
"""Bytes that are kept after the last event, to find an error that is plain JSON."""


def _after_events(data: bytes) -> bytes:
    """Return what stands after the last event that ends in `data`."""
    ends = (data.rfind(b"\n\n"), data.rfind(b"\r\n\r\n"))
    # The empty line itself may have been cut: its beginning then came with the bytes before.
    return data[max(ends) :].lstrip() if max(ends) >= 0 else data.lstrip()


class ContentEvents:
    """Reads one streamed answer. See `laird.domain.chat.EventReader`.

    Citations and the parts of the API's own tools, which we never ask for, are passed over.
    """

    __slots__ = ("_finish", "_ids", "_rest", "_splitter", "_usage", "_voice", "done")

    def __init__(self, voice: Voice) -> None:
        self._voice = voice
        self._splitter = SseSplitter()
        self._rest = b""
        self._ids = CallIds()
        self._usage: TokenUsage | None = None
        self._finish: FinishReason | None = None
        self.done = False
        """Never True: this API has no end marker."""

    def feed(self, data: bytes) -> list[StreamEvent]:
        """Return the events completed by `data`. Raises an `UpstreamError`."""
        events: list[StreamEvent] = []
        payloads = self._splitter.feed(data)
        for _, payload in payloads:
            self._read(payload, events)
        if payloads:
            self._rest = _after_events(data)
        elif len(self._rest) < _LONGEST_REST:
            self._rest += data
        return events

    def end(self) -> list[StreamEvent]:
        """Return the finish, at the end of a whole answer. Raises `UpstreamGarbled` for another."""
        if self._rest and (error := read_envelope(self._rest.lstrip(b"\xef\xbb\xbf"))) is not None:
            raise stream_error(error, self._voice)
        if self._finish is None:
            raise UpstreamGarbled(
                f"{self._voice.provider} ended its stream before the answer was complete."
                " Try again."
            )
        return [Finished(self._finish)]

    def _read(self, payload: bytes, events: list[StreamEvent]) -> None:
        try:
            piece = RESPONSE.decode(payload)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise self._voice.garbled(f"a stream event that can't be read ({error})") from error
        if piece.error is not None:
            raise stream_error(piece.error, self._voice)
        if piece.candidates:
            self._candidate(piece.candidates[0], piece.response_id, events)
        elif piece.prompt_feedback is not None and piece.prompt_feedback.block_reason:
            self._finish = FinishReason.CONTENT_FILTER
            events.append(RefusalDelta(blocked(piece.prompt_feedback.block_reason, "prompt")))
        self._count(piece, events)

    def _candidate(self, candidate: Candidate, response_id: str, events: list[StreamEvent]) -> None:
        for part in candidate.content.parts:
            self._part(part, response_id, events)
        if candidate.logprobs_result is not None and (tokens := candidate.logprobs_result.tokens()):
            events.append(Logprobs(tokens))
        if not candidate.finish_reason:
            if candidate.content.parts:
                self._finish = None
            return
        self._finish = finish_of(
            candidate.finish_reason, calls=self._ids.count > 0, voice=self._voice
        )
        if refusal := refusal_of(candidate, self._finish):
            events.append(RefusalDelta(refusal))

    def _part(self, part: Part, response_id: str, events: list[StreamEvent]) -> None:
        call = part.function_call
        if call is not None:
            index = self._ids.count
            identity = self._ids.next(call, response_id)
            events.append(
                ToolCallStart(index=index, id=identity, name=call.name, signature=part.signature)
            )
            events.append(ToolCallDelta(index=index, arguments=call.arguments))
        elif part.inline_data is not None:
            raise picture(part, self._voice)
        elif part.thought:
            if part.text or part.thought_signature:
                events.append(ReasoningDelta(text=part.text, signature=part.signature))
        elif part.text:
            events.append(TextDelta(part.text))

    def _count(self, piece: Response, events: list[StreamEvent]) -> None:
        usage = piece.usage_metadata.tokens() if piece.usage_metadata else None
        if usage is not None and usage != self._usage:
            self._usage = usage
            events.append(UsageSeen(usage))
