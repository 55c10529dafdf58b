"""Ollama's own API from the server's side, for the contract suite."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tests.providers.ollama.ollama_wire import check_chat, last, line
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
    Image,
    Logprobs,
    Reasoning,
    ReasoningDelta,
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
from laird.providers.registry import build_adapter

_JSON = ("content-type", "application/json")


def refusal(status: int, text: str, *headers: tuple[str, str], **more: Any) -> WireAnswer:
    return WireAnswer(status, json.dumps({"error": text, **more}).encode(), (_JSON, *headers))


FAULTS = {
    Fault.BAD_REQUEST: refusal(400, 'option "seed" must be of type integer'),
    Fault.CONTEXT_LENGTH: refusal(
        400, "request (15004 tokens) exceeds the available context size (512 tokens)"
    ),
    Fault.BAD_CREDENTIAL: refusal(401, f"bad token {SECRET}"),
    Fault.FORBIDDEN: refusal(403, "remote inference is unavailable"),
    Fault.MODEL_MISSING: refusal(404, f"model '{MODEL_NAME}' not found"),
    Fault.TOO_LARGE: refusal(413, "request body too large"),
    Fault.UNPROCESSABLE: refusal(422, "unprocessable"),
    Fault.RATE_LIMITED: refusal(429, "too many requests", ("retry-after", "7")),
    Fault.RATE_LIMITED_DATE: refusal(
        429,
        "too many requests",
        ("date", "Sat, 21 Nov 2026 12:00:00 GMT"),
        ("retry-after", "Sat, 21 Nov 2026 12:00:07 GMT"),
    ),
    Fault.RATE_LIMITED_SILENT: refusal(429, "too many requests"),
    Fault.QUOTA: refusal(429, "you have reached your weekly usage limit, please upgrade"),
    Fault.SERVER_ERROR: refusal(500, "llama runner process has terminated: exit status 2"),
    Fault.OVERLOADED: refusal(
        503, "server busy, please try again.  maximum pending requests exceeded"
    ),
    Fault.HTML: WireAnswer(502, b"<html>Bad Gateway</html>", (("content-type", "text/html"),)),
    Fault.EMPTY: WireAnswer(503, b"", ()),
}


class OllamaProfile:
    """See `Profile`."""

    name = "ollama"
    lacks = Lacks(
        requests=frozenset(
            {"tool_required", "tool_named", "vision_url", "document", "document_url"}
        ),
        usage_fields=frozenset({"cached", "cache_write", "reasoning"}),
        answers=FINER_ANSWERS - {"interleaved", "logprobs"} | {"filtered"},
        ids=True,
    )
    dialect: str | None = None

    def provider(self, base_url: str) -> Provider:
        return Provider(
            id="box",
            name="Box",
            kind="ollama",
            egress=Egress.LOCAL,
            endpoint=base_url,
            auth_type=AuthType.BEARER,
            secret=Secret(SECRET),
        )

    def adapter(self, provider: Provider) -> Adapter:
        return build_adapter(provider)

    def check_head(self, method: str, target: str, headers: dict[str, str]) -> None:
        assert (method, target) == ("POST", "/api/chat")
        assert headers["authorization"] == f"Bearer {SECRET}"
        assert headers["content-type"] == "application/json"

    def check_body(self, body: bytes, request: ChatRequest) -> None:
        sent = json.loads(body)
        check_chat(sent)
        assert sent["model"] == MODEL_NAME
        assert sent["stream"] is request.stream
        assert (sent["truncate"], sent["shift"]) == (False, False)
        assert sent["options"]["num_predict"] == request.max_tokens
        tools = [tool["function"]["name"] for tool in sent.get("tools", ())]
        assert tools == [tool.name for tool in request.tools]
        assert sent.get("logprobs") == request.sampling.logprobs
        assert sent.get("top_logprobs") == request.sampling.top_logprobs
        said = [message["content"] for message in sent["messages"] if message["content"]]
        said = [text for text in said if not text.startswith("From the result of ")]
        assert said == [text for message in request.messages for text in _texts(message.parts)]
        shown = [image for message in sent["messages"] for image in message.get("images", ())]
        assert shown == _images([part for message in request.messages for part in message.parts])
        thought = [message["thinking"] for message in sent["messages"] if "thinking" in message]
        assert "".join(thought) == "".join(
            part.text
            for message in request.messages
            for part in message.parts
            if isinstance(part, Reasoning)
        )
        called = [
            (call["id"], call["function"]["name"], call["function"]["arguments"])
            for message in sent["messages"]
            for call in message.get("tool_calls", ())
        ]
        assert called == [
            (part.id, part.name, json.loads(part.arguments))
            for message in request.messages
            for part in message.parts
            if isinstance(part, ToolCall)
        ]

    def answer(self, answer: ChatAnswer) -> bytes:
        message: dict[str, Any] = {}
        for part in answer.parts:
            match part:
                case Text(text):
                    message["content"] = text
                case Reasoning(text=text):
                    message["thinking"] = text
                case ToolCall(id=identity, name=name, arguments=arguments):
                    message.setdefault("tool_calls", []).append(_call(identity, name, arguments))
        more = {"logprobs": _logprobs(answer.logprobs)} if answer.logprobs else {}
        counts = _usage(answer.usage)
        return last(_reason(answer.finish), message=message, model=answer.model, **counts, **more)

    def stream(self, events: Sequence[StreamEvent], usage: TokenUsage | None) -> list[bytes]:
        wire: list[bytes] = []
        calls: list[list[str]] = []
        for item in events:
            match item:
                case TextDelta(text):
                    wire.append(line({"content": text}))
                case ReasoningDelta(text=text):
                    wire.append(line({"thinking": text}))
                case Logprobs(tokens):
                    wire.append(line(logprobs=_logprobs(tokens)))
                case ToolCallStart(id=identity, name=name):
                    calls.append([identity, name, ""])
                case ToolCallDelta(index=index, arguments=arguments):
                    calls[index][2] += arguments
                case Finished(reason):
                    # A call is sent when it is whole, never in pieces.
                    wire += (line({"tool_calls": [_call(*each)]}) for each in calls)
                    wire.append(last(_reason(reason), **_usage(usage)))
                case _:
                    raise AssertionError(item)
        return wire

    def needed(self, events: Sequence[bytes]) -> int:
        return len(events)

    def quirk(self, quirk: Quirk, events: Sequence[StreamEvent]) -> bytes:
        if quirk is Quirk.MISSING_USAGE:
            return b"".join(self.stream(events, None))
        wire = self.stream(events, TokenUsage(prompt=9, completion=3))
        if quirk is Quirk.EMPTY_CHOICES:
            return line().join([b"", *wire])
        return b"\xef\xbb\xbf\r\n" + b"\n\r\n".join(wire).replace(b"}\n", b"}\r\n").rstrip()

    def fault(self, fault: Fault) -> WireAnswer:
        return FAULTS[fault]

    def late_fault(self) -> tuple[bytes, type[UpstreamError]]:
        return b'{"error":"an error was encountered while running the model"}\n', UpstreamFailed

    def models(self, names: Sequence[str]) -> bytes:
        return json.dumps({"models": [{"name": name, "model": name} for name in names]}).encode()


def _texts(parts: Sequence[object]) -> list[str]:
    texts: list[str] = []
    for part in parts:
        if isinstance(part, ToolResult):
            texts += _texts(part.parts)
        elif isinstance(part, Text):
            texts.append(part.text)
    return texts


def _call(identity: str, name: str, arguments: str) -> dict[str, Any]:
    function = {"index": 0, "name": name, "arguments": json.loads(arguments)}
    return {"id": identity, "function": function}


def _reason(finish: FinishReason) -> str:
    return "length" if finish is FinishReason.LENGTH else "stop"


def _images(parts: Sequence[object]) -> list[str | None]:
    images: list[str | None] = []
    for part in parts:
        if isinstance(part, ToolResult):
            images += _images(part.parts)
        elif isinstance(part, Image):
            images.append(part.data)
    return images


def _logprobs(tokens: Sequence[TokenLogprob]) -> list[dict[str, Any]]:
    return [
        {
            "token": each.token,
            "logprob": each.logprob,
            "top_logprobs": [{"token": token, "logprob": value} for token, value in each.top],
        }
        for each in tokens
    ]


def _usage(usage: TokenUsage | None) -> dict[str, Any]:
    if usage is None:
        return {"prompt_eval_count": 0}
    return {"prompt_eval_count": usage.prompt, "eval_count": usage.completion}
