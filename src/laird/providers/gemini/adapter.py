"""Google's Gemini API as an adapter.

The credential goes in a header, never in the address. Wire facts: the API's reference and
`google/genai/models.py` of Google's Python SDK.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

import msgspec

from laird.domain.catalog import AuthType, Model, Provider
from laird.domain.chat import ChatAnswer, ChatRequest
from laird.domain.embedding import EmbeddingAnswer, EmbeddingRequest
from laird.domain.errors import UpstreamError
from laird.providers.base import AdapterDefaults, FoundModel
from laird.providers.gemini.answer import read_answer
from laird.providers.gemini.embeddings import embedding_body, read_embeddings
from laird.providers.gemini.errors import Voice, read_error
from laird.providers.gemini.events import ContentEvents
from laird.providers.gemini.models import read_models
from laird.providers.gemini.request import request_body
from laird.transport.base import Origin, RequestHead, UpstreamRequest
from laird.transport.urls import origin_of

API_VERSION = "v1beta"
"""Where the endpoint names no version: the one that Google's pages use throughout."""

_VERSIONS = ("/v1beta", "/v1alpha", "/v1")
_CHAT = "generateContent"
_STREAM = "streamGenerateContent?alt=sse"
_EMBED = "batchEmbedContents"
_MOST_HEADS = 1024
_ENCODER = msgspec.json.Encoder()


class GeminiAdapter(AdapterDefaults):
    """One provider that speaks Google's Gemini API. See `laird.providers.base.Adapter`.

    The API takes images and documents by https address as well as inline.
    """

    limits_calls = False

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self._voice = Voice(provider.id, provider.secret)
        self._headers = _headers(provider)
        self._origin, self._base = _place(provider.endpoint)
        self._heads: dict[str, RequestHead] = {}
        """By target: the transport knows a head that it has sent before."""
        models = f"{self._base}/models?pageSize="
        probe = provider.health.path or f"{models}1"
        self._models = UpstreamRequest(self._get(f"{models}1000"))
        self._probe = UpstreamRequest(self._get(probe))

    def chat_request(self, model: Model, request: ChatRequest) -> UpstreamRequest:
        """Build the upstream request. Raises `UnsupportedField` or `InvalidRequest`."""
        body = request_body(model, request, provider=self.provider.id)
        head = self._head(model, _STREAM if request.stream else _CHAT)
        return UpstreamRequest(head, _ENCODER.encode(body))

    def read_answer(self, body: bytes) -> ChatAnswer:
        """Read a whole answer. Raises `UpstreamGarbled` when it is not one."""
        return read_answer(body, self._voice)

    def event_reader(self) -> ContentEvents:
        """Return a reader for one streamed answer."""
        return ContentEvents(self._voice)

    def read_error(self, status: int, headers: Mapping[str, str], body: bytes) -> UpstreamError:
        """Turn an answer other than 200 into the error tree."""
        return read_error(status, headers, body, voice=self._voice)

    def embedding_request(self, model: Model, request: EmbeddingRequest) -> UpstreamRequest:
        """Build the request for embeddings. Raises `UnsupportedField` for what can't be done."""
        resource = _resource(model.upstream_model)
        body = embedding_body(model, resource, request, provider=self.provider.id)
        return UpstreamRequest(self._head(model, _EMBED), _ENCODER.encode(body))

    def read_embeddings(self, body: bytes) -> EmbeddingAnswer:
        """Read the vectors. Raises `UpstreamGarbled` when there are none."""
        return read_embeddings(body, self._voice)

    def models_request(self) -> UpstreamRequest:
        """Build the request that lists models; it checks the credential as well."""
        return self._models

    def read_models(self, body: bytes) -> tuple[FoundModel, ...]:
        """Read the list of models. Raises `UpstreamGarbled`."""
        return read_models(body, self._voice)

    def probe_request(self) -> UpstreamRequest:
        """Build the health probe: one model of the list, which costs nothing."""
        return self._probe

    def _get(self, target: str) -> RequestHead:
        return RequestHead("GET", self._origin, target, self._headers)

    def _head(self, model: Model, action: str) -> RequestHead:
        target = f"{self._base}/{_resource(model.upstream_model)}:{action}"
        head = self._heads.get(target)
        if head is None:
            if len(self._heads) >= _MOST_HEADS:
                self._heads.clear()
            headers = (*self._headers, ("content-type", "application/json"))
            head = self._heads[target] = RequestHead("POST", self._origin, target, headers)
        return head


def _headers(provider: Provider) -> tuple[tuple[str, str], ...]:
    if not provider.secret:
        return ()
    secret = provider.secret.reveal()
    if provider.auth_type is AuthType.API_KEY:
        return (("x-goog-api-key", secret),)
    if provider.auth_type is AuthType.BEARER:
        return (("authorization", f"Bearer {secret}"),)
    return ()


def _place(endpoint: str) -> tuple[Origin, str]:
    """Return the origin, and the path that stands before `/models`, with its version."""
    origin, path = origin_of(endpoint)
    return origin, path if path.endswith(_VERSIONS) else f"{path}/{API_VERSION}"


def _resource(name: str) -> str:
    """Return a model's name as the API wants it in addresses: `models/…` or `tunedModels/…`."""
    quoted = quote(name)
    return quoted if quoted.startswith(("models/", "tunedModels/")) else f"models/{quoted}"
