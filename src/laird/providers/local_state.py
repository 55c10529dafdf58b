"""Which models a local server has in memory, for the kinds that speak OpenAI's format.

Each kind tells it at a path of its own. Wire facts: LM Studio's REST API (`/api/v0/models` from
0.3.6, `/api/v1/models` from 0.4), llama.cpp's tools/server/README.md (`/v1/models`, with a `status`
for each model in router mode), LocalAI's reference (`/system`), and the lists of models of vLLM
and LightLLM.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from laird.domain.catalog import Provider
from laird.domain.health import ANY_NAME, LoadedModel
from laird.providers.openai_compat import OpenAIAdapter
from laird.providers.openai_traits import OpenAITraits
from laird.transport.base import RequestHead, UpstreamRequest
from laird.wire.openai import load_object, unreadable

Reader = Callable[[Mapping[str, Any]], tuple[LoadedModel, ...]]
"""Reads a server's answer. Raises `LookupError`, `TypeError` or `AttributeError` for others."""


class StateSource(msgspec.Struct, frozen=True, kw_only=True):
    """Where a kind of server tells what is loaded, and in which form."""

    path: str
    """Below the server's root, or below the API's base where it begins with `/models`."""
    read: Reader
    other_path: str | None = None
    """Where another version tells it; `read` knows both forms."""


class LocalServerAdapter(OpenAIAdapter):
    """An OpenAI-compatible server that says which models it has loaded."""

    def __init__(
        self,
        provider: Provider,
        traits: OpenAITraits,
        health_path: str | None,
        state: StateSource,
    ) -> None:
        """Build the heads of all requests. Raises `ValueError` for a bad endpoint."""
        super().__init__(provider, traits, health_path)
        self._source = state
        self._state_request = self._at(state.path)
        self._other_request = self._at(state.other_path) if state.other_path else None

    def state_request(self) -> UpstreamRequest:
        """Build the request that asks which models are loaded."""
        return self._state_request

    def other_state_request(self) -> UpstreamRequest | None:
        """Build the request to ask where the first one brings no state."""
        return self._other_request

    def read_state(self, body: bytes) -> tuple[LoadedModel, ...]:
        """Read which models are loaded. Raises `UpstreamGarbled`."""
        try:
            return self._source.read(load_object(body))
        except (ValueError, LookupError, TypeError, AttributeError):
            raise unreadable(self.provider.id, "no list of loaded models") from None

    def _at(self, path: str) -> UpstreamRequest:
        head = self.models_request().head
        base = head.target.removesuffix("/models")
        root = base if path.startswith("/models") else base.removesuffix("/v1")
        return UpstreamRequest(RequestHead("GET", head.origin, root + path, head.headers))


def read_lm_studio(body: Mapping[str, Any]) -> tuple[LoadedModel, ...]:
    """Read LM Studio's list, of either version. It says so with 200 where it knows no such path."""
    if "models" in body:
        return tuple(
            LoadedModel(
                id=model["key"],
                aliases=tuple(each["id"] for each in instances),
                context_window=_size(instances[0].get("config", {}).get("context_length")),
            )
            for model in body["models"]
            if (instances := model.get("loaded_instances"))
        )
    return tuple(
        LoadedModel(id=model["id"], context_window=_size(model.get("loaded_context_length")))
        for model in body["data"]
        if model["state"] == "loaded"
    )


def read_llama_cpp(body: Mapping[str, Any]) -> tuple[LoadedModel, ...]:
    """Read llama.cpp's list: of the one model, or of a router's, each with its status.

    A server of one model answers to every name. One that sleeps is in memory no more.
    """
    models = body["data"]
    return tuple(
        LoadedModel(
            id=model["id"],
            aliases=(*model.get("aliases", ()), *(() if "status" in model else (ANY_NAME,))),
            context_window=_size((model.get("meta") or {}).get("n_ctx")),
        )
        for model in models
        if model.get("status", _LOADED)["value"] == "loaded"
    )


def read_served(body: Mapping[str, Any]) -> tuple[LoadedModel, ...]:
    """Read the list of a server that has everything loaded that it lists: vLLM, LightLLM."""
    return tuple(
        LoadedModel(id=model["id"], context_window=_size(model.get("max_model_len")))
        for model in body["data"]
    )


def read_light_llm(body: Mapping[str, Any]) -> tuple[LoadedModel, ...]:
    """Read LightLLM's list, or the name of its model where an older one has no list.

    It looks at no name: it serves one model.
    """
    if "model_name" in body:
        return (LoadedModel(id=body["model_name"], aliases=(ANY_NAME,)),)
    return tuple(msgspec.structs.replace(model, aliases=(ANY_NAME,)) for model in read_served(body))


def read_local_ai(body: Mapping[str, Any]) -> tuple[LoadedModel, ...]:
    """Read LocalAI's `/system`."""
    return tuple(LoadedModel(id=model["id"]) for model in body["loaded_models"] or ())


_LOADED = {"value": "loaded"}

LM_STUDIO = StateSource(path="/api/v0/models", other_path="/api/v1/models", read=read_lm_studio)
"""0.4 knows both. A path that it does not know it writes into its log: the older comes first."""
LLAMA_CPP = StateSource(path="/models", read=read_llama_cpp)
LOCAL_AI = StateSource(path="/system", read=read_local_ai)
VLLM = StateSource(path="/models", read=read_served)
LIGHT_LLM = StateSource(path="/models", other_path="/get_model_name", read=read_light_llm)


def _size(value: object) -> int | None:
    return value if type(value) is int and value > 0 else None
