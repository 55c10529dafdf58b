"""Google's Gemini API from the upstream's side, for the contract suite."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tests.providers.gemini.gemini_wire import check_body, error_body, event, quota, retry
from tests.providers.profiles import (
    FINER_ANSWERS,
    FINER_REQUESTS,
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
    Message,
    Reasoning,
    ReasoningDelta,
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
from laird.providers.gemini.adapter import GeminiAdapter

STOPS = {
    FinishReason.STOP: "STOP",
    FinishReason.LENGTH: "MAX_TOKENS",
    FinishReason.TOOL_CALLS: "STOP",
    FinishReason.CONTENT_FILTER: "SAFETY",
}
_JSON = ("content-type", "application/json; charset=UTF-8")


def _error(
    code: int, status: str, message: str, *details: dict[str, Any], **headers: str
) -> WireAnswer:
    body = json.dumps(error_body(code, status, message, *details), indent=2).encode()
    more = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return WireAnswer(code, body, (_JSON, *more))


_EXHAUSTED = "Resource has been exhausted (e.g. check quota)."
_OVER_QUOTA = "You exceeded your current quota, please check your plan and billing details."
FAULTS = {
    Fault.BAD_REQUEST: _error(
        400, "INVALID_ARGUMENT", "Unable to submit request: top_p must be in [0, 1]."
    ),
    Fault.CONTEXT_LENGTH: _error(
        400,
        "INVALID_ARGUMENT",
        "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
    ),
    Fault.BAD_CREDENTIAL: _error(
        401, "UNAUTHENTICATED", f"Request had invalid authentication credentials: {SECRET}"
    ),
    Fault.FORBIDDEN: _error(
        403, "PERMISSION_DENIED", "Your API key was reported as leaked. Use another API key."
    ),
    Fault.MODEL_MISSING: _error(
        404,
        "NOT_FOUND",
        "models/gemini-1.5-pro is not found for API version v1beta, or is not supported for"
        " generateContent. Call ListModels to see the list of available models.",
    ),
    Fault.TOO_LARGE: _error(413, "INVALID_ARGUMENT", "Request payload size exceeds the limit."),
    Fault.UNPROCESSABLE: _error(422, "INVALID_ARGUMENT", "Unprocessable."),
    Fault.RATE_LIMITED: _error(
        429,
        "RESOURCE_EXHAUSTED",
        _OVER_QUOTA,
        quota("GenerateRequestsPerMinutePerProjectPerModel-FreeTier"),
        retry("7s"),
    ),
    Fault.RATE_LIMITED_DATE: _error(
        429,
        "RESOURCE_EXHAUSTED",
        _EXHAUSTED,
        date="Sat, 21 Nov 2026 12:00:00 GMT",
        retry_after="Sat, 21 Nov 2026 12:00:07 GMT",
    ),
    Fault.RATE_LIMITED_SILENT: _error(429, "RESOURCE_EXHAUSTED", _EXHAUSTED),
    Fault.QUOTA: _error(
        429,
        "RESOURCE_EXHAUSTED",
        _OVER_QUOTA,
        quota("GenerateRequestsPerDayPerProjectPerModel-FreeTier"),
        retry("31.5s"),
    ),
    Fault.SERVER_ERROR: _error(500, "INTERNAL", "An internal error has occurred."),
    Fault.OVERLOADED: _error(503, "UNAVAILABLE", "The model is overloaded. Try again later."),
    Fault.HTML: WireAnswer(502, b"<html>Bad Gateway</html>", (("content-type", "text/html"),)),
    Fault.EMPTY: WireAnswer(503, b"", ()),
}


def wire_usage(usage: TokenUsage) -> dict[str, Any]:
    """Return counts in the API's words: thoughts beside the answer."""
    return {
        "promptTokenCount": usage.prompt,
        "cachedContentTokenCount": usage.cached,
        "candidatesTokenCount": usage.completion - usage.reasoning,
        "thoughtsTokenCount": usage.reasoning,
        "totalTokenCount": usage.total,
    }


