"""OpenAI's chat format from the upstream's side, as the servers of the family speak it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from openai.types.chat.completion_create_params import (
    CompletionCreateParamsNonStreaming,
    CompletionCreateParamsStreaming,
)
from pydantic import TypeAdapter
from tests.providers.profiles import MODEL_NAME, SECRET, Fault, Lacks, Quirk, WireAnswer
from tests.support.openai_wire import DONE, event

from laird.dialects.openai_chat import OpenAIChat
from laird.domain.catalog import AuthType, Egress, Provider
from laird.domain.chat import (
    ChatAnswer,
    ChatRequest,
    Document,
    Finished,
    Image,
    Logprobs,
    Message,
    Part,
    Reasoning,
    ReasoningDelta,
    Role,
    StreamEvent,
    Text,
    TextDelta,
    TokenLogprob,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
    ToolResult,
)
from laird.domain.errors import UpstreamError, UpstreamFailed
from laird.domain.secret import Secret
from laird.domain.tokens import TokenUsage
from laird.providers.base import Adapter
from laird.providers.openai_fitting import short_call_id
from laird.providers.registry import build_adapter

WHOLE = TypeAdapter[Any](CompletionCreateParamsNonStreaming)
STREAMED = TypeAdapter[Any](CompletionCreateParamsStreaming)

_JSON = ("content-type", "application/json")
_NOW = ("date", "Sat, 21 Nov 2026 12:00:00 GMT")
_SOON = ("retry-after", "Sat, 21 Nov 2026 12:00:07 GMT")


def error(
    status: int, message: str, *headers: tuple[str, str], code: object = None, kind: str = ""
) -> WireAnswer:
    inner = {
        "message": message,
        "type": kind or "invalid_request_error",
        "param": None,
        "code": code,
    }
    return WireAnswer(status, json.dumps({"error": inner}).encode(), (_JSON, *headers))


def bare(status: int, body: object) -> WireAnswer:
    return WireAnswer(status, json.dumps(body).encode())


FAULTS: Mapping[Fault, WireAnswer] = {
    Fault.BAD_REQUEST: error(400, "Invalid type for 'temperature'.", code="invalid_type"),
    Fault.CONTEXT_LENGTH: error(
        400, "This model's maximum context length is 8 tokens.", code="context_length_exceeded"
    ),
    Fault.BAD_CREDENTIAL: error(
        401, f"Incorrect API key provided: {SECRET}. Find yours.", code="invalid_api_key"
    ),
    Fault.FORBIDDEN: error(403, "Your region is not supported.", code="unsupported_region"),
    Fault.MODEL_MISSING: error(
        404, f"The model `{MODEL_NAME}` does not exist.", code="model_not_found"
    ),
    Fault.TOO_LARGE: error(413, "Request too large."),
    Fault.UNPROCESSABLE: bare(422, {"detail": [{"loc": ["body", "n"], "msg": "Input is wrong"}]}),
    Fault.RATE_LIMITED: error(429, "Slow down.", ("retry-after", "7"), code="rate_limit_exceeded"),
    Fault.RATE_LIMITED_DATE: error(429, "Slow down.", _NOW, _SOON, kind="requests"),
    Fault.RATE_LIMITED_SILENT: error(429, "Slow down.", kind="tokens"),
    Fault.QUOTA: error(429, "You exceeded your quota.", code="insufficient_quota"),
    Fault.SERVER_ERROR: error(500, "The server had an error.", kind="server_error"),
    Fault.OVERLOADED: error(503, "The engine is overloaded.", kind="server_error"),
    Fault.HTML: WireAnswer(
        502, b"<!DOCTYPE html><title>502 Bad Gateway</title>", (("content-type", "text/html"),)
    ),
    Fault.EMPTY: WireAnswer(503, b"", ()),
}

VLLM_FAULTS = {
    Fault.CONTEXT_LENGTH: bare(
        400,
        {
            "object": "error",
            "message": "This model's maximum context length is 8 tokens. However, you requested 9.",
            "type": "BadRequestError",
            "param": None,
            "code": 400,
        },
    ),
    Fault.MODEL_MISSING: error(
        404, f"The model `{MODEL_NAME}` does not exist.", kind="NotFoundError", code=404
    ),
    Fault.BAD_CREDENTIAL: bare(401, {"error": "Unauthorized"}),
}
LLAMACPP_FAULTS = {
    Fault.CONTEXT_LENGTH: error(
        400,
        "the request exceeds the available context size, try increasing it",
        kind="exceed_context_size_error",
        code=400,
    ),
    Fault.BAD_CREDENTIAL: error(
        401, f"Invalid API Key {SECRET}", kind="authentication_error", code=401
    ),
    Fault.OVERLOADED: error(503, "Loading model", kind="unavailable_error", code=503),
    Fault.BAD_REQUEST: error(
        500, "image input is not supported - hint: you may need to provide the mmproj", code=500
    ),
}
LMSTUDIO_FAULTS = {
    Fault.CONTEXT_LENGTH: bare(
        400,
        {
            "error": "The number of tokens to keep from the initial prompt is greater than the"
            " context length (n_keep: 13055>= n_ctx: 4096)."
        },
    ),
    Fault.MODEL_MISSING: bare(404, {"error": "No models loaded. Please load a model first."}),
}
LIGHTLLM_FAULTS = {
    Fault.BAD_REQUEST: bare(400, {"message": "The logit_bias parameter is not supported"}),
}


@dataclass(frozen=True)
class Ways:
    """What a kind's servers do beyond OpenAI's format, or without it."""

    files: bool = False
    file_urls: bool = False
    details: bool = False
    """They read and write `reasoning_details`."""
    google: bool = False
    """They read and write `extra_content` of tool calls."""
    stops: bool = False
    """They tell the stop sequence that ended the text."""
    logprobs: bool = True
    tool_images: bool = False
    asks_usage: bool = True
    short_ids: bool = False
    parts: bool = False
    """Thinking is a part of the content."""

    def lacks(self, lacks: Lacks) -> Lacks:
        """Add what follows."""
        requests = set() if self.files else {"document"}
        requests |= set() if self.file_urls else {"document_url"}
        requests |= set() if self.logprobs else {"logprobs"}
        answers = set() if self.details else {"signed", "hidden"}
        answers |= set() if self.google else {"signed_call"}
        answers |= set() if self.stops else {"stopped"}
        answers |= set() if self.logprobs else {"logprobs"}
        return replace(lacks, requests=lacks.requests | requests, answers=lacks.answers | answers)


PLAIN_WAYS = Ways()


class OpenAIProfile:
    """See `Profile`. One for each kind, with what its servers do otherwise."""

    def __init__(
        self,
        kind: str,
        *,
        base: str = "",
        lacks: Lacks | None = None,
        faults: Mapping[Fault, WireAnswer] | None = None,
        auth_type: AuthType = AuthType.BEARER,
        header: tuple[str, str] = ("authorization", f"Bearer {SECRET}"),
        thinking: str = "reasoning_content",
        reads_thinking: bool = True,
        ways: Ways = PLAIN_WAYS,
        name: str | None = None,
    ) -> None:
        self.name = name or kind
        self.dialect: str | None = "openai.chat"
        self.lacks = ways.lacks(lacks or Lacks())
        self._ways = ways
        self._kind = kind
        self._base = base
        self._faults = {**FAULTS, **(faults or {})}
        self._auth_type = auth_type
        self._header = header
        self._thinking = thinking
        self._reads_thinking = reads_thinking

    def provider(self, base_url: str) -> Provider:
        return Provider(
            id="upstream",
            name="Upstream",
            kind=self._kind,
            egress=Egress.EXTERNAL,
            endpoint=base_url + self._base,
            auth_type=self._auth_type,
            secret=Secret(SECRET),
        )

    def adapter(self, provider: Provider) -> Adapter:
        return build_adapter(provider)

    def check_head(self, method: str, target: str, headers: dict[str, str]) -> None:
        base = self._base.rstrip("/") or "/v1"
        assert (method, target) == ("POST", f"{base}/chat/completions")
        name, value = self._header
        assert headers[name] == value
        assert headers["content-type"] == "application/json"
        assert [value for value in headers.values() if SECRET in value] == [self._header[1]]

    def check_body(self, body: bytes, request: ChatRequest) -> None:
        sent = usual(json.loads(body))
        if not self._ways.tool_images:  # OpenAI's own types have no images there
            validate(sent)
        assert sent["model"] == MODEL_NAME
        if request.stream:
            asked = {"include_usage": True} if self._ways.asks_usage else None
            assert sent.get("stream_options") == asked
        dialect = OpenAIChat()
        dialect.facts(sent)
        assert dialect.request(sent) == self.expected(request)

    def expected(self, request: ChatRequest) -> ChatRequest:
        """Return what of a request reaches the server."""
        messages: list[Message] = []
        late: list[Part] = []
        for message in request.messages:
            if late and message.role is not Role.TOOL:
                messages.append(Message(role=Role.USER, parts=tuple(late)))
                late = []
            parts = [kept for part in message.parts for kept in self._part(part, late)]
            messages.append(msgspec.structs.replace(message, parts=tuple(_joined(parts))))
        return msgspec.structs.replace(request, messages=tuple(messages))

    def _part(self, part: Part, late: list[Part]) -> list[Part]:
        match part:
            case Reasoning():
                if not self._reads_thinking:
                    return []
                if self._ways.details:
                    return [] if part.signature and ":" in part.signature else [part]
                return [Reasoning(text=part.text)]
            case ToolCall():
                signature = part.signature if self._ways.google else None
                return [msgspec.structs.replace(part, id=self._id(part.id), signature=signature)]
            case ToolResult():
                shown = part.parts
                if not self._ways.tool_images and any(isinstance(p, Image) for p in shown):
                    late += (Text(f"From the result of {part.call_id}:"),)
                    late += (each for each in shown if isinstance(each, Image))
                    shown = tuple(each for each in shown if isinstance(each, Text))
                return [msgspec.structs.replace(part, call_id=self._id(part.call_id), parts=shown)]
            case Document(name=None):
                return [msgspec.structs.replace(part, name="document.pdf")]
            case _:
                return [part]

    def _id(self, identity: str) -> str:
        return str(short_call_id(identity)) if self._ways.short_ids else identity

    def answer(self, answer: ChatAnswer) -> bytes:
        message: dict[str, Any] = {"role": "assistant", "content": None}
        for part in answer.parts:
            match part:
                case Text(text):
                    message["content"] = text
                case Reasoning() if part.text and self._ways.parts:
                    message["thinking"] = part.text
                case Reasoning():
                    if part.text:
                        message[self._thinking] = part.text
                    if detail := detail_of(part.text, part.signature, part.redacted):
                        message.setdefault("reasoning_details", []).append(detail)
                case ToolCall(id=identity, name=name, arguments=arguments):
                    function = {"name": name, "arguments": arguments}
                    call = {"id": identity, "type": "function", "function": function}
                    message.setdefault("tool_calls", []).append({**call, **extra(part.signature)})
        if "thinking" in message:
            thinking = thinking_part(message.pop("thinking"))
            message["content"] = [thinking, {"type": "text", "text": message["content"]}]
        choice = {"index": 0, "message": message, "finish_reason": answer.finish.value}
        if answer.logprobs:
            choice["logprobs"] = wire_logprobs(answer.logprobs)
        if answer.stop_sequence:
            choice["stop_reason"] = answer.stop_sequence
        body = {"id": answer.id, "object": "chat.completion", "created": 1, "model": answer.model}
        usage = {"usage": wire_usage(answer.usage)} if answer.usage is not None else {}
        return json.dumps({**body, "choices": [choice], **usage}).encode()

    def stream(self, events: Sequence[StreamEvent], usage: TokenUsage | None) -> list[bytes]:
        wire = [chunk({"role": "assistant", "content": ""})]
        for item in events:
            match item:
                case TextDelta(text):
                    wire.append(chunk({"content": text}))
                case ReasoningDelta(text=text) if text and self._ways.parts:
                    wire.append(chunk({"content": [thinking_part(text)]}))
                case ReasoningDelta():
                    wire.append(chunk(self._reasoning(item)))
                case ToolCallStart(index=index, id=identity, name=name):
                    function = {"name": name, "arguments": ""}
                    call = {
                        "index": index,
                        "id": identity,
                        "type": "function",
                        "function": function,
                        **extra(item.signature),
                    }
                    wire.append(chunk({"tool_calls": [call]}))
                case ToolCallDelta(index=index, arguments=arguments):
                    call = {"index": index, "function": {"arguments": arguments}}
                    wire.append(chunk({"tool_calls": [call]}))
                case Logprobs(tokens):
                    wire.append(chunk({"content": ""}, logprobs=wire_logprobs(tokens)))
                case Finished(reason, stop_sequence):
                    said = {"stop_reason": stop_sequence} if stop_sequence else {}
                    wire.append(chunk({}, reason.value, **said))
                case _:
                    raise AssertionError(item)
        if usage is not None:
            wire.append(event({**HEAD, "choices": [], "usage": wire_usage(usage)}))
        return [*wire, DONE]

    def _reasoning(self, item: ReasoningDelta) -> dict[str, Any]:
        """Write thinking as OpenRouter does: the text twice, its signature in a piece alone."""
        delta: dict[str, Any] = {self._thinking: item.text} if item.text else {}
        detail = detail_of(item.text, item.signature, item.redacted)
        if detail is None and self._ways.details:
            detail = {"type": "reasoning.text", "text": item.text, "index": 0}
        return {**delta, "reasoning_details": [detail]} if detail else delta

    def needed(self, events: Sequence[bytes]) -> int:
        finishes = (i for i, e in enumerate(events) if b'"finish_reason":null' not in e)
        return next(finishes) + 1

    def quirk(self, quirk: Quirk, events: Sequence[StreamEvent]) -> bytes:
        if quirk is Quirk.MISSING_USAGE:
            return b"".join(self.stream(events, None))
        wire = self.stream(events, TokenUsage(prompt=9, completion=3))
        if quirk is Quirk.EMPTY_CHOICES:
            return event({**HEAD, "choices": []}).join([b"", *wire])
        data = b": hello\n\n" + b": keep-alive\n\n".join(wire)
        return b"\xef\xbb\xbf" + data.replace(b"data: ", b"data:").replace(b"\n", b"\r\n")

    def fault(self, fault: Fault) -> WireAnswer:
        return self._faults[fault]

    def late_fault(self) -> tuple[bytes, type[UpstreamError]]:
        inner = {"message": "out of memory", "type": "server_error", "param": None, "code": None}
        return event({"error": inner}), UpstreamFailed

    def models(self, names: Sequence[str]) -> bytes:
        data = [{"id": name, "object": "model", "created": 1, "owned_by": "x"} for name in names]
        return json.dumps({"object": "list", "data": data}).encode()


HEAD = {"id": "answer-1", "object": "chat.completion.chunk", "created": 1, "model": MODEL_NAME}


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish, **more}
    return event({**HEAD, "choices": [choice]})


def detail_of(text: str, signature: str | None, redacted: str | None) -> dict[str, Any] | None:
    """Return the object of `reasoning_details` for what must be sent back."""
    maker = {"format": "anthropic-claude-v1", "index": 0}
    if redacted is not None:
        return {"type": "reasoning.encrypted", "data": redacted, **maker}
    if signature is None:
        return None
    return {"type": "reasoning.text", "text": text, "signature": signature, **maker}


def extra(signature: str | None) -> dict[str, Any]:
    if signature is None:
        return {}
    return {"extra_content": {"google": {"thought_signature": signature.removeprefix("gemini:")}}}


def thinking_part(text: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": [{"type": "text", "text": text}]}


def wire_logprobs(tokens: Iterable[TokenLogprob]) -> dict[str, Any]:
    content = [
        {
            "token": token.token,
            "logprob": token.logprob,
            "bytes": list(token.token.encode()),
            "top_logprobs": [
                {"token": text, "logprob": logprob, "bytes": list(text.encode())}
                for text, logprob in token.top
            ],
        }
        for token in tokens
    ]
    return {"content": content, "refusal": None}


def usual(body: dict[str, Any]) -> dict[str, Any]:
    """Return a body with Mistral's part for files put back into OpenAI's form."""
    for message in body["messages"]:
        for part in message["content"] if isinstance(message["content"], list) else ():
            if part["type"] == "document_url":
                data = part.pop("document_url")
                name = {"filename": part.pop("document_name")} if "document_name" in part else {}
                part.update({"type": "file", "file": {"file_data": data, **name}})
    return body


def _joined(parts: list[Part]) -> list[Part]:
    """Return the parts with unsigned thinking as one, which is all that a text can say."""
    texts = [part for part in parts if isinstance(part, Reasoning) and part.signature is None]
    if len(texts) < 2:
        return parts
    whole = Reasoning(text="".join(part.text for part in texts))
    return [whole, *(part for part in parts if part not in texts)]


def wire_usage(usage: TokenUsage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.total,
        "prompt_tokens_details": {
            "cached_tokens": usage.cached,
            "cache_write_tokens": usage.cache_write,
        },
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }


def validate(body: Mapping[str, Any]) -> None:
    """Check a body against the official SDK's types, down to the last part."""
    drain((STREAMED if body.get("stream") else WHOLE).validate_python(body))


