"""The most that a request may cost, and what budgets say to it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.budgets.money import LOCAL, NOW, budget, model, priced, provider
from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer

from laird.dialects.openai_chat import OpenAIChat
from laird.domain.catalog import FREE, Egress, Pricing, Rate, Tier
from laird.domain.plan import RequestFacts
from laird.domain.spending import (
    ASSUMED_OUTPUT,
    UNSEEN_TOKENS,
    UNSEEN_TOOL_TOKENS,
    Extent,
    Objection,
    Room,
    Spending,
    ceiling_of,
    slack_of,
)
from laird.pricing.cost import worst_case_nano


def facts(**wishes: Any) -> RequestFacts:
    return RequestFacts(model="m", **wishes)


def cost(extent: Extent, **fields: Any) -> int | None:
    fields.setdefault("pricing", priced(1, 10))
    return extent.cost(provider(), model(**fields), worst_case_nano)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    """A byte-level tokenizer as cloud models use them, with hardly any merges: it makes the most
    tokens that such a one can make."""
    made = Tokenizer(BPE())
    made.pre_tokenizer = ByteLevel(add_prefix_space=False)
    made.decoder = ByteLevelDecoder()
    trainer = BpeTrainer(vocab_size=260, initial_alphabet=ByteLevel.alphabet(), show_progress=False)
    made.train_from_iterator(["the quick brown fox"], trainer)
    return made


@settings(deadline=None)
@given(
    texts=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=200), min_size=1),
    ascii_only=st.booleans(),
)
def test_no_text_has_more_tokens_than_the_bound(
    tokenizer: Tokenizer, texts: list[str], ascii_only: bool
) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": text} for text in texts]}
    raw = json.dumps(body, ensure_ascii=ascii_only).encode()
    # Chat templates put up to a handful of tokens around each message.
    tokens = sum(len(tokenizer.encode(text).ids) + 8 for text in texts)
    assert tokens <= OpenAIChat().facts(body).extent(len(raw)).prompt


def test_what_providers_add_unseen_is_in_the_bound() -> None:
    assert facts(prompt_tokens=10).extent(100).prompt == 100 + UNSEEN_TOKENS
    assert facts(prompt_tokens=10, tools=True).extent(100).prompt == 100 + UNSEEN_TOOL_TOKENS
    # A document by URL is estimated, and hardly in the body.
    assert facts(prompt_tokens=3000).extent(100).prompt == 12_000 + UNSEEN_TOKENS


def test_images_are_taken_at_a_multiple_of_the_estimate_not_at_their_bytes() -> None:
    picture = facts(prompt_tokens=800, vision=True)
    assert picture.extent(2_000_000).prompt == 16 * 800 + UNSEEN_TOKENS
    assert picture.extent(300).prompt == 16 * 800 + UNSEEN_TOKENS


def test_the_answer_counts_at_its_limit() -> None:
    assert cost(Extent(0, 50)) == 500
    assert cost(Extent(0, 50, answers=3)) == 1500
    assert cost(Extent(0, None), max_tokens=70) == 700
    assert cost(Extent(0, None)) == 10 * ASSUMED_OUTPUT
    # The request's limit is what is sent, whatever the model could do.
    assert cost(Extent(0, 90), max_tokens=70) == 900


def test_a_prompt_can_not_be_longer_than_the_window() -> None:
    assert cost(Extent(5000, 0), context_window=1000) == 1000
    assert cost(Extent(5000, 0, several=True), context_window=1000) == 5000


def test_input_counts_at_its_dearest() -> None:
    dear = priced(1, 0, cache_write=Rate(2_000_000), cached_input=Rate(100_000))
    assert cost(Extent(100, 0), pricing=dear) == 200


def test_what_costs_nothing_and_what_nobody_can_price() -> None:
    extent = Extent(100, 100)
    assert cost(extent, pricing=FREE) == 0
    assert cost(extent, pricing=None) is None
    assert extent.cost(provider(cost_tracking=False), model(), worst_case_nano) == 0
    at_home = {"egress": Egress.LOCAL}
    assert extent.cost(provider(**at_home), model(**at_home), worst_case_nano) == 0
    # A model in somebody's cloud behind a local server is not at home.
    assert extent.cost(provider(**at_home), model(), worst_case_nano) is None


def test_n_and_best_of_and_several_prompts_multiply_the_answer() -> None:
    asked = {"model": "m", "messages": [{"role": "user", "content": "x"}], "n": 4}
    assert OpenAIChat().facts(asked).answers == 4


def room(left: int, *, held: int = 0, resets_us: int | None = NOW + 10_000_000, **of: Any) -> Room:
    return Room(budget("b", 100, **of), left, held, resets_us)


def spending(**rooms: Any) -> Spending:
    return Spending(extent=Extent(0, 10), price=worst_case_nano, now_us=NOW, **rooms)


PAID = (provider(), model(pricing=priced(0, 1)))  # needs 10


def test_a_candidate_fits_exactly_or_not_at_all() -> None:
    assert spending(refuse=room(10)).objection(*PAID) is None
    short = spending(refuse=room(9)).objection(*PAID)
    assert short == Objection(room(9), 10)
    assert spending().objection(*PAID) is None


def test_budgets_of_a_provider_hold_for_it_alone() -> None:
    full = spending(refuse_at={"p": room(0)})
    assert full.objection(*PAID) is not None
    assert full.objection(provider("q"), model("q/m", pricing=priced(0, 1))) is None
    both = spending(refuse=room(50), refuse_at={"p": room(0)})
    assert both.objection(*PAID) is not None
    assert spending(refuse=room(0), refuse_at={"p": room(50)}).objection(*PAID) is not None


def test_a_budget_that_refuses_is_told_before_one_that_goes_local() -> None:
    both = spending(refuse=room(0), local=room(-5, on_limit=LOCAL)).objection(*PAID)
    assert both is not None
    assert not both.local
    alone = spending(refuse=room(50), local=room(0, on_limit=LOCAL)).objection(*PAID)
    assert alone is not None
    assert alone.local
    assert spending(local_at={"p": room(0)}).may_go_local
    assert not spending(refuse=room(0)).may_go_local


def test_free_models_need_no_room_and_unpriced_ones_find_none() -> None:
    used_up = spending(refuse=room(-1))
    assert used_up.objection(provider(), model(pricing=FREE)) is None
    unknown = spending(refuse=room(10**9)).objection(provider(), model())
    assert unknown is not None
    assert unknown.retry_after_s(NOW) is None
    assert "its price is unknown" in unknown.words()


def test_a_refusal_says_when_the_same_request_may_fit() -> None:
    assert Objection(room(5, held=5), 10).retry_after_s(NOW) == 1.0
    assert Objection(room(5, held=4), 10).retry_after_s(NOW) == 10.0
    assert Objection(room(5, resets_us=None), 10).retry_after_s(NOW) is None
    # It would not even fit a whole window.
    assert Objection(room(5), 101).retry_after_s(NOW) is None
    assert "requests under way hold" in Objection(room(5, held=5), 10).words()
    assert "until 2026-09-21" in Objection(room(5), 10).words()


def test_slack_is_what_a_request_without_a_limit_may_cost_beyond_what_is_held() -> None:
    bounded = model("p/a", pricing=priced(1, 1), max_tokens=100)
    windowed = model("p/b", pricing=priced(1, 2), context_window=10_000)
    unknown = model("p/c", pricing=priced(1, 1))
    free, unpriced = model("p/d", pricing=FREE), model("p/e")
    silent = model("p/f", pricing=priced(1, 0))
    at = provider()

    assert slack_of(
        [(at, bounded), (at, free), (at, unpriced), (at, silent)], worst_case_nano
    ).bounded
    some = slack_of([(at, bounded), (at, windowed)], worst_case_nano)
    assert some.nano == 2 * (10_000 - ASSUMED_OUTPUT)
    assert some.models == ("p/b",)
    endless = slack_of([(at, windowed), (at, unknown)], worst_case_nano)
    assert endless.nano is None
    assert endless.models == ("p/b", "p/c")


_nano = st.integers(0, 10**11)
_rate = st.builds(
    Rate, _nano, st.lists(st.builds(Tier, st.integers(1, 10**5), _nano), max_size=2).map(tuple)
)
_pricing = st.builds(
    Pricing,
    input=_rate,
    output=_rate,
    cached_input=st.none() | _rate,
    cache_write=st.none() | _rate,
    cache_write_1h=st.none() | _rate,
    per_request=_nano,
)
_model = st.builds(
    lambda pricing, most, window: model(pricing=pricing, max_tokens=most, context_window=window),
    _pricing | st.just(FREE),
    st.none() | st.integers(1, 10**6),
    st.none() | st.integers(1, 10**6),
)


@settings(deadline=None)
@given(
    models=st.lists(_model, min_size=1, max_size=3),
    facts=st.builds(
        RequestFacts,
        model=st.just("m"),
        prompt_tokens=st.integers(0, 10**6),
        max_tokens=st.none() | st.integers(0, 10**6),
        answers=st.integers(1, 9),
        tools=st.booleans(),
        vision=st.booleans(),
    ),
    size=st.integers(0, 10**6),
)
def test_no_request_costs_more_than_the_dearest_model_would_make_it(
    models: list[Any], facts: RequestFacts, size: int
) -> None:
    ceiling = ceiling_of((provider(), each) for each in models)
    assert ceiling is not None
    most, extent = facts.at_most(size, ceiling), facts.extent(size)
    assert all((extent.cost(provider(), each, worst_case_nano) or 0) <= most for each in models)


def test_there_is_no_ceiling_where_a_price_is_not_known() -> None:
    assert ceiling_of([(provider(), model(pricing=None))]) is None
    at_home = (provider(egress=Egress.LOCAL), model(pricing=None, egress=Egress.LOCAL))
    assert ceiling_of([at_home]) is not None
    untracked = (provider(cost_tracking=False), model(pricing=priced(1, 10)))
    ceiling = ceiling_of([untracked])
    assert ceiling is not None
    assert ceiling.rate == 0
