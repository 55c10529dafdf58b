"""Refusals and faults of the Gemini API, read into what all wire formats share.

The body is `{"error": {"code", "message", "status", "details"}}`, or a list of one such object;
the same may come inside a stream that began with status 200, as an event or as plain JSON.
Wire facts: `google/genai/errors.py` of Google's Python SDK, `google/rpc/error_details.proto` (what
stands in `details`), and the API's pages on troubleshooting and rate limits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from laird.domain.errors import (
    CredentialRefused,
    UpstreamError,
    UpstreamGarbled,
    UpstreamRejected,
)
from laird.domain.secret import Secret
from laird.wire.faults import Fault, plain, retry_after_s, upstream_error

_BAD_KEY = re.compile(r"api[ _]key (?:is )?(?:not valid|not found|expired|invalid)", re.IGNORECASE)
_TOO_LONG = re.compile(r"input token count.{0,80}exceeds the maximum", re.IGNORECASE)
_UNPAID = re.compile(r"billing|free tier|prepa(?:y|id)|credits? (?:are|is) depleted", re.IGNORECASE)
_PLACE = re.compile(r"location is not supported", re.IGNORECASE)
_THEIR_FILE = re.compile(r"access the file|cached ?content", re.IGNORECASE)
_LONGEST_QUOTA = 80

_FIELD = re.compile(
    r"\b(generation_?config|tool_?config|safety_?settings|system_?instruction|contents|tools)\b"
    r"(?:\[\d+\])?(?:\.(\w+))?",
    re.IGNORECASE,
)
_CONFIG_FIELDS = {
    "maxoutputtokens": "max_tokens",
    "candidatecount": "n",
    "temperature": "temperature",
    "topp": "top_p",
    "topk": "top_k",
    "seed": "seed",
    "stopsequences": "stop",
    "presencepenalty": "presence_penalty",
    "frequencypenalty": "frequency_penalty",
    "responselogprobs": "logprobs",
    "logprobs": "top_logprobs",
    "responsemimetype": "response_format",
    "responseschema": "response_format",
    "responsejsonschema": "response_format",
    "thinkingconfig": "reasoning_effort",
}
"""The client's names of what stands in `generationConfig`; letters only, since the API writes its
own names in both cases."""
_FIELDS = {
    "contents": "messages",
    "systeminstruction": "messages",
    "tools": "tools",
    "toolconfig": "tool_choice",
    "safetysettings": "safety_settings",
}
_WORDS = (
    ("thinking level", "reasoning_effort"),
    ("thinking_level", "reasoning_effort"),
    ("thinking budget", "reasoning_effort"),
    ("thinking mode", "reasoning_effort"),
    ("logprobs is not", "logprobs"),
    ("ending with a model turn", "messages"),
)
"""What the API says without naming a field."""


class Violation(msgspec.Struct, rename="camel"):
    """A quota that is used up, or a field that is wrong."""

    quota_id: str = ""
    field: str = ""
    description: str = ""


class Detail(msgspec.Struct, rename="camel"):
    """An entry of `details` of any type; the fields of other types keep their defaults."""

    reason: str = ""
    retry_delay: str = ""
    violations: list[Violation] = []
    field_violations: list[Violation] = []


class ErrorBody(msgspec.Struct):
    """The `error` object."""

    code: int | None = None
    message: str = ""
    status: str = ""
    details: msgspec.Raw = msgspec.Raw(b"[]")


class _Envelope(msgspec.Struct):
    error: ErrorBody


_ENVELOPE: msgspec.json.Decoder[_Envelope | list[_Envelope]] = msgspec.json.Decoder(
    _Envelope | list[_Envelope]
)
_DETAILS = msgspec.json.Decoder(list[Detail])


class Voice(msgspec.Struct, frozen=True):
    """Whose words these are: our id of the provider, and the credential that must not show."""

    provider: str
    secret: Secret | None = None

    def plain(self, text: str) -> str:
        """Return the provider's text fit for a message."""
        return plain(text, self.secret.reveal() if self.secret else None)

    def garbled(self, what: str) -> UpstreamGarbled:
        """Return the error for something that is not of the Gemini API."""
        return UpstreamGarbled(
            f"{self.provider} sent {what}. Check that its endpoint speaks Google's Gemini API."
        )


class _Told(msgspec.Struct, frozen=True):
    """What the details of an error say."""

    reasons: frozenset[str] = frozenset()
    quotas: tuple[str, ...] = ()
    wait_s: float | None = None
    field: str = ""


