"""Ollama as an adapter, by its own API: `/api/chat`, `/api/embed`, `/api/tags`, `/api/ps`.

Its OpenAI interface can't set the context size, so a long prompt is cut there; it is not used.
Wire facts: api/types.go and server/routes.go of Ollama.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from laird.domain.catalog import AuthType, Capabilities, Egress, Model, Provider
from laird.domain.chat import ChatAnswer, ChatRequest
from laird.domain.embedding import EmbeddingAnswer, EmbeddingRequest
from laird.domain.errors import UpstreamError
from laird.domain.health import LoadedModel
from laird.domain.tokens import TokenUsage
from laird.providers.base import AdapterDefaults, FoundModel
from laird.providers.ollama.answer import read_answer
from laird.providers.ollama.errors import Voice, read_error
from laird.providers.ollama.events import LineEvents
from laird.providers.ollama.extras import add_extras
from laird.providers.ollama.refusals import unsupported
from laird.providers.ollama.request import request_body
from laird.providers.ollama.window import (
    SizedRequest,
    leaves_the_machine,
    num_ctx_of,
    refuse_cut,
)
from laird.transport.base import Origin, RequestHead, UpstreamRequest
from laird.transport.urls import origin_of

_JSON = ("content-type", "application/json")
_ENCODER = msgspec.json.Encoder()


class _Details(msgspec.Struct):
    context_length: int | None = None


class _Listed(msgspec.Struct):
    name: str = ""
    model: str = ""
    remote_model: str | None = None
    remote_host: str | None = None
    details: _Details | None = None
    capabilities: list[str] | None = None


class _List(msgspec.Struct):
    models: list[_Listed] | None


class _Vectors(msgspec.Struct):
    embeddings: list[list[float]]
    model: str = ""
    prompt_eval_count: int | None = None


_LIST = msgspec.json.Decoder(_List)
_VECTORS = msgspec.json.Decoder(_Vectors)


class OllamaAdapter(AdapterDefaults):
    """One Ollama server. See `laird.providers.base.Adapter`."""

    limits_calls = False
    takes_image_urls = False

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self._voice = Voice(provider.id, provider.secret)
        headers = _headers(provider)
        origin, base = _place(provider.endpoint)
        self._chat = RequestHead("POST", origin, f"{base}/api/chat", (*headers, _JSON))
        self._embed = RequestHead("POST", origin, f"{base}/api/embed", (*headers, _JSON))
        self._models = UpstreamRequest(RequestHead("GET", origin, f"{base}/api/tags", headers))
        self._state = UpstreamRequest(RequestHead("GET", origin, f"{base}/api/ps", headers))
        probe = provider.health.path or f"{base}/api/version"
        self._probe = UpstreamRequest(
            RequestHead("GET", origin, probe if probe.startswith("/") else f"/{probe}", headers)
        )

    def chat_request(self, model: Model, request: ChatRequest) -> UpstreamRequest:
        """Build the upstream request.

        Raises `UnsupportedField`, `InvalidRequest`, or `ContextLengthExceeded` for a prompt that is
        clearly longer than the model's window.
        """
        body, turns = request_body(model, request, provider=self.provider.id)
        return SizedRequest(
            self._chat,
            _ENCODER.encode(body),
            body["options"].get("num_ctx", 0)
            if not leaves_the_machine(model.upstream_model)
            else 0,
            turns.text_bytes,
        )

    def read_answer(self, body: bytes) -> ChatAnswer:
        """Read a whole answer. Raises `UpstreamGarbled` when it is not one."""
        return read_answer(body, self._voice)

    def event_reader(self) -> LineEvents:
        """Return a reader for one streamed answer."""
        return LineEvents(self._voice)

    def check_counts(self, request: UpstreamRequest, usage: TokenUsage) -> None:
        """Raise `UpstreamRejected` where the server has cut the prompt in silence."""
        if isinstance(request, SizedRequest):
            refuse_cut(self.provider.id, request, usage)

    def read_error(self, status: int, headers: Mapping[str, str], body: bytes) -> UpstreamError:
        """Turn an answer other than 200 into the error tree."""
        return read_error(status, headers, body, voice=self._voice)

    def embedding_request(self, model: Model, request: EmbeddingRequest) -> UpstreamRequest:
        """Build the request for embeddings. Raises `UnsupportedField` for what can't be done."""
        if request.purpose is not None:
            raise unsupported(
                self.provider.id,
                "input_type",
                "its API has no place for what embeddings are for; put it into the text.",
            )
        body: dict[str, Any] = {
            "model": model.upstream_model,
            "input": request.inputs,
            "truncate": False,
            "options": {},
        }
        num_ctx = num_ctx_of(model)
        if num_ctx is not None:
            body["options"]["num_ctx"] = num_ctx
        if request.dimensions is not None:
            body["dimensions"] = request.dimensions
        if request.extra:
            add_extras(body, request.extra, self.provider.id)
        return UpstreamRequest(self._embed, _ENCODER.encode(body))

    def read_embeddings(self, body: bytes) -> EmbeddingAnswer:
        """Read the vectors. Raises `UpstreamGarbled` when there are none."""
        try:
            read = _VECTORS.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise self._voice.garbled(f"embeddings that can't be read ({error})") from error
        count = read.prompt_eval_count
        return EmbeddingAnswer(
            model=read.model,
            vectors=tuple(tuple(vector) for vector in read.embeddings),
            usage=TokenUsage(prompt=count) if count else None,
        )

    def models_request(self) -> UpstreamRequest:
        """Build the request that lists the models that were pulled."""
        return self._models

    def read_models(self, body: bytes) -> tuple[FoundModel, ...]:
        """Read the list of models. Raises `UpstreamGarbled`."""
        return tuple(_found(model) for model in self._listed(body))

    def probe_request(self) -> UpstreamRequest:
        """Build the health probe: the server's version, which touches no model."""
        return self._probe

    def state_request(self) -> UpstreamRequest:
        """Build the request that asks which models are loaded."""
        return self._state

    def read_state(self, body: bytes) -> tuple[LoadedModel, ...]:
        """Read which models are loaded. Raises `UpstreamGarbled`.

        The size they were loaded with is not told: it is not a limit, since a request that asks for
        another one has the model loaded anew.
        """
        return tuple(
            LoadedModel(id=name, aliases=(name.removesuffix(":latest"),))
            for model in self._listed(body)
            if (name := model.model or model.name)
        )

    def _listed(self, body: bytes) -> list[_Listed]:
        try:
            return _LIST.decode(body).models or []
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise self._voice.garbled(f"a list of models that can't be read ({error})") from error


