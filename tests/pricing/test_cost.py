"""The arithmetic of cost."""

from __future__ import annotations

import sys
import timeit
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from laird.domain.catalog import Pricing, Rate, Tier
from laird.domain.money import NANO, nano_from_usd
from laird.domain.tokens import TokenTotals, TokenUsage
from laird.pricing.cost import cost_nano, totals_nano, worst_case_nano

nano = st.integers(0, 200 * NANO)
tokens = st.integers(0, 2_000_000)


@st.composite
def rates(draw: st.DrawFn, *, rising: bool = False) -> Rate:
    starts = sorted(draw(st.sets(st.integers(1, 1_000_000), max_size=3)))
    prices = [draw(nano) for _ in range(len(starts) + 1)]
    if rising:
        prices.sort()
    return Rate(prices[0], tuple(map(Tier, starts, prices[1:])))


@st.composite
def pricings(draw: st.DrawFn, *, rising: bool = False) -> Pricing:
    rate = rates(rising=rising)
    return Pricing(
        input=draw(rate),
        output=draw(rate),
        cached_input=draw(st.none() | rate),
        cache_write=draw(st.none() | rate),
        cache_write_1h=draw(st.none() | rate),
        per_request=draw(st.integers(0, NANO)),
    )


@st.composite
def usages(draw: st.DrawFn) -> TokenUsage:
    plain, cached, written = draw(tokens), draw(tokens), draw(tokens)
    return TokenUsage(
        prompt=plain + cached + written,
        completion=draw(tokens),
        cached=cached,
        cache_write=written,
        cache_write_1h=draw(st.integers(0, written)),
    )


def flat(
    input_usd: int, output_usd: int, cached: Rate | None = None, written: Rate | None = None
) -> Pricing:
    return Pricing(
        input=Rate(input_usd * NANO),
        output=Rate(output_usd * NANO),
        cached_input=cached,
        cache_write=written,
    )


def price_at(rate: Rate, prompt: int) -> int:
    reached = [tier.nano_per_mtok for tier in rate.tiers if prompt >= tier.from_tokens]
    return reached[-1] if reached else rate.nano_per_mtok


def exact(pricing: Pricing, usage: TokenUsage) -> Fraction:
    """The cost in nano-dollars, not rounded."""
    written = pricing.cache_write or pricing.input
    parts = [
        (pricing.input, max(usage.prompt - usage.cached - usage.cache_write, 0)),
        (pricing.cached_input or pricing.input, usage.cached),
        (written, usage.cache_write - usage.cache_write_1h),
        (pricing.cache_write_1h or written, usage.cache_write_1h),
        (pricing.output, usage.completion),
    ]
    total = sum(count * price_at(rate, usage.prompt) for rate, count in parts)
    return Fraction(total, 1_000_000) + pricing.per_request


def test_a_million_tokens_cost_their_price() -> None:
    usage = TokenUsage(prompt=1_000_000, completion=1_000_000)
    assert cost_nano(flat(3, 15), usage) == 18 * NANO


def test_cached_and_written_tokens_are_parts_of_the_input() -> None:
    pricing = flat(10, 0, cached=Rate(1 * NANO), written=Rate(12 * NANO))
    usage = TokenUsage(prompt=1_000_000, cached=500_000, cache_write=100_000)
    assert cost_nano(pricing, usage) == 4 * NANO + NANO // 2 + 12 * NANO // 10


def test_cached_and_written_tokens_cost_as_input_where_no_other_price_is_known() -> None:
    pricing = flat(10, 0)
    usage = TokenUsage(prompt=1000, cached=300, cache_write=200)
    assert cost_nano(pricing, usage) == cost_nano(pricing, TokenUsage(prompt=1000))


def test_more_cached_tokens_than_input_do_not_lower_the_cost() -> None:
    pricing = flat(10, 0, cached=Rate(NANO))
    assert cost_nano(pricing, TokenUsage(prompt=10, cached=1000)) == 1_000_000


def test_tokens_kept_for_an_hour_have_a_price_of_their_own() -> None:
    usage = TokenUsage(prompt=1_000_000, cache_write=500_000, cache_write_1h=100_000)
    written = Pricing(
        input=Rate(4 * NANO),
        output=Rate(0),
        cache_write=Rate(5 * NANO),
        cache_write_1h=Rate(8 * NANO),
    )
    assert cost_nano(written, usage) == 2 * NANO + 2 * NANO + 8 * NANO // 10
    plain = flat(4, 0, written=Rate(5 * NANO))
    assert cost_nano(plain, usage) == 4 * NANO + NANO // 2, "as other writes where it has none"
    absurd = TokenUsage(prompt=1_000_000, cache_write=0, cache_write_1h=10**9)
    assert cost_nano(written, absurd) == 4 * NANO


def test_a_tier_counts_for_the_whole_request_from_its_first_token_on() -> None:
    rate = Rate(1 * NANO, (Tier(200_001, 2 * NANO), Tier(500_000, 3 * NANO)))
    pricing = Pricing(input=rate, output=rate, cached_input=rate)
    assert cost_nano(pricing, TokenUsage(prompt=200_000)) == 200_000_000
    assert cost_nano(pricing, TokenUsage(prompt=200_001)) == 400_002_000
    assert cost_nano(pricing, TokenUsage(prompt=500_000, cached=500_000)) == 1_500_000_000
    assert cost_nano(pricing, TokenUsage(prompt=1, completion=600_000)) == 600_001_000


