"""Checks the shape of an OpenAI chat body and extracts what routing needs, in a few microseconds.

Written by hand because it runs for every request: only fields that are there are looked at, and
nothing is built. What a field's value means is left to the provider; its type is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from laird.dialects.fields import (
    OBJECT_OR_NONE,
    Check,
    bad_value,
    between,
    check_body,
    check_function,
    missing_or_wrong,
    positive,
    required_text,
    stop,
    stream_options,
    typed,
    wrong_type,
)
from laird.domain.errors import InvalidRequest
from laird.domain.plan import RequestFacts

ROLES = ("developer", "system", "user", "assistant", "tool", "function")

_TOKENS_PER_IMAGE = 765
_TOKENS_PER_SMALL_IMAGE = 85
"""OpenAI's counts for an image of 1024 pixels a side, and for one of low detail."""

_DATA_PER_CHARACTER = 16
"""Base64 characters of a PDF to a character of text: pages of a usual one hold that much."""


def chat_facts(body: Mapping[str, Any]) -> RequestFacts:
    """Check a body and return its facts. See `Dialect.facts`."""
    check_body(body, _CHECKS, _REQUIRED)
    characters, images = _measure(body["messages"])
    get = body.get
    tools = get("tools") or get("functions")
    if tools:
        characters += len(orjson.dumps(tools))
    form = get("response_format")
    json_mode = False
    if form is not None:
        json_mode = form["type"] in {"json_object", "json_schema"}
        characters += len(orjson.dumps(form)) if "json_schema" in form else 0
    effort = get("reasoning_effort")
    limit = get("max_completion_tokens")
    return RequestFacts(
        model=body["model"],
        stream=get("stream") is True,
        tools=bool(tools),
        vision=images > 0,
        json_mode=json_mode,
        reasoning=effort is not None and effort != "none",
        prompt_tokens=(characters + 3) // 4 + images,
        max_tokens=limit if limit is not None else get("max_tokens"),
        answers=get("n") or 1,
    )


def _measure(messages: list[Any]) -> tuple[int, int]:
    """Check the messages; return characters of text and estimated tokens of images."""
    characters = images = 0
    for index, message in enumerate(messages):
        if type(message) is not dict:
            raise wrong_type(f"messages[{index}]", "an object", message)
        role = message.get("role")
        content = message.get("content")
        if type(content) is str and role in ("user", "system"):
            characters += len(content)
            continue
        if role not in ROLES:
            raise _bad_role(index, message)
        if type(content) is str:
            characters += len(content)
        elif content is None:
            _check_no_content(index, role, message)
        else:
            more, pictures = _measure_parts(index, content)
            characters += more
            images += pictures
        if role == "assistant":
            characters += _measure_calls(index, message)
        elif role == "tool" and type(message.get("tool_call_id")) is not str:
            raise missing_or_wrong(f"messages[{index}].tool_call_id", message, "a string")
    return characters, images


def _measure_parts(index: int, content: object) -> tuple[int, int]:
    place = f"messages[{index}].content"
    if type(content) is not list:
        raise wrong_type(place, "a string or an array of objects", content)
    characters = images = 0
    for number, part in enumerate(content):
        if type(part) is not dict:
            raise wrong_type(f"{place}[{number}]", "an object", part)
        kind = part.get("type")
        if kind == "text":
            text = part.get("text")
            if type(text) is not str:
                raise missing_or_wrong(f"{place}[{number}].text", part, "a string")
            characters += len(text)
        elif kind == "image_url":
            images += _measure_image(f"{place}[{number}].image_url", part)
        elif kind == "file":
            characters += _measure_file(f"{place}[{number}].file", part)
        elif type(kind) is not str:
            raise missing_or_wrong(f"{place}[{number}].type", part, "a string")
    return characters, images


def _measure_image(place: str, part: Mapping[str, Any]) -> int:
    image = part.get("image_url")
    if type(image) is not dict:
        raise missing_or_wrong(place, part, "an object")
    if type(image.get("url")) is not str:
        raise missing_or_wrong(f"{place}.url", image, "a string")
    return _TOKENS_PER_SMALL_IMAGE if image.get("detail") == "low" else _TOKENS_PER_IMAGE


def _measure_file(place: str, part: Mapping[str, Any]) -> int:
    file = part.get("file")
    if type(file) is not dict:
        raise missing_or_wrong(place, part, "an object")
    data = file.get("file_data")
    if data is None:
        return 0
    if type(data) is not str:
        raise wrong_type(f"{place}.file_data", "a string", data)
    return len(data) // _DATA_PER_CHARACTER


