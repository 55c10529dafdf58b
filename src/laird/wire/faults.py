"""From a provider's refusal to the error tree, in plain words.

An adapter reads the body into a `Fault`; what it means is decided here, once for all wire formats.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

import msgspec

from laird.domain.errors import (
    CredentialRefused,
    UpstreamError,
    UpstreamFailed,
    UpstreamModelMissing,
    UpstreamQuota,
    UpstreamRateLimited,
    UpstreamRejected,
)

LONGEST_CAUSE = 300
"""Characters of a provider's own words that a message carries."""

CONTEXT_CODES = frozenset({"context_length_exceeded", "exceed_context_size_error"})
"""OpenAI's and llama.cpp's names for a prompt that does not fit."""
MODEL_CODES = frozenset({"model_not_found", "model_not_exist", "DeploymentNotFound"})
QUOTA_CODES = frozenset(
    {"insufficient_quota", "billing_hard_limit_reached", "insufficient_balance", "quota_exceeded"}
)

_CONTEXT_WORDS = re.compile(
    r"maximum context length|context[ _](length|window|size)[^.]{0,40}exceed"
    r"|(exceed|greater than|larger than|longer than)[^.]{0,40}context"
    r"|context (length|size) (of|is) only|n_keep\b[^.]{0,40}\bn_ctx|too long to fit into the model"
    r"|longer than the maximum model length|token len[^.]{0,60}(is too long|>)"
    r"|prompt is too long|input is too long",
    re.IGNORECASE,
)
_SURE_CONTEXT_WORDS = re.compile(
    r"exceeds the available context size|input length exceeds the context length", re.IGNORECASE
)
"""llama.cpp's own words; servers built on it pass them on with a status of 500."""
_MODEL_WORDS = re.compile(
    r"\bmodels?\b[^.\n]{0,160}\b(not found|does not exist|not exist|unknown|not loaded)"
    r"|no models? loaded|(unknown|invalid|no such) model\b",
    re.IGNORECASE,
)
_IMAGE_WORDS = re.compile(r"image input is not supported|mmproj", re.IGNORECASE)
_KEY_LIKE = re.compile(r"\b(?:sk|pk|rk|lai|gsk|xai|hf|key)[-_][A-Za-z0-9_*.-]{6,}")
_KEY_NAMED = re.compile(
    r"((?:api[ _-]?key|token|secret|bearer|authorization)\W+(?:(?:provided|is|was)\W+)?)"
    r"(?=\S*\d)\S{8,}",
    re.IGNORECASE,
)
_SPACES = re.compile(r"[\s\x00-\x1f\x7f]+")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """A refusal as the provider put it.

    `status` is the HTTP status, or the one that an error event inside a stream of status 200 names;
    None where neither tells. `message` has been through `plain`.
    """

    status: int | None = None
    message: str = ""
    code: str | None = None
    error_type: str | None = None
    param: str | None = None
    retry_after_s: float | None = None


def plain(text: str, secret: str | None = None) -> str:
    """Return a provider's words on one line, short, with nothing in them that looks like a key.

    `secret` is the credential that was sent: where a server quotes it, it is masked.
    """
    if secret:
        text = text.replace(secret, "***")
    text = _SPACES.sub(" ", text[: 4 * LONGEST_CAUSE]).strip()
    text = _KEY_NAMED.sub(r"\1***", _KEY_LIKE.sub("***", text))
    if len(text) > LONGEST_CAUSE:
        text = text[: LONGEST_CAUSE - 1].rstrip() + "…"
    return text


