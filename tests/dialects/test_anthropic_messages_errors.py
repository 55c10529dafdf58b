"""Errors of ours in the words of Anthropic's API."""

from __future__ import annotations

import json
from typing import Any

import pytest
from anthropic.types import ErrorResponse

from laird.dialects.anthropic_messages import AnthropicMessages, CountTokens
from laird.domain import errors
from laird.domain.errors import LairdError

MESSAGES = AnthropicMessages()


def written(error: LairdError) -> dict[str, Any]:
    body = json.loads(MESSAGES.error(error))
    assert body["type"] == "error"
    if body["error"]["type"] != "request_too_large":
        ErrorResponse.model_validate(body)
    assert body["error"]["details"] == {"error_code": body["error"]["code"]}
    return dict(body["error"])


TYPES: list[tuple[LairdError, str, str]] = [
    (errors.InvalidRequest("m"), "invalid_request_error", "invalid_request"),
    (errors.UnsupportedField("m"), "invalid_request_error", "unsupported_field"),
    (errors.BodyTooLarge("m"), "request_too_large", "request_too_large"),
    (errors.ModelNotFound("m"), "not_found_error", "model_not_found"),
    (errors.NotFound("m"), "not_found_error", "not_found"),
    (errors.UpstreamModelMissing("m"), "not_found_error", "model_not_found"),
    (errors.MissingKey("m"), "authentication_error", "missing_api_key"),
    (errors.InvalidKey("m"), "authentication_error", "invalid_api_key"),
    (errors.NotAllowed("m"), "permission_error", "not_allowed"),
    (errors.NoLocalProvider("m"), "permission_error", "no_local_provider"),
    (errors.RateLimited("m", retry_after_s=1), "rate_limit_error", "rate_limit_exceeded"),
    (errors.UpstreamRateLimited("m"), "rate_limit_error", "rate_limit_exceeded"),
    (errors.QuotaExceeded("m"), "billing_error", "insufficient_quota"),
    (errors.UpstreamQuota("m"), "billing_error", "insufficient_quota"),
    (
        errors.CapacityExceeded("m", retry_after_s=1),
        "overloaded_error",
        "provider_capacity_exceeded",
    ),
    (errors.ShuttingDown("m"), "overloaded_error", "shutting_down"),
    (errors.UpstreamFailed("m", status=529), "overloaded_error", "provider_error"),
    (errors.UpstreamFailed("m", status=500), "api_error", "provider_error"),
    (errors.UpstreamTimeout("m", phase="idle"), "timeout_error", "provider_timeout"),
    (errors.Unreachable("m"), "api_error", "provider_error"),
    (errors.CredentialRefused("m"), "api_error", "provider_error"),
    (errors.UsageUnavailable("m"), "api_error", "usage_unavailable"),
    (LairdError("m"), "api_error", "server_error"),
    (errors.UpstreamRejected("m"), "invalid_request_error", "invalid_request"),
    (errors.UpstreamRejected("m", status=413), "request_too_large", "invalid_request"),
    (
        errors.UpstreamRejected("m", error_type="not_found_error", upstream_code="c"),
        "not_found_error",
        "c",
    ),
    (
        errors.UpstreamRejected("m", error_type="BadRequestError"),
        "invalid_request_error",
        "invalid_request",
    ),
]


@pytest.mark.parametrize(("error", "kind", "code"), TYPES)
def test_type_and_code(error: LairdError, kind: str, code: str) -> None:
    found = written(error)
    assert (found["type"], found["code"], found["message"]) == (kind, code, error.message)


@pytest.mark.parametrize(
    "error",
    [
        errors.ContextLengthExceeded("It has 9 tokens."),
        errors.UpstreamRejected("It has 9 tokens.", upstream_code="context_length_exceeded"),
    ],
)
def test_a_prompt_that_is_too_long_is_told_in_the_words_that_programs_look_for(
    error: LairdError,
) -> None:
    assert written(error)["message"] == "prompt is too long: It has 9 tokens."


def test_the_words_are_not_said_twice() -> None:
    said = "claude answered 400: prompt is too long: 9 tokens."
    assert written(errors.ContextLengthExceeded(said))["message"] == said


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("reasoning_effort", "output_config.effort"),
        ("stop", "stop_sequences"),
        ("response_format", "output_config.format"),
        ("top_k", "top_k"),
    ],
)
def test_fields_have_the_names_that_the_client_knows(ours: str, theirs: str) -> None:
    error = errors.UnsupportedField(f"p can't honour '{ours}': leave it out.", param=ours)
    assert written(error)["message"] == f"p can't honour '{theirs}': leave it out."


@pytest.mark.parametrize("dialect", [MESSAGES, CountTokens()])
def test_an_error_ends_a_stream_as_an_event_of_its_own(
    dialect: AnthropicMessages | CountTokens,
) -> None:
    error = errors.UpstreamGarbled("cut")
    assert dialect.error_event(error) == b"event: error\ndata: " + dialect.error(error) + b"\n\n"