def drain(value: object) -> None:
    """Look at everything: the SDK's types validate sequences only as they are read."""
    if isinstance(value, Mapping):
        for item in value.values():
            drain(item)
    elif isinstance(value, Iterable) and not isinstance(value, str):
        for item in value:
            drain(item)


MISTRAL_FAULTS = {
    Fault.BAD_CREDENTIAL: bare(401, {"message": f"Unauthorized {SECRET}", "request_id": "1"}),
    Fault.UNPROCESSABLE: bare(
        422,
        {
            "object": "error",
            "message": {
                "detail": [
                    {
                        "type": "extra_forbidden",
                        "loc": ["body", "messages", 1, "assistant", "audio"],
                        "msg": "Extra inputs are not permitted",
                        "input": 1,
                    }
                ]
            },
            "type": "invalid_request_error",
            "param": None,
            "code": None,
        },
    ),
    Fault.MODEL_MISSING: bare(
        400,
        {
            "object": "error",
            "message": f"Invalid model: {MODEL_NAME}",
            "type": "invalid_model",
            "code": "1500",
        },
    ),
    Fault.CONTEXT_LENGTH: bare(
        400,
        {
            "object": "error",
            "message": "Prompt contains 40000 tokens and 0 draft tokens, too large for model with"
            " 32768 maximum context length",
            "type": "invalid_request_prompt",
            "code": "3051",
        },
    ),
    Fault.RATE_LIMITED_SILENT: bare(429, {"message": "Requests rate limit exceeded"}),
}
OPENROUTER_FAULTS = {
    Fault.BAD_CREDENTIAL: bare(401, {"error": {"message": f"No auth {SECRET}", "code": 401}}),
    Fault.QUOTA: bare(402, {"error": {"message": "Insufficient credits.", "code": 402}}),
    Fault.BAD_REQUEST: bare(
        400,
        {
            "error": {
                "message": "Provider returned error",
                "code": 400,
                "metadata": {"raw": '{"detail": "top_k"}', "provider_name": "Nobody"},
            }
        },
    ),
}
GROQ_FAULTS = {
    Fault.RATE_LIMITED_SILENT: error(
        413, "Request too large for model: tokens per minute.", code="rate_limit_exceeded"
    ),
    Fault.OVERLOADED: error(503, "Service unavailable."),
}
DEEPSEEK_FAULTS = {
    Fault.QUOTA: error(402, "Insufficient Balance", kind="unknown_error"),
    Fault.BAD_CREDENTIAL: error(
        401, f"Authentication Fails, Your api key: {SECRET} is invalid", kind="authentication_error"
    ),
}
XAI_FAULTS = {
    Fault.BAD_REQUEST: bare(
        400, {"code": "Client specified an invalid argument", "error": "Unknown field 'x'."}
    ),
}

