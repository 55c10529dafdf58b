"""Checks the shape of a Responses body and extracts what routing needs, in a few microseconds.

Written by hand because it runs for every request: only fields that are there are looked at, and
nothing is built. Shapes are those of `openai.types.responses` in OpenAI's Python SDK.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from laird.dialects.fields import (
    TEXT_OR_NONE,
    Check,
    bad_value,
    between,
    check_body,
    check_function,
    missing,
    missing_or_wrong,
    positive,
    required_text,
    typed,
    wrong_type,
)
from laird.domain.errors import InvalidRequest, UnsupportedField
from laird.domain.plan import RequestFacts

ROLES = ("user", "assistant", "system", "developer")

_TOKENS_PER_IMAGE = 765
_TOKENS_PER_SMALL_IMAGE = 85
"""OpenAI's counts for an image of 1024 pixels a side, and for one of low detail."""
_TOKENS_PER_FILE = 1_500
"""About a page of text with its picture."""

_FORMATS = ("text", "json_object", "json_schema")
_INSTEAD_OF_INPUT = ("previous_response_id", "conversation", "prompt")


def responses_facts(body: Mapping[str, Any]) -> RequestFacts:
    """Check a body and return its facts. See `Dialect.facts`."""
    check_body(body, _CHECKS, _REQUIRED)
    get = body.get
    if get("background") is True:
        raise UnsupportedField(
            "'background' is not supported: an answer is given to the request that asks for it."
            " Leave it out, and stream where the wait is long.",
            param="background",
        )
    if get("previous_response_id") is not None and get("conversation") is not None:
        raise InvalidRequest(
            "'previous_response_id' and 'conversation' can't be used together: send one of them.",
            param="previous_response_id",
        )
    characters, seen = _measure_input(body)
    instructions = get("instructions")
    if instructions:
        characters += len(instructions)
    tools = get("tools")
    if tools:
        characters += len(orjson.dumps(tools))
    form = (get("text") or {}).get("format")
    json_mode = False
    if form is not None:
        json_mode = form["type"] != "text"
        characters += len(orjson.dumps(form)) if json_mode else 0
    effort = (get("reasoning") or {}).get("effort")
    return RequestFacts(
        model=body["model"],
        stream=get("stream") is True,
        tools=bool(tools),
        vision=seen.images > 0,
        json_mode=json_mode,
        reasoning=effort is not None and effort != "none",
        prompt_tokens=(characters + 3) // 4 + seen.tokens,
        max_tokens=get("max_output_tokens"),
    )


class _Seen:
    """What is no text: images, and the estimated tokens of images and files."""

    __slots__ = ("images", "tokens")

    def __init__(self) -> None:
        self.images = 0
        self.tokens = 0


def _measure_input(body: Mapping[str, Any]) -> tuple[int, _Seen]:
    """Check the input; return characters of text and what else was seen."""
    seen = _Seen()
    items = body.get("input")
    if type(items) is str:
        return len(items), seen
    if not items:
        if any(body.get(field) is not None for field in _INSTEAD_OF_INPUT):
            return 0, seen
        if items is None:
            raise missing("input")
        raise InvalidRequest(
            "Invalid 'input': empty array. Expected at least one item.", param="input"
        )
    characters = 0
    for index, item in enumerate(items):
        if type(item) is not dict:
            raise wrong_type(f"input[{index}]", "an object", item)
        kind = item.get("type")
        if kind is None:
            kind = "message" if "role" in item or "id" not in item else "item_reference"
        measure = _ITEMS.get(kind) if type(kind) is str else None
        if measure is not None:
            characters += measure(index, item, seen)
        elif type(kind) is str:
            characters += len(orjson.dumps(item))
        else:
            raise wrong_type(f"input[{index}].type", "a string", kind)
    return characters, seen


