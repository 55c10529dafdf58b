"""Fields of a client's body that we do not model: passed on, left out for a reason, or refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from laird.providers import hints
from laird.providers.gemini.refusals import unsupported

_BODY = {
    "cachedContent": "cachedContent",
    "cached_content": "cachedContent",
    "labels": "labels",
    "safetySettings": "safetySettings",
    "safety_settings": "safetySettings",
}
"""Fields of Google's own that stand in the body, as they may be written."""

_CONFIG = {
    "mediaResolution": "mediaResolution",
    "media_resolution": "mediaResolution",
    "thinkingConfig": "thinkingConfig",
    "thinking_config": "thinkingConfig",
}
"""Those that stand in `generationConfig`."""

_WRAPPERS = ("extra_body", "google")
"""Where Google's OpenAI-compatible interface expects its own fields: `extra_body.google`."""

BOOKKEEPING = hints.BOOKKEEPING | {"cache_control"}
"""Labels and hints that change no answer."""


_TIERS = {"default": "standard", "standard": "standard", "flex": "flex", "priority": "priority"}


def extra_fields(extra: Mapping[str, Any], provider: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the fields to put into the body, and those to put into its `generationConfig`.

    Raises `UnsupportedField` for the first one that has no place.
    """
    body: dict[str, Any] = {}
    config: dict[str, Any] = {}
    _collect(extra, body, config, provider)
    return body, config


def _collect(
    extra: Mapping[str, Any], body: dict[str, Any], config: dict[str, Any], provider: str
) -> None:
    for name, value in extra.items():
        if value is None or name in BOOKKEEPING or value in hints.NEUTRAL.get(name, ()):
            continue
        if name in _WRAPPERS and isinstance(value, Mapping):
            _collect(value, body, config, provider)
        elif name in _BODY:
            body[_BODY[name]] = value
        elif name in _CONFIG:
            config[_CONFIG[name]] = value
        elif name == "service_tier" and isinstance(value, str) and value in _TIERS:
            body["serviceTier"] = _TIERS[value]
        else:
            raise unsupported(provider, name, "its API has nothing like it; leave it out.")
