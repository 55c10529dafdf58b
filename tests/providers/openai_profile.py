"""OpenAI's chat format from the upstream's side, as the servers of the family speak it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
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
    Finished,
    Reasoning,
    ReasoningDelta,
    StreamEvent,
    Text,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
)
from laird.domain.errors import UpstreamError, UpstreamFailed
from laird.domain.secret import Secret
from laird.domain.tokens import TokenUsage
from laird.providers.base import Adapter
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

OLLAMA_FAULTS = {
    Fault.MODEL_MISSING: error(
        404, f'model "{MODEL_NAME}" not found, try pulling it first', kind="not_found_error"
    ),
    Fault.OVERLOADED: error(503, "server busy, please try again. maximum pending requests"),
    Fault.BAD_REQUEST: bare(400, {"error": "invalid message format"}),
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
        name: str | None = None,
    ) -> None:
        self.name = name or kind
        self.lacks = lacks or Lacks()
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
        sent = json.loads(body)
        validate(sent)
        assert sent["model"] == MODEL_NAME
        if request.stream:
            assert sent["stream_options"] == {"include_usage": True}
        dialect = OpenAIChat()
        dialect.facts(sent)
        expected = request if self._reads_thinking else without_thinking(request)
        assert dialect.request(sent) == expected

    def answer(self, answer: ChatAnswer) -> bytes:
        message: dict[str, Any] = {"role": "assistant", "content": None}
        for part in answer.parts:
            match part:
                case Text(text):
                    message["content"] = text
                case Reasoning(text=text):
                    message[self._thinking] = text
                case ToolCall(id=identity, name=name, arguments=arguments):
                    function = {"name": name, "arguments": arguments}
                    call = {"id": identity, "type": "function", "function": function}
                    message.setdefault("tool_calls", []).append(call)
        choice = {"index": 0, "message": message, "finish_reason": answer.finish.value}
        body = {"id": answer.id, "object": "chat.completion", "created": 1, "model": answer.model}
        usage = {"usage": wire_usage(answer.usage)} if answer.usage is not None else {}
        return json.dumps({**body, "choices": [choice], **usage}).encode()

    def stream(self, events: Sequence[StreamEvent], usage: TokenUsage | None) -> list[bytes]:
        wire = [chunk({"role": "assistant", "content": ""})]
        for item in events:
            match item:
                case TextDelta(text):
                    wire.append(chunk({"content": text}))
                case ReasoningDelta(text=text):
                    wire.append(chunk({self._thinking: text}))
                case ToolCallStart(index=index, id=identity, name=name):
                    function = {"name": name, "arguments": ""}
                    call = {
                        "index": index,
                        "id": identity,
                        "type": "function",
                        "function": function,
                    }
                    wire.append(chunk({"tool_calls": [call]}))
                case ToolCallDelta(index=index, arguments=arguments):
                    call = {"index": index, "function": {"arguments": arguments}}
                    wire.append(chunk({"tool_calls": [call]}))
                case Finished(reason):
                    wire.append(chunk({}, reason.value))
                case _:
                    raise AssertionError(item)
        if usage is not None:
            wire.append(event({**HEAD, "choices": [], "usage": wire_usage(usage)}))
        return [*wire, DONE]

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


def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
    return event({**HEAD, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


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


def without_thinking(request: ChatRequest) -> ChatRequest:
    return msgspec.structs.replace(
        request,
        messages=tuple(
            msgspec.structs.replace(
                message, parts=tuple(p for p in message.parts if not isinstance(p, Reasoning))
            )
            for message in request.messages
        ),
    )


OPENAI_PROFILES = (
    OpenAIProfile("openai", base="/v1", reads_thinking=False),
    OpenAIProfile(
        "openai", name="openai-api-key", auth_type=AuthType.API_KEY, reads_thinking=False
    ),
    OpenAIProfile(
        "ollama",
        faults=OLLAMA_FAULTS,
        lacks=Lacks(requests=frozenset({"tool_required", "tool_named"})),
        thinking="reasoning",
    ),
    OpenAIProfile("lmstudio", base="/v1/", faults=LMSTUDIO_FAULTS),
    OpenAIProfile("localai"),
    OpenAIProfile("llamacpp", faults=LLAMACPP_FAULTS),
    OpenAIProfile("vllm", faults=VLLM_FAULTS),
    OpenAIProfile("lightllm", faults=LIGHTLLM_FAULTS),
    OpenAIProfile("custom", base="/openai/v1"),
    OpenAIProfile(
        "custom",
        name="custom-api-key",
        auth_type=AuthType.API_KEY,
        header=("x-api-key", SECRET),
    ),
)
