"""Items of a conversation as they are kept, listed, and sent to an upstream that keeps nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from laird.dialects.responses_seals import is_readable

Item = Mapping[str, Any]

_PREFIXES = {
    "message": "msg",
    "function_call": "fc",
    "function_call_output": "fco",
    "reasoning": "rs",
}
_ENCRYPTED = "reasoning.encrypted_content"


def input_items(body: Mapping[str, Any]) -> list[Item]:
    """Return the input of a checked body as items."""
    given = body.get("input")
    if type(given) is str:
        return [{"type": "message", "role": "user", "content": given}]
    return list(given or ())


def referred(items: Iterable[Item]) -> list[str]:
    """Return the ids of the items that are only referred to."""
    return [item["id"] for item in items if _is_reference(item)]


def resolved(items: Iterable[Item], known: Mapping[str, Item]) -> list[Item]:
    """Return the items with those that are known in the place of references to them."""
    return [known.get(item["id"], item) if _is_reference(item) else item for item in items]


def _is_reference(item: Item) -> bool:
    kind = item.get("type")
    return kind == "item_reference" or (kind is None and "role" not in item)


def id_of(item: Item, serial: str, place: int) -> str:
    """Return an input item's id: its own, or one by its place in the response `serial`."""
    given = item.get("id")
    if isinstance(given, str) and given:
        return given
    prefix = _PREFIXES.get(item.get("type") or "message", "item")
    return f"{prefix}_{serial}i{place:03d}"


def listed(item: Item, item_id: str) -> dict[str, Any]:
    """Return an item in the full form in which items are listed."""
    whole = {**item, "id": item_id, "type": item.get("type") or "message"}
    if whole["type"] in {"message", "function_call", "function_call_output"}:
        whole["status"] = item.get("status") or "completed"
    content = item.get("content")
    if whole["type"] == "message" and isinstance(content, str):
        if item.get("role") == "assistant":
            part: dict[str, Any] = {"type": "output_text", "text": content, "annotations": []}
        else:
            part = {"type": "input_text", "text": content}
        whole["content"] = [part]
    elif isinstance(content, list):
        whole["content"] = [_listed_part(part) for part in content]
    return whole


def _listed_part(part: Mapping[str, Any]) -> Mapping[str, Any]:
    if part.get("type") == "input_image" and part.get("detail") is None:
        return {**part, "detail": "auto"}
    return part


def forwardable(body: Mapping[str, Any], *, keep: bool) -> dict[str, Any]:
    """Return a body for an upstream that speaks the format.

    Laird alone keeps responses, so the upstream is told to keep none; where Laird does (`keep`),
    it is asked for the thinking in the form that can be sent back. Thinking of other providers,
    which it could not read, is left out.
    """
    out = {**body, "store": False}
    out.pop("previous_response_id", None)
    items = body.get("input")
    if type(items) is list and any(item.get("type") == "reasoning" for item in items):
        out["input"] = [
            item for item in items if item.get("type") != "reasoning" or is_readable(item)
        ]
    if keep and body.get("reasoning"):
        included = body.get("include") or []
        if _ENCRYPTED not in included:
            out["include"] = [*included, _ENCRYPTED]
    return out