def _found(model: _Listed) -> FoundModel:
    name = model.model or model.name
    remote = model.remote_host or model.remote_model or leaves_the_machine(name)
    return FoundModel(
        id=name,
        context_window=(model.details.context_length if model.details else None) or None,
        capabilities=_capabilities(model.capabilities),
        egress=Egress.EXTERNAL if remote else None,
    )


def _capabilities(words: list[str] | None) -> Capabilities:
    """Return what a model can do, where the server tells it (0.20 and later)."""
    if not words:
        return Capabilities()
    chats = "completion" in words
    return Capabilities(
        streaming=chats,
        function_calling="tools" in words,
        vision="vision" in words,
        json_mode=chats,
        embeddings="embedding" in words,
        reasoning="thinking" in words,
    )


def _headers(provider: Provider) -> tuple[tuple[str, str], ...]:
    """Return the credential's header, for a server behind a proxy that wants one."""
    if provider.auth_type is AuthType.NONE or not provider.secret:
        return ()
    return (("authorization", f"Bearer {provider.secret.reveal()}"),)


def _place(endpoint: str) -> tuple[Origin, str]:
    """Return the origin, and the path that stands before `/api`; `/v1` is taken off."""
    origin, path = origin_of(endpoint)
    for ending in ("/chat/completions", "/v1", "/api/chat", "/api"):
        path = path.removesuffix(ending)
    return origin, path
