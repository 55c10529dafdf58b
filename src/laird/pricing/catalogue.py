"""The price catalogue: what the package genai-prices knows, as our `Pricing`.

Only the prices that come with the installed package are read. Its updater, which would fetch newer
ones from the network, is never started: prices change when the package does, and each one carries
the package's version.

What a `Pricing` can't say is left unpriced rather than priced wrong: models billed by the minute,
page or character, and models whose output or image input is billed at a second rate that token
counts don't show. Audio in a prompt is priced as text, and searches that a provider makes on its
own are not in the price. Prices are those of the usual service: where a provider has other ones for
batches, or for slower or faster service, they are not read.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from importlib.metadata import version as installed_version

import msgspec
from genai_prices import data_snapshot
from genai_prices.types import ModelInfo, ModelPrice, TieredPrices

from laird.domain.catalog import Pricing, Rate, Tier
from laird.domain.money import nano_from_usd
from laird.pricing.changes import condition_of, next_change

_MOST_NAMES = 4096
"""Names remembered between calls; a configuration has far fewer."""


class CatalogueModel(msgspec.Struct, frozen=True, kw_only=True):
    """One model that the catalogue knows, with its prices of one moment."""

    provider: str
    """The catalogue's id of the provider."""
    id: str
    name: str
    context_window: int | None
    deprecated: bool
    pricing: Pricing | None
    """None where token counts can't tell the cost."""
    next_change: datetime | None


class Catalogue:
    """Prices by provider and model name. The data (about 4 MB) is loaded at the first question."""

    def __init__(self) -> None:
        self.version = f"genai-prices {installed_version('genai-prices')}"
        """Names the source of every price, for the ledger."""
        self._models: dict[tuple[str, str], ModelInfo | None] = {}
        self._pricings: dict[int, tuple[ModelPrice, Pricing | None]] = {}
        """By the identity of the catalogue's prices, which are kept so that it stays unique."""

    def price(self, prices_as: str | None, upstream_model: str, at: datetime) -> Pricing | None:
        """Return what a model costs at a moment, or None when that is unknown.

        Prices may depend on the date and, at a few providers, on the time of day; `next_change`
        tells when to ask again. A known answer takes about a microsecond.

        Args:
            prices_as: The catalogue's id of the provider (`Kind.prices_as`); None is unknown.
            upstream_model: The model's name as the provider knows it.
            at: When the call is made; without a time zone it is taken as UTC.
        """
        model = self._model(prices_as, upstream_model)
        return None if model is None else self._pricing(model, at)

    def context_window(self, prices_as: str | None, upstream_model: str) -> int | None:
        """Return how many tokens a model reads at most, or None when that is unknown."""
        model = self._model(prices_as, upstream_model)
        return None if model is None else model.context_window

    def knows(self, prices_as: str | None, upstream_model: str) -> bool:
        """Tell whether the model is in the catalogue, be its prices such that we can use or not."""
        return self._model(prices_as, upstream_model) is not None

    def next_change(
        self, after: datetime, *, model: tuple[str | None, str] | None = None
    ) -> datetime | None:
        """Return when a price may change for the first time `after`, in UTC; None is never.

        Of all models that were asked for, or of the one that `model` names as in `price`.
        """
        known = tuple(self._models.values()) if model is None else (self._model(*model),)
        return next_change((one for one in known if one is not None), after)

    def entries(self, at: datetime) -> Iterator[CatalogueModel]:
        """Yield all models with their prices at a moment (with a time zone): thousands."""
        for provider in data_snapshot.get_snapshot().providers:
            for model in provider.models:
                if not model.prices:
                    continue
                yield CatalogueModel(
                    provider=provider.id,
                    id=model.id,
                    name=model.name or model.id,
                    context_window=model.context_window,
                    deprecated=bool(model.deprecated),
                    pricing=self._pricing(model, at),
                    next_change=next_change((model,), at),
                )

    def _pricing(self, model: ModelInfo, at: datetime) -> Pricing | None:
        prices = model.get_prices(at)
        known = self._pricings.get(id(prices))
        if known is None:
            condition = condition_of(model, prices)
            version = f"{self.version} ({condition})" if condition else self.version
            known = (prices, pricing_of(prices, version))
            self._pricings[id(prices)] = known
        return known[1]

    def _model(self, prices_as: str | None, upstream_model: str) -> ModelInfo | None:
        if prices_as is None:
            return None
        name = (prices_as, upstream_model)
        try:
            return self._models[name]
        except KeyError:
            return self._find(name)

    def _find(self, name: tuple[str, str]) -> ModelInfo | None:
        if len(self._models) >= _MOST_NAMES:
            self._models.clear()
        model = _look_up(*name)
        self._models[name] = model
        return model


def _look_up(prices_as: str, upstream_model: str) -> ModelInfo | None:
    providers = data_snapshot.get_snapshot().providers
    provider = data_snapshot.find_provider_by_id(providers, prices_as)
    if provider is None:
        return None
    model = provider.find_model(upstream_model, all_providers=providers)
    return model if model is not None and model.prices else None


def pricing_of(prices: ModelPrice, version: str) -> Pricing | None:
    """Return the catalogue's prices (USD per million tokens, as decimals) as a `Pricing`.

    None when token counts can't tell the cost. A model without an output price produces no tokens
    (embeddings), so its output costs nothing.
    """
    known = {name: value for name, value in vars(prices).items() if value is not None}
    whole_input, output = known.get("input_mtok"), known.get("output_mtok")
    if whole_input is None or any(
        name.startswith("output_") and name != "output_mtok" for name in known
    ):
        return None
    image = known.get("input_image_mtok")
    if output is not None and image is not None and image != whole_input:
        return None

    def rate(name: str) -> Rate | None:
        value = known.get(name)
        return None if value is None else _rate(value)

    return Pricing(
        input=_rate(whole_input),
        output=rate("output_mtok") or Rate(0),
        cached_input=rate("cache_read_mtok"),
        cache_write=rate("cache_write_mtok"),
        cache_write_1h=rate("cache_write_1h_mtok"),
        per_request=nano_from_usd(known.get("requests_kcount", Decimal(0)) / 1000),
        version=version,
    )


def _rate(price: Decimal | TieredPrices) -> Rate:
    if isinstance(price, Decimal):
        return Rate(nano_from_usd(price))
    # The catalogue's tier begins above `start` tokens, ours at `from_tokens`.
    return Rate(
        nano_from_usd(price.base),
        tuple(Tier(tier.start + 1, nano_from_usd(tier.price)) for tier in price.tiers),
    )
