"""Checks of a Messages body's own fields, in the words of Anthropic's API.

None of an optional field means that it was not said. Wire facts: `anthropic.types` of the Python
SDK (`MessageCreateParams`, `ToolUnionParam`, `ToolChoiceParam`, `ThinkingConfigParam`,
`OutputConfigParam`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from laird.domain.errors import InvalidRequest

Check = Callable[[str, Any], None]
"""Takes a field's path and value. Raises `InvalidRequest` that names the field."""

LEAST_BUDGET = 1024
"""The smallest `thinking.budget_tokens`."""

EFFORTS = ("low", "medium", "high", "xhigh", "max")

_CHOICES = ("auto", "any", "tool", "none")
_OWN_TOOL = frozenset((None, "custom"))
_TEXT = "a valid string"
_OBJECT = "an object"


def wrong(place: str, what: str) -> InvalidRequest:
    """Return the refusal of a field: its path and what is wrong."""
    return InvalidRequest(f"{place}: {what}", param=place)


def missing(place: str) -> InvalidRequest:
    """Return the refusal of a body without a field."""
    return wrong(place, "Field required")


def need(owner: Mapping[str, Any], place: str, field: str, kind: type, expected: str) -> Any:
    """Return a field that must be there, of one type. Raises `InvalidRequest`."""
    value = owner.get(field)
    if type(value) is kind:
        return value
    path = f"{place}.{field}"
    raise should_be(path, expected) if field in owner else missing(path)


def need_text(owner: Mapping[str, Any], place: str, field: str) -> str:
    """Return a text that must be there."""
    value: str = need(owner, place, field, str, _TEXT)
    return value


def need_object(owner: Mapping[str, Any], place: str, field: str) -> dict[str, Any]:
    """Return an object that must be there."""
    value: dict[str, Any] = need(owner, place, field, dict, _OBJECT)
    return value


def should_be(place: str, expected: str) -> InvalidRequest:
    """Return the refusal of a value that is none of what it may be."""
    return wrong(place, f"Input should be {expected}")


def one_of(words: tuple[str, ...]) -> str:
    """Return words as the API lists them."""
    return ", ".join(f"'{word}'" for word in words[:-1]) + f" or '{words[-1]}'"


def check_model(field: str, value: object) -> None:
    """Check the model's name."""
    if type(value) is not str:
        raise should_be(field, _TEXT)
    if not value.strip():
        raise wrong(field, "String should have at least 1 character")


def _messages(field: str, value: object) -> None:
    if type(value) is not list:
        raise should_be(field, "a valid list")
    if not value:
        raise wrong(field, "at least one message is required")


def _max_tokens(field: str, value: object) -> None:
    if type(value) is not int:
        raise should_be(field, "a valid integer")
    if value < 0:
        raise should_be(field, "greater than or equal to 0")


def _typed(expected: str, *types: type) -> Check:
    allowed = frozenset((*types, type(None)))

    def check(field: str, value: object) -> None:
        if type(value) not in allowed:
            raise should_be(field, expected)

    return check


def _number(high: float | None, *, whole: bool = False) -> Check:
    types = {int} if whole else {int, float}
    expected = "a valid integer" if whole else "a valid number"

    def check(field: str, value: Any) -> None:
        if value is None:
            return
        if type(value) not in types:
            raise should_be(field, expected)
        if value < 0:
            raise should_be(field, "greater than or equal to 0")
        if high is not None and value > high:
            raise should_be(field, f"less than or equal to {high:g}")

    return check


def _stop_sequences(field: str, value: object) -> None:
    if value is None:
        return
    if type(value) is not list:
        raise should_be(field, "a valid list")
    for number, text in enumerate(value):
        if type(text) is not str:
            raise should_be(f"{field}.{number}", _TEXT)


def _tools(field: str, value: object) -> None:
    if value is None:
        return
    if type(value) is not list:
        raise should_be(field, "a valid list")
    for number, tool in enumerate(value):
        place = f"{field}.{number}"
        if type(tool) is not dict:
            raise should_be(place, _OBJECT)
        kind = tool.get("type")
        if kind in _OWN_TOOL if type(kind) in {str, type(None)} else False:
            _own_tool(place, tool)
        elif type(kind) is not str:
            raise should_be(f"{place}.type", _TEXT)


def _own_tool(place: str, tool: Mapping[str, Any]) -> None:
    """Check a tool of the client's, which has a name and a schema."""
    if not need_text(tool, place, "name"):
        raise wrong(f"{place}.name", "String should have at least 1 character")
    need_object(tool, place, "input_schema")
    if type(tool.get("description")) not in {str, type(None)}:
        raise should_be(f"{place}.description", _TEXT)
    examples = tool.get("input_examples")
    if examples is not None and type(examples) is not list:
        raise should_be(f"{place}.input_examples", "a valid list")


def _tool_choice(field: str, value: object) -> None:
    if value is None:
        return
    if type(value) is not dict:
        raise should_be(field, _OBJECT)
    kind = need_text(value, field, "type")
    if kind not in _CHOICES:
        raise should_be(f"{field}.type", one_of(_CHOICES))
    if kind == "tool":
        need_text(value, field, "name")
    if type(value.get("disable_parallel_tool_use")) not in {bool, type(None)}:
        raise should_be(f"{field}.disable_parallel_tool_use", "a valid boolean")


def _thinking(field: str, value: object) -> None:
    if value is None:
        return
    if type(value) is not dict:
        raise should_be(field, _OBJECT)
    if need_text(value, field, "type") == "enabled":
        budget = need(value, field, "budget_tokens", int, "a valid integer")
        if budget < LEAST_BUDGET:
            raise should_be(f"{field}.budget_tokens", f"greater than or equal to {LEAST_BUDGET}")


def _output_config(field: str, value: object) -> None:
    if value is None:
        return
    if type(value) is not dict:
        raise should_be(field, _OBJECT)
    effort = value.get("effort")
    if effort is not None and (type(effort) is not str or effort not in EFFORTS):
        raise should_be(f"{field}.effort", one_of(EFFORTS))
    _output_format(f"{field}.format", value.get("format"))


def _output_format(field: str, value: object) -> None:
    if value is None:
        return
    if type(value) is not dict:
        raise should_be(field, _OBJECT)
    if need_text(value, field, "type") != "json_schema":
        raise should_be(f"{field}.type", "'json_schema'")
    need_object(value, field, "schema")


def _metadata(field: str, value: object) -> None:
    if value is None:
        return
    if type(value) is not dict:
        raise should_be(field, _OBJECT)
    if type(value.get("user_id")) not in {str, type(None)}:
        raise should_be(f"{field}.user_id", _TEXT)


CHECKS: Mapping[str, Check] = {
    "model": check_model,
    "max_tokens": _max_tokens,
    "messages": _messages,
    "system": _typed("a valid string or a list of text blocks", str, list),
    "stream": _typed("a valid boolean", bool),
    "temperature": _number(1),
    "top_p": _number(1),
    "top_k": _number(None, whole=True),
    "stop_sequences": _stop_sequences,
    "tools": _tools,
    "tool_choice": _tool_choice,
    "thinking": _thinking,
    "output_config": _output_config,
    "output_format": _output_format,
    "metadata": _metadata,
    "service_tier": _typed(_TEXT, str),
}
