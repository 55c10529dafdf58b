"""A client's conversation without the thinking of other providers.

A client of Anthropic's format sends back all thinking that it was given, whoever gave it. The API
refuses a block that it has not signed itself, so those of others are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_SEALS = {"thinking": "signature", "redacted_thinking": "data"}
"""Where a thinking block holds what only its provider can read."""


def is_own_seal(seal: str | None) -> bool:
    """Tell whether a signature, or redacted thinking, is Anthropic's own.

    Others carry the kind of their provider and a colon, which base64 does not know; thinking of a
    model that signs nothing has none at all.
    """
    return seal is not None and seal != "" and ":" not in seal


def own_history(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a body without foreign thinking in its `messages`; the same one if there is none.

    Tool calls that lose the thinking they began with can't be followed by thinking for a budget,
    which the API refuses then, so that part of the turn is answered without it.
    """
    messages = body.get("messages")
    if type(messages) is not list or not any(map(_has_foreign, messages)):
        return body
    kept = []
    for message in messages:
        if not _has_foreign(message):
            kept.append(message)
            continue
        content = [block for block in message["content"] if not _is_foreign(block)]
        if content:
            kept.append({**message, "content": content})
    own = {**body, "messages": kept}
    thinking = body.get("thinking")
    if isinstance(thinking, dict) and thinking.get("type") == "enabled" and _is_bare(kept):
        del own["thinking"]
    return own


def _is_bare(messages: list[Any]) -> bool:
    """Tell whether the last answer calls tools and does not begin with thinking."""
    for message in reversed(messages):
        if type(message) is dict and message.get("role") == "assistant":
            content = message.get("content")
            kinds = [block.get("type") for block in content] if type(content) is list else []
            return "tool_use" in kinds and kinds[0] not in _SEALS
    return False


def _has_foreign(message: Any) -> bool:
    if type(message) is not dict or message.get("role") != "assistant":
        return False
    content = message.get("content")
    return type(content) is list and any(map(_is_foreign, content))


def _is_foreign(block: Any) -> bool:
    if type(block) is not dict:
        return False
    field = _SEALS.get(block.get("type", ""))
    if field is None:
        return False
    seal = block.get(field)
    return not (type(seal) is str and is_own_seal(seal))
