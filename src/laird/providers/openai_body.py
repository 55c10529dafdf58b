"""Writes a canonical chat request as an OpenAI chat body."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from laird.domain.chat import (
    ChatRequest,
    Image,
    Message,
    Part,
    Reasoning,
    ResponseFormat,
    Role,
    Sampling,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from laird.domain.errors import UnsupportedField
from laird.providers.openai_traits import OpenAITraits

_EFFORT_BY_BUDGET = ((1, "none"), (2_048, "low"), (12_288, "medium"))
"""A budget of thinking tokens below the number becomes that effort; above them all, high."""


def chat_body(
    request: ChatRequest, *, upstream_model: str, provider: str, traits: OpenAITraits
) -> dict[str, Any]:
    """Return the body. Raises `UnsupportedField` for what this kind of server can't honour.

    Fields that the canonical form does not know (`extra`) are passed on as they are.
    """
    _refuse(request, provider, traits)
    body: dict[str, Any] = {"model": upstream_model, "messages": list(_messages(request, traits))}
    if request.stream:
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
    limit = {traits.limit_field: request.max_tokens}
    said = {
        **limit,
        "tool_choice": _tool_choice(request.tool_choice),
        "parallel_tool_calls": request.parallel_tool_calls,
        "response_format": _response_format(request.response_format),
        "reasoning_effort": _effort(request),
        "user": request.user,
        **_sampling(request.sampling),
    }
    body.update((field, value) for field, value in said.items() if value is not None)
    for field, value in request.extra.items():
        body.setdefault(field, value)
    return body


def _refuse(request: ChatRequest, provider: str, traits: OpenAITraits) -> None:
    """Refuse what would be lost on the way."""
    if (request.sampling.n or 1) > 1:
        raise UnsupportedField(
            "Several answers to one request (n) can't be translated between wire formats:"
            " send the request several times.",
            param="n",
        )
    if request.sampling.top_k is not None and not traits.top_k:
        raise UnsupportedField(
            f"{provider} does not know top_k: leave it out, or ask another model.", param="top_k"
        )


def _messages(request: ChatRequest, traits: OpenAITraits) -> Iterable[dict[str, Any]]:
    for message in request.messages:
        match message.role:
            case Role.ASSISTANT:
                yield _assistant(message, traits)
            case Role.TOOL:
                yield from _results(message)
            case _:
                yield _named({"role": message.role.value}, message) | {
                    "content": _content(message.parts)
                }


def _named(fields: dict[str, Any], message: Message) -> dict[str, Any]:
    return {**fields, "name": message.name} if message.name else fields


def _content(parts: Iterable[Part]) -> str | list[dict[str, Any]]:
    """Return a text where that is all, else a list of parts."""
    shown = [part for part in parts if isinstance(part, Text | Image)]
    if len(shown) == 1 and isinstance(shown[0], Text):
        return shown[0].text
    return [_part(part) for part in shown]


def _part(part: Text | Image) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    url = part.url if part.data is None else f"data:{part.media_type};base64,{part.data}"
    image = {"url": url} if part.detail is None else {"url": url, "detail": part.detail}
    return {"type": "image_url", "image_url": image}


def _assistant(message: Message, traits: OpenAITraits) -> dict[str, Any]:
    text = "".join(part.text for part in message.parts if isinstance(part, Text))
    calls = [
        {
            "id": part.id,
            "type": "function",
            "function": {"name": part.name, "arguments": part.arguments},
        }
        for part in message.parts
        if isinstance(part, ToolCall)
    ]
    wire = _named({"role": "assistant", "content": text if text or not calls else None}, message)
    # Signed or hidden thinking means nothing to another vendor's model; only its text may.
    thinking = "".join(part.text for part in message.parts if isinstance(part, Reasoning))
    if thinking and traits.takes_reasoning:
        wire["reasoning_content"] = thinking
    if calls:
        wire["tool_calls"] = calls
    return wire


def _results(message: Message) -> Iterable[dict[str, Any]]:
    """Write tool results, one message each; their images follow as the user's, as they must."""
    images: list[Image] = []
    for result in message.parts:
        if not isinstance(result, ToolResult):
            continue
        texts = [part for part in result.parts if isinstance(part, Text)]
        pictures = [part for part in result.parts if isinstance(part, Image)]
        images += pictures
        content = _content(texts) if texts or not pictures else "The result is the image below."
        if result.is_error and isinstance(content, str):
            content = f"Error: {content}"
        yield {"role": "tool", "tool_call_id": result.call_id, "content": content or ""}
    if images:
        yield {"role": "user", "content": _content(images)}


def _tool(tool: Tool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    if tool.parameters is not None:
        function["parameters"] = tool.parameters
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _tool_choice(choice: ToolChoice | None) -> str | dict[str, Any] | None:
    if choice is None:
        return None
    if choice.mode == "tool":
        return {"type": "function", "function": {"name": choice.name}}
    return choice.mode


def _response_format(form: ResponseFormat | None) -> dict[str, Any] | None:
    if form is None:
        return None
    if form.kind != "json_schema":
        return {"type": form.kind}
    inner: dict[str, Any] = {"name": form.name or "answer"}
    if form.schema is not None:
        inner["schema"] = form.schema
    if form.strict is not None:
        inner["strict"] = form.strict
    return {"type": "json_schema", "json_schema": inner}


def _effort(request: ChatRequest) -> str | None:
    if request.reasoning_effort is not None or request.reasoning_budget is None:
        return request.reasoning_effort
    budget = request.reasoning_budget
    return next((effort for below, effort in _EFFORT_BY_BUDGET if budget < below), "high")


def _sampling(sampling: Sampling) -> dict[str, Any]:
    return {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "stop": list(sampling.stop) or None,
        "seed": sampling.seed,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
        "logprobs": sampling.logprobs,
        "top_logprobs": sampling.top_logprobs,
        "logit_bias": sampling.logit_bias,
    }
