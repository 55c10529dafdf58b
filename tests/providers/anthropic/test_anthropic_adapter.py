"""The adapter as the gateway sees it, and against the official SDK over a real socket."""

from __future__ import annotations

import json
from typing import Any

import pytest
from anthropic import AsyncAnthropic
from anthropic.types import ModelInfo
from tests.providers.anthropic.anthropic_wire import (
    SECRET,
    answer_body,
    chat,
    folded,
    model,
    provider,
    stream_of,
)
from tests.support.upstream import ScriptedUpstream, sse_answer

from laird.domain.catalog import AuthType, Capabilities, HealthCheck
from laird.domain.errors import UpstreamGarbled
from laird.domain.secret import Secret
from laird.providers.anthropic.adapter import AnthropicAdapter
from laird.providers.base import Adapter, FoundModel

ADAPTER: Adapter = AnthropicAdapter(provider())


@pytest.mark.parametrize(
    ("endpoint", "authority", "target"),
    [
        ("https://api.anthropic.com", "api.anthropic.com", "/v1/messages"),
        ("https://api.anthropic.com/", "api.anthropic.com", "/v1/messages"),
        ("https://api.anthropic.com/v1", "api.anthropic.com", "/v1/messages"),
        ("https://api.anthropic.com/v1/messages", "api.anthropic.com", "/v1/messages"),
        ("http://proxy:8080/anthropic/v1/", "proxy:8080", "/anthropic/v1/messages"),
    ],
)
def test_where_requests_go(endpoint: str, authority: str, target: str) -> None:
    head = AnthropicAdapter(provider(endpoint)).chat_request(model(), chat()).head
    assert (head.method, head.origin.authority, head.target) == ("POST", authority, target)


@pytest.mark.parametrize(
    ("auth", "secret", "header"),
    [
        (AuthType.API_KEY, Secret(SECRET), ("x-api-key", SECRET)),
        (AuthType.BEARER, Secret(SECRET), ("authorization", f"Bearer {SECRET}")),
        (AuthType.NONE, Secret(SECRET), None),
        (AuthType.API_KEY, None, None),
        (AuthType.API_KEY, Secret(""), None),
    ],
)
def test_how_the_credential_is_sent(
    auth: AuthType, secret: Secret | None, header: tuple[str, str] | None
) -> None:
    adapter = AnthropicAdapter(provider(auth_type=auth, secret=secret))
    for request in (
        adapter.chat_request(model(), chat()),
        adapter.models_request(),
        adapter.probe_request(),
    ):
        headers = dict(request.head.headers)
        assert headers["anthropic-version"] == "2023-06-01"
        found = {name: headers[name] for name in ("x-api-key", "authorization") if name in headers}
        assert found == (dict([header]) if header else {})


def test_a_body_of_the_same_dialect_is_passed_on_whole() -> None:
    assert "anthropic.messages" in ADAPTER.speaks
    body = {"model": "claude/m", "max_tokens": 1, "messages": [], "brand_new": {"x": [1]}}
    sent = ADAPTER.forward_request("anthropic.messages", model("claude-haiku-4-5"), body)
    assert json.loads(sent.body) == {**body, "model": "claude-haiku-4-5"}
    assert sent.head is ADAPTER.chat_request(model(), chat()).head


def test_what_a_client_says_in_headers_goes_along() -> None:
    passed = {"anthropic-version": "2026-10-21", "anthropic-beta": "a,b"}
    sent = ADAPTER.forward_request("anthropic.messages", model(), {}, passed)
    headers = dict(sent.head.headers)
    assert {name: headers[name] for name in passed} == passed
    assert headers["x-api-key"] == SECRET
    assert len(headers) == len(sent.head.headers)
    assert (
        ADAPTER.forward_request("anthropic.messages", model(), {}, dict(passed)).head is sent.head
    )
    beta = {"anthropic-beta": "a,b"}
    alone = ADAPTER.forward_request("anthropic.messages", model(), {}, beta).head
    assert dict(alone.headers)["anthropic-version"] == "2023-06-01"


def test_only_so_many_heads_are_kept() -> None:
    adapter = AnthropicAdapter(provider())
    for number in range(200):
        passed = {"anthropic-beta": str(number)}
        head = adapter.forward_request("anthropic.messages", model(), {}, passed).head
        assert dict(head.headers)["anthropic-beta"] == str(number)
    assert len(adapter._heads) <= 64


@pytest.mark.parametrize("passed", [None, {"anthropic-beta": "token-counting-2024-11-01"}])
def test_tokens_are_counted_at_their_own_place(passed: dict[str, str] | None) -> None:
    assert "anthropic.count_tokens" in ADAPTER.speaks
    body = {"model": "claude/m", "messages": []}
    sent = ADAPTER.forward_request("anthropic.count_tokens", model(), body, passed)
    assert sent.head.target == "/v1/messages/count_tokens"
    assert json.loads(sent.body) == {"model": "claude-opus-5", "messages": []}


THINKING = {"type": "thinking", "thinking": "Hm", "signature": "c2ln"}
REDACTED = {"type": "redacted_thinking", "data": "aGlk"}
TEXT = {"type": "text", "text": "Yes"}


