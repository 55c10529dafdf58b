"""Messages of ours as Anthropic's `system` and `messages`.

The API wants user and assistant turns in alternation, tool results first in the user turn that
follows their calls, no empty text, and system text in `system`; later models take a system turn
as well, but only right after a user turn.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from hashlib import sha256
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
from laird.providers.anthropic.documents import document_block
from laird.providers.anthropic.history import is_own_seal
from laird.providers.anthropic.refusals import unsupported

Block = dict[str, Any]

_MEDIA_TYPES = {
    "image/jpeg": "image/jpeg",
    "image/jpg": "image/jpeg",
    "image/png": "image/png",
    "image/gif": "image/gif",
    "image/webp": "image/webp",
}
_BASE64_STARTS = {
    "/9j/": "image/jpeg",
    "iVBORw0KGgo": "image/png",
    "R0lGOD": "image/gif",
    "UklGR": "image/webp",
}
_CALL_ID = re.compile(r"[a-zA-Z0-9_-]+")
_OBJECT = msgspec.json.Decoder(dict[str, Any])
_THINKING = ("thinking", "redacted_thinking")


class Turns(msgspec.Struct, frozen=True):
    """A conversation in Anthropic's form."""

    system: list[Block]
    messages: list[Block]

    def called_tools(self) -> tuple[str, ...]:
        """Return the names of the tools called in the conversation, each once."""
        names = (
            block["name"]
            for turn in self.messages
            for block in turn["content"]
            if block["type"] == "tool_use"
        )
        return tuple(dict.fromkeys(names))

    def unsigned_tool_turn(self) -> bool:
        """Say whether the last assistant turn calls tools without the thinking it began with."""
        for turn in reversed(self.messages):
            if turn["role"] == "assistant":
                content = turn["content"]
                return content[0]["type"] not in _THINKING and any(
                    block["type"] == "tool_use" for block in content
                )
        return False


def write_turns(messages: Iterable[Message], *, provider: str, system_turns: bool) -> Turns:
    """Write a conversation.

    System messages before everything else become `system`. A later one becomes a system turn at
    the end of the user turn it stands in or before, where `system_turns` says that the model takes
    it, and joins `system` elsewhere. Messages without content are left out.

    Raises `UnsupportedField` for content that has no place, and for a conversation with nothing
    to answer; `InvalidRequest` for tool arguments that are not a JSON object.
    """
    writer = _Writer(provider, system_turns=system_turns)
    for index, message in enumerate(messages):
        writer.add(index, message)
    return writer.end()


