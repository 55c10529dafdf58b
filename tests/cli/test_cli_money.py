"""laird prices, laird advice and laird reconcile."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from tests.advice.world import call
from tests.cli.conftest import Shell
from tests.usage.cases import open_database

from laird.usage.ledger import insert_finished

CLOUD = """\
  - id: openai
    kind: openai
    models: [gpt-4o, gpt-4o-mini, {id: new, upstreamModel: brand-new}]
"""
HEAD = "start_time,end_time,num_model_requests,model,input_tokens,output_tokens"
TODAY = time.strftime("%Y-%m-%d", time.gmtime())


@pytest.fixture
def home(home: Path) -> Path:
    """A home with a cloud provider that was used today."""
    file = home / "providers.yaml"
    file.write_text(file.read_text() + CLOUD)
    database = open_database(home)
    # A moment ago may have been yesterday; noon of this day never is.
    now_us = time.time_ns() // 1000
    noon_us = now_us - now_us % 86_400_000_000
    calls = [
        call(1, "openai/gpt-4o", at_us=noon_us, cost_nano=3_500_000, cached_tokens=10),
        call(2, "openai/gpt-4o", at_us=noon_us, cost_nano=3_500_000, workflow="nightly\x1b[2J"),
        call(3, "openai/new", at_us=noon_us, upstream_model="brand-new", cost_nano=None),
        call(4, "openai/gpt-4o-mini", at_us=noon_us, cost_nano=210_000, privacy="local"),
    ]
    database.write_now(lambda connection: insert_finished(connection, calls))
    database.close()
    return home


def test_prices_are_a_table(shell: Shell) -> None:
    printed = shell.out("prices")
    assert printed == shell.out("prices", "list")
    assert "openai/gpt-4o" in printed
    assert "the catalogue does not know it; write pricing" in printed
    assert "USD per million tokens" in printed
    answer = shell.json("prices", "--provider", "openai")
    assert answer["prices"] == shell.json("prices", "list", "--provider", "openai")["prices"]
    assert [row["provider"] for row in answer["prices"]] == ["openai"] * 3


def test_the_catalogue_is_searched(served: Shell) -> None:
    printed = served.run("prices", "--all", "--search", "claude 4-5")
    assert "anthropic" in printed.stdout
    assert "No configured model has that name." in printed.stdout
    assert "more;" in served.run("prices", "--all").stderr
    assert "It has no such model." in served.out("prices", "--all", "--search", "no such thing")


def test_costs_are_calculated(served: Shell) -> None:
    printed = served.run("prices", "calculate", "gpt-4o", "--input", "2000", "--calls", "10")
    assert printed.stdout.splitlines()[1].startswith("openai/gpt-4o-mini")
    assert "left out a/m" in printed.stderr
    assert "left off" in served.run("prices", "calculate", "--all").stderr
    answer = served.json("prices", "calculate", "gpt-4o", "--cached", "500")
    assert answer["model"] == "openai/gpt-4o"
    assert "cached" in served.fails("prices", "calculate", "--cached", "5000", code=2)


def test_advice_names_savings_doubts_and_what_has_no_price(shell: Shell) -> None:
    printed = shell.run("advice", "--days", "2")
    assert "0.00721 USD were paid in 2 days" in printed.stdout
    assert "openai/gpt-4o to openai/gpt-4o-mini" in printed.stdout
    assert "Not known: whether its answers would have been as good" in printed.stdout
    assert "1 calls of key_1, workflow nightly [2J" in printed.stdout
    assert "\x1b" not in printed.stdout, "what a client wrote steers no terminal"
    assert "Input from the providers' caches" in printed.stdout
    assert "1 calls of openai/new have no price" in printed.stderr
    assert "nothing for openai/gpt-4o-mini" in printed.stderr
    assert shell.json("advice")["saving_usd"] == "0.00658075"


def test_without_use_there_is_no_advice(tmp_path: Path) -> None:
    empty = Shell(tmp_path / "empty")
    assert "Nothing that is configured" in empty.out("advice")


def test_a_report_that_agrees_ends_with_0_and_another_with_1(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "usage.csv"
    rows = [
        f"{TODAY},,2,gpt-4o-2024-08-06,2000,200",
        f"{TODAY},,1,brand-new,1000,100",
        f"{TODAY},,1,gpt-4o-mini,1000,100",
    ]
    file.write_text("\n".join([HEAD, *rows]) + "\n")
    printed = shell.out("reconcile", str(file), "--provider", "openai")
    assert "All days and models agree." in printed
    assert printed.endswith("They agree.\n")
    every = shell.out("reconcile", str(file), "--provider", "openai", "--all")
    assert every.count(" match ") == 3
    file.write_text("\n".join([HEAD, *rows[:2], f"{TODAY},,1,gpt-4o-mini,=1,100"]) + "\n")
    found = shell.run("reconcile", str(file), "--provider", "openai", code=1)
    assert "They do not agree." in found.stdout
    assert "only_ledger" in found.stdout
    assert "laird: line 4: input_tokens is '=1', which is not a count" in found.stderr
    assert "They agree" not in found.stdout
    answer = shell.json("reconcile", str(file), "--provider", "openai", code=1)
    assert answer["unreadable_count"] == 1
    rows = [f"{TODAY},,x,m,1,1"] * 120
    file.write_text("\n".join([HEAD, *rows]) + "\n")
    many = shell.run("reconcile", str(file), "--provider", "openai", code=1)
    assert "120 places could not be read." in many.stderr


def test_a_report_that_is_none_is_one_line(offline: Shell, tmp_path: Path) -> None:
    file = tmp_path / "usage.csv"
    file.write_text("a,b\n1,2\n")
    assert "no report that Laird knows" in offline.fails(
        "reconcile", str(file), "--provider", "openai", code=2
    )
