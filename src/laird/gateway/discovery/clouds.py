"""Cloud providers by the variables that usually hold their keys. Nothing is asked of them."""

from __future__ import annotations

from collections.abc import Mapping, MutableSet, Sequence

from laird.config.egress import host_of
from laird.domain.catalog import Kind, Snapshot
from laird.gateway.discovery.entries import free_id
from laird.gateway.discovery.found import Entry, FoundCloud

STARTER_MODELS: Mapping[str, Sequence[str]] = {
    "openai": ("gpt-5-mini", "gpt-5", "gpt-4o-mini", "text-embedding-3-small"),
    "anthropic": ("claude-haiku-4-5", "claude-sonnet-4-5"),
    "gemini": ("gemini-2.5-flash", "gemini-2.5-pro", "gemini-embedding-001"),
    "cohere": ("command-r7b-12-2024", "command-a-03-2025", "embed-v4.0"),
    "mistral": ("mistral-small-latest", "mistral-large-latest", "mistral-embed"),
    "groq": ("llama-3.1-8b-instant", "llama-3.3-70b-versatile"),
    "deepseek": ("deepseek-chat", "deepseek-reasoner"),
    "openrouter": ("meta-llama/llama-3.3-70b-instruct", "qwen/qwen3-coder"),
    "together": ("meta-llama/Llama-3.3-70B-Instruct-Turbo",),
    "xai": ("grok-3-mini", "grok-4"),
}
"""A few well-known models by kind, to begin with. Azure's have the names that people gave them."""

_ENDPOINT_VARIABLES = {"azure": "AZURE_OPENAI_ENDPOINT"}


def find_clouds(
    kinds: Mapping[str, Kind],
    environment: Mapping[str, str],
    snapshot: Snapshot,
    taken: MutableSet[str],
) -> tuple[FoundCloud, ...]:
    """Return the kinds whose variable is set, with the entries that would be added.

    The ids of entries join `taken`. A value is looked at only to see that there is one.
    """
    return tuple(
        _candidate(kind, kind.env_key, environment, snapshot, taken)
        for kind in kinds.values()
        if kind.env_key and environment.get(kind.env_key)
    )


def _candidate(
    kind: Kind,
    variable: str,
    environment: Mapping[str, str],
    snapshot: Snapshot,
    taken: MutableSet[str],
) -> FoundCloud:
    configured_as = _configured(kind, variable, snapshot)
    missing = _missing(kind, environment)
    entry: Entry | None = None
    if missing is None and configured_as is None:
        entry = _entry(kind, variable, environment, free_id(kind.id, taken))
    return FoundCloud(
        kind=kind.id,
        title=kind.title,
        variable=variable,
        missing=missing,
        configured_as=configured_as,
        entry=entry,
    )


def _configured(kind: Kind, variable: str, snapshot: Snapshot) -> str | None:
    """Return the provider that has this key, else one of the kind."""
    providers = [one for one in snapshot.providers.values() if one.kind == kind.id]
    with_key = [one for one in providers if one.secret_source == f"env:{variable}"]
    return next((one.id for one in (*with_key, *providers)), None)


def _missing(kind: Kind, environment: Mapping[str, str]) -> str | None:
    """Return the variable that must hold the endpoint and does not hold a usable one."""
    variable = _ENDPOINT_VARIABLES.get(kind.id)
    if variable is None or _endpoint(environment.get(variable, "")):
        return None
    return variable


def _endpoint(value: str) -> str:
    """Return an endpoint as it may be written and shown: without user name and `#`."""
    text = value.strip()
    fit = text.startswith(("https://", "http://")) and host_of(text) and text.isprintable()
    return text if fit and not any(each in text for each in "@#\\ ") else ""


def _entry(kind: Kind, variable: str, environment: Mapping[str, str], provider_id: str) -> Entry:
    fields: dict[str, object] = {"id": provider_id, "kind": kind.id}
    if kind.id in _ENDPOINT_VARIABLES:
        fields["endpoint"] = _endpoint(environment[_ENDPOINT_VARIABLES[kind.id]])
    fields["authSecret"] = f"env:{variable}"
    fields["models"] = list(STARTER_MODELS.get(kind.id, ()))
    return fields
