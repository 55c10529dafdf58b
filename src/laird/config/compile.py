"""From a checked document and the environment to the immutable snapshot that requests use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

import msgspec

from laird.config.advice import advise
from laird.config.checks import ModelIndex, PlacedModel, check, placed_models, resolve_alias
from laird.config.document import Document, Finding, revision_of
from laird.config.egress import leaves_by_name, provider_egress
from laird.config.overrides import (
    FoundSecret,
    Override,
    auth_type,
    find_secret,
    read_override,
    stray_overrides,
)
from laird.config.privacy import compile_privacy
from laird.config.schema import (
    CacheEntry,
    CapabilitiesEntry,
    ChainEntry,
    InlineModelEntry,
    PricingEntry,
    ProviderEntry,
    RoutingEntry,
    TimeoutsEntry,
)
from laird.domain.cache import CacheRule, CacheSettings
from laird.domain.catalog import (
    FREE,
    Capabilities,
    Chain,
    ChainStep,
    Egress,
    HealthCheck,
    Kind,
    Model,
    Pricing,
    Provider,
    Rate,
    RoutingRules,
    Snapshot,
    Strategy,
    Timeouts,
)
from laird.domain.credential import CredentialSource, NoCredentials
from laird.domain.errors import ConfigError, Problem
from laird.domain.local_models import LIBRARY, RunSettings
from laird.domain.money import nano_from_usd

PriceLookup = Callable[[Kind, str], Pricing | None]
"""Finds the price of an upstream model of a kind, or None where it is unknown."""

_NOTHING_STORED = NoCredentials()
_CONNECT_S = {Egress.LOCAL: 5.0, Egress.EXTERNAL: 10.0}


def compile_snapshot(
    document: Document,
    *,
    kinds: Mapping[str, Kind],
    environment: Mapping[str, str],
    price: PriceLookup,
    credentials: CredentialSource = _NOTHING_STORED,
) -> Snapshot:
    """Compile a document; a pure function of its arguments.

    `environment` gives overrides (`PROVIDER_{ID}_ENDPOINT`, `_ENABLED`, `_API_KEY`) and the
    secrets that `env:NAME` names, `credentials` those that are stored. Raises `ConfigError` with
    every mistake between entries.
    """
    entries = document.entries
    placed = placed_models(entries)
    index = ModelIndex(placed)
    problems = [document.problem(found) for found in check(entries, placed, index, kinds)]
    _refuse(problems, document.file)
    providers: dict[str, Provider] = {}
    for entry in entries.providers:
        override, wrong = read_override(entry.id, environment)
        problems += wrong
        kind = kinds[entry.kind]
        endpoint = override.endpoint or entry.endpoint or kind.endpoint or ""
        found = find_secret(entry, kind, endpoint, override, environment, credentials)
        providers[entry.id] = _provider(entry, kind, endpoint, override, found)
    models: dict[str, Model] = {}
    for one in placed:
        provider = providers[one.provider_id]
        model = _model(one.entry, provider, kinds[provider.kind], price)
        models[model.key] = model
        if one.entry.egress == "local" and model.egress is Egress.EXTERNAL:
            problems.append(document.problem(_not_local(one, provider)))
    _refuse(problems, document.file)
    warnings = [
        document.problem(found).render(document.file)
        for found in advise(entries, placed, providers, kinds)
    ]
    return Snapshot(
        revision=revision_of(document.text),
        providers=providers,
        models=models,
        chains={chain.id: _chain(chain, index) for chain in entries.chains},
        aliases={
            alias: resolve_alias(alias, entries.aliases) or target
            for alias, target in entries.aliases.items()
        },
        by_name=_by_name(models),
        defaults=_defaults(models, placed),
        routing=_routing(entries.routing),
        cache=_cache(entries.cache),
        privacy=compile_privacy(entries.privacy),
        warnings=(*warnings, *stray_overrides(providers, environment)),
    )


def _refuse(problems: list[Problem], file: str) -> None:
    if problems:
        raise ConfigError(tuple(sorted(problems, key=lambda one: one.line or 0)), file=file)


def _not_local(placed: PlacedModel, provider: Provider) -> Finding:
    if provider.egress is Egress.EXTERNAL:
        message = f"provider '{provider.id}' is external, so its models are."
        return Finding((*placed.loc, "egress"), message, "Leave the line out.")
    return Finding(
        (*placed.loc, "egress"),
        f"'{placed.entry.upstream_model or placed.entry.id}' names a model in Ollama's cloud.",
        "Leave the line out.",
    )


def _provider(
    entry: ProviderEntry, kind: Kind, endpoint: str, override: Override, found: FoundSecret
) -> Provider:
    egress = provider_egress(entry, kind, endpoint)
    return Provider(
        id=entry.id,
        name=entry.name or entry.id,
        kind=kind.id,
        egress=egress,
        endpoint=endpoint,
        priority=entry.priority,
        enabled=entry.enabled if override.enabled is None else override.enabled,
        max_concurrent=entry.max_concurrent,
        gpu=entry.gpu,
        location=entry.location,
        health=HealthCheck(
            interval=entry.health_check_interval,
            timeout=entry.health_check_timeout,
            path=entry.health_check_path,
        ),
        auth_type=auth_type(entry, kind, has_secret=found.source is not None),
        secret=found.secret,
        secret_source=found.source,
        credential=found.credential,
        timeouts=_timeouts(entry.timeouts, egress),
        daily_request_limit=entry.daily_request_limit,
        max_tokens_per_request=entry.max_tokens_per_request,
        cost_tracking=entry.cost_tracking,
        weight=entry.weight,
        overridden=override.fields,
    )


def _timeouts(entry: TimeoutsEntry, egress: Egress) -> Timeouts:
    usual = Timeouts(connect=_CONNECT_S[egress])
    return Timeouts(
        connect=usual.connect if entry.connect is None else entry.connect,
        first_byte=usual.first_byte if entry.first_byte is None else entry.first_byte,
        idle=usual.idle if entry.idle is None else entry.idle,
        total=usual.total if entry.total is None else entry.total,
    )


def _model(entry: InlineModelEntry, provider: Provider, kind: Kind, price: PriceLookup) -> Model:
    upstream = entry.upstream_model or entry.id
    egress = provider.egress
    if entry.egress == "external" or leaves_by_name(kind, provider.endpoint, upstream):
        egress = Egress.EXTERNAL
    return Model(
        id=entry.id,
        name=entry.name or entry.id,
        provider_id=provider.id,
        upstream_model=upstream,
        egress=egress,
        context_window=entry.context_window,
        max_tokens=entry.max_tokens,
        is_default=entry.is_default,
        pricing=_pricing(entry, egress, provider, lambda: price(kind, upstream)),
        capabilities=_capabilities(entry.capabilities, kind.capabilities),
        tags=tuple(entry.tags),
        run=_run(entry) if kind.id == LIBRARY else None,
    )


def _run(entry: InlineModelEntry) -> RunSettings:
    return RunSettings(
        context_size=entry.context_window, gpu_layers=entry.gpu_layers, slots=entry.slots or 1
    )


def _pricing(
    entry: InlineModelEntry,
    egress: Egress,
    provider: Provider,
    catalogue: Callable[[], Pricing | None],
) -> Pricing | None:
    """Choose a model's price: the document's, else nothing to pay locally, else the catalogue's.

    Without cost tracking an external model has no price, so its cost stays empty.
    """
    if egress is Egress.EXTERNAL and not provider.cost_tracking:
        return None
    if entry.pricing is not None:
        return _written_pricing(entry.pricing)
    if entry.cost_per_1k_tokens is not None:
        rate = _rate(entry.cost_per_1k_tokens * 1000)
        return Pricing(input=rate, output=rate, version="document")
    return FREE if egress is Egress.LOCAL else catalogue()


def _written_pricing(entry: PricingEntry) -> Pricing:
    return Pricing(
        input=_rate(entry.input),
        output=_rate(entry.output),
        cached_input=None if entry.cached_input is None else _rate(entry.cached_input),
        cache_write=None if entry.cache_write is None else _rate(entry.cache_write),
        cache_write_1h=None if entry.cache_write_1h is None else _rate(entry.cache_write_1h),
        version="document",
    )


def _rate(usd_per_mtok: Decimal) -> Rate:
    return Rate(nano_from_usd(usd_per_mtok))


def _capabilities(written: CapabilitiesEntry, usual: Capabilities) -> Capabilities:
    said = written.model_dump(exclude_none=True)
    return msgspec.structs.replace(usual, **said) if said else usual


def _chain(entry: ChainEntry, index: ModelIndex) -> Chain:
    steps = []
    for step in entry.models:
        placed = index.find(step.provider_id, step.model_id)
        steps.append(
            ChainStep(
                provider_id=step.provider_id,
                model_id=placed.entry.id if placed else step.model_id,
                max_retries=step.max_retries,
                timeout_s=None if step.timeout_ms is None else step.timeout_ms / 1000,
            )
        )
    return Chain(
        id=entry.id,
        name=entry.name or entry.id,
        steps=tuple(steps),
        strategy=None if entry.strategy is None else Strategy(entry.strategy),
    )


def _by_name(models: Mapping[str, Model]) -> dict[str, tuple[Model, ...]]:
    found: dict[str, list[Model]] = {}
    for model in models.values():
        for name in dict.fromkeys((model.id, model.name, model.upstream_model)):
            found.setdefault(name, []).append(model)
    return {name: tuple(group) for name, group in found.items()}


def _defaults(models: Mapping[str, Model], placed: list[PlacedModel]) -> dict[str, Model]:
    """Choose each provider's default: the one marked, else its first that is not for embeddings."""
    chosen: dict[str, tuple[int, Model]] = {}
    for one, model in zip(placed, models.values(), strict=True):
        rank = 0 if model.is_default else 2 if one.entry.capabilities.embeddings else 1
        best = chosen.get(model.provider_id)
        if best is None or rank < best[0]:
            chosen[model.provider_id] = (rank, model)
    return {provider_id: model for provider_id, (_, model) in chosen.items()}


def _cache(entry: CacheEntry) -> CacheSettings:
    return CacheSettings(
        ttl_s=entry.ttl,
        max_bytes=entry.max_bytes,
        max_entry_bytes=entry.max_entry_bytes,
        shared=entry.shared,
        rules=tuple(
            CacheRule(
                models=tuple(rule.models),
                keys=tuple(rule.keys),
                workflows=tuple(rule.workflows),
            )
            for rule in entry.rules
        ),
    )


def _routing(entry: RoutingEntry) -> RoutingRules:
    return RoutingRules(
        strategy=Strategy(entry.strategy),
        fallback=entry.fallback,
        queue_length=entry.queue_length,
        queue_timeout_s=entry.queue_timeout,
        agent_prefix=entry.agent_prefix,
    )
