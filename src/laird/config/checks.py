"""What entries say about each other: unique ids, references that exist, one default, no loops."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from laird.config.document import Finding, did_you_mean, pick
from laird.config.egress import host_of
from laird.config.privacy import check_privacy
from laird.config.schema import (
    ALIAS,
    IN_PROCESS,
    REDACTED,
    DocumentEntry,
    InlineModelEntry,
    ProviderEntry,
)
from laird.config.yaml_source import Loc
from laird.domain.catalog import Egress, Kind
from laird.domain.credential import looks_like_a_key
from laird.domain.local_models import LIBRARY

RESERVED = "auto"
"""The name by which a client leaves the choice of a model to routing."""


class PlacedModel(msgspec.Struct, frozen=True):
    """A model entry, the provider it is at, and where it is written."""

    provider_id: str
    entry: InlineModelEntry
    loc: Loc


def placed_models(document: DocumentEntry) -> list[PlacedModel]:
    """Return all models in document order: those inside providers, then the top-level ones."""
    found = [
        PlacedModel(provider.id, model, ("providers", at, "models", number))
        for at, provider in enumerate(document.providers)
        for number, model in enumerate(provider.models)
    ]
    found += [
        PlacedModel(model.provider_id, model, ("models", at))
        for at, model in enumerate(document.models)
    ]
    return found


class ModelIndex:
    """Finds the models of a document by the names that people may use for them."""

    def __init__(self, models: Iterable[PlacedModel]) -> None:
        self.at: dict[str, dict[str, PlacedModel]] = {}
        """By provider id, then by model id."""
        self._spelled: dict[str, dict[str, PlacedModel]] = {}
        self.names: set[str] = set()
        for placed in models:
            entry = placed.entry
            self.at.setdefault(placed.provider_id, {}).setdefault(entry.id, placed)
            spelled = self._spelled.setdefault(placed.provider_id, {})
            for name in (entry.upstream_model, entry.name):
                if name:
                    spelled.setdefault(name, placed)
                    self.names.add(name)
            self.names.add(entry.id)
            self.names.add(f"{placed.provider_id}/{entry.id}")

    def find(self, provider_id: str, name: str) -> PlacedModel | None:
        """Return a provider's model by its id, else by its spelling or name."""
        return self.at.get(provider_id, {}).get(name) or self._spelled.get(provider_id, {}).get(
            name
        )


def check(
    document: DocumentEntry,
    models: list[PlacedModel],
    index: ModelIndex,
    kinds: Mapping[str, Kind],
) -> Iterator[Finding]:
    """Yield every mistake between entries."""
    yield from _check_ids(document, models)
    for at, provider in enumerate(document.providers):
        yield from _check_kind(provider, ("providers", at), kinds)
    yield from _check_owners(document)
    yield from _check_defaults(models)
    yield from _check_runs(document, models)
    yield from _check_chains(document, index)
    yield from _check_aliases(document, index)
    yield from check_privacy(document.privacy)
    fallback = document.routing.fallback
    chains = [chain.id for chain in document.chains]
    if fallback is not None and fallback not in chains:
        yield Finding(
            ("routing", "fallback"),
            f"there is no chain '{fallback}'.",
            pick(fallback, chains, "chain"),
        )


def _check_ids(document: DocumentEntry, models: list[PlacedModel]) -> Iterator[Finding]:
    taken: dict[str, str] = {}
    named: list[tuple[str, Loc, str]] = [
        (entry.id, ("providers", at, "id"), "provider")
        for at, entry in enumerate(document.providers)
    ]
    named += [(entry.id, ("chains", at, "id"), "chain") for at, entry in enumerate(document.chains)]
    for name, loc, what in named:
        if name == RESERVED:
            yield _reserved(loc)
        elif name in taken:
            message = f"the id '{name}' is already that of a {taken[name]}."
            yield Finding(loc, message, "Choose another id.")
        taken.setdefault(name, what)
    seen: set[tuple[str, str]] = set()
    for placed in models:
        key = (placed.provider_id, placed.entry.id)
        loc = (*placed.loc, "id")
        if placed.entry.id == RESERVED:
            yield _reserved(loc)
        elif key in seen:
            yield Finding(
                loc,
                f"provider '{key[0]}' already has a model '{key[1]}'.",
                "Choose another id, and give its upstream name as upstreamModel.",
            )
        seen.add(key)


def _reserved(loc: Loc) -> Finding:
    message = f"'{RESERVED}' is the name that leaves the choice to Laird."
    return Finding(loc, message, "Choose another id.")


