"""What the tests of requests to Gemini ask for."""

from __future__ import annotations

from typing import Any

from tests.providers.gemini.gemini_wire import body_of, chat, said

from laird.domain.chat import (
    Message,
    Role,
    Tool,
    ToolCall,
    ToolResult,
)

USER, MODEL, TOOL, SYSTEM = Role.USER, Role.ASSISTANT, Role.TOOL, Role.SYSTEM
PNG = "iVBORw0KGgoAAAA="
PDF = "JVBERi0xLjcK"
F = Tool(name="f", description="F", parameters={"type": "object", "properties": {}})
OLD = "gemini-2.5-flash"


def calls(*ids: str, **over: Any) -> Message:
    return said(MODEL, *(ToolCall(id=i, name="f", arguments='{"x": 1}', **over) for i in ids))


def result(call_id: str, *parts: Any, **over: Any) -> Message:
    texts = said(TOOL, *parts).parts
    return Message(
        role=TOOL,
        parts=(ToolResult(call_id=call_id, parts=texts, **over),),  # type: ignore[arg-type]
    )


def contents(*messages: Message, upstream: str = "gemini-3.5-flash") -> list[Any]:
    found: list[Any] = body_of(chat(*messages), upstream)["contents"]
    return found
