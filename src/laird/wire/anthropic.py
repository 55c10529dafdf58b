"""Anthropic's Messages format as it is on the wire: counts, stop reasons, events and errors.

Wire facts: `anthropic.types` (`Message`, `Usage`, `StopReason`, `RawMessageStreamEvent`,
`types/shared`) of Anthropic's Python SDK, and the API's pages on errors and streaming.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from laird.domain.chat import FinishReason
from laird.domain.errors import UpstreamError
from laird.domain.tokens import TokenUsage
from laird.wire.faults import Fault, plain, upstream_error

FINISHES = {
    "end_turn": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
    "max_tokens": FinishReason.LENGTH,
    "model_context_window_exceeded": FinishReason.LENGTH,
    # Only the API's own tools pause a turn: the answer is not whole, and there is no other word.
    "pause_turn": FinishReason.LENGTH,
    "tool_use": FinishReason.TOOL_CALLS,
    "refusal": FinishReason.CONTENT_FILTER,
}
STOPS = {
    FinishReason.STOP: "end_turn",
    FinishReason.LENGTH: "max_tokens",
    FinishReason.TOOL_CALLS: "tool_use",
    FinishReason.CONTENT_FILTER: "refusal",
}

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


class CacheCreation(msgspec.Struct):
    """Tokens written to the prompt cache, by time to live."""

    ephemeral_5m_input_tokens: int = 0
    ephemeral_1h_input_tokens: int = 0


class OutputDetails(msgspec.Struct):
    """What the output tokens were spent on."""

    thinking_tokens: int = 0


class Usage(msgspec.Struct):
    """Counts, of a message or cumulative in a stream; None means not told."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation: CacheCreation | None = None
    output_tokens_details: OutputDetails | None = None

    def updated(self, later: Usage) -> Usage:
        """Return these counts with those that `later` tells in their place."""
        told = {
            name: value
            for name in self.__struct_fields__
            if (value := getattr(later, name)) is not None
        }
        return msgspec.structs.replace(self, **told)

    def tokens(self, *, estimated: bool = False) -> TokenUsage:
        """Return our counts: the whole input is plain, cache-written and cache-read together."""
        written = self.cache_creation_input_tokens
        parts = self.cache_creation
        for_an_hour = 0 if parts is None else parts.ephemeral_1h_input_tokens
        if written is None:
            written = 0 if parts is None else parts.ephemeral_5m_input_tokens + for_an_hour
        read = self.cache_read_input_tokens or 0
        details = self.output_tokens_details
        return TokenUsage(
            prompt=(self.input_tokens or 0) + written + read,
            completion=self.output_tokens or 0,
            cached=read,
            cache_write=written,
            cache_write_1h=for_an_hour,
            reasoning=details.thinking_tokens if details else 0,
            estimated=estimated,
        )


def wire_usage(usage: TokenUsage) -> dict[str, Any]:
    """Return the `usage` object for our counts: the three kinds of input apart."""
    counts: dict[str, Any] = {
        "input_tokens": max(0, usage.prompt - usage.cached - usage.cache_write),
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cached,
        "output_tokens": usage.completion,
    }
    if usage.reasoning:
        counts["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    return counts


def finish_of(stop_reason: str) -> FinishReason:
    """Return our reason; one that is not known yet is still a stop of the model's own."""
    return FINISHES.get(stop_reason, FinishReason.STOP)


# Errors


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
"""Fields that the canonical form knows by another name."""


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


def read_envelope(body: bytes) -> ErrorBody | None:
    """Return the error that a body holds, or None when it is nothing of the kind."""
    try:
        return _ENVELOPE.decode(body).error
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def explained(
    provider: str,
    error: ErrorBody,
    status: int,
    *,
    retry_after_s: float | None = None,
    secret: str | None = None,
) -> UpstreamError:
    """Return what an error means; `secret` is masked where the message quotes it."""
    fault = Fault(
        status=status,
        message=plain(error.message, secret),
        code=_code(error, status),
        error_type=error.type or None,
        param=field_of(error.message),
        retry_after_s=retry_after_s,
    )
    return upstream_error(provider, fault)


def stream_error(provider: str, error: ErrorBody, *, secret: str | None = None) -> UpstreamError:
    """Return what an error means that came with status 200."""
    return explained(provider, error, STATUSES.get(error.type, 500), secret=secret)


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
    """Return the common name of the field that a message of the API begins with, if any."""
    found = _FIELD.match(message)
    if found is None:
        return None
    path = found[1]
    for prefix, name in _FIELDS.items():
        if path == prefix or path.startswith(f"{prefix}."):
            return name
    return path
