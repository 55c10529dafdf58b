"""The OpenAI chat dialect: `POST /v1/chat/completions` as OpenAI's own SDK speaks it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from laird.dialects.base import ForwardedAnswer
from laird.dialects.openai_encoder import OpenAIEncoder, write_answer
from laird.dialects.openai_errors import write_error
from laird.dialects.openai_facts import chat_facts
from laird.dialects.openai_relay import OpenAIPassThrough, forward_answer
from laird.dialects.openai_request import read_request
from laird.domain.chat import ChatAnswer, ChatRequest
from laird.domain.errors import LairdError
from laird.domain.plan import RequestFacts


class OpenAIChat:
    """See `Dialect`. Holds no state."""

    name = "openai.chat"
    passes: tuple[bytes, ...] = ()

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
        return write_error(error)

    def error_event(self, error: LairdError) -> bytes:
        """Write the event that ends a stream which failed; no `[DONE]` follows it."""
        return b"data: " + write_error(error) + b"\n\n"
