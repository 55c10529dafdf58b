"""API keys as values."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Scope(StrEnum):
    """What a key may be used for."""

    INFERENCE = "inference"
    ADMIN = "admin"
    OPERATOR = "operator"
    VIEWER = "viewer"


class PrivacyClass(StrEnum):
    """What a key's requests are allowed to reach."""

    ANY = "any"
    LOCAL_ONLY = "local"


class RateLimit(msgspec.Struct, frozen=True):
    """Limits per minute; None means unlimited."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """One client key. The key's text is never here: only its SHA-256 and first 8 characters."""

    id: str
    name: str
    digest: str
    """SHA-256 of the whole key, hex."""
    prefix: str
    created_us: int
    expires_us: int | None = None
    enabled: bool = True
    scopes: frozenset[str] = frozenset({Scope.INFERENCE})
    allowed_models: frozenset[str] = frozenset()
    """Model ids, `provider/model` keys, aliases or chain ids; empty means all."""
    allowed_providers: frozenset[str] = frozenset()
    """Provider ids; empty means all."""
    privacy: PrivacyClass = PrivacyClass.ANY
    priority: int | None = None
    """Place in a queue, lower first; None means the default for its name."""
    rate: RateLimit = RateLimit()
    last_used_us: int | None = None
    cache: bool = False
    """Its requests use the response cache without asking."""
    keep: bool = False
    """Its requests and answers are kept for a while."""


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who makes a request, and the wishes that came with it."""

    key: ApiKey
    local_only: bool = False
    """By header or by key policy."""
    privacy_reason: str | None = None
    workflow: str | None = None
    node: str | None = None
