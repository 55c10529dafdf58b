"""Prices from the installed catalogue, checked against its own calculation."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from genai_prices import Usage, data_snapshot
from genai_prices.types import ModelPrice, Provider, TieredPrices
from genai_prices.types import Tier as CatalogueTier

from laird.domain.catalog import Pricing, Rate, Tier
from laird.domain.money import NANO
from laird.domain.tokens import TokenUsage
from laird.pricing.catalogue import Catalogue, pricing_of
from laird.pricing.cost import cost_nano

AT = datetime(2026, 1, 15, 12, tzinfo=UTC)
MOMENTS = [AT, AT.replace(hour=2), AT.replace(hour=20), datetime(2024, 12, 1, tzinfo=UTC)]
USAGES = [
    TokenUsage(prompt=1, completion=1),
    TokenUsage(prompt=12_345, completion=678),
    TokenUsage(prompt=150_000, completion=4_000, cached=100_000, cache_write=20_000),
    TokenUsage(prompt=200_000, completion=999, cached=1),
    TokenUsage(prompt=200_001, completion=999, cached=1),
    TokenUsage(prompt=900_000, completion=60_000, cached=300_000, cache_write=300_000),
]


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue()


def priced(provider: Provider) -> Iterator[tuple[str, ModelPrice, Pricing]]:
    """The prices of a provider's first models, and of all with tiers or prices that change."""
    for place, model in enumerate(provider.models):
        changing = not isinstance(model.prices, ModelPrice)
        for at in MOMENTS if changing else MOMENTS[:1]:
            theirs = model.get_prices(at) if model.prices else ModelPrice()
            ours = pricing_of(theirs, "test")
            if ours is not None and (place < 8 or changing or ours.input.tiers):
                yield model.id, theirs, ours


def their_cost_nano(price: ModelPrice, usage: TokenUsage) -> Decimal:
    counts = Usage(
        input_tokens=usage.prompt,
        output_tokens=usage.completion,
        cache_read_tokens=usage.cached,
        cache_write_tokens=usage.cache_write,
    )
    return price.calc_price(counts)["total_price"] * NANO


def test_costs_agree_with_the_catalogue_for_text_models_of_every_provider() -> None:
    checked = 0
    for provider in data_snapshot.get_snapshot().providers:
        for model_id, theirs, ours in priced(provider):
            for usage in USAGES:
                difference = cost_nano(ours, usage) - their_cost_nano(theirs, usage)
                # A few prices have more decimals than nano-dollars per million tokens.
                assert abs(difference) <= 2, (provider.id, model_id, usage)
                checked += 1
    assert checked > 2_000


@pytest.mark.parametrize(
    ("prices_as", "model"),
    [
        ("openai", "gpt-4o-mini"),
        ("anthropic", "claude-sonnet-4-5"),
        ("google", "gemini-2.5-pro"),
        ("azure", "gpt-4o"),
        ("cohere", "command-r-plus"),
        ("deepseek", "deepseek-chat"),
        ("openai", "text-embedding-3-small"),
    ],
)
def test_well_known_models_are_priced_as_the_catalogue_prices_them(
    catalogue: Catalogue, prices_as: str, model: str
) -> None:
    usage = TokenUsage(prompt=250_000, completion=0, cached=1000)
    pricing = catalogue.price(prices_as, model, AT)
    assert pricing is not None
    assert pricing.version.startswith(catalogue.version)
    theirs = data_snapshot.get_snapshot().calc(
        Usage(input_tokens=250_000, cache_read_tokens=1000), model, prices_as, None, AT
    )
    assert abs(cost_nano(pricing, usage) - theirs.total_price * NANO) <= 1


def test_the_version_names_package_and_release(catalogue: Catalogue) -> None:
    assert catalogue.version.startswith("genai-prices 0.")


@pytest.mark.parametrize(
    ("prices_as", "model"),
    [
        (None, "gpt-4o-mini"),
        ("openai", "no-such-model"),
        ("no-such-provider", "gpt-4o-mini"),
        ("openai", "whisper-1"),
        ("openai", ""),
    ],
)
def test_what_is_not_known_is_not_priced(
    catalogue: Catalogue, prices_as: str | None, model: str
) -> None:
    assert catalogue.price(prices_as, model, AT) is None
    assert catalogue.price(prices_as, model, AT) is None


def test_an_answer_is_the_same_value_each_time(catalogue: Catalogue) -> None:
    first = catalogue.price("openai", "gpt-4o-mini", AT)
    assert first is not None
    assert catalogue.price("openai", "gpt-4o-mini", AT) is first


def test_prices_follow_the_time_of_day_where_the_provider_has_cheap_hours() -> None:
    catalogue = Catalogue()
    by_hour = {
        hour: catalogue.price(
            "deepseek", "deepseek-chat", datetime(2025, 6, 1, hour, 45, tzinfo=UTC)
        )
        for hour in (12, 20)
    }
    assert by_hour[12] is not None
    assert by_hour[20] is not None
    assert by_hour[12].input.nano_per_mtok > by_hour[20].input.nano_per_mtok


def test_any_number_of_names_may_be_asked_for() -> None:
    catalogue = Catalogue()
    for number in range(5000):
        assert catalogue.price("groq", f"unheard-of-{number}", AT) is None
    assert catalogue.price("openai", "gpt-4o-mini", AT) is not None
    assert len(catalogue._models) <= 4096


def test_tiers_begin_one_token_above_the_catalogues_start() -> None:
    tiered = TieredPrices(Decimal("1.25"), [CatalogueTier(200_000, Decimal("2.50"))])
    pricing = pricing_of(ModelPrice(input_mtok=tiered, output_mtok=Decimal("0.0375")), "v")
    assert pricing is not None
    assert pricing.input == Rate(1_250_000_000, (Tier(200_001, 2_500_000_000),))
    assert pricing.output == Rate(37_500_000)


def test_a_price_per_thousand_requests_becomes_one_per_request() -> None:
    one = Decimal(1)
    price = ModelPrice(input_mtok=one, output_mtok=one, requests_kcount=Decimal(12))
    pricing = pricing_of(price, "v")
    assert pricing is not None
    assert pricing.per_request == 12_000_000


@pytest.mark.parametrize(
    "price",
    [
        ModelPrice(),
        ModelPrice(input_mchars=Decimal(15)),
        ModelPrice(output_mtok=Decimal(1)),
        ModelPrice(input_mtok=Decimal(1), output_mtok=Decimal(2), output_image_mtok=Decimal(30)),
        ModelPrice(input_mtok=Decimal(1), output_mtok=Decimal(2), output_reasoning_mtok=Decimal(3)),
        ModelPrice(input_mtok=Decimal(1), output_mtok=Decimal(2), input_image_mtok=Decimal(3)),
    ],
)
def test_prices_that_token_counts_can_not_tell_are_left_out(price: ModelPrice) -> None:
    assert pricing_of(price, "v") is None


def test_embeddings_are_priced_by_their_input_alone() -> None:
    pricing = pricing_of(
        ModelPrice(input_mtok=Decimal("0.2"), input_image_mtok=Decimal("0.45")), "v"
    )
    assert pricing is not None
    assert cost_nano(pricing, TokenUsage(prompt=1000)) == 200_000