def _message(index: int, item: Mapping[str, Any], seen: _Seen) -> int:
    if item.get("role") not in ROLES:
        role, place = item.get("role"), f"input[{index}].role"
        if type(role) is not str:
            raise missing_or_wrong(place, item, "a string")
        raise bad_value(place, role, ROLES)
    content = item.get("content")
    if type(content) is str:
        return len(content)
    if type(content) is not list:
        raise missing_or_wrong(f"input[{index}].content", item, "a string or an array of objects")
    return _parts(f"input[{index}].content", content, seen)


def _parts(place: str, parts: list[Any], seen: _Seen) -> int:
    characters = 0
    for number, part in enumerate(parts):
        if type(part) is not dict:
            raise wrong_type(f"{place}[{number}]", "an object", part)
        kind = part.get("type")
        field = _TEXT_FIELDS.get(kind) if type(kind) is str else None
        if field is not None:
            text = part.get(field)
            if type(text) is not str:
                raise missing_or_wrong(f"{place}[{number}].{field}", part, "a string")
            characters += len(text)
        elif kind == "input_image":
            _image(f"{place}[{number}]", part, seen)
        elif kind == "input_file":
            _file(f"{place}[{number}]", part, seen)
        elif type(kind) is not str:
            raise missing_or_wrong(f"{place}[{number}].type", part, "a string")
    return characters


_TEXT_FIELDS = {"input_text": "text", "output_text": "text", "refusal": "refusal"}


def _image(place: str, part: Mapping[str, Any], seen: _Seen) -> None:
    if type(part.get("image_url")) is not str and type(part.get("file_id")) is not str:
        raise missing_or_wrong(f"{place}.image_url", part, "a string")
    small = part.get("detail") == "low"
    seen.images += 1
    seen.tokens += _TOKENS_PER_SMALL_IMAGE if small else _TOKENS_PER_IMAGE


def _file(place: str, part: Mapping[str, Any], seen: _Seen) -> None:
    for field in ("file_data", "file_url", "file_id", "filename"):
        if type(part.get(field)) not in TEXT_OR_NONE:
            raise wrong_type(f"{place}.{field}", "a string", part[field])
    if not (part.get("file_data") or part.get("file_url") or part.get("file_id")):
        raise missing(f"{place}.file_data")
    seen.tokens += _TOKENS_PER_FILE


def _call(index: int, item: Mapping[str, Any], seen: _Seen) -> int:
    del seen
    for field in ("call_id", "name", "arguments"):
        if type(item.get(field)) is not str:
            raise missing_or_wrong(f"input[{index}].{field}", item, "a string")
    return len(item["name"]) + len(item["arguments"])


def _output(index: int, item: Mapping[str, Any], seen: _Seen) -> int:
    if type(item.get("call_id")) is not str:
        raise missing_or_wrong(f"input[{index}].call_id", item, "a string")
    output = item.get("output")
    if type(output) is str:
        return len(output)
    if type(output) is not list:
        raise missing_or_wrong(f"input[{index}].output", item, "a string or an array of objects")
    return _parts(f"input[{index}].output", output, seen)


def _reasoning(index: int, item: Mapping[str, Any], seen: _Seen) -> int:
    del seen
    if type(item.get("encrypted_content")) not in TEXT_OR_NONE:
        raise wrong_type(f"input[{index}].encrypted_content", "a string", item["encrypted_content"])
    characters = 0
    for field in ("summary", "content"):
        parts = item.get(field)
        if parts is None:
            continue
        if type(parts) is not list:
            raise wrong_type(f"input[{index}].{field}", "an array of objects", parts)
        for number, part in enumerate(parts):
            place = f"input[{index}].{field}[{number}]"
            if type(part) is not dict:
                raise wrong_type(place, "an object", part)
            if type(part.get("text")) is not str:
                raise missing_or_wrong(f"{place}.text", part, "a string")
            characters += len(part["text"])
    return characters


def _reference(index: int, item: Mapping[str, Any], seen: _Seen) -> int:
    del seen
    if type(item.get("id")) is not str:
        raise missing_or_wrong(f"input[{index}].id", item, "a string")
    return 0


_ITEMS: Mapping[str, Callable[[int, Mapping[str, Any], _Seen], int]] = {
    "message": _message,
    "function_call": _call,
    "function_call_output": _output,
    "reasoning": _reasoning,
    "item_reference": _reference,
}


