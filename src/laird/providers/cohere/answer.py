"""A whole answer of `POST /v2/chat` as ours, and its counts and finish reasons.

Wire facts: `cohere.v2.types.V2ChatResponse`, `AssistantMessageResponse`, `Usage`, `LogprobItem` and
`ChatFinishReason` of the Python SDK.
"""

from __future__ import annotations

import msgspec

from laird.domain.chat import (
    ChatAnswer,
    FinishReason,
    Reasoning,
    Text,
    TokenLogprob,
    ToolCall,
)
from laird.domain.errors import UpstreamFailed
from laird.domain.tokens import TokenUsage
from laird.providers.cohere.errors import Voice, stream_error

FINISHES = {
    "COMPLETE": FinishReason.STOP,
    "STOP_SEQUENCE": FinishReason.STOP,
    "MAX_TOKENS": FinishReason.LENGTH,
    "TOOL_CALL": FinishReason.TOOL_CALLS,
    # Words of version 1 of the API, which some deployments of the models still say.
    "ERROR_LIMIT": FinishReason.LENGTH,
    "ERROR_TOXIC": FinishReason.CONTENT_FILTER,
}
_GIVEN_UP = {"TIMEOUT": (504, "it took too long there")}
_FAILED = (500, "something went wrong there")


class Counts(msgspec.Struct, frozen=True):
    """Tokens, as numbers with a fraction of zero."""

    input_tokens: float | None = None
    output_tokens: float | None = None


class Usage(msgspec.Struct, frozen=True):
    """The counts of an answer: those that are billed, and those that the model really saw."""

    billed_units: Counts | None = None
    tokens: Counts | None = None
    cached_tokens: float | None = None

    def counted(self) -> TokenUsage:
        """Return our counts: what is billed, where that is told.

        The difference is the text that Cohere itself puts around a prompt, which nobody pays.
        """
        billed, seen = self.billed_units or Counts(), self.tokens or Counts()
        prompt = _count(billed.input_tokens, seen.input_tokens)
        return TokenUsage(
            prompt=prompt,
            completion=_count(billed.output_tokens, seen.output_tokens),
            cached=min(_count(self.cached_tokens), prompt),
        )


class Function(msgspec.Struct, frozen=True):
    """A function's name and its arguments, or a piece of them."""

    name: str | None = None
    arguments: str | None = None


class Call(msgspec.Struct, frozen=True):
    """A tool call, or a piece of one."""

    id: str | None = None
    function: Function | None = None

    @property
    def name(self) -> str:
        """The function's name; empty where it is not told."""
        return (self.function.name or "") if self.function is not None else ""

    @property
    def arguments(self) -> str:
        """The arguments as JSON text, or a piece of them."""
        return (self.function.arguments or "") if self.function is not None else ""


class Content(msgspec.Struct, frozen=True):
    """A content block, or what is new in one: text or thinking."""

    text: str | None = None
    thinking: str | None = None


class LogprobItem(msgspec.Struct, frozen=True):
    """Log probabilities of the tokens that one piece of text is made of."""

    text: str | None = None
    logprobs: list[float] | None = None


class _Message(msgspec.Struct, frozen=True):
    content: list[Content] | str | None = None
    tool_plan: str | None = None
    tool_calls: list[Call] | None = None


class _Answer(msgspec.Struct, frozen=True):
    id: str = ""
    finish_reason: str | None = None
    message: _Message | str | None = None
    usage: Usage | None = None
    logprobs: list[LogprobItem] | None = None


_ANSWER = msgspec.json.Decoder(_Answer)


def read_answer(body: bytes, voice: Voice) -> ChatAnswer:
    """Read a whole answer. It does not name the model, so ours has none.

    Citations are left out. Raises `UpstreamGarbled` when it is no answer, and the error that the
    body holds instead.
    """
    try:
        answer = _ANSWER.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise voice.garbled(f"an answer that can't be read ({error})") from error
    if isinstance(answer.message, str):
        raise stream_error(answer.message, voice)
    if answer.message is None or answer.finish_reason is None:
        raise voice.garbled("an answer that is not a whole message")
    calls = _calls(answer.message)
    return ChatAnswer(
        id=answer.id,
        model="",
        parts=(*_texts(answer.message), *calls),
        finish=finish_of(answer.finish_reason, voice, called=bool(calls)),
        usage=answer.usage.counted() if answer.usage is not None else None,
        logprobs=tuple(map(token_logprob, answer.logprobs or ())),
    )


def finish_of(word: str, voice: Voice, *, called: bool, cause: str | None = None) -> FinishReason:
    """Return our reason; a word that is not known yet is still a stop of the model's own.

    `cause` is what the API says went wrong. Raises an `UpstreamError` where the answer was given
    up.
    """
    if cause:
        raise stream_error(cause, voice)
    finish = FINISHES.get(word)
    if finish is None:
        if word in _GIVEN_UP or word.startswith("ERROR"):
            status, why = _GIVEN_UP.get(word, _FAILED)
            raise UpstreamFailed(
                f"{voice.provider} gave the answer up: {why} (finish_reason {word[:40]})."
                " Try again.",
                status=status,
            )
        finish = FinishReason.STOP
    return FinishReason.TOOL_CALLS if called and finish is FinishReason.STOP else finish


def token_logprob(item: LogprobItem) -> TokenLogprob:
    """Return the log probability of a piece of text: that of all its tokens together."""
    return TokenLogprob(token=item.text or "", logprob=sum(item.logprobs or ()))


def _texts(message: _Message) -> list[Text | Reasoning]:
    parts: list[Text | Reasoning] = []
    content = message.content
    if isinstance(content, str):
        content = [Content(text=content)]
    for block in content or ():
        if block.thinking:
            parts.append(Reasoning(text=block.thinking))
        if block.text:
            parts.append(Text(block.text))
    if message.tool_plan:
        parts.append(Text(message.tool_plan))
    return parts


def _calls(message: _Message) -> list[ToolCall]:
    return [
        ToolCall(id=call.id or f"call_{number}", name=call.name, arguments=call.arguments or "{}")
        for number, call in enumerate(message.tool_calls or ())
    ]


def _count(*values: float | None) -> int:
    """Return the first count that is told, or 0."""
    told = next((value for value in values if value is not None), 0.0)
    return max(0, int(told))
