"""Random texts that open something: of links and of session cookies. Only their hashes are kept."""

from __future__ import annotations

import hashlib
import secrets

_BYTES = 32
_LONGEST = 200


def new_token() -> str:
    """Return 256 random bits as text that fits a URL."""
    return secrets.token_urlsafe(_BYTES)


def new_id(prefix: str) -> str:
    """Return a random id such as `person_1f0c…`, which opens nothing."""
    return f"{prefix}_{secrets.token_hex(8)}"


def digest(token: str) -> str:
    """Return the SHA-256 of a token, hex. A fast hash is enough for what can't be guessed."""
    return hashlib.sha256(token[:_LONGEST].encode(errors="replace")).hexdigest()