# The checks of single fields.


def _input(field: str, value: object) -> None:
    if type(value) not in _TEXT_LIST_OR_NONE:
        raise wrong_type(field, "a string or an array of objects", value)


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
            check_function(place, tool)


def _tool_choice(field: str, value: object) -> None:
    if value is None:
        return
    if type(value) is dict:
        if type(value.get("type")) is not str:
            raise missing_or_wrong(f"{field}.type", value, "a string")
        return
    if type(value) is not str:
        raise wrong_type(field, "a string or an object", value)
    if value not in {"none", "auto", "required"}:
        raise bad_value(field, value, ("none", "auto", "required"))


def _text(field: str, value: object) -> None:
    if value is None:
        return
    if type(value) is not dict:
        raise wrong_type(field, "an object", value)
    _one_of(f"{field}.verbosity", value.get("verbosity"), ("low", "medium", "high"))
    form = value.get("format")
    if form is None:
        return
    if type(form) is not dict:
        raise wrong_type(f"{field}.format", "an object", form)
    if type(form.get("type")) is not str:
        raise missing_or_wrong(f"{field}.format.type", form, "a string")
    _one_of(f"{field}.format.type", form["type"], _FORMATS)
    if form["type"] == "json_schema":
        if type(form.get("name")) is not str:
            raise missing_or_wrong(f"{field}.format.name", form, "a string")
        if type(form.get("schema")) is not dict:
            raise missing_or_wrong(f"{field}.format.schema", form, "an object")


def _reasoning_options(field: str, value: object) -> None:
    if value is None:
        return
    if type(value) is not dict:
        raise wrong_type(field, "an object", value)
    if type(value.get("effort")) not in TEXT_OR_NONE:
        raise wrong_type(f"{field}.effort", "a string", value["effort"])
    for name in ("summary", "generate_summary"):
        _one_of(f"{field}.{name}", value.get(name), ("auto", "concise", "detailed"))


def _one_of(place: str, value: object, known: tuple[str, ...]) -> None:
    if value is None or value in known:
        return
    if type(value) is not str:
        raise wrong_type(place, "a string", value)
    raise bad_value(place, value, known)


def _truncation(field: str, value: object) -> None:
    _one_of(field, value, ("auto", "disabled"))


def _texts(field: str, value: object) -> None:
    if value is None:
        return
    if type(value) is not list or not all(type(one) is str for one in value):
        raise wrong_type(field, "an array of strings", value)


def _metadata(field: str, value: object) -> None:
    if value is None:
        return
    if type(value) is not dict:
        raise wrong_type(field, "an object", value)
    for name, text in value.items():
        if type(text) is not str:
            raise wrong_type(f"{field}.{name}", "a string", text)


_TEXT_LIST_OR_NONE = frozenset((str, list, type(None)))
_TRUTH = typed("a boolean", bool)
_WORDS = typed("a string", str)
_OBJECT = typed("an object", dict)

_REQUIRED = dict.fromkeys(("model",)).keys()
_CHECKS: Mapping[str, Check] = {
    "model": required_text,
    "input": _input,
    "instructions": _WORDS,
    "stream": _TRUTH,
    "stream_options": _OBJECT,
    "store": _TRUTH,
    "background": _TRUTH,
    "previous_response_id": _WORDS,
    "max_output_tokens": positive,
    "max_tool_calls": positive,
    "temperature": between(0, 2),
    "top_p": between(0, 1),
    "top_logprobs": between(0, 20, whole=True),
    "tools": _tools,
    "tool_choice": _tool_choice,
    "parallel_tool_calls": _TRUTH,
    "text": _text,
    "reasoning": _reasoning_options,
    "include": _texts,
    "metadata": _metadata,
    "truncation": _truncation,
    "user": _WORDS,
    "safety_identifier": _WORDS,
    "prompt_cache_key": _WORDS,
    "service_tier": _WORDS,
    "prompt": _OBJECT,
    "conversation": typed("a string or an object", str, dict),
}
