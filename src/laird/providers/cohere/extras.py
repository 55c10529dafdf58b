"""Fields of a client's body that we do not model: passed on, left out for a reason, or refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from laird.providers import hints
from laird.providers.cohere.refusals import unsupported

CHAT_NATIVE = frozenset({"citation_options", "priority", "safety_mode", "strict_tools", "thinking"})
"""Chat fields of Cohere's own, passed on as they are."""

EMBED_NATIVE = frozenset({"max_tokens", "priority", "truncate"})
"""Embedding fields of Cohere's own."""


NEUTRAL = {
    **hints.NEUTRAL,
    "encoding_format": ("float", "base64"),
    "service_tier": ("auto", "default"),
}
"""Values that ask for nothing beyond what happens anyway."""

_REASONS = {
    "documents": "what it would cite has no place in the answer; put the texts into the messages."
}


def extra_fields(extra: Mapping[str, Any], provider: str, native: frozenset[str]) -> dict[str, Any]:
    """Return the fields to put into the body. Raises `UnsupportedField` for the first other one."""
    fields: dict[str, Any] = {}
    for name, value in extra.items():
        if value is None or name in hints.BOOKKEEPING or value in NEUTRAL.get(name, ()):
            continue
        if name not in native:
            why = _REASONS.get(name, "its API has nothing like it; leave it out.")
            raise unsupported(provider, name, why)
        fields[name] = value
    return fields
