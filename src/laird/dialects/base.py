"""What a dialect is: one client wire format, read and written by pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from laird.domain.chat import ChatAnswer, ChatRequest, StreamEvent
from laird.domain.embedding import EmbeddingAnswer, EmbeddingRequest
from laird.domain.errors import LairdError
from laird.domain.plan import RequestFacts
from laird.domain.tokens import TokenUsage


class Encoder(Protocol):
    """Writes one streamed answer of ours in the client's wire format."""

    def encode(self, events: list[StreamEvent]) -> bytes:
        """Return the bytes for these events; may be empty."""
        ...

    def end(self, usage: TokenUsage | None) -> bytes:
        """Return the closing bytes with the success marker. Called only after `Finished`."""
        ...


class Relay(Protocol):
    """Turns an upstream's stream into the client's, watching it on the way.

    One relay serves one attempt. Both kinds (bytes passed on, events translated) look alike to the
    gateway, which only moves bytes and reads these marks.
    """

    content: bool
    """The client could see something of the answer in what was returned so far."""
    finished: bool
    """The upstream said why it stopped: only then may the stream end well."""
    usage: TokenUsage | None
    """The provider's counts, the latest ones."""

    @property
    def done(self) -> bool:
        """The upstream said that nothing follows, though its body may not be closed yet."""
        ...

    text_length: int
    """Characters of output seen, for an estimate where the provider gives no counts."""

    def feed(self, data: bytes) -> bytes:
        """Return the client's bytes for these upstream bytes; may be empty.

        Neither the success marker is in them nor what says why the model stopped: those are kept
        back for `end`, so that a stream which is cut never looks complete.

        Raises an `UpstreamError` for an error in the stream.
        """
        ...

    def end(self) -> bytes:
        """Return the closing bytes with the success marker, at the clean end of the upstream's.

        Raises `UpstreamGarbled` when the answer is not complete.
        """
        ...


class ForwardedAnswer(msgspec.Struct, frozen=True):
    """A whole upstream answer in the client's own dialect, passed on and looked at."""

    body: bytes
    usage: TokenUsage | None
    text_length: int
    """Characters of output, for an estimate where the provider gives no counts."""


class Dialect(Protocol):
    """One client wire format: what all kinds of requests have in common."""

    name: str
    passes: tuple[bytes, ...]
    """Lower-case names of the client's headers that belong to the format and are passed on."""

    def facts(self, body: Mapping[str, Any]) -> RequestFacts:
        """Check the shape of a body and extract what routing needs.

        Raises `InvalidRequest` that names the field and says what it should be.
        """
        ...

    def wants_usage(self, body: Mapping[str, Any]) -> bool:
        """Tell whether a streaming client asked for the usage chunk."""
        ...

    def forward_answer(self, body: bytes, *, provider: str) -> ForwardedAnswer:
        """Pass on an answer that is in this dialect already, with our provider id put in.

        Raises `UpstreamGarbled` when it is not an answer.
        """
        ...

    def error(self, error: LairdError) -> bytes:
        """Write an error body."""
        ...

    def error_event(self, error: LairdError) -> bytes:
        """Write the event that ends a stream which failed: never a success marker."""
        ...


class ChatDialect(Dialect, Protocol):
    """A client wire format for chat, which can be translated."""

    def forward_relay(self, *, provider: str, include_usage: bool) -> Relay:
        """Return a relay for a stream that is in this dialect already."""
        ...

    def request(self, body: Mapping[str, Any]) -> ChatRequest:
        """Read a body, checked by `facts`, into the canonical form.

        Raises `InvalidRequest` or `UnsupportedField`.
        """
        ...

    def answer(self, answer: ChatAnswer, *, provider: str, created: int) -> bytes:
        """Write a whole answer. `provider` is our provider id, `created` Unix seconds."""
        ...

    def encoder(
        self, *, request_id: str, model: str, provider: str, created: int, include_usage: bool
    ) -> Encoder:
        """Return an encoder for one streamed answer."""
        ...


class EmbeddingDialect(Dialect, Protocol):
    """A client wire format for embeddings."""

    def embedding_request(self, body: Mapping[str, Any]) -> EmbeddingRequest:
        """Read a body, checked by `facts`, into the canonical form.

        Raises `InvalidRequest` or `UnsupportedField`.
        """
        ...

    def embedding_answer(
        self, answer: EmbeddingAnswer, body: Mapping[str, Any], *, provider: str
    ) -> bytes:
        """Write an answer to the request `body`; `provider` is our provider id."""
        ...


class CountDialect(Dialect, Protocol):
    """A client wire format for counting the tokens of a request, which nobody is billed for."""

    def estimate(self, body: Mapping[str, Any]) -> bytes:
        """Write the answer where no provider can count: an estimate."""
        ...
