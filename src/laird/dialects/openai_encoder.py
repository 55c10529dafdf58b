"""Writes answers of ours in OpenAI's chat format, whole or as a stream of chunks."""

from __future__ import annotations

from typing import Any

import orjson

from laird.domain.chat import (
    ChatAnswer,
    Finished,
    Logprobs,
    Reasoning,
    ReasoningDelta,
    RefusalDelta,
    StreamEvent,
    Text,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
)
from laird.domain.tokens import TokenUsage
from laird.wire.openai import DONE, wire_logprobs, wire_usage
from laird.wire.openai_reasoning import GEMINI, write_detail

_ROLE = b'{"role":"assistant","content":""}'


def write_answer(answer: ChatAnswer, *, provider: str, created: int) -> bytes:
    """Write a whole answer as a `chat.completion`."""
    text = "".join(part.text for part in answer.parts if isinstance(part, Text))
    reasoning = [part for part in answer.parts if isinstance(part, Reasoning)]
    thinking = "".join(part.text for part in reasoning)
    calls = [part for part in answer.parts if isinstance(part, ToolCall)]
    message: dict[str, Any] = {
        "role": "assistant",
        "content": text if text or not (calls or answer.refusal) else None,
        "refusal": answer.refusal,
    }
    if thinking:
        message["reasoning_content"] = thinking
    if any(part.signature or part.redacted for part in reasoning):
        details = (write_detail(part, index) for index, part in enumerate(reasoning))
        message["reasoning_details"] = [detail for detail in details if detail is not None]
    if calls:
        message["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
                **_extra_content(call.signature),
            }
            for call in calls
        ]
    choice: dict[str, Any] = {
        "index": 0,
        "message": message,
        "logprobs": wire_logprobs(answer.logprobs) if answer.logprobs else None,
        "finish_reason": answer.finish.value,
    }
    if answer.stop_sequence is not None:
        choice["stop_reason"] = answer.stop_sequence
    body = {
        "id": answer.id,
        "object": "chat.completion",
        "created": created,
        "model": answer.model,
        "provider": provider,
        "choices": [choice],
    }
    if answer.usage is not None:
        body["usage"] = wire_usage(answer.usage)
    return orjson.dumps(body)


def _extra_content(signature: str | None) -> dict[str, Any]:
    """Return the field for a call's signature in Google's form; other makers have none."""
    if signature is None or not signature.startswith(GEMINI):
        return {}
    return {"extra_content": {"google": {"thought_signature": signature.removeprefix(GEMINI)}}}


class OpenAIEncoder:
    """Writes one stream of `chat.completion.chunk` events. See `Encoder`.

    All that is the same in each chunk is written once, when the stream begins. What OpenAI's format
    has no place for goes where others have put it: signatures of thinking in `reasoning_details`
    (each with the whole text it signs), the stop sequence in `stop_reason`.
    """

    __slots__ = (
        "_after",
        "_before",
        "_begun",
        "_details",
        "_finish",
        "_head",
        "_include_usage",
        "_open",
        "_thought",
    )

    def __init__(
        self, *, request_id: str, model: str, provider: str, created: int, include_usage: bool
    ) -> None:
        head = orjson.dumps(
            {
                "id": f"chatcmpl-{request_id}",
                "object": "chat.completion.chunk",
                "created": created,
                "model": model,
                "provider": provider,
            }
        )
        usage = b',"usage":null' if include_usage else b""
        self._head = b"data: " + head[:-1]
        self._before = self._head + b',"choices":[{"index":0,"delta":'
        self._open = b',"finish_reason":null}]' + usage + b"}\n\n"
        self._after = b',"logprobs":null' + self._open
        self._finish = b',"logprobs":null,"finish_reason":"%s"%s}]' + usage + b"}\n\n"
        self._include_usage = include_usage
        self._begun = False
        self._thought: list[str] = []
        self._details = 0

    def encode(self, events: list[StreamEvent]) -> bytes:
        """Return the chunks for these events."""
        pieces: list[bytes] = []
        for place, event in enumerate(events):
            after = self._after
            if type(event) is Logprobs:
                before = events[place - 1] if place else None
                if type(before) is TextDelta and before.text:
                    # They are of the text just said: they go into the same chunk.
                    pieces[-1] = self._with_logprobs(event)
                    continue
                delta: bytes | None = b'{"content":""}'
                after = self._with_logprobs(event)
            else:
                delta = self._delta(event)
            if delta is None:
                continue
            if not self._begun:
                self._begun = True
                pieces += (self._before, _ROLE, self._after)
            if type(event) is Finished:
                after = self._finish % (self._reason(event), _stop_reason(event))
            pieces += (self._before, delta, after)
        return b"".join(pieces)

    def end(self, usage: TokenUsage | None) -> bytes:
        """Return the usage chunk, where it was asked for and is known, and `[DONE]`."""
        if usage is None or not self._include_usage:
            return DONE
        counts = orjson.dumps(wire_usage(usage))
        return b"".join((self._head, b',"choices":[],"usage":', counts, b"}\n\n", DONE))

    def _reason(self, event: Finished) -> bytes:
        return event.reason.encode()

    def _with_logprobs(self, event: Logprobs) -> bytes:
        return b',"logprobs":' + orjson.dumps(wire_logprobs(event.tokens)) + self._open

    def _delta(self, event: StreamEvent) -> bytes | None:
        """Return the JSON of an event's delta; None for what OpenAI's format has no place for."""
        match event:
            case TextDelta(text):
                return b'{"content":' + orjson.dumps(text) + b"}" if text else None
            case ReasoningDelta():
                return self._reasoning(event)
            case RefusalDelta(text):
                return b'{"refusal":' + orjson.dumps(text) + b"}" if text else None
            case ToolCallStart():
                return _call_start(event)
            case ToolCallDelta(index=index, arguments=arguments):
                piece = {"index": index, "function": {"arguments": arguments}}
                return orjson.dumps({"tool_calls": [piece]}) if arguments else None
            case Finished():
                return b"{}"
            case _:
                return None

    def _reasoning(self, event: ReasoningDelta) -> bytes | None:
        """Write thinking as it comes, and once more where a signature closes it.

        A client that puts the details together gets each signature with the text that it proves,
        whether it joins pieces by their index or only keeps them all.
        """
        delta: dict[str, Any] = {"reasoning_content": event.text} if event.text else {}
        if event.signature is None and event.redacted is None:
            self._thought.append(event.text)
            return orjson.dumps(delta) if delta else None
        text = ""
        if event.redacted is None:
            text = "".join(self._thought) + event.text
            self._thought.clear()
        part = Reasoning(text=text, signature=event.signature, redacted=event.redacted)
        detail = write_detail(part, self._details)
        if detail is not None:
            self._details += 1
            delta["reasoning_details"] = [detail]
        return orjson.dumps(delta) if delta else None


def _call_start(event: ToolCallStart) -> bytes:
    call = {
        "index": event.index,
        "id": event.id,
        "type": "function",
        "function": {"name": event.name, "arguments": ""},
        **_extra_content(event.signature),
    }
    return orjson.dumps({"tool_calls": [call]})


def _stop_reason(event: Finished) -> bytes:
    """Return vLLM's field for the stop sequence, where it is known."""
    if event.stop_sequence is None:
        return b""
    return b',"stop_reason":' + orjson.dumps(event.stop_sequence)
