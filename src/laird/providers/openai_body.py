"""Writes a canonical chat request as an OpenAI chat body."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from typing import Any

from laird.domain.chat import (
    ChatRequest,
    Document,
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
from laird.wire.openai_reasoning import GEMINI, readable_by_openrouter, write_detail

_EFFORT_BY_BUDGET = ((1, "none"), (2_048, "low"), (12_288, "medium"))
"""A budget of thinking tokens below the number becomes that effort; above them all, high."""


def chat_body(
    request: ChatRequest, *, upstream_model: str, provider: str, traits: OpenAITraits
) -> dict[str, Any]:
    """Return the body. Raises `UnsupportedField` for what this kind of server can't honour.

    Fields that the canonical form does not know (`extra`) are passed on as they are.
    """
    _refuse(request, provider, traits)
    messages = list(_Messages(provider, traits).write(request.messages))
    body: dict[str, Any] = {"model": upstream_model, "messages": messages}
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


class _Messages:
    """Writes a conversation."""

    def __init__(self, provider: str, traits: OpenAITraits) -> None:
        self._provider = provider
        self._traits = traits
        self._place = ""
        self._late: list[Part] = []
        """Images and files of tool results that are to follow the results."""

    def write(self, messages: Iterable[Message]) -> Iterable[dict[str, Any]]:
        """Yield the messages. Raises `UnsupportedField` for a file that can't be sent."""
        for number, message in enumerate(messages):
            self._place = f"messages[{number}]"
            if message.role is Role.TOOL:
                for part in message.parts:
                    if isinstance(part, ToolResult):
                        yield self._result(part)
                continue
            # All results must follow the calls at once: nothing may stand between two of them.
            if self._late:
                yield self._late_parts()
            if message.role is Role.ASSISTANT:
                yield _assistant(message, self._traits)
            else:
                content = self._content(message.parts)
                yield {**_named({"role": message.role.value}, message), "content": content}
        if self._late:
            yield self._late_parts()

    def _content(self, parts: Iterable[Part]) -> str | list[dict[str, Any]]:
        """Return a text where that is all, else a list of parts."""
        shown = [part for part in parts if isinstance(part, Text | Image | Document)]
        if len(shown) == 1 and isinstance(shown[0], Text):
            return shown[0].text
        return [self._part(part) for part in shown]

    def _part(self, part: Text | Image | Document) -> dict[str, Any]:
        if isinstance(part, Text):
            return {"type": "text", "text": part.text}
        if isinstance(part, Document):
            return self._file(part)
        url = part.url if part.data is None else f"data:{part.media_type};base64,{part.data}"
        image = {"url": url} if part.detail is None else {"url": url, "detail": part.detail}
        return {"type": "image_url", "image_url": image}

    def _file(self, document: Document) -> dict[str, Any]:
        """Write a file as a part of its own; a text file as text, where the server takes none."""
        kind = document.media_type or ""
        if not self._traits.files:
            text = _plain_text(document) if kind.startswith("text/") else None
            if text is None:
                raise self._refused("takes no files other than text: send their text")
            name = f"{document.name}:\n" if document.name else ""
            return {"type": "text", "text": name + text}
        if document.data is None:
            if document.url is None or not self._traits.file_urls:
                raise self._refused("fetches no files by itself: send them in base64")
            data = document.url
        else:
            data = f"data:{kind or 'application/pdf'};base64,{document.data}"
        return {"type": "file", "file": {"filename": _file_name(document), "file_data": data}}

    def _refused(self, why: str) -> UnsupportedField:
        return UnsupportedField(
            f"{self._provider} {why}, or ask another model.", param=f"{self._place}.content"
        )

    def _result(self, result: ToolResult) -> dict[str, Any]:
        """Write a tool's result. What may not stand in it follows as the user's."""
        texts = [part for part in result.parts if isinstance(part, Text)]
        others = [part for part in result.parts if not isinstance(part, Text)]
        if others and not self._traits.tool_images:
            self._late += (Text(f"From the result of {result.call_id}:"), *others)
            content = self._content(texts) if texts else "The result follows below."
        else:
            content = self._content(result.parts)
        if result.is_error:
            content = _as_error(content)
        return {"role": "tool", "tool_call_id": result.call_id, "content": content or ""}

    def _late_parts(self) -> dict[str, Any]:
        late, self._late = self._late, []
        return {"role": "user", "content": self._content(late)}


def _named(fields: dict[str, Any], message: Message) -> dict[str, Any]:
    return {**fields, "name": message.name} if message.name else fields


def _plain_text(document: Document) -> str | None:
    try:
        return base64.b64decode(document.data or "", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def _file_name(document: Document) -> str:
    """Return the file's name, which OpenAI wants; a plain one where the client said none."""
    if document.name:
        return document.name
    kind = (document.media_type or "application/pdf").partition("/")[2]
    return f"document.{'txt' if kind == 'plain' else kind}"


def _as_error(content: str | list[dict[str, Any]]) -> str | list[dict[str, Any]]:
    """Say that the tool failed, which the format has no field for."""
    if isinstance(content, str):
        return f"Error: {content}"
    return [{"type": "text", "text": "Error:"}, *content]


def _assistant(message: Message, traits: OpenAITraits) -> dict[str, Any]:
    text = "".join(part.text for part in message.parts if isinstance(part, Text))
    calls = [_call(part, traits) for part in message.parts if isinstance(part, ToolCall)]
    wire = _named({"role": "assistant", "content": text if text or not calls else None}, message)
    reasoning = [part for part in message.parts if isinstance(part, Reasoning)]
    if reasoning and traits.takes_reasoning:
        _add_thinking(wire, reasoning, traits)
    if calls:
        wire["tool_calls"] = calls
    return wire


def _add_thinking(wire: dict[str, Any], reasoning: list[Reasoning], traits: OpenAITraits) -> None:
    """Add earlier thinking: its text, and where the server reads them, the proofs of its own.

    Another maker's signature means nothing to a model, so it is left out.
    """
    if thinking := "".join(part.text for part in reasoning):
        wire[traits.thinking_field] = thinking
    if traits.takes_details:
        own = [part for part in reasoning if readable_by_openrouter(part)]
        details = (write_detail(part, index) for index, part in enumerate(own))
        if found := [detail for detail in details if detail is not None]:
            wire["reasoning_details"] = found


def _call(call: ToolCall, traits: OpenAITraits) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments}
    wire: dict[str, Any] = {"id": call.id, "type": "function", "function": function}
    signature = call.signature
    if signature is not None and traits.takes_google_signatures and signature.startswith(GEMINI):
        google = {"thought_signature": signature.removeprefix(GEMINI)}
        wire["extra_content"] = {"google": google}
    return wire


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
