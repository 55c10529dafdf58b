"""OpenAI's Responses dialect: `POST /v1/responses` as OpenAI's own SDK speaks it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import orjson

from laird.dialects.base import Encoder, ForwardedAnswer, Relay
from laird.dialects.responses_encoder import ResponsesEncoder, write_answer
from laird.dialects.responses_errors import write_error, write_failure
from laird.dialects.responses_facts import responses_facts
from laird.dialects.responses_frame import Asked, Frame, asked_by
from laird.dialects.responses_relay import ResponsesPassThrough, forward_answer
from laird.dialects.responses_request import read_request
from laird.domain.chat import ChatAnswer, ChatRequest
from laird.domain.errors import LairdError
from laird.domain.plan import RequestFacts


class OpenAIResponses:
    """See `ChatDialect`. Holds no state.

    An answer in this format repeats much of its request, which these methods are not given: they
    write the defaults. `ResponsesCall` knows the request.
    """

    name = "openai.responses"
    passes: tuple[bytes, ...] = ()

    def facts(self, body: Mapping[str, Any]) -> RequestFacts:
        """Check the shape of a body and extract what routing needs."""
        return responses_facts(body)

    def wants_usage(self, body: Mapping[str, Any]) -> bool:
        """Return True: each answer in this format has its usage."""
        del body
        return True

    def request(self, body: Mapping[str, Any]) -> ChatRequest:
        """Read a checked body into the canonical form."""
        return read_request(body)

    def answer(self, answer: ChatAnswer, *, provider: str, created: int) -> bytes:
        """Write a whole answer."""
        asked = asked_by({}, f"resp_{answer.id}")
        return orjson.dumps(write_answer(answer, asked, provider=provider, created=created))

    def encoder(
        self, *, request_id: str, model: str, provider: str, created: int, include_usage: bool
    ) -> Encoder:
        """Return an encoder for one streamed answer."""
        del include_usage
        asked = asked_by({}, response_id(request_id))
        frame = Frame(asked=asked, model=model, provider=provider, created=created)
        return ResponsesEncoder(frame)

    def forward_answer(self, body: bytes, *, provider: str) -> ForwardedAnswer:
        """Pass on a `response` object with our provider id put in."""
        return forward_answer(body, provider=provider)[0]

    def forward_relay(self, *, provider: str, include_usage: bool) -> Relay:
        """Return a relay that passes a stream of events on."""
        del include_usage
        return ResponsesPassThrough(provider)

    def error(self, error: LairdError) -> bytes:
        """Write `{"error": {message, type, param, code}}`; all four are always there."""
        return write_error(error)

    def error_event(self, error: LairdError) -> bytes:
        """Write the event that ends a stream which failed."""
        return write_failure(error)


class _Ending(Protocol):
    """One attempt's stream, as it is asked for at its end."""

    final: dict[str, Any] | None

    def failure(self, error: LairdError) -> bytes: ...


class ResponsesCall(OpenAIResponses):
    """The dialect for one request: its answers repeat what was asked, and it keeps the last one.

    Args:
        body: the checked body, with the conversation that it goes on from put before its input.
            It is what gets translated.
        request_id: of the request; the response's id is made of it.
        before: how many items of its input are that conversation's.
        owns: the answer is kept by Laird, or goes on from one that is, so that an upstream which
            speaks the format can't say its id and where it belongs.
    """

    def __init__(
        self, body: Mapping[str, Any], request_id: str, *, before: int = 0, owns: bool = False
    ) -> None:
        self._body = body
        self._before = before
        self._asked: Asked = asked_by(body, response_id(request_id))
        self._owns = owns
        self._stream: _Ending | None = None
        self._encoder: ResponsesEncoder | None = None
        self._whole: dict[str, Any] | None = None

    @property
    def response_id(self) -> str:
        """The id of the response, where it is Laird's to give."""
        return self._asked.response_id

    @property
    def final(self) -> dict[str, Any] | None:
        """The whole response as the client gets it, once there is one.

        An answer that was passed on is only here where Laird owns it.
        """
        return self._whole if self._stream is None else self._stream.final

    def request(self, body: Mapping[str, Any]) -> ChatRequest:
        """Read what was asked into the canonical form; `body` is what would be passed on."""
        del body
        return read_request(self._body, self._before)

    def answer(self, answer: ChatAnswer, *, provider: str, created: int) -> bytes:
        """Write a whole answer."""
        self._whole = write_answer(answer, self._asked, provider=provider, created=created)
        return orjson.dumps(self._whole)

    def encoder(
        self, *, request_id: str, model: str, provider: str, created: int, include_usage: bool
    ) -> Encoder:
        """Return an encoder for the next attempt: the one before, where the client has seen it."""
        del request_id, include_usage
        frame = Frame(asked=self._asked, model=model, provider=provider, created=created)
        encoder = self._encoder
        if encoder is not None and encoder.shown:
            encoder.go_on(frame)
        else:
            encoder = self._encoder = ResponsesEncoder(frame)
        self._stream = encoder
        return encoder

    def forward_answer(self, body: bytes, *, provider: str) -> ForwardedAnswer:
        """Pass on a `response` object with our provider id and Laird's own fields put in."""
        forwarded, self._whole = forward_answer(body, provider=provider, own=self._own())
        return forwarded

    def forward_relay(self, *, provider: str, include_usage: bool) -> Relay:
        """Return a relay that passes a stream of events on."""
        del include_usage
        relay = ResponsesPassThrough(provider, self._own())
        self._stream = relay
        return relay

    def error_event(self, error: LairdError) -> bytes:
        """Write the events that end a stream which failed; then there is no whole response."""
        return write_failure(error) if self._stream is None else self._stream.failure(error)

    def _own(self) -> Mapping[str, Any] | None:
        if not self._owns:
            return None
        said = self._asked.said
        return {
            "id": self._asked.response_id,
            "previous_response_id": said["previous_response_id"],
            "store": said["store"],
        }


def response_id(request_id: str) -> str:
    """Return the id of the response to a request."""
    return f"resp_{request_id.removeprefix('req_')}"
