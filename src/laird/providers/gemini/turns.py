"""Messages of ours as the API's `systemInstruction` and `contents`.

Turns are the user's or the model's. All results of one round of function calls stand together in a
user turn of their own, right after the calls: what the user says besides follows in a turn of its
own, since models refuse results that are mixed with text.

A model from Gemini 3 on demands its signature at the first function call of each of its turns.
Where a history has none (it is from another model, or the client's format lost it), the value goes
in that Google documents for that: https://ai.google.dev/gemini-api/docs/thought-signatures.
"""

from __future__ import annotations

from collections.abc import Iterable
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
from laird.providers.gemini.media import media_part
from laird.providers.gemini.refusals import unsupported
from laird.providers.gemini.traits import Traits

Block = dict[str, Any]

TAG = "gemini:"
"""What a signature of ours begins with."""
UNSIGNED = "skip_thought_signature_validator"
"""Google's value for a call whose signature is not there."""

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Turns(msgspec.Struct, frozen=True):
    """A conversation in the API's form."""

    system: list[Block]
    contents: list[Block]


def write_turns(messages: Iterable[Message], *, provider: str, traits: Traits) -> Turns:
    """Write a conversation. System messages, wherever they stand, become the system instruction.

    Raises `UnsupportedField` for content that has no place, and for a conversation with nothing
    to answer; `InvalidRequest` for tool arguments that are not a JSON object, and for a result
    that belongs to no call.
    """
    writer = _Writer(provider, traits)
    for index, message in enumerate(messages):
        writer.add(index, message)
    return writer.end()


class _Writer:
    """Collects turns in the order of the conversation."""

    __slots__ = (
        "_contents",
        "_index",
        "_kind",
        "_late",
        "_names",
        "_provider",
        "_system",
        "_traits",
    )

    def __init__(self, provider: str, traits: Traits) -> None:
        self._provider = provider
        self._traits = traits
        self._index = 0
        self._system: list[Block] = []
        self._contents: list[Block] = []
        self._kind = ""
        """What the last turn is: user, results or model."""
        self._late: list[Block] = []
        """Images of results, for models that take them only from the user."""
        self._names: dict[str, str] = {}
        """The functions called so far, by the id of the call."""

    def add(self, index: int, message: Message) -> None:
        """Add one message, the one at `index` in the request."""
        self._index = index
        if message.role is Role.SYSTEM:
            self._system.extend(self._texts(message.parts))
        elif message.role is Role.ASSISTANT:
            self._extend("model", self._assistant(message.parts))
        else:
            self._user(message)

    def end(self) -> Turns:
        """Return the whole conversation."""
        self._flush_late()
        if not self._contents:
            raise unsupported(
                self._provider, "messages", "there must be a user message with content."
            )
        if self._traits.signs:
            for content in self._contents:
                if content["role"] == "model":
                    _sign(content["parts"])
        return Turns(self._system, self._contents)

    def _extend(self, kind: str, parts: list[Block]) -> None:
        if not parts:
            return
        if kind != "results":
            self._flush_late()
        if self._kind == kind:
            self._contents[-1]["parts"].extend(parts)
        else:
            role = "model" if kind == "model" else "user"
            self._contents.append({"role": role, "parts": parts})
            self._kind = kind

    def _flush_late(self) -> None:
        if late := self._late:
            self._late = []
            self._extend("user", late)

    def _refused(self, why: str) -> UnsupportedField:
        return unsupported(self._provider, f"messages[{self._index}].content", why)

    def _texts(self, parts: Iterable[Part]) -> list[Block]:
        written = []
        for part in parts:
            if not isinstance(part, Text):
                raise self._refused("a system message is text only.")
            if part.text:
                written.append({"text": part.text})
        return written

    def _user(self, message: Message) -> None:
        said: list[Block] = []
        for part in message.parts:
            if isinstance(part, Text):
                if part.text:
                    said.append({"text": part.text})
            elif isinstance(part, Image | Document):
                said.append(self._media(part))
            elif isinstance(part, ToolResult):
                self._extend("results", [self._result(part)])
            else:
                raise self._refused("tool calls and reasoning belong to assistant messages.")
        if said and message.name and message.role is Role.USER:
            said.insert(0, {"text": f"Message from {message.name}:"})
        self._extend("user", said)

    def _media(self, media: Image | Document) -> Block:
        try:
            return media_part(media)
        except ValueError as error:
            raise self._refused(str(error)) from error

    def _result(self, result: ToolResult) -> Block:
        name = self._names.get(result.call_id)
        if name is None:
            where = f"messages[{self._index}].tool_call_id"
            raise InvalidRequest(
                f"The tool result in '{where}' belongs to no call before it"
                f" (there is no call with id '{result.call_id[:80]}').",
                param=where,
            )
        texts: list[str] = []
        media: list[Block] = []
        for part in result.parts:
            if isinstance(part, Text):
                texts.append(part.text)
            else:
                media.append(self._media(part))
        written: Block = {
            "id": result.call_id,
            "name": name,
            "response": {"error" if result.is_error else "output": "\n".join(texts)},
        }
        if media:
            self._place_media(media, written, name)
        return {"functionResponse": written}

    def _place_media(self, media: list[Block], result: Block, name: str) -> None:
        """Put inline media into the result where the model takes it, the rest after the results."""
        if self._traits.media_results:
            if inline := [part for part in media if "inlineData" in part]:
                result["parts"] = inline
            media = [part for part in media if "inlineData" not in part]
        if media:
            self._late.extend(({"text": f"From the result of the function {name}:"}, *media))

    def _assistant(self, parts: Iterable[Part]) -> list[Block]:
        written: list[Block] = []
        calls = 0
        for part in parts:
            if isinstance(part, Text):
                if part.text:
                    written.append({"text": part.text})
            elif isinstance(part, ToolCall):
                written.append(self._call(part, calls))
                calls += 1
            elif isinstance(part, Reasoning):
                if signature := _own(part.signature):
                    thought = {"text": part.text, "thought": True, "thoughtSignature": signature}
                    written.append(thought)
            else:
                raise self._refused("an assistant message holds no files and no tool results.")
        return written

    def _call(self, call: ToolCall, number: int) -> Block:
        """Return a functionCall part with the arguments as they were written."""
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
        self._names[call.id] = call.name
        written: Block = {
            "functionCall": {"id": call.id, "name": call.name, "args": msgspec.Raw(arguments)}
        }
        if signature := _own(call.signature):
            written["thoughtSignature"] = signature
        return written


def _own(signature: str | None) -> str | None:
    """Return a signature of Gemini's without our tag; those of others are left out."""
    return signature[len(TAG) :] if signature and signature.startswith(TAG) else None


def _sign(parts: list[Block]) -> None:
    """Put Google's stand-in at the first function call of a turn where no signature is."""
    for part in parts:
        if "functionCall" in part:
            part.setdefault("thoughtSignature", UNSIGNED)
            return
