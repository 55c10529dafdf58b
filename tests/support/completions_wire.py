"""Small samples of OpenAI's legacy completions, as servers send them."""

from __future__ import annotations

from typing import Any

from tests.support.openai_wire import DONE, USAGE, event


def text_completion(text: str = "Hello there.", **over: Any) -> dict[str, Any]:
    """Return a whole completion; `over` replaces top-level fields."""
    choice = {"text": text, "index": 0, "logprobs": None, "finish_reason": "stop"}
    return {
        "id": "cmpl-1",
        "object": "text_completion",
        "created": 1_700_000_000,
        "model": "scripted",
        "choices": [choice],
        "usage": USAGE,
        **over,
    }


def text_chunk(text: str, finish: str | None = None, index: int = 0, **over: Any) -> bytes:
    """Return one event of a streamed completion."""
    choice = {"text": text, "index": index, "logprobs": None, "finish_reason": finish}
    return event(text_completion(choices=[choice], usage=None) | over)


TEXT_STREAM = [
    text_chunk("Hel"),
    text_chunk("lo "),
    text_chunk("there."),
    text_chunk("", "stop"),
    text_chunk("", choices=[], usage=USAGE),
    DONE,
]
"""Four chunks of `Hello there.`, the usage chunk, and [DONE]."""
