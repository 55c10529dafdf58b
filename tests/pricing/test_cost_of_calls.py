"""What calls cost in the ledger: with a cache of two prices, and across a change of price."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.providers.anthropic.anthropic_wire import answer_body, stream_of
from tests.support.answers import json_answer, sse_answer
from tests.support.client import Client
from tests.support.documents import document, provider
from tests.support.laird import RunningLaird, running_laird
from tests.support.upstream import Gate, ScriptedUpstream

MESSAGE = answer_body(
    {"type": "text", "text": "Ja."},
    usage={
        "input_tokens": 10,
        "cache_read_input_tokens": 1000,
        "cache_creation_input_tokens": 300,
        "cache_creation": {"ephemeral_5m_input_tokens": 200, "ephemeral_1h_input_tokens": 100},
        "output_tokens": 4,
    },
)
PRICES = "{input: 4, output: 20, cachedInput: 0.2, cacheWrite: 5, cacheWrite1h: 8}"
NANO_PER_TOKEN = 1000
"""Of a price of one dollar per million tokens."""
COST = (10 * 40 + 1000 * 2 + 200 * 50 + 100 * 80 + 4 * 200) * NANO_PER_TOKEN // 10


def text_before(upstream: ScriptedUpstream, prices: str = PRICES) -> str:
    model = f"{{id: opus, upstreamModel: claude-opus-5, pricing: {prices}}}"
    return document(provider("claude", upstream.url, kind="anthropic", models=f"[{model}]"))


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with ScriptedUpstream() as scripted:
        scripted.on("/v1/models", json_answer({"data": [], "has_more": False}))
        yield scripted


async def cost_of(laird: RunningLaird, client: Client, path: str, **more: Any) -> int:
    body = {
        "model": "opus", "max_tokens": 50, "messages": [{"role": "user", "content": "Hi"}], **more
    }  # fmt: skip
    answer = await client.request("POST", path, body)
    assert answer.status == 200, answer.body
    row = (await laird.rows(answer.headers["x-laird-request-id"]))[0]
    assert (row["cache_write_tokens"], row["cached_tokens"]) == (300, 1000)
    return int(row["cost_nano"])


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions"])
@pytest.mark.parametrize("stream", [False, True])
async def test_tokens_kept_for_an_hour_cost_what_they_cost(
    upstream: ScriptedUpstream, tmp_path: Path, path: str, stream: bool
) -> None:
    upstream.on("/v1/messages", sse_answer(stream_of(MESSAGE)) if stream else json_answer(MESSAGE))
    async with running_laird(tmp_path, text_before(upstream)) as laird:
        assert await cost_of(laird, laird.client(), path, stream=stream) == COST


async def test_a_call_keeps_the_price_it_began_with(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    gate = Gate()
    upstream.script(json_answer(MESSAGE).held(gate), json_answer(MESSAGE))
    async with running_laird(tmp_path, text_before(upstream)) as laird:
        first = asyncio.create_task(cost_of(laird, laird.client(), "/v1/messages"))
        await upstream.wait_for(lambda: upstream.active)
        await laird.write_document(text_before(upstream, "{input: 4000, output: 20000}"))
        gate.open()
        assert await first == COST
        dear = await cost_of(laird, laird.client(), "/v1/messages")
        assert dear == (1310 * 4000 + 4 * 20_000) * NANO_PER_TOKEN
