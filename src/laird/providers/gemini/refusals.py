"""The sentence that says which field of a request the Gemini API can't honour."""

from __future__ import annotations

from laird.domain.errors import UnsupportedField


def unsupported(provider: str, field: str, why: str) -> UnsupportedField:
    """Return the refusal of `field` at the provider of that id."""
    return UnsupportedField(
        f"Provider '{provider}' (Google Gemini) can't honour '{field}': {why}", param=field
    )
