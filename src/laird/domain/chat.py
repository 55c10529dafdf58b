"""The canonical form of a chat request and answer, between client dialects and providers.

Used only where the two sides speak different wire formats: the same format on both sides is
passed through. A dialect reads its body into a `ChatRequest`; an adapter writes one for upstream.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Protocol

import msgspec

from laird.domain.tokens import TokenUsage


class Role(StrEnum):
    """Who speaks."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class Text(msgspec.Struct, frozen=True):
    """Plain text."""

    text: str


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """An image, inline (`data`, base64 text, with its media type) or by `url`."""

    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    detail: str | None = None


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A file to read, such as a PDF: inline (`data`, base64 text) or by `url`."""

    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    name: str | None = None


class ToolCall(msgspec.Struct, frozen=True, kw_only=True):
    """The model's wish to call a tool. `arguments` is JSON text, kept as the model wrote it.

    `signature` is a proof of the thinking behind the call, to be echoed unchanged (Gemini's
    `thoughtSignature`).
    """

    id: str
    name: str
    arguments: str
    signature: str | None = None


class ToolResult(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of a tool."""

    call_id: str
    parts: tuple[Text | Image | Document, ...]
    is_error: bool = False


class Reasoning(msgspec.Struct, frozen=True, kw_only=True):
    """Thinking that a model showed. `signature` and `redacted` must be echoed unchanged.

    Only who signed it can read a signature. One that is not Anthropic's begins with the kind of
    its provider and a colon (`gemini:…`), and an adapter leaves out those of others.
    """

    text: str = ""
    signature: str | None = None
    redacted: str | None = None


Part = Text | Image | Document | ToolCall | ToolResult | Reasoning


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One turn. Tool results stand in a message of role TOOL, one or several."""

    role: Role
    parts: tuple[Part, ...]
    name: str | None = None


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """A function that the model may call; `parameters` is a JSON schema."""

    name: str
    description: str | None = None
    parameters: Mapping[str, Any] | None = None
    strict: bool | None = None


class ToolChoice(msgspec.Struct, frozen=True, kw_only=True):
    """`mode` is auto, none, required or tool; `name` only with tool."""

    mode: str
    name: str | None = None


class ResponseFormat(msgspec.Struct, frozen=True, kw_only=True):
    """`kind` is text, json_object or json_schema; the rest only with json_schema."""

    kind: str
    name: str | None = None
    schema: Mapping[str, Any] | None = None
    strict: bool | None = None


class Sampling(msgspec.Struct, frozen=True, kw_only=True):
    """Sampling wishes; None means not said."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    n: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    logit_bias: Mapping[str, float] | None = None


class ChatRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A chat request in no vendor's words."""

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    max_tokens: int | None = None
    sampling: Sampling = Sampling()
    reasoning_effort: str | None = None
    """none, minimal, low, medium, high, xhigh."""
    reasoning_budget: int | None = None
    """Tokens the model may think for, where a client says it so."""
    user: str | None = None
    stream: bool = False
    extra: Mapping[str, Any] = {}
    """Fields of the client's body that are not modelled here, by their wire name."""


class FinishReason(StrEnum):
    """Why the model stopped."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"
    CONTENT_FILTER = "content_filter"


class TokenLogprob(msgspec.Struct, frozen=True, kw_only=True):
    """One token of the output with its log probability, and the likeliest at its place."""

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()
    """Tokens and log probabilities, likeliest first."""


class ChatAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer, not streamed."""

    id: str
    model: str
    parts: tuple[Text | ToolCall | Reasoning, ...]
    finish: FinishReason
    usage: TokenUsage | None
    refusal: str | None = None
    stop_sequence: str | None = None
    """The stop sequence that ended the text, where the provider says which."""
    logprobs: tuple[TokenLogprob, ...] = ()


class TextDelta(msgspec.Struct, frozen=True):
    """More text."""

    text: str


class ReasoningDelta(msgspec.Struct, frozen=True, kw_only=True):
    """More thinking, or the signature that closes it."""

    text: str = ""
    signature: str | None = None
    redacted: str | None = None


class ToolCallStart(msgspec.Struct, frozen=True, kw_only=True):
    """A tool call begins; `index` counts the calls of this answer from 0."""

    index: int
    id: str
    name: str
    signature: str | None = None
    """See `ToolCall.signature`."""


class ToolCallDelta(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of a tool call's JSON arguments, at any boundary."""

    index: int
    arguments: str


class RefusalDelta(msgspec.Struct, frozen=True):
    """More of a refusal."""

    text: str


class Logprobs(msgspec.Struct, frozen=True):
    """Log probabilities of the text just said; may come before or after it."""

    tokens: tuple[TokenLogprob, ...]


class UsageSeen(msgspec.Struct, frozen=True):
    """The provider's counts so far; a later one replaces an earlier one."""

    usage: TokenUsage


class Finished(msgspec.Struct, frozen=True):
    """The model stopped by itself. A stream without this is not complete."""

    reason: FinishReason
    stop_sequence: str | None = None


StreamEvent = (
    TextDelta
    | ReasoningDelta
    | ToolCallStart
    | ToolCallDelta
    | RefusalDelta
    | Logprobs
    | UsageSeen
    | Finished
)


class EventReader(Protocol):
    """Reads one streamed answer from bytes cut anywhere."""

    @property
    def done(self) -> bool:
        """The stream's own end marker has come: nothing follows."""
        ...

    def feed(self, data: bytes) -> list[StreamEvent]:
        """Return the events completed by `data`.

        Raises an `UpstreamError` when the stream carries an error event or is malformed.
        """
        ...

    def end(self) -> list[StreamEvent]:
        """Return what is left at the clean end of the body.

        Raises `UpstreamGarbled` when the answer is not complete: a stream without its finish is a
        failure, never a short answer.
        """
        ...
