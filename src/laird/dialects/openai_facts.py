"""Checks the shape of an OpenAI chat body and extracts what routing needs, in a few microseconds.

Written by hand because it runs for every request: only fields that are there are looked at, and
nothing is built. What a field's value means is left to the provider; its type is not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from laird.domain.errors import InvalidRequest
from laird.domain.plan import RequestFacts

ROLES = ("developer", "system", "user", "assistant", "tool", "function")

_TOKENS_PER_IMAGE = 765
_TOKENS_PER_SMALL_IMAGE = 85
"""OpenAI's counts for an image of 1024 pixels a side, and for one of low detail."""

Check = Callable[[str, Any], None]


def chat_facts(body: Mapping[str, Any]) -> RequestFacts:
    """Check a body and return its facts. See `Dialect.facts`."""
    if not isinstance(body, dict):
        raise InvalidRequest(f"The body must be a JSON object, but it is {_type(body)}.")
    for field in body:
        check = _CHECKS.get(field)
        if check is not None:
            check(field, body[field])
    for field in ("model", "messages"):
        if field not in body:
            raise _missing(field)
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
    )


def _measure(messages: list[Any]) -> tuple[int, int]:
    """Check the messages; return characters of text and estimated tokens of images."""
    characters = images = 0
    for index, message in enumerate(messages):
        if type(message) is not dict:
            raise _wrong_type(f"messages[{index}]", "an object", message)
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
            raise _missing_or_wrong(f"messages[{index}].tool_call_id", message, "a string")
    return characters, images


def _measure_parts(index: int, content: object) -> tuple[int, int]:
    place = f"messages[{index}].content"
    if type(content) is not list:
        raise _wrong_type(place, "a string or an array of objects", content)
    characters = images = 0
    for number, part in enumerate(content):
        if type(part) is not dict:
            raise _wrong_type(f"{place}[{number}]", "an object", part)
        kind = part.get("type")
        if kind == "text":
            text = part.get("text")
            if type(text) is not str:
                raise _missing_or_wrong(f"{place}[{number}].text", part, "a string")
            characters += len(text)
        elif kind == "image_url":
            images += _measure_image(f"{place}[{number}].image_url", part)
        elif type(kind) is not str:
            raise _missing_or_wrong(f"{place}[{number}].type", part, "a string")
    return characters, images


def _measure_image(place: str, part: Mapping[str, Any]) -> int:
    image = part.get("image_url")
    if type(image) is not dict:
        raise _missing_or_wrong(place, part, "an object")
    if type(image.get("url")) is not str:
        raise _missing_or_wrong(f"{place}.url", image, "a string")
    return _TOKENS_PER_SMALL_IMAGE if image.get("detail") == "low" else _TOKENS_PER_IMAGE


def _measure_calls(index: int, message: Mapping[str, Any]) -> int:
    """Check an assistant's calls; return the characters of their names and arguments."""
    calls = message.get("tool_calls")
    if calls is None:
        return 0
    place = f"messages[{index}].tool_calls"
    if type(calls) is not list:
        raise _wrong_type(place, "an array of objects", calls)
    characters = 0
    for number, call in enumerate(calls):
        if type(call) is not dict:
            raise _wrong_type(f"{place}[{number}]", "an object", call)
        function = call.get("function")
        if type(function) is not dict:
            if call.get("type") == "custom":
                continue
            raise _missing_or_wrong(f"{place}[{number}].function", call, "an object")
        for field in ("name", "arguments"):
            if type(function.get(field)) is not str:
                raise _missing_or_wrong(f"{place}[{number}].function.{field}", function, "a string")
        characters += len(function["name"]) + len(function["arguments"])
    return characters


def _check_no_content(index: int, role: str, message: Mapping[str, Any]) -> None:
    if role == "assistant" and any(
        message.get(field) for field in ("tool_calls", "function_call", "refusal", "audio")
    ):
        return
    if role == "function":
        return
    raise _missing_or_wrong(
        f"messages[{index}].content", message, "a string or an array of objects"
    )


def _bad_role(index: int, message: Mapping[str, Any]) -> InvalidRequest:
    role = message.get("role")
    place = f"messages[{index}].role"
    if type(role) is not str:
        return _missing_or_wrong(place, message, "a string")
    return _bad_value(place, role, ROLES)


# The checks of single fields. None of an optional field means that it was not said.


def _required_text(field: str, value: object) -> None:
    if type(value) is not str:
        raise _wrong_type(field, "a string", value)
    if not value.strip():
        raise InvalidRequest(f"Invalid '{field}': it must not be empty.", param=field)


def _messages(field: str, value: object) -> None:
    if type(value) is not list:
        raise _wrong_type(field, "an array of objects", value)
    if not value:
        raise InvalidRequest(
            f"Invalid '{field}': empty array. Expected at least one message.", param=field
        )


def _typed(expected: str, *types: type) -> Check:
    allowed = frozenset((*types, type(None)))

    def check(field: str, value: object) -> None:
        if type(value) not in allowed:
            raise _wrong_type(field, expected, value)

    return check


def _between(low: float, high: float, *, whole: bool = False) -> Check:
    types = {int} if whole else {int, float}
    expected = "an integer" if whole else "a number"

    def check(field: str, value: object) -> None:
        if value is None:
            return
        if type(value) not in types:
            raise _wrong_type(field, expected, value)
        if not low <= value <= high:  # type: ignore[operator]
            raise InvalidRequest(
                f"Invalid '{field}': {value} is not between {low:g} and {high:g}.", param=field
            )

    return check


