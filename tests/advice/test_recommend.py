"""What would have been cheaper."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.advice.world import advice, call, candidates, model, replayed, usd, write
from tests.usage.cases import open_database

from laird.advice.findings import Confidence, Recommendation
from laird.advice.replay import unpriced_calls
from laird.domain.catalog import FREE, Capabilities, Egress, Model, Pricing, Rate, Tier
from laird.domain.money import NANO
from laird.domain.usage import AttemptFinished, AttemptStatus
from laird.pricing.cost import cost_nano
from laird.storage.engine import Database
from laird.storage.tables import attempts

BIG = model("cloud/big", usd(10, 30))
SMALL = model("cloud/small", usd(1, 3))
LOCAL = model("box/home", FREE, egress=Egress.LOCAL)


def only(found: tuple[Recommendation, ...]) -> Recommendation:
    (one,) = found
    return one


def test_the_saving_is_what_was_paid_less_what_the_other_charges(database: Database) -> None:
    calls = [call(n, cost_nano=cost_nano(usd(10, 30), call().usage)) for n in range(5)]
    write(database, *calls)
    found = advice(database, candidates(BIG, SMALL))
    one = only(found.recommendations)
    assert (one.source, one.target) == ("cloud/big", "cloud/small")
    assert (one.calls, one.all_calls) == (5, 5)
    assert (one.prompt, one.completion) == (5_000, 500)
    assert one.paid_nano == one.today_nano == 5 * 13_000_000
    assert one.instead_nano == 5 * 1_300_000
    assert one.saving_nano == one.least_saving_nano == 5 * 11_700_000
    assert (found.paid_nano, found.saving_nano) == (5 * 13_000_000, 5 * 11_700_000)
    assert one.confidence is Confidence.MEDIUM
    assert any("as good" in each for each in one.unknown)
    assert found.not_compared == ()


def test_what_must_stay_local_never_leaves_the_house(database: Database) -> None:
    write(database, call(1, privacy="local", key="lan/dear"), call(2, key="lan/dear"))
    dear = model("lan/dear", usd(10, 30), egress=Egress.LOCAL)
    found = advice(database, candidates(dear, SMALL, LOCAL))
    by_target = {each.target: each for each in found.recommendations}
    assert by_target["cloud/small"].calls == 1
    assert by_target["box/home"].calls == 2
    assert by_target["box/home"].local
    assert any("your machine" in each for each in by_target["box/home"].unknown)
    assert any("'cloud' may see" in each for each in by_target["cloud/small"].unknown)


def test_only_calls_that_fit_the_window_and_the_answers_limit_move(database: Database) -> None:
    write(
        database,
        call(1, prompt_tokens=7_900, completion_tokens=100),
        call(2, prompt_tokens=7_901, completion_tokens=100),
        call(3, prompt_tokens=10, completion_tokens=401),
        call(4, prompt_tokens=10, completion_tokens=400),
    )
    short = model("cloud/small", usd(1, 3), max_tokens=400)
    known = candidates(BIG) | candidates(short, window=8_000)
    one = only(advice(database, known).recommendations)
    assert (one.calls, one.all_calls) == (2, 4)
    assert any("2 calls stay" in each for each in one.why)
    unknown = candidates(BIG) | candidates(short, window=None)
    assert advice(database, unknown).recommendations == ()


def test_keys_that_may_not_use_the_target_keep_their_calls(database: Database) -> None:
    write(database, call(1, key_id="ann"), call(2, key_id="bob", workflow="nightly"))

    def may_use(key_id: str, _model: Model) -> bool:
        return key_id == "bob"

    one = only(advice(database, candidates(BIG, SMALL), may_use).recommendations)
    (share,) = one.shares
    assert (share.key_id, share.workflow, share.calls) == ("bob", "nightly", 1)
    assert share.saving_nano == share.paid_nano - share.instead_nano == one.saving_nano


def test_shares_tell_keys_and_workflows_apart_and_add_up(database: Database) -> None:
    write(
        database,
        *(call(n, key_id=f"key_{n % 3}", workflow=[None, "w"][n % 2]) for n in range(12)),
    )
    one = only(advice(database, candidates(BIG, SMALL)).recommendations)
    assert len(one.shares) == 6
    assert sum(each.calls for each in one.shares) == one.calls
    assert sum(each.paid_nano for each in one.shares) == one.paid_nano
    assert sum(each.saving_nano for each in one.shares) == one.saving_nano


def test_only_answered_calls_that_cost_something_are_replayed(database: Database) -> None:
    write(
        database,
        call(1),
        call(2, status=AttemptStatus.ERROR),
        call(3, status=AttemptStatus.INTERRUPTED),
        call(4, cache_hit=True),
        call(5, cost_nano=0),
        call(6, cost_nano=None),
    )
    assert only(advice(database, candidates(BIG, SMALL)).recommendations).calls == 1
    (unpriced,) = database.read_now(
        lambda connection: unpriced_calls(connection, since_us=0, until_us=2**62)
    )
    assert (unpriced.provider, unpriced.model, unpriced.calls) == ("cloud", "big", 1)


def test_an_alternative_that_may_not_do_the_work_is_named_and_not_recommended(
    database: Database,
) -> None:
    write(database, call(1))
    seeing = model("cloud/big", usd(10, 30), capabilities=Capabilities(vision=True))
    found = advice(database, candidates(seeing, SMALL))
    assert found.recommendations == ()
    (left,) = found.not_compared
    assert left.source == "cloud/big"
    assert "cloud/small is not known to have images" in left.why
    assert found.saving_nano == 0


def test_what_is_dearer_disabled_or_unpriced_is_not_recommended(database: Database) -> None:
    write(database, call(1, cost_nano=13_000_000))
    known = candidates(BIG, model("cloud/dear", usd(20, 60)), model("cloud/new", None))
    off = msgspec.structs.replace(candidates(SMALL)["cloud/small"], enabled=False)
    found = advice(database, {**known, "cloud/small": off})
    assert found.recommendations == ()
    assert "would have been cheaper" in found.not_compared[0].why


def test_a_price_that_has_fallen_since_is_no_reason_to_move(database: Database) -> None:
    write(database, call(1, cost_nano=130_000_000))
    cheap_now = model("cloud/big", usd(0.5, 1))
    assert advice(database, candidates(cheap_now, SMALL)).recommendations == ()


def test_a_model_that_is_no_longer_configured_is_not_compared(database: Database) -> None:
    write(database, call(1))
    found = advice(database, candidates(SMALL))
    assert "no longer configured" in found.not_compared[0].why


def test_the_same_model_elsewhere_is_sure(database: Database) -> None:
    write(database, call(1, key="openai/gpt-4o", cost_nano=10**9))
    source = model("openai/gpt-4o", usd(10, 30))
    azure = model("azure/four", usd(5, 15), upstream_model="gpt-4o-2024-08-06")
    one = only(advice(database, candidates(source, azure)).recommendations)
    assert one.confidence is Confidence.HIGH
    assert not any("as good" in each for each in one.unknown)


def test_estimates_and_caches_make_it_less_sure(database: Database) -> None:
    write(database, call(1, estimated=True))
    caching = usd(10, 30, cached_input=Rate(NANO // 10))
    # With its cache the call below costs 2.29 thousandths of a dollar here, without it 5.8.
    modest = model("cloud/modest", usd(4, 18, cached_input=Rate(NANO // 10)))
    known = candidates(BIG, model("cloud/cached", caching), modest)
    write(database, call(3, key="cloud/cached", cached_tokens=900, cost_nano=4_090_000))
    found = advice(database, known).recommendations
    assert {each.confidence for each in found} == {Confidence.LOW}
    hangs = next(each for each in found if each.source == "cloud/cached")
    assert hangs.least_saving_nano < 0 < hangs.saving_nano
    assert any("its cache" in each for each in hangs.unknown)
    estimates = next(each for each in found if each.source == "cloud/big")
    assert any("estimates" in each for each in estimates.unknown)


def test_embeddings_move_only_to_the_same_model(database: Database) -> None:
    able = Capabilities(embeddings=True)
    write(database, call(1, key="a/embed-1", dialect="openai.embeddings", cost_nano=10**9))
    source = model("a/embed-1", usd(5, 0), capabilities=able)
    other = model("b/embed-2", usd(1, 0), capabilities=able)
    assert advice(database, candidates(source, other)).recommendations == ()
    same = model("b/embed-1", usd(1, 0), capabilities=able)
    assert only(advice(database, candidates(source, other, same)).recommendations).target == (
        "b/embed-1"
    )


def test_vectors_are_no_answer_to_a_chat(database: Database) -> None:
    write(database, call(1))
    vectors = model("cloud/embed", usd(0.1, 0), capabilities=Capabilities(embeddings=True))
    found = advice(database, candidates(BIG, vectors))
    assert found.recommendations == ()
    assert "embed" not in found.not_compared[0].why


def test_at_most_three_alternatives_are_told_of_the_best_first(database: Database) -> None:
    write(database, call(1, cost_nano=10**9))
    cheap = [model(f"cloud/m{price}", usd(price, price)) for price in range(1, 7)]
    found = advice(database, candidates(BIG, *cheap))
    assert [each.target for each in found.recommendations] == ["cloud/m1", "cloud/m2", "cloud/m3"]
    assert found.saving_nano == found.recommendations[0].saving_nano


TIERED = Pricing(
    input=Rate(2 * NANO, (Tier(1_000, 5 * NANO), Tier(5_000, NANO))),
    output=Rate(7 * NANO + 1, (Tier(1_000, 9 * NANO),)),
    cached_input=Rate(NANO // 3),
    cache_write=Rate(3 * NANO),
    per_request=17,
)


@st.composite
def ledgers(draw: st.DrawFn) -> list[AttemptFinished]:
    calls = []
    for place in range(draw(st.integers(1, 12))):
        prompt = draw(st.sampled_from([1, 7, 999, 1_000, 1_001, 4_999, 5_000, 90_000]))
        cached = draw(st.integers(0, prompt + 3))
        written = draw(st.integers(0, max(0, prompt - cached)))
        changes: dict[str, Any] = {
            "prompt_tokens": prompt,
            "completion_tokens": draw(st.integers(0, 3_000)),
            "cached_tokens": cached,
            "cache_write_tokens": written,
            "cost_nano": draw(st.integers(0, 10**9)),
            "key_id": draw(st.sampled_from(["ann", "bob"])),
            "privacy": draw(st.sampled_from(["any", "local"])),
            "stream": draw(st.booleans()),
            "status": draw(st.sampled_from([AttemptStatus.OK, AttemptStatus.CUT])),
        }
        calls.append(call(place, **changes))
    return calls


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """One database for all examples of a law: making one takes longer than using it."""
    database = open_database(tmp_path_factory.mktemp("ledger"))
    yield database
    database.close()


def rewrite(database: Database, calls: Sequence[AttemptFinished]) -> None:
    database.write_now(lambda connection: connection.execute(attempts.delete()))
    write(database, *calls)


def by_hand(calls: list[AttemptFinished], pricing: Pricing) -> int:
    """Return what calls cost, each worked out alone and all of it rounded once."""
    total = Fraction()
    for one in calls:
        usage = one.usage
        plain = max(usage.prompt - usage.cached - usage.cache_write, 0)
        parts = (
            (pricing.input, plain),
            (pricing.cached_input, usage.cached),
            (pricing.cache_write, usage.cache_write),
            (pricing.output, usage.completion),
        )
        for rate, count in parts:
            assert rate is not None
            reached = [t.nano_per_mtok for t in rate.tiers if usage.prompt >= t.from_tokens]
            total += Fraction(count * (reached[-1] if reached else rate.nano_per_mtok), 10**6)
        total += pricing.per_request
    return round(total)


@settings(max_examples=60, deadline=None)
@given(calls=ledgers(), window=st.sampled_from([1_500, 6_000, 200_000]))
def test_savings_are_those_of_the_rows_worked_out_by_hand(
    ledger: Database, calls: list[AttemptFinished], window: int
) -> None:
    rewrite(ledger, calls)
    known = candidates(BIG) | candidates(model("cloud/tiered", TIERED), window=window)
    found = advice(ledger, known)
    slices = replayed(ledger, known)
    counted = [one for one in calls if one.status is AttemptStatus.OK and one.cost_nano]
    moved = [one for one in counted if one.started.privacy == "any" and one.usage.total <= window]
    assert found.paid_nano == sum(one.cost_nano or 0 for one in counted)
    assert sum(each.totals.calls for each in slices) == len(counted)
    paid, instead = sum(one.cost_nano or 0 for one in moved), by_hand(moved, TIERED)
    for one in found.recommendations:
        assert (one.calls, one.paid_nano, one.instead_nano) == (len(moved), paid, instead)
        assert one.saving_nano == paid - instead > 0
    if moved and instead < paid and (found.recommendations == ()):
        flat = by_hand(moved, msgspec.structs.replace(
            usd(10, 30), cached_input=Rate(10 * NANO), cache_write=Rate(10 * NANO)
        ))  # fmt: skip
        assert instead >= flat, "only a price that has fallen since keeps it from being told"


@settings(max_examples=60, deadline=None)
@given(calls=ledgers())
def test_no_recommendation_ever_moves_a_local_call_to_an_external_model(
    ledger: Database, calls: list[AttemptFinished]
) -> None:
    lan = model("cloud/big", usd(1_000, 1_000), egress=Egress.LOCAL)
    rewrite(ledger, calls)
    found = advice(ledger, candidates(lan, SMALL, LOCAL, model("x/y", TIERED)))
    free = [
        one
        for one in calls
        if one.started.privacy == "any" and one.status is AttemptStatus.OK and one.cost_nano
    ]
    for one in found.recommendations:
        if not one.local:
            assert one.calls == len(free)
            assert one.paid_nano == sum(each.cost_nano or 0 for each in free)
