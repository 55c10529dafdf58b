"""Cohere's API from the upstream's side, for the contract suite."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tests.providers.cohere.cohere_wire import (
    CHAT,
    answer_body,
    call_end,
    call_piece,
    call_start,
    check_body,
    citation,
    content,
    content_end,
    content_start,
    end,
    event,
    plan,
    start,
)
from tests.providers.profiles import MODEL_NAME, SECRET, Fault, Lacks, Quirk, WireAnswer

from laird.domain.catalog import AuthType, Egress, Provider
from laird.domain.chat import (
    ChatAnswer,
    ChatRequest,
    Finished,
    FinishReason,
    Image,
    Message,
    Reasoning,
    ReasoningDelta,
    Role,
    StreamEvent,
    Text,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
    ToolResult,
)
from laird.domain.errors import UpstreamError, UpstreamFailed
from laird.domain.secret import Secret
from laird.domain.tokens import TokenUsage
from laird.providers.base import Adapter
from laird.providers.registry import build_adapter

FINISHES = {
    FinishReason.STOP: "COMPLETE",
    FinishReason.LENGTH: "MAX_TOKENS",
    FinishReason.TOOL_CALLS: "TOOL_CALL",
    FinishReason.CONTENT_FILTER: "ERROR_TOXIC",
}

_JSON = ("content-type", "application/json")


def _error(status: int, message: str, *headers: tuple[str, str]) -> WireAnswer:
    body = {"id": "9a7e4c1b", "message": message}
    return WireAnswer(status, json.dumps(body).encode(), (_JSON, *headers))


FAULTS: Mapping[Fault, WireAnswer] = {
    Fault.BAD_REQUEST: _error(400, "invalid request: temperature must be between 0 and 1.0."),
    Fault.CONTEXT_LENGTH: _error(
        400,
        "too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 4292.",
    ),
    Fault.BAD_CREDENTIAL: _error(401, f"invalid api token: {SECRET}"),
    Fault.FORBIDDEN: _error(403, "your account may not use this endpoint"),
    Fault.MODEL_MISSING: _error(
        404,
        f"model '{MODEL_NAME}-v4.0' not found, make sure the correct model ID was used and that you"
        " have access to the model.",
    ),
    Fault.TOO_LARGE: _error(413, "request body too large"),
    Fault.UNPROCESSABLE: _error(422, "messages: field is of the wrong type"),
    Fault.RATE_LIMITED: _error(429, "Please wait and try again later", ("retry-after", "7")),
    Fault.RATE_LIMITED_DATE: _error(
        429,
        "Please wait and try again later",
        ("date", "Sat, 21 Nov 2026 12:00:00 GMT"),
        ("retry-after", "Sat, 21 Nov 2026 12:00:07 GMT"),
    ),
    Fault.RATE_LIMITED_SILENT: _error(
        429, "You are using a Trial key, which is limited to 40 API calls / minute."
    ),
    Fault.QUOTA: _error(
        429, "You are using a Trial key, which is limited to 1000 API calls / month."
    ),
    Fault.SERVER_ERROR: _error(500, "internal server error"),
    Fault.OVERLOADED: _error(503, "service unavailable"),
    Fault.HTML: WireAnswer(502, b"<html>Bad Gateway</html>", (("content-type", "text/html"),)),
    Fault.EMPTY: WireAnswer(503, b"", ()),
}


def wire_usage(usage: TokenUsage) -> dict[str, Any]:
    """Return counts in the API's words; what the model saw is more than what is billed."""
    return {
        "billed_units": {
            "input_tokens": float(usage.prompt),
            "output_tokens": float(usage.completion),
        },
        "tokens": {
            "input_tokens": usage.prompt + 66.0,
            "output_tokens": usage.completion + 2.0,
        },
        "cached_tokens": float(usage.cached),
    }


