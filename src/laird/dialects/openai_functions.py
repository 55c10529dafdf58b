"""OpenAI's chat answers in the form of 2023, for requests that say `functions` and not `tools`.

That form knows one call to an answer, without an id: of several calls the first one is told. Who
answers it gets the chance to call again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from laird.dialects.base import ChatDialect
from laird.dialects.openai_chat import OpenAIChat
from laird.dialects.openai_encoder import OpenAIEncoder
from laird.domain.chat import (
    ChatAnswer,
    Finished,
    FinishReason,
    StreamEvent,
    ToolCallDelta,
    ToolCallStart,
)

_CALLED = "function_call"


def answering(chat: ChatDialect, body: Mapping[str, Any]) -> ChatDialect:
    """Return the dialect that writes the answer to a request: the old form where it was asked so.

    Only for answers that are translated; an upstream of the same format knows by itself.
    """
    if "functions" in body and body["functions"] and not body.get("tools"):
        return _FUNCTIONS if isinstance(chat, OpenAIChat) else chat
    return chat


class OpenAIFunctions(OpenAIChat):
    """See `ChatDialect`. Holds no state."""

    def answer(self, answer: ChatAnswer, *, provider: str, created: int) -> bytes:
        """Write a whole answer with `function_call`."""
        body = orjson.loads(super().answer(answer, provider=provider, created=created))
        choice = body["choices"][0]
        calls = choice["message"].pop("tool_calls", None)
        if calls:
            choice["message"][_CALLED] = calls[0]["function"]
        if choice["finish_reason"] == FinishReason.TOOL_CALLS:
            choice["finish_reason"] = _CALLED
        return orjson.dumps(body)

    def encoder(
        self, *, request_id: str, model: str, provider: str, created: int, include_usage: bool
    ) -> OpenAIEncoder:
        """Return an encoder for one streamed answer."""
        return _FunctionsEncoder(
            request_id=request_id,
            model=model,
            provider=provider,
            created=created,
            include_usage=include_usage,
        )


class _FunctionsEncoder(OpenAIEncoder):
    """Writes the first call of a stream as `function_call`."""

    __slots__ = ()

    def _delta(self, event: StreamEvent) -> bytes | None:
        match event:
            case ToolCallStart(index=0, name=name):
                return orjson.dumps({_CALLED: {"name": name, "arguments": ""}})
            case ToolCallDelta(index=0, arguments=arguments) if arguments:
                return orjson.dumps({_CALLED: {"arguments": arguments}})
            case ToolCallStart() | ToolCallDelta():
                return None
            case _:
                return super()._delta(event)

    def _reason(self, event: Finished) -> bytes:
        return (
            _CALLED.encode() if event.reason is FinishReason.TOOL_CALLS else super()._reason(event)
        )


_FUNCTIONS = OpenAIFunctions()
