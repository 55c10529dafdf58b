"""Samples of Cohere's wire format, as the API sends it, and the official SDK as an oracle."""

from __future__ import annotations

import inspect
import json
import typing
from collections.abc import Callable
from typing import Any

import cohere.types as sdk
from cohere.v2.raw_client import RawV2Client
from cohere.v2.types import V2ChatResponse
from cohere.v2.types.v2chat_stream_response import V2ChatStreamResponse
from pydantic import BaseModel, TypeAdapter

from laird.domain.catalog import AuthType, Egress, Model, Provider
from laird.domain.chat import ChatRequest, Message, Role, Text
from laird.domain.embedding import EmbeddingRequest
from laird.domain.secret import Secret
from laird.providers.cohere.adapter import CohereAdapter

SECRET = "co-canary-5f2d9c7b1e"
EVENTS: TypeAdapter[Any] = TypeAdapter(V2ChatStreamResponse)
WORDS: dict[str, tuple[str, ...]] = {
    "tool_choice": ("REQUIRED", "NONE"),
    "safety_mode": ("CONTEXTUAL", "STRICT", "OFF"),
    "input_type": typing.get_args(typing.get_args(sdk.EmbedInputType)[0]),
    "truncate": ("NONE", "START", "END"),
}
"""Fields that the SDK types as a word or anything at all."""


def _arguments(call: Callable[..., Any]) -> dict[str, TypeAdapter[Any]]:
    parameters = inspect.signature(call, eval_str=True).parameters.values()
    return {
        each.name: TypeAdapter(each.annotation)
        for each in parameters
        if each.name not in {"self", "request_options"}
    }


CHAT = {**_arguments(RawV2Client.chat), "stream": TypeAdapter[Any](bool)}
EMBED = _arguments(RawV2Client.embed)


def check_body(body: dict[str, Any], known: dict[str, TypeAdapter[Any]]) -> None:
    """Assert that a body has the SDK's arguments, of its types, with nothing unknown inside."""
    for name, value in body.items():
        assert name in known, f"the API has no {name}"
        assert value is not None
        assert name not in WORDS or value in WORDS[name]
        assert plain(known[name].validate_python(value)) == value


def plain(value: Any) -> Any:
    """Return what the SDK's types understood; a field that they do not know is an error."""
    if isinstance(value, BaseModel):
        assert not value.model_extra, f"{type(value).__name__} has no {value.model_extra}"
        return {name: plain(getattr(value, name)) for name in value.model_fields_set}
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, str | int | float | bool | None):
        return value
    return [plain(item) for item in value]


def provider(endpoint: str = "https://api.cohere.com", **over: Any) -> Provider:
    fields: dict[str, Any] = {
        "id": "co",
        "name": "Cohere",
        "kind": "cohere",
        "egress": Egress.EXTERNAL,
        "endpoint": endpoint,
        "auth_type": AuthType.BEARER,
        "secret": Secret(SECRET),
        **over,
    }
    return Provider(**fields)


def model(upstream: str = "command-a-03-2025", **over: Any) -> Model:
    return Model(
        id="m",
        name="M",
        provider_id="co",
        upstream_model=upstream,
        egress=Egress.EXTERNAL,
        **over,
    )


def body_of(request: ChatRequest, upstream: str = "command-a-03-2025", **over: Any) -> Any:
    """Return the body that the adapter sends, checked against the official SDK's types."""
    sent = CohereAdapter(provider()).chat_request(model(upstream, **over), request)
    body = json.loads(sent.body)
    check_body(body, CHAT)
    return body


def embedding_of(request: EmbeddingRequest) -> Any:
    """Return the body that asks for embeddings, checked likewise."""
    sent = CohereAdapter(provider()).embedding_request(model("embed-v4.0"), request)
    body = json.loads(sent.body)
    check_body(body, EMBED)
    return body


def said(role: Role, *parts: Any) -> Message:
    return Message(role=role, parts=tuple(Text(p) if isinstance(p, str) else p for p in parts))


def chat(*messages: Message, **over: Any) -> ChatRequest:
    return ChatRequest(messages=messages or (said(Role.USER, "Hi"),), **over)


def answer_body(finish: str = "COMPLETE", usage: Any = None, **message: Any) -> dict[str, Any]:
    """Return a whole answer that the SDK reads without a rest."""
    body = {
        "id": "c14c80c3",
        "finish_reason": finish,
        "message": {"role": "assistant", **message},
        "usage": usage or {"billed_units": {"input_tokens": 9.0, "output_tokens": 3.0}},
    }
    plain(V2ChatResponse.model_validate(body))
    return body


def event(value: dict[str, Any]) -> bytes:
    """Return one event of a stream, as the API writes it, and as the SDK reads it."""
    read = EVENTS.validate_python(value)
    if value["type"] != "message-start":
        plain(read)
    return raw_event(value)


def raw_event(value: dict[str, Any]) -> bytes:
    """Return one event that the SDK need not know."""
    data = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return f"event: {value.get('type', 'message')}\ndata: {data}\n\n".encode()


def start() -> bytes:
    """Return the first event: the lists in it are objects in all later ones."""
    empty: dict[str, Any] = {"content": [], "tool_plan": "", "tool_calls": [], "citations": []}
    delta = {"message": {"role": "assistant", **empty}}
    return event({"type": "message-start", "id": "29f14a5a", "delta": delta})


def content(index: int, **piece: Any) -> bytes:
    delta = {"message": {"content": piece}}
    return event({"type": "content-delta", "index": index, "delta": delta})


def content_start(index: int, kind: str) -> bytes:
    block = {"type": kind, kind: ""}
    delta = {"message": {"content": block}}
    return event({"type": "content-start", "index": index, "delta": delta})


def content_end(index: int) -> bytes:
    return event({"type": "content-end", "index": index})


def plan(text: str) -> bytes:
    return event({"type": "tool-plan-delta", "delta": {"message": {"tool_plan": text}}})


def call_start(index: int, identity: str, name: str, arguments: str = "") -> bytes:
    function = {"name": name, "arguments": arguments}
    call = {"id": identity, "type": "function", "function": function}
    delta = {"message": {"tool_calls": call}}
    return event({"type": "tool-call-start", "index": index, "delta": delta})


def call_piece(index: int, arguments: str) -> bytes:
    delta = {"message": {"tool_calls": {"function": {"arguments": arguments}}}}
    return event({"type": "tool-call-delta", "index": index, "delta": delta})


def call_end(index: int) -> bytes:
    return event({"type": "tool-call-end", "index": index})


def end(finish: str | None = "COMPLETE", **delta: Any) -> bytes:
    told = {} if finish is None else {"finish_reason": finish}
    return event({"type": "message-end", "delta": {**told, **delta}})


def citation(index: int, text: str) -> list[bytes]:
    source = {"type": "tool", "id": "call_1:0", "tool_output": {"content": "x"}}
    cited = {"start": 0, "end": len(text), "text": text, "sources": [source]}
    delta = {"message": {"citations": cited}}
    return [
        event({"type": "citation-start", "index": index, "delta": delta}),
        event({"type": "citation-end", "index": index}),
    ]
