"""Refusals and faults of Anthropic's API, read into what all wire formats share.

The body is `{"type": "error", "error": {"type", "message", "details": {"error_code"}},
"request_id"}`; the same `error` comes as an event in a stream that began with status 200.
Wire facts: `_error_classes.py` of the Python SDK, and the API's pages on errors and rate limits.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

import msgspec

from laird.domain.errors import UpstreamError, UpstreamGarbled
from laird.domain.secret import Secret
from laird.wire.anthropic import ErrorBody, explained, read_envelope, stream_error
from laird.wire.faults import Fault, retry_after_s, upstream_error

_LIMITS = ("requests", "tokens", "input-tokens", "output-tokens")


class Voice(msgspec.Struct, frozen=True):
    """Whose words these are: our id of the provider, and the credential that must not show."""

    provider: str
    secret: Secret | None = None

    def garbled(self, what: str) -> UpstreamGarbled:
        """Return the error for something that is not of the Messages API."""
        return UpstreamGarbled(
            f"{self.provider} sent {what}. Check that its endpoint speaks Anthropic's Messages API."
        )

    def stream_error(self, error: ErrorBody) -> UpstreamError:
        """Return what an error means that came with status 200."""
        return stream_error(self.provider, error, secret=self._masked)

    def error(self, error: ErrorBody, status: int, wait: float | None) -> UpstreamError:
        """Return what an error means that came with a status of its own."""
        return explained(self.provider, error, status, retry_after_s=wait, secret=self._masked)

    @property
    def _masked(self) -> str | None:
        return self.secret.reveal() if self.secret else None


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
    return voice.error(error, status, wait)


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
