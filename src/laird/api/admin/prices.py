"""What models cost, and what calls would."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from laird.advice.alternatives import Use, fit, writes
from laird.api.admin.context import Admin
from laird.api.admin.price_shapes import (
    BillShown,
    CalculationShown,
    CataloguePriceShown,
    LeftOutShown,
    ModelQuoteShown,
    PriceShown,
    PricesShown,
    PricingShown,
    QuoteShown,
    RatesShown,
)
from laird.api.admin.routes import routes_at
from laird.config.schema import DEMO_SCHEME
from laird.domain.catalog import Model, Pricing, Rate
from laird.domain.errors import InvalidRequest, NotFound
from laird.domain.money import usd_text
from laird.domain.tokens import TokenUsage
from laird.pricing.calculator import Quote, bill, by_cost, quote
from laird.pricing.catalogue import CatalogueModel
from laird.pricing.listing import ListedPrice, price_list
from laird.providers.registry import KINDS

_MOST_TOKENS = 1_000_000_000
_MOST_CALLS = 1_000_000_000
_MOST_LINES = 1000
_Tokens = Annotated[int, Query(ge=0, le=_MOST_TOKENS)]


class LineWanted(BaseModel):
    """Calls of one size at one model. `cached` and the writes are parts of `input`."""

    model_config = ConfigDict(extra="forbid")

    model: str
    input: int = Field(default=0, ge=0, le=_MOST_TOKENS)
    output: int = Field(default=0, ge=0, le=_MOST_TOKENS)
    cached: int = Field(default=0, ge=0, le=_MOST_TOKENS)
    cache_write: int = Field(default=0, ge=0, le=_MOST_TOKENS)
    cache_write_1h: int = Field(default=0, ge=0, le=_MOST_TOKENS)
    calls: int = Field(default=1, ge=1, le=_MOST_CALLS)


class BillWanted(BaseModel):
    """Several lines to be added up."""

    model_config = ConfigDict(extra="forbid")

    lines: list[LineWanted] = Field(min_length=1, max_length=_MOST_LINES)


def router(admin: Admin) -> APIRouter:
    """Return the routes."""
    routes = routes_at("/api/prices", "prices")

    # These look thousands of prices up, so that they are plain functions: they run in a thread.

    @routes.get("")
    def prices(
        request: Request,
        *,
        provider: str | None = None,
        model: str | None = None,
        search: str | None = None,
        all_models: Annotated[bool, Query(alias="all")] = False,
        limit: Annotated[int, Query(ge=1, le=10_000)] = 500,
    ) -> PricesShown:
        """List the prices in force, USD per million tokens, and where each is from.

        `all` searches the whole catalogue as well, whose providers have names of their own. `model`
        is a model's whole name, `search` any words of it.
        """
        admin.gate.actor(request)
        now = datetime.now(UTC)
        listed = [
            _listed(each)
            for each in _list(admin, now)
            if provider in {None, each.model.provider_id}
            and model in {None, *_names(each.model)}
            and _found(search, each.model.provider_id, *_names(each.model))
        ]
        answer: PricesShown = {
            "as_of": now.isoformat(),
            "catalogue": admin.catalogue.version,
            "prices": listed,
        }
        if all_models:
            entries = [
                _entry(each)
                for each in admin.catalogue.entries(now)
                if provider in {None, each.provider}
                and model in {None, each.id, each.name}
                and _found(search, each.provider, each.id, each.name)
            ]
            answer["catalogue_prices"] = entries[:limit]
            answer["left_off"] = max(0, len(entries) - limit)
        return answer

    @routes.get("/calculate")
    def calculate(
        request: Request,
        *,
        model: str | None = None,
        tokens_in: Annotated[int, Query(alias="input", ge=0, le=_MOST_TOKENS)] = 0,
        output: _Tokens = 0,
        cached: _Tokens = 0,
        cache_write: _Tokens = 0,
        cache_write_1h: _Tokens = 0,
        calls: Annotated[int, Query(ge=1, le=_MOST_CALLS)] = 1,
        all_models: Annotated[bool, Query(alias="all")] = False,
        limit: Annotated[int, Query(ge=1, le=10_000)] = 50,
    ) -> CalculationShown:
        """Return what calls would cost at every model that could do the work of `model`.

        Without `model` all configured ones are compared, with `all` the whole catalogue as well.
        The five counts are tokens of one call; the last three are parts of `input`.
        """
        admin.gate.actor(request)
        usage = _usage(tokens_in, output, cached, cache_write, cache_write_1h)
        now = datetime.now(UTC)
        providers = admin.configuration.snapshot.providers
        listed = {
            each.model.key: each
            for each in _list(admin, now)
            # A demo does no work, so that it is no alternative to anything.
            if not providers[each.model.provider_id].endpoint.startswith(DEMO_SCHEME)
        }
        base = None if model is None else _named(admin, model)
        quotes, left_out = _compare(listed, base, usage, calls)
        answer: CalculationShown = {
            "as_of": now.isoformat(),
            "catalogue": admin.catalogue.version,
            "model": None if base is None else base.key,
            "calls": calls,
            "rows": [_quoted(each, listed[each.name]) for each in by_cost(quotes)],
            "left_out": left_out,
        }
        if all_models:
            everything = {
                f"{each.provider}/{each.id}": each
                for each in admin.catalogue.entries(now)
                if _could_answer(each, usage)
            }
            found = by_cost(
                quote(name, each.pricing, usage, calls) for name, each in everything.items()
            )
            answer["catalogue_rows"] = [
                {**_cost(each), "context_window": everything[each.name].context_window}
                for each in found[:limit]
            ]
            answer["left_off"] = max(0, len(found) - limit)
        return answer

    @routes.post("/calculate")
    def add_up(request: Request, wanted: BillWanted) -> BillShown:
        """Add up what lines of calls would cost. A model without a price is named, and not free."""
        admin.gate.actor(request)
        quotes = [_line(admin, each) for each in wanted.lines]
        whole = bill(quotes)
        return {
            "rows": [_cost(each) for each in quotes],
            "total_usd": usd_text(whole.total_nano),
            "unpriced": list(whole.unpriced),
        }

    return routes


def _list(admin: Admin, at: datetime) -> list[ListedPrice]:
    return price_list(admin.configuration.snapshot, KINDS, admin.catalogue, at)


def _line(admin: Admin, line: LineWanted) -> Quote:
    usage = _usage(line.input, line.output, line.cached, line.cache_write, line.cache_write_1h)
    try:
        pricing = _named(admin, line.model).pricing
    except NotFound:
        pricing = None
    return quote(line.model, pricing, usage, line.calls)


def _usage(
    tokens_in: int, output: int, cached: int, cache_write: int, cache_write_1h: int
) -> TokenUsage:
    if cached + cache_write > tokens_in:
        raise InvalidRequest(
            "cached and cache_write are parts of input, so they can't be more together.",
            param="cached",
        )
    if cache_write_1h > cache_write:
        raise InvalidRequest("cache_write_1h is a part of cache_write.", param="cache_write_1h")
    return TokenUsage(
        prompt=tokens_in,
        completion=output,
        cached=cached,
        cache_write=cache_write,
        cache_write_1h=cache_write_1h,
    )


def _named(admin: Admin, name: str) -> Model:
    snapshot = admin.configuration.snapshot
    named = snapshot.models.get(name) or next(iter(snapshot.by_name.get(name, ())), None)
    if named is None:
        raise NotFound(f"No configured model is called '{name}'.", param="model")
    return named


def _compare(
    listed: dict[str, ListedPrice], base: Model | None, usage: TokenUsage, calls: int
) -> tuple[list[Quote], list[LeftOutShown]]:
    """Return the quotes of models that could do the work, and the others with the reason."""
    quotes: list[Quote] = []
    left_out: list[LeftOutShown] = []
    for key, each in listed.items():
        why = _unfit(base, each, usage)
        if why is None:
            quotes.append(quote(key, each.model.pricing, usage, calls))
        else:
            left_out.append({"model": key, "why": why})
    return quotes, left_out


def _unfit(base: Model | None, listed: ListedPrice, usage: TokenUsage) -> str | None:
    if base is None or base.key == listed.model.key:
        return None
    window = listed.context_window
    if window is not None and usage.total > window:
        return f"{usage.total} tokens do not fit into its {window}"
    use = Use(embeddings=not writes(base))
    missing = fit(base, listed.model, use).missing
    return f"it is not known to have {', '.join(missing)}" if missing else None


def _could_answer(entry: CatalogueModel, usage: TokenUsage) -> bool:
    """Tell whether a model has room for a call, and writes answers where one is wanted."""
    if entry.context_window is not None and usage.total > entry.context_window:
        return False
    pricing = entry.pricing
    silent = (
        pricing is not None and pricing.input.nano_per_mtok and not pricing.output.nano_per_mtok
    )
    return not (usage.completion and silent)


def _names(model: Model) -> tuple[str, ...]:
    return (model.key, model.id, model.name, model.upstream_model)


def _found(search: str | None, *texts: str) -> bool:
    if not search:
        return True
    whole = " ".join(texts).lower()
    return all(word in whole for word in search.lower().split())


def _listed(listed: ListedPrice) -> PriceShown:
    model = listed.model
    return {
        "model": model.key,
        "provider": model.provider_id,
        "name": model.name,
        "upstream_model": model.upstream_model,
        "egress": model.egress.value,
        "context_window": listed.context_window,
        "source": listed.source.value,
        "version": None if model.pricing is None else model.pricing.version,
        "pricing": _priced(model.pricing),
        "why": listed.why,
        "next_change": _iso(listed.next_change),
    }


def _entry(entry: CatalogueModel) -> CataloguePriceShown:
    return {
        "model": entry.id,
        "provider": entry.provider,
        "name": entry.name,
        "context_window": entry.context_window,
        "deprecated": entry.deprecated,
        "version": None if entry.pricing is None else entry.pricing.version,
        "pricing": _priced(entry.pricing),
        "next_change": _iso(entry.next_change),
    }


_RATES = ("input", "output", "cached_input", "cache_write", "cache_write_1h")


def _priced(pricing: Pricing | None) -> PricingShown | None:
    """Return prices in USD per million tokens; of rates that are null, the nearest one counts."""
    if pricing is None:
        return None
    rates: dict[str, Rate | None] = {name: getattr(pricing, name) for name in _RATES}
    starts = {tier.from_tokens for rate in rates.values() if rate for tier in rate.tiers}
    return {
        **_at(rates.items(), 0),
        "per_request": usd_text(pricing.per_request),
        "tiers": [{**_at(rates.items(), start), "from_tokens": start} for start in sorted(starts)],
    }


def _at(rates: Iterable[tuple[str, Rate | None]], prompt: int) -> RatesShown:
    prices: dict[str, str | None] = {}
    for name, rate in rates:
        if rate is None:
            prices[name] = None
            continue
        reached = [tier.nano_per_mtok for tier in rate.tiers if prompt >= tier.from_tokens]
        prices[name] = usd_text(reached[-1] if reached else rate.nano_per_mtok)
    return {
        "input": prices["input"],
        "output": prices["output"],
        "cached_input": prices["cached_input"],
        "cache_write": prices["cache_write"],
        "cache_write_1h": prices["cache_write_1h"],
    }


def _quoted(one: Quote, listed: ListedPrice) -> ModelQuoteShown:
    return {
        **_cost(one),
        "provider": listed.model.provider_id,
        "egress": listed.model.egress.value,
        "source": listed.source.value,
        "context_window": listed.context_window,
        "why": listed.why,
    }


def _cost(one: Quote) -> QuoteShown:
    return {
        "model": one.name,
        "per_call_usd": None if one.per_call_nano is None else usd_text(one.per_call_nano),
        "total_usd": None if one.total_nano is None else usd_text(one.total_nano),
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
