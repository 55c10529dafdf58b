"""Anthropic's Messages API from the upstream's side, for the contract suite."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tests.providers.anthropic.anthropic_wire import answer_body, check_params, event
from tests.providers.profiles import (
    FINER_ANSWERS,
    MODEL_NAME,
    SECRET,
    Fault,
    Lacks,
    Quirk,
    WireAnswer,
)

from laird.domain.catalog import AuthType, Egress, Provider
from laird.domain.chat import (
    ChatAnswer,
    ChatRequest,
    Finished,
    FinishReason,
    Message,
    Reasoning,
    ReasoningDelta,
    RefusalDelta,
    Role,
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
from laird.providers.anthropic.adapter import AnthropicAdapter
from laird.providers.base import Adapter

STOPS = {
    FinishReason.STOP: "end_turn",
    FinishReason.LENGTH: "max_tokens",
    FinishReason.TOOL_CALLS: "tool_use",
    FinishReason.CONTENT_FILTER: "refusal",
}

_JSON = ("content-type", "application/json")


def _error(status: int, kind: str, message: str, *headers: tuple[str, str]) -> WireAnswer:
    body = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}
    return WireAnswer(status, json.dumps(body).encode(), (_JSON, *headers))


FAULTS = {
    Fault.BAD_REQUEST: _error(
        400, "invalid_request_error", "top_p: Input should be less than or equal to 1"
    ),
    Fault.CONTEXT_LENGTH: _error(
        400, "invalid_request_error", "prompt is too long: 200251 tokens > 200000 maximum"
    ),
    Fault.BAD_CREDENTIAL: _error(401, "authentication_error", f"invalid x-api-key: {SECRET}"),
    Fault.FORBIDDEN: _error(403, "permission_error", "Your API key may not use this resource."),
    Fault.MODEL_MISSING: _error(404, "not_found_error", f"model: {MODEL_NAME}"),
    Fault.TOO_LARGE: _error(413, "request_too_large", "Request exceeds the maximum size"),
    Fault.UNPROCESSABLE: _error(422, "invalid_request_error", "tools.0: unprocessable"),
    Fault.RATE_LIMITED: _error(429, "rate_limit_error", "Slow down.", ("retry-after", "7")),
    Fault.RATE_LIMITED_DATE: _error(
        429,
        "rate_limit_error",
        "Slow down.",
        ("date", "Sat, 21 Nov 2026 12:00:00 GMT"),
        ("retry-after", "Sat, 21 Nov 2026 12:00:07 GMT"),
    ),
    Fault.RATE_LIMITED_SILENT: _error(429, "rate_limit_error", "Slow down."),
    Fault.QUOTA: _error(
        400,
        "invalid_request_error",
        "Your credit balance is too low to access the Anthropic API.",
    ),
    Fault.SERVER_ERROR: _error(500, "api_error", "Internal server error"),
    Fault.OVERLOADED: _error(529, "overloaded_error", "Overloaded"),
    Fault.HTML: WireAnswer(502, b"<html>Bad Gateway</html>", (("content-type", "text/html"),)),
    Fault.EMPTY: WireAnswer(503, b"", ()),
}


def wire_usage(usage: TokenUsage) -> dict[str, Any]:
    """Return counts in the API's words: the three kinds of input apart."""
    return {
        "input_tokens": usage.prompt - usage.cached - usage.cache_write,
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cached,
        "output_tokens": usage.completion,
        "output_tokens_details": {"thinking_tokens": usage.reasoning},
    }


