"""Anthropic behind the OpenAI chat format: what a client of OpenAI's SDK says and gets."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from tests.providers.anthropic.anthropic_wire import (
    answer_body,
    check_params,
    event,
    model,
    provider,
    stream_of,
)

from laird.dialects.openai_chat import OpenAIChat
from laird.dialects.relay import TranslatingRelay
from laird.domain.errors import UnsupportedField, UpstreamFailed
from laird.providers.anthropic.adapter import AnthropicAdapter

ADAPTER = AnthropicAdapter(provider())
DIALECT = OpenAIChat()

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a city",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
AGENT: dict[str, Any] = {
    "model": "claude/opus",
    "stream": True,
    "stream_options": {"include_usage": True},
    "max_completion_tokens": 2000,
    "reasoning_effort": "medium",
    "messages": [
        {"role": "developer", "content": "Answer in French."},
        {"role": "user", "name": "ada", "content": "Weather in Paris and Rome?"},
        {
            "role": "assistant",
            "content": None,
            "reasoning_content": "Two cities.",
            "tool_calls": [
                {
                    "id": f"call_{city}",
                    "type": "function",
                    "function": {"name": "get_weather", "arguments": json.dumps({"city": city})},
                }
                for city in ("Paris", "Rome")
            ],
        },
        {"role": "tool", "tool_call_id": "call_Paris", "content": "18 C"},
        {"role": "tool", "tool_call_id": "call_Rome", "content": "24 C"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "And here?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
                {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
            ],
        },
    ],
    "tools": [WEATHER],
    "tool_choice": "auto",
    "parallel_tool_calls": False,
    "user": "user-1",
    "store": False,
    "metadata": {"team": "a"},
}


def translated(body: dict[str, Any], upstream: str = "claude-opus-5") -> dict[str, Any]:
    """Take a client's body all the way to the upstream's."""
    DIALECT.facts(body)
    sent = ADAPTER.chat_request(model(upstream), DIALECT.request(body))
    result = json.loads(sent.body)
    assert isinstance(result, dict)
    check_params(result)
    return result


def test_an_agents_request() -> None:
    text = {"type": "text", "text": "18 C"}
    tool = WEATHER["function"]
    assert isinstance(tool, dict)
    assert translated(AGENT) == {
        "model": "claude-opus-5",
        "max_tokens": 2000,
        "stream": True,
        "system": [{"type": "text", "text": "Answer in French."}],
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Message from ada:"},
                    {"type": "text", "text": "Weather in Paris and Rome?"},
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {
                        "type": "tool_use",
                        "id": f"call_{city}",
                        "name": "get_weather",
                        "input": {"city": city},
                    }
                    for city in ("Paris", "Rome")
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "call_Paris", "content": [text]},
                    {
                        "type": "tool_result",
                        "tool_use_id": "call_Rome",
                        "content": [{"type": "text", "text": "24 C"}],
                    },
                    {"type": "text", "text": "And here?"},
                    {
                        "type": "image",
                        "source": {
                            "type": "base64",
                            "media_type": "image/png",
                            "data": "iVBORw0KGgo=",
                        },
                    },
                    {
                        "type": "image",
                        "source": {"type": "url", "url": "https://example.org/a.png"},
                    },
                ],
            },
        ],
        "tools": [
            {
                "name": "get_weather",
                "description": tool["description"],
                "input_schema": tool["parameters"],
                "strict": True,
            }
        ],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
        "thinking": {"type": "adaptive", "display": "summarized"},
        "output_config": {"effort": "medium"},
        "metadata": {"user_id": "user-1"},
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("seed", 7),
        ("n", 2),
        ("logprobs", True),
        ("logit_bias", {"1": 5}),
        ("presence_penalty", 1),
        ("temperature", 1.3),
        ("service_tier", "flex"),
        ("verbosity", "high"),
        ("web_search_options", {}),
        ("brand_new_field", 1),
    ],
)
def test_what_can_not_be_honoured_names_its_field(field: str, value: Any) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], field: value}
    with pytest.raises(UnsupportedField) as caught:
        translated(body)
    error = json.loads(DIALECT.error(caught.value))["error"]
    assert error["param"] == field
    assert error["code"] == "unsupported_field"


ANSWER = answer_body(
    {"type": "thinking", "thinking": "Zwei Städte.", "signature": "sig=="},
    {"type": "text", "text": "Ich sehe nach."},
    {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Köln"}},
    {"type": "tool_use", "id": "toolu_2", "name": "now", "input": {}},
    stop="tool_use",
    usage={"input_tokens": 10, "cache_read_input_tokens": 90, "output_tokens": 40},
)


def relay() -> TranslatingRelay:
    encoder = DIALECT.encoder(
        request_id="r1", model="opus", provider="claude", created=1, include_usage=True
    )
    return TranslatingRelay(ADAPTER.event_reader(), encoder)


def completion_of(stream: bytes) -> Any:
    """Read a client's stream with the accumulator of OpenAI's SDK."""
    payloads = [item.removeprefix(b"data: ") for item in stream.split(b"\n\n") if item]
    assert payloads.pop() == b"[DONE]"
    state: Any = ChatCompletionStreamState()
    for payload in payloads:
        state.handle_chunk(ChatCompletionChunk.model_validate_json(payload))
    return state.get_final_completion()


@pytest.mark.parametrize("size", [1, 13, 100_000])
def test_a_stream_with_parallel_calls_reaches_the_client_whole(size: int) -> None:
    data = b"".join(stream_of(ANSWER))
    passing = relay()
    sent = b"".join(passing.feed(data[i : i + size]) for i in range(0, len(data), size))
    assert b"[DONE]" not in sent
    got = completion_of(sent + passing.end())
    choice = got.choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content == "Ich sehe nach."
    calls = [(c.id, c.function.name, c.function.arguments) for c in choice.message.tool_calls]
    assert [call[:2] for call in calls] == [("toolu_1", "get_weather"), ("toolu_2", "now")]
    assert [json.loads(call[2]) for call in calls] == [{"city": "Köln"}, {}]
    assert got.usage.prompt_tokens == 100
    assert got.usage.prompt_tokens_details.cached_tokens == 90
    assert got.usage.completion_tokens == 40


def test_the_same_answer_not_streamed() -> None:
    answer = ADAPTER.read_answer(json.dumps(ANSWER).encode())
    got = ChatCompletion.model_validate_json(DIALECT.answer(answer, provider="claude", created=1))
    choice = got.choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content == "Ich sehe nach."
    assert [call.id for call in choice.message.tool_calls or ()] == ["toolu_1", "toolu_2"]
    assert got.usage is not None
    assert got.usage.total_tokens == 140


def test_an_error_in_the_middle_ends_without_a_success_marker() -> None:
    passing = relay()
    events = stream_of(ANSWER)
    sent = b"".join(passing.feed(item) for item in events[:8])
    assert passing.content
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    with pytest.raises(UpstreamFailed, match="Overloaded"):
        passing.feed(event(error))
    assert b"[DONE]" not in sent
    assert b'"finish_reason":"' not in sent
