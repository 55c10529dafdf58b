"""OpenAI's chat wire format as servers really speak it: chunks, usage, finish and errors.

The shapes are those of OpenAI's API description; the departures are what Ollama, vLLM, llama.cpp,
LM Studio, LightLLM, DeepSeek and OpenRouter send in practice.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
import orjson

from laird.domain.chat import FinishReason, TokenLogprob
from laird.domain.errors import UpstreamError, UpstreamFailed, UpstreamGarbled
from laird.domain.tokens import TokenUsage
from laird.wire.faults import Fault, plain, upstream_error

DONE = b"data: [DONE]\n\n"
"""The success marker of a stream."""

LONGEST_EVENT = 16 * 1024 * 1024
"""Bytes of one event of a stream; more is no chat chunk."""

_LONGEST_STRAY = 64 * 1024

FINISHES: Mapping[str, FinishReason] = {
    "stop": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "max_tokens": FinishReason.LENGTH,
    "model_length": FinishReason.LENGTH,
    "tool_calls": FinishReason.TOOL_CALLS,
    "function_call": FinishReason.TOOL_CALLS,
    "tool_use": FinishReason.TOOL_CALLS,
    "content_filter": FinishReason.CONTENT_FILTER,
    "refusal": FinishReason.CONTENT_FILTER,
}
"""What `finish_reason` means; any other word (`eos`, `end_turn`) means stop."""

BAD_FINISHES = frozenset({"error", "abort", "cancelled", "insufficient_system_resource"})
"""Words that say the answer was given up: vLLM's, SGLang's, OpenRouter's, DeepSeek's."""


class WireDetails(msgspec.Struct, frozen=True, gc=False):
    """Both `*_tokens_details` objects: each has only some of these."""

    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None


class WireUsage(msgspec.Struct, frozen=True):
    """The `usage` object. `prompt_tokens` already includes cached tokens."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: WireDetails | None = None
    completion_tokens_details: WireDetails | None = None
    prompt_cache_hit_tokens: int | None = None
    """DeepSeek's name for cached tokens."""


class WireFunction(msgspec.Struct, frozen=True, gc=False):
    """A function's name and a piece of its arguments."""

    name: str | None = None
    arguments: str | None = None


class WireGoogle(msgspec.Struct, frozen=True, gc=False):
    """What Google's OpenAI-compatible endpoint adds."""

    thought_signature: str | None = None


class WireExtra(msgspec.Struct, frozen=True):
    """The `extra_content` of a tool call."""

    google: WireGoogle | None = None


class WireCall(msgspec.Struct, frozen=True):
    """A tool call, or a piece of one."""

    index: int | None = None
    id: str | None = None
    function: WireFunction | None = None
    extra_content: WireExtra | None = None


class WireDelta(msgspec.Struct, frozen=True):
    """What is new in a chunk, or the whole message of an answer."""

    content: str | None = None
    tool_calls: tuple[WireCall, ...] | None = None
    reasoning_content: str | None = None
    """DeepSeek's, vLLM's and llama.cpp's name for shown thinking."""
    reasoning: str | None = None
    """Ollama's and OpenRouter's name for it."""
    refusal: str | None = None
    function_call: WireFunction | None = None
    audio: Any = None
    reasoning_details: list[dict[str, Any]] | None = None
    """OpenRouter's form of thinking that is to be sent back; see `laird.wire.openai_reasoning`."""


class WireTop(msgspec.Struct, frozen=True, gc=False):
    """A token that might have stood in a place."""

    token: str
    logprob: float


class WireToken(msgspec.Struct, frozen=True):
    """A token that was said. The `bytes` that come with it are those of its text."""

    token: str
    logprob: float
    top_logprobs: tuple[WireTop, ...] | None = None


class WireLogprobs(msgspec.Struct, frozen=True):
    """The `logprobs` of a choice."""

    content: tuple[WireToken, ...] | None = None
    refusal: tuple[WireToken, ...] | None = None


