"""Advice and reconciliation over HTTP."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.advice.world import call
from tests.support.laird import RunningLaird, running_laird

from laird.api.admin import reconcile
from laird.keys.draft import KeyDraft
from laird.usage.ledger import insert_finished

DOCUMENT = """\
providers:
  - id: openai
    kind: openai
    models: [gpt-4o, gpt-4o-mini, {id: new, upstreamModel: brand-new}]
  - {id: box, kind: ollama, models: ["llama3.2:3b"]}
"""
HEAD = "start_time,end_time,num_model_requests,model,input_tokens,output_tokens"


@pytest.fixture
async def laird(tmp_path: Path) -> AsyncIterator[RunningLaird]:
    async with running_laird(tmp_path, DOCUMENT) as laird:
        now_us = time.time_ns() // 1000
        limited = KeyDraft(name="limited", allowed_models=frozenset({"gpt-4o"}))
        other = KeyDraft(name="abroad", allowed_providers=frozenset({"box"}))
        await laird.make_key(limited)
        await laird.make_key(other)
        keys = {key["name"]: key["id"] for key in (await laird.admin("GET", "/api/keys"))["keys"]}
        calls = [
            call(1, "openai/gpt-4o", at_us=now_us, key_id=keys["test"], cost_nano=3_500_000),
            call(2, "openai/gpt-4o", at_us=now_us, key_id=keys["limited"], cost_nano=3_500_000),
            call(3, "openai/gpt-4o", at_us=now_us, key_id=keys["abroad"], cost_nano=3_500_000),
            call(4, "openai/gpt-4o", at_us=now_us, key_id="revoked", cost_nano=3_500_000),
            call(5, "openai/gpt-4o", at_us=now_us - 10 * 86_400_000_000, cost_nano=3_500_000),
            call(6, "openai/new", at_us=now_us, upstream_model="brand-new", cost_nano=None),
        ]
        await laird.program.database.write(lambda connection: insert_finished(connection, calls))
        yield laird


async def upload(laird: RunningLaird, query: str, body: str) -> tuple[int, Any]:
    name = f"uploads {len(laird.program.keys)}"
    key = await laird.make_key(KeyDraft(name=name, scopes=frozenset({"admin"})))
    answer = await laird.client(key).request("POST", f"/api/reconcile?{query}", body.encode())
    return answer.status, answer.json()


async def test_what_would_have_been_cheaper(laird: RunningLaird) -> None:
    answer = await laird.admin("GET", "/api/recommendations?days=2")
    assert answer["paid_usd"] == "0.014"
    (one,) = answer["recommendations"]
    assert (one["from"], one["to"], one["local"]) == (
        "openai/gpt-4o", "openai/gpt-4o-mini", False,
    )  # fmt: skip
    assert (one["calls"], one["all_calls"]) == (2, 4), "the two other keys may not use it"
    assert (one["paid_usd"], one["instead_usd"], one["saving_usd"]) == (
        "0.007", "0.00042", "0.00658",
    )  # fmt: skip
    assert {share["key"] for share in one["shares"]} == {"test", None}
    assert one["confidence"] == "low"
    assert answer["saving_usd"] == one["saving_usd"]
    assert [row["model"] for row in answer["caching"]] == ["openai/gpt-4o"]
    (unpriced,) = answer["unpriced"]
    assert (unpriced["model"], unpriced["calls"]) == ("new", 1)
    assert answer["complete"] is True
    longer = await laird.admin("GET", "/api/recommendations")
    assert longer["recommendations"][0]["all_calls"] == 5


async def test_a_ledger_in_which_nothing_is_gives_no_advice(tmp_path: Path) -> None:
    async with running_laird(tmp_path, DOCUMENT) as laird:
        answer = await laird.admin("GET", "/api/recommendations")
    assert answer["recommendations"] == answer["caching"] == answer["unpriced"] == []
    assert (answer["paid_usd"], answer["saving_usd"]) == ("0", "0")


async def test_a_report_is_compared_with_the_ledger(laird: RunningLaird) -> None:
    today = time.strftime("%Y-%m-%d", time.gmtime())
    text = f"{HEAD}\n{today},,4,gpt-4o-2024-08-06,4000,400\n{today},,1,brand-new,1000,100\n"
    status, answer = await upload(laird, "provider=openai", text)
    assert status == 200
    assert answer["agrees"] is True
    assert answer["format"] == "openai-usage"
    assert answer["deviation"] == {"tokens": 0.0}
    assert [row["verdict"] for row in answer["rows"]] == ["match", "match"]
    assert answer["report"]["cost_usd"] is None, "the report does not tell costs"
    assert answer["ledger"]["cost_usd"] == "0.014"
    status, answer = await upload(laird, "provider=openai&provider=gone", f"{text}{today},,x,m,1,1")
    assert answer["agrees"] is False
    assert answer["unreadable"] == [
        {"place": "line 4", "why": "num_model_requests is 'x', which is not a count"}
    ]


SENSELESS: list[tuple[str, str, int, str | None]] = [
    ("provider=nobody", f"{HEAD}\n2020-01-01,,1,m,1,1\n", 404, "provider"),
    ("", f"{HEAD}\n", 400, "provider"),
    ("provider=openai", "", 400, None),
    ("provider=openai", "hello", 400, "format"),
    ("provider=openai", f"{HEAD}\n", 400, "since"),
    ("provider=openai&zone=Mars/Base", f"{HEAD}\n", 400, "zone"),
    ("provider=openai&zone=../../etc", f"{HEAD}\n", 400, "zone"),
    ("provider=openai&format=xls", f"{HEAD}\n", 400, "format"),
    ("provider=openai&tolerance=-1", f"{HEAD}\n", 400, "tolerance"),
    ("provider=openai&since=0001-01-01&until=2026-01-01", f"{HEAD}\n", 400, "since"),
]


async def test_what_makes_no_sense_is_refused(laird: RunningLaird) -> None:
    for query, body, status, param in SENSELESS:
        found, answer = await upload(laird, query, body)
        assert (query, found, answer["error"]["param"]) == (query, status, param)
        assert answer["error"]["message"]


async def test_a_report_that_is_too_large_is_refused(
    laird: RunningLaird, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "LARGEST_REPORT", 1000)
    status, answer = await upload(laird, "provider=openai", "x" * 1001)
    assert (status, answer["error"]["code"]) == (413, "request_too_large")


async def test_only_administrators_may_ask(laird: RunningLaird) -> None:
    for method, path in (
        ("GET", "/api/prices"),
        ("GET", "/api/recommendations"),
        ("POST", "/api/reconcile?provider=openai"),
    ):
        answer = await laird.client().request(method, path)
        assert answer.status == 403
