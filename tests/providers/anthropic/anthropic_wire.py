"""Samples of Anthropic's wire format, as the API sends it, and its request types as an oracle."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from anthropic.types import MessageCreateParams
from pydantic import BaseModel, TypeAdapter

from laird.domain.catalog import AuthType, Egress, Model, Provider
from laird.domain.chat import (
    ChatAnswer,
    ChatRequest,
    Finished,
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
    UsageSeen,
)
from laird.domain.secret import Secret
from laird.providers.anthropic.adapter import AnthropicAdapter

SECRET = "sk-ant-canary-5f2d9c7b1e"
PARAMS: TypeAdapter[Any] = TypeAdapter(MessageCreateParams)
OLD_FIELDS = {"temperature", "top_p", "top_k"}
"""What version 2023-06-01 takes, and the SDK's types for a later version do not list."""


def provider(endpoint: str = "https://api.anthropic.com", **over: Any) -> Provider:
    fields: dict[str, Any] = {
        "id": "claude",
        "name": "Claude",
        "kind": "anthropic",
        "egress": Egress.EXTERNAL,
        "endpoint": endpoint,
        "auth_type": AuthType.API_KEY,
        "secret": Secret(SECRET),
        **over,
    }
    return Provider(**fields)


def model(upstream: str = "claude-opus-5", **over: Any) -> Model:
    return Model(
        id="m",
        name="M",
        provider_id="claude",
        upstream_model=upstream,
        egress=Egress.EXTERNAL,
        **over,
    )


def body_of(request: ChatRequest, upstream: str = "claude-opus-5", **over: Any) -> dict[str, Any]:
    """Return the body that the adapter sends, checked against the official SDK's types."""
    sent = AnthropicAdapter(provider()).chat_request(model(upstream, **over), request)
    body = json.loads(sent.body)
    assert isinstance(body, dict)
    check_params(body)
    return body


def check_params(body: dict[str, Any]) -> None:
    """Assert that a body is of the SDK's types, and has no field that they do not know."""
    known = {name: value for name, value in body.items() if name not in OLD_FIELDS}
    assert materialised(PARAMS.validate_python(known)) == known


def materialised(value: Any) -> Any:
    """Iterate what pydantic validates lazily: unknown keys are then gone, wrong values raise."""
    assert not isinstance(value, BaseModel), f"an answer's type in a request: {value!r}"
    if isinstance(value, dict):
        return {key: materialised(item) for key, item in value.items()}
    if isinstance(value, str | int | float | bool | None):
        return value
    assert isinstance(value, Iterable)
    return [materialised(item) for item in value]


def user(text: str = "Hi") -> Message:
    return Message(role=Role.USER, parts=(Text(text),))


def chat(*messages: Message, **over: Any) -> ChatRequest:
    return ChatRequest(messages=messages or (user(),), **over)


def answer_body(*content: dict[str, Any], stop: str | None = "end_turn", **over: Any) -> Any:
    """Return a whole message."""
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-opus-5",
        "content": list(content),
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {"input_tokens": 9, "output_tokens": 3},
        **over,
    }


def event(value: dict[str, Any]) -> bytes:
    """Return one event of a stream, as the API writes it."""
    data = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return f"event: {value['type']}\ndata: {data}\n\n".encode()


Cut = Callable[[str], list[str]]


def halves(text: str) -> list[str]:
    """Cut a text in two."""
    return [text[: len(text) // 2], text[len(text) // 2 :]]


def stream_of(message: dict[str, Any], cut: Cut = halves, *, ping: bool = True) -> list[bytes]:
    """Return the events in which the API would stream a message."""
    start = {**message, "content": [], "stop_reason": None, "stop_details": None}
    start["usage"] = {**message["usage"], "output_tokens": 1}
    events = [event({"type": "message_start", "message": start})]
    if ping:
        events.append(event({"type": "ping"}))
    for index, block in enumerate(message["content"]):
        events += _block_events(index, block, cut)
    delta = {name: message.get(name) for name in ("stop_reason", "stop_sequence", "stop_details")}
    events.append(event({"type": "message_delta", "delta": delta, "usage": message["usage"]}))
    events.append(event({"type": "message_stop"}))
    return events


def _block_events(index: int, block: dict[str, Any], cut: Cut) -> Iterator[bytes]:
    empty, deltas = _deltas(block, cut)
    yield event({"type": "content_block_start", "index": index, "content_block": empty})
    for delta in deltas:
        yield event({"type": "content_block_delta", "index": index, "delta": delta})
    yield event({"type": "content_block_stop", "index": index})


def _deltas(block: dict[str, Any], cut: Cut) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    match block["type"]:
        case "text":
            pieces = [{"type": "text_delta", "text": text} for text in cut(block["text"])]
            return {**block, "text": ""}, pieces
        case "thinking":
            pieces = [{"type": "thinking_delta", "thinking": t} for t in cut(block["thinking"])]
            pieces.append({"type": "signature_delta", "signature": block["signature"]})
            return {**block, "thinking": "", "signature": ""}, pieces
        case "tool_use" | "server_tool_use":
            # A call without arguments streams one empty piece.
            text = json.dumps(block["input"]) if block["input"] else ""
            pieces = [{"type": "input_json_delta", "partial_json": part} for part in cut(text)]
            return {**block, "input": {}}, pieces
        case _:
            return block, []


def folded(events: Iterable[StreamEvent]) -> dict[str, Any]:
    """Put a stream's events together: what a client that collects them ends up with."""
    text = thinking = refusal = ""
    signatures: list[str] = []
    redacted: list[str] = []
    calls: list[list[str]] = []
    usage = finish = None
    for item in events:
        assert finish is None, "something came after the finish"
        match item:
            case TextDelta(piece):
                text += piece
            case ReasoningDelta():
                thinking += item.text
                signatures += [item.signature] if item.signature else []
                redacted += [item.redacted] if item.redacted else []
            case ToolCallStart():
                assert item.index == len(calls)
                calls.append([item.id, item.name, ""])
            case ToolCallDelta():
                calls[item.index][2] += item.arguments
            case RefusalDelta(piece):
                refusal += piece
            case UsageSeen():
                usage = item.usage
            case Finished():
                finish = item.reason
    return {
        "text": text,
        "thinking": thinking,
        "signatures": signatures,
        "redacted": redacted,
        "calls": [(identity, name, json.loads(arguments)) for identity, name, arguments in calls],
        "refusal": refusal or None,
        "usage": usage,
        "finish": finish,
    }


def collected(answer: ChatAnswer) -> dict[str, Any]:
    """Return a whole answer in the form of `folded`."""
    thoughts = [part for part in answer.parts if isinstance(part, Reasoning)]
    calls = [part for part in answer.parts if isinstance(part, ToolCall)]
    return {
        "text": "".join(part.text for part in answer.parts if isinstance(part, Text)),
        "thinking": "".join(thought.text for thought in thoughts),
        "signatures": [thought.signature for thought in thoughts if thought.signature],
        "redacted": [thought.redacted for thought in thoughts if thought.redacted],
        "calls": [(call.id, call.name, json.loads(call.arguments)) for call in calls],
        "refusal": answer.refusal,
        "usage": answer.usage,
        "finish": answer.finish,
    }
