"""Prices over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.support.laird import RunningLaird, running_laird

from laird.keys.draft import KeyDraft

DOCUMENT = """\
providers:
  - {id: openai, kind: openai, models: [gpt-4o, gpt-4o-mini, brand-new, text-embedding-3-small]}
  - id: anthropic
    kind: anthropic
    models: [claude-sonnet-4-5, {id: able, upstreamModel: claude-haiku-4-5, capabilities: {jsonMode: true}}]
  - {id: box, kind: ollama, models: ["llama3.2:3b"]}
"""  # noqa: E501


@pytest.fixture
async def laird(tmp_path: Path) -> AsyncIterator[RunningLaird]:
    async with running_laird(tmp_path, DOCUMENT) as laird:
        yield laird


async def get(laird: RunningLaird, path: str) -> Any:
    return await laird.admin("GET", path)


async def test_prices_are_listed_with_their_source(laird: RunningLaird) -> None:
    answer = await get(laird, "/api/prices")
    rows = {row["model"]: row for row in answer["prices"]}
    assert answer["catalogue"].startswith("genai-prices ")
    assert rows["openai/gpt-4o"]["pricing"]["input"] == "2.5"
    assert rows["openai/gpt-4o"]["pricing"]["tiers"] == []
    assert rows["openai/brand-new"]["pricing"] is None
    assert rows["openai/brand-new"]["source"] == "unpriced"
    assert rows["box/llama3.2:3b"]["pricing"]["output"] == "0"
    assert "catalogue_prices" not in answer
    claude = rows["anthropic/claude-sonnet-4-5"]["pricing"]
    assert (claude["cache_write"], claude["cache_write_1h"]) == ("3.75", "6")
    (tier,) = claude["tiers"]
    assert (tier["from_tokens"], tier["input"], tier["output"]) == (200_001, "6", "22.5")


async def test_prices_are_found_by_provider_name_and_words(laird: RunningLaird) -> None:
    async def found(query: str) -> list[str]:
        return [row["model"] for row in (await get(laird, f"/api/prices?{query}"))["prices"]]

    assert await found("provider=box") == ["box/llama3.2:3b"]
    assert await found("model=claude-haiku-4-5") == ["anthropic/able"]
    assert await found("search=GPT%20mini") == ["openai/gpt-4o-mini"]
    assert await found("search=nothing") == []


async def test_the_whole_catalogue_can_be_searched(laird: RunningLaird) -> None:
    answer = await get(laird, "/api/prices?all=true&search=haiku%204.5&limit=1")
    assert len(answer["catalogue_prices"]) == 1
    assert answer["left_off"] > 0
    one = await get(laird, "/api/prices?all=true&provider=anthropic&model=claude-haiku-4-5")
    (row,) = one["catalogue_prices"]
    assert (row["name"], row["pricing"]["input"]) == ("Claude Haiku 4.5", "1")


async def test_models_that_can_do_the_same_are_compared(laird: RunningLaird) -> None:
    query = "model=gpt-4o&input=2000&output=300&cached=1000&calls=1000"
    answer = await get(laird, f"/api/prices/calculate?{query}")
    rows = {row["model"]: row for row in answer["rows"]}
    assert list(rows) == [
        "openai/gpt-4o-mini", "anthropic/able", "openai/gpt-4o", "openai/brand-new",
    ]  # fmt: skip
    assert Decimal(rows["openai/gpt-4o"]["total_usd"]) == Decimal("6.75")
    assert rows["openai/gpt-4o"]["per_call_usd"] == "0.00675"
    assert rows["openai/brand-new"]["total_usd"] is None, "never 0"
    left = {row["model"]: row["why"] for row in answer["left_out"]}
    assert "tools" in left["box/llama3.2:3b"]
    assert "text answers" in left["openai/text-embedding-3-small"]


async def test_a_call_must_fit(laird: RunningLaird) -> None:
    answer = await get(laird, "/api/prices/calculate?model=claude-sonnet-4-5&input=500000")
    left = {row["model"]: row["why"] for row in answer["left_out"]}
    assert "do not fit into its 128000" in left["openai/gpt-4o"]


async def test_all_models_are_compared_where_none_is_named(laird: RunningLaird) -> None:
    answer = await get(laird, "/api/prices/calculate?input=1000&output=10&all=true&limit=5")
    assert len(answer["rows"]) == 7
    assert answer["rows"][0]["model"] == "box/llama3.2:3b"
    assert len(answer["catalogue_rows"]) == 5
    assert not any("rerank" in row["model"] for row in answer["catalogue_rows"])
    assert answer["left_off"] > 1000


async def test_lines_are_added_up(laird: RunningLaird) -> None:
    lines = [
        {"model": "gpt-4o", "input": 2000, "output": 300, "calls": 10_000},
        {
            "model": "anthropic/able", "input": 1_000_000,
            "cache_write": 1_000_000, "cache_write_1h": 500_000,
        },
        {"model": "somebody/else", "input": 5},
        {"model": "brand-new"},
    ]  # fmt: skip
    answer = await laird.admin("POST", "/api/prices/calculate", {"lines": lines})
    assert [row["total_usd"] for row in answer["rows"]] == ["80", "1.625", None, None]
    assert answer["total_usd"] == "81.625"
    assert answer["unpriced"] == ["somebody/else", "brand-new"]


SENSELESS = [
    ("/api/prices/calculate?input=10&cached=11", "cached"),
    ("/api/prices/calculate?input=10&cache_write=5&cache_write_1h=6", "cache_write_1h"),
    ("/api/prices/calculate?input=-1", "input"),
    ("/api/prices/calculate?model=nobody", "model"),
    ("/api/prices?limit=0", "limit"),
]


async def test_what_makes_no_sense_is_refused(laird: RunningLaird) -> None:
    key = await laird.make_key(KeyDraft(name="prices-admin", scopes=frozenset({"admin"})))
    for path, param in SENSELESS:
        answer = await laird.client(key).request("GET", path)
        assert (path, answer.status >= 400) == (path, True)
        assert answer.json()["error"]["param"] == param
    answer = await laird.client(key).request("POST", "/api/prices/calculate", {"lines": []})
    assert answer.status == 400