class AnthropicProfile:
    """See `Profile`."""

    name = "anthropic"
    lacks = Lacks(
        requests=frozenset({"logprobs"}),
        answers=FINER_ANSWERS - {"signed", "hidden"},
    )
    dialect: str | None = "anthropic.messages"

    def provider(self, base_url: str) -> Provider:
        return Provider(
            id="claude",
            name="Claude",
            kind="anthropic",
            egress=Egress.EXTERNAL,
            endpoint=base_url,
            auth_type=AuthType.API_KEY,
            secret=Secret(SECRET),
        )

    def adapter(self, provider: Provider) -> Adapter:
        return AnthropicAdapter(provider)

    def check_head(self, method: str, target: str, headers: dict[str, str]) -> None:
        assert (method, target) == ("POST", "/v1/messages")
        assert headers["x-api-key"] == SECRET
        assert headers["anthropic-version"] == "2023-06-01"
        assert "authorization" not in headers

    def check_body(self, body: bytes, request: ChatRequest) -> None:
        sent = json.loads(body)
        check_params(sent)
        assert sent["model"] == MODEL_NAME
        assert sent.get("stream", False) is request.stream
        assert [tool["name"] for tool in sent.get("tools", ())] == [t.name for t in request.tools]
        assert request.max_tokens in {None, sent["max_tokens"]}
        blocks = [block for turn in sent["messages"] for block in turn["content"]]
        said = [block["text"] for block in (*sent.get("system", ()), *blocks) if "text" in block]
        assert all(text in said for text in _texts(request.messages))
        called = [(b["id"], b["name"], b["input"]) for b in blocks if b["type"] == "tool_use"]
        assert called == [
            (part.id, part.name, json.loads(part.arguments or "{}"))
            for message in request.messages
            for part in message.parts
            if isinstance(part, ToolCall)
        ]

    def answer(self, answer: ChatAnswer) -> bytes:
        body = answer_body(
            *(_block(part) for part in answer.parts),
            stop=STOPS[answer.finish],
            id=answer.id,
            model=answer.model,
            usage=wire_usage(answer.usage or TokenUsage()),
        )
        if answer.refusal:
            body["stop_details"] = {"type": "refusal", "explanation": answer.refusal}
        if answer.usage is None:
            del body["usage"]
        return json.dumps(body).encode()

    def stream(self, events: Sequence[StreamEvent], usage: TokenUsage | None) -> list[bytes]:
        start = answer_body(stop=None, model=MODEL_NAME)
        counts = {"usage": wire_usage(usage)} if usage else {}
        if usage:
            start["usage"] = {**counts["usage"], "output_tokens": 1}
        else:
            del start["usage"]
        blocks = _Blocks()
        for item in events:
            blocks.add(item)
        return [
            event({"type": "message_start", "message": start}),
            *blocks.closed(),
            event({"type": "message_delta", "delta": blocks.delta, **counts}),
            event({"type": "message_stop"}),
        ]

    def needed(self, events: Sequence[bytes]) -> int:
        return len(events)

    def quirk(self, quirk: Quirk, events: Sequence[StreamEvent]) -> bytes:
        if quirk is Quirk.MISSING_USAGE:
            return b"".join(self.stream(events, None))
        wire = self.stream(events, TokenUsage(prompt=9, completion=3))
        if quirk is Quirk.EMPTY_CHOICES:
            return event({"type": "ping"}).join([b"", *wire, b""])
        data = b": hello\n\n" + b": keep-alive\n\n".join(wire)
        return b"\xef\xbb\xbf" + data.replace(b"data: ", b"data:").replace(b"\n", b"\r\n")

    def fault(self, fault: Fault) -> WireAnswer:
        return FAULTS[fault]

    def late_fault(self) -> tuple[bytes, type[UpstreamError]]:
        error = {"type": "overloaded_error", "message": "Overloaded"}
        return event({"type": "error", "error": error}), UpstreamFailed

    def models(self, names: Sequence[str]) -> bytes:
        data = [{"type": "model", "id": name, "display_name": name} for name in names]
        return json.dumps({"data": data, "has_more": False}).encode()


def _texts(messages: Sequence[Message]) -> list[str]:
    return [
        part.text
        for message in messages
        if message.role in {Role.SYSTEM, Role.USER, Role.ASSISTANT}
        for part in message.parts
        if isinstance(part, Text) and part.text.strip()
    ]


def _block(part: Text | ToolCall | Reasoning) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    if isinstance(part, ToolCall):
        arguments = json.loads(part.arguments)
        return {"type": "tool_use", "id": part.id, "name": part.name, "input": arguments}
    if part.redacted is not None:
        return {"type": "redacted_thinking", "data": part.redacted}
    return {"type": "thinking", "thinking": part.text, "signature": part.signature or ""}


class _Blocks:
    """Writes events of ours as content blocks, each closed before the next one opens."""

    def __init__(self) -> None:
        self._events: list[bytes] = []
        self._index = -1
        self._kind = ""
        self.delta: dict[str, Any] = {"stop_reason": None, "stop_sequence": None}

    def add(self, item: StreamEvent) -> None:
        match item:
            case TextDelta(text):
                self._open("text", {"type": "text", "text": ""})
                self._write({"type": "text_delta", "text": text})
            case ReasoningDelta(redacted=str(data)):
                self._open("", {"type": "redacted_thinking", "data": data})
            case ReasoningDelta(text=text, signature=signature):
                self._open("thinking", {"type": "thinking", "thinking": "", "signature": ""})
                if text:
                    self._write({"type": "thinking_delta", "thinking": text})
                if signature:
                    self._write({"type": "signature_delta", "signature": signature})
            case ToolCallStart(index=index, id=identity, name=name):
                start = {"type": "tool_use", "id": identity, "name": name, "input": {}}
                self._open(f"tool {index}", start)
            case ToolCallDelta(index=index, arguments=arguments):
                # The API never has two blocks open at once.
                assert self._kind == f"tool {index}"
                self._write({"type": "input_json_delta", "partial_json": arguments})
            case RefusalDelta(text):
                details = self.delta.setdefault("stop_details", {"type": "refusal"})
                details["explanation"] = details.get("explanation", "") + text
            case Finished(reason):
                self.delta["stop_reason"] = STOPS[reason]
            case _:
                raise AssertionError(item)

    def closed(self) -> list[bytes]:
        """Return the events, with the last block closed."""
        if self._index >= 0:
            self._events.append(event({"type": "content_block_stop", "index": self._index}))
        return self._events

    def _open(self, kind: str, start: dict[str, Any]) -> None:
        if kind and kind == self._kind:
            return
        self.closed()
        self._index += 1
        self._kind = kind
        opened = {"type": "content_block_start", "index": self._index, "content_block": start}
        self._events.append(event(opened))

    def _write(self, delta: dict[str, Any]) -> None:
        self._events.append(
            event({"type": "content_block_delta", "index": self._index, "delta": delta})
        )
