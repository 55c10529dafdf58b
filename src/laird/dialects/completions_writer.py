"""Writes answers of a chat as legacy completions, whole or as a stream."""

from __future__ import annotations

from typing import Any

import orjson

from laird.domain.chat import (
    ChatAnswer,
    Finished,
    FinishReason,
    RefusalDelta,
    StreamEvent,
    Text,
    TextDelta,
)
from laird.domain.tokens import TokenUsage
from laird.wire.openai import DONE, wire_usage


def write_completion(answer: ChatAnswer, *, provider: str, created: int) -> bytes:
    """Write a whole answer as a `text_completion`: its text, or its refusal.

    Shown thinking has no place in the format.
    """
    text = "".join(part.text for part in answer.parts if isinstance(part, Text))
    choice = {
        "text": text or answer.refusal or "",
        "index": 0,
        "logprobs": None,
        "finish_reason": _finish(answer.finish),
    }
    body: dict[str, Any] = {
        "id": _id(answer.id),
        "object": "text_completion",
        "created": created,
        "model": answer.model,
        "provider": provider,
        "choices": [choice],
    }
    if answer.usage is not None:
        body["usage"] = wire_usage(answer.usage)
    return orjson.dumps(body)


def _id(identity: str) -> str:
    """Return an id as completions have it."""
    return f"cmpl-{identity.removeprefix('chatcmpl-').removeprefix('cmpl-')}"


def _finish(reason: FinishReason) -> str:
    """Return a word that completions have: there is no tool that could have been called."""
    return "stop" if reason is FinishReason.TOOL_CALLS else reason.value


class CompletionEncoder:
    """Writes one stream of `text_completion` events. See `Encoder`.

    All that is the same in each is written once, when the stream begins.
    """

    __slots__ = ("_after", "_before", "_finish", "_head", "_include_usage")

    def __init__(
        self, *, request_id: str, model: str, provider: str, created: int, include_usage: bool
    ) -> None:
        head = orjson.dumps(
            {
                "id": f"cmpl-{request_id}",
                "object": "text_completion",
                "created": created,
                "model": model,
                "provider": provider,
            }
        )
        usage = b',"usage":null' if include_usage else b""
        self._head = b"data: " + head[:-1]
        self._before = self._head + b',"choices":[{"text":'
        self._after = b',"index":0,"logprobs":null,"finish_reason":null}]' + usage + b"}\n\n"
        self._finish = (
            self._before + b'"","index":0,"logprobs":null,"finish_reason":"%s"}]' + usage + b"}\n\n"
        )
        self._include_usage = include_usage

    def encode(self, events: list[StreamEvent]) -> bytes:
        """Return what these events are as completions; thinking has no place in the format."""
        pieces: list[bytes] = []
        for event in events:
            match event:
                case TextDelta(text) | RefusalDelta(text) if text:
                    pieces += (self._before, orjson.dumps(text), self._after)
                case Finished(reason):
                    pieces.append(self._finish % _finish(reason).encode())
        return b"".join(pieces)

    def end(self, usage: TokenUsage | None) -> bytes:
        """Return the usage, where it was asked for and is known, and `[DONE]`."""
        if usage is None or not self._include_usage:
            return DONE
        counts = orjson.dumps(wire_usage(usage))
        return b"".join((self._head, b',"choices":[],"usage":', counts, b"}\n\n", DONE))
