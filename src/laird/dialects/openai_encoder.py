"""Writes answers of ours in OpenAI's chat format, whole or as a stream of chunks."""

from __future__ import annotations

from typing import Any

import orjson

from laird.domain.chat import (
    ChatAnswer,
    Finished,
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
from laird.wire.openai import DONE, wire_usage

_ROLE = b'{"role":"assistant","content":""}'


def write_answer(answer: ChatAnswer, *, provider: str, created: int) -> bytes:
    """Write a whole answer as a `chat.completion`."""
    text = "".join(part.text for part in answer.parts if isinstance(part, Text))
    thinking = "".join(part.text for part in answer.parts if isinstance(part, Reasoning))
    calls = [part for part in answer.parts if isinstance(part, ToolCall)]
    message: dict[str, Any] = {
        "role": "assistant",
        "content": text if text or not (calls or answer.refusal) else None,
        "refusal": answer.refusal,
    }
    if thinking:
        message["reasoning_content"] = thinking
    if calls:
        message["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in calls
        ]
    body = {
        "id": answer.id,
        "object": "chat.completion",
        "created": created,
        "model": answer.model,
        "provider": provider,
        "choices": [
            {"index": 0, "message": message, "logprobs": None, "finish_reason": answer.finish.value}
        ],
    }
    if answer.usage is not None:
        body["usage"] = wire_usage(answer.usage)
    return orjson.dumps(body)


class OpenAIEncoder:
    """Writes one stream of `chat.completion.chunk` events. See `Encoder`.

    All that is the same in each chunk is written once, when the stream begins.
    """

    __slots__ = ("_after", "_before", "_begun", "_finish", "_head", "_include_usage")

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
        self._after = b',"logprobs":null,"finish_reason":null}]' + usage + b"}\n\n"
        self._finish = b',"logprobs":null,"finish_reason":"%s"}]' + usage + b"}\n\n"
        self._include_usage = include_usage
        self._begun = False

    def encode(self, events: list[StreamEvent]) -> bytes:
        """Return the chunks for these events."""
        pieces: list[bytes] = []
        for event in events:
            delta = _delta(event)
            if delta is None:
                continue
            if not self._begun:
                self._begun = True
                pieces += (self._before, _ROLE, self._after)
            after = self._after
            if isinstance(event, Finished):
                after = self._finish % event.reason.encode()
            pieces += (self._before, delta, after)
        return b"".join(pieces)

    def end(self, usage: TokenUsage | None) -> bytes:
        """Return the usage chunk, where it was asked for and is known, and `[DONE]`."""
        if usage is None or not self._include_usage:
            return DONE
        counts = orjson.dumps(wire_usage(usage))
        return b"".join((self._head, b',"choices":[],"usage":', counts, b"}\n\n", DONE))


def _delta(event: StreamEvent) -> bytes | None:
    """Return the JSON of an event's delta; None for what OpenAI's format has no place for."""
    match event:
        case TextDelta(text):
            return b'{"content":' + orjson.dumps(text) + b"}" if text else None
        case ReasoningDelta(text=text):
            return b'{"reasoning_content":' + orjson.dumps(text) + b"}" if text else None
        case RefusalDelta(text):
            return b'{"refusal":' + orjson.dumps(text) + b"}" if text else None
        case ToolCallStart(index=index, id=identity, name=name):
            function = {"name": name, "arguments": ""}
            call = {"index": index, "id": identity, "type": "function", "function": function}
            return orjson.dumps({"tool_calls": [call]})
        case ToolCallDelta(index=index, arguments=arguments):
            piece = {"index": index, "function": {"arguments": arguments}}
            return orjson.dumps({"tool_calls": [piece]}) if arguments else None
        case Finished():
            return b"{}"
        case _:
            return None
