"""A chat request of ours as a body for `/api/chat`.

Wire facts: `ChatRequest`, `Options` and `ThinkValue` in Ollama's api/types.go (0.12 to 0.30), and
`ollama._types.ChatRequest` of the Python SDK.
"""

from __future__ import annotations

from typing import Any

from laird.domain.catalog import Model
from laird.domain.chat import ChatRequest, ResponseFormat, Sampling, Tool
from laird.providers.ollama.extras import add_extras
from laird.providers.ollama.refusals import unsupported
from laird.providers.ollama.turns import Turns, write_turns
from laird.providers.ollama.window import num_ctx_of, refuse_too_long

_EFFORTS: dict[str, bool | str] = {
    "none": False,
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    # "max" is newer than most servers, and few models know it.
    "xhigh": "high",
}
_SILENT = Sampling()
_MOST_TOP_LOGPROBS = 20


def request_body(
    model: Model, request: ChatRequest, *, provider: str
) -> tuple[dict[str, Any], Turns]:
    """Return the body, and the conversation in it.

    Raises `UnsupportedField` for what can't be honoured, `InvalidRequest` for tool arguments that
    are no JSON object, and `ContextLengthExceeded` for a prompt that clearly does not fit.
    """
    turns = write_turns(request.messages, provider=provider)
    num_ctx = num_ctx_of(model)
    refuse_too_long(model, num_ctx, turns.text_bytes)
    options: dict[str, Any] = {}
    body: dict[str, Any] = {
        "model": model.upstream_model,
        "messages": turns.messages,
        "stream": request.stream,
        "truncate": False,
        "shift": False,
        "options": options,
    }
    if num_ctx is not None:
        options["num_ctx"] = num_ctx
    if request.max_tokens is not None:
        options["num_predict"] = request.max_tokens
    _add_sampling(body, options, request.sampling, provider)
    if tools := _tools(request, provider):
        body["tools"] = tools
    if request.response_format is not None:
        _add_format(body, request.response_format, provider)
    think = _think(model, request, provider)
    if think is not None:
        body["think"] = think
    if request.extra:
        add_extras(body, request.extra, provider)
    return body, turns


def _add_sampling(
    body: dict[str, Any], options: dict[str, Any], sampling: Sampling, provider: str
) -> None:
    if sampling == _SILENT:
        return
    if sampling.n is not None and sampling.n != 1:
        raise unsupported(provider, "n", "it gives one answer; ask several times.")
    if sampling.logit_bias:
        raise unsupported(provider, "logit_bias", "its API has nothing like it; leave it out.")
    for name in (
        "temperature",
        "top_p",
        "top_k",
        "seed",
        "presence_penalty",
        "frequency_penalty",
    ):
        value = getattr(sampling, name)
        if value is not None:
            options[name] = value
    if sampling.stop:
        options["stop"] = list(sampling.stop)
    if sampling.logprobs:
        body["logprobs"] = True
        if sampling.top_logprobs is not None:
            if not 0 <= sampling.top_logprobs <= _MOST_TOP_LOGPROBS:
                raise unsupported(provider, "top_logprobs", "it goes from 0 to 20.")
            body["top_logprobs"] = sampling.top_logprobs


def _tools(request: ChatRequest, provider: str) -> list[dict[str, Any]] | None:
    """Return the tools to offer; with `tool_choice: none` there are none."""
    choice = request.tool_choice
    if choice is not None and choice.mode != "auto":
        if choice.mode != "none":
            raise unsupported(
                provider, "tool_choice", "it can't be made to call a tool; use 'auto' or 'none'."
            )
        return None
    return [_tool(tool) for tool in request.tools] if request.tools else None


def _tool(tool: Tool) -> dict[str, Any]:
    schema = dict(tool.parameters or {})
    schema.setdefault("type", "object")
    schema.setdefault("properties", {})
    function: dict[str, Any] = {"name": tool.name, "parameters": schema}
    if tool.description:
        function["description"] = tool.description
    return {"type": "function", "function": function}


def _add_format(body: dict[str, Any], wanted: ResponseFormat, provider: str) -> None:
    if wanted.kind == "json_object":
        body["format"] = "json"
    elif wanted.kind == "json_schema" and wanted.schema is not None:
        body["format"] = wanted.schema
    elif wanted.kind != "text":
        raise unsupported(
            provider, "response_format", "it is text, json_object, or json_schema with a schema."
        )


def _think(model: Model, request: ChatRequest, provider: str) -> bool | str | None:
    """Return Ollama's `think`; None leaves it to the server, whose thinking models think.

    A budget of tokens has no equal. It asks for thinking where the model is known to think; where
    that is not known nothing is asked, since Ollama refuses `think` for a model that can't.
    """
    effort = request.reasoning_effort
    if effort is not None:
        if effort not in _EFFORTS:
            raise unsupported(provider, "reasoning_effort", f"it is one of {', '.join(_EFFORTS)}.")
        return _EFFORTS[effort]
    budget = request.reasoning_budget
    if budget is None:
        return None
    if budget == 0:
        return False
    return True if model.capabilities.reasoning else None
