"""A chat request of ours as a body for `generateContent` and `streamGenerateContent`.

Wire facts: `google.genai.types` and the converters of `google/genai/models.py` in Google's Python
SDK, and the API's pages on function calling, structured output and thinking.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from laird.domain.catalog import Model
from laird.domain.chat import ChatRequest, ResponseFormat, Sampling, Tool, ToolChoice
from laird.domain.errors import InvalidRequest
from laird.providers.gemini.extras import extra_fields
from laird.providers.gemini.refusals import unsupported
from laird.providers.gemini.thinking import thinking_config
from laird.providers.gemini.traits import Traits, traits_of
from laird.providers.gemini.turns import write_turns

_SILENT = Sampling()
_SAMPLING = {"temperature": "temperature", "top_p": "topP", "top_k": "topK", "seed": "seed"}
_PENALTIES = {"presence_penalty": "presencePenalty", "frequency_penalty": "frequencyPenalty"}
_AUTO = ToolChoice(mode="auto")


def request_body(model: Model, request: ChatRequest, *, provider: str) -> dict[str, Any]:
    """Write the body; `provider` is our provider id, for messages. The model is not in it.

    Raises `UnsupportedField` or `InvalidRequest`, naming the field.
    """
    traits = traits_of(model.upstream_model)
    turns = write_turns(request.messages, provider=provider, traits=traits)
    body: dict[str, Any] = {"contents": turns.contents}
    if turns.system:
        body["systemInstruction"] = {"parts": turns.system}
    if request.tools:
        _put_tools(body, request, provider)
    elif request.tool_choice is not None and request.tool_choice.mode in {"required", "tool"}:
        raise InvalidRequest("'tool_choice' asks for a tool, but 'tools' is empty.", param="tools")
    config = _generation_config(request, traits, provider)
    if request.extra:
        more, settings = extra_fields(request.extra, provider)
        body.update(more)
        config.update(settings)
    if config:
        body["generationConfig"] = config
    return body


def _generation_config(request: ChatRequest, traits: Traits, provider: str) -> dict[str, Any]:
    config: dict[str, Any] = {}
    if request.max_tokens is not None:
        config["maxOutputTokens"] = request.max_tokens
    if request.sampling != _SILENT:
        _put_sampling(config, request.sampling, provider)
    if request.response_format is not None:
        if request.tools and not traits.json_with_tools and request.response_format.kind != "text":
            raise unsupported(
                provider, "response_format", "this model can't be held to JSON while it has tools."
            )
        _put_format(config, request.response_format, provider)
    thinking = thinking_config(request, traits, provider=provider)
    if thinking is not None:
        config["thinkingConfig"] = thinking
    return config


def _put_sampling(config: dict[str, Any], sampling: Sampling, provider: str) -> None:
    if sampling.n is not None and sampling.n != 1:
        raise unsupported(provider, "n", "it gives one answer; ask several times.")
    if sampling.logit_bias:
        raise unsupported(provider, "logit_bias", "its API has nothing like it; leave it out.")
    for name, wire in _SAMPLING.items():
        value = getattr(sampling, name)
        if value is not None:
            config[wire] = value
    for name, wire in _PENALTIES.items():
        # 0 is what happens anyway, and newer models refuse even that when it is sent.
        if value := getattr(sampling, name):
            config[wire] = value
    if sampling.stop:
        config["stopSequences"] = list(sampling.stop)
    if sampling.logprobs:
        config["responseLogprobs"] = True
        if sampling.top_logprobs:
            config["logprobs"] = sampling.top_logprobs


def _put_format(config: dict[str, Any], wanted: ResponseFormat, provider: str) -> None:
    if wanted.kind == "text":
        return
    if wanted.kind == "json_schema" and wanted.schema is not None:
        config["responseJsonSchema"] = _plain_schema(wanted.schema)
    elif wanted.kind != "json_object":
        raise unsupported(
            provider, "response_format", "it is text, json_object, or json_schema with a schema."
        )
    config["responseMimeType"] = "application/json"


def _put_tools(body: dict[str, Any], request: ChatRequest, provider: str) -> None:
    choice = request.tool_choice or _AUTO
    body["tools"] = [{"functionDeclarations": [_declaration(tool) for tool in request.tools]}]
    calling = _calling(choice, provider, strict=any(tool.strict for tool in request.tools))
    if calling is not None:
        body["toolConfig"] = {"functionCallingConfig": calling}


def _calling(choice: ToolChoice, provider: str, *, strict: bool) -> dict[str, Any] | None:
    match choice.mode:
        case "auto":
            # VALIDATED holds the arguments to their schema; ANY does so by itself.
            return {"mode": "VALIDATED"} if strict else None
        case "none":
            return {"mode": "NONE"}
        case "required":
            return {"mode": "ANY"}
        case "tool" if choice.name:
            return {"mode": "ANY", "allowedFunctionNames": [choice.name]}
        case _:
            raise unsupported(
                provider, "tool_choice", "it is auto, none, required or one function."
            )


def _declaration(tool: Tool) -> dict[str, Any]:
    written: dict[str, Any] = {"name": tool.name}
    if tool.description:
        written["description"] = tool.description
    if tool.parameters:
        schema = _plain_schema(tool.parameters)
        if "type" not in schema:
            schema = {"type": "object", **schema}
        written["parametersJsonSchema"] = schema
    return written


def _plain_schema(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a schema without `$schema`, which names a dialect that the API does not ask about."""
    if "$schema" not in schema:
        return schema
    return {name: value for name, value in schema.items() if name != "$schema"}
