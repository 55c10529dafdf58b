"""What calls would cost, at one model or at many."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from laird.domain.catalog import Pricing
from laird.domain.tokens import TokenUsage
from laird.pricing.cost import cost_nano


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """What calls would cost at one model, in nano-dollars; None where the price is unknown."""

    name: str
    per_call_nano: int | None
    total_nano: int | None


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """Several quotes together."""

    total_nano: int
    """Of those whose price is known."""
    unpriced: tuple[str, ...]
    """Names of those whose price is not."""


def quote(name: str, pricing: Pricing | None, usage: TokenUsage, calls: int = 1) -> Quote:
    """Return what so many calls of this size would cost."""
    if pricing is None:
        return Quote(name=name, per_call_nano=None, total_nano=None)
    per_call = cost_nano(pricing, usage)
    return Quote(name=name, per_call_nano=per_call, total_nano=per_call * calls)


def by_cost(quotes: Iterable[Quote]) -> list[Quote]:
    """Return quotes with the cheapest first; those without a price are last."""
    return sorted(
        quotes,
        key=lambda each: (
            each.total_nano is None,
            0 if each.total_nano is None else each.total_nano,
            each.name,
        ),
    )


def bill(quotes: Sequence[Quote]) -> Bill:
    """Add quotes up. One without a price is named, and never counted as free."""
    return Bill(
        total_nano=sum(each.total_nano for each in quotes if each.total_nano is not None),
        unpriced=tuple(dict.fromkeys(each.name for each in quotes if each.total_nano is None)),
    )
