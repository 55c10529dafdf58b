"""Refusals and faults of Ollama, read into what all wire formats share.

A body is `{"error": "text"}`, for Ollama's cloud with a `signin_url` too; the same object comes as
a line of a stream that began with status 200, now and then with the `status` it should have had.
Wire facts: `server/routes.go` and `server/cloud_proxy.go` of Ollama.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from laird.domain.errors import CredentialRefused, UpstreamError, UpstreamGarbled
from laird.domain.secret import Secret
from laird.providers.openai_errors import read_refusal
from laird.wire.faults import Fault, plain, retry_after_s, upstream_error

_TOO_LONG = re.compile(
    r"(exceeds|longer than) the (available )?context (length|size)"
    r"|exceeds maximum context length|entire prompt removed by truncation",
    re.IGNORECASE,
)
_NO_IMAGES = re.compile(
    r"missing data required for image input|does not support (image|vision|multimodal)"
    r"|only supports one image",
    re.IGNORECASE,
)
_SPENT = re.compile(r"usage limit|upgrade (your plan|for)", re.IGNORECASE)


class _Refusal(msgspec.Struct):
    error: str
    signin_url: str | None = None


_REFUSAL = msgspec.json.Decoder(_Refusal)


class Voice(msgspec.Struct, frozen=True):
    """Whose words these are: our id of the provider, and the credential that must not show."""

    provider: str
    secret: Secret | None = None

    def reveal(self) -> str | None:
        """Return the credential, or None where there is none."""
        return self.secret.reveal() if self.secret else None

    def garbled(self, what: str) -> UpstreamGarbled:
        """Return the error for something that is not of Ollama's API."""
        return UpstreamGarbled(
            f"{self.provider} sent {what}. Check that its endpoint is an Ollama server."
        )

    def unfinished(self) -> UpstreamGarbled:
        """Return the error for a stream that ended before its finish."""
        return UpstreamGarbled(
            f"{self.provider} ended its stream before the answer was complete. Its own log may say"
            " why."
        )


def read_error(
    status: int, headers: Mapping[str, str], body: bytes, *, voice: Voice
) -> UpstreamError:
    """Return the error of an answer other than 200."""
    try:
        refusal = _REFUSAL.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return read_refusal(status, headers, body, provider=voice.provider, secret=voice.reveal())
    if status == 401 and refusal.signin_url:
        return CredentialRefused(
            f"{voice.provider} answered 401: it is not signed in to Ollama's cloud. Run `ollama"
            " signin` on that machine, or use a model that runs there.",
            status=status,
        )
    return explain(refusal.error, status, voice, wait=retry_after_s(headers))


def explain(
    text: str, status: int | None, voice: Voice, *, wait: float | None = None
) -> UpstreamError:
    """Return what Ollama's words mean; some refusals come with a status of 500."""
    code = None
    if _TOO_LONG.search(text):
        code = "context_length_exceeded"
        status = 400 if status is None or status >= 500 else status
    elif _NO_IMAGES.search(text):
        status = 400
    elif status in {402, 429} and _SPENT.search(text):
        code = "insufficient_quota"
    fault = Fault(status=status, message=plain(text, voice.reveal()), code=code, retry_after_s=wait)
    return upstream_error(voice.provider, fault)
