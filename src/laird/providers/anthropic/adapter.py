"""Anthropic's Messages API as an adapter.

Wire facts: Anthropic's API reference (authentication, versions, models) and the Python SDK's
`types/model_info.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from laird.domain.catalog import AuthType, Capabilities, Model, Provider
from laird.domain.chat import ChatAnswer, ChatRequest
from laird.domain.errors import UpstreamError
from laird.providers.anthropic.answer import read_answer
from laird.providers.anthropic.errors import Voice, read_error
from laird.providers.anthropic.events import MessageEvents
from laird.providers.anthropic.history import own_history
from laird.providers.anthropic.request import request_body
from laird.providers.base import AdapterDefaults, FoundModel
from laird.transport.base import Origin, RequestHead, UpstreamRequest
from laird.transport.urls import origin_of

API_VERSION = "2023-06-01"
"""The `anthropic-version` that is sent.

2026-10-21 accepts less (no sampling fields at all) and answers alike, so the older one is the one
that honours what each model can do. A client that speaks the format says its own.
"""

_MOST_HEADS = 64
"""Heads kept for what clients say in headers; usually there are one or two."""


class _Support(msgspec.Struct):
    supported: bool = False


class _ModelCapabilities(msgspec.Struct):
    image_input: _Support | None = None
    structured_outputs: _Support | None = None
    thinking: _Support | None = None


class _ModelInfo(msgspec.Struct):
    id: str
    max_input_tokens: int | None = None
    max_tokens: int | None = None
    lifecycle: str | None = None
    capabilities: _ModelCapabilities | None = None


class _ModelList(msgspec.Struct):
    data: list[_ModelInfo]


_MODELS = msgspec.json.Decoder(_ModelList)
_ENCODER = msgspec.json.Encoder()


class AnthropicAdapter(AdapterDefaults):
    """One provider that speaks Anthropic's Messages API. See `laird.providers.base.Adapter`."""

    speaks = frozenset({"anthropic.messages", "anthropic.count_tokens"})

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self._voice = Voice(provider.id, provider.secret)
        headers = _headers(provider)
        origin, base = _place(provider.endpoint)
        self._chat = RequestHead(
            method="POST",
            origin=origin,
            target=f"{base}/v1/messages",
            headers=(*headers, ("content-type", "application/json")),
        )
        self._count = msgspec.structs.replace(self._chat, target=f"{base}/v1/messages/count_tokens")
        # A transport knows a head by its identity, so the same wishes must meet the same head.
        self._heads: dict[tuple[object, ...], RequestHead] = {}
        self._models = UpstreamRequest(
            RequestHead("GET", origin, f"{base}/v1/models?limit=1000", headers)
        )
        probe = provider.health.path or f"{base}/v1/models?limit=1"
        self._probe = UpstreamRequest(RequestHead("GET", origin, probe, headers))

    def chat_request(self, model: Model, request: ChatRequest) -> UpstreamRequest:
        """Build the upstream request. Raises `UnsupportedField` or `InvalidRequest`."""
        body = request_body(model, request, provider=self.provider.id)
        return UpstreamRequest(self._chat, _ENCODER.encode(body))

    def forward_request(
        self,
        dialect: str,
        model: Model,
        body: Mapping[str, Any],
        passed: Mapping[str, str] | None = None,
    ) -> UpstreamRequest:
        """Build the upstream request from a client's body; usage always comes.

        `passed` goes along as headers. Thinking of other providers is taken out of `messages`,
        since the API refuses what it has not signed.
        """
        sent = {**own_history(body), "model": model.upstream_model}
        head = self._count if dialect == "anthropic.count_tokens" else self._chat
        if passed:
            head = self._head_with(head, passed)
        return UpstreamRequest(head, _ENCODER.encode(sent))

    def _head_with(self, head: RequestHead, passed: Mapping[str, str]) -> RequestHead:
        key = (head.target, *passed.items())
        found = self._heads.get(key)
        if found is None:
            kept = (header for header in head.headers if header[0] not in passed)
            found = msgspec.structs.replace(head, headers=(*kept, *passed.items()))
            if len(self._heads) >= _MOST_HEADS:
                self._heads.clear()
            self._heads[key] = found
        return found

    def read_answer(self, body: bytes) -> ChatAnswer:
        """Read a whole answer. Raises `UpstreamGarbled` when it is not one."""
        return read_answer(body, self._voice)

    def event_reader(self) -> MessageEvents:
        """Return a reader for one streamed answer."""
        return MessageEvents(self._voice)

    def read_error(self, status: int, headers: Mapping[str, str], body: bytes) -> UpstreamError:
        """Turn an answer other than 200 into the error tree."""
        return read_error(status, headers, body, voice=self._voice)

    def models_request(self) -> UpstreamRequest:
        """Build the request that lists models; it checks the credential as well."""
        return self._models

    def read_models(self, body: bytes) -> tuple[FoundModel, ...]:
        """Read the list of models, without those that are retired. Raises `UpstreamGarbled`."""
        try:
            found = _MODELS.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise self._voice.garbled(f"a list of models that can't be read ({error})") from error
        return tuple(_found(model) for model in found.data if model.lifecycle != "retired")

    def probe_request(self) -> UpstreamRequest:
        """Build the health probe: one model of the list, which costs nothing."""
        return self._probe


def _headers(provider: Provider) -> tuple[tuple[str, str], ...]:
    version = ("anthropic-version", API_VERSION)
    if provider.secret is None or not provider.secret:
        return (version,)
    secret = provider.secret.reveal()
    if provider.auth_type is AuthType.API_KEY:
        return (version, ("x-api-key", secret))
    if provider.auth_type is AuthType.BEARER:
        return (version, ("authorization", f"Bearer {secret}"))
    return (version,)


def _place(endpoint: str) -> tuple[Origin, str]:
    """Return the origin, and the path that stands before `/v1`."""
    origin, path = origin_of(endpoint)
    return origin, path.removesuffix("/messages").removesuffix("/v1")


def _found(model: _ModelInfo) -> FoundModel:
    known = model.capabilities or _ModelCapabilities()
    return FoundModel(
        id=model.id,
        context_window=model.max_input_tokens,
        max_tokens=model.max_tokens,
        capabilities=Capabilities(
            streaming=True,
            function_calling=True,
            embeddings=False,
            vision=_supported(known.image_input),
            json_mode=_supported(known.structured_outputs),
            reasoning=_supported(known.thinking),
        ),
    )


def _supported(support: _Support | None) -> bool | None:
    return None if support is None else support.supported
