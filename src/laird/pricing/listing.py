"""The price list: what each configured model costs now, where the price is from, and why not."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import msgspec

from laird.domain.catalog import FREE, Egress, Kind, Model, Pricing, Provider, Snapshot
from laird.pricing.catalogue import Catalogue

_DOCUMENT = "document"
"""The version of prices that the document says; `config.compile` gives it."""


class PriceSource(StrEnum):
    """Where a model's price is from."""

    DOCUMENT = "document"
    CATALOGUE = "catalogue"
    LOCAL = "local"
    """It runs on our own machines, and nobody said that it costs something."""
    UNPRICED = "unpriced"


class ListedPrice(msgspec.Struct, frozen=True, kw_only=True):
    """One configured model with its prices in force."""

    model: Model
    source: PriceSource
    context_window: int | None
    """Tokens; the document's, else the catalogue's."""
    why: str | None
    """Why there is no price; None where there is one."""
    next_change: datetime | None
    """When the price changes next, UTC; None where nothing says that it will."""


def price_list(
    snapshot: Snapshot, kinds: Mapping[str, Kind], catalogue: Catalogue, at: datetime
) -> list[ListedPrice]:
    """Return the prices of all configured models, in the order of the document."""
    listed = []
    for model in snapshot.models.values():
        provider = snapshot.providers[model.provider_id]
        prices_as = kinds[provider.kind].prices_as
        source = _source(model.pricing)
        change = None
        if source is PriceSource.CATALOGUE:
            change = catalogue.next_change(at, model=(prices_as, model.upstream_model))
        window = model.context_window
        if window is None and model.egress is Egress.EXTERNAL:
            window = catalogue.context_window(prices_as, model.upstream_model)
        why = None
        if source is PriceSource.UNPRICED:
            why = _why(model, provider, prices_as, catalogue)
        listed.append(
            ListedPrice(
                model=model, source=source, context_window=window, why=why, next_change=change
            )
        )
    return listed


def _source(pricing: Pricing | None) -> PriceSource:
    if pricing is None:
        return PriceSource.UNPRICED
    if pricing == FREE:
        return PriceSource.LOCAL
    return PriceSource.DOCUMENT if pricing.version == _DOCUMENT else PriceSource.CATALOGUE


def _why(model: Model, provider: Provider, prices_as: str | None, catalogue: Catalogue) -> str:
    if not provider.cost_tracking:
        return f"costTracking is off for '{provider.id}'"
    if prices_as is None:
        return "the catalogue has no prices for this kind of provider; write pricing"
    if catalogue.knows(prices_as, model.upstream_model):
        return "it is not billed by plain tokens alone, so token counts can't tell its cost"
    return "the catalogue does not know it; write pricing"
