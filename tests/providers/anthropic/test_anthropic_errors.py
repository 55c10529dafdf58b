"""Refusals and faults of Anthropic's API in plain words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from anthropic.types import ErrorResponse
from anthropic.types.shared import ErrorType
from pydantic import TypeAdapter
from tests.providers.anthropic.anthropic_wire import SECRET, provider

from laird.domain.errors import (
    CredentialRefused,
    UpstreamError,
    UpstreamFailed,
    UpstreamModelMissing,
    UpstreamQuota,
    UpstreamRateLimited,
    UpstreamRejected,
)
from laird.providers.anthropic.adapter import AnthropicAdapter
from laird.wire.anthropic import STATUSES

ADAPTER = AnthropicAdapter(provider())


def error_of(
    status: int, kind: str, message: str, code: str | None = None, **headers: str
) -> UpstreamError:
    error: dict[str, Any] = {"type": kind, "message": message}
    if code:
        error["details"] = {"error_code": code}
    body = {"type": "error", "error": error, "request_id": "req_1"}
    if kind != "request_too_large":
        ErrorResponse.model_validate(body)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ADAPTER.read_error(status, named, json.dumps(body).encode())


@pytest.mark.parametrize(
    ("status", "kind", "message", "code", "expected"),
    [
        (400, "invalid_request_error", "max_tokens: Field required", None, UpstreamRejected),
        (
            400,
            "invalid_request_error",
            "Your credit balance is too low to access the Anthropic API.",
            None,
            UpstreamQuota,
        ),
        (
            400,
            "invalid_request_error",
            "You have reached your specified API usage limits.",
            None,
            UpstreamQuota,
        ),
        (401, "authentication_error", "invalid x-api-key", None, CredentialRefused),
        (402, "billing_error", "Check your payment details", None, UpstreamQuota),
        (403, "permission_error", "Your API key may not use this", None, CredentialRefused),
        (404, "not_found_error", "model: claude-nope", None, UpstreamModelMissing),
        (404, "not_found_error", "Not Found", None, UpstreamFailed),
        (413, "request_too_large", "Request exceeds the maximum size", None, UpstreamRejected),
        (422, "invalid_request_error", "Unprocessable", None, UpstreamRejected),
        (429, "rate_limit_error", "This request would exceed", None, UpstreamRateLimited),
        (429, "rate_limit_error", "ramp", "ramp_limit_exceeded", UpstreamRateLimited),
        (429, "rate_limit_error", "spent", "enforced_spend_limit_reached", UpstreamQuota),
        (429, "rate_limit_error", "spent", "contract_spend_limit_reached", UpstreamQuota),
        (500, "api_error", "Internal server error", None, UpstreamFailed),
        (504, "timeout_error", "Request timeout", None, UpstreamFailed),
        (529, "overloaded_error", "Overloaded", None, UpstreamFailed),
    ],
)
def test_each_refusal_becomes_what_it_means(
    status: int, kind: str, message: str, code: str | None, expected: type[UpstreamError]
) -> None:
    error = error_of(status, kind, message, code)
    assert type(error) is expected
    assert error.status == status
    assert error.message.startswith(f"claude answered {status}: ")
    assert message.rstrip(".") in error.message


def test_every_error_type_of_the_sdk_has_a_status() -> None:
    kinds = set(TypeAdapter(ErrorType).json_schema()["enum"])
    # The memory types belong to another part of the API.
    assert {kind for kind in kinds if not kind.startswith("memory_")} <= STATUSES.keys()


@pytest.mark.parametrize(
    "message",
    [
        "prompt is too long: 200251 tokens > 200000 maximum",
        "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000",
    ],
)
def test_a_prompt_that_does_not_fit_is_told_apart(message: str) -> None:
    error = error_of(400, "invalid_request_error", message)
    assert isinstance(error, UpstreamRejected)
    assert error.upstream_code == "context_length_exceeded"


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ("temperature: Extra inputs are not permitted", "temperature"),
        ("`temperature` may only be set to 1 when thinking is enabled", "temperature"),
        ("`top_p` is deprecated for this model.", "top_p"),
        ('"thinking.type.enabled" is not supported for this model.', "reasoning_effort"),
        ("output_config.format.schema: unsupported keyword", "response_format"),
        ("stop_sequences: each must contain non-whitespace", "stop"),
        ("messages.1.content.0: bad image", "messages.1.content.0"),
        ("This model does not support prefill.", None),
        ("Number of tools exceeds 128", None),
    ],
)
def test_the_field_is_named_as_the_client_knows_it(message: str, param: str | None) -> None:
    error = error_of(400, "invalid_request_error", message)
    assert isinstance(error, UpstreamRejected)
    assert error.param == param
    assert error.error_type == "invalid_request_error"


RESET = {
    "anthropic_ratelimit_requests_remaining": "12",
    "anthropic_ratelimit_requests_reset": "2026-11-21T12:59:00Z",
    "anthropic_ratelimit_input_tokens_remaining": "0",
    "anthropic_ratelimit_input_tokens_reset": "2026-11-21T12:00:45Z",
    "anthropic_ratelimit_output_tokens_remaining": "0",
    "anthropic_ratelimit_output_tokens_reset": "2026-11-21T12:00:30Z",
}
DATE = "Sat, 21 Nov 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after_ms": "1500", "retry_after": "9"}, 1.5),
        ({"retry_after": "9"}, 9.0),
        ({"retry_after": "0.5"}, 0.5),
        ({"retry_after": "Sat, 21 Nov 2026 12:00:07 GMT", "date": DATE}, 7.0),
        ({**RESET, "date": DATE}, 45.0),
        ({**RESET, "date": DATE, "retry_after": "3"}, 3.0),
        ({**RESET, "date": "Sat, 21 Nov 2026 12:30:00 GMT"}, 0.0),
        (RESET, None),
        ({**RESET, "date": "yesterday"}, None),
        (
            {
                "anthropic_ratelimit_tokens_remaining": "0",
                "anthropic_ratelimit_tokens_reset": "soon",
                "date": DATE,
            },
            None,
        ),
        ({"date": DATE}, None),
        ({}, None),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    error = error_of(429, "rate_limit_error", "slow down", **headers)
    assert isinstance(error, UpstreamRateLimited)
    assert error.retry_after_s == seconds


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (502, b"<html><h1>Bad Gateway</h1></html>", UpstreamFailed),
        (503, b"", UpstreamFailed),
        (429, b"slow", UpstreamRateLimited),
        (401, b"{}", CredentialRefused),
        (404, b"<html>not here</html>", UpstreamFailed),
        (302, b"", UpstreamFailed),
        (400, b'{"error": "text"}', UpstreamRejected),
        (500, b'{"error": {"type": "\xff"}}', UpstreamFailed),
    ],
)
def test_bodies_that_are_not_of_the_api(
    status: int, body: bytes, expected: type[UpstreamError]
) -> None:
    error = ADAPTER.read_error(status, {}, body)
    assert type(error) is expected
    assert error.status == status
    assert "claude" in error.message
    assert "<" not in error.message


def test_the_credential_never_shows() -> None:
    error = error_of(401, "authentication_error", f"invalid key {SECRET} given")
    assert SECRET not in error.message
    keyless = AnthropicAdapter(provider(secret=None)).read_error(500, {}, b"{}")
    assert isinstance(keyless, UpstreamFailed)
