"""laird usage and laird explain: what was used, and where a request would go."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tests.cli.conftest import Shell, chat_status
from tests.support.answers import failing
from tests.support.upstream import ScriptedUpstream


def test_nothing_used_is_said(shell: Shell) -> None:
    assert shell.out("usage", "summary") == "Nothing was used in this time.\n"
    assert shell.out("usage", "list") == "The ledger is empty.\n"
    assert "no such request" in shell.out("usage", "list", "--request", "req_nope")
    assert shell.json("usage", "summary")["total"]["calls"] == 0
    assert shell.json("usage", "list") == {"complete": True, "rows": []}


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