def _positive(field: str, value: object) -> None:
    if value is None:
        return
    if type(value) is not int:
        raise _wrong_type(field, "an integer", value)
    if value < 1:
        raise InvalidRequest(f"Invalid '{field}': {value} is below the minimum of 1.", param=field)


def _stop(field: str, value: object) -> None:
    if value is None or type(value) is str:
        return
    if type(value) is not list or not all(type(item) is str for item in value):
        raise _wrong_type(field, "a string or an array of strings", value)


def _stream_options(field: str, value: object) -> None:
    if value is None:
        return
    if type(value) is not dict:
        raise _wrong_type(field, "an object", value)
    if type(value.get("include_usage", False)) is not bool:
        raise _wrong_type(f"{field}.include_usage", "a boolean", value["include_usage"])


def _tools(field: str, value: object) -> None:
    if value is None:
        return
    if type(value) is not list:
        raise _wrong_type(field, "an array of objects", value)
    for number, tool in enumerate(value):
        place = f"{field}[{number}]"
        if type(tool) is not dict:
            raise _wrong_type(place, "an object", tool)
        if type(tool.get("type")) is not str:
            raise _missing_or_wrong(f"{place}.type", tool, "a string")
        if tool["type"] == "function":
            function = tool.get("function")
            if type(function) is not dict:
                raise _missing_or_wrong(f"{place}.function", tool, "an object")
            _function(f"{place}.function", function)


def _functions(field: str, value: object) -> None:
    if value is None:
        return
    if type(value) is not list:
        raise _wrong_type(field, "an array of objects", value)
    for number, function in enumerate(value):
        if type(function) is not dict:
            raise _wrong_type(f"{field}[{number}]", "an object", function)
        _function(f"{field}[{number}]", function)


def _function(place: str, function: Mapping[str, Any]) -> None:
    name = function.get("name")
    if type(name) is not str:
        raise _missing_or_wrong(f"{place}.name", function, "a string")
    if not name:
        raise InvalidRequest(
            f"Invalid '{place}.name': it must not be empty.", param=f"{place}.name"
        )
    if type(function.get("description")) not in _TEXT_OR_NONE:
        raise _wrong_type(f"{place}.description", "a string", function["description"])
    if type(function.get("parameters")) not in _OBJECT_OR_NONE:
        raise _wrong_type(f"{place}.parameters", "an object", function["parameters"])


def _tool_choice(field: str, value: object) -> None:
    if value is None or type(value) is dict:
        return
    if type(value) is not str:
        raise _wrong_type(field, "a string or an object", value)
    if value not in {"none", "auto", "required"}:
        raise _bad_value(field, value, ("none", "auto", "required"))


def _response_format(field: str, value: object) -> None:
    if value is None:
        return
    if type(value) is not dict:
        raise _wrong_type(field, "an object", value)
    if type(value.get("type")) is not str:
        raise _missing_or_wrong(f"{field}.type", value, "a string")
    if value["type"] == "json_schema":
        inner = value.get("json_schema")
        if type(inner) is not dict:
            raise _missing_or_wrong(f"{field}.json_schema", value, "an object")
        if type(inner.get("schema")) not in _OBJECT_OR_NONE:
            raise _wrong_type(f"{field}.json_schema.schema", "an object", inner["schema"])


_TEXT_OR_NONE = frozenset((str, type(None)))
_OBJECT_OR_NONE = frozenset((dict, type(None)))

_CHECKS: Mapping[str, Check] = {
    "model": _required_text,
    "messages": _messages,
    "stream": _typed("a boolean", bool),
    "stream_options": _stream_options,
    "max_tokens": _positive,
    "max_completion_tokens": _positive,
    "temperature": _between(0, 2),
    "top_p": _between(0, 1),
    "n": _between(1, 128, whole=True),
    "presence_penalty": _between(-2, 2),
    "frequency_penalty": _between(-2, 2),
    "seed": _typed("an integer", int),
    "logprobs": _typed("a boolean", bool),
    "top_logprobs": _between(0, 20, whole=True),
    "logit_bias": _typed("an object", dict),
    "stop": _stop,
    "tools": _tools,
    "tool_choice": _tool_choice,
    "parallel_tool_calls": _typed("a boolean", bool),
    "functions": _functions,
    "function_call": _typed("a string or an object", str, dict),
    "response_format": _response_format,
    "reasoning_effort": _typed("a string", str),
    "user": _typed("a string", str),
    "metadata": _typed("an object", dict),
    "store": _typed("a boolean", bool),
    "modalities": _typed("an array of strings", list),
}


# The words of refusals.


def _type(value: object) -> str:
    if value is None:
        return "null"
    return {
        bool: "a boolean",
        int: "an integer",
        float: "a decimal",
        str: "a string",
        list: "an array",
        dict: "an object",
    }.get(type(value), "something else")


def _wrong_type(place: str, expected: str, value: object) -> InvalidRequest:
    return InvalidRequest(
        f"Invalid type for '{place}': expected {expected}, but got {_type(value)} instead.",
        param=place,
    )


def _missing(place: str) -> InvalidRequest:
    return InvalidRequest(f"Missing required parameter: '{place}'.", param=place)


def _missing_or_wrong(place: str, owner: Mapping[str, Any], expected: str) -> InvalidRequest:
    name = place.rpartition(".")[2]
    return _wrong_type(place, expected, owner[name]) if name in owner else _missing(place)


def _bad_value(place: str, value: str, known: tuple[str, ...]) -> InvalidRequest:
    names = ", ".join(f"'{name}'" for name in known[:-1])
    return InvalidRequest(
        f"Invalid value: '{value[:60]}'. Supported values for '{place}' are:"
        f" {names} and '{known[-1]}'.",
        param=place,
    )
