"""The Anthropic Messages dialect: `POST /v1/messages` and `/v1/messages/count_tokens`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from laird.dialects.anthropic_encoder import AnthropicEncoder, write_answer
from laird.dialects.anthropic_errors import error_body, error_event
from laird.dialects.anthropic_facts import count_facts, message_facts
from laird.dialects.anthropic_relay import AnthropicPassThrough, forward_answer, forward_count
from laird.dialects.anthropic_request import read_request
from laird.dialects.base import ForwardedAnswer
from laird.domain.chat import ChatAnswer, ChatRequest
from laird.domain.errors import LairdError
from laird.domain.plan import RequestFacts

_PASSES: tuple[bytes, ...] = (b"anthropic-version", b"anthropic-beta")


class AnthropicMessages:
    """See `ChatDialect`. Holds no state."""

    name = "anthropic.messages"
    passes = _PASSES

    def facts(self, body: Mapping[str, Any]) -> RequestFacts:
        """Check the shape of a body and extract what routing needs."""
        return message_facts(body)

    def wants_usage(self, body: Mapping[str, Any]) -> bool:
        """Return True: the format always tells usage."""
        del body
        return True

    def request(self, body: Mapping[str, Any]) -> ChatRequest:
        """Read a checked body into the canonical form."""
        return read_request(body)

    def answer(self, answer: ChatAnswer, *, provider: str, created: int) -> bytes:
        """Write a whole answer; the format has no place for the time."""
        del created
        return write_answer(answer, provider=provider)

    def encoder(
        self, *, request_id: str, model: str, provider: str, created: int, include_usage: bool
    ) -> AnthropicEncoder:
        """Return an encoder for one streamed answer."""
        del created, include_usage
        return AnthropicEncoder(request_id=request_id, model=model, provider=provider)

    def forward_answer(self, body: bytes, *, provider: str) -> ForwardedAnswer:
        """Pass on a `message` with our provider id put in."""
        return forward_answer(body, provider=provider)

    def forward_relay(self, *, provider: str, include_usage: bool) -> AnthropicPassThrough:
        """Return a relay that passes a stream of events on."""
        del include_usage
        return AnthropicPassThrough(provider)

    def error(self, error: LairdError) -> bytes:
        """Write an error body."""
        return error_body(error)

    def error_event(self, error: LairdError) -> bytes:
        """Write the event that ends a stream which failed; no `message_stop` follows it."""
        return error_event(error)


class CountTokens:
    """See `CountDialect`. Holds no state."""

    name = "anthropic.count_tokens"
    passes = _PASSES

    def facts(self, body: Mapping[str, Any]) -> RequestFacts:
        """Check the shape of a body and extract what routing needs."""
        return count_facts(body)

    def wants_usage(self, body: Mapping[str, Any]) -> bool:
        """Return False: nothing is streamed."""
        del body
        return False

    def estimate(self, body: Mapping[str, Any]) -> bytes:
        """Write `{"input_tokens": n}`: a token to four characters, and a usual number per image."""
        return orjson.dumps({"input_tokens": max(1, count_facts(body).prompt_tokens)})

    def forward_answer(self, body: bytes, *, provider: str) -> ForwardedAnswer:
        """Pass on a count with our provider id put in. It costs nothing."""
        return forward_count(body, provider=provider)

    def error(self, error: LairdError) -> bytes:
        """Write an error body."""
        return error_body(error)

    def error_event(self, error: LairdError) -> bytes:
        """Write an error as an event; never needed, since nothing is streamed."""
        return error_event(error)
