"""A chat request of ours as a body for `POST /v2/chat`.

Wire facts: the arguments of `chat` in `cohere/v2/raw_client.py` of the Python SDK and their types,
with the limits that its descriptions tell.
"""

from __future__ import annotations

from typing import Any

from laird.domain.catalog import Model
from laird.domain.chat import ChatRequest, ResponseFormat, Sampling, Tool
from laird.domain.errors import InvalidRequest
from laird.providers.cohere.extras import CHAT_NATIVE, extra_fields
from laird.providers.cohere.messages import write_messages
from laird.providers.cohere.refusals import unsupported

MOST_STOPS = 5
"""Stop sequences in one request."""
LEAST_P, MOST_P = 0.01, 0.99
"""The range of `p`; what lies outside is moved to its end, which samples alike."""
MOST_K = 500

_SILENT = Sampling()
_FOREIGN = ("top_logprobs", "logit_bias")
_PENALTIES = ("presence_penalty", "frequency_penalty")
_NO_PARAMETERS: dict[str, Any] = {"type": "object", "properties": {}}
_BUDGETS: dict[str, int | None] = {
    "minimal": 512,
    "low": 1_024,
    "medium": 8_192,
    "high": None,
    "xhigh": None,
    "max": None,
}
"""Tokens that an effort may think for; None means as long as it likes."""


def request_body(model: Model, request: ChatRequest, *, provider: str) -> dict[str, Any]:
    """Write the body; `provider` is our provider id, for messages.

    Raises `UnsupportedField` or `InvalidRequest`, naming the field.
    """
    extra = extra_fields(request.extra, provider, CHAT_NATIVE) if request.extra else {}
    messages = write_messages(request.messages, provider=provider, thinks=reads_thinking(model))
    body: dict[str, Any] = {"model": model.upstream_model, "messages": messages}
    if request.stream:
        body["stream"] = True
    if request.max_tokens is not None:
        body["max_tokens"] = request.max_tokens
    body.update(_tool_fields(request, provider))
    if request.response_format is not None:
        body.update(_format_fields(request.response_format, request, provider))
    if request.sampling != _SILENT:
        body.update(_sampling_fields(request.sampling, provider))
    if thinking := _thinking(model, request, provider):
        body["thinking"] = thinking
    body.update(extra)
    return body


def reads_thinking(model: Model) -> bool:
    """Tell whether earlier thinking may be sent back: to models that are known to think."""
    known = model.capabilities.reasoning
    return "reasoning" in model.upstream_model if known is None else known


def _tool_fields(request: ChatRequest, provider: str) -> dict[str, Any]:
    """Return tools and the choice among them.

    One that is named becomes the only one that is offered, and must be called: the API can demand
    a call, but not of which tool.
    """
    tools, choice = request.tools, request.tool_choice
    mode = choice.mode if choice is not None else "auto"
    if mode not in {"auto", "none", "required", "tool"}:
        raise unsupported(provider, "tool_choice", "it is auto, none, required or one function.")
    if not tools:
        if mode in {"required", "tool"}:
            raise InvalidRequest(
                "'tool_choice' asks for a tool, but 'tools' is empty.", param="tools"
            )
        return {}
    if mode == "tool" and choice is not None:
        tools = tuple(tool for tool in tools if tool.name == choice.name)
        if not tools:
            raise InvalidRequest(
                f"'tool_choice' names '{choice.name}', which is not in 'tools'.",
                param="tool_choice",
            )
    fields: dict[str, Any] = {"tools": [_tool(tool) for tool in tools]}
    if mode != "auto":
        fields["tool_choice"] = "NONE" if mode == "none" else "REQUIRED"
    if any(tool.strict for tool in tools):
        fields["strict_tools"] = True
    return fields


def _tool(tool: Tool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    function["parameters"] = tool.parameters or _NO_PARAMETERS
    return {"type": "function", "function": function}


def _format_fields(
    form: ResponseFormat, request: ChatRequest, provider: str
) -> dict[str, dict[str, Any]]:
    if form.kind == "text":
        return {}
    if form.kind not in {"json_object", "json_schema"}:
        raise unsupported(
            provider, "response_format", "it is text, json_object, or json_schema with a schema."
        )
    if request.tools:
        raise unsupported(provider, "response_format", "it can't be combined with tools.")
    wire: dict[str, Any] = {"type": "json_object"}
    if form.kind == "json_schema":
        if form.schema is None:
            raise unsupported(provider, "response_format", "json_schema needs a schema.")
        wire["json_schema"] = form.schema
    return {"response_format": wire}


def _sampling_fields(sampling: Sampling, provider: str) -> dict[str, Any]:
    _refuse_foreign(sampling, provider)
    _check_limits(sampling, provider)
    top_p = sampling.top_p
    said = {
        "temperature": sampling.temperature,
        "p": None if top_p is None else min(max(top_p, LEAST_P), MOST_P),
        "k": sampling.top_k,
        "stop_sequences": list(sampling.stop) or None,
        "seed": sampling.seed,
        "logprobs": sampling.logprobs or None,
        # 0 is the default, and some models refuse to be told both.
        "presence_penalty": sampling.presence_penalty or None,
        "frequency_penalty": sampling.frequency_penalty or None,
    }
    return {field: value for field, value in said.items() if value is not None}


def _check_limits(sampling: Sampling, provider: str) -> None:
    """Refuse what OpenAI's ranges allow and Cohere's don't."""
    if sampling.top_k is not None and not 0 <= sampling.top_k <= MOST_K:
        raise unsupported(provider, "top_k", f"it goes from 0 to {MOST_K}.")
    if len(sampling.stop) > MOST_STOPS:
        raise unsupported(provider, "stop", f"it takes {MOST_STOPS} stop sequences at most.")
    for name in _PENALTIES:
        value = getattr(sampling, name)
        if value is not None and not 0 <= value <= 1:
            raise unsupported(provider, name, "it goes from 0 to 1.")


def _refuse_foreign(sampling: Sampling, provider: str) -> None:
    """Refuse what has no equal, unless its value asks for nothing."""
    if sampling.n is not None and sampling.n != 1:
        raise unsupported(provider, "n", "it gives one answer; ask several times.")
    for name in _FOREIGN:
        if getattr(sampling, name):
            raise unsupported(provider, name, "its API has nothing like it; leave it out.")


def _thinking(model: Model, request: ChatRequest, provider: str) -> dict[str, Any] | None:
    """Translate the reasoning fields: what is not said is left to the model."""
    effort, budget = request.reasoning_effort, request.reasoning_budget
    if effort is None and budget is None:
        return None
    incapable = model.capabilities.reasoning is False
    if effort == "none" or (effort is None and budget == 0):
        return None if incapable else {"type": "disabled"}
    field = "reasoning_budget" if effort is None else "reasoning_effort"
    if incapable:
        raise unsupported(provider, field, "this model does not think; leave it out.")
    if effort is not None and effort not in _BUDGETS:
        levels = ", ".join(("none", *_BUDGETS))
        raise unsupported(provider, "reasoning_effort", f"it is one of {levels}.")
    tokens = budget or _BUDGETS.get(effort or "high")
    wire: dict[str, Any] = {"type": "enabled"}
    if tokens is not None:
        wire["token_budget"] = tokens
    return wire
