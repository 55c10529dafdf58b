"""Refusals and faults of Cohere's API in plain words."""

from __future__ import annotations

import json

import pytest
from tests.providers.cohere.cohere_wire import SECRET, provider

from laird.domain.errors import (
    CredentialRefused,
    UpstreamError,
    UpstreamFailed,
    UpstreamModelMissing,
    UpstreamQuota,
    UpstreamRateLimited,
    UpstreamRejected,
)
from laird.providers.cohere.adapter import CohereAdapter

ADAPTER = CohereAdapter(provider())


def error_of(status: int, message: str, **headers: str) -> UpstreamError:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ADAPTER.read_error(status, named, json.dumps({"id": "x", "message": message}).encode())


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (400, "invalid request: message must be at least 1 token long", UpstreamRejected),
        (401, "no api key supplied", CredentialRefused),
        (402, "Please add or update your payment method to continue", UpstreamQuota),
        (403, "forbidden", CredentialRefused),
        (404, "404 page not found", UpstreamFailed),
        (
            404,
            "model 'embed-v4.0' not found, make sure the correct ID was used",
            UpstreamModelMissing,
        ),
        (404, "model 'command' was removed on September 15, 2025.", UpstreamModelMissing),
        (404, "finetuned model xyz not found", UpstreamModelMissing),
        (422, "messages: cannot unmarshal", UpstreamRejected),
        (429, "You are past the per minute request limit", UpstreamRateLimited),
        (
            429,
            "trial token rate limit exceeded, limit is 100000 tokens per minute",
            UpstreamRateLimited,
        ),
        (429, "a Trial key, which is limited to 1000 API calls / month", UpstreamQuota),
        (429, "Maximum billing reached for this API key", UpstreamQuota),
        (499, "request cancelled", UpstreamFailed),
        (500, "internal server error", UpstreamFailed),
        (503, "service unavailable", UpstreamFailed),
        (504, "gateway timeout", UpstreamFailed),
    ],
)
def test_what_each_means(status: int, message: str, kind: type[UpstreamError]) -> None:
    error = error_of(status, message)
    assert type(error) is kind
    assert error.status == status
    assert error.message.startswith(f"co answered {status}: ")
    assert message[:20] in error.message


def test_a_word_on_the_deny_list_is_the_content_filter() -> None:
    error = error_of(498, "blocked output: please try again with different input")
    assert isinstance(error, UpstreamRejected)
    assert (error.status, error.upstream_code) == (400, "content_filter")
    assert "498" in error.message
    assert "deny list" in error.message


def test_what_a_model_does_not_do() -> None:
    error = error_of(501, "tools are not implemented for this model")
    assert isinstance(error, UpstreamRejected)
    assert (error.status, error.param) == (400, "tools")


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ("invalid request: presence_penalty must be between 0 and 1", "presence_penalty"),
        ("too many tokens: max tokens must be less than or equal to 4096", "max_tokens"),
        ("invalid request: stop_sequences has too many entries", "stop"),
        ("response_format validation: invalid 'json_schema' provided", "response_format"),
        ("thinking is not supported by this model", "reasoning_effort"),
        ("invalid request: valid input_type must be provided", "input_type"),
        ("total number of texts must be at most 96 - received 104", "input"),
        ("invalid json syntax", None),
    ],
)
def test_the_field_has_the_clients_name(message: str, param: str | None) -> None:
    error = error_of(400, message)
    assert isinstance(error, UpstreamRejected)
    assert error.param == param
    assert error.upstream_code is None


def test_a_prompt_that_does_not_fit() -> None:
    error = error_of(400, "too many tokens: size limit exceeded by 11326 tokens.")
    assert isinstance(error, UpstreamRejected)
    assert error.upstream_code == "context_length_exceeded"
    assert "larger context" in error.message


def test_the_time_to_wait() -> None:
    error = error_of(429, "Please wait and try again later", retry_after="1.5")
    assert isinstance(error, UpstreamRateLimited)
    assert error.retry_after_s == 1.5


def test_a_quoted_key_is_masked() -> None:
    assert SECRET not in error_of(401, f"invalid api token: {SECRET}").message


def test_a_page_of_a_proxy() -> None:
    error = ADAPTER.read_error(502, {}, b"<html>Bad Gateway</html>")
    assert isinstance(error, UpstreamFailed)
    assert "proxy" in error.message
    assert "no reason" in error_of(499, "").message
