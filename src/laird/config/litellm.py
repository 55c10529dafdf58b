"""LiteLLM's `config.yaml` in terms of this document. Source of the format: LiteLLM's proxy docs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlsplit

import msgspec

from laird.config.schema import PLAIN_ID, slug
from laird.domain.catalog import Kind

_Data = dict[str, Any]
_ENVIRON = "os.environ/"

_KINDS: Mapping[str, tuple[str, ...]] = {
    "openai": ("openai",),
    "azure": ("azure-openai", "azure"),
    "anthropic": ("anthropic",),
    "gemini": ("gemini", "google"),
    "cohere": ("cohere",),
    "cohere_chat": ("cohere",),
    "ollama": ("ollama",),
    "ollama_chat": ("ollama",),
    "hosted_vllm": ("vllm",),
    "vllm": ("vllm",),
    "lm_studio": ("lmstudio", "lm-studio"),
}
"""LiteLLM's provider prefix to the kinds that fit, the best first."""
_COMPATIBLE = ("openai-compatible", "openai_compatible", "custom", "openai")
_HOSTS: Mapping[str, tuple[str, str]] = {
    "groq": ("https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    "mistral": ("https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    "deepseek": ("https://api.deepseek.com", "DEEPSEEK_API_KEY"),
    "openrouter": ("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    "together_ai": ("https://api.together.xyz/v1", "TOGETHERAI_API_KEY"),
    "xai": ("https://api.x.ai/v1", "XAI_API_KEY"),
    "fireworks_ai": ("https://api.fireworks.ai/inference/v1", "FIREWORKS_AI_API_KEY"),
    "perplexity": ("https://api.perplexity.ai", "PERPLEXITYAI_API_KEY"),
    "cerebras": ("https://api.cerebras.ai/v1", "CEREBRAS_API_KEY"),
    "nvidia_nim": ("https://integrate.api.nvidia.com/v1", "NVIDIA_NIM_API_KEY"),
}
"""Hosted services that speak OpenAI's format: where they are, and their usual variable."""
_PREFIXES = (
    (("gpt-", "o1", "o3", "o4", "chatgpt-", "text-embedding-"), "openai"),
    (("claude",), "anthropic"),
    (("gemini",), "gemini"),
    (("command",), "cohere"),
)
_STRATEGIES = {
    "least-busy": "least-busy",
    "latency-based-routing": "fastest",
    "cost-based-routing": "cheapest",
    "simple-shuffle": "weighted",
}
_CARRIED = frozenset(
    {
        "model",
        "api_key",
        "api_base",
        "base_url",
        "timeout",
        "max_parallel_requests",
        "input_cost_per_token",
        "output_cost_per_token",
        "litellm_credential_name",
        "custom_llm_provider",
    }
)
_INFO = {
    "supports_vision": "vision",
    "supports_function_calling": "functionCalling",
    "supports_response_schema": "jsonMode",
    "supports_reasoning": "reasoning",
}
_QUIET_INFO = frozenset(
    {
        "id",
        "mode",
        "max_tokens",
        "max_input_tokens",
        "max_output_tokens",
        "input_cost_per_token",
        "output_cost_per_token",
        "cache_read_input_token_cost",
        "cache_creation_input_token_cost",
    }
)


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """The result of an import: the document's data, and what could not be carried over."""

    data: _Data
    notes: tuple[str, ...]


class _Target(msgspec.Struct, frozen=True):
    """Where a deployment's requests go."""

    name: str
    kind: str
    endpoint: str | None
    secret: str | None


def import_litellm(
    config: Mapping[str, Any], *, kinds: Mapping[str, Kind], environment: Mapping[str, str]
) -> Imported:
    """Turn a parsed LiteLLM configuration into a document.

    Deployments become models, grouped under one provider for each endpoint and key; a name that
    several deployments share keeps them all. `environment` resolves `os.environ/NAME` where the
    document needs the value itself (an endpoint); keys stay references.
    """
    return _Importer(config, kinds, environment).result()


class _Importer:
    def __init__(
        self, config: Mapping[str, Any], kinds: Mapping[str, Kind], environment: Mapping[str, str]
    ) -> None:
        self._config = config
        self._kinds = kinds
        self._environment = environment
        self._notes: dict[str, None] = {}
        self._providers: dict[_Target, _Data] = {}
        self._groups: dict[str, list[tuple[str, str]]] = {}
        """LiteLLM's model_name to the (provider, model) ids that serve it."""
        self._credentials = {
            str(one.get("credential_name")): _mapping(one.get("credential_values"))
            for one in _mappings(config.get("credential_list"))
        }

    def result(self) -> Imported:
        for deployment in _mappings(self._config.get("model_list")):
            self._deployment(deployment)
        router = _mapping(self._config.get("router_settings"))
        library = _mapping(self._config.get("litellm_settings"))
        data: _Data = {"version": 1, "providers": list(self._providers.values())}
        chains, routing = self._fallbacks(router, library)
        if chains:
            data["chains"] = chains
        aliases = self._aliases(router)
        if aliases:
            data["aliases"] = aliases
        strategy = router.get("routing_strategy")
        if strategy in _STRATEGIES:
            routing["strategy"] = _STRATEGIES[strategy]
        elif strategy is not None:
            self._note(f"routing_strategy {strategy} has no equal; the default is used.")
        if routing:
            data["routing"] = routing
        self._leftovers(router, library)
        return Imported(data=data, notes=tuple(self._notes))

    def _note(self, text: str) -> None:
        self._notes[text] = None

    # Deployments

    def _deployment(self, deployment: _Data) -> None:
        group = str(deployment.get("model_name") or "")
        params = _mapping(deployment.get("litellm_params"))
        stored = self._credentials.get(str(params.get("litellm_credential_name")), {})
        params = {**stored, **params}
        full = str(params.get("model") or "")
        if not group or not full:
            self._note("a model_list entry without model_name or model was left out.")
            return
        if "*" in group or "*" in full:
            self._note(f"{group}: wildcards have no equal; list the models by name.")
            return
        prefix, upstream = self._split(full, params)
        target = self._target(group, prefix, params)
        if target is None:
            return
        provider = self._provider(target, params)
        info = _mapping(deployment.get("model_info"))
        model = self._model(group, upstream, provider, {**info, **_costs(params)})
        provider["models"].append(model)
        self._groups.setdefault(group, []).append((provider["id"], model["id"]))
        for name in sorted(params.keys() - _CARRIED - stored.keys()):
            self._note(f"{group}: litellm_params.{name} is not carried over.")
        for name in sorted(info.keys() - _QUIET_INFO - _INFO.keys()):
            self._note(f"{group}: model_info.{name} is not carried over.")

    def _split(self, full: str, params: _Data) -> tuple[str, str]:
        if params.get("custom_llm_provider"):
            return str(params["custom_llm_provider"]), full
        prefix, slash, rest = full.partition("/")
        if slash and (prefix in _KINDS or prefix in _HOSTS or not params.get("api_base")):
            return prefix, rest
        guess = next((name for starts, name in _PREFIXES if full.startswith(starts)), "openai")
        return guess, full

    def _target(self, group: str, prefix: str, params: _Data) -> _Target | None:
        endpoint = self._endpoint(group, params)
        if endpoint == "":
            return None
        secret = self._secret(group, params.get("api_key"))
        wanted = _KINDS.get(prefix, ())
        if prefix in _HOSTS:
            host, variable = _HOSTS[prefix]
            return self._first(prefix, _COMPATIBLE, endpoint or host, secret or f"env:{variable}")
        if prefix == "openai" and endpoint and urlsplit(endpoint).hostname != "api.openai.com":
            wanted = _COMPATIBLE
            prefix = _host_name(endpoint)
        found = self._first(prefix, wanted, endpoint, secret)
        if found is None:
            self._note(f"{group}: LiteLLM's provider '{prefix}' has no equal; it was left out.")
        elif endpoint is None and self._kinds[found.kind].endpoint is None:
            self._note(f"{group}: it has no api_base, which is needed here; it was left out.")
            return None
        return found

    def _first(
        self, name: str, wanted: tuple[str, ...], endpoint: str | None, secret: str | None
    ) -> _Target | None:
        kind = next((kind for kind in wanted if kind in self._kinds), None)
        if kind is None:
            return None
        if secret is None and endpoint is None and self._kinds[kind].env_key:
            secret = f"env:{self._kinds[kind].env_key}"
        return _Target(name, kind, endpoint, secret)

    def _endpoint(self, group: str, params: _Data) -> str | None:
        """Return the endpoint, None where there is none, or an empty text where it is unknown."""
        value = params.get("api_base") or params.get("base_url")
        if value is None:
            return None
        text = str(value)
        if text.startswith(_ENVIRON):
            name = text.removeprefix(_ENVIRON)
            text = self._environment.get(name, "")
            if text:
                self._note(f"{group}: the endpoint is the value that {name} has now.")
            else:
                self._note(f"{group}: {name} is not set, so its endpoint is unknown; left out.")
        return text.rstrip("/")

    def _secret(self, group: str, value: object) -> str | None:
        text = str(value or "")
        if text.lower() in {"", "none", "null", "dummy", "fake-key"}:
            return None
        if text.startswith(_ENVIRON):
            return f"env:{text.removeprefix(_ENVIRON)}"
        self._note(f"{group}: its api_key is written out; better an environment variable.")
        return text

    def _provider(self, target: _Target, params: _Data) -> _Data:
        provider = self._providers.get(target)
        if provider is None:
            taken = {other["id"] for other in self._providers.values()}
            name = slug(target.name).replace("/", "-").replace(":", "-").replace("_", "-")
            provider = {"id": _free(name or "provider", taken), "kind": target.kind}
            if target.endpoint:
                provider["endpoint"] = target.endpoint
            if target.secret:
                provider["authSecret"] = target.secret
            self._providers[target] = provider
        if isinstance(most := params.get("max_parallel_requests"), int):
            provider["maxConcurrent"] = max(most, provider.get("maxConcurrent", 1))
        timeout = params.get("timeout")
        if isinstance(timeout, int | float) and timeout > 0:
            provider["timeouts"] = {"total": timeout}
        provider["models"] = provider.pop("models", [])
        return provider

    def _model(self, group: str, upstream: str, provider: _Data, info: _Data) -> _Data:
        taken = {model["id"] for model in provider["models"]}
        name = slug(group) or "model"
        model: _Data = {"id": _free("auto-model" if name == "auto" else name, taken)}
        if model["id"] != group:
            model["name"] = group
        if upstream != model["id"]:
            model["upstreamModel"] = upstream
        window = info.get("max_input_tokens")
        if isinstance(window, int):
            model["contextWindow"] = window
        most = info.get("max_output_tokens") or info.get("max_tokens")
        if isinstance(most, int):
            model["maxTokens"] = most
        if pricing := _pricing(info):
            model["pricing"] = pricing
        able = {ours: info[theirs] for theirs, ours in _INFO.items() if theirs in info}
        mode = info.get("mode")
        if mode == "embedding":
            able["embeddings"] = True
        elif mode not in {None, "chat", "completion", "responses"}:
            self._note(f"{group}: mode {mode} is not served; only chat and embeddings are.")
        if able := {name: value for name, value in able.items() if isinstance(value, bool)}:
            model["capabilities"] = able
        return model

    # Routing

    def _fallbacks(self, router: _Data, library: _Data) -> tuple[list[_Data], _Data]:
        retries = router.get("num_retries", library.get("num_retries"))
        retries = min(max(retries, 0), 10) if isinstance(retries, int) else None
        chains: list[_Data] = []
        taken = {provider["id"] for provider in self._providers.values()} | {"auto"}
        for group, others in _pairs(router.get("fallbacks") or library.get("fallbacks")):
            steps = self._steps([group, *others], retries)
            if not steps:
                continue
            chain_id = self._chain_id(group, taken)
            taken.add(chain_id)
            chains.append({"id": chain_id, "name": f"{group} with failover", "models": steps})
            if chain_id != group:
                self._note(f"{group}: ask for '{chain_id}' to have its fallbacks.")
        default = router.get("default_fallbacks") or library.get("default_fallbacks")
        steps = self._steps(default if isinstance(default, list) else [], retries)
        if not steps:
            return chains, {}
        chain_id = _free("fallback", taken)
        return [*chains, {"id": chain_id, "models": steps}], {"fallback": chain_id}

    @staticmethod
    def _chain_id(group: str, taken: set[str]) -> str:
        """Call a chain like its model where that can be an id: a request finds the chain first."""
        if group not in taken and re.fullmatch(PLAIN_ID, group):
            return group
        return _free(_plain(f"{group}-failover"), taken)

    def _steps(self, groups: list[Any], retries: int | None) -> list[_Data]:
        extra = {} if retries is None else {"maxRetries": retries}
        steps = []
        for group in groups:
            if str(group) not in self._groups:
                self._note(f"fallback to {group}: there is no such model; it was left out.")
            for provider_id, model_id in self._groups.get(str(group), []):
                steps.append({"providerId": provider_id, "modelId": model_id, **extra})
        return steps

    def _aliases(self, router: _Data) -> dict[str, str]:
        aliases = {}
        for alias, target in _mapping(router.get("model_group_alias")).items():
            name = target.get("model") if isinstance(target, dict) else target
            if isinstance(name, str) and name in self._groups:
                aliases[alias] = self._groups[name][0][1] if name == alias else name
            else:
                self._note(f"alias {alias}: its target is no single model; it was left out.")
        return {alias: target for alias, target in aliases.items() if alias != target}

    def _leftovers(self, router: _Data, library: _Data) -> None:
        handled = {"fallbacks", "default_fallbacks", "num_retries"}
        for name in sorted(router.keys() - handled - {"model_group_alias", "routing_strategy"}):
            self._note(f"router_settings.{name} is not carried over.")
        for name in sorted(library.keys() - handled):
            self._note(f"litellm_settings.{name} is not carried over.")
        if "master_key" in _mapping(self._config.get("general_settings")):
            self._note("general_settings.master_key: make keys with `laird keys create`.")
        known = {"model_list", "router_settings", "litellm_settings", "credential_list"}
        for name in sorted(self._config.keys() - known):
            self._note(f"{name} is not carried over.")


def _mapping(value: object) -> _Data:
    return value if isinstance(value, dict) else {}


def _mappings(value: object) -> list[_Data]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _pairs(value: object) -> Iterator[tuple[str, list[Any]]]:
    """Yield the entries of `[{name: [others]}]`, or of one mapping."""
    for one in [value] if isinstance(value, dict) else _mappings(value):
        for name, others in one.items():
            yield str(name), others if isinstance(others, list) else [others]


def _free(name: str, taken: set[str]) -> str:
    found, number = name, 2
    while found in taken:
        found, number = f"{name}-{number}", number + 1
    return found


def _plain(name: str) -> str:
    return slug(name).replace("/", "-").replace(":", "-")[:64]


def _host_name(endpoint: str) -> str:
    """Make a provider's id from its host: `api.example.com` to `example`, an address as it is."""
    try:
        host = urlsplit(endpoint).hostname or "server"
    except ValueError:
        return "server"
    if host in {"localhost", "127.0.0.1", "0.0.0.0", "::1"}:  # noqa: S104  (a name to compare)
        return "local"
    parts = host.split(".")
    return parts[-2] if len(parts) > 1 and not parts[-1].isdigit() else host.replace(":", "-")


def _costs(params: _Data) -> _Data:
    return {name: params[name] for name in params if name.endswith("_cost_per_token")}


def _pricing(info: _Data) -> dict[str, object]:
    """Turn USD per token into USD per million tokens; both input and output must be known."""
    names = {
        "input": "input_cost_per_token",
        "output": "output_cost_per_token",
        "cachedInput": "cache_read_input_token_cost",
        "cacheWrite": "cache_creation_input_token_cost",
        "cacheWrite1h": "cache_creation_input_token_cost_above_1hr",
    }
    prices: dict[str, object] = {}
    for ours, theirs in names.items():
        try:
            price = Decimal(str(info[theirs])) * 1_000_000
        except (KeyError, InvalidOperation):
            continue
        if price.is_finite() and price >= 0:
            prices[ours] = price.normalize()
    return prices if {"input", "output"} <= prices.keys() else {}
