"""Makes a small value that fits a JSON schema: the demo's idea of structured output."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_DEEPEST = 12

_TEXTS: Mapping[str, str] = {
    "date": "2025-01-01",
    "time": "12:00:00Z",
    "date-time": "2025-01-01T12:00:00Z",
    "email": "demo@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "192.0.2.1",
}
_BY_TYPE: Mapping[str, Any] = {"boolean": True, "null": None}


def instance_of(schema: Any) -> Any:
    """Return a value for the schema: required properties only, else the smallest that is allowed.

    Patterns and conditions are not looked at.
    """
    return _instance(schema, schema, 0)


def _instance(schema: Any, root: Any, depth: int) -> Any:
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return None
    for field in ("const", "default"):
        if field in schema:
            return schema[field]
    for field in ("enum", "examples"):
        if isinstance(schema.get(field), list) and schema[field]:
            return schema[field][0]
    if "$ref" in schema:
        return _instance(_lookup(schema["$ref"], root), root, depth + 1)
    for field in ("anyOf", "oneOf"):
        if isinstance(schema.get(field), list) and schema[field]:
            return _instance(schema[field][0], root, depth + 1)
    if isinstance(schema.get("allOf"), list):
        return _instance(_merged(schema, root), root, depth + 1)
    return _typed(schema, root, depth)


def _typed(schema: Mapping[str, Any], root: Any, depth: int) -> Any:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = kind[0] if kind else None
    if kind == "object" or (kind is None and "properties" in schema):
        return _object(schema, root, depth)
    if kind == "array":
        count = schema.get("minItems", 0)
        return [_instance(schema.get("items", {}), root, depth + 1)] * min(count, 100)
    if kind in {"integer", "number"}:
        return _number(schema)
    if kind == "string":
        text = _TEXTS.get(schema.get("format", ""), "demo")
        return text.ljust(schema.get("minLength", 0), ".")[: schema.get("maxLength")]
    return _BY_TYPE.get(kind or "")


def _object(schema: Mapping[str, Any], root: Any, depth: int) -> dict[str, Any]:
    properties = schema.get("properties") or {}
    names = schema.get("required") or []
    return {name: _instance(properties.get(name, {}), root, depth + 1) for name in names}


def _number(schema: Mapping[str, Any]) -> int | float:
    low, high = schema.get("minimum"), schema.get("maximum")
    if "exclusiveMinimum" in schema:
        low = schema["exclusiveMinimum"] + 1
    value: int | float = low if low is not None else min(0, high) if high is not None else 0
    step = schema.get("multipleOf")
    return -(-value // step) * step if step else value


def _merged(schema: Mapping[str, Any], root: Any) -> dict[str, Any]:
    """Return the parts of an `allOf` as one schema."""
    whole: dict[str, Any] = {"type": schema.get("type"), "properties": {}, "required": []}
    for part in (schema, *schema["allOf"]):
        known = _lookup(part["$ref"], root) if isinstance(part, dict) and "$ref" in part else part
        if isinstance(known, dict):
            rest = {k: v for k, v in known.items() if k not in {"properties", "required", "allOf"}}
            whole.update(rest)
            whole["properties"].update(known.get("properties") or {})
            whole["required"] += known.get("required") or []
    if not whole["properties"]:
        del whole["properties"]
    return whole


def _lookup(reference: Any, root: Any) -> Any:
    """Follow a reference within the document, `#/$defs/Name`."""
    place = root
    if not isinstance(reference, str) or not reference.startswith("#"):
        return None
    for step in reference[1:].strip("/").split("/"):
        if step:
            place = place.get(step) if isinstance(place, dict) else None
    return place