class CohereProfile:
    """See `Profile`."""

    name = "cohere"
    lacks = Lacks(
        requests=frozenset({"document", "document_url", "logprobs"}),
        answers=frozenset({"logprobs", "signed", "hidden", "signed_call", "stopped"}),
        usage_fields=frozenset({"cache_write", "reasoning"}),
        model_name=True,
    )
    dialect: str | None = None

    def provider(self, base_url: str) -> Provider:
        return Provider(
            id="co",
            name="Cohere",
            kind="cohere",
            egress=Egress.EXTERNAL,
            endpoint=base_url,
            auth_type=AuthType.BEARER,
            secret=Secret(SECRET),
        )

    def adapter(self, provider: Provider) -> Adapter:
        return build_adapter(provider)

    def check_head(self, method: str, target: str, headers: dict[str, str]) -> None:
        assert (method, target) == ("POST", "/v2/chat")
        assert headers["authorization"] == f"Bearer {SECRET}"
        assert headers["content-type"] == "application/json"

    def check_body(self, body: bytes, request: ChatRequest) -> None:
        sent = json.loads(body)
        check_body(sent, CHAT)
        assert sent["model"] == MODEL_NAME
        assert sent.get("stream", False) is request.stream
        assert sent["max_tokens"] == request.max_tokens
        assert sent["messages"] == _messages(request.messages)
        assert [tool["function"] for tool in sent.get("tools", ())] == [
            {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
            for tool in request.tools
        ]
        choice = request.tool_choice.mode if request.tool_choice else "auto"
        assert sent.get("tool_choice", "auto") == {"required": "REQUIRED", "tool": "REQUIRED"}.get(
            choice, choice
        )
        assert sent.get("stop_sequences", []) == list(request.sampling.stop)
        assert sent.get("temperature") == request.sampling.temperature
        if request.response_format is not None:
            schema = request.response_format.schema
            assert sent["response_format"] == {"type": "json_object", "json_schema": schema}

    def answer(self, answer: ChatAnswer) -> bytes:
        message: dict[str, Any] = {}
        called = any(isinstance(part, ToolCall) for part in answer.parts)
        for part in answer.parts:
            match part:
                case Text(text) if called:
                    message["tool_plan"] = text
                case Text(text):
                    block = {"type": "text", "text": text}
                    message.setdefault("content", []).append(block)
                case Reasoning(text=text):
                    block = {"type": "thinking", "thinking": text}
                    message.setdefault("content", []).append(block)
                case ToolCall(id=identity, name=name, arguments=arguments):
                    function = {"name": name, "arguments": arguments}
                    call = {"id": identity, "type": "function", "function": function}
                    message.setdefault("tool_calls", []).append(call)
        body = answer_body(FINISHES[answer.finish], **message)
        body["id"] = answer.id
        body["usage"] = wire_usage(answer.usage) if answer.usage else None
        return json.dumps(body).encode()

    def stream(self, events: Sequence[StreamEvent], usage: TokenUsage | None) -> list[bytes]:
        written = _Stream(events)
        counts = {"usage": wire_usage(usage)} if usage else {}
        return [start(), *written.events, end(FINISHES[written.finish], **counts)]

    def needed(self, events: Sequence[bytes]) -> int:
        return len(events)

    def quirk(self, quirk: Quirk, events: Sequence[StreamEvent]) -> bytes:
        if quirk is Quirk.MISSING_USAGE:
            return b"".join(self.stream(events, None))
        wire = self.stream(events, TokenUsage(prompt=9, completion=3))
        if quirk is Quirk.EMPTY_CHOICES:
            others = [*citation(0, "Hello"), event({"type": "debug", "prompt": "<BOS>"})]
            return b"".join(others).join([b"", *wire, b"data: [DONE]\n\n"])
        data = b": hello\n\n" + b": keep-alive\n\n".join(wire)
        return b"\xef\xbb\xbf" + data.replace(b"data: ", b"data:").replace(b"\n", b"\r\n")

    def fault(self, fault: Fault) -> WireAnswer:
        return FAULTS[fault]

    def late_fault(self) -> tuple[bytes, type[UpstreamError]]:
        return end("ERROR", error="the model ran out of memory"), UpstreamFailed

    def models(self, names: Sequence[str]) -> bytes:
        models = [{"name": name, "endpoints": ["chat"]} for name in names]
        return json.dumps({"models": models, "next_page_token": ""}).encode()


def _messages(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Return messages of the suite's in Cohere's words; images of tools follow their results."""
    written: list[dict[str, Any]] = []
    shown: list[dict[str, Any]] = []
    for message in messages:
        results = [part for part in message.parts if isinstance(part, ToolResult)]
        for result in results:
            text = "".join(part.text for part in result.parts if isinstance(part, Text))
            written.append({"role": "tool", "tool_call_id": result.call_id, "content": text})
            shown += (_image(part) for part in result.parts if isinstance(part, Image))
        if results:
            continue
        if shown:
            written.append({"role": "user", "content": shown})
            shown = []
        written.append(_message(message))
    return written


def _image(image: Image) -> dict[str, Any]:
    url = image.url or f"data:{image.media_type};base64,{image.data}"
    detail = {"detail": image.detail} if image.detail else {}
    return {"type": "image_url", "image_url": {"url": url, **detail}}


def _message(message: Message) -> dict[str, Any]:
    text = "".join(part.text for part in message.parts if isinstance(part, Text))
    calls = [
        {"id": p.id, "type": "function", "function": {"name": p.name, "arguments": p.arguments}}
        for p in message.parts
        if isinstance(p, ToolCall)
    ]
    if calls:
        return {"role": "assistant", "tool_calls": calls, **({"tool_plan": text} if text else {})}
    images = [part for part in message.parts if isinstance(part, Image)]
    if not images:
        return {"role": Role(message.role).value, "content": text}
    blocks: list[dict[str, Any]] = [{"type": "text", "text": text}]
    return {"role": "user", "content": [*blocks, *map(_image, images)]}


class _Stream:
    """Writes events of ours as Cohere's: a block is closed before the next, a call at its end."""

    def __init__(self, events: Sequence[StreamEvent]) -> None:
        self.events: list[bytes] = []
        self.finish = FinishReason.STOP
        calls = [each for each in events if isinstance(each, ToolCallStart | ToolCallDelta)]
        self._planned = bool(calls)
        self._kind = ""
        self._blocks = 0
        lasts = {id(last) for last in {each.index: each for each in calls}.values()}
        for item in events:
            self._add(item)
            if isinstance(item, ToolCallStart | ToolCallDelta) and id(item) in lasts:
                self.events.append(call_end(item.index))

    def _add(self, item: StreamEvent) -> None:
        match item:
            case TextDelta(text) if self._planned:
                self.events.append(plan(text))
            case TextDelta(text):
                self._open("text")
                self.events.append(content(self._blocks - 1, text=text))
            case ReasoningDelta(text=text):
                self._open("thinking")
                self.events.append(content(self._blocks - 1, thinking=text))
            case ToolCallStart(index=index, id=identity, name=name):
                self._close()
                self.events.append(call_start(index, identity, name))
            case ToolCallDelta(index=index, arguments=arguments):
                self.events.append(call_piece(index, arguments))
            case Finished(reason):
                self._close()
                self.finish = reason
            case _:
                raise AssertionError(item)

    def _open(self, kind: str) -> None:
        if self._kind != kind:
            self._close()
            self._kind = kind
            self.events.append(content_start(self._blocks, kind))
            self._blocks += 1

    def _close(self) -> None:
        if self._kind:
            self.events.append(content_end(self._blocks - 1))
        self._kind = ""
