"""What an attempt costs, as pure integer arithmetic with a single rounding at the end."""

from __future__ import annotations

from collections.abc import Iterable

from laird.domain.catalog import Pricing, Rate
from laird.domain.money import MTOK
from laird.domain.tokens import TokenTotals, TokenUsage

_HALF = MTOK // 2


def cost_nano(pricing: Pricing, usage: TokenUsage) -> int:
    """Return the cost of one attempt in nano-dollars, rounded half-even once, on the total.

    The size of the whole input decides the tier of every rate, output's too. Counts that don't add
    up (more cached tokens than input) leave no plain input, never less than none.
    """
    prompt = usage.prompt
    cached = usage.cached
    cache_write = usage.cache_write
    rate = pricing.input
    output = pricing.output
    if not (cached or cache_write or rate.tiers or output.tiers):
        # The usual case, as what follows would have it.
        scaled = prompt * rate.nano_per_mtok + usage.completion * output.nano_per_mtok
        return _rounded(scaled) + pricing.per_request
    base = _nano_at(rate, prompt)
    if cached or cache_write:
        cached_rate = pricing.cached_input or rate
        write_rate = pricing.cache_write or rate
        scaled = max(prompt - cached - cache_write, 0) * base
        scaled += cached * _nano_at(cached_rate, prompt)
        for_an_hour = usage.cache_write_1h
        if for_an_hour:
            for_an_hour = min(for_an_hour, cache_write)
            scaled += for_an_hour * _nano_at(pricing.cache_write_1h or write_rate, prompt)
        scaled += (cache_write - for_an_hour) * _nano_at(write_rate, prompt)
    else:
        scaled = prompt * base
    scaled += usage.completion * _nano_at(output, prompt)
    return _rounded(scaled) + pricing.per_request


def totals_nano(pricing: Pricing, totals: Iterable[TokenTotals]) -> int:
    """Return what many calls cost together, in nano-dollars, rounded half-even once, on the total.

    So it may differ by half a nano-dollar per call from the sum of their single costs. Tokens that
    are written to a cache count as kept for the shorter time.
    """
    scaled = calls = 0
    cached_rate = pricing.cached_input or pricing.input
    write_rate = pricing.cache_write or pricing.input
    for each in totals:
        size = each.size
        calls += each.calls
        scaled += each.plain * _nano_at(pricing.input, size)
        scaled += each.cached * _nano_at(cached_rate, size)
        scaled += each.cache_write * _nano_at(write_rate, size)
        scaled += each.completion * _nano_at(pricing.output, size)
    return _rounded(scaled) + calls * pricing.per_request


def worst_case_nano(pricing: Pricing, prompt_tokens: int, max_tokens: int) -> int:
    """Return the most an attempt can cost with at most these tokens of input and output.

    Whether input is read from a cache or written to one is the provider's choice, so each token
    counts at the dearest of the rates, in the dearest tier within reach.
    """
    dearest_input = _highest(pricing.input, prompt_tokens)
    for rate in (pricing.cached_input, pricing.cache_write, pricing.cache_write_1h):
        if rate is not None:
            dearest_input = max(dearest_input, _highest(rate, prompt_tokens))
    scaled = prompt_tokens * dearest_input + max_tokens * _highest(pricing.output, prompt_tokens)
    return _rounded(scaled) + pricing.per_request


def _nano_at(rate: Rate, prompt: int) -> int:
    """Return the nano-dollars per million tokens that hold for an input of this size."""
    nano = rate.nano_per_mtok
    for tier in rate.tiers:
        if prompt < tier.from_tokens:
            break
        nano = tier.nano_per_mtok
    return nano


def _highest(rate: Rate, prompt: int) -> int:
    """Return the highest rate that holds for any input up to this size."""
    nano = rate.nano_per_mtok
    if not rate.tiers:
        return nano
    for tier in rate.tiers:
        if prompt >= tier.from_tokens:
            nano = max(nano, tier.nano_per_mtok)
    return nano


def _rounded(scaled: int) -> int:
    """Return millionths of nano-dollars as nano-dollars, half-even."""
    nano, rest = divmod(scaled, MTOK)
    if rest < _HALF:
        return nano
    return nano + 1 if rest > _HALF or nano & 1 else nano