def read_error(
    status: int, headers: Mapping[str, str], body: bytes, *, voice: Voice
) -> UpstreamError:
    """Return the error of an answer other than 200."""
    wait = retry_after_s(headers)
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
        found = _ENVELOPE.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    if isinstance(found, list):
        return found[0].error if found else None
    return found.error


def stream_error(error: ErrorBody, voice: Voice) -> UpstreamError:
    """Return what an error means that came with status 200."""
    return _explain(error, error.code or 500, None, voice)


def _explain(error: ErrorBody, status: int, wait: float | None, voice: Voice) -> UpstreamError:
    told = _told(error.details)
    message = voice.plain(error.message)
    special = _special(error, message, status, voice)
    if special is not None:
        return special
    if told.quotas:
        quota = voice.plain(told.quotas[0])[:_LONGEST_QUOTA]
        message = f"{message.rstrip(' .')} ({quota})"
    fault = Fault(
        status=status,
        message=message,
        code=_code(error, status, told),
        error_type=error.status or None,
        param=field_of(f"{told.field} {error.message}"),
        retry_after_s=told.wait_s if wait is None else wait,
    )
    return upstream_error(voice.provider, fault)


def _special(error: ErrorBody, message: str, status: int, voice: Voice) -> UpstreamError | None:
    """Return the error where neither status nor code tells what the words do."""
    said = f"{voice.provider} answered {status}: {message.rstrip(' .')}."
    if error.status == "FAILED_PRECONDITION" and _PLACE.search(message):
        return CredentialRefused(
            f"{said} Google does not serve this account where Laird runs: use another provider.",
            status=status,
        )
    if status == 403 and _THEIR_FILE.search(message):
        return UpstreamRejected(
            f"{said} The request names a file that the provider's account can't read.",
            status=status,
            error_type=error.status or None,
            param="messages",
        )
    return None


def _code(error: ErrorBody, status: int, told: _Told) -> str | None:
    """Return the common code for what status, reasons or text tell, if there is one."""
    if any(reason.startswith("API_KEY_") for reason in told.reasons) or (
        status == 400 and _BAD_KEY.search(error.message)
    ):
        return "invalid_api_key"
    if _is_spent(error, status, told):
        return "insufficient_quota"
    if status == 404 and "model" in error.message.lower():
        # "models/gemini-1.5-pro is not found for API version v1beta, or is not supported for …"
        return "model_not_found"
    if status == 400 and _TOO_LONG.search(error.message):
        return "context_length_exceeded"
    return None


def _is_spent(error: ErrorBody, status: int, told: _Told) -> bool:
    """Say whether waiting for a moment is no cure: a day's quota, or money."""
    if error.status == "FAILED_PRECONDITION":
        return _UNPAID.search(error.message) is not None
    if status != 429:
        return False
    if told.quotas:
        return any("PerDay" in quota for quota in told.quotas)
    # "You exceeded your current quota, please check your plan and billing details."
    return told.wait_s is None and _UNPAID.search(error.message) is not None


def _told(raw: msgspec.Raw) -> _Told:
    try:
        details = _DETAILS.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _Told()
    fields = [
        violation.field or violation.description
        for detail in details
        for violation in detail.field_violations
    ]
    waits = [wait for detail in details if (wait := _seconds(detail.retry_delay)) is not None]
    return _Told(
        reasons=frozenset(detail.reason for detail in details if detail.reason),
        quotas=tuple(
            violation.quota_id
            for detail in details
            for violation in detail.violations
            if violation.quota_id
        ),
        wait_s=max(waits, default=None),
        field=fields[0] if fields else "",
    )


def _seconds(duration: str) -> float | None:
    """Read a duration as Google writes it: `34.07s`."""
    number = duration.removesuffix("s")
    if number == duration or not number.replace(".", "", 1).isdecimal():
        return None
    return float(number)


def field_of(message: str) -> str | None:
    """Return the client's name of the field that a message of the API is about, if any."""
    found = _FIELD.search(message)
    if found is None:
        return next((name for words, name in _WORDS if words in message.lower()), None)
    outer = found[1].replace("_", "").lower()
    if outer != "generationconfig":
        return _FIELDS[outer]
    inner = found[2]
    return _CONFIG_FIELDS.get(inner.replace("_", "").lower(), inner) if inner else None
