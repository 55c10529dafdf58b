"""Messages of ours as Ollama's: text in `content`, images apart, a message for each tool result.

Wire facts: `Message` and `ToolCall` in Ollama's api/types.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from laird.domain.chat import (
    Document,
    Image,
    Message,
    Part,
    Reasoning,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from laird.domain.errors import InvalidRequest, UnsupportedField
from laird.providers.ollama.refusals import unsupported
from laird.providers.ollama.window import byte_length

Turn = dict[str, Any]

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Turns(msgspec.Struct, frozen=True):
    """A conversation in Ollama's form."""

    messages: list[Turn]
    text_bytes: int
    """Bytes of all `content`."""


def write_turns(messages: Sequence[Message], *, provider: str) -> Turns:
    """Write a conversation.

    Raises `UnsupportedField` for content that has no place and for a conversation with nothing in
    it; `InvalidRequest` for tool arguments that are not a JSON object.
    """
    writer = _Writer(provider)
    for index, message in enumerate(messages):
        writer.add(index, message)
    return writer.end()


class _Writer:
    """Collects messages in the order of the conversation."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._index = 0
        self._turns: list[Turn] = []
        self._tools: dict[str, str] = {}
        """Names of the tools called so far, by call id."""
        self._shown: list[str] = []
        """Images of tool results, which follow the last result as the user's."""
        self._shown_by: list[str] = []

    def add(self, index: int, message: Message) -> None:
        """Add one message, the one at `index` in the request."""
        self._index = index
        role = message.role
        if role is Role.TOOL:
            self._results(message.parts)
            return
        self._show_images()
        if role is Role.ASSISTANT:
            if turn := self._assistant(message.parts):
                self._turns.append(turn)
        elif any(isinstance(part, ToolResult) for part in message.parts):
            self._results(message.parts)
        else:
            turn = self._said(role.value, message.parts)
            if message.name and role is Role.USER:
                turn["content"] = f"Message from {message.name}:\n{turn['content']}"
            self._turns.append(turn)

    def end(self) -> Turns:
        """Return the whole conversation."""
        self._show_images()
        if not self._turns:
            # Ollama takes no messages for a wish to load the model, and answers nothing.
            raise unsupported(self._provider, "messages", "there must be a message with content.")
        return Turns(self._turns, sum(byte_length(turn["content"]) for turn in self._turns))

    def _refused(self, why: str) -> UnsupportedField:
        return unsupported(self._provider, f"messages[{self._index}].content", why)

    def _said(self, role: str, parts: Iterable[Part]) -> Turn:
        texts: list[str] = []
        images: list[str] = []
        for part in parts:
            if isinstance(part, Text):
                texts.append(part.text)
            elif isinstance(part, Image):
                images.append(self._image(part))
            elif isinstance(part, Document):
                raise self._refused("it takes text and images, no documents.")
            else:
                raise self._refused("tool calls and reasoning belong to assistant messages.")
        turn: Turn = {"role": role, "content": "\n".join(texts)}
        if images:
            turn["images"] = images
        return turn

    def _image(self, image: Image) -> str:
        if image.data is None:
            raise self._refused("images have to be inline (base64 data), not by address.")
        return image.data

    def _results(self, parts: Iterable[Part]) -> None:
        others: list[Part] = []
        for part in parts:
            if isinstance(part, ToolResult):
                self._result(part)
            else:
                others.append(part)
        if others:
            self._show_images()
            self._turns.append(self._said("user", others))

    def _result(self, result: ToolResult) -> None:
        turn = self._said("tool", result.parts)
        name = self._tools.get(result.call_id)
        if images := turn.pop("images", None):
            self._shown += images
            self._shown_by.append(name or result.call_id)
        if result.is_error:
            turn["content"] = f"Error: {turn['content']}"
        turn["tool_call_id"] = result.call_id
        if name:
            turn["tool_name"] = name
        self._turns.append(turn)

    def _show_images(self) -> None:
        if self._shown:
            text = f"From the result of {', '.join(self._shown_by)}:"
            self._turns.append({"role": "user", "content": text, "images": self._shown})
            self._shown, self._shown_by = [], []

    def _assistant(self, parts: Iterable[Part]) -> Turn | None:
        texts: list[str] = []
        thoughts: list[str] = []
        calls: list[dict[str, Any]] = []
        for part in parts:
            if isinstance(part, Text):
                texts.append(part.text)
            elif isinstance(part, Reasoning):
                thoughts.append(part.text)
            elif isinstance(part, ToolCall):
                calls.append(self._call(part, len(calls)))
            else:
                raise self._refused("an assistant message holds no images and no tool results.")
        turn: Turn = {"role": "assistant", "content": "".join(texts)}
        if thinking := "".join(thoughts):
            turn["thinking"] = thinking
        if calls:
            turn["tool_calls"] = calls
        return turn if turn["content"] or len(turn) > 2 else None

    def _call(self, call: ToolCall, number: int) -> dict[str, Any]:
        self._tools[call.id] = call.name
        arguments = call.arguments.strip() or "{}"
        try:
            _OBJECT.decode(arguments)
        except msgspec.DecodeError as error:
            where = f"messages[{self._index}].tool_calls[{number}].function.arguments"
            raise InvalidRequest(
                f"The arguments of the call of tool '{call.name}' in '{where}' are not a JSON"
                f" object: {error}.",
                param=where,
            ) from error
        function = {"index": number, "name": call.name, "arguments": msgspec.Raw(arguments)}
        return {"id": call.id, "function": function}
