"""Ledger, rollups, API, command line and export say the same, to the nano-dollar."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from bench.usage_data import UNTIL_US
from tests.cli.conftest import Shell
from tests.usage.reference import DAY_US, add_up, ledger

from laird.api.admin.period import iso
from laird.cli.channel import Channel
from laird.domain.money import NANO
from laird.storage.engine import Database, sqlite_url
from laird.usage.rebuild import differences
from laird.usage.summary import By, summary

SINCE_US = UNTIL_US - 13 * DAY_US + 123_456_789
END_US = UNTIL_US - 2 * DAY_US - 987_654_321
PERIOD = ("--since", iso(SINCE_US), "--until", iso(END_US))


@pytest.fixture(scope="module")
def truth(home: Path) -> tuple[int, ...]:
    """What a plain sum over the table says of the period."""
    connection = sqlite3.connect(home / "laird.db")
    row = connection.execute(
        "SELECT COUNT(*), SUM(prompt_tokens), SUM(completion_tokens), SUM(cached_tokens),"
        " SUM(cost_nano), SUM(cost_nano IS NULL), SUM(status NOT IN ('ok', 'cancelled'))"
        " FROM attempts WHERE at_us >= ? AND at_us < ?",
        (SINCE_US, END_US),
    ).fetchone()
    connection.close()
    return tuple(row)


def numbers(row: dict[str, Any]) -> tuple[int, ...]:
    assert Decimal(row["cost_usd"]) * NANO == row["cost_nano"]
    names = ("calls", "prompt", "completion", "cached", "cost_nano", "unpriced_calls", "errors")
    return tuple(row[name] for name in names)


def summed(rows: list[dict[str, Any]]) -> tuple[int, ...]:
    return tuple(map(sum, zip(*map(numbers, rows), strict=True)))


def test_the_period_has_something_of_everything(truth: tuple[int, ...]) -> None:
    assert all(truth)


@pytest.mark.parametrize("by", list(By))
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata"])
def test_every_summary_adds_up_to_the_ledger(
    home: Path, truth: tuple[int, ...], by: By, zone: str
) -> None:
    answer = Shell(home).json("usage", "summary", "--by", by.value, *PERIOD, "--zone", zone)
    assert numbers(answer["total"]) == truth
    assert summed(answer["rows"]) == truth


def test_the_export_adds_up_to_the_ledger(home: Path, truth: tuple[int, ...]) -> None:
    shell = Shell(home)
    rows = list(csv.DictReader(io.StringIO(shell.out("usage", "export", *PERIOD))))
    assert len(rows) == truth[0]
    assert sum(int(row["prompt_tokens"]) for row in rows) == truth[1]
    assert sum(Decimal(row["cost_usd"] or 0) for row in rows) * NANO == truth[4]
    assert sum(not row["cost_usd"] for row in rows) == truth[5]
    lines = shell.out("usage", "export", "--format", "jsonl", *PERIOD).splitlines()
    assert sum(Decimal(json.loads(line)["cost_usd"] or 0) for line in lines) * NANO == truth[4]


def test_the_list_adds_up_to_the_ledger(home: Path, truth: tuple[int, ...]) -> None:
    shell = Shell(home)
    rows: list[dict[str, Any]] = []
    following: tuple[str, ...] = ()
    while True:
        answer = shell.json("usage", "list", "--limit", "1000", *PERIOD, *following)
        rows += answer["rows"]
        if answer["next"] is None:
            break
        following = ("--cursor", answer["next"])
    assert len({(row["request_id"], row["attempt"]) for row in rows}) == len(rows) == truth[0]
    assert sum(row["cost_nano"] or 0 for row in rows) == truth[4]
    assert sum(Decimal(row["cost_usd"] or 0) for row in rows) * NANO == truth[4]


def test_charts_and_totals_add_up_to_the_ledger(home: Path, truth: tuple[int, ...]) -> None:
    way = Channel({"home": home}, home)
    period = {"since": iso(SINCE_US), "until": iso(END_US)}
    assert numbers(way.get("/api/usage/totals", **period)["current"]) == truth
    for by, bucket in (("none", "day"), ("model", "hour"), ("node", "week"), ("key", "month")):
        answer = way.get(
            "/api/usage/series", by=by, bucket=bucket, most=3, zone="Asia/Tokyo", **period
        )
        lines = [*answer["lines"], *([answer["other"]] if answer["other"] else [])]
        assert sum(sum(line["calls"]) for line in lines) == truth[0]
        assert sum(sum(line["cost_nano"]) for line in lines) == truth[4]
        costs = [Decimal(cost) for line in lines for cost in line["cost_usd"]]
        assert sum(costs) * NANO == truth[4]


def test_rollups_and_rows_are_the_same(home: Path) -> None:
    database = Database(sqlite_url(home / "laird.db"))
    assert database.read_now(differences) == []
    (total,) = database.read_now(partial(summary, since_us=0, until_us=2**60))
    assert total.cost_nano == add_up(ledger(database))[12]
    database.close()
