"""The OpenAI chat dialect: `POST /v1/chat/completions` as OpenAI's own SDK speaks it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from laird.dialects.base import ForwardedAnswer
from laird.dialects.openai_encoder import OpenAIEncoder, write_answer
from laird.dialects.openai_facts import chat_facts
from laird.dialects.openai_relay import OpenAIPassThrough, forward_answer
from laird.dialects.openai_request import read_request
from laird.domain.chat import ChatAnswer, ChatRequest
from laird.domain.errors import (
    AccessError,
    LairdError,
    NoLocalProvider,
    NotAllowed,
    QuotaExceeded,
    RateLimited,
    RequestError,
    UpstreamModelMissing,
    UpstreamQuota,
    UpstreamRateLimited,
    UpstreamRejected,
)
from laird.domain.plan import RequestFacts

_TYPES: tuple[tuple[type[LairdError], str], ...] = (
    (RequestError, "invalid_request_error"),
    (UpstreamRejected, "invalid_request_error"),
    (UpstreamModelMissing, "invalid_request_error"),
    (NotAllowed, "permission_error"),
    (NoLocalProvider, "permission_error"),
    (AccessError, "authentication_error"),
    (RateLimited, "rate_limit_error"),
    (UpstreamRateLimited, "rate_limit_error"),
    (QuotaExceeded, "insufficient_quota"),
    (UpstreamQuota, "insufficient_quota"),
)
"""OpenAI's `type` of an error; all others are `server_error`."""


class OpenAIChat:
    """See `Dialect`. Holds no state."""

    name = "openai.chat"

    def facts(self, body: Mapping[str, Any]) -> RequestFacts:
        """Check the shape of a body and extract what routing needs."""
        return chat_facts(body)

    def wants_usage(self, body: Mapping[str, Any]) -> bool:
        """Tell whether a streaming client asked for the usage chunk."""
        options = body.get("stream_options")
        return isinstance(options, dict) and options.get("include_usage") is True

    def request(self, body: Mapping[str, Any]) -> ChatRequest:
        """Read a checked body into the canonical form."""
        return read_request(body)

    def answer(self, answer: ChatAnswer, *, provider: str, created: int) -> bytes:
        """Write a whole answer."""
        return write_answer(answer, provider=provider, created=created)

    def encoder(
        self, *, request_id: str, model: str, provider: str, created: int, include_usage: bool
    ) -> OpenAIEncoder:
        """Return an encoder for one streamed answer."""
        return OpenAIEncoder(
            request_id=request_id,
            model=model,
            provider=provider,
            created=created,
            include_usage=include_usage,
        )

    def forward_answer(self, body: bytes, *, provider: str) -> ForwardedAnswer:
        """Pass on a `chat.completion` with our provider id put in."""
        return forward_answer(body, provider=provider)

    def forward_relay(self, *, provider: str, include_usage: bool) -> OpenAIPassThrough:
        """Return a relay that passes a stream of chunks on."""
        return OpenAIPassThrough(provider, include_usage=include_usage)

    def error(self, error: LairdError) -> bytes:
        """Write `{"error": {message, type, param, code}}`; all four are always there."""
        return orjson.dumps({"error": _error_object(error)})

    def error_event(self, error: LairdError) -> bytes:
        """Write the event that ends a stream which failed; no `[DONE]` follows it."""
        return b"data: " + self.error(error) + b"\n\n"


def _error_object(error: LairdError) -> dict[str, str | None]:
    kind = next((name for cls, name in _TYPES if isinstance(error, cls)), "server_error")
    code: str | None = error.code
    param = getattr(error, "param", None)
    if isinstance(error, UpstreamRejected):
        kind = error.error_type or kind
        code = error.upstream_code or code
    return {"message": error.message, "type": kind, "param": param, "code": code}