def retry_after_s(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Return the seconds a provider asks to wait, or None where it does not say.

    Reads `retry-after-ms`, then `retry-after` (seconds or an HTTP date, taken against the answer's
    own `Date` where there is one, so that a wrong clock does no harm), then OpenAI's
    `x-ratelimit-reset-*` durations (`1m30s`, `120ms`) of whichever allowance is used up.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after")
    if value is not None:
        seconds = _number(value)
        return seconds if seconds is not None else _until(value, headers.get("date"), now)
    resets = [
        duration
        for what in ("requests", "tokens")
        if headers.get(f"x-ratelimit-remaining-{what}") == "0"
        and (duration := _duration(headers.get(f"x-ratelimit-reset-{what}"))) is not None
    ]
    return max(resets, default=None)


def _number(value: str | None) -> float | None:
    try:
        number = float(value or "")
    except ValueError:
        return None
    return max(0.0, number) if math.isfinite(number) else None


def _until(value: str, date: str | None, now: float | None) -> float | None:
    moment = _instant(value)
    if moment is None:
        return None
    start = _instant(date) if date else None
    if start is None:
        start = time.time() if now is None else now
    return max(0.0, moment - start)


def _instant(value: str) -> float | None:
    try:
        parsed = parsedate_to_datetime(value)
    except (ValueError, TypeError):
        return None
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()


def _duration(value: str | None) -> float | None:
    parts = _DURATION.findall(value or "")
    return sum(float(number) * _SECONDS[unit] for number, unit in parts) if parts else None


def upstream_error(provider: str, fault: Fault) -> UpstreamError:
    """Return what a refusal means; `provider` is our id of who refused."""
    special = _by_code(provider, fault)
    if special is not None:
        return special
    status = fault.status
    if status in {401, 403, 407}:
        return CredentialRefused(
            _say(
                provider, fault, "It refused Laird's credential: check the provider's authSecret."
            ),
            status=status,
        )
    if status == 402:
        return _quota(provider, fault)
    if status == 429:
        return _rate_limited(provider, fault)
    if status is not None and 400 <= status < 500 and status not in {404, 405, 408, 409, 425}:
        return _rejected(provider, fault, "Change the request, or ask another model.")
    return _failed(provider, fault)


def _by_code(provider: str, fault: Fault) -> UpstreamError | None:
    """Return the error where the provider's code or words say more than the status does."""
    names = {fault.code, fault.error_type}
    if names & QUOTA_CODES and fault.status not in {401, 403}:
        return _quota(provider, fault)
    if fault.code == "invalid_api_key":
        return CredentialRefused(
            _say(provider, fault, "Check the provider's authSecret."), status=fault.status
        )
    if fault.error_type == "not_supported_error" or _IMAGE_WORDS.search(fault.message):
        return _rejected(provider, fault, "The model there can't do what the request asks.")
    sure = _SURE_CONTEXT_WORDS.search(fault.message) is not None
    if fault.status is not None and not 400 <= fault.status < 500 and not sure:
        return None
    if sure or names & CONTEXT_CODES or _CONTEXT_WORDS.search(fault.message):
        fitting = msgspec.structs.replace(fault, code="context_length_exceeded")
        return _rejected(provider, fitting, "Shorten it, or use a model with a larger context.")
    if fault.code in MODEL_CODES or _is_model_missing(fault):
        return UpstreamModelMissing(
            _say(provider, fault, "Load the model there, or correct its upstreamModel."),
            status=fault.status,
        )
    if fault.code == "rate_limit_exceeded" or fault.error_type == "rate_limit_error":
        return _rate_limited(provider, fault)
    return None


def _is_model_missing(fault: Fault) -> bool:
    return fault.status in {400, 404, 422} and _MODEL_WORDS.search(fault.message) is not None


def _quota(provider: str, fault: Fault) -> UpstreamQuota:
    advice = "The account there has no money or quota left: top it up, or use another provider."
    return UpstreamQuota(_say(provider, fault, advice), status=fault.status)


def _rate_limited(provider: str, fault: Fault) -> UpstreamRateLimited:
    wait = fault.retry_after_s
    advice = "Slow down." if wait is None else f"Try again in {wait:g} s."
    return UpstreamRateLimited(
        _say(provider, fault, advice), status=fault.status, retry_after_s=wait
    )


def _rejected(provider: str, fault: Fault, advice: str) -> UpstreamRejected:
    return UpstreamRejected(
        _say(provider, fault, advice),
        status=fault.status if fault.status is not None and fault.status < 500 else 400,
        upstream_code=fault.code,
        param=fault.param,
        error_type=fault.error_type,
    )


def _failed(provider: str, fault: Fault) -> UpstreamFailed:
    if fault.status in {404, 405} or (fault.status is not None and 300 <= fault.status < 400):
        advice = "Check the provider's endpoint: that path is not there."
    else:
        advice = "Try again, or look at the provider's own log."
    return UpstreamFailed(_say(provider, fault, advice), status=fault.status)


def _say(provider: str, fault: Fault, advice: str) -> str:
    answered = "sent an error" if fault.status is None else f"answered {fault.status}"
    cause = fault.message.rstrip(" .") or "it gave no reason"
    return f"{provider} {answered}: {cause}. {advice}"
