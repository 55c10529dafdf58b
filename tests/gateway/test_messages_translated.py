"""Anthropic's SDK with a provider of OpenAI's format, or the demo, behind: nobody can tell."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anthropic
import pytest
from anthropic import AsyncAnthropic
from pydantic import BaseModel
from tests.support import openai_wire
from tests.support.answers import error_event, failing, json_answer, rate_limited, sse_answer
from tests.support.chat_upstream import chat_upstream, chats
from tests.support.documents import document, provider
from tests.support.laird import RunningLaird, running_laird
from tests.support.openai_wire import DONE, USAGE, chunk
from tests.support.upstream import ScriptedUpstream

HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
WEATHER: dict[str, Any] = {
    "name": "get_weather",
    "description": "Weather of a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}
PNG = "iVBORw0KGgo="
DEMO = "  - id: demo\n    kind: demo\n    models: [demo, demo-tools, demo-thinking, demo-cut]\n"


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with chat_upstream() as scripted:
        yield scripted


@asynccontextmanager
async def sdk_before(
    upstream: ScriptedUpstream, home: Path, models: str = "[m]"
) -> AsyncIterator[tuple[AsyncAnthropic, RunningLaird]]:
    rest = "chains:\n  - id: one\n    models:\n      - {providerId: a, modelId: m, maxRetries: 0}\n"
    text = document(provider("a", upstream.url, models=models), DEMO, rest=rest)
    async with (
        running_laird(home, text) as laird,
        AsyncAnthropic(base_url=laird.url, api_key=laird.key, max_retries=0) as sdk,
    ):
        yield sdk, laird


async def whole(sdk: AsyncAnthropic, **fields: Any) -> Any:
    return await sdk.messages.create(
        **{"model": "a/m", "max_tokens": 500, "messages": HELLO, **fields}
    )


async def streamed(sdk: AsyncAnthropic, **fields: Any) -> Any:
    fields = {"model": "a/m", "max_tokens": 500, "messages": HELLO, **fields}
    async with sdk.messages.stream(**fields) as stream:
        return await stream.get_final_message()


def sent(upstream: ScriptedUpstream) -> Any:
    (received,) = chats(upstream)
    return received.json()


async def test_text_whole_and_streamed(upstream: ScriptedUpstream, tmp_path: Path) -> None:
    usage = {**USAGE, "prompt_tokens_details": {"cached_tokens": 4}}
    upstream.script(
        json_answer(openai_wire.completion(usage=usage)),
        sse_answer([*openai_wire.STREAM[:-2], chunk({}, choices=[], usage=usage), DONE]),
    )
    async with sdk_before(upstream, tmp_path) as (sdk, laird):
        for message in (await whole(sdk), await streamed(sdk)):
            assert message.id.startswith("msg_")
            assert (message.type, message.role) == ("message", "assistant")
            assert [block.to_dict() for block in message.content] == [
                {"type": "text", "text": "Hello there."}
            ]
            assert (message.stop_reason, message.stop_sequence) == ("end_turn", None)
            assert (message.usage.input_tokens, message.usage.cache_read_input_tokens) == (5, 4)
            assert message.usage.output_tokens == 3
        rows = await laird.rows()
        assert [(row["prompt_tokens"], row["cached_tokens"]) for row in rows] == [(9, 4)] * 2


def parallel_calls(*order: tuple[int, str]) -> list[bytes]:
    """Return a stream of two tool calls whose arguments come in this order."""
    ids = ("call_a", "call_b")
    pieces: list[bytes] = [chunk({"role": "assistant", "content": "Let me look."})]
    begun: set[int] = set()
    for index, arguments in order:
        call: dict[str, Any] = {"index": index, "function": {"arguments": arguments}}
        if index not in begun:
            begun.add(index)
            call |= {"id": ids[index], "type": "function"}
            call["function"]["name"] = "get_weather"
        pieces.append(chunk({"tool_calls": [call]}))
    finish = [chunk({}, "tool_calls"), chunk({}, choices=[], usage=USAGE), DONE]
    return [*pieces, *finish]


ORDERS = {
    "one-after-the-other": [(0, '{"ci'), (0, 'ty":"Oslo"}'), (1, ""), (1, '{"city":"Rome"}')],
    "interleaved": [
        (0, ""),
        (1, ""),
        (0, '{"city":'),
        (1, '{"city"'),
        (0, '"Oslo"}'),
        (1, ':"Rome"}'),
    ],
    "all-at-once": [(0, '{"city":"Oslo"}'), (1, '{"city":"Rome"}')],
}


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
async def test_parallel_tools_streamed(
    order: Sequence[tuple[int, str]], upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    upstream.always(sse_answer(parallel_calls(*order)))
    choice = {"type": "any", "disable_parallel_tool_use": False}
    async with sdk_before(upstream, tmp_path) as (sdk, _):
        message = await streamed(sdk, tools=[WEATHER], tool_choice=choice)
    assert [block.type for block in message.content] == ["text", "tool_use", "tool_use"]
    calls = [(block.id, block.name, block.input) for block in message.content[1:]]
    assert calls == [
        ("call_a", "get_weather", {"city": "Oslo"}),
        ("call_b", "get_weather", {"city": "Rome"}),
    ]
    assert message.stop_reason == "tool_use"
    assert sent(upstream)["tool_choice"] == "required"


async def test_the_results_of_tools_go_back_with_pictures_and_faults(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    turns = [
        {"role": "user", "content": "Weather?"},
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "I look."},
                {"type": "tool_use", "id": "call_a", "name": "get_weather", "input": {"c": "ö"}},
                {"type": "tool_use", "id": "call_b", "name": "get_weather", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "And now?"},
                {
                    "type": "tool_result",
                    "tool_use_id": "call_a",
                    "content": [
                        {"type": "text", "text": "a map", "cache_control": {"type": "ephemeral"}},
                        {
                            "type": "image",
                            "source": {"type": "base64", "media_type": "image/png", "data": PNG},
                        },
                    ],
                },
                {
                    "type": "tool_result",
                    "tool_use_id": "call_b",
                    "content": "no such city",
                    "is_error": True,
                },
            ],
        },
    ]
    async with sdk_before(upstream, tmp_path) as (sdk, _):
        await whole(sdk, messages=turns, tools=[WEATHER], system="Be short.")
    messages = sent(upstream)["messages"]
    roles = [message["role"] for message in messages]
    assert roles[:5] == ["system", "user", "assistant", "tool", "tool"]
    assert messages[2]["content"] == "I look."
    calls = messages[2]["tool_calls"]
    assert [json.loads(call["function"]["arguments"]) for call in calls] == [{"c": "ö"}, {}]
    assert [message["tool_call_id"] for message in messages[3:5]] == ["call_a", "call_b"]
    assert messages[3]["content"] == "a map"
    assert messages[4]["content"] == "Error: no such city"
    rest = json.dumps(messages[5:])
    assert f"data:image/png;base64,{PNG}" in rest
    assert "And now?" in rest


async def test_what_the_model_sees(upstream: ScriptedUpstream, tmp_path: Path) -> None:
    content = [
        {"type": "text", "text": "What is it?"},
        {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
    ]
    async with sdk_before(upstream, tmp_path) as (sdk, _):
        await whole(sdk, messages=[{"role": "user", "content": content}])
    assert sent(upstream)["messages"][0]["content"] == [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
    ]


async def test_thinking_is_shown_and_may_be_sent_back(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    upstream.always(
        sse_answer(
            [
                chunk({"role": "assistant", "reasoning_content": "Hm, "}),
                chunk({"reasoning_content": "yes."}),
                chunk({"content": "Yes."}),
                chunk({}, "stop"),
                DONE,
            ]
        )
    )
    thinking = {"type": "enabled", "budget_tokens": 1024}
    async with sdk_before(upstream, tmp_path) as (sdk, _):
        message = await streamed(sdk, thinking=thinking, max_tokens=4000)
        assert [block.to_dict() for block in message.content] == [
            {"type": "thinking", "thinking": "Hm, yes.", "signature": ""},
            {"type": "text", "text": "Yes."},
        ]
        # This provider gave no counts: the output is estimated from its length.
        assert message.usage.output_tokens == 3
        turns = [*HELLO, {"role": "assistant", "content": message.content}, *HELLO]
        await streamed(sdk, messages=turns)
    first, second = (received.json() for received in chats(upstream))
    assert first["reasoning_effort"] == "low"
    assert second["messages"][1]["content"] == "Yes."
    assert second["messages"][1]["reasoning_content"] == "Hm, yes."


async def test_the_other_wishes_of_a_request(upstream: ScriptedUpstream, tmp_path: Path) -> None:
    async with sdk_before(upstream, tmp_path) as (sdk, _):
        await whole(
            sdk,
            stop_sequences=["END"],
            metadata={"user_id": "u-1"},
            tools=[{**WEATHER, "strict": True, "input_examples": [{"city": "Oslo"}]}],
            tool_choice={"type": "tool", "name": "get_weather", "disable_parallel_tool_use": True},
            output_config={"effort": "max"},
            service_tier="auto",
            cache_control={"type": "ephemeral"},
            extra_body={"temperature": 0.3, "top_p": 0.9, "top_k": 5},
        )
    body = sent(upstream)
    del body["messages"]
    tool = {
        "name": "get_weather",
        "description": 'Weather of a city\n\nExamples of input:\n{"city":"Oslo"}',
        "parameters": WEATHER["input_schema"],
        "strict": True,
    }
    limit = body.pop("max_tokens", None) or body.pop("max_completion_tokens")
    assert limit == 500
    assert body == {
        "model": "m",
        "stop": ["END"],
        "user": "u-1",
        "tools": [{"type": "function", "function": tool}],
        "tool_choice": {"type": "function", "function": {"name": "get_weather"}},
        "parallel_tool_calls": False,
        "reasoning_effort": "xhigh",
        "temperature": 0.3,
        "top_p": 0.9,
        "top_k": 5,
    }


class City(BaseModel):
    name: str
    people: int


async def test_structured_output(upstream: ScriptedUpstream, tmp_path: Path) -> None:
    upstream.always(json_answer(openai_wire.completion('{"name":"Oslo","people":700000}')))
    async with sdk_before(upstream, tmp_path) as (sdk, _):
        message = await sdk.messages.parse(
            model="a/m", max_tokens=99, messages=HELLO, output_format=City
        )
    assert message.parsed_output == City(name="Oslo", people=700000)
    form = sent(upstream)["response_format"]
    assert form["type"] == "json_schema"
    assert form["json_schema"]["strict"] is True
    assert form["json_schema"]["schema"]["required"] == ["name", "people"]


REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("tools.0.type", {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}),
    ("container", {"extra_body": {"container": "c_1"}}),
    ("speed", {"extra_body": {"speed": "fast"}}),
    ("brand_new", {"extra_body": {"brand_new": 1}}),
]


@pytest.mark.parametrize(("field", "fields"), REFUSED, ids=[name for name, _ in REFUSED])
async def test_what_has_no_equal_is_refused_by_name(
    field: str, fields: dict[str, Any], upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    async with sdk_before(upstream, tmp_path) as (sdk, _):
        with pytest.raises(anthropic.BadRequestError, match=f"'{field}'") as caught:
            await whole(sdk, **fields)
    assert caught.value.type == "invalid_request_error"
    assert caught.value.error_code == "unsupported_field"
    assert not chats(upstream)


async def test_a_cut_at_any_chunk_is_never_an_answer(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    chunks = parallel_calls(*ORDERS["one-after-the-other"])
    finish = len(chunks) - 3
    upstream.always(json_answer(openai_wire.COMPLETION))
    async with sdk_before(upstream, tmp_path) as (sdk, laird):
        shown = 0
        for at in range(finish + 1):
            upstream.script(sse_answer(chunks).paced(0.002).cut(at=at))
            seen: list[str] = []
            with pytest.raises(anthropic.APIStatusError):
                await kinds_into(seen, sdk)
            assert not {"message_delta", "message_stop"} & set(seen)
            shown += len(seen)
            await whole(sdk)  # a success makes the provider healthy again
        assert shown
        rows = [row for row in await laird.rows() if row["stream"]]
        assert {row["status"] for row in rows} == {"cut", "error"}


async def kinds_into(seen: list[str], sdk: AsyncAnthropic) -> None:
    """Collect the types of a stream's events, also of those before it breaks."""
    note = seen.append
    async for item in await sdk.messages.create(
        model="one", max_tokens=9, messages=HELLO, stream=True
    ):
        note(item.type)


