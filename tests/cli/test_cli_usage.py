"""laird usage and laird explain: what was used, and where a request would go."""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
import time
from pathlib import Path

import pytest
from bench.usage_data import fill
from tests.cli.conftest import Shell, chat_status
from tests.support.answers import failing
from tests.support.upstream import ScriptedUpstream


def test_nothing_used_is_said(shell: Shell) -> None:
    assert shell.out("usage", "summary") == "Nothing was used in this time.\n"
    assert shell.out("usage", "list") == "The ledger is empty.\n"
    assert "no such request" in shell.out("usage", "list", "--request", "req_nope")
    assert shell.json("usage", "summary")["total"]["calls"] == 0
    assert shell.json("usage", "list") == {"complete": True, "rows": [], "next": None}


@pytest.mark.parametrize("arguments", [["--by", "colour"], ["--days", "0"], ["--since", "monday"]])
def test_what_has_to_be_asked_differently_ends_with_2(shell: Shell, arguments: list[str]) -> None:
    assert arguments[0].strip("-") in shell.fails("usage", "summary", *arguments, code=2)


def test_a_period_that_ends_before_it_begins_is_refused(shell: Shell) -> None:
    arguments = ("--since", "2026-02-01", "--until", "2026-01-01")
    assert "ends before" in shell.fails("usage", "summary", *arguments, code=2)
    assert "limit" in shell.fails("usage", "list", "--limit", "1001", code=2)


class TestAfterSomeCalls:
    """Two calls of one key, and a third that the provider refused."""

    @pytest.fixture
    def used(self, served: Shell, upstream: ScriptedUpstream) -> Shell:
        assert served.url is not None
        key = served.out("keys", "create", "agent [1]").strip()
        assert chat_status(served.url, key, "demo") == 200
        assert chat_status(served.url, key, "a/m") == 200
        upstream.script(failing(400, "no \x1b[1mthanks"))
        assert chat_status(served.url, key, "a/m") == 400
        return served

    def test_it_is_summed_up_by_whatever_is_asked(self, used: Shell) -> None:
        lines = used.out("usage", "summary").splitlines()
        assert lines[0].split()[:4] == ["group", "calls", "ok", "errors"]
        assert lines[1].split()[:4] == ["a", "2", "1", "1"]
        assert lines[2].split()[:4] == ["demo", "1", "1", "0"]
        assert lines[3].split()[:4] == ["total", "3", "2", "1"]
        assert [row["group"] for row in used.json("usage", "summary", "--by", "model")["rows"]] == [
            "a/m",
            "demo/demo",
        ]
        assert len(used.out("usage", "summary", "--by", "none").splitlines()) == 2
        assert used.json("usage", "summary", "--until", "2026-01-01")["rows"] == []

    def test_keys_are_named_until_they_are_gone(self, used: Shell) -> None:
        assert re.search(
            r"^agent \[1\]\s+3 ", used.out("usage", "summary", "--by", "key"), re.MULTILINE
        )
        key = used.json("keys", "revoke", "agent [1]")
        printed = used.out("usage", "summary", "--by", "key")
        assert re.search(rf"^{key['id']}\s+3 ", printed, re.MULTILINE)

    def test_attempts_are_listed_newest_first(self, used: Shell) -> None:
        lines = used.out("usage", "list").splitlines()
        assert len(lines) == 4
        assert "\x1b" not in lines[1]
        assert [line.split()[3] for line in lines[1:]] == ["a", "a", "demo"]
        assert len(used.out("usage", "list", "--limit", "1").splitlines()) == 2

    def test_one_request_can_be_looked_up(self, used: Shell) -> None:
        request_id = used.json("usage", "list")["rows"][0]["request_id"]
        (row,) = used.json("usage", "list", "--request", request_id)["rows"]
        assert row["request_id"] == request_id
        assert request_id in used.out("usage", "list", "--request", request_id)


def test_a_plan_names_who_is_tried_and_who_is_not(shell: Shell) -> None:
    printed = shell.out("explain", "auto")
    assert printed.startswith("auto means auto (order: default)\n")
    assert re.search(r"^1\s+a\s+m\s+local", printed, re.MULTILINE)
    assert re.search(r"^Left out:\n.*\ndemo\s+demo\s+standby", printed, re.MULTILINE)
    plan = shell.json("explain", "auto")
    assert [one["provider"] for one in plan["attempts"]] == ["a"]
    assert [one["reason"] for one in plan["dropped"]] == ["standby"]


def test_nothing_can_serve_is_said(shell: Shell) -> None:
    shell.run("providers", "add", "openai", "--kind", "openai", "--model", "gpt-4o")
    printed = shell.out("explain", "openai/gpt-4o", "--local-only")
    assert "Nothing can serve this request." in printed
    assert re.search(r"^openai\s+gpt-4o\s+privacy", printed, re.MULTILINE)


def test_a_plan_is_for_one_key(shell: Shell) -> None:
    shell.run("keys", "create", "only & demo", "--provider", "demo")
    plan = shell.json("explain", "a/m", "--key", "only & demo")
    assert [one["reason"] for one in plan["dropped"]] == ["key_policy"]
    assert "'nobody'" in shell.fails("explain", "auto", "--key", "nobody")