def _check_kind(provider: ProviderEntry, loc: Loc, kinds: Mapping[str, Kind]) -> Iterator[Finding]:
    kind = kinds.get(provider.kind)
    if kind is None:
        fix = pick(provider.kind, kinds, "kind")
        # A key that has slipped into the wrong line is not repeated.
        which = "that kind" if looks_like_a_key(provider.kind) else f"kind '{provider.kind}'"
        yield Finding((*loc, "kind"), f"there is no {which}.", fix)
        return
    endpoint = provider.endpoint or kind.endpoint
    if endpoint is None:
        yield Finding(
            (*loc, "endpoint"),
            "'endpoint' is missing.",
            f"Add the base URL of {kind.title}, such as `endpoint: https://host/v1`.",
        )
        return
    for own, scheme in IN_PROCESS.items():
        if endpoint.startswith(scheme) != (kind.id == own):
            yield Finding(
                (*loc, "endpoint"),
                f"the endpoint {endpoint} does not fit kind '{kind.id}'.",
                f"{scheme} belongs to kind {own} alone.",
            )
    if provider.auth_secret == REDACTED:
        message = f"{REDACTED} stands for a secret that is not known here."
        yield Finding(
            (*loc, "authSecret"), message, "Write `authSecret: env:NAME`, or a stored one's name."
        )
    known = host_of(kind.endpoint or "")
    if provider.type == "local" and kind.egress is Egress.EXTERNAL and host_of(endpoint) == known:
        yield Finding(
            (*loc, "type"),
            f"{known} is not local: text sent there leaves your machines.",
            "Write `type: external`, or leave the line out.",
        )


def _check_owners(document: DocumentEntry) -> Iterator[Finding]:
    providers = [provider.id for provider in document.providers]
    known = set(providers)
    for at, model in enumerate(document.models):
        if model.provider_id not in known:
            yield _no_provider(("models", at, "providerId"), model.provider_id, providers)


def _no_provider(loc: Loc, name: str, providers: list[str]) -> Finding:
    return Finding(loc, f"there is no provider '{name}'.", pick(name, providers, "provider"))


def _check_defaults(models: list[PlacedModel]) -> Iterator[Finding]:
    default: dict[str, str] = {}
    for placed in models:
        if not placed.entry.is_default:
            continue
        first = default.setdefault(placed.provider_id, placed.entry.id)
        if first != placed.entry.id:
            yield Finding(
                (*placed.loc, "isDefault"),
                f"provider '{placed.provider_id}' already has the default '{first}'.",
                "Keep isDefault at one model of a provider.",
            )


def _check_runs(document: DocumentEntry, models: list[PlacedModel]) -> Iterator[Finding]:
    kinds = {provider.id: provider.kind for provider in document.providers}
    for placed in models:
        entry = placed.entry
        if kinds.get(placed.provider_id, LIBRARY) == LIBRARY:
            continue
        for field, value in (("gpuLayers", entry.gpu_layers), ("slots", entry.slots)):
            if value is not None:
                message = f"'{field}' is for models that Laird runs itself, of kind {LIBRARY}."
                yield Finding((*placed.loc, field), message, "Take the line out.")


def _check_chains(document: DocumentEntry, index: ModelIndex) -> Iterator[Finding]:
    providers = [provider.id for provider in document.providers]
    known = set(providers)
    for at, chain in enumerate(document.chains):
        for number, step in enumerate(chain.models):
            loc: Loc = ("chains", at, "models", number)
            if step.provider_id not in known:
                yield _no_provider((*loc, "providerId"), step.provider_id, providers)
            elif index.find(step.provider_id, step.model_id) is None:
                yield Finding(
                    (*loc, "modelId"),
                    f"provider '{step.provider_id}' has no model '{step.model_id}'.",
                    pick(step.model_id, index.at.get(step.provider_id, {}), "model of it"),
                )


def _check_aliases(document: DocumentEntry, index: ModelIndex) -> Iterator[Finding]:
    ids = {provider.id for provider in document.providers}
    ids |= {chain.id for chain in document.chains}
    known = ids | index.names | document.aliases.keys() | {RESERVED}
    for alias, target in document.aliases.items():
        loc: Loc = ("aliases", alias)
        if alias == RESERVED:
            yield _reserved(loc)
        elif alias in ids:
            message = f"'{alias}' is already the id of a provider or chain."
            yield Finding(loc, message, "Choose another alias.")
        elif ALIAS.fullmatch(alias) is None:
            yield Finding(
                loc,
                "an alias may hold only letters, digits and . _ : / @ + -",
                "Choose another alias.",
            )
        if target not in known:
            message = f"there is no model, provider, chain or alias '{target}'."
            yield Finding(loc, message, did_you_mean(target, known))
        elif resolve_alias(alias, document.aliases) is None:
            message = f"the alias '{alias}' leads back to itself."
            yield Finding(loc, message, "Let it end at a model, a provider or a chain.")


def resolve_alias(alias: str, aliases: Mapping[str, str]) -> str | None:
    """Follow an alias to the name that is none, or None when it runs in a circle."""
    seen = {alias}
    target = aliases[alias]
    while target in aliases:
        if target in seen:
            return None
        seen.add(target)
        target = aliases[target]
    return target
