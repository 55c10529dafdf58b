"""Anthropic's SDK with an Anthropic provider behind: passed on, but for model and credentials."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anthropic
import msgspec
import pytest
from anthropic import AsyncAnthropic
from tests.providers.anthropic.anthropic_wire import answer_body, event, stream_of
from tests.support.answers import Answer, bytewise, json_answer, sse_answer
from tests.support.documents import document, provider
from tests.support.laird import RunningLaird, running_laird
from tests.support.upstream import Received, ScriptedUpstream

SECRET = "sk-ant-canary-77aa"
HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
MESSAGE = answer_body(
    {"type": "thinking", "thinking": "Zwei Städte.", "signature": "c2ln"},
    {"type": "redacted_thinking", "data": "aGlkZGVu"},
    {"type": "text", "text": "Ich sehe nach."},
    {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Köln"}},
    {"type": "tool_use", "id": "toolu_2", "name": "now", "input": {}},
    stop="tool_use",
    usage={
        "input_tokens": 10,
        "cache_read_input_tokens": 90,
        "cache_creation_input_tokens": 5,
        "output_tokens": 40,
    },
)
EVENTS = stream_of(MESSAGE)
ONE_TRY = (
    "chains:\n  - id: one\n    models:\n"
    "      - {providerId: claude, modelId: opus, maxRetries: 0}\n"
)


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with ScriptedUpstream() as scripted:
        scripted.on("/v1/models", json_answer({"data": [], "has_more": False}))
        yield scripted


@asynccontextmanager
async def sdk_before(
    upstream: ScriptedUpstream, home: Path
) -> AsyncIterator[tuple[AsyncAnthropic, RunningLaird]]:
    text = document(
        provider(
            "claude",
            upstream.url,
            kind="anthropic",
            models="[{id: opus, upstreamModel: claude-opus-5}]",
            authSecret=SECRET,
        ),
        rest=ONE_TRY,
    )
    async with (
        running_laird(home, text) as laird,
        AsyncAnthropic(base_url=laird.url, api_key=laird.key, max_retries=0) as sdk,
    ):
        yield sdk, laird


def forget_failures(laird: RunningLaird) -> None:
    """Let a provider that has failed be asked again."""
    board = laird.program.gateway._means.board
    snapshot = laird.program.configuration.snapshot
    board.configure(msgspec.structs.replace(snapshot, providers={}))
    board.configure(snapshot)


def asked(upstream: ScriptedUpstream) -> Received:
    (received,) = (one for one in upstream.requests if one.method == "POST")
    return received


async def test_a_message_comes_back_as_it_was_with_who_served_it(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    upstream.always(json_answer(MESSAGE))
    async with sdk_before(upstream, tmp_path) as (sdk, laird):
        sent: dict[str, Any] = {
            "max_tokens": 2000,
            "system": [{"type": "text", "text": "Short.", "cache_control": {"type": "ephemeral"}}],
            "messages": HELLO,
            "tools": [{"type": "web_search_20250305", "name": "web_search"}],
            "thinking": {"type": "adaptive"},
        }
        got = await sdk.beta.messages.create(
            model="claude/opus",
            betas=["context-1m-2025-08-07"],
            extra_body={"brand_new": 1},
            **sent,
        )
        read = got.to_dict()
        assert read.pop("provider") == "claude"
        assert read == MESSAGE
        received = asked(upstream)
        assert received.target == "/v1/messages"
        assert received.json() == {**sent, "model": "claude-opus-5", "brand_new": 1}
        assert received.headers["x-api-key"] == SECRET
        assert received.headers["anthropic-beta"] == "context-1m-2025-08-07"
        assert received.headers["anthropic-version"] == "2026-10-21"
        assert laird.key not in str(received.headers)
        row = (await laird.rows())[0]
        assert (row["prompt_tokens"], row["cached_tokens"], row["cache_write_tokens"]) == (
            105,
            90,
            5,
        )
        assert (row["completion_tokens"], row["estimated"]) == (40, False)
        assert row["dialect"] == "anthropic.messages"


@pytest.mark.parametrize("cut", [False, True], ids=["whole-events", "byte-by-byte"])
async def test_a_stream_comes_back_as_it_was(
    cut: bool, upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    answer = sse_answer(EVENTS)
    upstream.always(bytewise(answer) if cut else answer)
    async with sdk_before(upstream, tmp_path) as (sdk, laird):
        async with sdk.messages.stream(
            model="claude/opus", max_tokens=2000, messages=HELLO
        ) as stream:
            kinds = [item.type async for item in stream]
            message = await stream.get_final_message()
        assert kinds[0] == "message_start"
        assert kinds[-1] == "message_stop"
        got = message.to_dict()
        assert got["content"] == MESSAGE["content"]
        assert got["stop_reason"] == "tool_use"
        assert got["usage"] == MESSAGE["usage"]
        row = (await laird.rows())[0]
        assert (row["prompt_tokens"], row["completion_tokens"]) == (105, 40)
        raw = await laird.client().request(
            "POST",
            "/v1/messages",
            {"model": "claude/opus", "max_tokens": 9, "messages": HELLO, "stream": True},
        )
    unnamed = raw.body.replace(b'"provider":"claude",', b"")
    lines = [part for part in unnamed.split(b"\n\n") if part and not part.startswith(b":")]
    assert lines == [part.rstrip(b"\n") for part in EVENTS]
    assert raw.body.count(b'data: {"provider":"claude",') == len(EVENTS)


async def events_into(seen: list[Any], sdk: AsyncAnthropic) -> None:
    """Collect a stream's events, also those before it breaks."""
    note = seen.append
    async for item in await sdk.messages.create(
        model="one", max_tokens=9, messages=HELLO, stream=True
    ):
        note(item)