class _Writer:
    """Collects turns in the order of the conversation."""

    def __init__(self, provider: str, *, system_turns: bool) -> None:
        self._provider = provider
        self._system_turns = system_turns
        self._system: list[Block] = []
        self._late: list[Block] = []
        self._index = 0
        self._turns: list[Block] = []

    def add(self, index: int, message: Message) -> None:
        """Add one message, the one at `index` in the request."""
        self._index = index
        if message.role is Role.SYSTEM:
            into = self._late if self._turns else self._system
            into.extend(self._system_text(message.parts))
        elif message.role is Role.ASSISTANT:
            if content := self._assistant(message.parts):
                self._place_late()
                self._extend("assistant", content)
        elif content := self._user(message):
            self._extend("user", content)

    def end(self) -> Turns:
        """Return the whole conversation."""
        if self._late and self._turns[-1]["role"] == "assistant":
            self._extend("user", self._late)
            self._late = []
        self._place_late()
        if not self._turns:
            raise unsupported(
                self._provider, "messages", "there must be a user message with content."
            )
        for turn in self._turns:
            if turn["role"] == "user":
                turn["content"].sort(key=_after_results)
        _strip_end(self._turns[-1])
        return Turns(self._system, self._turns)

    def _extend(self, role: str, content: list[Block]) -> None:
        if self._turns and self._turns[-1]["role"] == role:
            self._turns[-1]["content"].extend(content)
        else:
            self._turns.append({"role": role, "content": content})

    def _place_late(self) -> None:
        """Put system text that came inside the conversation where the API takes it."""
        if not self._late:
            return
        if self._system_turns and self._turns[-1]["role"] == "user":
            self._turns.append({"role": "system", "content": self._late})
        else:
            self._system.extend(self._late)
        self._late = []

    def _refused(self, why: str) -> UnsupportedField:
        return unsupported(self._provider, f"messages[{self._index}].content", why)

    def _system_text(self, parts: Iterable[Part]) -> Iterator[Block]:
        for part in parts:
            if not isinstance(part, Text):
                raise self._refused("a system message is text only.")
            if part.text.strip():
                yield {"type": "text", "text": part.text}

    def _user(self, message: Message) -> list[Block]:
        content = self._user_blocks(message.parts)
        if content and message.name and message.role is Role.USER:
            content.insert(0, {"type": "text", "text": f"Message from {message.name}:"})
        return content

    def _user_blocks(self, parts: Iterable[Part]) -> list[Block]:
        content: list[Block] = []
        for part in parts:
            if isinstance(part, Text):
                if part.text.strip():
                    content.append({"type": "text", "text": part.text})
            elif isinstance(part, Image):
                content.append({"type": "image", "source": self._image_source(part)})
            elif isinstance(part, Document):
                block = document_block(part)
                if block is None:
                    raise self._refused("a document is a PDF or plain text, inline or by https.")
                content.append(block)
            elif isinstance(part, ToolResult):
                content.append(self._tool_result(part))
            else:
                raise self._refused("tool calls and reasoning belong to assistant messages.")
        return content

    def _tool_result(self, result: ToolResult) -> Block:
        block: Block = {"type": "tool_result", "tool_use_id": _call_id(result.call_id)}
        if content := self._user_blocks(result.parts):
            block["content"] = content
        if result.is_error:
            block["is_error"] = True
        return block

    def _assistant(self, parts: Iterable[Part]) -> list[Block]:
        content: list[Block] = []
        calls = 0
        for part in parts:
            if isinstance(part, Text):
                if part.text.strip():
                    content.append({"type": "text", "text": part.text})
            elif isinstance(part, ToolCall):
                content.append(self._tool_use(part, calls))
                calls += 1
            elif isinstance(part, Reasoning):
                content.extend(_reasoning(part))
            else:
                raise self._refused("an assistant message holds no images and no tool results.")
        if content and content[0]["type"] not in _THINKING:
            # A client that keeps reasoning apart can't say where it stood: the API wants it first.
            content.sort(key=_after_thinking)
        return content

    def _tool_use(self, call: ToolCall, number: int) -> Block:
        """Return a tool_use block with the arguments as they were written.

        The prompt cache and the signatures of thinking depend on an unchanged history.
        """
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
        return {
            "type": "tool_use",
            "id": _call_id(call.id),
            "name": call.name,
            "input": msgspec.Raw(arguments),
        }

    def _image_source(self, image: Image) -> Block:
        if image.data is not None:
            media_type = _media_type(image, image.data)
            if media_type is None:
                raise self._refused("images are JPEG, PNG, GIF or WebP; convert it first.")
            return {"type": "base64", "media_type": media_type, "data": image.data}
        if image.url is not None and image.url.lower().startswith(("https://", "http://")):
            return {"type": "url", "url": image.url}
        raise self._refused("an image is an https URL or base64 data.")


def _after_results(block: Block) -> bool:
    return bool(block["type"] != "tool_result")


def _after_thinking(block: Block) -> bool:
    return bool(block["type"] not in _THINKING)


def _strip_end(turn: Block) -> None:
    """Take white space from the end of an answer that is to be continued: the API refuses it."""
    last = turn["content"][-1]
    if turn["role"] == "assistant" and last["type"] == "text":
        last["text"] = last["text"].rstrip()


def _reasoning(part: Reasoning) -> Iterator[Block]:
    """Yield the blocks of thinking. The API refuses what it has not signed, so that is left out."""
    if is_own_seal(part.signature):
        yield {"type": "thinking", "thinking": part.text, "signature": part.signature}
    if is_own_seal(part.redacted):
        yield {"type": "redacted_thinking", "data": part.redacted}


def _call_id(text: str) -> str:
    """Return an id of letters, digits, `_` and `-` alone, the same one for the same text."""
    if _CALL_ID.fullmatch(text):
        return text
    return f"call_{sha256(text.encode()).hexdigest()[:24]}"


def _media_type(image: Image, data: str) -> str | None:
    if image.media_type is not None:
        return _MEDIA_TYPES.get(image.media_type.lower())
    return next((kind for start, kind in _BASE64_STARTS.items() if data.startswith(start)), None)
