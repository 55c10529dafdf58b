"""A whole answer of the Messages API as ours. Wire facts: `anthropic.types.Message`."""

from __future__ import annotations

import msgspec

from laird.domain.chat import ChatAnswer, Reasoning, Text, ToolCall
from laird.providers.anthropic.errors import Voice
from laird.wire.anthropic import ErrorBody, Usage, finish_of


class Block(msgspec.Struct):
    """A content block of any type; the fields of other types keep their defaults."""

    type: str
    text: str = ""
    id: str = ""
    name: str = ""
    input: msgspec.Raw = msgspec.Raw(b"{}")
    thinking: str = ""
    signature: str = ""
    data: str = ""

    @property
    def arguments(self) -> str:
        """The tool's arguments as JSON text, as the model wrote them."""
        return bytes(self.input).decode()


class StopDetails(msgspec.Struct):
    """Why the model refused."""

    explanation: str | None = None


class _Message(msgspec.Struct):
    type: str
    id: str = ""
    model: str = ""
    content: list[Block] = []
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: StopDetails | None = None
    usage: Usage | None = None
    error: ErrorBody | None = None


_MESSAGE = msgspec.json.Decoder(_Message)


def read_answer(body: bytes, voice: Voice) -> ChatAnswer:
    """Read a whole message.

    Blocks of the API's own tools, which we never ask for, are left out; so are citations.
    Raises `UpstreamGarbled` when it is not one, and the error that the body holds instead.
    """
    try:
        message = _MESSAGE.decode(body)
        parts = tuple(part for block in message.content if (part := _part(block)) is not None)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise voice.garbled(f"an answer that can't be read ({error})") from error
    if message.error is not None:
        raise voice.stream_error(message.error)
    if message.type != "message" or message.stop_reason is None:
        raise voice.garbled("an answer that is not a whole message")
    return ChatAnswer(
        id=message.id,
        model=message.model,
        parts=parts,
        finish=finish_of(message.stop_reason),
        usage=message.usage.tokens() if message.usage else None,
        refusal=message.stop_details.explanation if message.stop_details else None,
        stop_sequence=message.stop_sequence,
    )


def _part(block: Block) -> Text | ToolCall | Reasoning | None:
    match block.type:
        case "text":
            return Text(block.text)
        case "tool_use":
            return ToolCall(id=block.id, name=block.name, arguments=block.arguments)
        case "thinking":
            return Reasoning(text=block.thinking, signature=block.signature or None)
        case "redacted_thinking":
            return Reasoning(redacted=block.data)
        case _:
            return None
