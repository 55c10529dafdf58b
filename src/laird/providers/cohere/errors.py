"""Refusals and faults of Cohere's API, read into what all wire formats share.

The body is `{"message": "…", "id": "…"}` with no code, so the status and the first words tell.
Wire facts: Cohere's page on errors, and the statuses of `cohere.errors` in the Python SDK: 498 is
for text on a deny list, 499 for a request that was cancelled, 501 for what a model does not do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from laird.domain.errors import UpstreamError, UpstreamFailed, UpstreamGarbled, UpstreamRejected
from laird.domain.secret import Secret
from laird.wire.faults import Fault, plain, retry_after_s, upstream_error

_FIELDS = {
    "temperature": "temperature",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "max_tokens": "max_tokens",
    "max tokens": "max_tokens",
    "stop_sequences": "stop",
    "seed": "seed",
    "logprobs": "logprobs",
    "response_format": "response_format",
    "json_schema": "response_format",
    "strict_tools": "tools",
    "tool_choice": "tool_choice",
    "tool_calls": "messages",
    "tool call": "messages",
    "tools": "tools",
    "thinking": "reasoning_effort",
    "token_budget": "reasoning_effort",
    "safety_mode": "safety_mode",
    "citation_options": "citation_options",
    "output_dimension": "dimensions",
    "input_type": "input_type",
    "texts": "input",
    "messages": "messages",
}
"""What the API calls a field, and what the client does."""
_FIELD = re.compile(rf"\b({'|'.join(_FIELDS)})\b")
_MODEL_GONE = re.compile(r"\bmodel\b.*\b(not found|removed|deprecated)", re.IGNORECASE)
_SPENT = re.compile(
    r"maximum billing reached|payment method|/ ?month|per month|monthly", re.IGNORECASE
)


class ErrorBody(msgspec.Struct):
    """The body of a refusal."""

    message: str


_ERROR = msgspec.json.Decoder(ErrorBody)


class Voice(msgspec.Struct, frozen=True):
    """Whose words these are: our id of the provider, and the credential that must not show."""

    provider: str
    secret: Secret | None = None

    def plain(self, text: str) -> str:
        """Return the provider's text fit for a message."""
        return plain(text, self.secret.reveal() if self.secret else None)

    def garbled(self, what: str) -> UpstreamGarbled:
        """Return the error for something that is not of this API."""
        return UpstreamGarbled(
            f"{self.provider} sent {what}. Check that its endpoint speaks Cohere's API, version 2."
        )


def read_error(
    status: int, headers: Mapping[str, str], body: bytes, *, voice: Voice
) -> UpstreamError:
    """Return the error of an answer other than 200."""
    message = message_of(body)
    if message is None:
        cause = "no error of its API, as from a proxy in between" if body else ""
        fault = Fault(status=status, message=cause, retry_after_s=retry_after_s(headers))
        return upstream_error(voice.provider, fault)
    text = voice.plain(message)
    special = _special(status, text, voice.provider)
    if special is not None:
        return special
    fault = Fault(
        status=status,
        message=text,
        code=_code(status, message),
        param=field_of(message) if status in {400, 422} else None,
        retry_after_s=retry_after_s(headers),
    )
    return upstream_error(voice.provider, fault)


def stream_error(message: str, voice: Voice) -> UpstreamError:
    """Return what an error means that came with status 200."""
    fault = Fault(message=voice.plain(message), code=_code(None, message))
    return upstream_error(voice.provider, fault)


def message_of(body: bytes) -> str | None:
    """Return the message of a refusal, or None when the body is nothing of the kind."""
    try:
        return _ERROR.decode(body).message
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def field_of(message: str) -> str | None:
    """Return the client's name of the field that a message speaks of first, if any."""
    found = _FIELD.search(message)
    return None if found is None else _FIELDS[found[1]]


def _special(status: int, text: str, provider: str) -> UpstreamError | None:
    """Return the error for a status that only this API has."""
    cause = text.rstrip(" .") or "it gave no reason"
    if status == 498:
        return UpstreamRejected(
            f"{provider} answered 498: {cause}. Something in the request or the answer is on its"
            " deny list: change the request, or ask another model.",
            upstream_code="content_filter",
        )
    if status == 499:
        return UpstreamFailed(
            f"{provider} answered 499: {cause}. The request was cancelled there: try again.",
            status=status,
        )
    if status == 501:
        return UpstreamRejected(
            f"{provider} answered 501: {cause}. The model there can't do what the request asks.",
            param=field_of(text),
        )
    return None


def _code(status: int | None, message: str) -> str | None:
    """Return the common code for what only the text tells."""
    lowered = message.lower()
    if lowered.startswith("too many tokens") and "max tokens" not in lowered:
        return "context_length_exceeded"
    if status == 429 and _SPENT.search(message):
        return "insufficient_quota"
    if status == 404 and _MODEL_GONE.search(message):
        return "model_not_found"
    return None
