"""laird budgets: made, listed, changed and removed, with a server and without."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Shell, chat_status, serving
from tests.support import openai_wire
from tests.support.answers import json_answer
from tests.support.documents import document, provider
from tests.support.upstream import ScriptedUpstream

PRICED = "[{id: m, pricing: {input: 0, output: 10}, maxTokens: 100}]"
USAGE = {"prompt_tokens": 0, "completion_tokens": 100, "total_tokens": 100}


@pytest.fixture
def spender(home: Path, upstream: ScriptedUpstream) -> Iterator[Shell]:
    """A server with a model that costs a tenth of a cent per call, one whose answers nobody limits,
    and a free one."""
    upstream.always(json_answer(openai_wire.completion(usage=USAGE)))
    (home / "providers.yaml").write_text(
        document(
            provider("a", upstream.url, models=PRICED),
            provider("b", upstream.url, models="[{id: m, pricing: {input: 0, output: 10}}]"),
            provider("home", upstream.url, models="[small]"),
        )
    )
    with serving(home) as url:
        yield Shell(home, url)


def listed(shell: Shell) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = shell.json("budgets", "list")["budgets"]
    return found


def test_no_budgets_is_said(shell: Shell) -> None:
    assert "laird budgets create NAME 20/month" in shell.out("budgets", "list")


def test_a_budget_is_made_and_listed(shell: Shell) -> None:
    printed = shell.out("budgets", "create", "team", "200/month")
    assert "200 USD a month" in printed
    assert "team" in shell.out("budgets", "list")
    (budget,) = listed(shell)
    assert budget["limit_usd"] == "200"
    assert (budget["spent_nano"], budget["percent"]) == (0, 0)
    assert budget["resets_us"] > budget["starts_us"]


def test_every_option_of_a_budget_is_kept(shell: Shell) -> None:
    made = shell.json(
        *("budgets", "create", "nightly runs", "0.50/day", "--workflow", "night"),
        *("--zone", "Europe/Berlin", "--on-limit", "local", "--alert", "50", "--alert", "90"),
        *("--reset-day", "31"),
    )
    assert (made["scope"], made["subject"]) == ("workflow", "night")
    assert (made["period"], made["limit_nano"]) == ("daily", 500_000_000)
    assert (made["zone"], made["reset_day"]) == ("Europe/Berlin", 31)
    assert (made["on_limit"], made["alerts"]) == ("local", [50, 90])
    (budget,) = listed(shell)
    projection = {"projected_nano": 0, "projected_usd": "0"}
    assert {**budget, **projection} == {**made, **projection}


def test_a_budget_of_a_key_is_found_by_its_name(shell: Shell) -> None:
    key = shell.json("keys", "create", "agent-ci")
    made = shell.json("budgets", "create", "ci", "20/month", "--key", "agent-ci")
    assert (made["subject"], made["subject_name"]) == (key["id"], "agent-ci")
    assert "key agent-ci" in shell.out("budgets", "list")


def test_a_key_can_be_made_with_its_budget_and_takes_it_along(shell: Shell) -> None:
    shell.run("keys", "create", "agent-ci", "--budget", "20/month")
    (budget,) = listed(shell)
    assert (budget["name"], budget["scope"], budget["limit_usd"]) == ("agent-ci", "key", "20")
    shell.run("keys", "revoke", "agent-ci")
    assert listed(shell) == []


def test_a_key_is_not_made_when_its_budget_can_not_be(shell: Shell) -> None:
    assert "20/month" in shell.fails("keys", "create", "x", "--budget", "lots", code=2)
    shell.run("budgets", "create", "taken", "1/month")
    assert "already" in shell.fails("keys", "create", "taken", "--budget", "1/month", code=2)
    assert shell.json("keys", "list") == {"keys": []}


def test_a_budget_is_changed_and_removed(shell: Shell) -> None:
    shell.run("budgets", "create", "team", "20/month")
    assert shell.json("budgets", "change", "team", "--limit", "30")["period"] == "monthly"
    changed = shell.json(
        *("budgets", "change", "team", "--limit", "5/day", "--rename", "ours", "--disable"),
        *("--on-limit", "warn", "--alert", "70", "--zone", "UTC", "--reset-day", "3"),
    )
    assert (changed["limit_usd"], changed["period"], changed["name"]) == ("5", "daily", "ours")
    assert (changed["enabled"], changed["on_limit"], changed["alerts"]) == (False, "warn", [70])
    assert shell.json("budgets", "change", "ours", "--enable")["enabled"] is True
    assert "'ours' is removed" in shell.out("budgets", "remove", "ours")
    assert listed(shell) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["create", "x", "20"], "20/month"),
        (["create", "x", "20/year"], "allowance"),
        (["create", "x", "-1/month"], "amount"),
        (["create", "x", "1/month", "--key", "a", "--provider", "b"], "--key, --workflow"),
        (["change", "team"], "what to change"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_asked(
    offline: Shell, arguments: list[str], says: str
) -> None:
    result = offline.run("budgets", *arguments, code=2)
    assert says in result.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["create", "team", "1/month"], "already"),
        (["create", "x", "1/month", "--provider", "nobody"], "no provider 'nobody'"),
        (["create", "x", "1/month", "--zone", "Mars/Olympus"], "Mars/Olympus"),
        (["create", "x", "1/month", "--reset-day", "32"], "reset day"),
        (["create", "x", "1/month", "--on-limit", "explode"], "refuse"),
        (["create", "x", "1/month", "--alert", "0"], "0%"),
        (["change", "team", "--limit", "lots"], "limit_usd"),
    ],
)
def test_what_has_to_be_written_differently_ends_with_2(
    offline: Shell, arguments: list[str], says: str
) -> None:
    offline.run("budgets", "create", "team", "1/month")
    assert says in offline.fails("budgets", *arguments, code=2)


def test_what_does_not_exist_ends_with_1(shell: Shell) -> None:
    for arguments in (["remove", "x"], ["change", "x", "--limit", "1"]):
        assert "'x'" in shell.fails("budgets", *arguments)
    assert "nobody" in shell.fails("budgets", "create", "x", "1/day", "--key", "nobody")
    assert "no alert 7" in shell.fails("budgets", "acknowledge", "7")


def test_a_model_without_a_limit_is_pointed_out(spender: Shell) -> None:
    made = spender.run("budgets", "create", "team", "20/month")
    assert "can overshoot it at b/m" in made.stderr
    (budget,) = listed(spender)
    assert budget["slack"] == {"bounded": False, "nano": None, "models": ["b/m"]}
    hushed = spender.run("budgets", "create", "soft", "20/month", "--on-limit", "warn")
    assert hushed.stderr == ""
    bounded = spender.run("budgets", "create", "a", "20/month", "--provider", "a")
    assert bounded.stderr == ""


def test_spending_refusals_and_alerts_are_seen(spender: Shell) -> None:
    assert spender.url is not None
    key = spender.out("keys", "create", "agent-ci", "--budget", "0.002/month").strip()
    assert [chat_status(spender.url, key, "a/m") for _ in range(3)] == [200, 200, 429]
    printed = spender.out("budgets", "list")
    assert "0.0020 USD" in printed
    assert "100%" in printed
    alerts = spender.json("budgets", "alerts")["alerts"]
    assert [alert["mark"] for alert in alerts] == [100, 80]
    assert "has reached 100%" in spender.out("budgets", "alerts")
    assert "acknowledged" in spender.out("budgets", "acknowledge", str(alerts[0]["id"]))
    assert spender.json("budgets", "acknowledge", str(alerts[0]["id"]))["acknowledged_by"]
    unseen = spender.json("budgets", "alerts", "--unseen")["alerts"]
    assert [alert["mark"] for alert in unseen] == [80]
    plan = json.loads(spender.out("explain", "a/m", "--key", "agent-ci", "--json"))
    assert plan["attempts"] == []
    assert "'agent-ci'" in plan["dropped"][0]["detail"]
    # A raised budget lets calls through at once.
    spender.run("budgets", "change", "agent-ci", "--limit", "0.003")
    assert chat_status(spender.url, key, "a/m") == 200


def test_explain_tells_what_would_stand_in(spender: Shell) -> None:
    spender.run("budgets", "create", "team", "1/month", "--on-limit", "local")
    printed = spender.out("explain", "a/m")
    assert "For when a budget has no room" in printed
    assert "stands in for what a budget has no room for" in printed
