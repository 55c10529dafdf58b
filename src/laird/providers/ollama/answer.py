"""Ollama's answers: the lines of a stream and whole answers have one form.

Wire facts: `ChatResponse`, `Metrics` and `Logprob` in Ollama's api/types.go. Durations, which are
nanoseconds, are not read.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import msgspec

from laird.domain.chat import (
    ChatAnswer,
    FinishReason,
    Reasoning,
    Text,
    TokenLogprob,
    ToolCall,
)
from laird.domain.errors import UpstreamError
from laird.domain.tokens import TokenUsage
from laird.providers.ollama.errors import Voice, explain

_NO_ANSWER = frozenset({"load", "unload"})
"""`done_reason` of a request that only loaded or unloaded the model."""


class WireFunction(msgspec.Struct):
    """A function and its arguments, a JSON object as the server read it."""

    name: str = ""
    arguments: msgspec.Raw = msgspec.Raw(b"{}")


class WireCall(msgspec.Struct):
    """A tool call, always whole; servers before 0.12.10 give it no id."""

    function: WireFunction
    id: str | None = None


class WireMessage(msgspec.Struct):
    """What was said, or more of it."""

    content: str | None = None
    thinking: str | None = None
    tool_calls: list[WireCall] | None = None


class WireLogprob(msgspec.Struct):
    """A token with its log probability."""

    token: str = ""
    logprob: float = 0.0
    top_logprobs: list[WireLogprob] | None = None


class WireLine(msgspec.Struct):
    """One line of a stream, or a whole answer."""

    model: str = ""
    created_at: str = ""
    message: WireMessage | None = None
    done: bool = False
    done_reason: str | None = None
    prompt_eval_count: int | None = None
    eval_count: int | None = None
    logprobs: list[WireLogprob] | None = None
    error: Any = None
    status: Any = None

    @property
    def usage(self) -> TokenUsage | None:
        """The counts, or None where the server did not say what it read."""
        if not self.prompt_eval_count:
            return None
        return TokenUsage(prompt=self.prompt_eval_count, completion=self.eval_count or 0)


_LINE = msgspec.json.Decoder(WireLine)


def read_line(data: bytes, voice: Voice) -> WireLine:
    """Read one line. Raises `UpstreamGarbled`, and the error that stands in it instead."""
    try:
        line = _LINE.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise voice.garbled(f"a line that can't be read ({error})") from error
    if line.error is not None:
        raise _error(line, voice)
    return line


def _error(line: WireLine, voice: Voice) -> UpstreamError:
    error = line.error
    if isinstance(error, dict):
        error = error.get("message")
    status = line.status if type(line.status) is int and 400 <= line.status < 600 else None
    return explain(error if isinstance(error, str) else "", status, voice)


def read_answer(data: bytes, voice: Voice) -> ChatAnswer:
    """Read a whole answer. Raises `UpstreamGarbled` when it is not one."""
    line = read_line(data, voice)
    message = line.message
    if message is None or not line.done:
        raise voice.garbled("an answer that is not a whole message")
    calls = read_calls(line, set())
    parts: list[Text | ToolCall | Reasoning] = []
    if message.thinking:
        parts.append(Reasoning(text=message.thinking))
    if message.content:
        parts.append(Text(message.content))
    return ChatAnswer(
        id=_name("chat", line.model, line.created_at),
        model=line.model,
        parts=(*parts, *calls),
        finish=finish_of(line, voice, called=bool(calls)),
        usage=line.usage,
        logprobs=read_logprobs(line),
    )


def read_calls(line: WireLine, taken: set[str]) -> list[ToolCall]:
    """Return the tool calls of a line, each with an id that no other one of the answer has.

    Where the server gives none, it is made from the answer's time and the call, so that it is the
    same whenever these bytes are read, and another one in the next answer. `taken` are the ids of
    the calls before, and gets those of these.
    """
    calls = []
    for wire in (line.message and line.message.tool_calls) or ():
        arguments = _arguments(wire.function)
        identity = wire.id
        if not identity or identity in taken:
            place = str(len(taken))
            identity = _name("call", line.created_at, place, wire.function.name, arguments)
        taken.add(identity)
        calls.append(ToolCall(id=identity, name=wire.function.name, arguments=arguments))
    return calls


def _arguments(function: WireFunction) -> str:
    """Return the arguments as JSON text; some proxies send that text as a string."""
    text = bytes(function.arguments).decode()
    if text.startswith('"'):
        text = msgspec.json.decode(text, type=str)
    return "{}" if text in {"", "null"} else text


def read_logprobs(line: WireLine) -> tuple[TokenLogprob, ...]:
    """Return the log probabilities of a line."""
    if not line.logprobs:
        return ()
    return tuple(
        TokenLogprob(
            token=each.token,
            logprob=each.logprob,
            top=tuple((other.token, other.logprob) for other in each.top_logprobs or ()),
        )
        for each in line.logprobs
    )


def finish_of(line: WireLine, voice: Voice, *, called: bool) -> FinishReason:
    """Return why the model stopped; servers before 0.1.45 do not say, and mean `stop`.

    Raises `UpstreamGarbled` for a reason that belongs to no answer.
    """
    reason = line.done_reason
    if reason in _NO_ANSWER:
        raise voice.garbled(f"no answer: it only says that it did '{reason}' the model")
    if reason == "length":
        return FinishReason.LENGTH
    return FinishReason.TOOL_CALLS if called else FinishReason.STOP


def _name(prefix: str, *parts: str) -> str:
    """Return an id that follows from the parts."""
    return f"{prefix}_{sha256(chr(0).join(parts).encode()).hexdigest()[:24]}"
