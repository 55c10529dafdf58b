"""Fields of a client's body that we do not model: passed on, left out for a reason, or refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from laird.providers import hints
from laird.providers.anthropic.refusals import unsupported

NATIVE = frozenset(
    {
        "cache_control",
        "container",
        "diagnostics",
        "inference_geo",
        "output_config",
        "speed",
        "thinking",
        "user_profile_id",
    }
)
"""Fields of Anthropic's own, passed on as they are."""


_TIERS = {"default": "standard_only", "standard_only": "standard_only"}


def extra_fields(extra: Mapping[str, Any], provider: str) -> dict[str, Any]:
    """Return the fields to put into the body. Raises `UnsupportedField` for the first other one."""
    fields: dict[str, Any] = {}
    for name, value in extra.items():
        if value is None or name in hints.BOOKKEEPING or value in hints.NEUTRAL.get(name, ()):
            continue
        if name in NATIVE:
            fields[name] = value
        elif name == "service_tier" and isinstance(value, str) and value in _TIERS:
            fields[name] = _TIERS[value]
        else:
            raise unsupported(provider, name, "its API has nothing like it; leave it out.")
    return fields


def user_id(user: str | None, extra: Mapping[str, Any]) -> str | None:
    """Return who the request is for: `user`, `metadata.user_id` or `safety_identifier`."""
    metadata = extra.get("metadata")
    named = metadata.get("user_id") if isinstance(metadata, Mapping) else None
    for candidate in (user, named, extra.get("safety_identifier")):
        if isinstance(candidate, str) and candidate:
            return candidate
    return None
