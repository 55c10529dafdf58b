"""OpenAI's SDK speaks Responses with a provider of the chat format, or the demo, behind."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import openai
import pytest
from pydantic import BaseModel
from tests.dialects.responses_samples import checked, kinds
from tests.gateway.responses_world import DEMO, one_try_each, sdk_before
from tests.support import openai_wire
from tests.support.answers import error_event, failing, json_answer, rate_limited, sse_answer
from tests.support.chat_upstream import chat_upstream, chats
from tests.support.documents import chain, document, provider
from tests.support.openai_wire import DONE, chunk
from tests.support.upstream import ScriptedUpstream

WEATHER: Any = {
    "type": "function",
    "name": "get_weather",
    "description": "Weather of a city",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    "strict": None,
}
ONE_TRY = "chains:\n  - id: one\n    models:\n      - {providerId: a, modelId: m, maxRetries: 0}\n"


class City(BaseModel):
    name: str
    people: int


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with chat_upstream() as scripted:
        yield scripted


def before(upstream: ScriptedUpstream, home: Path) -> Any:
    return sdk_before(home, document(provider("a", upstream.url), DEMO, rest=ONE_TRY))


async def test_text_whole_and_streamed(upstream: ScriptedUpstream, tmp_path: Path) -> None:
    usage = {**openai_wire.USAGE, "prompt_tokens_details": {"cached_tokens": 4}}
    upstream.script(
        json_answer(openai_wire.completion(usage=usage)),
        sse_answer([*openai_wire.STREAM[:-2], chunk({}, choices=[], usage=usage), DONE]),
    )
    async with before(upstream, tmp_path) as (sdk, laird):
        whole = await sdk.responses.create(model="a/m", input="Hello", instructions="Be brief.")
        async with sdk.responses.stream(model="a/m", input="Hello") as events:
            streamed = await events.get_final_response()
        rows = await laird.rows()
    for found in (whole, streamed):
        assert found.output_text == "Hello there."
        assert (found.status, found.provider) == ("completed", "a")
        assert found.usage.input_tokens_details.cached_tokens == 4
        assert (found.usage.input_tokens, found.usage.output_tokens) == (9, 3)
        assert found.store is False
    assert [row["dialect"] for row in rows] == ["openai.responses"] * 2
    assert [(row["prompt_tokens"], row["cached_tokens"]) for row in rows] == [(9, 4)] * 2
    first = chats(upstream)[0].json()
    assert [one["role"] for one in first["messages"]] == ["system", "user"]
    assert "store" not in first


async def test_the_events_of_a_stream_are_those_of_openai(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    upstream.always(sse_answer(openai_wire.tool_call_stream()))
    async with before(upstream, tmp_path) as (_, laird):
        body = {"model": "a/m", "input": "Weather?", "tools": [WEATHER], "stream": True}
        reply = await laird.client().request("POST", "/v1/responses", body)
    events = checked(reply.body)
    assert kinds(events) == [
        "created",
        "in_progress",
        "output_item.added",
        *["function_call_arguments.delta"] * 3,
        "function_call_arguments.done",
        "output_item.done",
        "completed",
    ]
    assert b": x-laird-cost-usd" in reply.body
    item = events[-1]["response"]["output"][0]
    assert (item["call_id"], json.loads(item["arguments"])) == ("call_1", {"city": "Paris"})


async def test_a_loop_of_tools_goes_round(upstream: ScriptedUpstream, tmp_path: Path) -> None:
    upstream.script(sse_answer(openai_wire.tool_call_stream()), json_answer(openai_wire.COMPLETION))
    async with before(upstream, tmp_path) as (sdk, _):
        turns: list[Any] = [{"role": "user", "content": "Weather in Paris?"}]
        async with sdk.responses.stream(model="a/m", input=turns, tools=[WEATHER]) as events:
            first = await events.get_final_response()
        (call,) = first.output
        turns += [one.to_dict() for one in first.output]
        turns.append({"type": "function_call_output", "call_id": call.call_id, "output": "sun"})
        second = await sdk.responses.create(model="a/m", input=turns, tools=[WEATHER])
    assert second.output_text == "Hello there."
    last = chats(upstream)[-1].json()
    assert [one["role"] for one in last["messages"]] == ["user", "assistant", "tool"]
    assert last["messages"][1]["tool_calls"][0]["function"]["name"] == "get_weather"
    assert last["messages"][2] == {"role": "tool", "tool_call_id": "call_1", "content": "sun"}
    assert last["tools"][0]["function"]["name"] == "get_weather"


async def test_an_answer_is_parsed_into_the_clients_own_type(tmp_path: Path) -> None:
    async with sdk_before(tmp_path, document(DEMO)) as (sdk, _):
        whole = await sdk.responses.parse(model="demo", input="A city", text_format=City)
        async with sdk.responses.stream(model="demo", input="A city", text_format=City) as events:
            streamed = await events.get_final_response()
    assert isinstance(whole.output_parsed, City)
    assert streamed.output_parsed == whole.output_parsed


async def test_the_demo_thinks_and_calls_tools(tmp_path: Path) -> None:
    async with sdk_before(tmp_path, document(DEMO)) as (sdk, _):
        thought = await sdk.responses.create(
            model="demo-thinking", input="Hello", reasoning={"summary": "auto"}
        )
        async with sdk.responses.stream(
            model="demo-thinking", input="Hello", reasoning={"summary": "auto"}
        ) as events:
            streamed = await events.get_final_response()
        called = await sdk.responses.create(model="demo-tools", input="Hello", tools=[WEATHER])
    for found in (thought, streamed):
        assert [item.type for item in found.output] == ["reasoning", "message"]
        assert found.output[0].summary[0].text
        assert found.usage.output_tokens_details.reasoning_tokens > 0
    assert [item.type for item in called.output] == ["function_call"]


async def test_an_answer_that_the_limit_cut_is_incomplete(tmp_path: Path) -> None:
    async with sdk_before(tmp_path, document(DEMO)) as (sdk, _):
        whole = await sdk.responses.create(model="demo", input="Hello", max_output_tokens=2)
        last: Any = None
        async for event in await sdk.responses.create(
            model="demo", input="Hello", max_output_tokens=2, stream=True
        ):
            last = event
    assert last.type == "response.incomplete"
    for found in (whole, last.response):
        assert found.status == "incomplete"
        assert found.incomplete_details.reason == "max_output_tokens"


async def test_errors_are_those_of_openais_sdk(upstream: ScriptedUpstream, tmp_path: Path) -> None:
    async with before(upstream, tmp_path) as (sdk, _):
        with pytest.raises(openai.BadRequestError) as refused:
            await sdk.responses.create(model="a/m", input="x", tools=[{"type": "web_search"}])
        assert (refused.value.param, refused.value.code) == ("tools[0].type", "unsupported_field")
        with pytest.raises(openai.BadRequestError) as refused:
            await sdk.responses.create(model="a/m", input="x", temperature=9)
        assert refused.value.param == "temperature"
        with pytest.raises(openai.NotFoundError) as missing:
            await sdk.responses.create(model="nothing", input="x")
        assert missing.value.code == "model_not_found"
        upstream.always(failing(500))
        with pytest.raises(openai.InternalServerError):
            await sdk.responses.create(model="one", input="x", stream=True)
        upstream.always(rate_limited(1))
        with pytest.raises(openai.RateLimitError):
            await sdk.responses.create(model="one", input="x")


STREAM = openai_wire.STREAM
TOOLS = openai_wire.tool_call_stream()


@pytest.mark.parametrize("script", [STREAM, TOOLS], ids=["text", "tools"])
async def test_a_cut_at_any_chunk_never_looks_complete(
    script: list[bytes], upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    places = range(len(script) + 1)
    entries = [provider(f"a{at}", upstream.url) for at in places]
    shown = 0
    async with sdk_before(tmp_path, one_try_each(*entries)) as (_, laird):
        for at in places:
            upstream.always(sse_answer(script).paced(0.002).cut(at=at))
            body = {"model": f"one{at}", "input": "Hello", "stream": True, "store": True}
            reply = await laird.client().request("POST", "/v1/responses", body)
            if reply.status != 200:
                assert reply.error["code"] == "provider_error"
                continue
            shown += 1
            events = checked(reply.body)
            identity = events[0]["response"]["id"]
            stored = await laird.client().request("GET", f"/v1/responses/{identity}")
            if script[:at][-1:] == [DONE]:
                assert kinds(events)[-1] == "completed"
                assert stored.status == 200
                continue
            assert not {"completed", "incomplete"} & set(kinds(events))
            assert kinds(events)[-2:] == ["error", "failed"]
            assert stored.status == 404
    assert shown > 4


async def test_an_error_in_the_stream_reaches_the_sdk_as_one(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    upstream.always(error_event("overloaded", after=STREAM[:3]))
    async with before(upstream, tmp_path) as (sdk, _):
        with pytest.raises(openai.APIError, match="overloaded"):
            async for _ in await sdk.responses.create(model="one", input="Hello", stream=True):
                pass


async def test_a_stream_that_goes_on_elsewhere_is_one_response(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    async with chat_upstream() as second:
        text = document(
            provider("a", upstream.url),
            provider("b", second.url),
            rest=chain("both", "a/m", "b/m"),
        )
        upstream.always(sse_answer(STREAM).paced(0.002).cut(at=3))
        second.always(sse_answer(openai_wire.stream("Hello ", "there.")))
        async with sdk_before(tmp_path, text) as (_, laird):
            body = {"model": "both", "input": "Hello", "stream": True}
            headers = {"x-laird-continue": "true"}
            reply = await laird.client().request("POST", "/v1/responses", body, headers)
    events = checked(reply.body)
    assert kinds(events).count("created") == kinds(events).count("completed") == 1
    assert events[-1]["response"]["output"][0]["content"][0]["text"] == "Hello there."
    assert {event["provider"] for event in events} == {"a", "b"}


async def test_the_path_is_known_with_its_methods(tmp_path: Path) -> None:
    async with sdk_before(tmp_path, document(DEMO)) as (_, laird):
        client = laird.client()
        for method, path, allowed in (
            ("GET", "/v1/responses", "POST"),
            ("POST", "/v1/responses/resp_1", "GET, DELETE"),
            ("DELETE", "/v1/responses/resp_1/input_items", "GET"),
        ):
            reply = await client.request(method, path)
            assert (reply.status, reply.headers["allow"]) == (405, allowed)
        for path in ("/v1/responses/", "/v1/responses/a/b", "/v1/responses//input_items"):
            assert (await client.request("GET", path)).status == 404