def test_a_price_per_request_is_added() -> None:
    pricing = Pricing(input=Rate(0), output=Rate(0), per_request=5)
    assert cost_nano(pricing, TokenUsage(prompt=7)) == 5


@pytest.mark.parametrize(("prompt", "expected"), [(1, 0), (3, 2), (5, 2), (7, 4)])
def test_halves_are_rounded_to_even(prompt: int, expected: int) -> None:
    pricing = Pricing(input=Rate(500_000), output=Rate(0))
    assert cost_nano(pricing, TokenUsage(prompt=prompt)) == expected


@given(pricing=pricings(), usage=usages())
def test_the_cost_is_the_exact_one_rounded_once(pricing: Pricing, usage: TokenUsage) -> None:
    assert cost_nano(pricing, usage) == round(exact(pricing, usage))


@given(pricing=pricings(rising=True), usage=usages(), more=tokens)
def test_more_tokens_never_cost_less(pricing: Pricing, usage: TokenUsage, more: int) -> None:
    longer = TokenUsage(
        prompt=usage.prompt + more,
        completion=usage.completion + more,
        cached=usage.cached,
        cache_write=usage.cache_write,
        cache_write_1h=usage.cache_write_1h,
    )
    assert cost_nano(pricing, longer) >= cost_nano(pricing, usage)


@given(usage=usages(), other=usages(), prices=st.lists(nano, min_size=4, max_size=4))
def test_costs_add_up_to_a_rounding(
    usage: TokenUsage, other: TokenUsage, prices: list[int]
) -> None:
    plain, output, cached, written = map(Rate, prices)
    pricing = Pricing(input=plain, output=output, cached_input=cached, cache_write=written)
    both = TokenUsage(
        prompt=usage.prompt + other.prompt,
        completion=usage.completion + other.completion,
        cached=usage.cached + other.cached,
        cache_write=usage.cache_write + other.cache_write,
    )
    apart = cost_nano(pricing, usage) + cost_nano(pricing, other)
    assert abs(cost_nano(pricing, both) - apart) <= 1


@given(pricing=pricings(), usage=usages(), spare=tokens)
def test_no_usage_within_the_bounds_costs_more_than_the_worst_case(
    pricing: Pricing, usage: TokenUsage, spare: int
) -> None:
    worst = worst_case_nano(pricing, usage.prompt + spare, usage.completion + spare)
    assert cost_nano(pricing, usage) <= worst


def test_the_worst_case_is_reached_where_there_is_one_rate() -> None:
    usage = TokenUsage(prompt=1234, completion=567)
    assert worst_case_nano(flat(3, 15), 1234, 567) == cost_nano(flat(3, 15), usage)


def counts(usage: TokenUsage) -> TokenTotals:
    return TokenTotals(
        calls=1,
        size=usage.prompt,
        plain=max(usage.prompt - usage.cached - usage.cache_write, 0),
        cached=usage.cached,
        cache_write=usage.cache_write,
        completion=usage.completion,
    )


@given(pricing=pricings(), calls=st.lists(usages(), max_size=8))
def test_many_calls_cost_their_exact_costs_together(
    pricing: Pricing, calls: list[TokenUsage]
) -> None:
    short = [msgspec.structs.replace(usage, cache_write_1h=0) for usage in calls]
    together = sum((exact(pricing, usage) for usage in short), Fraction())
    assert totals_nano(pricing, map(counts, short)) == round(together)


@given(
    prompt=st.integers(0, 10**12),
    completion=st.integers(0, 10**12),
    rate=st.decimals(0, 10**6, allow_nan=False, places=9),
)
def test_costs_are_the_decimals_rounded_half_even_to_the_nano(
    prompt: int, completion: int, rate: Decimal
) -> None:
    nano = nano_from_usd(rate)
    pricing = Pricing(input=Rate(nano), output=Rate(nano))
    with localcontext(prec=60):
        whole = Decimal(prompt + completion) * Decimal(nano) / 1_000_000
        expected = int(whole.to_integral_value(rounding=ROUND_HALF_EVEN))
    assert cost_nano(pricing, TokenUsage(prompt=prompt, completion=completion)) == expected


def test_a_calculation_takes_microseconds() -> None:
    """On the request path it may take 20 µs; ten times that here, since tests share machines."""
    tiers = (Tier(200_001, 6 * NANO), Tier(500_001, 9 * NANO))
    rate = Rate(3 * NANO, tiers)
    pricing = Pricing(
        input=rate, output=rate, cached_input=rate, cache_write=rate, cache_write_1h=rate
    )
    usage = TokenUsage(
        prompt=600_000, completion=900, cached=400_000, cache_write=90_000, cache_write_1h=5_000
    )
    best = min(timeit.repeat(lambda: cost_nano(pricing, usage), number=2_000, repeat=5)) / 2_000
    sys.stdout.write(f"\none cost with tiers and caches: {best * 1e6:.2f} µs\n")
    assert best < 200e-6
