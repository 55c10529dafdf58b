"""The adapter of all servers that speak OpenAI's chat format; their differences are traits.

An endpoint without a path gets `/v1`; one with a path is taken for the API's base as it stands, so
`http://host:11434`, `http://host:11434/v1` and `https://openrouter.ai/api/v1/` are all right.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from laird.domain.catalog import AuthType, Model, Provider
from laird.domain.chat import ChatAnswer, ChatRequest
from laird.domain.embedding import EmbeddingAnswer, EmbeddingRequest
from laird.domain.errors import UnsupportedField, UpstreamError
from laird.domain.local_models import LIBRARY
from laird.providers.base import AdapterDefaults, FoundModel
from laird.providers.openai_body import chat_body
from laird.providers.openai_embeddings import embedding_body, read_embedding_list
from laird.providers.openai_errors import read_refusal
from laird.providers.openai_events import OpenAIEvents, read_completion
from laird.providers.openai_fitting import fitted
from laird.providers.openai_traits import OpenAITraits, asks_for, without_tools
from laird.transport.base import Origin, RequestHead, UpstreamRequest
from laird.transport.urls import origin_of
from laird.wire.openai import load_object, unreadable

DEMO_ORIGIN = Origin("demo", "demo", 0)
"""The origin of the demo provider, which is served inside this process."""
LIBRARY_ORIGIN = Origin(LIBRARY, LIBRARY, 0)
"""The origin of the local library, whose models this process runs."""

_PATHS: Mapping[str, str] = {
    "openai.chat": "chat/completions",
    "openai.completions": "completions",
    "openai.embeddings": "embeddings",
    "openai.responses": "responses",
}
"""Where the requests of each dialect go, below the API's base."""

_JSON = ("content-type", "application/json")
_ASKED_FOR_USAGE = frozenset({"openai.chat", "openai.completions"})
_USAGE = {"include_usage": True}
_CONTEXT_FIELDS = (
    "max_model_len",
    "context_length",
    "context_window",
    "max_context_length",
    "n_ctx",
    "n_ctx_train",
)
"""vLLM's, OpenRouter's, Groq's, LM Studio's and llama.cpp's names for the context size."""


