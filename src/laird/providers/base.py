"""What an adapter is: pure functions between our values and one upstream's wire format.

An adapter is built once per provider and snapshot, holds no state that changes, and does no I/O:
the gateway sends what `*_request` returns and hands the answer to `read_*`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from laird.domain.catalog import Capabilities, Egress, Model, Provider
from laird.domain.chat import ChatAnswer, ChatRequest, EventReader
from laird.domain.embedding import EmbeddingAnswer, EmbeddingRequest
from laird.domain.errors import UnsupportedField, UpstreamError
from laird.domain.health import LoadedModel
from laird.domain.tokens import TokenUsage
from laird.transport.base import UpstreamRequest


class FoundModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model that a provider lists."""

    id: str
    context_window: int | None = None
    max_tokens: int | None = None
    capabilities: Capabilities = Capabilities()
    egress: Egress | None = None
    """Only where the server tells that a model leaves the machine."""


class Adapter(Protocol):
    """One provider's wire format, bound to that provider's endpoint and credential."""

    provider: Provider
    speaks: frozenset[str]
    """The client dialects that this upstream takes as they are: `openai.chat`, `openai.responses`,
    `openai.completions`, `openai.embeddings`, `anthropic.messages`, `anthropic.count_tokens`."""
    takes_image_urls: bool
    """It fetches images by itself; where not, they have to be inline."""
    takes_document_urls: bool
    """It fetches documents by itself; where not, they have to be inline."""

    limits_calls: bool
    """It can be told to call one tool at a time; where not, the gateway passes on the first one."""

    def chat_request(self, model: Model, request: ChatRequest) -> UpstreamRequest:
        """Build the upstream request. Raises `UnsupportedField` for what can't be honoured."""
        ...

    def forward_request(
        self,
        dialect: str,
        model: Model,
        body: Mapping[str, Any],
        passed: Mapping[str, str] | None = None,
    ) -> UpstreamRequest:
        """Build the upstream request from a client body in a dialect that is in `speaks`.

        Everything is passed on, unknown fields included; the model's name is put in, and usage is
        asked for in streams. `passed` are client headers that belong to the dialect, by lower-case
        name.
        """
        ...

    def read_answer(self, body: bytes) -> ChatAnswer:
        """Read a whole answer. Raises `UpstreamGarbled` when it is not one."""
        ...

    def event_reader(self) -> EventReader:
        """Return a reader for one streamed answer."""
        ...

    def check_counts(self, request: UpstreamRequest, usage: TokenUsage) -> None:
        """Compare the counts of a translated answer with the request that was sent.

        Raises `UpstreamRejected` where they say that the server did not read all of it.
        """
        ...

    def read_error(self, status: int, headers: Mapping[str, str], body: bytes) -> UpstreamError:
        """Turn an answer other than 200 into the error tree, with a message in plain words."""
        ...

    def embedding_request(self, model: Model, request: EmbeddingRequest) -> UpstreamRequest:
        """Build the request for embeddings. Raises `UnsupportedField` for what can't be done."""
        ...

    def read_embeddings(self, body: bytes) -> EmbeddingAnswer:
        """Read the vectors. Raises `UpstreamGarbled` when there are none."""
        ...

    def models_request(self) -> UpstreamRequest:
        """Build the request that lists models; it checks the credential as well."""
        ...

    def read_models(self, body: bytes) -> tuple[FoundModel, ...]:
        """Read the list of models. Raises `UpstreamGarbled`."""
        ...

    def probe_request(self) -> UpstreamRequest:
        """Build the health probe (cheap, never billed). A status below 400 means healthy."""
        ...

    def state_request(self) -> UpstreamRequest | None:
        """Build the request that asks which models are loaded; None where the server can't say."""
        ...

    def other_state_request(self) -> UpstreamRequest | None:
        """Build the request to ask where the first one brings no state: another version's."""
        ...

    def read_state(self, body: bytes) -> tuple[LoadedModel, ...]:
        """Read which models are loaded. Raises `UpstreamGarbled`."""
        ...


class AdapterDefaults:
    """What an adapter says of what its upstream lacks: a client's format, embeddings, a state."""

    provider: Provider
    speaks: frozenset[str] = frozenset()
    takes_image_urls: bool = True
    takes_document_urls: bool = True
    limits_calls: bool = True

    def forward_request(
        self,
        dialect: str,
        model: Model,
        body: Mapping[str, Any],
        passed: Mapping[str, str] | None = None,
    ) -> UpstreamRequest:
        """Never called: no client's dialect is taken as it is."""
        raise NotImplementedError

    def embedding_request(self, model: Model, request: EmbeddingRequest) -> UpstreamRequest:
        """Refuse: this upstream makes no embeddings."""
        del request
        raise UnsupportedField(
            f"{self.provider.id} makes no embeddings; ask another model than '{model.id}'.",
            param="model",
        )

    def read_embeddings(self, body: bytes) -> EmbeddingAnswer:
        """Never called: no such request is built."""
        raise NotImplementedError

    def check_counts(self, request: UpstreamRequest, usage: TokenUsage) -> None:
        """Do nothing: the server refuses what it can't read whole."""

    def state_request(self) -> UpstreamRequest | None:
        """Return None: the server does not say what is loaded."""
        return None

    def other_state_request(self) -> UpstreamRequest | None:
        """Return None: there is one way to ask, or none."""
        return None

    def read_state(self, body: bytes) -> tuple[LoadedModel, ...]:
        """Never called: no such request is built."""
        raise NotImplementedError