class WireChoice(msgspec.Struct, frozen=True):
    """One of the answers asked for with `n`."""

    index: int = 0
    delta: WireDelta | None = None
    message: WireDelta | None = None
    finish_reason: str | None = None
    logprobs: WireLogprobs | None = None
    stop_reason: str | int | None = None
    """vLLM's: the stop sequence that ended the text, or the number of a token."""
    text: str | None = None
    """The text of a legacy completion, which has neither delta nor message."""


class WireChunk(msgspec.Struct, frozen=True):
    """One event of a stream, or a whole answer: the fields that Laird looks at."""

    choices: tuple[WireChoice, ...] | None = None
    usage: WireUsage | None = None
    error: Any = None
    provider: Any = msgspec.UNSET
    id: str | None = None
    model: str | None = None
    in_parts: bool = msgspec.field(default=False, name="(in parts)")
    """The content came as a list of parts, as Mistral's thinking models send it: no client of
    OpenAI's format expects that. Set by the reader, never by a server."""


_DECODE = msgspec.json.Decoder(WireChunk).decode


def read_chunk(payload: bytes) -> WireChunk:
    """Read the JSON of one event or of a whole answer.

    Raises `ValueError` when it is not a JSON object. Fields of an unexpected type are read as far
    as they make sense: an odd server is no reason to fail an answer.
    """
    try:
        chunk = _DECODE(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _lenient_chunk(payload)
    if chunk.choices is None and chunk.error is None:
        return _lenient_chunk(payload)
    return chunk


def _lenient_chunk(payload: bytes) -> WireChunk:
    """Read a chunk that is not what the types above say."""
    value = load_object(payload)
    error = value.get("error")
    if error is None and value.get("object") == "error":
        error = value
    usage = value.get("usage")
    choices = value.get("choices")
    items = (
        [item for item in choices if isinstance(item, dict)] if isinstance(choices, list) else None
    )
    return WireChunk(
        choices=None if items is None else tuple(map(_choice, items)),
        usage=_usage(usage) if isinstance(usage, dict) else None,
        error=error,
        provider=value.get("provider", msgspec.UNSET),
        id=_text(value.get("id")),
        model=_text(value.get("model")),
        in_parts=any(True for _ in _said_in_parts(items or ())),
    )


def load_object(payload: bytes) -> dict[str, Any]:
    """Parse a JSON object. Raises `ValueError` for anything else.

    The slow parser has the last word, because it alone takes half a surrogate pair, which servers
    that count in UTF-16 send when they cut an answer inside an emoji.
    """
    try:
        value = orjson.loads(payload)
    except ValueError:
        value = json.loads(payload)
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - callers expect what parsers raise
    return value


def _choice(item: Mapping[str, Any]) -> WireChoice:
    index = item.get("index")
    return WireChoice(
        index=index if type(index) is int else 0,
        delta=_delta(item.get("delta")),
        message=_delta(item.get("message")),
        finish_reason=_text(item.get("finish_reason")),
        logprobs=_logprobs(item.get("logprobs")),
        stop_reason=_text(item.get("stop_reason")),
        text=_text(item.get("text")),
    )


def _logprobs(value: object) -> WireLogprobs | None:
    try:
        return msgspec.convert(value, WireLogprobs | None)
    except msgspec.ValidationError:
        return None


def _said_in_parts(choices: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the deltas and messages whose content is a list of parts."""
    for choice in choices:
        for field in ("delta", "message"):
            said = choice.get(field)
            if isinstance(said, dict) and isinstance(said.get("content"), list):
                yield said


def join_parts(value: dict[str, Any]) -> None:
    """Give a chunk or an answer, in place, the content that OpenAI's format has: one text.

    Thinking among the parts becomes `reasoning_content`.
    """
    choices = value.get("choices")
    for said in _said_in_parts(c for c in choices or () if isinstance(c, dict)):
        thinking = _thinking(said["content"])
        said["content"] = _text(said["content"]) or ""
        if thinking:
            said["reasoning_content"] = thinking


def _thinking(content: object) -> str | None:
    """Return the thinking in a list of parts: `{"type": "thinking", "thinking": [text, ...]}`."""
    if not isinstance(content, list):
        return None
    parts = [part.get("thinking") for part in content if isinstance(part, dict)]
    return "".join(_text(part) or "" for part in parts) or None


def _delta(value: object) -> WireDelta | None:
    if not isinstance(value, dict):
        return None
    calls = value.get("tool_calls")
    if isinstance(calls, dict):
        calls = [calls]
    details = value.get("reasoning_details")
    return WireDelta(
        content=_text(value.get("content")),
        tool_calls=tuple(_call(call) for call in calls if isinstance(call, dict))
        if isinstance(calls, list)
        else None,
        reasoning_content=_text(value.get("reasoning_content")) or _thinking(value.get("content")),
        reasoning=_text(value.get("reasoning")),
        refusal=_text(value.get("refusal")),
        function_call=_function(value.get("function_call")),
        audio=value.get("audio"),
        reasoning_details=[detail for detail in details if isinstance(detail, dict)]
        if isinstance(details, list)
        else None,
    )


def _call(value: Mapping[str, Any]) -> WireCall:
    index = value.get("index")
    identity = value.get("id")
    try:
        extra = msgspec.convert(value.get("extra_content"), WireExtra | None)
    except msgspec.ValidationError:
        extra = None
    return WireCall(
        index=index if type(index) is int else None,
        id=str(identity) if isinstance(identity, str | int) else None,
        function=_function(value.get("function")),
        extra_content=extra,
    )


def _function(value: object) -> WireFunction | None:
    if not isinstance(value, dict):
        return None
    arguments = value.get("arguments")
    if isinstance(arguments, dict | list):
        arguments = orjson.dumps(arguments).decode()
    return WireFunction(name=_text(value.get("name")), arguments=_text(arguments))


def _text(value: object) -> str | None:
    """Return a text; the text parts of a list, as some servers send content."""
    if isinstance(value, list):
        parts = [part.get("text") for part in value if isinstance(part, dict)]
        return "".join(part for part in parts if isinstance(part, str)) or None
    return value if isinstance(value, str) else None


def _usage(value: Mapping[str, Any]) -> WireUsage:
    def details(name: str) -> WireDetails | None:
        inner = value.get(name)
        if not isinstance(inner, dict):
            return None
        return WireDetails(*(_count(inner.get(field)) for field in WireDetails.__struct_fields__))

    return WireUsage(
        prompt_tokens=_count(value.get("prompt_tokens")),
        completion_tokens=_count(value.get("completion_tokens")),
        total_tokens=_count(value.get("total_tokens")),
        prompt_tokens_details=details("prompt_tokens_details"),
        completion_tokens_details=details("completion_tokens_details"),
        prompt_cache_hit_tokens=_count(value.get("prompt_cache_hit_tokens")),
    )


def _count(value: object) -> int | None:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if type(value) is int else None


def token_usage(usage: WireUsage) -> TokenUsage:
    """Return usage in our meaning: cached tokens inside the prompt, reasoning in the completion.

    A server whose total is larger than its parts by exactly the reasoning tokens has left those
    out of the completion; they are put in.
    """
    prompt = _told(usage.prompt_tokens)
    completion = _told(usage.completion_tokens)
    before, after = usage.prompt_tokens_details, usage.completion_tokens_details
    if before is None and after is None and not usage.prompt_cache_hit_tokens:
        return TokenUsage(prompt=prompt, completion=completion)
    reasoning = _told(after.reasoning_tokens) if after is not None else 0
    if reasoning and usage.total_tokens == prompt + completion + reasoning:
        completion += reasoning
    cached = _told((before.cached_tokens if before else None) or usage.prompt_cache_hit_tokens)
    return TokenUsage(
        prompt=prompt,
        completion=completion,
        cached=min(prompt, cached),
        cache_write=_told(before.cache_write_tokens) if before is not None else 0,
        reasoning=min(completion, reasoning),
    )


def _told(told: int | None) -> int:
    return told if told is not None and told > 0 else 0


def wire_usage(usage: TokenUsage) -> dict[str, Any]:
    """Return the `usage` object for our counts."""
    before: dict[str, int] = {"cached_tokens": usage.cached}
    if usage.cache_write:
        before["cache_write_tokens"] = usage.cache_write
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.total,
        "prompt_tokens_details": before,
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }


_LEAST_LOGPROB = -9999.0
"""What OpenAI says for a token that is very unlikely; JSON has no infinity."""


def read_logprobs(logprobs: WireLogprobs | None) -> tuple[TokenLogprob, ...]:
    """Return the log probabilities of text and refusal."""
    if logprobs is None:
        return ()
    return tuple(
        TokenLogprob(
            token=item.token,
            logprob=item.logprob,
            top=tuple((top.token, top.logprob) for top in item.top_logprobs or ()),
        )
        for items in (logprobs.content, logprobs.refusal)
        for item in items or ()
    )


def wire_logprobs(tokens: Iterable[TokenLogprob]) -> dict[str, Any]:
    """Return the `logprobs` of a choice."""
    return {
        "content": [
            {
                **_wire_token(item.token, item.logprob),
                "top_logprobs": [_wire_token(*top) for top in item.top],
            }
            for item in tokens
        ],
        "refusal": None,
    }


def _wire_token(token: str, logprob: float) -> dict[str, Any]:
    # A replacement character stands for half a character, whose bytes nobody knows any more.
    data = None if "\ufffd" in token else list(token.encode(errors="replace"))
    return {"token": token, "logprob": max(logprob, _LEAST_LOGPROB), "bytes": data}


def finish_of(word: str, provider: str) -> FinishReason:
    """Return what a `finish_reason` means. Raises `UpstreamFailed` when it means a failure."""
    if word in BAD_FINISHES:
        raise UpstreamFailed(f"{provider} gave the answer up (finish_reason '{word}'). Try again.")
    return FINISHES.get(word, FinishReason.STOP)


def read_fault(
    error: object,
    *,
    status: int | None = None,
    retry_after_s: float | None = None,
    secret: str | None = None,
) -> Fault:
    """Read the `error` of a body or of an event: an object, or just a text as Ollama sends it.

    Inside a stream of status 200 (`status` None) the object's own numeric `code` or `status` is
    taken for the status, as vLLM and OpenRouter mean it.
    """
    if not isinstance(error, Mapping):
        text = error if isinstance(error, str) else ""
        return Fault(status=status, message=plain(text, secret), retry_after_s=retry_after_s)
    code, message = error.get("code"), error.get("message")
    if not isinstance(message, str):
        message = error.get("detail") if isinstance(error.get("detail"), str) else ""
    number = code if type(code) is int else error.get("status")
    if status is None and type(number) is int and 400 <= number < 600:
        status = number
    return Fault(
        status=status,
        message=plain(message or "", secret),
        code=_name(code),
        error_type=_name(error.get("type")),
        param=_name(error.get("param")),
        retry_after_s=retry_after_s,
    )


def _name(value: object) -> str | None:
    return value[:100] if isinstance(value, str) and value else None


def stream_error(provider: str, error: object) -> UpstreamError:
    """Return what an error inside a stream of status 200 means."""
    return upstream_error(provider, read_fault(error))


def unreadable(provider: str, what: str) -> UpstreamGarbled:
    """Return the error for something that is not what it should be."""
    return UpstreamGarbled(
        f"{provider} sent {what}. Check that its endpoint speaks OpenAI's chat format."
    )


class StrayJson:
    """Remembers plain JSON that came where a stream was to come, to tell the error in it."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept = b""

    def keep(self, data: bytes) -> None:
        """Keep bytes that completed no event, if they look like JSON from their start on."""
        if self._kept or data.lstrip().startswith(b"{"):
            self._kept = (self._kept + data)[:_LONGEST_STRAY]

    def error(self, provider: str) -> UpstreamError:
        """Return why the stream is not complete, by what was kept."""
        try:
            error = read_chunk(self._kept).error if self._kept else None
        except ValueError:
            error = None
        return stream_error(provider, error) if error else unfinished(provider)


def unfinished(provider: str) -> UpstreamGarbled:
    """Return the error for a stream that ended before its finish."""
    return UpstreamGarbled(
        f"{provider} ended its stream before the answer was complete. Its own log may say why."
    )
