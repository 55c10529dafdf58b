"""Samples of the Gemini API's wire format, as Google sends it, and Google's types as an oracle."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from google.genai import types

from laird.domain.catalog import AuthType, Egress, Model, Provider
from laird.domain.chat import ChatAnswer, ChatRequest, Message, Role, StreamEvent, Text
from laird.domain.secret import Secret
from laird.providers.gemini.adapter import GeminiAdapter

SECRET = "AIzaSy-canary-5f2d9c7b1e"


def provider(endpoint: str = "https://generativelanguage.googleapis.com", **over: Any) -> Provider:
    fields: dict[str, Any] = {
        "id": "google",
        "name": "Google",
        "kind": "gemini",
        "egress": Egress.EXTERNAL,
        "endpoint": endpoint,
        "auth_type": AuthType.API_KEY,
        "secret": Secret(SECRET),
        **over,
    }
    return Provider(**fields)


def model(upstream: str = "gemini-3.5-flash", **over: Any) -> Model:
    return Model(
        id="m",
        name="M",
        provider_id="google",
        upstream_model=upstream,
        egress=Egress.EXTERNAL,
        **over,
    )


ADAPTER = GeminiAdapter(provider())


def body_of(request: ChatRequest, upstream: str = "gemini-3.5-flash") -> dict[str, Any]:
    """Return the body that the adapter sends, checked against the types of Google's SDK."""
    sent = ADAPTER.chat_request(model(upstream), request)
    body = json.loads(sent.body)
    assert isinstance(body, dict)
    check_body(body)
    return body


def check_body(body: dict[str, Any]) -> None:
    """Assert that a body is of the SDK's types, which know no field besides their own."""
    rest = dict(body)
    for content in rest.pop("contents"):
        _same(types.Content, content)
        assert content["role"] in {"user", "model"}
        assert content["parts"]
    for tool in rest.pop("tools", ()):
        _same(types.Tool, tool)
    for setting in rest.pop("safetySettings", ()):
        _same(types.SafetySetting, setting)
    if "systemInstruction" in rest:
        _same(types.Content, rest.pop("systemInstruction"))
    if "toolConfig" in rest:
        _same(types.ToolConfig, rest.pop("toolConfig"))
    if "generationConfig" in rest:
        _same(types.GenerationConfig, rest.pop("generationConfig"))
    assert set(rest) <= {"cachedContent", "labels", "serviceTier"}, rest


def _same(kind: Any, value: dict[str, Any]) -> None:
    read = kind.model_validate_json(json.dumps(value))
    said = json.loads(read.model_dump_json(by_alias=True, exclude_none=True))
    assert _lowered(said) == _lowered(value)


def _lowered(value: Any) -> Any:
    """Return the value with numbers alike and base64 of both alphabets alike."""
    if isinstance(value, dict):
        return {key: _lowered(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_lowered(item) for item in value]
    if isinstance(value, str):
        return value.replace("+", "-").replace("/", "_").rstrip("=")
    return value


def said(role: Role, *parts: Any, **over: Any) -> Message:
    return Message(
        role=role, parts=tuple(Text(p) if isinstance(p, str) else p for p in parts), **over
    )


def chat(*messages: Message, **over: Any) -> ChatRequest:
    return ChatRequest(messages=messages or (said(Role.USER, "Hi"),), **over)


def piece(*parts: dict[str, Any], finish: str | None = None, **over: Any) -> dict[str, Any]:
    """Return a whole answer, or a piece of a stream."""
    candidate: dict[str, Any] = {"index": 0}
    if parts or finish is None:
        candidate["content"] = {"role": "model", "parts": list(parts)}
    if finish is not None:
        candidate["finishReason"] = finish
    value = {
        "candidates": [{**candidate, **over.pop("candidate", {})}],
        "modelVersion": "gemini-3.5-flash",
        "responseId": "resp-1",
        **over,
    }
    types.GenerateContentResponse.model_validate_json(json.dumps(value))
    return value


def call(name: str, args: dict[str, Any] | None = None, **over: Any) -> dict[str, Any]:
    signature = {"thoughtSignature": over.pop("signature")} if "signature" in over else {}
    called: dict[str, Any] = {"name": name, **over}
    if args is not None:
        called["args"] = args
    return {"functionCall": called, **signature}


def event(value: Any) -> bytes:
    """Return one event of a stream, as Google writes it."""
    data = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return f"data: {data}\r\n\r\n".encode()


def read(value: dict[str, Any]) -> ChatAnswer:
    """Return what the adapter reads in a whole answer, indented as Google writes it."""
    return ADAPTER.read_answer(json.dumps(value, indent=2).encode())


def stream(*segments: bytes) -> list[StreamEvent]:
    """Return all events of a stream."""
    reader = ADAPTER.event_reader()
    found: list[StreamEvent] = []
    for segment in segments:
        found += reader.feed(segment)
    return [*found, *reader.end()]


def stream_of(*values: Any) -> list[StreamEvent]:
    return stream(*(event(value) for value in values))


def error_body(code: int, status: str, message: str, *details: dict[str, Any]) -> dict[str, Any]:
    error: dict[str, Any] = {"code": code, "message": message, "status": status}
    if details:
        error["details"] = list(details)
    return {"error": error}


def quota(*ids: str) -> dict[str, Any]:
    """Return a detail that names the quotas that are used up."""
    return {
        "@type": "type.googleapis.com/google.rpc.QuotaFailure",
        "violations": [
            {
                "quotaMetric": "generativelanguage.googleapis.com/generate_requests",
                "quotaId": each,
                "quotaDimensions": {"location": "global", "model": "gemini-2.5-flash"},
                "quotaValue": "10",
            }
            for each in ids
        ],
    }


def retry(delay: str) -> dict[str, Any]:
    return {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}


def reason(name: str) -> dict[str, Any]:
    return {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": name,
        "domain": "googleapis.com",
        "metadata": {"service": "generativelanguage.googleapis.com"},
    }


def only(events: Iterable[StreamEvent], kind: type[Any]) -> list[Any]:
    return [each for each in events if isinstance(each, kind)]
