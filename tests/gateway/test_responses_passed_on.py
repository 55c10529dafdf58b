"""Requests in the Responses format that go to a provider which speaks it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import openai
import pytest
from tests.dialects.responses_samples import checked, kinds
from tests.gateway.responses_world import (
    DEMO,
    asked,
    one_try_each,
    openai_provider,
    response,
    sdk_before,
    stream,
    wire,
)
from tests.support.answers import json_answer, sse_answer
from tests.support.chat_upstream import chat_upstream
from tests.support.documents import document
from tests.support.upstream import ScriptedUpstream

SEALED = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAAB"}
FOREIGN = {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "gemini:x"}


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with chat_upstream() as scripted:
        yield scripted


def before(upstream: ScriptedUpstream, home: Path) -> Any:
    rest = "chains:\n  - id: one\n    models:\n      - {providerId: o, modelId: m, maxRetries: 0}\n"
    return sdk_before(home, document(openai_provider(upstream.url), DEMO, rest=rest))


async def test_an_answer_comes_back_as_it_was(upstream: ScriptedUpstream, tmp_path: Path) -> None:
    upstream.script(json_answer(response()), sse_answer(stream("Hello ", "there.")))
    fields: dict[str, Any] = {
        "model": "o/m",
        "input": [{"role": "user", "content": "Hello"}, SEALED, FOREIGN],
        "tools": [{"type": "web_search"}],
        "truncation": "auto",
    }
    async with before(upstream, tmp_path) as (sdk, laird):
        whole = await sdk.responses.create(**fields)
        async with sdk.responses.stream(**fields) as events:
            streamed = await events.get_final_response()
        rows = await laird.rows()
    for found in (whole, streamed):
        assert found.output_text == "Hello there."
        assert (found.id, found.model) == ("resp_up", "m-2026")
    assert whole.provider == "o"
    counts = [
        (row["prompt_tokens"], row["completion_tokens"], row["cached_tokens"]) for row in rows
    ]
    assert counts == [(9, 3, 4)] * 2
    sent = asked(upstream)[0].json()
    assert sent == {
        **fields,
        "model": "m",
        "input": [fields["input"][0], SEALED],
        "store": False,
    }


async def test_an_upstream_is_told_to_keep_nothing(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    upstream.always(json_answer(response()))
    async with before(upstream, tmp_path) as (sdk, _):
        await sdk.responses.create(model="o/m", input="a")
        await sdk.responses.create(model="o/m", input="a", store=True, reasoning={"effort": "low"})
    first, second = (one.json() for one in asked(upstream))
    assert first["store"] is second["store"] is False
    assert "include" not in first
    assert second["include"] == ["reasoning.encrypted_content"]


async def test_a_conversation_moves_between_providers(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    upstream.script(
        json_answer(response("One.")),
        sse_answer(stream("Thr", "ee.")),
    )
    async with before(upstream, tmp_path) as (sdk, _):
        first = await sdk.responses.create(model="o/m", input="1", store=True)
        second = await sdk.responses.create(
            model="demo", input="2", previous_response_id=first.id, store=True
        )
        async with sdk.responses.stream(
            model="o/m", input="3", previous_response_id=second.id, store=True
        ) as events:
            third = await events.get_final_response()
        kept = await sdk.responses.retrieve(third.id)
    assert first.id.startswith("resp_")
    assert "resp_up" not in {first.id, third.id}
    assert (first.store, third.store) == (True, True)
    assert third.previous_response_id == second.id
    assert kept.to_dict() == third.to_dict() | {"output": kept.to_dict()["output"]}
    assert kept.output_text == third.output_text == "Three."
    sent = asked(upstream)[1].json()
    assert "previous_response_id" not in sent
    assert [item.get("role") for item in sent["input"]] == [
        *("user", "assistant"), *("user", "assistant"), "user"
    ]  # fmt: skip
    assert sent["input"][1] == response("One.")["output"][0]


CHUNKS = stream("Hel", "lo ", "there.")


@pytest.mark.parametrize("way", ["cut", "reset"])
async def test_a_cut_at_any_chunk_never_looks_complete(
    way: str, upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    places = range(len(CHUNKS) + 1)
    entries = [openai_provider(upstream.url, f"o{at}") for at in places]
    answer = sse_answer(CHUNKS).paced(0.002)
    async with sdk_before(tmp_path, one_try_each(*entries)) as (_, laird):
        for at in places:
            upstream.always(answer.cut(at=at) if way == "cut" else answer.reset(at=at))
            body = {"model": f"one{at}", "input": "Hello", "stream": True}
            reply = await laird.client().request("POST", "/v1/responses", body)
            if reply.status != 200:
                assert at <= 5
                continue
            events = checked(reply.body)
            if at == len(CHUNKS):  # only the mark of the body's end is missing
                assert kinds(events)[-1] == "completed"
                continue
            assert not {"completed", "incomplete"} & set(kinds(events))
            assert kinds(events)[-2:] == ["error", "failed"]
        rows = await laird.rows()
    assert {row["status"] for row in rows} == {"error", "cut", "ok"}


async def test_a_failure_in_the_stream_is_an_error_and_no_answer(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    failed = {
        "type": "response.failed",
        "sequence_number": 9,
        "response": {
            **response(),
            "status": "failed",
            "error": {"code": "server_error", "message": "Oh no"},
        },
    }
    async with before(upstream, tmp_path) as (sdk, laird):
        upstream.always(sse_answer([*CHUNKS[:2], wire(failed)]))
        with pytest.raises(openai.InternalServerError, match="Oh no"):
            await sdk.responses.create(model="one", input="x", stream=True)
        upstream.always(sse_answer([*CHUNKS[:6], wire(failed)]).paced(0.01))
        body = {"model": "one", "input": "x", "stream": True, "store": True}
        reply = await laird.client().request("POST", "/v1/responses", body)
    events = checked(reply.body)
    assert kinds(events)[-2:] == ["error", "failed"]
    assert "Oh no" in events[-1]["response"]["error"]["message"]


async def test_a_response_that_is_incomplete_is_passed_on_and_kept(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    reason = {"incomplete_details": {"reason": "max_output_tokens"}}
    upstream.always(sse_answer(stream("Hel", last="incomplete", **reason)))
    async with before(upstream, tmp_path) as (sdk, _):
        found = [
            event
            async for event in await sdk.responses.create(
                model="o/m", input="x", stream=True, store=True
            )
        ]
        kept = await sdk.responses.retrieve(found[-1].response.id)
    assert found[-1].type == "response.incomplete"
    assert kept.status == "incomplete"
    assert kept.output_text == "Hel"
