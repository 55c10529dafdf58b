"""A chat request of ours as a body for `POST /v1/messages`.

Wire facts: `anthropic.types.MessageCreateParams` of Anthropic's Python SDK, and the API's pages on
tool use, structured outputs and thinking.
"""

from __future__ import annotations

from typing import Any

from laird.domain.catalog import Model
from laird.domain.chat import ChatRequest, ResponseFormat, Sampling, Tool, ToolChoice
from laird.domain.errors import InvalidRequest
from laird.providers.anthropic.extras import extra_fields, user_id
from laird.providers.anthropic.refusals import unsupported
from laird.providers.anthropic.schemas import closed
from laird.providers.anthropic.thinking import Plan, plan_thinking
from laird.providers.anthropic.traits import traits_of
from laird.providers.anthropic.turns import Turns, write_turns

DEFAULT_MAX_TOKENS = 16_384
"""Sent where neither the request nor the model says one, since the API demands it."""

_JSON_ONLY = "Answer with one valid JSON object and nothing else: no code fence, no text around it."
_SILENT = Sampling()
_FOREIGN = (
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "logprobs",
    "top_logprobs",
    "logit_bias",
)
_CHOICES = {"auto": "auto", "none": "none", "required": "any", "tool": "tool"}


def request_body(model: Model, request: ChatRequest, *, provider: str) -> dict[str, Any]:
    """Write the body; `provider` is our provider id, for messages.

    Raises `UnsupportedField` or `InvalidRequest`, naming the field.
    """
    traits = traits_of(model.upstream_model)
    max_tokens = output_limit(model, request)
    extra = extra_fields(request.extra, provider) if request.extra else {}
    turns = write_turns(request.messages, provider=provider, system_turns=traits.system_turns)
    tools = _tool_fields(request, turns, provider)
    plan = plan_thinking(
        request,
        traits,
        max_tokens=max_tokens,
        forced=_forces(request.tool_choice),
        unsigned=turns.unsigned_tool_turn(),
        provider=provider,
    )
    body: dict[str, Any] = {
        "model": model.upstream_model,
        "max_tokens": max_tokens,
        "messages": turns.messages,
    }
    if system := _system(turns, request.response_format):
        body["system"] = system
    if request.stream:
        body["stream"] = True
    body.update(tools)
    body.update(_sampling_fields(request.sampling, plan, provider))
    if plan.thinking is not None:
        body["thinking"] = plan.thinking
    if output := _output_config(plan, request.response_format, provider):
        body["output_config"] = output
    if who := user_id(request.user, request.extra):
        body["metadata"] = {"user_id": who}
    return _with_extra(body, extra) if extra else body


def output_limit(model: Model, request: ChatRequest) -> int:
    """Return the `max_tokens` that is sent: the request's, the model's, or the default."""
    if request.max_tokens is not None:
        return request.max_tokens
    return model.max_tokens or DEFAULT_MAX_TOKENS


def _with_extra(body: dict[str, Any], extra: dict[str, Any]) -> dict[str, Any]:
    ours, theirs = body.get("output_config"), extra.get("output_config")
    body.update(extra)
    if isinstance(ours, dict) and isinstance(theirs, dict):
        body["output_config"] = {**ours, **theirs}
    return body


def _system(turns: Turns, response_format: ResponseFormat | None) -> list[dict[str, Any]]:
    if response_format is not None and response_format.kind == "json_object":
        return [*turns.system, {"type": "text", "text": _JSON_ONLY}]
    return turns.system


def _output_config(
    plan: Plan, response_format: ResponseFormat | None, provider: str
) -> dict[str, Any]:
    config: dict[str, Any] = {}
    if plan.effort is not None:
        config["effort"] = plan.effort
    if response_format is None or response_format.kind in {"text", "json_object"}:
        return config
    if response_format.kind != "json_schema" or response_format.schema is None:
        raise unsupported(
            provider, "response_format", "it is text, json_object, or json_schema with a schema."
        )
    config["format"] = {"type": "json_schema", "schema": closed(response_format.schema)}
    return config


def _forces(choice: ToolChoice | None) -> bool:
    return choice is not None and choice.mode in {"required", "tool"}


def _tool_fields(request: ChatRequest, turns: Turns, provider: str) -> dict[str, Any]:
    if not request.tools:
        return _history_tools(request, turns)
    fields: dict[str, Any] = {"tools": [_tool(tool) for tool in request.tools]}
    choice = request.tool_choice or ToolChoice(mode="auto")
    kind = _CHOICES.get(choice.mode)
    if kind is None:
        raise unsupported(provider, "tool_choice", "it is auto, none, required or one function.")
    written: dict[str, Any] = {"type": kind}
    if kind == "tool":
        written["name"] = choice.name
    if request.parallel_tool_calls is False and kind != "none":
        written["disable_parallel_tool_use"] = True
    if request.tool_choice is not None or len(written) > 1:
        fields["tool_choice"] = written
    return fields


def _history_tools(request: ChatRequest, turns: Turns) -> dict[str, Any]:
    """Declare the tools of a past that the request itself does not declare any more.

    The API refuses tool blocks without `tools`; nothing may be called, so a bare schema will do.
    """
    if _forces(request.tool_choice):
        raise InvalidRequest("'tool_choice' asks for a tool, but 'tools' is empty.", param="tools")
    names = turns.called_tools()
    if not names:
        return {}
    return {
        "tools": [{"name": name, "input_schema": {"type": "object"}} for name in names],
        "tool_choice": {"type": "none"},
    }


def _tool(tool: Tool) -> dict[str, Any]:
    written: dict[str, Any] = {"name": tool.name}
    if tool.description:
        written["description"] = tool.description
    schema = dict(tool.parameters or {})
    schema.setdefault("type", "object")
    written["input_schema"] = schema
    if tool.strict:
        written["strict"] = True
    return written


def _sampling_fields(sampling: Sampling, plan: Plan, provider: str) -> dict[str, Any]:
    if sampling == _SILENT:
        return {}
    _refuse_foreign(sampling, provider)
    fields: dict[str, Any] = {}
    temperature, top_p, top_k = sampling.temperature, sampling.top_p, sampling.top_k
    # 1 is what the API does anyway, and newer models refuse even that when it is sent.
    if temperature is not None and temperature != 1:
        if temperature > 1:
            raise unsupported(provider, "temperature", "it goes from 0 to 1.")
        fields["temperature"] = temperature
    if top_p is not None and top_p != 1:
        fields["top_p"] = top_p
    if top_k is not None:
        fields["top_k"] = top_k
    if fields and plan.thinks:
        field = next(iter(fields))
        raise unsupported(
            provider, field, "it can't be set while the model thinks; set reasoning_effort or it."
        )
    if sampling.stop:
        if not all(text.strip() for text in sampling.stop):
            raise unsupported(provider, "stop", "a stop sequence can't be white space only.")
        fields["stop_sequences"] = list(sampling.stop)
    return fields


def _refuse_foreign(sampling: Sampling, provider: str) -> None:
    """Refuse what has no equal, unless its value asks for nothing."""
    if sampling.n is not None and sampling.n != 1:
        raise unsupported(provider, "n", "it gives one answer; ask several times.")
    for name in _FOREIGN:
        value = getattr(sampling, name)
        if value is not None and (value or name == "seed"):
            raise unsupported(provider, name, "its API has nothing like it; leave it out.")
