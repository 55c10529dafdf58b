"""Errors in the words of Anthropic's API.

The form is `{"type": "error", "error": {"type", "message", "details": {"error_code"}}}`, and the
same as `event: error` in a stream. Wire facts: `anthropic.types.ErrorResponse` and `_exceptions.py`
of the Python SDK, whose exceptions follow the status, `type` and `error_code`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from laird.domain.errors import (
    AccessError,
    BodyTooLarge,
    CapacityExceeded,
    ContextLengthExceeded,
    LairdError,
    ModelNotFound,
    NoLocalProvider,
    NotAllowed,
    NotFound,
    QuotaExceeded,
    RateLimited,
    RefusedByPrivacy,
    RequestError,
    ShuttingDown,
    UpstreamFailed,
    UpstreamModelDown,
    UpstreamModelMissing,
    UpstreamQuota,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
)
from laird.wire.anthropic import STATUSES

_TYPES: tuple[tuple[type[LairdError], str], ...] = (
    (BodyTooLarge, "request_too_large"),
    (ModelNotFound, "not_found_error"),
    (NotFound, "not_found_error"),
    (UpstreamModelMissing, "not_found_error"),
    (RequestError, "invalid_request_error"),
    (NotAllowed, "permission_error"),
    (NoLocalProvider, "permission_error"),
    (RefusedByPrivacy, "permission_error"),
    (AccessError, "authentication_error"),
    (RateLimited, "rate_limit_error"),
    (UpstreamRateLimited, "rate_limit_error"),
    (QuotaExceeded, "billing_error"),
    (UpstreamQuota, "billing_error"),
    (CapacityExceeded, "overloaded_error"),
    (ShuttingDown, "overloaded_error"),
    (UpstreamModelDown, "overloaded_error"),
    (UpstreamTimeout, "timeout_error"),
)
"""Anthropic's `type` of an error, the first that fits; all others are `api_error`."""

_OVERLOADED = frozenset({503, 529})
_TOO_LONG = "prompt is too long"
"""How the API begins to say it; programs look for these words to shorten a conversation."""
_NAMES: Mapping[str, str] = {
    "parallel_tool_calls": "tool_choice.disable_parallel_tool_use",
    "reasoning_budget": "thinking.budget_tokens",
    "reasoning_effort": "output_config.effort",
    "response_format": "output_config.format",
    "stop": "stop_sequences",
    "user": "metadata.user_id",
}
"""What the canonical form calls a field, and what a client of this format does."""


def error_body(error: LairdError) -> bytes:
    """Write an error body. `code` is ours, beside what the API has itself."""
    return orjson.dumps({"type": "error", "error": _error_object(error)})


def error_event(error: LairdError) -> bytes:
    """Write the event that ends a stream which failed."""
    return b"event: error\ndata: " + error_body(error) + b"\n\n"


def _error_object(error: LairdError) -> dict[str, Any]:
    code, message = error.code, error.message
    if isinstance(error, UpstreamRejected):
        code = error.upstream_code or code
    elif isinstance(error, RequestError) and (name := _NAMES.get(error.param or "")):
        message = message.replace(f"'{error.param}'", f"'{name}'")
    too_long = isinstance(error, ContextLengthExceeded) or code == "context_length_exceeded"
    if too_long and _TOO_LONG not in message.lower():
        message = f"{_TOO_LONG}: {message}"
    return {
        "type": _type_of(error),
        "message": message,
        "code": code,
        "details": {"error_code": code},
    }


def _type_of(error: LairdError) -> str:
    if isinstance(error, UpstreamRejected):
        if error.error_type in STATUSES:
            return str(error.error_type)
        return "request_too_large" if error.status == 413 else "invalid_request_error"
    if isinstance(error, UpstreamFailed) and error.status in _OVERLOADED:
        return "overloaded_error"
    return next((name for kind, name in _TYPES if isinstance(error, kind)), "api_error")
