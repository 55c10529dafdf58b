"""Small samples of OpenAI's chat wire format, as servers send it."""

from __future__ import annotations

import json
from typing import Any

USAGE: dict[str, Any] = {
    "prompt_tokens": 9,
    "completion_tokens": 3,
    "total_tokens": 12,
    "prompt_tokens_details": {"cached_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 0},
}


def completion(
    text: str = "Hello there.", *, model: str = "scripted", **over: Any
) -> dict[str, Any]:
    """Return a whole answer that is not streamed; `over` replaces top-level fields."""
    message = {"role": "assistant", "content": text, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": model,
        "choices": [choice],
        "usage": USAGE,
        **over,
    }


def event(value: Any) -> bytes:
    """Return one server-sent event with a JSON payload."""
    return b"data: " + json.dumps(value, separators=(",", ":")).encode() + b"\n\n"


def chunk(
    delta: dict[str, Any], finish: str | None = None, *, model: str = "scripted", **over: Any
) -> bytes:
    """Return one event of a streamed answer."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    value = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": model,
        "choices": [choice],
        "usage": None,
    }
    return event({**value, **over})


DONE = b"data: [DONE]\n\n"
COMPLETION = completion()
USAGE_CHUNK = chunk({}, choices=[], usage=USAGE)


def stream(*texts: str, usage: bool = True, model: str = "scripted") -> list[bytes]:
    """Return a streamed answer: role, one chunk per text, finish, usage, [DONE]."""
    return [
        chunk({"role": "assistant", "content": ""}, model=model),
        *(chunk({"content": text}, model=model) for text in texts),
        chunk({}, "stop", model=model),
        *([chunk({}, choices=[], usage=USAGE, model=model)] if usage else []),
        DONE,
    ]


STREAM = stream("Hel", "lo ", "there.")
"""Six chunks and [DONE]; the text is `Hello there.`, with the usage chunk."""


def tool_call_stream(*, model: str = "scripted") -> list[bytes]:
    """Return a streamed tool call whose JSON arguments arrive in three pieces."""

    def call(arguments: str, **more: Any) -> bytes:
        piece = {"index": 0, **more, "function": {"arguments": arguments}}
        if more:
            piece["function"]["name"] = "get_weather"
        return chunk({"tool_calls": [piece]}, model=model)

    return [
        chunk({"role": "assistant", "content": None}, model=model),
        call("", id="call_1", type="function"),
        call('{"ci'),
        call('ty":"Par'),
        call('is"}'),
        chunk({}, "tool_calls", model=model),
        chunk({}, choices=[], usage=USAGE, model=model),
        DONE,
    ]
