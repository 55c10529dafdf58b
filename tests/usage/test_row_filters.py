"""Rows of the ledger that took over from others."""

from __future__ import annotations

from pathlib import Path

from laird.cli.channel import Channel


def test_only_failovers_are_listed(home: Path) -> None:
    api = Channel({"home": home}, home)
    every = api.get("/api/usage/attempts", limit=1000)["rows"]
    moved = api.get("/api/usage/attempts", limit=1000, failed_over="true")["rows"]
    assert moved
    assert all(row["failover_from"] for row in moved)
    expected = [row["id"] for row in every if row["failover_from"]]
    assert [row["id"] for row in moved][: len(expected)] == expected
    one = moved[0]["provider"]
    some = api.get("/api/usage/attempts", limit=1000, failed_over="true", provider=one)["rows"]
    assert [row["id"] for row in some] == [row["id"] for row in moved if row["provider"] == one]
