"""The dialect of OpenAI's legacy completions: `POST /v1/completions`.

A provider that has them gets the request as it is. For any other the prompt becomes the one message
of a chat: the model then answers the text, where a completion would have gone on with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from laird.dialects.base import ForwardedAnswer
from laird.dialects.completions_facts import completion_facts
from laird.dialects.completions_request import read_completion_request
from laird.dialects.completions_writer import CompletionEncoder, write_completion
from laird.dialects.openai_errors import write_error
from laird.dialects.openai_relay import OpenAIPassThrough, forward_completion
from laird.domain.chat import ChatAnswer, ChatRequest
from laird.domain.errors import LairdError
from laird.domain.plan import RequestFacts


class OpenAICompletions:
    """See `ChatDialect`. Holds no state."""

    name = "openai.completions"
    passes: tuple[bytes, ...] = ()

    def facts(self, body: Mapping[str, Any]) -> RequestFacts:
        """Check the shape of a body and extract what routing needs."""
        return completion_facts(body)

    def wants_usage(self, body: Mapping[str, Any]) -> bool:
        """Tell whether a streaming client asked for the usage chunk."""
        options = body.get("stream_options")
        return isinstance(options, dict) and options.get("include_usage") is True

    def request(self, body: Mapping[str, Any]) -> ChatRequest:
        """Read a checked body as a chat. Raises `UnsupportedField` for what chats can't do."""
        return read_completion_request(body)

    def answer(self, answer: ChatAnswer, *, provider: str, created: int) -> bytes:
        """Write a whole answer."""
        return write_completion(answer, provider=provider, created=created)

    def encoder(
        self, *, request_id: str, model: str, provider: str, created: int, include_usage: bool
    ) -> CompletionEncoder:
        """Return an encoder for one streamed answer."""
        return CompletionEncoder(
            request_id=request_id,
            model=model,
            provider=provider,
            created=created,
            include_usage=include_usage,
        )

    def forward_answer(self, body: bytes, *, provider: str) -> ForwardedAnswer:
        """Pass on a `text_completion` with our provider id put in."""
        return forward_completion(body, provider=provider)

    def forward_relay(self, *, provider: str, include_usage: bool) -> OpenAIPassThrough:
        """Return a relay that passes a stream of completions on."""
        return OpenAIPassThrough(provider, include_usage=include_usage)

    def error(self, error: LairdError) -> bytes:
        """Write `{"error": {message, type, param, code}}`; all four are always there."""
        return write_error(error, messages="prompt")

    def error_event(self, error: LairdError) -> bytes:
        """Write the event that ends a stream which failed; no `[DONE]` follows it."""
        return b"data: " + self.error(error) + b"\n\n"
