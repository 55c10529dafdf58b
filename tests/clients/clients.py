"""What the official SDKs have in common as clients of the suite, and the list of them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol

from tests.clients.scenarios import Got

from laird.domain.chat import (
    ChatRequest,
    Image,
    Message,
    Role,
    Text,
    ToolCall,
    ToolResult,
)


class SdkClient(Protocol):
    """One official SDK on one of Laird's routes."""

    name: str
    path: str
    """The route, as in `laird.wiring.routes`."""
    dialect: str
    raises: Mapping[int, type[Exception]]
    """What the SDK raises for each HTTP status."""
    stream_errors: tuple[type[Exception], ...]
    """What the SDK raises for an error inside a stream, or for one that breaks off."""

    sdk: Any
    """The SDK's own client."""

    def params(self, request: ChatRequest) -> dict[str, Any]:
        """Return the SDK's arguments that ask this, but for `model` and `stream`."""
        ...

    def said(self, request: ChatRequest) -> ChatRequest:
        """Return the request without what the format can't say."""
        ...

    async def whole(self, model: str, params: Mapping[str, Any]) -> Got:
        """Ask and read a whole answer."""
        ...

    async def stream(self, model: str, params: Mapping[str, Any]) -> Got:
        """Ask for a stream and read it to its end. Raises what the SDK raises."""
        ...

    def events(self, model: str, params: Mapping[str, Any]) -> AsyncIterator[bool]:
        """Ask for a stream; yield for each event whether it says that the answer is complete."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


def text_of(message: Message) -> str:
    """Return the text of a message that holds nothing else."""
    return "".join(part.text for part in message.parts if isinstance(part, Text))


def image_url(image: Image) -> str:
    """Return an image's address, or its data as one."""
    return image.url or f"data:{image.media_type};base64,{image.data}"


def parsed(arguments: str) -> Any:
    """Return a tool call's arguments; they must be whole JSON."""
    return json.loads(arguments)


def results(message: Message) -> list[tuple[str, str]]:
    """Return ids and texts of the tool results in a message."""
    return [
        (part.call_id, "".join(each.text for each in part.parts if isinstance(each, Text)))
        for part in message.parts
        if isinstance(part, ToolResult)
    ]


def tool_calls(message: Message) -> list[ToolCall]:
    """Return the tool calls in a message."""
    return [part for part in message.parts if isinstance(part, ToolCall)]


def is_tool(message: Message) -> bool:
    """Tell whether a message holds tool results."""
    return message.role is Role.TOOL