async def test_an_error_in_a_stream_is_an_exception(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    upstream.always(error_event("the model crashed", after=openai_wire.STREAM[:3]).paced(0.005))
    async with sdk_before(upstream, tmp_path) as (sdk, _):
        with pytest.raises(anthropic.APIStatusError, match="the model crashed"):
            await streamed(sdk)


async def test_errors_of_ours_are_the_exceptions_of_the_sdk(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    async with sdk_before(upstream, tmp_path) as (sdk, _):
        with pytest.raises(anthropic.NotFoundError) as missing:
            await whole(sdk, model="claude-nothing")
        assert (missing.value.type, missing.value.error_code) == (
            "not_found_error",
            "model_not_found",
        )
        with pytest.raises(anthropic.AuthenticationError) as stranger:
            await whole(sdk.with_options(api_key="lai_" + "0" * 32))
        assert stranger.value.type == "authentication_error"
        with pytest.raises(anthropic.BadRequestError, match=r"messages\.0\.role: Input should be"):
            await whole(sdk, messages=[{"role": "tool", "content": "x"}])
        upstream.script(rate_limited(7))
        with pytest.raises(anthropic.RateLimitError) as limited:
            await whole(sdk, model="one")
        assert limited.value.type == "rate_limit_error"
        assert limited.value.response.headers["retry-after"] == "7"


async def test_a_failed_provider_is_a_fault_of_the_server(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    upstream.always(failing(503, "busy"))
    async with sdk_before(upstream, tmp_path) as (sdk, _):
        with pytest.raises(anthropic.InternalServerError, match="busy") as caught:
            await whole(sdk, model="one")
        assert caught.value.type == "overloaded_error"


async def test_a_prompt_without_room_is_told_in_the_words_that_programs_look_for(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    models = "[{id: m, contextWindow: 1000}]"
    async with sdk_before(upstream, tmp_path, models=models) as (sdk, _):
        with pytest.raises(anthropic.BadRequestError, match="prompt is too long"):
            await whole(sdk, messages=[{"role": "user", "content": "word " * 2000}])


async def test_tokens_are_estimated_where_no_provider_counts(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    turns: list[Any] = [{"role": "user", "content": "x" * 4000}]
    async with sdk_before(upstream, tmp_path) as (sdk, laird):
        count = await sdk.messages.count_tokens(model="a/m", messages=turns)
        assert count.input_tokens == 1000
        assert await laird.rows() == []


# The demo


async def test_the_demo_speaks_the_format_as_well(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    async with sdk_before(upstream, tmp_path) as (sdk, _):
        message = await streamed(sdk, model="demo/demo")
        assert message.content[0].text.endswith("You said: Hello")
        assert message.usage.input_tokens > 0
        message = await streamed(sdk, model="demo/demo-tools", tools=[WEATHER])
        assert message.stop_reason == "tool_use"
        call = next(block for block in message.content if block.type == "tool_use")
        result = {"type": "tool_result", "tool_use_id": call.id, "content": "18 C"}
        turns = [
            *HELLO,
            {"role": "assistant", "content": message.content},
            {"role": "user", "content": [result]},
        ]
        message = await whole(sdk, model="demo/demo-tools", tools=[WEATHER], messages=turns)
        assert message.content[0].text == "The tool answered: 18 C"
        message = await whole(sdk, model="demo/demo-thinking")
        assert [block.type for block in message.content] == ["thinking", "text"]
        message = await whole(sdk, model="demo/demo", max_tokens=3)
        assert message.stop_reason == "max_tokens"
        with pytest.raises(anthropic.APIStatusError, match="broke the connection"):
            await streamed(sdk, model="demo/demo-cut")