def test_a_plan_is_for_one_request(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "request.json"
    image = {"type": "image_url", "image_url": {"url": "https://example.org/cat.png"}}
    asked = {"model": "x", "messages": [{"role": "user", "content": [image]}]}
    file.write_text(json.dumps(asked))
    assert shell.json("explain", "demo", "--request", str(file))["requested"] == "demo"
    plan = shell.json("explain", "auto", "--message", "Hello", "--stream")
    assert plan["attempts"][0]["provider"] == "a"


def test_a_request_that_is_none_is_one_line(offline: Shell, tmp_path: Path) -> None:
    file = tmp_path / "request.json"
    file.write_text("{")
    assert "not valid JSON" in offline.fails("explain", "auto", "--request", str(file))
    file.write_text('{"messages": 1}')
    assert "messages" in offline.fails("explain", "auto", "--request", str(file), code=2)
    assert "directory" in offline.run("explain", "auto", "--request", str(tmp_path), code=2).stderr


def test_a_name_that_means_nothing_gets_near_ones(shell: Shell) -> None:
    assert "Did you mean demo" in shell.fails("explain", "dmo")


class TestReports:
    """A home with some weeks of usage by several keys, and no server."""

    @pytest.fixture
    def worked(self, offline: Shell) -> Shell:
        key = offline.json("keys", "create", "agent")["id"]
        fill(offline.home / "usage.db", 400, days=20, until_us=time.time_ns() // 1000)
        into = offline.home / "laird.db"
        with contextlib.closing(sqlite3.connect(offline.home / "usage.db")) as made:
            made.execute(
                "UPDATE attempts SET key_id = ? WHERE key_id ="
                " (SELECT key_id FROM attempts ORDER BY cost_nano DESC LIMIT 1)",
                (key,),
            )
            made.execute("ATTACH ? AS home", (str(into),))
            made.execute("INSERT INTO home.attempts SELECT * FROM attempts")
            made.commit()
        assert "Made anew from 400" in offline.run("db", "rollups", "--rebuild").stderr
        return offline

    def test_a_period_stands_beside_the_one_before(self, worked: Shell) -> None:
        lines = worked.out("usage", "summary", "--days", "10").splitlines()
        assert "before usd" in lines[0]
        assert re.search(r"^total .* [+-]\d+% ", lines[-1])
        answer = worked.json("usage", "summary", "--days", "10", "--by", "model")
        assert answer["total"]["previous"]["calls"] > 0
        assert any(row["previous"] for row in answer["rows"])

    def test_sums_are_of_what_is_asked_for(self, worked: Shell) -> None:
        everything = worked.json("usage", "summary", "--by", "none")["total"]
        one = worked.json("usage", "summary", "--by", "none", "--key", "agent")["total"]
        assert 0 < one["calls"] < everything["calls"] == 400
        days = worked.json(
            "usage", "summary", "--by", "day", "--zone", "Asia/Kolkata", "--model", "gpt-5-mini"
        )
        assert days["zone"] == "Asia/Kolkata"
        assert sum(row["calls"] for row in days["rows"]) == days["total"]["calls"]
        assert "zone" in worked.fails("usage", "summary", "--zone", "Mars", code=2)

    def test_the_dearest_requests_are_told(self, worked: Shell) -> None:
        printed = worked.out("usage", "top", "--limit", "3", "--key", "agent").splitlines()
        assert len(printed) == 4
        assert all(re.search(r"  agent  ", line) for line in printed[1:])
        runs = worked.json("usage", "top", "--runs")["rows"]
        assert all(row["workflow"] for row in runs)
        costs = [row["cost_nano"] for row in worked.json("usage", "top")["rows"]]
        assert costs == sorted(costs, reverse=True)
        assert "Nothing cost" in worked.out("usage", "top", "--provider", "nobody")

    def test_pages_follow_each_other(self, worked: Shell) -> None:
        seen: list[int] = []
        following: tuple[str, ...] = ()
        while True:
            answer = worked.json("usage", "list", "--limit", "150", *following)
            seen += [row["id"] for row in answer["rows"]]
            if answer["next"] is None:
                break
            following = ("--cursor", answer["next"])
        assert len(seen) == len(set(seen)) == 400
        first = worked.run("usage", "list", "--limit", "5")
        assert "There are more: --cursor" in first.stderr
        failed = worked.json("usage", "list", "--status", "error", "--limit", "1000")["rows"]
        assert {row["status"] for row in failed} == {"error"}
        assert "no such rows" in worked.out("usage", "list", "--provider", "nobody")
        assert "cursor" in worked.fails("usage", "list", "--cursor", "x", code=2)

    def test_rollups_that_are_wrong_are_found(self, worked: Shell) -> None:
        assert "agree" in worked.out("db", "rollups")
        with contextlib.closing(sqlite3.connect(worked.home / "laird.db")) as database:
            database.execute("UPDATE usage_days SET calls = calls + 1 WHERE breakdown = 4")
            database.commit()
        printed = worked.run("db", "rollups", code=1)
        assert "usage_days" in printed.stdout
        assert "--rebuild" in printed.stderr
        answer = json.loads(worked.run("db", "rollups", "--rebuild", "--json").stdout)
        assert answer == {"rebuilt": 400, "differences": []}
