"""Cohere's API, version 2, as an adapter.

Wire facts: the Python SDK (`cohere/v2/raw_client.py`, `types/get_model_response.py`). Chat and
embeddings are version 2; the list of models is still in version 1.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from laird.domain.catalog import AuthType, Capabilities, Model, Provider
from laird.domain.chat import ChatAnswer, ChatRequest
from laird.domain.embedding import EmbeddingAnswer, EmbeddingRequest
from laird.domain.errors import UpstreamError
from laird.providers.base import AdapterDefaults, FoundModel
from laird.providers.cohere.answer import read_answer
from laird.providers.cohere.embeddings import embedding_body, read_embeddings
from laird.providers.cohere.errors import Voice, read_error
from laird.providers.cohere.events import ChatEvents
from laird.providers.cohere.request import request_body
from laird.transport.base import Origin, RequestHead, UpstreamRequest
from laird.transport.urls import origin_of

_SERVED = frozenset({"chat", "embed"})
"""What Laird can ask of a model; those that only rerank or classify are left out of lists."""
_ENDINGS = ("/v2/chat", "/v2/embed", "/v2", "/v1")
_ENCODER = msgspec.json.Encoder()


class _ModelInfo(msgspec.Struct):
    name: str
    endpoints: list[str] | None = None
    context_length: float | None = None
    features: list[str] | None = None


class _ModelList(msgspec.Struct):
    models: list[_ModelInfo]


_MODELS = msgspec.json.Decoder(_ModelList)


class CohereAdapter(AdapterDefaults):
    """One provider that speaks Cohere's API. See `laird.providers.base.Adapter`."""

    limits_calls = False

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self._voice = Voice(provider.id, provider.secret)
        origin, base = _place(provider.endpoint)
        headers = _headers(provider)
        posting = (*headers, ("content-type", "application/json"))
        self._chat = RequestHead("POST", origin, f"{base}/v2/chat", posting)
        self._embed = RequestHead("POST", origin, f"{base}/v2/embed", posting)
        models = f"{base}/v1/models"
        self._models = UpstreamRequest(
            RequestHead("GET", origin, f"{models}?page_size=1000", headers)
        )
        probe = provider.health.path or f"{models}?page_size=1"
        self._probe = UpstreamRequest(RequestHead("GET", origin, probe, headers))

    def chat_request(self, model: Model, request: ChatRequest) -> UpstreamRequest:
        """Build the upstream request. Raises `UnsupportedField` or `InvalidRequest`."""
        body = request_body(model, request, provider=self.provider.id)
        return UpstreamRequest(self._chat, _ENCODER.encode(body))

    def read_answer(self, body: bytes) -> ChatAnswer:
        """Read a whole answer. Raises `UpstreamGarbled` when it is not one."""
        return read_answer(body, self._voice)

    def event_reader(self) -> ChatEvents:
        """Return a reader for one streamed answer."""
        return ChatEvents(self._voice)

    def read_error(self, status: int, headers: Mapping[str, str], body: bytes) -> UpstreamError:
        """Turn an answer other than 200 into the error tree."""
        return read_error(status, headers, body, voice=self._voice)

    def embedding_request(self, model: Model, request: EmbeddingRequest) -> UpstreamRequest:
        """Build the request for embeddings. Raises `UnsupportedField` for what can't be done."""
        body = embedding_body(model, request, provider=self.provider.id)
        return UpstreamRequest(self._embed, _ENCODER.encode(body))

    def read_embeddings(self, body: bytes) -> EmbeddingAnswer:
        """Read the vectors. Raises `UpstreamGarbled` when there are none."""
        return read_embeddings(body, self._voice)

    def models_request(self) -> UpstreamRequest:
        """Build the request that lists models; it checks the credential as well."""
        return self._models

    def read_models(self, body: bytes) -> tuple[FoundModel, ...]:
        """Read the list of models that chat or embed. Raises `UpstreamGarbled`."""
        try:
            found = _MODELS.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise self._voice.garbled(f"a list of models that can't be read ({error})") from error
        return tuple(
            _found(model)
            for model in found.models
            if not model.endpoints or _SERVED.intersection(model.endpoints)
        )

    def probe_request(self) -> UpstreamRequest:
        """Build the health probe: one model of the list, which costs nothing."""
        return self._probe


def _headers(provider: Provider) -> tuple[tuple[str, str], ...]:
    """Return the credential's header: a bearer token, whatever it is called."""
    if not provider.secret or provider.auth_type is AuthType.NONE:
        return ()
    return (("authorization", f"Bearer {provider.secret.reveal()}"),)


def _place(endpoint: str) -> tuple[Origin, str]:
    """Return the origin, and the path that stands before the API's versions."""
    origin, path = origin_of(endpoint)
    for ending in _ENDINGS:
        if path.endswith(ending):
            return origin, path.removesuffix(ending)
    return origin, path


def _found(model: _ModelInfo) -> FoundModel:
    """Return a model of the list. A feature that is not listed is unknown, not missing."""
    features = frozenset(model.features or ())
    endpoints = model.endpoints or ()
    return FoundModel(
        id=model.name,
        context_window=int(model.context_length) if model.context_length else None,
        capabilities=Capabilities(
            streaming=True if "chat" in endpoints else None,
            function_calling=True if "tools" in features else None,
            vision=True if "vision" in features else None,
            json_mode=True if features & {"json_mode", "json_schema"} else None,
            embeddings="embed" in endpoints if endpoints else None,
            reasoning=True if features & {"reasoning", "thinking"} else None,
        ),
    )
