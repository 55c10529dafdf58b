"""What a refusal of the Gemini API means, and that it is said in plain words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.providers.gemini.gemini_wire import (
    ADAPTER,
    SECRET,
    error_body,
    quota,
    reason,
    retry,
)

from laird.domain import errors
from laird.providers.gemini.errors import field_of

OVER = "You exceeded your current quota, please check your plan and billing details."
INVALID = "INVALID_ARGUMENT"


def refused(code: int, status: str, message: str, *details: Any, **headers: str) -> Any:
    body = json.dumps(error_body(code, status, message, *details)).encode()
    return ADAPTER.read_error(code, headers, body)


@pytest.mark.parametrize("as_list", [False, True])
def test_a_bad_key_is_a_400_that_is_a_bad_credential(as_list: bool) -> None:
    body: Any = error_body(
        400,
        INVALID,
        f"API key not valid. Please pass a valid API key. ({SECRET})",
        reason("API_KEY_INVALID"),
    )
    raw = json.dumps([body] if as_list else body, indent=2).encode()
    error = ADAPTER.read_error(400, {}, raw)
    assert type(error) is errors.CredentialRefused
    assert error.status == 400
    assert error.message.startswith("google answered 400: API key not valid.")
    assert SECRET not in error.message


@pytest.mark.parametrize(
    "message",
    [
        "API key expired. Please renew the API key.",
        "API Key not found. Please pass a valid API key.",
    ],
)
def test_a_bad_key_is_known_by_its_words_too(message: str) -> None:
    assert type(refused(400, INVALID, message)) is errors.CredentialRefused


@pytest.mark.parametrize(
    ("code", "status", "message", "kind"),
    [
        (401, "UNAUTHENTICATED", "Login required.", errors.CredentialRefused),
        (
            403,
            "PERMISSION_DENIED",
            "Your API key was reported as leaked.",
            errors.CredentialRefused,
        ),
        (
            404,
            "NOT_FOUND",
            "models/gemini-1.5 is not found for v1beta.",
            errors.UpstreamModelMissing,
        ),
        (
            404,
            "NOT_FOUND",
            "This model is no longer available to new users.",
            errors.UpstreamModelMissing,
        ),
        (404, "NOT_FOUND", "", errors.UpstreamFailed),
        (413, INVALID, "Request payload size exceeds the limit.", errors.UpstreamRejected),
        (500, "INTERNAL", "An internal error has occurred.", errors.UpstreamFailed),
        (503, "UNAVAILABLE", "The model is overloaded.", errors.UpstreamFailed),
        (504, "DEADLINE_EXCEEDED", "Deadline expired.", errors.UpstreamFailed),
        (
            400,
            "FAILED_PRECONDITION",
            "Gemini API free tier is not available in your country. Please enable billing.",
            errors.UpstreamQuota,
        ),
        (
            400,
            "FAILED_PRECONDITION",
            "User location is not supported for the API use.",
            errors.CredentialRefused,
        ),
        (400, "FAILED_PRECONDITION", "Something else.", errors.UpstreamRejected),
    ],
)
def test_what_each_means(
    code: int, status: str, message: str, kind: type[errors.UpstreamError]
) -> None:
    error = refused(code, status, message)
    assert type(error) is kind
    assert error.status == code
    assert error.message.startswith(f"google answered {code}: ")


def test_a_prompt_that_does_not_fit() -> None:
    error = refused(
        400,
        INVALID,
        "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
    )
    assert type(error) is errors.UpstreamRejected
    assert error.upstream_code == "context_length_exceeded"


class TestQuotas:
    MINUTE = "GenerateContentInputTokensPerModelPerMinute-FreeTier"
    DAY = "GenerateRequestsPerDayPerProjectPerModel-FreeTier"

    def test_a_minutes_quota_comes_back(self) -> None:
        error = refused(429, "RESOURCE_EXHAUSTED", OVER, quota(self.MINUTE), retry("34.07s"))
        assert type(error) is errors.UpstreamRateLimited
        assert error.retry_after_s == 34.07
        assert self.MINUTE in error.message

    def test_a_days_does_not_whatever_the_delay_says(self) -> None:
        error = refused(429, "RESOURCE_EXHAUSTED", OVER, quota(self.MINUTE, self.DAY), retry("3s"))
        assert type(error) is errors.UpstreamQuota

    def test_money_that_is_gone(self) -> None:
        assert type(refused(429, "RESOURCE_EXHAUSTED", OVER)) is errors.UpstreamQuota
        spent = "Your prepayment credits are depleted."
        assert type(refused(429, "RESOURCE_EXHAUSTED", spent)) is errors.UpstreamQuota

    def test_a_delay_alone_is_waited_for(self) -> None:
        error = refused(429, "RESOURCE_EXHAUSTED", OVER, retry("7s"))
        assert type(error) is errors.UpstreamRateLimited
        assert error.retry_after_s == 7

    def test_headers_say_it_first(self) -> None:
        headers = {"retry-after": "3"}
        body = json.dumps(error_body(429, "RESOURCE_EXHAUSTED", "Slow.", retry("7s"))).encode()
        error = ADAPTER.read_error(429, headers, body)
        assert isinstance(error, errors.UpstreamRateLimited)
        assert error.retry_after_s == 3

    @pytest.mark.parametrize("delay", ["", "7", "soon", "-1s", "s", "1.2.3s"])
    def test_odd_delays_are_not_told(self, delay: str) -> None:
        error = refused(429, "RESOURCE_EXHAUSTED", "Slow.", retry(delay))
        assert type(error) is errors.UpstreamRateLimited
        assert error.retry_after_s is None


def test_a_file_of_somebody_else_is_the_requests_fault() -> None:
    """A client must not be able to have the provider's credential taken for bad."""
    error = refused(
        403,
        "PERMISSION_DENIED",
        "You do not have permission to access the File abc or it may not exist.",
    )
    assert type(error) is errors.UpstreamRejected
    assert (error.status, error.param) == (403, "messages")


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ("* GenerateContentRequest.generation_config.top_p: must be <= 1", "top_p"),
        ("Invalid value at 'generationConfig.maxOutputTokens' (TYPE_INT32)", "max_tokens"),
        ("generation_config.response_json_schema is wrong", "response_format"),
        ("generation_config.thinking_config.thinking_budget", "reasoning_effort"),
        ("generation_config.new_thing is wrong", "new_thing"),
        ("* GenerateContentRequest.contents[0].parts: contents is not specified", "messages"),
        ("Unknown name at 'tools[0].function_declarations[0]'", "tools"),
        ("tool_config.function_calling_config", "tool_choice"),
        ("safety_settings[0].category", "safety_settings"),
        ("Thinking level is not supported for this model.", "reasoning_effort"),
        ("Budget 0 is invalid. This model only works in thinking mode.", "reasoning_effort"),
        ("Requests ending with a model turn are not supported.", "messages"),
        ("Logprobs is not enabled for this model.", "logprobs"),
        ("generation_config", None),
        ("Request contains an invalid argument.", None),
    ],
)
def test_the_field_in_the_clients_words(message: str, field: str | None) -> None:
    assert field_of(message) == field
    assert refused(400, INVALID, message).param == field


def test_a_violation_names_the_field_where_the_message_does_not() -> None:
    violation = {"field": "generation_config.temperature", "description": "too hot"}
    detail = {"@type": "x/google.rpc.BadRequest", "fieldViolations": [violation]}
    error = refused(400, INVALID, "Request contains an invalid argument.", detail)
    assert error.param == "temperature"
    assert error.error_type == INVALID


@pytest.mark.parametrize(
    "details", [{}, "x", [1], [{"violations": "x"}], [{"retryDelay": 5}], None]
)
def test_odd_details_do_no_harm(details: Any) -> None:
    body = {"error": {"code": 400, "message": "No.", "status": INVALID, "details": details}}
    error = ADAPTER.read_error(400, {}, json.dumps(body).encode())
    assert error.message.startswith("google answered 400: No.")


def test_a_long_quota_name_is_cut() -> None:
    error = refused(429, "RESOURCE_EXHAUSTED", "x" * 500, quota("Q" * 5000))
    assert len(error.message) < 600
