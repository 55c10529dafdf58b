"""OpenAI's Python SDK on `/v1/responses`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec
from openai import AsyncOpenAI
from tests.clients.clients import image_url, is_tool, parsed, results, tool_calls
from tests.clients.openai_chat_client import RAISES, STREAM_ERRORS
from tests.clients.scenarios import Counts, Got

from laird.domain.chat import ChatRequest, FinishReason, Image, Message, Role, Text

_FINISHES = {
    "max_output_tokens": FinishReason.LENGTH,
    "content_filter": FinishReason.CONTENT_FILTER,
}
_COMPLETE = {"response.completed", "response.incomplete"}


class OpenAIResponsesClient:
    """See `SdkClient`."""

    name = "openai-responses"
    path = "/v1/responses"
    dialect = "openai.responses"
    raises = RAISES
    stream_errors = STREAM_ERRORS

    def __init__(self, url: str, key: str) -> None:
        self.sdk: Any = AsyncOpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=20)

    async def close(self) -> None:
        await self.sdk.close()

    def said(self, request: ChatRequest) -> ChatRequest:
        sampling = msgspec.structs.replace(request.sampling, stop=())
        messages = tuple(_with_detail(message) for message in request.messages)
        return msgspec.structs.replace(request, sampling=sampling, messages=messages)

    def params(self, request: ChatRequest) -> dict[str, Any]:
        params: dict[str, Any] = {"input": _input(request), "store": False}
        if request.max_tokens is not None:
            params["max_output_tokens"] = request.max_tokens
        if request.tools:
            params["tools"] = [
                {
                    "type": "function",
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": tool.parameters,
                    "strict": tool.strict,
                }
                for tool in request.tools
            ]
        if choice := request.tool_choice:
            named = {"type": "function", "name": choice.name}
            params["tool_choice"] = named if choice.name else choice.mode
        if form := request.response_format:
            params["text"] = {
                "format": {
                    "type": form.kind,
                    "name": form.name,
                    "schema": form.schema,
                    "strict": form.strict,
                }
            }
        if request.sampling.temperature is not None:
            params["temperature"] = request.sampling.temperature
        if request.reasoning_effort is not None:
            params["reasoning"] = {"effort": request.reasoning_effort}
        return params

    async def whole(self, model: str, params: Mapping[str, Any]) -> Got:
        return read_response(await self.sdk.responses.create(model=model, **params))

    async def stream(self, model: str, params: Mapping[str, Any]) -> Got:
        deltas = _Deltas()
        final = None
        async for event in await self.sdk.responses.create(model=model, stream=True, **params):
            deltas.add(event)
            if event.type in _COMPLETE:
                assert final is None, "the answer was completed twice"
                final = event.response
        assert final is not None, "the stream ended without its last event"
        got = read_response(final)
        assert (got.text, got.thinking) == (deltas.text, deltas.thinking)
        assert [arguments for _, arguments in got.calls] == [
            parsed(text) for text in deltas.arguments.values()
        ]
        return got

    async def events(self, model: str, params: Mapping[str, Any]) -> AsyncIterator[bool]:
        async for event in await self.sdk.responses.create(model=model, stream=True, **params):
            yield event.type in _COMPLETE


class _Deltas:
    """The pieces of a stream put together, in the order in which a client sees them."""

    def __init__(self) -> None:
        self.text = ""
        self.thinking = ""
        self.arguments: dict[int, str] = {}
        self._number = -1

    def add(self, event: Any) -> None:
        assert event.sequence_number == self._number + 1, "a gap in the numbers of the events"
        self._number = event.sequence_number
        match event.type:
            case "response.output_text.delta" | "response.refusal.delta":
                self.text += event.delta
            case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta":
                self.thinking += event.delta
            case "response.output_item.added" if event.item.type == "function_call":
                self.arguments[event.output_index] = ""
            case "response.function_call_arguments.delta":
                self.arguments[event.output_index] += event.delta


def read_response(response: Any) -> Got:
    """Read the SDK's value of an answer."""
    got = Got()
    for item in response.output:
        if item.type == "message":
            got.text += "".join(
                part.text if part.type == "output_text" else part.refusal for part in item.content
            )
        elif item.type == "reasoning":
            got.thinking += "".join(part.text for part in item.content or item.summary)
        elif item.type == "function_call":
            assert item.call_id
            got.calls.append((item.name, parsed(item.arguments)))
    if response.status == "incomplete":
        got.finish = _FINISHES[response.incomplete_details.reason]
    else:
        assert response.status == "completed"
        got.finish = FinishReason.TOOL_CALLS if got.calls else FinishReason.STOP
    if response.usage is not None:
        got.usage = _counts(response.usage)
    return got


def _counts(usage: Any) -> Counts:
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens
    return Counts(
        prompt=usage.input_tokens,
        completion=usage.output_tokens,
        cached=usage.input_tokens_details.cached_tokens,
        cache_write=usage.input_tokens_details.cache_write_tokens,
        reasoning=usage.output_tokens_details.reasoning_tokens,
    )


def _input(request: ChatRequest) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    for message in request.messages:
        if is_tool(message):
            items += (
                {"type": "function_call_output", "call_id": call_id, "output": text}
                for call_id, text in results(message)
            )
            continue
        if content := _content(message):
            items.append({"type": "message", "role": message.role.value, "content": content})
        items += (
            {
                "type": "function_call",
                "call_id": call.id,
                "name": call.name,
                "arguments": call.arguments,
            }
            for call in tool_calls(message)
        )
    return items


def _with_detail(message: Message) -> Message:
    """Return a message as the format says it: each image has a detail."""
    parts = tuple(
        msgspec.structs.replace(part, detail="auto") if isinstance(part, Image) else part
        for part in message.parts
    )
    return msgspec.structs.replace(message, parts=parts)


def _content(message: Message) -> list[dict[str, Any]]:
    kind = "output_text" if message.role is Role.ASSISTANT else "input_text"
    content: list[dict[str, Any]] = []
    for part in message.parts:
        if isinstance(part, Image):
            content.append({"type": "input_image", "image_url": image_url(part), "detail": "auto"})
        elif isinstance(part, Text):
            content.append({"type": kind, "text": part.text})
    return content
