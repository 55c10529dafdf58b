"""Checks of a body's fields and the words of their refusals, for the dialects of OpenAI's family.

They are written by hand because they run for every request: only fields that are there are looked
at, and nothing is built. None of an optional field means that it was not said.
"""

from __future__ import annotations

from collections.abc import Callable, KeysView, Mapping
from typing import Any

from laird.domain.errors import InvalidRequest

Check = Callable[[str, Any], None]
"""Takes a field's name and value. Raises `InvalidRequest` that names the field."""

TEXT_OR_NONE = frozenset((str, type(None)))
OBJECT_OR_NONE = frozenset((dict, type(None)))


def check_body(body: object, checks: Mapping[str, Check], required: KeysView[str]) -> None:
    """Check a body's fields, `required` ones in their order. Raises `InvalidRequest`."""
    if not isinstance(body, dict):
        raise InvalidRequest(f"The body must be a JSON object, but it is {type_word(body)}.")
    get = checks.get
    for field, value in body.items():
        check = get(field)
        if check is not None:
            check(field, value)
    if not body.keys() >= required:
        raise missing(next(field for field in required if field not in body))


def check_function(place: str, function: Mapping[str, Any]) -> None:
    """Check what names and describes a function that a model may call, a tool's or its own."""
    name = function.get("name")
    if type(name) is not str:
        raise missing_or_wrong(f"{place}.name", function, "a string")
    if not name:
        raise InvalidRequest(
            f"Invalid '{place}.name': it must not be empty.", param=f"{place}.name"
        )
    if type(function.get("description")) not in TEXT_OR_NONE:
        raise wrong_type(f"{place}.description", "a string", function["description"])
    if type(function.get("parameters")) not in OBJECT_OR_NONE:
        raise wrong_type(f"{place}.parameters", "an object", function["parameters"])


def required_text(field: str, value: object) -> None:
    """Check a text that must be there and say something."""
    if type(value) is not str:
        raise wrong_type(field, "a string", value)
    if not value.strip():
        raise InvalidRequest(f"Invalid '{field}': it must not be empty.", param=field)


def typed(expected: str, *types: type) -> Check:
    """Return a check for values of some types, which `expected` names in words."""
    allowed = frozenset((*types, type(None)))

    def check(field: str, value: object) -> None:
        if type(value) not in allowed:
            raise wrong_type(field, expected, value)

    return check


def between(low: float, high: float, *, whole: bool = False) -> Check:
    """Return a check for numbers in a range, both ends included."""
    types = {int} if whole else {int, float}
    expected = "an integer" if whole else "a number"

    def check(field: str, value: object) -> None:
        if value is None:
            return
        if type(value) not in types:
            raise wrong_type(field, expected, value)
        if not low <= value <= high:  # type: ignore[operator]
            raise InvalidRequest(
                f"Invalid '{field}': {value} is not between {low:g} and {high:g}.", param=field
            )

    return check


def positive(field: str, value: object) -> None:
    """Check an integer of at least 1."""
    if value is None:
        return
    if type(value) is not int:
        raise wrong_type(field, "an integer", value)
    if value < 1:
        raise InvalidRequest(f"Invalid '{field}': {value} is below the minimum of 1.", param=field)


def stop(field: str, value: object) -> None:
    """Check a stop sequence, or several."""
    if value is None or type(value) is str:
        return
    if type(value) is not list or not all(type(item) is str for item in value):
        raise wrong_type(field, "a string or an array of strings", value)


def stream_options(field: str, value: object) -> None:
    """Check the options of a stream."""
    if value is None:
        return
    if type(value) is not dict:
        raise wrong_type(field, "an object", value)
    if type(value.get("include_usage", False)) is not bool:
        raise wrong_type(f"{field}.include_usage", "a boolean", value["include_usage"])


# The words of refusals.


def type_word(value: object) -> str:
    """Return what a JSON value is, in words."""
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


def wrong_type(place: str, expected: str, value: object) -> InvalidRequest:
    """Return the refusal of a value of the wrong type."""
    return InvalidRequest(
        f"Invalid type for '{place}': expected {expected}, but got {type_word(value)} instead.",
        param=place,
    )


def missing(place: str) -> InvalidRequest:
    """Return the refusal of a body without a field that it must have."""
    return InvalidRequest(f"Missing required parameter: '{place}'.", param=place)


def missing_or_wrong(place: str, owner: Mapping[str, Any], expected: str) -> InvalidRequest:
    """Return the refusal of an object whose field is not there, or is of the wrong type."""
    name = place.rpartition(".")[2]
    return wrong_type(place, expected, owner[name]) if name in owner else missing(place)


def bad_value(place: str, value: str, known: tuple[str, ...]) -> InvalidRequest:
    """Return the refusal of a value that is none of those known."""
    names = ", ".join(f"'{name}'" for name in known[:-1])
    return InvalidRequest(
        f"Invalid value: '{value[:60]}'. Supported values for '{place}' are:"
        f" {names} and '{known[-1]}'.",
        param=place,
    )
