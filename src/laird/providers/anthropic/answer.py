"""A whole answer of the Messages API as ours, and its counts and stop reasons.

Wire facts: `anthropic.types.Message`, `Usage` and `StopReason` of the Python SDK.
"""

from __future__ import annotations

import msgspec

from laird.domain.chat import ChatAnswer, FinishReason, Reasoning, Text, ToolCall
from laird.domain.tokens import TokenUsage
from laird.providers.anthropic.errors import ErrorBody, Voice, stream_error

FINISHES = {
    "end_turn": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
    "max_tokens": FinishReason.LENGTH,
    "model_context_window_exceeded": FinishReason.LENGTH,
    # Only the API's own tools pause a turn: the answer is not whole, and there is no other word.
    "pause_turn": FinishReason.LENGTH,
    "tool_use": FinishReason.TOOL_CALLS,
    "refusal": FinishReason.CONTENT_FILTER,
}


class CacheCreation(msgspec.Struct):
    """Tokens written to the prompt cache, by time to live."""

    ephemeral_5m_input_tokens: int = 0
    ephemeral_1h_input_tokens: int = 0


class OutputDetails(msgspec.Struct):
    """What the output tokens were spent on."""

    thinking_tokens: int = 0


class Usage(msgspec.Struct):
    """Counts, of a message or cumulative in a stream; None means not told."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation: CacheCreation | None = None
    output_tokens_details: OutputDetails | None = None

    def updated(self, later: Usage) -> Usage:
        """Return these counts with those that `later` tells in their place."""
        told = {
            name: value
            for name in self.__struct_fields__
            if (value := getattr(later, name)) is not None
        }
        return msgspec.structs.replace(self, **told)

    def tokens(self, *, estimated: bool = False) -> TokenUsage:
        """Return our counts: the whole input is plain, cache-written and cache-read together."""
        written = self.cache_creation_input_tokens
        if written is None:
            parts = self.cache_creation or CacheCreation()
            written = parts.ephemeral_5m_input_tokens + parts.ephemeral_1h_input_tokens
        read = self.cache_read_input_tokens or 0
        details = self.output_tokens_details
        return TokenUsage(
            prompt=(self.input_tokens or 0) + written + read,
            completion=self.output_tokens or 0,
            cached=read,
            cache_write=written,
            reasoning=details.thinking_tokens if details else 0,
            estimated=estimated,
        )


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
    stop_details: StopDetails | None = None
    usage: Usage | None = None
    error: ErrorBody | None = None


_MESSAGE = msgspec.json.Decoder(_Message)


def finish_of(stop_reason: str) -> FinishReason:
    """Return our reason; one that is not known yet is still a stop of the model's own."""
    return FINISHES.get(stop_reason, FinishReason.STOP)


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
        raise stream_error(message.error, voice)
    if message.type != "message" or message.stop_reason is None:
        raise voice.garbled("an answer that is not a whole message")
    return ChatAnswer(
        id=message.id,
        model=message.model,
        parts=parts,
        finish=finish_of(message.stop_reason),
        usage=message.usage.tokens() if message.usage else None,
        refusal=message.stop_details.explanation if message.stop_details else None,
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
