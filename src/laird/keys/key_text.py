"""The text of a key: how it is made, recognised, hashed and read from a request's headers.

The text exists twice: when a key is made, to be shown once, and in each request that carries it.
Everything else knows its SHA-256. A plain hash is enough for 128 random bits; a slow one guards
passwords, which can be guessed.
"""

from __future__ import annotations

import hashlib
import re
import secrets

PREFIX = "lai_"
SHOWN_CHARACTERS = 8
"""How much of a key is stored and shown, so that its owner can tell it from others."""

_RANDOM_BYTES = 16
_KEY = re.compile(PREFIX + r"[0-9a-f]{32}")


def new_key() -> str:
    """Return the text of a new key: `lai_` and 32 random hex characters."""
    return PREFIX + secrets.token_hex(_RANDOM_BYTES)


def digest(text: str) -> str:
    """Return the SHA-256 of a key's text, in hex."""
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()


def looks_like_key(text: str) -> bool:
    """Tell whether a text has the form of a key; that says nothing of whether it is a good one."""
    return _KEY.fullmatch(text) is not None


def contains_key(text: str) -> bool:
    """Tell whether the form of a key occurs anywhere in a text."""
    return _KEY.search(text) is not None


def key_from_headers(authorization: bytes | None, x_api_key: bytes | None) -> str | None:
    """Return what a request presents as its key, or None when it presents nothing.

    Taken are `Authorization: Bearer KEY` (the scheme in any case), `Authorization: KEY` and
    `x-api-key: KEY`. When both headers are there, the one that carries a key of ours counts:
    clients fill the other with a placeholder. Bytes that are not UTF-8 become a key that can't
    exist.
    """
    bearer = _credential(authorization) if authorization else b""
    if x_api_key and not bearer.startswith(b"lai_"):
        other = x_api_key.strip()
        if other:
            bearer = other
    return bearer.decode(errors="replace") if bearer else None


def _credential(authorization: bytes) -> bytes:
    """Return the value of an Authorization header without its Bearer scheme."""
    words = authorization.split(None, 1)
    if words and words[0].lower() == b"bearer":
        return words[1].rstrip() if len(words) > 1 else b""
    return authorization.strip()
