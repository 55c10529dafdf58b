"""Writes errors of ours as OpenAI's API does, for all dialects of its family."""

from __future__ import annotations

import orjson

from laird.domain.errors import (
    AccessError,
    LairdError,
    NoLocalProvider,
    NotAllowed,
    QuotaExceeded,
    RateLimited,
    RefusedByPrivacy,
    RequestError,
    UpstreamModelMissing,
    UpstreamQuota,
    UpstreamRateLimited,
    UpstreamRejected,
)

_TYPES: tuple[tuple[type[LairdError], str], ...] = (
    (RequestError, "invalid_request_error"),
    (UpstreamRejected, "invalid_request_error"),
    (UpstreamModelMissing, "invalid_request_error"),
    (NotAllowed, "permission_error"),
    (NoLocalProvider, "permission_error"),
    (RefusedByPrivacy, "permission_error"),
    (AccessError, "authentication_error"),
    (RateLimited, "rate_limit_error"),
    (UpstreamRateLimited, "rate_limit_error"),
    (QuotaExceeded, "insufficient_quota"),
    (UpstreamQuota, "insufficient_quota"),
)
"""OpenAI's `type` of an error; all others are `server_error`."""


def write_error(error: LairdError, *, messages: str = "messages") -> bytes:
    """Write `{"error": {message, type, param, code}}`; all four are always there.

    `messages` is what the client calls the field that errors of planning know as `messages`.
    """
    return orjson.dumps({"error": error_object(error, messages=messages)})


def error_object(error: LairdError, *, messages: str = "messages") -> dict[str, str | None]:
    """Return the object that tells an error. See `write_error`."""
    kind = next((name for cls, name in _TYPES if isinstance(error, cls)), "server_error")
    code: str | None = error.code
    param = getattr(error, "param", None)
    if param == "messages":
        param = messages
    if isinstance(error, UpstreamRejected):
        kind = error.error_type or kind
        code = error.upstream_code or code
    return {"message": error.message, "type": kind, "param": param, "code": code}