@pytest.mark.parametrize("way", ["cut", "reset"])
async def test_a_cut_at_any_event_is_never_an_answer(
    way: str, upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    answer = sse_answer(EVENTS).paced(0.002)
    async with sdk_before(upstream, tmp_path) as (sdk, laird):
        shown = 0
        for at in range(len(EVENTS)):
            upstream.script(answer.cut(at=at) if way == "cut" else answer.reset(at=at))
            seen: list[Any] = []
            with pytest.raises(anthropic.APIStatusError):
                await events_into(seen, sdk)
            assert not {"message_delta", "message_stop"} & {item.type for item in seen}
            shown += len(seen)
            forget_failures(laird)
        assert shown
        rows = await laird.rows()
        assert len(rows) == len(EVENTS)
        assert {row["status"] for row in rows} == {"cut", "error"}


async def test_an_error_event_in_a_stream_keeps_its_type(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    upstream.always(sse_answer([*EVENTS[:6], event(error)]))
    async with sdk_before(upstream, tmp_path) as (sdk, _):
        with pytest.raises(anthropic.APIStatusError, match="Overloaded") as caught:
            await events_into([], sdk)
        assert caught.value.type == "overloaded_error"
        assert caught.value.error_code == "provider_error"


async def test_thinking_of_other_providers_is_not_shown_to_claude(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    upstream.always(json_answer(MESSAGE))
    own = MESSAGE["content"]
    foreign = [
        {"type": "thinking", "thinking": "unsigned", "signature": ""},
        {"type": "thinking", "thinking": "of Gemini", "signature": "gemini:c2ln"},
        {"type": "redacted_thinking", "data": "call:gemini:c2ln"},
    ]
    turns = [*HELLO, {"role": "assistant", "content": foreign}, *HELLO]
    turns += [{"role": "assistant", "content": [*foreign, *own]}, *HELLO]
    async with sdk_before(upstream, tmp_path) as (sdk, _):
        await sdk.messages.create(model="claude/opus", max_tokens=9, messages=turns)
    sent = asked(upstream).json()["messages"]
    assert sent == [*HELLO, *HELLO, {"role": "assistant", "content": own}, *HELLO]


async def test_tokens_are_counted_by_the_provider_and_cost_nothing(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    upstream.on("/v1/messages/count_tokens", json_answer({"input_tokens": 2095}))
    async with sdk_before(upstream, tmp_path) as (sdk, laird):
        count = await sdk.messages.count_tokens(model="claude/opus", messages=HELLO, system="Short")
        assert count.input_tokens == 2095
        assert count.to_dict()["provider"] == "claude"
        received = asked(upstream)
        assert received.path == "/v1/messages/count_tokens"
        assert received.json() == {"model": "claude-opus-5", "messages": HELLO, "system": "Short"}
        row = (await laird.rows())[0]
        assert (row["prompt_tokens"], row["completion_tokens"], row["cost_nano"] or 0) == (0, 0, 0)


async def test_tokens_are_estimated_when_the_provider_fails(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    refusal = {"type": "error", "error": {"type": "api_error", "message": "Internal"}}
    upstream.always(json_answer(refusal, status=500))
    async with sdk_before(upstream, tmp_path) as (sdk, _):
        count = await sdk.messages.count_tokens(
            model="one", messages=[{"role": "user", "content": "x" * 400}]
        )
        assert count.input_tokens == 100


REFUSALS = [
    (400, "invalid_request_error", "max_tokens: too large", anthropic.BadRequestError, None),
    (413, "request_too_large", "Request exceeds 32 MB", anthropic.ContentTooLargeError, None),
    (404, "not_found_error", "model: claude-opus-5", anthropic.NotFoundError, "model_not_found"),
    (429, "rate_limit_error", "Slow down.", anthropic.RateLimitError, "rate_limit_exceeded"),
    (529, "overloaded_error", "Overloaded", anthropic.InternalServerError, "provider_error"),
    (401, "authentication_error", "bad key", anthropic.InternalServerError, "provider_error"),
]


@pytest.mark.parametrize(("status", "kind", "message", "raised", "code"), REFUSALS)
async def test_refusals_are_the_exceptions_of_the_sdk(
    status: int,
    kind: str,
    message: str,
    raised: type[anthropic.APIStatusError],
    code: str | None,
    upstream: ScriptedUpstream,
    tmp_path: Path,
) -> None:
    body = {"type": "error", "error": {"type": kind, "message": message}}
    upstream.always(json_answer(body, status=status))
    async with sdk_before(upstream, tmp_path) as (sdk, _):
        with pytest.raises(raised) as caught:
            await sdk.messages.create(model="one", max_tokens=9, messages=HELLO)
    error = caught.value
    assert message.rstrip(".") in (error.api_message or "")
    if status != 401:  # the client's own key is good
        assert error.type == kind
    if code is not None:
        assert error.error_code == code
    assert SECRET not in json.dumps(error.body)


async def test_a_prompt_that_is_too_long_is_told_in_the_words_that_programs_look_for(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    message = "prompt is too long: 200251 tokens > 200000 maximum"
    body = {"type": "error", "error": {"type": "invalid_request_error", "message": message}}
    upstream.always(json_answer(body, status=400))
    async with sdk_before(upstream, tmp_path) as (sdk, _):
        with pytest.raises(anthropic.BadRequestError, match="prompt is too long: 200251") as caught:
            await sdk.messages.create(model="one", max_tokens=9, messages=HELLO)
    assert caught.value.error_code == "context_length_exceeded"


async def test_plain_json_where_a_stream_was_to_come_is_an_error(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    body = {"type": "error", "error": {"type": "api_error", "message": "the backend is gone"}}
    upstream.always(
        Answer(200, (("Content-Type", "text/event-stream"),), (json.dumps(body).encode(),))
    )
    async with sdk_before(upstream, tmp_path) as (sdk, _):
        with pytest.raises(anthropic.InternalServerError, match="the backend is gone"):
            await sdk.messages.create(model="one", max_tokens=9, messages=HELLO, stream=True)
