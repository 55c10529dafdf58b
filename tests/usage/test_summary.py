from __future__ import annotations

from functools import partial

import pytest
from tests.usage.cases import NOON_US, finished, started

from laird.domain.usage import AttemptStatus
from laird.storage.engine import Database
from laird.usage.ledger import insert_finished
from laird.usage.summary import By, SummaryRow, calls_by_provider, recent, summary

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US


@pytest.fixture
def filled(database: Database) -> Database:
    attempts = [
        finished(started("a", at_us=NOON_US)),
        finished(
            started("b", 1, at_us=NOON_US + 1),
            status=AttemptStatus.ERROR,
            error="provider_error",
            cost_nano=0,
            completion_tokens=0,
        ),
        finished(started("b", 2, at_us=NOON_US + 2, provider="azure"), cost_nano=50_000),
        finished(
            started("c", at_us=NOON_US + DAY_US, provider="ollama", model="qwen", key_id="key_2"),
            cost_nano=None,
            estimated=True,
        ),
        finished(
            started("d", at_us=NOON_US + 2 * DAY_US, key_id="key_2"),
            status=AttemptStatus.CANCELLED,
        ),
        finished(started("e", at_us=NOON_US + 2 * DAY_US), status=AttemptStatus.CUT),
        finished(started("f", at_us=NOON_US + 2 * DAY_US), cost_nano=0, cache_hit=True),
    ]
    database.write_now(partial(insert_finished, attempts=attempts))
    return database


def groups(database: Database, by: By) -> dict[str, tuple[int, int]]:
    found = database.read_now(
        partial(summary, since_us=NOON_US, until_us=NOON_US + 3 * DAY_US, by=by)
    )
    return {row.group: (row.calls, row.cost_nano) for row in found}


def test_one_row_sums_up_everything(filled: Database) -> None:
    (row,) = filled.read_now(partial(summary, since_us=0, until_us=NOON_US + 3 * DAY_US))
    assert row == SummaryRow(
        group="",
        calls=7,
        requests=6,
        ok=4,
        errors=2,
        cancelled=1,
        cache_hits=1,
        prompt=700,
        completion=240,
        cached=210,
        cache_write=35,
        reasoning=49,
        cost_nano=62_000,
        average_nano=10_333,
        unpriced_calls=1,
        estimated_calls=1,
        latency_ms=812.5,
        ttft_ms=200.25,
    )


def test_a_period_without_calls_is_zeros(filled: Database) -> None:
    (row,) = filled.read_now(partial(summary, since_us=0, until_us=NOON_US))
    assert (row.calls, row.ok, row.errors, row.cost_nano, row.unpriced_calls) == (0, 0, 0, 0, 0)
    assert filled.read_now(partial(summary, since_us=0, until_us=NOON_US, by=By.DAY)) == []


def test_the_dearest_group_comes_first(filled: Database) -> None:
    by_provider = groups(filled, By.PROVIDER)
    assert by_provider == {"azure": (1, 50_000), "openai": (5, 12_000), "ollama": (1, 0)}
    assert list(by_provider) == ["azure", "openai", "ollama"]
    assert groups(filled, By.MODEL) == {
        "azure/gpt-5-mini": (1, 50_000),
        "openai/gpt-5-mini": (5, 12_000),
        "ollama/qwen": (1, 0),
    }
    assert groups(filled, By.KEY) == {"key_1": (5, 58_000), "key_2": (2, 4_000)}
    assert groups(filled, By.STATUS)["error"] == (1, 0)


def test_days_are_in_order_of_time_in_utc(filled: Database) -> None:
    assert list(groups(filled, By.DAY).items()) == [
        ("2026-09-21", (3, 54_000)),
        ("2026-09-22", (1, 0)),
        ("2026-09-23", (3, 8_000)),
    ]


@pytest.mark.parametrize("by", list(By))
def test_every_grouping_adds_up_to_the_same(filled: Database, by: By) -> None:
    parts = groups(filled, by).values()
    assert sum(calls for calls, _ in parts) == 7
    assert sum(cost for _, cost in parts) == 62_000


def test_a_period_holds_its_beginning_and_not_its_end(filled: Database) -> None:
    (row,) = filled.read_now(partial(summary, since_us=NOON_US, until_us=NOON_US + 1))
    assert row.calls == 1


def test_the_newest_rows_come_first(filled: Database) -> None:
    newest = filled.read_now(partial(recent, limit=4))
    assert [row.request_id for row in newest] == ["f", "e", "d", "c"]


def test_one_request_is_told_in_the_order_of_its_attempts(filled: Database) -> None:
    story = filled.read_now(partial(recent, request_id="b"))
    assert [(row.attempt, row.provider, row.status) for row in story] == [
        (1, "openai", "error"),
        (2, "azure", "ok"),
    ]


def test_calls_since_an_instant_are_counted_by_provider_without_the_cache(
    filled: Database,
) -> None:
    assert filled.read_now(partial(calls_by_provider, since_us=NOON_US + DAY_US)) == {
        "ollama": 1,
        "openai": 2,
    }
