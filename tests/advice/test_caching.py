"""What the providers' caches have saved, and what more they would."""

from __future__ import annotations

from tests.advice.world import call, candidates, model, replayed, usd, write

from laird.advice.caching import cache_use
from laird.domain.catalog import Rate
from laird.domain.money import NANO
from laird.pricing.cost import totals_nano
from laird.storage.engine import Database

CACHING = usd(10, 30, cached_input=Rate(NANO), cache_write=Rate(12 * NANO))


def test_what_was_saved_and_what_a_further_tenth_would_save(database: Database) -> None:
    known = candidates(model("cloud/big", CACHING), model("cloud/plain", usd(5, 5)))
    write(
        database,
        call(1, prompt_tokens=1_000_000, cached_tokens=200_000, cache_write_tokens=100_000),
        call(2, key="cloud/plain"),
        call(3, key="gone/gone"),
    )
    (one,) = cache_use(replayed(database, known), known, totals_nano)
    assert (one.source, one.calls) == ("cloud/big", 1)
    assert (one.prompt, one.cached) == (1_000_000, 200_000)
    assert one.saved_nano == 9 * NANO * 200_000 // 10**6
    assert one.written_extra_nano == 2 * NANO * 100_000 // 10**6
    assert one.tenth_nano == 9 * NANO * 70_000 // 10**6
    assert any("repeats" in each for each in one.unknown)
    assert any("costs extra" in each for each in one.unknown)


def test_where_cached_input_is_no_cheaper_nothing_is_said(database: Database) -> None:
    known = candidates(model("cloud/big", usd(1, 1, cached_input=Rate(NANO))))
    write(database, call(1))
    assert cache_use(replayed(database, known), known, totals_nano) == []
