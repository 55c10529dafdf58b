"""Messages of ours as Cohere's `messages`.

The API wants system text first, results of tools as messages of their own right after their calls,
and no empty message. What an assistant says beside its tool calls is Cohere's `tool_plan`.
Wire facts: `cohere.types.ChatMessageV2` of the Python SDK.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from laird.domain.chat import (
    Image,
    Message,
    Part,
    Reasoning,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from laird.domain.errors import UnsupportedField
from laird.providers.cohere.refusals import unsupported

NO_OUTPUT = "(no output)"
"""Sent for a tool result without text, since the API refuses an empty message."""

_DETAILS = frozenset({"auto", "low", "high"})

Wire = dict[str, Any]


def write_messages(messages: Iterable[Message], *, provider: str, thinks: bool) -> list[Wire]:
    """Write a conversation.

    All system messages become one, at the beginning. Messages without content are left out.
    Earlier thinking is sent where `thinks` says that the model reads it.

    Raises `UnsupportedField` for content that has no place, and for a conversation with nothing
    to answer.
    """
    writer = _Writer(provider, thinks=thinks)
    for index, message in enumerate(messages):
        writer.add(index, message)
    return writer.end()


class _Writer:
    """Collects messages in the order of the conversation."""

    def __init__(self, provider: str, *, thinks: bool) -> None:
        self._provider = provider
        self._thinks = thinks
        self._index = 0
        self._system: list[Wire] = []
        self._written: list[Wire] = []
        self._pictures: list[Image] = []
        """Images in results of tools, which follow the results as the user's."""

    def add(self, index: int, message: Message) -> None:
        """Add one message, the one at `index` in the request."""
        self._index = index
        if message.role is Role.SYSTEM:
            self._add_system(message.parts)
        elif message.role is Role.ASSISTANT:
            self._place_pictures()
            self._add_assistant(message.parts)
        else:
            self._add_user(message)

    def end(self) -> list[Wire]:
        """Return the whole conversation."""
        self._place_pictures()
        if not self._written:
            raise unsupported(
                self._provider, "messages", "there must be a user message with content."
            )
        if not self._system:
            return self._written
        return [{"role": "system", "content": _content(self._system)}, *self._written]

    def _refused(self, why: str) -> UnsupportedField:
        return unsupported(self._provider, f"messages[{self._index}].content", why)

    def _add_system(self, parts: Iterable[Part]) -> None:
        for part in parts:
            if not isinstance(part, Text):
                raise self._refused("a system message is text only.")
            if part.text.strip():
                self._system.append({"type": "text", "text": part.text})

    def _add_user(self, message: Message) -> None:
        blocks: list[Wire] = []
        for part in message.parts:
            if isinstance(part, ToolResult):
                self._add_result(part)
            else:
                blocks += self._shown(part)
        if not blocks:
            return
        self._place_pictures()
        if message.name:
            blocks.insert(0, {"type": "text", "text": f"Message from {message.name}:"})
        self._written.append({"role": "user", "content": _content(blocks)})

    def _shown(self, part: Part) -> list[Wire]:
        """Return the block of a text or an image; none for an empty text."""
        if isinstance(part, Text):
            return [{"type": "text", "text": part.text}] if part.text.strip() else []
        if isinstance(part, Image):
            return [_image(part)]
        raise self._refused("a user's message is text and images; put a document in as its text.")

    def _add_result(self, result: ToolResult) -> None:
        texts: list[Wire] = []
        for part in result.parts:
            if isinstance(part, Image):
                self._pictures.append(part)
            else:
                texts += self._shown(part)
        if not texts:
            texts = [{"type": "text", "text": NO_OUTPUT}]
        if result.is_error:
            texts[0] = {"type": "text", "text": f"Error: {texts[0]['text']}"}
        self._written.append(
            {"role": "tool", "tool_call_id": result.call_id, "content": _content(texts)}
        )

    def _place_pictures(self) -> None:
        if self._pictures:
            content = [_image(picture) for picture in self._pictures]
            self._written.append({"role": "user", "content": content})
            self._pictures = []

    def _add_assistant(self, parts: Iterable[Part]) -> None:
        thinking: list[Wire] = []
        texts: list[Wire] = []
        calls: list[Wire] = []
        for part in parts:
            if isinstance(part, Text):
                texts += self._shown(part)
            elif isinstance(part, ToolCall):
                calls.append(_call(part))
            elif not isinstance(part, Reasoning):
                raise self._refused("an assistant message holds no images and no tool results.")
            elif self._thinks and part.text:
                thinking.append({"type": "thinking", "thinking": part.text})
        wire: Wire = {"role": "assistant"}
        if calls:
            wire["tool_calls"] = calls
            if texts:
                wire["tool_plan"] = "".join(text["text"] for text in texts)
            texts = []
        if thinking or texts:
            wire["content"] = _content([*thinking, *texts])
        if len(wire) > 1:
            self._written.append(wire)


def _content(blocks: list[Wire]) -> str | list[Wire]:
    """Return a text where that is all, else the blocks."""
    if len(blocks) == 1 and blocks[0]["type"] == "text":
        text: str = blocks[0]["text"]
        return text
    return blocks


def _image(image: Image) -> Wire:
    url = image.url if image.data is None else f"data:{image.media_type};base64,{image.data}"
    wire: Wire = {"url": url}
    if image.detail in _DETAILS:
        wire["detail"] = image.detail
    return {"type": "image_url", "image_url": wire}


def _call(call: ToolCall) -> Wire:
    function = {"name": call.name, "arguments": call.arguments.strip() or "{}"}
    return {"id": call.id, "type": "function", "function": function}
