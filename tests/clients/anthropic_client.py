"""Anthropic's Python SDK on `/v1/messages`."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import anthropic
import msgspec
from anthropic import AsyncAnthropic
from tests.clients.clients import is_tool, results, text_of, tool_calls
from tests.clients.scenarios import Counts, Got

from laird.domain.chat import (
    ChatRequest,
    FinishReason,
    Image,
    Message,
    ResponseFormat,
    Role,
    Text,
    ToolChoice,
)

_FINISHES = {
    "end_turn": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
    "max_tokens": FinishReason.LENGTH,
    "tool_use": FinishReason.TOOL_CALLS,
    "refusal": FinishReason.CONTENT_FILTER,
}
_RAISES: Mapping[int, type[Exception]] = {
    400: anthropic.BadRequestError,
    401: anthropic.AuthenticationError,
    404: anthropic.NotFoundError,
    413: anthropic.APIStatusError,
    422: anthropic.UnprocessableEntityError,
    429: anthropic.RateLimitError,
    502: anthropic.InternalServerError,
    504: anthropic.InternalServerError,
}
_CHOICES = {"required": "any", "auto": "auto", "none": "none"}


class AnthropicClient:
    """See `SdkClient`."""

    name = "anthropic-messages"
    path = "/v1/messages"
    dialect = "anthropic.messages"
    raises = _RAISES
    stream_errors: tuple[type[Exception], ...] = (anthropic.APIError,)

    def __init__(self, url: str, key: str) -> None:
        self.sdk: Any = AsyncAnthropic(base_url=url, api_key=key, max_retries=0, timeout=20)

    async def close(self) -> None:
        await self.sdk.close()

    def said(self, request: ChatRequest) -> ChatRequest:
        form = request.response_format
        if form is not None:
            # The format has no name for a schema; Laird gives it one where a provider wants that.
            form = ResponseFormat(kind=form.kind, name="answer", schema=form.schema, strict=True)
        return msgspec.structs.replace(request, response_format=form)

    def params(self, request: ChatRequest) -> dict[str, Any]:
        params: dict[str, Any] = {
            "max_tokens": request.max_tokens or 500,
            "messages": _messages(request),
        }
        system = [text_of(m) for m in request.messages if m.role is Role.SYSTEM]
        if system:
            params["system"] = [{"type": "text", "text": text} for text in system]
        if request.tools:
            params["tools"] = [
                {
                    "name": tool.name,
                    "description": tool.description,
                    "input_schema": tool.parameters,
                }
                for tool in request.tools
            ]
        if request.tool_choice:
            params["tool_choice"] = _choice(request.tool_choice)
        config: dict[str, Any] = {}
        if form := request.response_format:
            config["format"] = {"type": "json_schema", "schema": form.schema}
        if request.reasoning_effort is not None:
            config["effort"] = request.reasoning_effort
            params["thinking"] = {"type": "adaptive"}
        if config:
            params["output_config"] = config
        if request.sampling.stop:
            params["stop_sequences"] = list(request.sampling.stop)
        if request.sampling.temperature is not None:
            params["temperature"] = request.sampling.temperature
        return params

    async def whole(self, model: str, params: Mapping[str, Any]) -> Got:
        return read_message(await self.sdk.messages.create(model=model, **_sent(params)))

    async def stream(self, model: str, params: Mapping[str, Any]) -> Got:
        pieces = Got()
        async with self.sdk.messages.stream(model=model, **_sent(params)) as stream:
            async for event in stream:
                if event.type == "text":
                    pieces.text += event.text
                elif event.type == "thinking":
                    pieces.thinking += event.thinking
            got = read_message(await stream.get_final_message())
        assert (got.text, got.thinking) == (pieces.text, pieces.thinking)
        return got

    async def events(self, model: str, params: Mapping[str, Any]) -> AsyncIterator[bool]:
        stream = await self.sdk.messages.create(model=model, stream=True, **_sent(params))
        async for event in stream:
            told = event.type == "message_delta" and event.delta.stop_reason is not None
            yield told or event.type == "message_stop"


def _sent(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the SDK's arguments; what it has no name for any more goes as programs send it."""
    sent = dict(params)
    if "temperature" in sent:
        sent["extra_body"] = {"temperature": sent.pop("temperature")}
    return sent


def read_message(message: Any) -> Got:
    """Read the SDK's value of an answer."""
    got = Got(finish=_FINISHES[message.stop_reason])
    for block in message.content:
        match block.type:
            case "text":
                got.text += block.text
            case "thinking":
                got.thinking += block.thinking
            case "tool_use":
                assert block.id
                got.calls.append((block.name, block.input))
    usage = message.usage
    cached = usage.cache_read_input_tokens or 0
    written = usage.cache_creation_input_tokens or 0
    details = usage.output_tokens_details
    got.usage = Counts(
        prompt=usage.input_tokens + cached + written,
        completion=usage.output_tokens,
        cached=cached,
        cache_write=written,
        reasoning=details.thinking_tokens if details is not None else None,
    )
    return got


def _choice(choice: ToolChoice) -> dict[str, Any]:
    if choice.name:
        return {"type": "tool", "name": choice.name}
    return {"type": _CHOICES[choice.mode]}


def _messages(request: ChatRequest) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    for message in request.messages:
        if message.role is Role.SYSTEM:
            continue
        if not is_tool(message):
            messages.append({"role": message.role.value, "content": _content(message)})
            continue
        blocks = [
            {
                "type": "tool_result",
                "tool_use_id": call_id,
                "content": [{"type": "text", "text": text}],
            }
            for call_id, text in results(message)
        ]
        # Results of parallel calls stand together in one turn.
        if messages and messages[-1]["role"] == "user":
            messages[-1]["content"] += blocks
        else:
            messages.append({"role": "user", "content": blocks})
    return messages


def _content(message: Message) -> list[dict[str, Any]]:
    content: list[dict[str, Any]] = []
    for part in message.parts:
        if isinstance(part, Text):
            content.append({"type": "text", "text": part.text})
        elif isinstance(part, Image):
            source = {"type": "url", "url": part.url}
            if part.data:
                source = {"type": "base64", "media_type": part.media_type, "data": part.data}
            content.append({"type": "image", "source": source})
    content += (
        {
            "type": "tool_use",
            "id": call.id,
            "name": call.name,
            "input": json.loads(call.arguments),
        }
        for call in tool_calls(message)
    )
    return content
