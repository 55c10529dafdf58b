"""What the list of prices returns. Money is a decimal string: USD per million tokens."""

from __future__ import annotations

from typing import Literal, NotRequired

from typing_extensions import TypedDict


class RatesShown(TypedDict):
    """Rates; of those that are null, the nearest one counts."""

    input: str | None
    output: str | None
    cached_input: str | None
    cache_write: str | None
    cache_write_1h: str | None


class TierShown(RatesShown):
    """Rates of a request whose whole input has at least so many tokens."""

    from_tokens: int


class PricingShown(RatesShown):
    """A model's price."""

    per_request: str
    tiers: list[TierShown]


class PriceShown(TypedDict):
    """A configured model with its price in force; `why` says why there is none."""

    model: str
    provider: str
    name: str
    upstream_model: str
    egress: Literal["local", "external"]
    context_window: int | None
    source: Literal["document", "catalogue", "local", "unpriced"]
    version: str | None
    pricing: PricingShown | None
    why: str | None
    next_change: str | None


class CataloguePriceShown(TypedDict):
    """A model of the catalogue with its price."""

    model: str
    provider: str
    name: str
    context_window: int | None
    deprecated: bool
    version: str | None
    pricing: PricingShown | None
    next_change: str | None


class PricesShown(TypedDict):
    """Prices in force at a moment; the last two fields where the whole catalogue was asked for."""

    as_of: str
    catalogue: str
    prices: list[PriceShown]
    catalogue_prices: NotRequired[list[CataloguePriceShown]]
    left_off: NotRequired[int]


class QuoteShown(TypedDict):
    """What calls would cost at a model; null where its price is unknown."""

    model: str
    per_call_usd: str | None
    total_usd: str | None


class ModelQuoteShown(QuoteShown):
    """The same of a configured model; `why` says why it has no price."""

    provider: str
    egress: Literal["local", "external"]
    source: Literal["document", "catalogue", "local", "unpriced"]
    context_window: int | None
    why: str | None


class CatalogueQuoteShown(QuoteShown):
    """The same of a model of the catalogue."""

    context_window: int | None


class LeftOutShown(TypedDict):
    """A model that could not do the work, and why."""

    model: str
    why: str


class CalculationShown(TypedDict):
    """What calls would cost at every model; the last two fields where the catalogue was asked."""

    as_of: str
    catalogue: str
    model: str | None
    """`provider/model` whose work it is; null where all are compared."""
    calls: int
    rows: list[ModelQuoteShown]
    """The cheapest first, those without a price last."""
    left_out: list[LeftOutShown]
    catalogue_rows: NotRequired[list[CatalogueQuoteShown]]
    left_off: NotRequired[int]


class BillShown(TypedDict):
    """Lines of calls, and what they cost together."""

    rows: list[QuoteShown]
    total_usd: str
    unpriced: list[str]
    """Models without a price; they are not in the total."""