CUSTOM = Ways(files=True, google=True, stops=True)
MISTRAL = Ways(
    files=True,
    file_urls=True,
    logprobs=False,
    tool_images=True,
    asks_usage=False,
    short_ids=True,
    parts=True,
)
OPENAI_PROFILES = (
    OpenAIProfile("openai", base="/v1", reads_thinking=False, ways=Ways(files=True)),
    OpenAIProfile(
        "openai",
        name="openai-api-key",
        auth_type=AuthType.API_KEY,
        reads_thinking=False,
        ways=Ways(files=True),
    ),
    OpenAIProfile("lmstudio", base="/v1/", faults=LMSTUDIO_FAULTS),
    OpenAIProfile("localai"),
    OpenAIProfile("llamacpp", faults=LLAMACPP_FAULTS),
    OpenAIProfile("vllm", faults=VLLM_FAULTS),
    OpenAIProfile("lightllm", faults=LIGHTLLM_FAULTS),
    OpenAIProfile("custom", base="/openai/v1", ways=CUSTOM),
    OpenAIProfile(
        "custom",
        name="custom-api-key",
        auth_type=AuthType.API_KEY,
        header=("x-api-key", SECRET),
        ways=CUSTOM,
    ),
    OpenAIProfile("mistral", base="/v1", faults=MISTRAL_FAULTS, reads_thinking=False, ways=MISTRAL),
    OpenAIProfile("groq", faults=GROQ_FAULTS, thinking="reasoning", ways=Ways(logprobs=False)),
    OpenAIProfile(
        "deepseek", faults=DEEPSEEK_FAULTS, lacks=Lacks(requests=frozenset({"json_schema"}))
    ),
    OpenAIProfile(
        "openrouter",
        base="/api/v1",
        faults=OPENROUTER_FAULTS,
        thinking="reasoning",
        ways=Ways(files=True, file_urls=True, details=True),
    ),
    OpenAIProfile("together", thinking="reasoning", ways=Ways(logprobs=False)),
    OpenAIProfile("xai", base="/v1", faults=XAI_FAULTS),
)