def _measure_calls(index: int, message: Mapping[str, Any]) -> int:
    """Check an assistant's calls; return the characters of their names and arguments."""
    calls = message.get("tool_calls")
    if calls is None:
        return 0
    place = f"messages[{index}].tool_calls"
    if type(calls) is not list:
        raise wrong_type(place, "an array of objects", calls)
    characters = 0
    for number, call in enumerate(calls):
        if type(call) is not dict:
            raise wrong_type(f"{place}[{number}]", "an object", call)
        function = call.get("function")
        if type(function) is not dict:
            if call.get("type") == "custom":
                continue
            raise missing_or_wrong(f"{place}[{number}].function", call, "an object")
        for field in ("name", "arguments"):
            if type(function.get(field)) is not str:
                raise missing_or_wrong(f"{place}[{number}].function.{field}", function, "a string")
        characters += len(function["name"]) + len(function["arguments"])
    return characters


def _check_no_content(index: int, role: str, message: Mapping[str, Any]) -> None:
    if role == "assistant" and any(
        message.get(field) for field in ("tool_calls", "function_call", "refusal", "audio")
    ):
        return
    if role == "function":
        return
    raise missing_or_wrong(f"messages[{index}].content", message, "a string or an array of objects")


def _bad_role(index: int, message: Mapping[str, Any]) -> InvalidRequest:
    role = message.get("role")
    place = f"messages[{index}].role"
    if type(role) is not str:
        return missing_or_wrong(place, message, "a string")
    return bad_value(place, role, ROLES)


# The checks of single fields. None of an optional field means that it was not said.


def _messages(field: str, value: object) -> None:
    if type(value) is not list:
        raise wrong_type(field, "an array of objects", value)
    if not value:
        raise InvalidRequest(
            f"Invalid '{field}': empty array. Expected at least one message.", param=field
        )


def _tools(field: str, value: object) -> None:
    if value is None:
        return
    if type(value) is not list:
        raise wrong_type(field, "an array of objects", value)
    for number, tool in enumerate(value):
        place = f"{field}[{number}]"
        if type(tool) is not dict:
            raise wrong_type(place, "an object", tool)
        if type(tool.get("type")) is not str:
            raise missing_or_wrong(f"{place}.type", tool, "a string")
        if tool["type"] == "function":
            function = tool.get("function")
            if type(function) is not dict:
                raise missing_or_wrong(f"{place}.function", tool, "an object")
            check_function(f"{place}.function", function)


def _functions(field: str, value: object) -> None:
    if value is None:
        return
    if type(value) is not list:
        raise wrong_type(field, "an array of objects", value)
    for number, function in enumerate(value):
        if type(function) is not dict:
            raise wrong_type(f"{field}[{number}]", "an object", function)
        check_function(f"{field}[{number}]", function)


def _tool_choice(field: str, value: object) -> None:
    if value is None or type(value) is dict:
        return
    if type(value) is not str:
        raise wrong_type(field, "a string or an object", value)
    if value not in {"none", "auto", "required"}:
        raise bad_value(field, value, ("none", "auto", "required"))


def _response_format(field: str, value: object) -> None:
    if value is None:
        return
    if type(value) is not dict:
        raise wrong_type(field, "an object", value)
    if type(value.get("type")) is not str:
        raise missing_or_wrong(f"{field}.type", value, "a string")
    if value["type"] == "json_schema":
        inner = value.get("json_schema")
        if type(inner) is not dict:
            raise missing_or_wrong(f"{field}.json_schema", value, "an object")
        if type(inner.get("schema")) not in OBJECT_OR_NONE:
            raise wrong_type(f"{field}.json_schema.schema", "an object", inner["schema"])


_REQUIRED = dict.fromkeys(("model", "messages")).keys()
_CHECKS: Mapping[str, Check] = {
    "model": required_text,
    "messages": _messages,
    "stream": typed("a boolean", bool),
    "stream_options": stream_options,
    "max_tokens": positive,
    "max_completion_tokens": positive,
    "temperature": between(0, 2),
    "top_p": between(0, 1),
    "n": between(1, 128, whole=True),
    "presence_penalty": between(-2, 2),
    "frequency_penalty": between(-2, 2),
    "seed": typed("an integer", int),
    "logprobs": typed("a boolean", bool),
    "top_logprobs": between(0, 20, whole=True),
    "logit_bias": typed("an object", dict),
    "stop": stop,
    "tools": _tools,
    "tool_choice": _tool_choice,
    "parallel_tool_calls": typed("a boolean", bool),
    "functions": _functions,
    "function_call": typed("a string or an object", str, dict),
    "response_format": _response_format,
    "reasoning_effort": typed("a string", str),
    "user": typed("a string", str),
    "metadata": typed("an object", dict),
    "store": typed("a boolean", bool),
    "modalities": typed("an array of strings", list),
}
