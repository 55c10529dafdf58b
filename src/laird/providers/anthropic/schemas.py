"""JSON schemas as Anthropic's structured outputs want them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_MAPS = ("properties", "$defs", "definitions")
_LISTS = ("anyOf", "oneOf", "prefixItems")


def closed(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema with `additionalProperties: false` where an object leaves it open.

    The API demands it. Whatever matches the closed schema matches the one that was sent, so the
    promise to the client is kept. A schema that asks for open objects is left for the API to
    refuse.
    """
    result = dict(schema)
    if "properties" in result:
        result.setdefault("additionalProperties", False)
    for name in _MAPS:
        if isinstance(inner := result.get(name), Mapping):
            result[name] = {key: _inner(value) for key, value in inner.items()}
    for name in _LISTS:
        if isinstance(inner := result.get(name), list):
            result[name] = [_inner(value) for value in inner]
    if "items" in result:
        result["items"] = _inner(result["items"])
    return result


def _inner(value: object) -> object:
    return closed(value) if isinstance(value, Mapping) else value
