"""OpenAI's Python SDK on `/v1/chat/completions`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import openai
from openai import AsyncOpenAI
from openai.lib.streaming.chat import ChatCompletionStreamState
from tests.clients.clients import image_url, is_tool, parsed, results, text_of, tool_calls
from tests.clients.scenarios import Counts, Got

from laird.domain.chat import ChatRequest, FinishReason, Image, Message, Role, Text

RAISES: Mapping[int, type[Exception]] = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    404: openai.NotFoundError,
    413: openai.APIStatusError,
    422: openai.UnprocessableEntityError,
    429: openai.RateLimitError,
    502: openai.InternalServerError,
    504: openai.InternalServerError,
}
STREAM_ERRORS: tuple[type[Exception], ...] = (openai.APIError,)


class OpenAIChatClient:
    """See `SdkClient`."""

    name = "openai-chat"
    path = "/v1/chat/completions"
    dialect = "openai.chat"
    raises = RAISES
    stream_errors = STREAM_ERRORS

    def __init__(self, url: str, key: str) -> None:
        self.sdk: Any = AsyncOpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=20)

    async def close(self) -> None:
        await self.sdk.close()

    def said(self, request: ChatRequest) -> ChatRequest:
        return request

    def params(self, request: ChatRequest) -> dict[str, Any]:
        params: dict[str, Any] = {"messages": _messages(request)}
        if request.max_tokens is not None:
            params["max_completion_tokens"] = request.max_tokens
        if request.tools:
            params["tools"] = [
                {
                    "type": "function",
                    "function": {
                        "name": tool.name,
                        "description": tool.description,
                        "parameters": tool.parameters,
                    },
                }
                for tool in request.tools
            ]
        if choice := request.tool_choice:
            named = {"type": "function", "function": {"name": choice.name}}
            params["tool_choice"] = named if choice.name else choice.mode
        if form := request.response_format:
            schema = {"name": form.name, "schema": form.schema, "strict": form.strict}
            params["response_format"] = {"type": form.kind, "json_schema": schema}
        if request.sampling.stop:
            params["stop"] = list(request.sampling.stop)
        if request.sampling.temperature is not None:
            params["temperature"] = request.sampling.temperature
        if request.reasoning_effort is not None:
            params["reasoning_effort"] = request.reasoning_effort
        return params

    async def whole(self, model: str, params: Mapping[str, Any]) -> Got:
        return read_completion(await self.sdk.chat.completions.create(model=model, **params))

    async def stream(self, model: str, params: Mapping[str, Any]) -> Got:
        state: Any = ChatCompletionStreamState()
        thinking = ""
        async for chunk in await self._open(model, params):
            state.handle_chunk(chunk)
            for choice in chunk.choices:
                thinking += _thinking(choice.delta)
        got = read_completion(state.current_completion_snapshot)
        got.thinking = thinking
        return got

    async def events(self, model: str, params: Mapping[str, Any]) -> AsyncIterator[bool]:
        async for chunk in await self._open(model, params):
            yield any(choice.finish_reason for choice in chunk.choices)

    async def _open(self, model: str, params: Mapping[str, Any]) -> Any:
        usage = {"include_usage": True}
        return await self.sdk.chat.completions.create(
            model=model, stream=True, stream_options=usage, **params
        )


def read_completion(completion: Any) -> Got:
    """Read the SDK's value of an answer."""
    (choice,) = completion.choices
    message = choice.message
    usage = completion.usage
    calls = message.tool_calls or []
    ids = [call.id for call in calls]
    assert all(ids), "a tool call has no id"
    assert len(set(ids)) == len(ids), "two tool calls have the same id"
    return Got(
        text=message.content or "",
        thinking=_thinking(message),
        calls=[(call.function.name, parsed(call.function.arguments)) for call in calls],
        finish=FinishReason(choice.finish_reason),
        usage=_counts(usage) if usage is not None else None,
    )


def _counts(usage: Any) -> Counts:
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    return Counts(
        prompt=usage.prompt_tokens,
        completion=usage.completion_tokens,
        cached=usage.prompt_tokens_details.cached_tokens,
        cache_write=usage.prompt_tokens_details.cache_write_tokens,
        reasoning=usage.completion_tokens_details.reasoning_tokens,
    )


def _thinking(message: Any) -> str:
    # Servers have two names for it, and what is in this format already is passed on as it came.
    found = getattr(message, "reasoning_content", None) or getattr(message, "reasoning", None)
    return found or ""


def _messages(request: ChatRequest) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    for message in request.messages:
        if is_tool(message):
            messages += (
                {"role": "tool", "tool_call_id": call_id, "content": text}
                for call_id, text in results(message)
            )
        elif message.role is Role.ASSISTANT:
            messages.append(_assistant(message))
        else:
            messages.append({"role": message.role.value, "content": _content(message)})
    return messages


def _assistant(message: Message) -> dict[str, Any]:
    said: dict[str, Any] = {"role": "assistant", "content": text_of(message) or None}
    if calls := tool_calls(message):
        said["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in calls
        ]
    return said


def _content(message: Message) -> Any:
    parts: list[dict[str, Any]] = []
    for part in message.parts:
        if isinstance(part, Image):
            parts.append({"type": "image_url", "image_url": {"url": image_url(part)}})
        elif isinstance(part, Text):
            parts.append({"type": "text", "text": part.text})
    if all(part["type"] == "text" for part in parts):
        return text_of(message)
    return parts
