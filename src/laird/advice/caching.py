"""What the providers' prompt caches have saved, and what each further tenth would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from laird.advice.findings import Candidate, TotalsCost
from laird.advice.replay import Slice
from laird.domain.catalog import Pricing
from laird.domain.tokens import TokenTotals


class CacheUse(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a model's input came from its provider's cache. Nano-dollars, today's prices."""

    source: str
    calls: int
    prompt: int
    cached: int
    saved_nano: int
    """What the cached input would have cost more as plain input."""
    written_extra_nano: int
    """What writing to the cache cost more than plain input."""
    tenth_nano: int
    """What one tenth of the plain input, read from the cache instead, would have cost less."""
    unknown: tuple[str, ...]


def cache_use(
    slices: Sequence[Slice], candidates: Mapping[str, Candidate], cost: TotalsCost
) -> list[CacheUse]:
    """Return how the models whose cached input is cheaper use it, the largest tenth first."""
    groups: dict[str, list[TokenTotals]] = {}
    for each in slices:
        groups.setdefault(each.source, []).append(each.totals)
    found = []
    for source, totals in groups.items():
        pricing = candidates[source].model.pricing if source in candidates else None
        if pricing is None or pricing.cached_input is None:
            continue
        one = _use(source, totals, pricing, cost)
        if one.tenth_nano > 0:
            found.append(one)
    return sorted(found, key=lambda each: (-each.tenth_nano, each.source))


def _use(
    source: str, totals: Sequence[TokenTotals], pricing: Pricing, cost: TotalsCost
) -> CacheUse:
    today = cost(pricing, totals)
    unread = cost(pricing, [_moved(each, cached=-each.cached) for each in totals])
    unwritten = cost(pricing, [_moved(each, cache_write=-each.cache_write) for each in totals])
    tenth = cost(pricing, [_moved(each, cached=each.plain // 10) for each in totals])
    unknown = ["how much of the input repeats: only what repeats can be read from a cache"]
    if pricing.cache_write is not None:
        unknown.append("how much more would have to be written to the cache, which costs extra")
    return CacheUse(
        source=source,
        calls=sum(each.calls for each in totals),
        prompt=sum(each.plain + each.cached + each.cache_write for each in totals),
        cached=sum(each.cached for each in totals),
        saved_nano=unread - today,
        written_extra_nano=today - unwritten,
        tenth_nano=today - tenth,
        unknown=tuple(unknown),
    )


def _moved(totals: TokenTotals, *, cached: int = 0, cache_write: int = 0) -> TokenTotals:
    """Return totals with so many tokens moved from plain input to cached or written ones."""
    return msgspec.structs.replace(
        totals,
        plain=totals.plain - cached - cache_write,
        cached=totals.cached + cached,
        cache_write=totals.cache_write + cache_write,
    )
