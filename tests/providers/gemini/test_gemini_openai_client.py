"""Gemini behind Laird for a program that only knows OpenAI's SDK, over real sockets."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI
from tests.providers.gemini.gemini_wire import call, check_body, error_body, event, piece, quota
from tests.support.laird import RunningLaird, running_laird
from tests.support.upstream import Answer, ScriptedUpstream, sse_answer, text_answer

JSON = "application/json"
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
USAGE = {
    "promptTokenCount": 100,
    "cachedContentTokenCount": 40,
    "candidatesTokenCount": 20,
    "thoughtsTokenCount": 30,
    "totalTokenCount": 150,
}


def document(url: str) -> str:
    return f"""
providers:
  - id: google
    kind: gemini
    endpoint: {url}
    authSecret: env:GEMINI_API_KEY
    models: [gemini-3.5-flash, gemini-embedding-001]
"""


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "AIza-canary-1234567890")


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with ScriptedUpstream() as server:
        probe = text_answer(b'{"models": []}', content_type=JSON)
        server.on("/v1beta/models?pageSize=1", probe)
        server.on("/v1beta/models", probe)
        yield server


def client_of(laird: RunningLaird) -> AsyncOpenAI:
    return AsyncOpenAI(api_key=laird.key, base_url=f"{laird.url}/v1", max_retries=0)


async def test_an_agents_two_turns(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    """The signature that a later turn needs goes to the client and comes back."""
    async with (
        running_laird(tmp_path, document(upstream.url)) as laird,
        client_of(laird) as client,
    ):
        upstream.script(
            sse_answer(
                [
                    event(piece({"text": "Two cities.", "thought": True})),
                    event(piece({"text": "I look."})),
                    event(
                        piece(
                            call("get_weather", {"city": "Köln"}, signature="c2ln"),
                            call("get_weather", {"city": "Rom"}),
                        )
                    ),
                    event(piece({"text": ""}, finish="STOP", usageMetadata=USAGE)),
                ]
            )
        )
        messages: list[Any] = [{"role": "user", "content": "Weather in Köln and Rom?"}]
        async with client.chat.completions.stream(
            model="gemini-3.5-flash",
            messages=messages,
            tools=[WEATHER],
            reasoning_effort="low",
            stream_options={"include_usage": True},
        ) as stream:
            first = await stream.get_final_completion()
        choice = first.choices[0]
        assert choice.finish_reason == "tool_calls"
        assert choice.message.content == "I look."
        calls = choice.message.tool_calls or []
        assert [json.loads(each.function.arguments) for each in calls] == [
            {"city": "Köln"},
            {"city": "Rom"},
        ]
        assert len({each.id for each in calls}) == 2
        assert first.usage is not None
        assert (first.usage.prompt_tokens, first.usage.completion_tokens) == (100, 50)

        upstream.script(
            text_answer(
                json.dumps(piece({"text": "Warm."}, finish="STOP")).encode(), content_type=JSON
            )
        )
        messages.append(choice.message.model_dump(exclude_none=True))
        messages += [{"role": "tool", "tool_call_id": c.id, "content": "18 C"} for c in calls]
        second = await client.chat.completions.create(
            model="gemini-3.5-flash", messages=messages, tools=[WEATHER]
        )
        assert second.choices[0].message.content == "Warm."
        assert second.choices[0].finish_reason == "stop"
        asked = [each for each in upstream.requests if each.method == "POST"]
        sent = json.loads(asked[1].body)
        check_body(sent)
        parts = sent["contents"][1]["parts"]
        assert [part.get("thoughtSignature") for part in parts] == [None, "c2ln", None]
        results = sent["contents"][2]["parts"]
        assert [part["functionResponse"]["id"] for part in results] == [c.id for c in calls]
        assert asked[0].headers["x-goog-api-key"] == "AIza-canary-1234567890"
        rows = await laird.rows()
        assert [row["prompt_tokens"] for row in rows[:1]] == [100]
        assert rows[0]["cost_usd"] is not None


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (
            error_body(
                400,
                "INVALID_ARGUMENT",
                "The input token count (9) exceeds the maximum number of tokens allowed (8).",
            ),
            "context_length_exceeded",
        ),
        (
            error_body(429, "RESOURCE_EXHAUSTED", "Over.", quota("RequestsPerDayPerModel")),
            "insufficient_quota",
        ),
    ],
)
async def test_refusals(
    tmp_path: Path, upstream: ScriptedUpstream, answer: dict[str, Any], code: str
) -> None:
    status = answer["error"]["code"]
    body = json.dumps([answer]).encode()
    async with (
        running_laird(tmp_path, document(upstream.url)) as laird,
        client_of(laird) as client,
    ):
        upstream.script(Answer(status, (("content-type", JSON),), (body,)))
        with pytest.raises(openai.APIStatusError) as caught:
            await client.chat.completions.create(
                model="gemini-3.5-flash", messages=[{"role": "user", "content": "Hi"}]
            )
        assert caught.value.code == code
        assert f"google answered {status}" in caught.value.message


async def test_a_stream_that_is_cut_never_looks_complete(
    tmp_path: Path, upstream: ScriptedUpstream
) -> None:
    async with (
        running_laird(tmp_path, document(upstream.url)) as laird,
        client_of(laird) as client,
    ):
        upstream.script(sse_answer([event(piece({"text": "Half an"}))]))
        stream = await client.chat.completions.create(
            model="gemini-3.5-flash", messages=[{"role": "user", "content": "Hi"}], stream=True
        )
        reasons: set[str | None] = set()

        async def read_on() -> None:
            async for chunk in stream:
                reasons.update(choice.finish_reason for choice in chunk.choices)

        with pytest.raises(openai.APIError, match="before the answer was complete"):
            await read_on()
        assert reasons == {None}


async def test_embeddings(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    async with (
        running_laird(tmp_path, document(upstream.url)) as laird,
        client_of(laird) as client,
    ):
        body = {"embeddings": [{"values": [0.6, 0.8]}, {"values": [1.0, 0.0]}]}
        upstream.script(text_answer(json.dumps(body).encode(), content_type=JSON))
        got = await client.embeddings.create(
            model="gemini-embedding-001", input=["a", "b"], dimensions=2
        )
        assert [list(each.embedding) for each in got.data] == [
            pytest.approx([0.6, 0.8]),
            pytest.approx([1.0, 0.0]),
        ]
