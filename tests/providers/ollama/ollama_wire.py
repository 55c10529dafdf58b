"""Samples of Ollama's wire format, as the server sends it, and its SDK's types as an oracle."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ollama._types import ChatRequest as SdkChatRequest
from ollama._types import EmbedRequest as SdkEmbedRequest
from ollama._types import Message as SdkMessage
from ollama._types import Options as SdkOptions
from ollama._types import Tool as SdkTool

from laird.domain.catalog import Capabilities, Egress, Model, Provider
from laird.domain.chat import ChatRequest, Message, Role, StreamEvent, Text
from laird.providers.ollama.adapter import OllamaAdapter

NEWER_FIELDS = {"truncate", "shift"}
"""Fields of `ChatRequest` in api/types.go that the SDK's types do not list yet."""
NEWER_IN_MESSAGES = {"tool_call_id"}
OPTIONS = set(SdkOptions.model_fields) | {"min_p"}


def provider(endpoint: str = "http://127.0.0.1:11434", **over: Any) -> Provider:
    fields: dict[str, Any] = {
        "id": "box",
        "name": "The box",
        "kind": "ollama",
        "egress": Egress.LOCAL,
        "endpoint": endpoint,
        **over,
    }
    return Provider(**fields)


def model(upstream: str = "qwen3:8b", *, thinks: bool | None = None, **over: Any) -> Model:
    return Model(
        id="m",
        name="M",
        provider_id="box",
        upstream_model=upstream,
        egress=Egress.LOCAL,
        capabilities=Capabilities(reasoning=thinks),
        **over,
    )


def adapter(**over: Any) -> OllamaAdapter:
    return OllamaAdapter(provider(**over))


def body_of(request: ChatRequest, asked: Model | None = None) -> dict[str, Any]:
    """Return the body that the adapter sends, checked against the official SDK's types."""
    body = json.loads(adapter().chat_request(asked or model(), request).body)
    assert isinstance(body, dict)
    check_chat(body)
    return body


def check_chat(body: Mapping[str, Any]) -> None:
    """Assert that a body is of the SDK's types, and has no field that neither side knows."""
    known = {name: value for name, value in body.items() if name not in NEWER_FIELDS}
    SdkChatRequest.model_validate(known)
    assert set(known) <= set(SdkChatRequest.model_fields)
    assert set(body["options"]) <= OPTIONS
    for message in body["messages"]:
        images = [{"value": image} for image in message.get("images", ())]
        read = SdkMessage.model_validate({**message, "images": images})
        assert read.model_dump()["images"] == message.get("images", [])
        assert set(message) - NEWER_IN_MESSAGES <= set(SdkMessage.model_fields)
        assert isinstance(message["content"], str)
    for tool in body.get("tools", ()):
        SdkTool.model_validate(tool)


def check_embed(body: Mapping[str, Any]) -> None:
    """Assert that a body for embeddings is of the SDK's types."""
    SdkEmbedRequest.model_validate(body)
    assert set(body) <= set(SdkEmbedRequest.model_fields)


def user(text: str = "Hi", **more: Any) -> Message:
    return Message(role=Role.USER, parts=(Text(text),), **more)


def chat(*messages: Message, **over: Any) -> ChatRequest:
    return ChatRequest(messages=messages or (user(),), **over)


def line(message: Mapping[str, Any] | None = None, **over: Any) -> bytes:
    """Return one line of a stream."""
    value: dict[str, Any] = {"model": "qwen3:8b", "created_at": "2026-11-21T12:00:00.5Z"}
    value["message"] = {"role": "assistant", "content": "", **(message or {})}
    value["done"] = False
    return json.dumps({**value, **over}, ensure_ascii=False).encode() + b"\n"


def last(reason: str | None = "stop", **over: Any) -> bytes:
    """Return the line that ends a stream, with its counts."""
    fields: dict[str, Any] = {"prompt_eval_count": 9, "eval_count": 3, "total_duration": 5}
    if reason is not None:
        fields["done_reason"] = reason
    return line(over.pop("message", None), done=True, **{**fields, **over})


def call(name: str = "f", arguments: Any = None, **over: Any) -> dict[str, Any]:
    return {"function": {"index": 0, "name": name, "arguments": arguments or {}}, **over}


def events_of(*data: bytes) -> list[StreamEvent]:
    """Return what the adapter reads from a whole stream."""
    reader = adapter().event_reader()
    found: list[StreamEvent] = []
    for piece in data:
        found += reader.feed(piece)
    return [*found, *reader.end()]


def joined(lines: Iterable[bytes]) -> bytes:
    return b"".join(lines)
