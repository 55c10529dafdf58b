"""What the tests of requests to the Messages API ask for."""

from __future__ import annotations

import base64

import pytest
from tests.providers.anthropic.anthropic_wire import body_of

from laird.domain.chat import (
    ChatRequest,
    Message,
    Part,
    Role,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)
from laird.domain.errors import UnsupportedField

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n0000").decode()
WEATHER = Tool(
    name="get_weather",
    description="Weather of a city",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}},
)
CALL = ToolCall(id="toolu_1", name="get_weather", arguments='{"city": "Paris"}')
RESULT = ToolResult(call_id="toolu_1", parts=(Text("18 C"),))


def system(text: str) -> Message:
    return Message(role=Role.SYSTEM, parts=(Text(text),))


def assistant(*parts: Part) -> Message:
    return Message(role=Role.ASSISTANT, parts=parts)


def tool(*results: ToolResult) -> Message:
    return Message(role=Role.TOOL, parts=results)


def text(value: str) -> dict[str, str]:
    return {"type": "text", "text": value}


def refused(request: ChatRequest, upstream: str = "claude-opus-5") -> str:
    """Return the field for which a request is refused; the message names it and the provider."""
    with pytest.raises(UnsupportedField) as caught:
        body_of(request, upstream)
    assert caught.value.param is not None
    assert f"'{caught.value.param}'" in caught.value.message
    assert "'claude'" in caught.value.message
    return caught.value.param