class GeminiProfile:
    """See `Profile`."""

    name = "gemini"
    lacks = Lacks(
        usage_fields=frozenset({"cache_write"}),
        answers=FINER_ANSWERS - {"interleaved"},
        unchecked=FINER_REQUESTS,
    )
    dialect: str | None = None

    def provider(self, base_url: str) -> Provider:
        return Provider(
            id="google",
            name="Google",
            kind="gemini",
            egress=Egress.EXTERNAL,
            endpoint=base_url,
            auth_type=AuthType.API_KEY,
            secret=Secret(SECRET),
        )

    def adapter(self, provider: Provider) -> Adapter:
        return GeminiAdapter(provider)

    def check_head(self, method: str, target: str, headers: dict[str, str]) -> None:
        assert method == "POST"
        assert target in {
            f"/v1beta/models/{MODEL_NAME}:generateContent",
            f"/v1beta/models/{MODEL_NAME}:streamGenerateContent?alt=sse",
        }
        assert headers["x-goog-api-key"] == SECRET
        assert "authorization" not in headers

    def check_body(self, body: bytes, request: ChatRequest) -> None:
        sent = json.loads(body)
        check_body(sent)
        declared = [each["name"] for tool in sent.get("tools", ()) for each in _functions(tool)]
        assert declared == [tool.name for tool in request.tools]
        assert sent["generationConfig"]["maxOutputTokens"] == request.max_tokens
        parts = [part for content in sent["contents"] for part in content["parts"]]
        system = sent.get("systemInstruction", {"parts": []})["parts"]
        said = [part["text"] for part in (*system, *parts) if "text" in part]
        assert said == _texts(request.messages)
        calls = [part["functionCall"] for part in parts if "functionCall" in part]
        assert [(each["id"], each["name"], each["args"]) for each in calls] == [
            (part.id, part.name, json.loads(part.arguments))
            for part in _all_parts(request.messages)
            if isinstance(part, ToolCall)
        ]
        results = [part["functionResponse"] for part in parts if "functionResponse" in part]
        assert [(each["id"], each["response"]["output"]) for each in results] == [
            (part.call_id, "".join(p.text for p in part.parts if isinstance(p, Text)))
            for part in _all_parts(request.messages)
            if isinstance(part, ToolResult)
        ]
        images = [part for part in _all_parts(request.messages) if isinstance(part, Image)]
        assert [image.data for image in images if image.data] == [
            part["inlineData"]["data"] for part in parts if "inlineData" in part
        ]
        assert [image.url for image in images if image.url] == [
            part["fileData"]["fileUri"] for part in parts if "fileData" in part
        ]

    def answer(self, answer: ChatAnswer) -> bytes:
        body = _piece(
            [_part(part) for part in answer.parts],
            finish=STOPS[answer.finish],
            usage=answer.usage,
            responseId=answer.id,
            modelVersion=answer.model,
        )
        return json.dumps(body, indent=2, ensure_ascii=False).encode()

    def stream(self, events: Sequence[StreamEvent], usage: TokenUsage | None) -> list[bytes]:
        wire: list[bytes] = []
        # A call comes in one piece: its arguments are never streamed.
        starts: dict[int, ToolCallStart] = {}
        arguments: dict[int, str] = {}
        for item in events:
            if isinstance(item, ToolCallStart):
                starts[item.index] = item
            elif isinstance(item, ToolCallDelta):
                arguments[item.index] = arguments.get(item.index, "") + item.arguments
        for item in events:
            match item:
                case TextDelta(text):
                    wire.append(event(_piece([{"text": text}])))
                case ReasoningDelta(text=text):
                    wire.append(event(_piece([{"text": text, "thought": True}])))
                case ToolCallStart(index=index, id=identity, name=name):
                    called = ToolCall(id=identity, name=name, arguments=arguments[index])
                    wire.append(event(_piece([_part(called)])))
                case ToolCallDelta():
                    pass
                case Finished(reason):
                    wire.append(event(_piece([{"text": ""}], finish=STOPS[reason], usage=usage)))
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
            empty = event({"candidates": [], "usageMetadata": {"trafficType": "ON_DEMAND"}})
            return empty.join([b"", *wire, b""])
        data = b": hello\r\n\r\n" + b": keep-alive\r\n\r\n".join(wire)
        return b"\xef\xbb\xbf" + data.replace(b"data: ", b"data:")

    def fault(self, fault: Fault) -> WireAnswer:
        return FAULTS[fault]

    def late_fault(self) -> tuple[bytes, type[UpstreamError]]:
        return event(error_body(503, "UNAVAILABLE", "The model is overloaded.")), UpstreamFailed

    def models(self, names: Sequence[str]) -> bytes:
        models = [
            {"name": f"models/{name}", "supportedGenerationMethods": ["generateContent"]}
            for name in names
        ]
        return json.dumps({"models": models}).encode()


def _piece(
    parts: list[dict[str, Any]],
    *,
    finish: str | None = None,
    usage: TokenUsage | None = None,
    **over: Any,
) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
    if finish is not None:
        candidate["finishReason"] = finish
    counts = {"usageMetadata": wire_usage(usage)} if usage else {}
    return {"candidates": [candidate], "responseId": "r", "modelVersion": "m", **counts, **over}


def _functions(tool: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tool["functionDeclarations"]
    return found


def _all_parts(messages: Sequence[Message]) -> list[Any]:
    return [part for message in messages for part in message.parts]


def _texts(messages: Sequence[Message]) -> list[str]:
    return [part.text for part in _all_parts(messages) if isinstance(part, Text) and part.text]


def _part(part: Text | ToolCall | Reasoning) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"text": part.text}
    if isinstance(part, ToolCall):
        arguments = json.loads(part.arguments)
        return {"functionCall": {"id": part.id, "name": part.name, "args": arguments}}
    return {"text": part.text, "thought": True}
