"""What answers about keys look like."""

from __future__ import annotations

from typing_extensions import TypedDict


class KeyShown(TypedDict):
    """A key; its text is nowhere. Times are UTC microseconds."""

    id: str
    name: str
    prefix: str
    created_us: int
    expires_us: int | None
    enabled: bool
    scopes: list[str]
    allowed_models: list[str]
    allowed_providers: list[str]
    privacy: str
    priority: int | None
    cache: bool
    keep: bool
    last_used_us: int | None
    requests_per_minute: int | None
    tokens_per_minute: int | None


class KeyMade(KeyShown):
    """A new key with its text, this once."""

    key: str


class KeysShown(TypedDict):
    """All keys, the oldest first."""

    keys: list[KeyShown]