class OpenAIAdapter(AdapterDefaults):
    """One provider that speaks OpenAI's formats. See `laird.providers.base.Adapter`.

    Subclasses change what is theirs: `_heads` says where requests go, `_honoured` what a body for
    chat may say.
    """

    def __init__(
        self, provider: Provider, traits: OpenAITraits, health_path: str | None = None
    ) -> None:
        """Build the heads of all requests.

        `health_path` is the kind's probe, below the server's root; None means its list of models.
        Raises `ValueError` for an endpoint that is no address.
        """
        self.provider = provider
        self.speaks = traits.speaks
        self.takes_image_urls = traits.image_urls
        self.takes_document_urls = traits.file_urls
        self.limits_calls = traits.limits_calls
        self._traits = traits
        self._secret = provider.secret.reveal() if provider.secret else None
        origin, base = _place(provider.endpoint)
        headers = _headers(provider, traits)
        self._heads = _heads(origin, base, (*headers, _JSON))
        self._models = UpstreamRequest(RequestHead("GET", origin, f"{base}/models", headers))
        self._probe = self._models
        path = _probe_path(provider.health.path, health_path, base)
        if path is not None:
            self._probe = UpstreamRequest(RequestHead("GET", origin, path, headers))

    def chat_request(self, model: Model, request: ChatRequest) -> UpstreamRequest:
        """Build the upstream request. Raises `UnsupportedField` for what can't be honoured."""
        body = chat_body(
            request,
            upstream_model=model.upstream_model,
            provider=self.provider.id,
            traits=self._traits,
        )
        return UpstreamRequest(self._heads["openai.chat"], orjson.dumps(self._honoured(body)))

    def forward_request(
        self,
        dialect: str,
        model: Model,
        body: Mapping[str, Any],
        passed: Mapping[str, str] | None = None,
    ) -> UpstreamRequest:
        """Build the upstream request from a body in an OpenAI format; unknown fields go along.

        Raises `UnsupportedField` for what this kind of server would drop in silence.
        """
        del passed
        out = {**body, "model": model.upstream_model}
        # A stream of the Responses format tells its usage unasked.
        if body.get("stream") and dialect in _ASKED_FOR_USAGE:
            options = body.get("stream_options")
            out["stream_options"] = {**options, **_USAGE} if options else _USAGE
        if not self._traits.knows_completion_limit and "max_completion_tokens" in out:
            limit = out.pop("max_completion_tokens")
            if limit is not None:
                out["max_tokens"] = limit
        return UpstreamRequest(self._heads[dialect], orjson.dumps(self._honoured(out)))

    def embedding_request(self, model: Model, request: EmbeddingRequest) -> UpstreamRequest:
        """Build the request for embeddings. Raises `UnsupportedField` for what can't be done."""
        if "openai.embeddings" not in self.speaks:
            return super().embedding_request(model, request)
        body = self._honoured(embedding_body(request, upstream_model=model.upstream_model))
        return UpstreamRequest(self._heads["openai.embeddings"], orjson.dumps(body))

    def read_embeddings(self, body: bytes) -> EmbeddingAnswer:
        """Read the vectors. Raises `UpstreamGarbled` when there are none."""
        return read_embedding_list(body, provider=self.provider.id)

    def _honoured(self, body: dict[str, Any]) -> dict[str, Any]:
        """Refuse fields that would be dropped in silence."""
        for field in self._traits.ignores:
            value = body.get(field)
            if value is None:
                continue
            if asks_for(field, value):
                raise UnsupportedField(
                    f"{self.provider.id} does not honour '{field}': leave it out, or ask another"
                    " model.",
                    param=field,
                )
            if field == "tool_choice" and value == "none":
                body = without_tools(body)
        return fitted(body, self._traits, self.provider.id) if self._traits.fitting else body

    def read_answer(self, body: bytes) -> ChatAnswer:
        """Read a whole answer. Raises `UpstreamGarbled` when it is not one."""
        return read_completion(body, provider=self.provider.id)

    def event_reader(self) -> OpenAIEvents:
        """Return a reader for one streamed answer."""
        return OpenAIEvents(self.provider.id)

    def read_error(self, status: int, headers: Mapping[str, str], body: bytes) -> UpstreamError:
        """Turn an answer other than 200 into the error tree."""
        return read_refusal(status, headers, body, provider=self.provider.id, secret=self._secret)

    def models_request(self) -> UpstreamRequest:
        """Build the request that lists models; it checks the credential as well."""
        return self._models

    def read_models(self, body: bytes) -> tuple[FoundModel, ...]:
        """Read the list of models. Raises `UpstreamGarbled`."""
        try:
            data = load_object(body)["data"]
        except (ValueError, KeyError):
            raise unreadable(self.provider.id, "no list of models") from None
        # Ollama without a model says null.
        if not isinstance(data, list | None):
            raise unreadable(self.provider.id, "no list of models")
        return tuple(
            self._found(item)
            for item in data or ()
            if isinstance(item, dict) and isinstance(item.get("id"), str)
        )

    def _found(self, item: Mapping[str, Any]) -> FoundModel:
        meta = item.get("meta")
        places = (item, meta) if isinstance(meta, dict) else (item,)
        sizes = (place.get(field) for field in _CONTEXT_FIELDS for place in places)
        limit = item.get("max_completion_tokens")
        return FoundModel(
            id=item["id"],
            context_window=next((size for size in sizes if type(size) is int and size > 0), None),
            max_tokens=limit if type(limit) is int and limit > 0 else None,
        )

    def probe_request(self) -> UpstreamRequest:
        """Build the health probe; a status below 400 means healthy."""
        return self._probe


def _place(endpoint: str) -> tuple[Origin, str]:
    """Return the origin and the API's base path. Raises `ValueError`."""
    if endpoint.startswith("demo:"):
        return DEMO_ORIGIN, "/v1"
    if endpoint.startswith(f"{LIBRARY}:"):
        return LIBRARY_ORIGIN, "/v1"
    origin, path = origin_of(endpoint)
    path = path.removesuffix("/chat/completions")
    return origin, path or "/v1"


def _heads(
    origin: Origin, base: str, headers: tuple[tuple[str, str], ...]
) -> Mapping[str, RequestHead]:
    """Return the head of the requests in each of OpenAI's formats, by dialect."""
    return {
        dialect: RequestHead("POST", origin, f"{base}/{path}", headers)
        for dialect, path in _PATHS.items()
    }


def _probe_path(configured: str | None, of_kind: str | None, base: str) -> str | None:
    """Return the path of the probe.

    What was configured counts from the host's root; the kind's own path from where the server's
    root is, which may be below a reverse proxy's prefix.
    """
    if configured:
        return configured if configured.startswith("/") else f"/{configured}"
    return base.removesuffix("/v1") + of_kind if of_kind else None


def _headers(provider: Provider, traits: OpenAITraits) -> tuple[tuple[str, str], ...]:
    secret = provider.secret.reveal() if provider.secret else None
    if not secret or provider.auth_type is AuthType.NONE:
        return ()
    header = traits.api_key_header
    if provider.auth_type is AuthType.BEARER or header == "authorization":
        return (("authorization", f"Bearer {secret}"),)
    return ((header, secret),)
