"""The price list and the calculator, without a server."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laird.config.compile import compile_snapshot
from laird.config.document import read_document
from laird.domain.catalog import Kind, Pricing, Rate
from laird.domain.money import NANO
from laird.domain.tokens import TokenUsage
from laird.pricing.calculator import bill, by_cost, quote
from laird.pricing.catalogue import Catalogue
from laird.pricing.cost import cost_nano
from laird.pricing.listing import ListedPrice, PriceSource, price_list
from laird.providers.registry import KINDS

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
CATALOGUE = Catalogue()
DOCUMENT = """\
providers:
  - id: openai
    kind: openai
    models: [gpt-4o, gpt-image-1, brand-new, {id: mine, pricing: {input: 1, output: 2}}]
  - {id: hidden, kind: openai, costTracking: false, models: [gpt-4o-mini]}
  - {id: deep, kind: deepseek, models: [deepseek-chat]}
  - {id: box, kind: ollama, models: ["llama3.2:3b", {id: own, contextWindow: 8192}]}
  - {id: far, kind: custom, type: external, endpoint: "https://api.example.org", models: [some]}
"""


@pytest.fixture(scope="module")
def listed() -> dict[str, ListedPrice]:
    def price(kind: Kind, upstream_model: str) -> Pricing | None:
        return CATALOGUE.price(kind.prices_as, upstream_model, AT)

    document = read_document(DOCUMENT, "providers.yaml")
    snapshot = compile_snapshot(document, kinds=KINDS, environment={}, price=price)
    return {each.model.key: each for each in price_list(snapshot, KINDS, CATALOGUE, AT)}


def test_each_price_says_where_it_is_from(listed: dict[str, ListedPrice]) -> None:
    assert {key: each.source for key, each in listed.items()} == {
        "openai/gpt-4o": PriceSource.CATALOGUE,
        "openai/gpt-image-1": PriceSource.UNPRICED,
        "openai/brand-new": PriceSource.UNPRICED,
        "openai/mine": PriceSource.DOCUMENT,
        "hidden/gpt-4o-mini": PriceSource.UNPRICED,
        "deep/deepseek-chat": PriceSource.CATALOGUE,
        "box/llama3.2:3b": PriceSource.LOCAL,
        "box/own": PriceSource.LOCAL,
        "far/some": PriceSource.UNPRICED,
    }


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("openai/gpt-image-1", "plain tokens"),
        ("openai/brand-new", "does not know it"),
        ("hidden/gpt-4o-mini", "costTracking is off for 'hidden'"),
        ("far/some", "this kind of provider"),
    ],
)
def test_an_unpriced_model_says_why(listed: dict[str, ListedPrice], key: str, why: str) -> None:
    assert why in (listed[key].why or "")


def test_a_priced_model_needs_no_excuse(listed: dict[str, ListedPrice]) -> None:
    assert [
        each for each in listed.values() if (each.why is None) == (each.model.pricing is None)
    ] == []


def test_windows_are_the_documents_or_the_catalogues(listed: dict[str, ListedPrice]) -> None:
    assert listed["openai/gpt-4o"].context_window == 128_000
    assert listed["box/own"].context_window == 8192
    assert listed["box/llama3.2:3b"].context_window is None


def test_the_next_change_is_told(listed: dict[str, ListedPrice]) -> None:
    assert listed["deep/deepseek-chat"].next_change == AT.replace(hour=16, minute=30)
    assert listed["openai/gpt-4o"].next_change is None


def test_the_whole_catalogue_can_be_listed() -> None:
    entries = list(CATALOGUE.entries(AT))
    assert len(entries) > 1000
    claude = next(
        each for each in entries if (each.provider, each.id) == ("anthropic", "claude-haiku-4-5")
    )
    assert claude.pricing is not None
    assert claude.pricing.cache_write_1h == Rate(2 * NANO)
    assert claude.context_window == 200_000
    assert any(each.pricing is None for each in entries)
    assert any(each.next_change is not None for each in entries)


def test_a_model_without_a_price_is_named_in_a_bill_and_not_free() -> None:
    usage = TokenUsage(prompt=1_000_000)
    flat = Pricing(input=Rate(3 * NANO), output=Rate(0))
    lines = [
        quote("a", flat, usage, 2),
        quote("new", None, usage, 9),
        quote("new", None, usage),
        quote("b", flat, usage),
    ]
    whole = bill(lines)
    assert (whole.total_nano, whole.unpriced) == (9 * NANO, ("new",))
    assert [each.name for each in by_cost(lines)] == ["b", "a", "new", "new"]


@given(
    rate=st.integers(0, 10**12),
    prompt=st.integers(0, 10**7),
    calls=st.integers(1, 10**6),
)
def test_calls_cost_as_many_times_what_one_costs(rate: int, prompt: int, calls: int) -> None:
    pricing = Pricing(input=Rate(rate), output=Rate(0))
    usage = TokenUsage(prompt=prompt)
    one = quote("m", pricing, usage, calls)
    assert one.per_call_nano == cost_nano(pricing, usage)
    assert one.total_nano == calls * cost_nano(pricing, usage)
