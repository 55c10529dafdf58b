"""The first document: what a fresh installation finds, ready to use and to read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from laird.config.rewrite import dump_yaml

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
  # No local server was found. None is needed: `laird library search` shows models that Laird runs
  # itself, and what is installed is added to this list. For Ollama, start it and take away the #:
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


class FirstEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A provider that was found, as it is written, and a line above it that says why."""

    comment: str
    fields: Mapping[str, object]
    local: bool
    """A server that runs, and not a cloud."""


def first_document(entries: Sequence[FirstEntry] = ()) -> str:
    """Return the text of the first document: the demo provider, and what was found.

    Keys of cloud providers stay in the environment.
    """
    parts = [_HEAD, *(_entry(entry) for entry in entries if entry.local)]
    if not any(entry.local for entry in entries):
        parts.append(_NO_SERVERS)
    parts += [_entry(entry) for entry in entries if not entry.local]
    return "".join([*parts, _TAIL])


def _entry(entry: FirstEntry) -> str:
    lines = dump_yaml(dict(entry.fields)).splitlines()
    return f"\n  # {entry.comment}\n  - " + "\n    ".join(lines) + "\n"