@pytest.mark.parametrize(
    "foreign",
    [
        {**THINKING, "signature": ""},
        {**THINKING, "signature": "gemini:c2ln"},
        {"type": "thinking", "thinking": "Hm"},
        {**REDACTED, "data": "openai:gAAA"},
        {**REDACTED, "data": "call:gemini:c2ln"},
    ],
)
def test_thinking_of_others_is_left_out_of_what_is_passed_on(foreign: dict[str, Any]) -> None:
    user = {"role": "user", "content": "Hi"}
    messages: list[Any] = [
        user,
        {"role": "assistant", "content": [foreign, THINKING, REDACTED, TEXT]},
        user,
        {"role": "assistant", "content": [foreign]},
        {"role": "user", "content": [TEXT]},
    ]
    body = {"model": "m", "messages": messages}
    sent = json.loads(ADAPTER.forward_request("anthropic.messages", model(), body).body)
    assert sent["messages"] == [
        user,
        {"role": "assistant", "content": [THINKING, REDACTED, TEXT]},
        user,
        {"role": "user", "content": [TEXT]},
    ]
    assert len(messages[1]["content"]) == 4


@pytest.mark.parametrize(("kept", "thinks"), [([], False), ([THINKING], True)])
def test_calls_without_their_thinking_are_followed_by_none(
    kept: list[dict[str, Any]], thinks: bool
) -> None:
    call = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    foreign = {**THINKING, "signature": "gemini:c2ln"}
    answer = {"role": "assistant", "content": [foreign, *kept, call]}
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t"}]}
    body = {
        "messages": [{"role": "user", "content": "Hi"}, answer, result],
        "thinking": {"type": "enabled", "budget_tokens": 1024},
    }
    sent = json.loads(ADAPTER.forward_request("anthropic.messages", model(), body).body)
    assert ("thinking" in sent) is thinks


def test_odd_messages_are_left_to_the_api() -> None:
    for messages in ("x", [3], [{"role": "assistant", "content": ["x", {"type": 3}]}]):
        body = {"model": "m", "messages": messages}
        sent = json.loads(ADAPTER.forward_request("anthropic.messages", model(), body).body)
        assert sent["messages"] == messages


def test_the_list_of_models() -> None:
    request = ADAPTER.models_request()
    assert (request.head.method, request.head.target) == ("GET", "/v1/models?limit=1000")
    yes, no = {"supported": True}, {"supported": False}
    known = {"image_input": yes, "structured_outputs": no, "thinking": {**yes, "types": {}}}
    models: list[dict[str, Any]] = [
        {
            "id": "claude-opus-5",
            "type": "model",
            "display_name": "Claude Opus 5",
            "created_at": "2026-07-20T00:00:00Z",
            "lifecycle": "active",
            "max_input_tokens": 1_000_000,
            "max_tokens": 128_000,
            "capabilities": known,
        },
        {"id": "claude-2.1", "type": "model", "lifecycle": "retired"},
        {"id": "claude-haiku-4-5", "type": "model", "capabilities": None},
    ]
    assert ModelInfo.construct(**models[0]).max_tokens == 128_000
    assert ADAPTER.read_models(json.dumps({"data": models, "has_more": False}).encode()) == (
        FoundModel(
            id="claude-opus-5",
            context_window=1_000_000,
            max_tokens=128_000,
            capabilities=Capabilities(
                streaming=True,
                function_calling=True,
                vision=True,
                json_mode=False,
                embeddings=False,
                reasoning=True,
            ),
        ),
        FoundModel(
            id="claude-haiku-4-5",
            capabilities=Capabilities(streaming=True, function_calling=True, embeddings=False),
        ),
    )


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"models": []}', b'{"data": [{}]}'])
def test_anything_else_is_no_list(body: bytes) -> None:
    with pytest.raises(UpstreamGarbled, match="models"):
        ADAPTER.read_models(body)


def test_the_probe_costs_nothing() -> None:
    head = ADAPTER.probe_request().head
    assert (head.method, head.target) == ("GET", "/v1/models?limit=1")
    other = AnthropicAdapter(provider(health=HealthCheck(path="/healthz"))).probe_request()
    assert other.head.target == "/healthz"


async def test_the_official_client_reads_the_same_from_the_same_stream() -> None:
    """The SDK's own accumulator is the oracle for ours."""
    body = answer_body(
        {"type": "thinking", "thinking": "Hm.", "signature": "sig=="},
        {"type": "text", "text": "Ich sehe nach."},
        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"city": "Köln"}},
        {"type": "tool_use", "id": "toolu_2", "name": "g", "input": {}},
        stop="tool_use",
        usage={"input_tokens": 9, "cache_read_input_tokens": 5, "output_tokens": 30},
    )
    events = stream_of(body)
    async with ScriptedUpstream() as upstream:
        upstream.script(sse_answer(events))
        client = AsyncAnthropic(api_key=SECRET, base_url=upstream.url, max_retries=0)
        async with (
            client,
            client.messages.stream(
                model="claude-opus-5", max_tokens=64, messages=[{"role": "user", "content": "Hi"}]
            ) as stream,
        ):
            theirs = await stream.get_final_message()
    reader = ADAPTER.event_reader()
    ours = folded([item for piece in events for item in reader.feed(piece)] + reader.end())
    assert ours["calls"] == [
        (block.id, block.name, block.input) for block in theirs.content if block.type == "tool_use"
    ]
    assert ours["text"] == "".join(b.text for b in theirs.content if b.type == "text")
    assert ours["thinking"] == "".join(b.thinking for b in theirs.content if b.type == "thinking")
    assert ours["signatures"] == [b.signature for b in theirs.content if b.type == "thinking"]
    assert ours["usage"].completion == theirs.usage.output_tokens
    assert ours["usage"].cached == theirs.usage.cache_read_input_tokens
