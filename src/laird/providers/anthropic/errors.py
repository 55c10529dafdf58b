"""Refusals and faults of Anthropic's API, read into what all wire formats share.

The body is `{"type": "error", "error": {"type", "message", "details": {"error_code"}},
"request_id"}`; the same `error` comes as an event in a stream that began with status 200.
Wire facts: `anthropic.types.shared` and `_error_classes.py` of the Python SDK, and the API's pages
on errors and rate limits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

import msgspec

from laird.domain.errors import UpstreamError, UpstreamGarbled
from laird.domain.secret import Secret
from laird.wire.faults import Fault, plain, retry_after_s, upstream_error

STATUSES = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "conflict_error": 409,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""The status that belongs to an error type, for errors inside a stream."""

_SPENT_CODES = frozenset(
    {
        "contract_spend_limit_reached",
        "enforced_spend_limit_reached",
        "linked_organization_billing_unavailable",
        "linked_organization_spend_limit_reached",
    }
)
_SPENT_WORDS = re.compile(
    r"credit balance is too low|specified (?:api|workspace) usage limits|spend limit", re.IGNORECASE
)
_FIELD = re.compile(r"[\"`]?([a-z_]+(?:\.\w+)*)[\"`]?(?:: | may only | is deprecated | is not )")
_FIELDS = {
    "output_config.format": "response_format",
    "output_config.effort": "reasoning_effort",
    "thinking": "reasoning_effort",
    "stop_sequences": "stop",
    "system": "messages",
    "metadata.user_id": "user",
}
"""Fields that the client knows by another name."""
_LIMITS = ("requests", "tokens", "input-tokens", "output-tokens")


class Details(msgspec.Struct):
    """What the API says beyond the type."""

    error_code: str | None = None


class ErrorBody(msgspec.Struct):
    """The `error` object."""

    type: str = ""
    message: str = ""
    details: Details | None = None


class _Envelope(msgspec.Struct):
    error: ErrorBody


_ENVELOPE = msgspec.json.Decoder(_Envelope)


class Voice(msgspec.Struct, frozen=True):
    """Whose words these are: our id of the provider, and the credential that must not show."""

    provider: str
    secret: Secret | None = None

    def plain(self, text: str) -> str:
        """Return the provider's text fit for a message."""
        return plain(text, self.secret.reveal() if self.secret else None)

    def garbled(self, what: str) -> UpstreamGarbled:
        """Return the error for something that is not of the Messages API."""
        return UpstreamGarbled(
            f"{self.provider} sent {what}. Check that its endpoint speaks Anthropic's Messages API."
        )


def read_error(
    status: int, headers: Mapping[str, str], body: bytes, *, voice: Voice
) -> UpstreamError:
    """Return the error of an answer other than 200."""
    wait = wait_of(headers)
    error = read_envelope(body)
    if error is None:
        cause = "no error of its API, as from a proxy in between" if body else ""
        return upstream_error(
            voice.provider, Fault(status=status, message=cause, retry_after_s=wait)
        )
    return _explain(error, status, wait, voice)


def read_envelope(body: bytes) -> ErrorBody | None:
    """Return the error that a body holds, or None when it is nothing of the kind."""
    try:
        return _ENVELOPE.decode(body).error
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def stream_error(error: ErrorBody, voice: Voice) -> UpstreamError:
    """Return what an error means that came with status 200."""
    return _explain(error, STATUSES.get(error.type, 500), None, voice)


def _explain(error: ErrorBody, status: int, wait: float | None, voice: Voice) -> UpstreamError:
    fault = Fault(
        status=status,
        message=voice.plain(error.message),
        code=_code(error, status),
        error_type=error.type or None,
        param=field_of(error.message),
        retry_after_s=wait,
    )
    return upstream_error(voice.provider, fault)


def _code(error: ErrorBody, status: int) -> str | None:
    """Return the API's own code, or the common one for what only type or text tell."""
    code = error.details.error_code if error.details else None
    if code in _SPENT_CODES or error.type == "billing_error":
        return "insufficient_quota"
    if status == 400 and _SPENT_WORDS.search(error.message):
        return "insufficient_quota"
    if status == 404 and error.type == "not_found_error" and "model" in error.message:
        return "model_not_found"
    return code


def field_of(message: str) -> str | None:
    """Return the client's name of the field that a message of the API begins with, if any."""
    found = _FIELD.match(message)
    if found is None:
        return None
    path = found[1]
    for prefix, name in _FIELDS.items():
        if path == prefix or path.startswith(f"{prefix}."):
            return name
    return path


def wait_of(headers: Mapping[str, str]) -> float | None:
    """Return for how many seconds to wait, or None where the answer does not say.

    Where no `retry-after` says it, it is the moment at which the used-up allowances
    (`anthropic-ratelimit-*-reset`, RFC 3339) are full again, counted from the answer's `date`.
    """
    said = retry_after_s(headers)
    if said is not None:
        return said
    resets = [moment for limit in _LIMITS if (moment := _reset(headers, limit)) is not None]
    try:
        sent = parsedate_to_datetime(headers["date"]).timestamp()
    except (KeyError, ValueError):
        return None
    return max(0.0, max(resets) - sent) if resets else None


def _reset(headers: Mapping[str, str], limit: str) -> float | None:
    """Return when a used-up allowance is full again, Unix seconds."""
    if headers.get(f"anthropic-ratelimit-{limit}-remaining") != "0":
        return None
    try:
        return datetime.fromisoformat(headers[f"anthropic-ratelimit-{limit}-reset"]).timestamp()
    except (KeyError, ValueError):
        return None
