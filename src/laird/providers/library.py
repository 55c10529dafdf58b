"""The local library as a provider: each model answers at an origin of its own.

What is at those origins is llama.cpp, one process for each model; which request goes to which
process is told by the origin's host, so that no body has to be read for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from laird.domain.catalog import Model, Provider
from laird.domain.chat import ChatRequest
from laird.domain.embedding import EmbeddingRequest
from laird.domain.errors import InvalidRequest
from laird.domain.local_models import LIBRARY
from laird.providers import local_state
from laird.providers import openai_traits as traits
from laird.providers.local_state import LocalServerAdapter
from laird.transport.base import Origin, RequestHead, UpstreamRequest


class LibraryAdapter(LocalServerAdapter):
    """Speaks to the models that this server runs itself. See `laird.providers.base.Adapter`."""

    def __init__(self, provider: Provider) -> None:
        """Build the heads of all requests."""
        super().__init__(provider, traits.MODERN_LOCAL, "/health", local_state.LLAMA_CPP)
        self._of_models: dict[tuple[str, str], RequestHead] = {}

    def chat_request(self, model: Model, request: ChatRequest) -> UpstreamRequest:
        """Build the upstream request. Raises `RequestError` for what can't be honoured."""
        _check_that_it_chats(model)
        return self._to(model, super().chat_request(model, request))

    def forward_request(
        self,
        dialect: str,
        model: Model,
        body: Mapping[str, Any],
        passed: Mapping[str, str] | None = None,
    ) -> UpstreamRequest:
        """Build the upstream request from a client body in a dialect that is in `speaks`.

        Raises `RequestError` for what can't be honoured.
        """
        if dialect != "openai.embeddings":
            _check_that_it_chats(model)
        return self._to(model, super().forward_request(dialect, model, body, passed))

    def embedding_request(self, model: Model, request: EmbeddingRequest) -> UpstreamRequest:
        """Build the request for embeddings. Raises `UnsupportedField` for what can't be done."""
        return self._to(model, super().embedding_request(model, request))

    def _to(self, model: Model, request: UpstreamRequest) -> UpstreamRequest:
        """Return the same request for the model's own origin; heads are built once."""
        head = request.head
        key = (model.upstream_model, head.target)
        own = self._of_models.get(key)
        if own is None:
            origin = Origin(LIBRARY, model.upstream_model, 0)
            own = RequestHead(head.method, origin, head.target, head.headers)
            self._of_models[key] = own
        return UpstreamRequest(own, request.body)


def _check_that_it_chats(model: Model) -> None:
    """Raise `InvalidRequest` for a model that makes vectors: it is started for nothing else."""
    if model.capabilities.embeddings:
        raise InvalidRequest(
            f"'{model.key}' makes embeddings and does not chat. Name a model that chats, or ask"
            " this one at /v1/embeddings.",
            param="model",
        )
