"""What is allowed in a document but unusual, said as warnings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from laird.config.checks import PlacedModel
from laird.config.document import Finding
from laird.config.egress import is_loopback, is_own_network
from laird.config.overrides import WRITTEN
from laird.config.schema import DocumentEntry, ProviderEntry
from laird.config.yaml_source import Loc
from laird.domain.catalog import AuthType, Egress, Kind, Provider

_MANY_AT_ONCE = 64
_DEAR_USD = 1_000


def advise(
    document: DocumentEntry,
    models: list[PlacedModel],
    providers: Mapping[str, Provider],
    kinds: Mapping[str, Kind],
) -> Iterator[Finding]:
    """Yield what is unusual in a document that compiles; `providers` are the compiled ones."""
    endpoints: dict[str, str] = {}
    with_models = {placed.provider_id for placed in models}
    for at, entry in enumerate(document.providers):
        loc: Loc = ("providers", at)
        provider = providers[entry.id]
        yield from _connection(entry, provider, kinds[entry.kind], loc)
        yield from _credential(entry, provider, kinds[entry.kind], loc)
        yield from _limits(entry, provider, loc)
        other = endpoints.setdefault(provider.endpoint, entry.id)
        if other != entry.id:
            yield Finding(
                (*loc, "endpoint"),
                f"providers '{other}' and '{entry.id}' have the same endpoint;"
                " their limits are counted apart.",
            )
        if entry.id not in with_models:
            yield Finding(loc, f"provider '{entry.id}' has no models, so nothing is sent to it.")
    for placed in models:
        yield from _model(placed)
    names = {placed.entry.id for placed in models}
    names |= {f"{placed.provider_id}/{placed.entry.id}" for placed in models}
    for alias in document.aliases:
        if alias in names:
            yield Finding(("aliases", alias), f"the alias '{alias}' hides the model of that name.")


def _connection(
    entry: ProviderEntry, provider: Provider, kind: Kind, loc: Loc
) -> Iterator[Finding]:
    endpoint = provider.endpoint
    if provider.egress is Egress.LOCAL and not is_own_network(endpoint):
        yield Finding(
            (*loc, "type"),
            f"provider '{entry.id}' is called local, but {endpoint} is not on a private network;"
            " sensitive requests will be sent there.",
        )
    if entry.type is None and kind.egress is Egress.LOCAL and provider.egress is Egress.EXTERNAL:
        yield Finding(
            loc,
            f"provider '{entry.id}' counts as external: {endpoint} is on no private network.",
            "Write `type: external`, or `type: local` when the server is yours.",
        )
    if (
        provider.egress is Egress.EXTERNAL
        and endpoint.startswith("http:")
        and not is_loopback(endpoint)
    ):
        yield Finding(
            (*loc, "endpoint"),
            f"{endpoint} is not encrypted: prompts and the credential can be read on the way.",
            "Use https.",
        )


def _credential(
    entry: ProviderEntry, provider: Provider, kind: Kind, loc: Loc
) -> Iterator[Finding]:
    if provider.secret_source == WRITTEN:
        yield Finding(
            (*loc, "authSecret"),
            f"the secret of provider '{entry.id}' is written out in the document.",
            "Move it out of there: laird credentials migrate.",
        )
    if provider.auth_type is AuthType.NONE:
        if provider.secret is not None:
            yield Finding(
                (*loc, "authType"),
                f"provider '{entry.id}' has a secret, but authType null does not send it.",
            )
        return
    if provider.secret is None and provider.enabled:
        if provider.credential is not None:
            name = provider.credential
            yield Finding(
                (*loc, "authSecret"),
                f"the stored credential '{name}' has no value, so provider '{entry.id}' has none.",
                f"Give it one: laird credentials set {name}.",
            )
        elif provider.secret_source is not None:
            name = provider.secret_source.removeprefix("env:")
            message = f"the environment variable {name} is not set, so provider '{entry.id}' has"
            yield Finding((*loc, "authSecret"), f"{message} no credential.", f"Set {name}.")
        else:
            name = kind.env_key or "NAME"
            message = f"provider '{entry.id}' has no credential."
            yield Finding(loc, message, f"Set {name} and write `authSecret: env:{name}`.")


def _limits(entry: ProviderEntry, provider: Provider, loc: Loc) -> Iterator[Finding]:
    most = entry.max_concurrent
    if most is not None and most > _MANY_AT_ONCE and (entry.gpu or provider.egress is Egress.LOCAL):
        place = "a GPU" if entry.gpu else "a local server"
        yield Finding(
            (*loc, "maxConcurrent"),
            f"{most} requests at once are a lot for {place}.",
            "One GPU usually serves 1 to 16 well.",
        )
    if provider.timeouts.total < provider.timeouts.first_byte:
        yield Finding(
            (*loc, "timeouts"),
            f"total ({provider.timeouts.total:g} s) is shorter than firstByte"
            f" ({provider.timeouts.first_byte:g} s), which therefore never counts.",
        )
    if entry.health_check_timeout > entry.health_check_interval:
        yield Finding(
            (*loc, "healthCheckTimeout"),
            "healthCheckTimeout is longer than healthCheckInterval.",
        )


def _model(placed: PlacedModel) -> Iterator[Finding]:
    entry = placed.entry
    if entry.max_tokens and entry.context_window and entry.max_tokens > entry.context_window:
        yield Finding(
            (*placed.loc, "maxTokens"),
            f"maxTokens ({entry.max_tokens}) is more than contextWindow ({entry.context_window}).",
        )
    if entry.pricing and max(entry.pricing.input, entry.pricing.output) > _DEAR_USD:
        yield Finding(
            (*placed.loc, "pricing"),
            f"model '{entry.id}' costs more than {_DEAR_USD} USD per million tokens.",
            "Prices are in USD per million tokens.",
        )
    if entry.cost_per_1k_tokens is not None and entry.cost_per_1k_tokens * 1000 > _DEAR_USD:
        yield Finding(
            (*placed.loc, "costPer1kTokens"),
            f"model '{entry.id}' costs more than {_DEAR_USD} USD per million tokens.",
            "costPer1kTokens is in USD per thousand tokens.",
        )
