"""The first document: what a fresh installation finds, ready to use and to read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from laird.config.rewrite import dump_yaml
from laird.config.schema import slug
from laird.domain.catalog import Kind

STARTER_MODELS: Mapping[str, tuple[str, ...]] = {
    "openai": ("gpt-5-mini", "gpt-5", "gpt-4o-mini", "text-embedding-3-small"),
    "anthropic": ("claude-haiku-4-5", "claude-sonnet-4-5"),
}
"""A few well-known models by kind, to begin with."""

_HEAD = """\
# What Laird serves: providers, their models, failover chains and routing.
# Save the file and the change is in force within a second; a mistake changes nothing and is shown
# in the log, by `laird config check` and on the dashboard. All fields: docs/configuration.md

version: 1

providers:
  # Answers without a model and without a network, so that everything can be tried at once.
  - id: demo
    name: Demo
    kind: demo
    # Last in line: real providers are preferred.
    priority: 1000
    models:
      - id: demo
        isDefault: true
      - demo-slow
      - demo-tools
"""
_NO_SERVERS = """
  # No local server was found. For Ollama, start it and take away the # here:
  # - id: ollama
  #   kind: ollama
  #   endpoint: http://127.0.0.1:11434
  #   models: ["llama3.2:3b"]
"""
_TAIL = """
# Failover chains: the first model that can answer does.
# chains:
#   - id: reliable
#     models:
#       - {providerId: ollama, modelId: "llama3.2:3b", timeoutMs: 30000}
#       - {providerId: openai, modelId: gpt-5-mini}

# Other names for models, providers and chains.
# aliases:
#   fast: demo

# routing:
#   strategy: default      # default, priority, cheapest, fastest, least-busy, weighted
"""


class FoundServer(msgspec.Struct, frozen=True, kw_only=True):
    """A local server that runs on this machine or network."""

    kind: str
    endpoint: str
    models: tuple[str, ...] = ()


def first_document(
    *,
    servers: Sequence[FoundServer] = (),
    kinds: Mapping[str, Kind],
    environment: Mapping[str, str],
    starter_models: Mapping[str, Sequence[str]] = STARTER_MODELS,
) -> str:
    """Return the text of the first document.

    It has the demo provider, each found server, and each cloud provider whose usual variable is
    set and for which starter models are known; their keys stay in the environment.
    """
    taken = {"demo", "auto"}
    parts = [_HEAD]
    for server in servers:
        title = kinds[server.kind].title if server.kind in kinds else server.kind
        fields = {
            "id": _free(server.kind, taken),
            "kind": server.kind,
            "endpoint": server.endpoint,
            "models": [_model(name) for name in server.models],
        }
        parts.append(_entry(f"{title}, found running.", fields))
    if not servers:
        parts.append(_NO_SERVERS)
    for kind in kinds.values():
        names = starter_models.get(kind.id, ())
        if not names or not kind.env_key or not environment.get(kind.env_key):
            continue
        fields = {
            "id": _free(kind.id, taken),
            "kind": kind.id,
            "authSecret": f"env:{kind.env_key}",
            "models": list(names),
        }
        parts.append(_entry(f"{kind.title}, since {kind.env_key} is set.", fields))
    return "".join([*parts, _TAIL])


def _model(name: str) -> object:
    """Return a model's entry: its bare name where an id can be made of it."""
    return name if slug(name) else {"id": "model", "upstreamModel": name}


def _free(name: str, taken: set[str]) -> str:
    found, number = name, 2
    while found in taken:
        found, number = f"{name}-{number}", number + 1
    taken.add(found)
    return found


def _entry(comment: str, fields: Mapping[str, object]) -> str:
    lines = dump_yaml(dict(fields)).splitlines()
    return f"\n  # {comment}\n  - " + "\n    ".join(lines) + "\n"
