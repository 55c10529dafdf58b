"""Reports by the administration API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from bench.usage_data import UNTIL_US
from tests.usage.reference import DAY_US

from laird.api.admin.period import iso
from laird.cli.channel import Channel, CommandFailed

WEEK = {"since": iso(UNTIL_US - 7 * DAY_US), "until": iso(UNTIL_US)}


@pytest.fixture(scope="module")
def api(home: Path) -> Channel:
    return Channel({"home": home}, home)


def test_a_series_has_a_line_for_each_of_the_largest(api: Channel) -> None:
    answer = api.get("/api/usage/series", by="provider", most=2, zone="Europe/Berlin", **WEEK)
    assert answer["bucket"] == "day"
    assert answer["zone"] == "Europe/Berlin"
    assert answer["buckets"][0] == "2026-11-14"
    assert answer["begins"][1] == "2026-11-15T00:00:00+01:00"
    assert len(answer["buckets"]) == len(answer["begins"]) == 8
    assert [line["group"] for line in answer["lines"]] == ["anthropic", "openai"]
    for line in (*answer["lines"], answer["other"]):
        assert {len(line[name]) for name in ("calls", "prompt", "cost_nano", "cost_usd")} == {8}
    alone = api.get("/api/usage/series", provider="openai", **WEEK)
    assert alone["other"] is None
    assert sum(alone["lines"][0]["cost_nano"]) == sum(answer["lines"][1]["cost_nano"])


def test_groups_and_lines_have_names(api: Channel) -> None:
    rows = api.get("/api/usage/summary", by="key", **WEEK)["rows"]
    lines = api.get("/api/usage/series", by="key", most=2, **WEEK)["lines"]
    # There are no such keys any more, so that their ids have to do.
    assert rows
    assert all(each["name"] == each["group"] for each in (*rows, *lines))


def test_totals_tell_of_growth_peaks_and_failovers(api: Channel) -> None:
    answer = api.get("/api/usage/totals", zone="Europe/Berlin", **WEEK)
    calls = [answer[name]["calls"] for name in ("current", "previous")]
    assert answer["change"]["calls"] == round(calls[0] / calls[1] - 1, 4)
    assert len(answer["peak_hours"]) == 5
    assert answer["peak_hours"][0]["weekday"] not in {"Saturday", "Sunday"}
    assert answer["failovers"][0]["calls"] >= answer["failovers"][-1]["calls"] > 0
    first = api.get("/api/usage/totals", until=iso(UNTIL_US - 20 * DAY_US), days=3)
    assert first["current"]["calls"] == 0
    assert set(first["change"].values()) == {None}
    assert first["current"]["average_usd"] is None


def test_latency_is_told_in_percentiles(api: Channel) -> None:
    rows = api.get("/api/usage/latency", **WEEK)["rows"]
    assert "/" in rows[0]["group"]
    for row in rows:
        times = [row["latency"][name] for name in ("p50", "p90", "p95", "p99")]
        assert times == sorted(times)
    (everything,) = api.get("/api/usage/latency", by="none", **WEEK)["rows"]
    assert everything["latency"]["calls"] == sum(row["latency"]["calls"] for row in rows)
    (one,) = api.get("/api/usage/latency", by="provider", provider="gemini", **WEEK)["rows"]
    assert one["group"] == "gemini"


def test_requests_that_cost_most_have_all_their_attempts(api: Channel) -> None:
    answer = api.get("/api/usage/top", limit=5, runs="true", workflow="research", **WEEK)
    assert len(answer["rows"]) == 5
    for row in answer["rows"]:
        assert row["workflow"] == "research"
        told = api.get("/api/usage/attempts", request_id=row["request_id"])
        assert len(told["rows"]) == row["attempts"]
        assert row["at"] == told["rows"][0]["at"]


def test_rows_of_the_ledger_are_of_all_times_unless_told_otherwise(api: Channel) -> None:
    assert len(api.get("/api/usage/attempts", limit=1000)["rows"]) == 1000
    older = api.get("/api/usage/attempts", until=iso(UNTIL_US - 15 * DAY_US), limit=1000)
    assert 0 < len(older["rows"]) < 1000
    later = api.get("/api/usage/attempts", since=iso(UNTIL_US - DAY_US), limit=1000)
    assert min(row["at_us"] for row in later["rows"]) >= UNTIL_US - DAY_US
    some = api.get(
        "/api/usage/attempts", status=["error", "cut"], provider=["openai", "groq"], limit=1000
    )
    assert {row["status"] for row in some["rows"]} == {"error", "cut"}
    assert {row["provider"] for row in some["rows"]} == {"openai", "groq"}
    assert api.get("/api/usage/attempts", days=1)["rows"] == []


def test_times_without_a_zone_are_those_of_the_zone(api: Channel) -> None:
    local = api.get("/api/usage/summary", since="2026-11-14", until="2026-11-15", zone="Asia/Tokyo")
    assert local["since"] == "2026-11-13T15:00:00+00:00"
    assert local["until"] == "2026-11-14T15:00:00+00:00"
    assert local["zone"] == "Asia/Tokyo"


@pytest.mark.parametrize(
    ("route", "query", "named"),
    [
        ("summary", {"zone": "Mars/Olympus"}, "zone"),
        ("summary", {"zone": "../etc"}, "zone"),
        ("summary", {"zone": "Europe"}, "zone"),
        ("summary", {"since": "yesterday"}, "since"),
        ("summary", {"since": "2026-02-01", "until": "2026-02-01"}, "ends before"),
        ("summary", {"until": "0001-01-01T00:00:00+14:00"}, "ends before"),
        ("summary", {"status": "fine"}, "status"),
        ("series", {"by": "day"}, "by"),
        ("series", {"bucket": "hour", "days": 200}, "bucket"),
        ("series", {"since": "0001-01-01"}, "bucket"),
        ("series", {"most": 0}, "most"),
        ("latency", {"by": "key"}, "by"),
        ("top", {"limit": 201}, "limit"),
        ("attempts", {"cursor": "12"}, "cursor"),
        ("attempts", {"cursor": "a-b"}, "cursor"),
    ],
)
def test_what_can_not_be_asked_is_named(
    api: Channel, route: str, query: dict[str, Any], named: str
) -> None:
    with pytest.raises(CommandFailed, match=named) as refused:
        api.get(f"/api/usage/{route}", **query)
    assert refused.value.status == 400


@pytest.mark.parametrize("route", ["summary", "totals", "latency", "top", "attempts"])
def test_all_times_can_be_asked_for(api: Channel, route: str) -> None:
    answer = api.get(
        f"/api/usage/{route}", since="0001-01-01", until="9999-12-31", zone="America/Los_Angeles"
    )
    assert answer["complete"]
