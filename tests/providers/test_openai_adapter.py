"""Where requests of the OpenAI family go, what differs by kind, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.providers.openai_profile import validate

from laird.domain.catalog import AuthType, Egress, HealthCheck, Model, Provider
from laird.domain.chat import (
    ChatRequest,
    Image,
    Message,
    Part,
    Reasoning,
    ResponseFormat,
    Role,
    Sampling,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from laird.domain.errors import UnsupportedField
from laird.domain.secret import Secret
from laird.providers.base import Adapter
from laird.providers.registry import KINDS, build_adapter

HI = {"role": "user", "content": "Hi"}


def adapter(kind: str = "custom", endpoint: str = "http://box:1234", **fields: Any) -> Adapter:
    provider = Provider(
        id="box", name="Box", kind=kind, egress=Egress.LOCAL, endpoint=endpoint, **fields
    )
    return build_adapter(provider)


MODEL = Model(id="m", name="M", provider_id="box", upstream_model="up", egress=Egress.LOCAL)


def forwarded(kind: str = "custom", **fields: Any) -> dict[str, Any]:
    body = {"model": "auto", "messages": [HI], **fields}
    sent: dict[str, Any] = json.loads(
        adapter(kind).forward_request("openai.chat", MODEL, body).body
    )
    return sent


def written(request: ChatRequest, kind: str = "custom") -> dict[str, Any]:
    sent: dict[str, Any] = json.loads(adapter(kind).chat_request(MODEL, request).body)
    validate(sent)
    return sent


def asking(**fields: Any) -> ChatRequest:
    return ChatRequest(messages=(Message(role=Role.USER, parts=(Text("Hi"),)),), **fields)


def turn(role: Role, *parts: Part) -> list[dict[str, Any]]:
    request = ChatRequest(messages=(Message(role=role, parts=parts),))
    messages: list[dict[str, Any]] = written(request)["messages"]
    return messages


class TestAddresses:
    @pytest.mark.parametrize(
        ("endpoint", "base"),
        [
            ("http://box:11434", "/v1"),
            ("http://box:11434/", "/v1"),
            ("http://box:11434/v1", "/v1"),
            ("http://box:11434/v1/", "/v1"),
            ("https://openrouter.ai/api/v1/", "/api/v1"),
            ("https://generativelanguage.googleapis.com/v1beta/openai", "/v1beta/openai"),
            ("http://box/llm/v1/chat/completions", "/llm/v1"),
        ],
    )
    def test_every_way_to_write_an_endpoint(self, endpoint: str, base: str) -> None:
        bound = adapter(endpoint=endpoint)
        chat = bound.forward_request("openai.chat", MODEL, {"model": "x", "messages": [HI]})
        assert chat.head.target == f"{base}/chat/completions"
        assert bound.models_request().head.target == f"{base}/models"
        assert bound.probe_request() == bound.models_request()

    def test_what_is_no_address(self) -> None:
        with pytest.raises(ValueError, match="http"):
            adapter(endpoint="box:1234")

    def test_the_head_is_built_once(self) -> None:
        bound = adapter()
        first, second = (
            bound.forward_request("openai.chat", MODEL, {"model": "x", "messages": [HI]}).head
            for _ in range(2)
        )
        assert first is second

    @pytest.mark.parametrize(
        ("kind", "endpoint", "path"),
        [
            ("ollama", "http://box:11434/v1", "/api/version"),
            ("llamacpp", "http://box:8080", "/health"),
            ("vllm", "http://box:8000/v1", "/health"),
            ("vllm", "https://box/gpu/v1", "/gpu/health"),
            ("localai", "http://box:8080", "/readyz"),
            ("lightllm", "http://box:8000", "/readiness"),
            ("lmstudio", "http://box:1234", "/v1/models"),
            ("openai", "https://api.openai.com/v1", "/v1/models"),
        ],
    )
    def test_each_kind_has_its_probe(self, kind: str, endpoint: str, path: str) -> None:
        assert adapter(kind, endpoint).probe_request().head.target == path

    @pytest.mark.parametrize("path", ["/alive?deep=1", "alive?deep=1"])
    def test_a_configured_probe_counts_from_the_host(self, path: str) -> None:
        bound = adapter("vllm", "https://box/gpu/v1", health=HealthCheck(path=path))
        assert bound.probe_request().head.target == "/alive?deep=1"


class TestCredentials:
    def headers(self, kind: str, auth_type: AuthType, secret: str | None = "s3cret") -> Any:
        held = Secret(secret) if secret is not None else None
        bound = adapter(kind, auth_type=auth_type, secret=held)
        return bound.models_request().head.headers

    def test_where_the_credential_goes(self) -> None:
        bearer = (("authorization", "Bearer s3cret"),)
        assert self.headers("openai", AuthType.BEARER) == bearer
        assert self.headers("openai", AuthType.API_KEY) == bearer
        assert self.headers("vllm", AuthType.BEARER) == bearer
        assert self.headers("custom", AuthType.BEARER) == bearer
        assert self.headers("custom", AuthType.API_KEY) == (("x-api-key", "s3cret"),)

    def test_none_is_sent_where_none_is_meant(self) -> None:
        assert self.headers("custom", AuthType.NONE) == ()
        assert self.headers("openai", AuthType.BEARER, None) == ()
        assert self.headers("openai", AuthType.BEARER, "") == ()


class TestForwarding:
    def test_usage_is_asked_for_in_streams_only(self) -> None:
        assert "stream_options" not in forwarded()
        assert forwarded(stream=True)["stream_options"] == {"include_usage": True}
        options = {"include_usage": False, "include_obfuscation": False}
        assert forwarded(stream=True, stream_options=options)["stream_options"] == {
            "include_usage": True,
            "include_obfuscation": False,
        }
        assert forwarded(stream=True, stream_options=None)["stream_options"] == {
            "include_usage": True
        }

    @pytest.mark.parametrize("kind", ["openai", "vllm", "llamacpp", "custom"])
    def test_those_who_know_it_get_the_newer_limit(self, kind: str) -> None:
        sent = forwarded(kind, max_completion_tokens=7)
        assert sent["max_completion_tokens"] == 7
        assert "max_tokens" not in sent

    @pytest.mark.parametrize("kind", ["lmstudio", "localai", "lightllm"])
    def test_others_get_it_under_the_older_name(self, kind: str) -> None:
        sent = forwarded(kind, max_completion_tokens=7, max_tokens=5)
        assert sent["max_tokens"] == 7
        assert "max_completion_tokens" not in sent
        assert "max_tokens" not in forwarded(kind, max_completion_tokens=None)


class TestWriting:
    def test_the_limit_has_the_name_that_the_server_knows(self) -> None:
        assert written(asking(max_tokens=5), "openai")["max_completion_tokens"] == 5
        assert written(asking(max_tokens=5), "vllm")["max_tokens"] == 5

    def test_all_settings(self) -> None:
        sampling = Sampling(
            temperature=0.1,
            top_p=0.2,
            top_k=3,
            stop=("a",),
            seed=4,
            presence_penalty=0.5,
            frequency_penalty=0.6,
            logprobs=True,
            top_logprobs=2,
            logit_bias={"7": 1},
        )
        sent = written(
            asking(
                sampling=sampling,
                stream=True,
                user="u",
                parallel_tool_calls=False,
                tools=(Tool(name="f", description="d", parameters={}, strict=True),),
                tool_choice=ToolChoice(mode="tool", name="f"),
                response_format=ResponseFormat(kind="json_object"),
                reasoning_effort="low",
                extra={"metadata": {"a": "b"}, "model": "other"},
            )
        )
        assert sent == {
            "model": "up",
            "messages": [HI],
            "stream": True,
            "stream_options": {"include_usage": True},
            "tools": [
                {
                    "type": "function",
                    "function": {"name": "f", "description": "d", "parameters": {}, "strict": True},
                }
            ],
            "tool_choice": {"type": "function", "function": {"name": "f"}},
            "parallel_tool_calls": False,
            "response_format": {"type": "json_object"},
            "reasoning_effort": "low",
            "user": "u",
            "temperature": 0.1,
            "top_p": 0.2,
            "top_k": 3,
            "stop": ["a"],
            "seed": 4,
            "presence_penalty": 0.5,
            "frequency_penalty": 0.6,
            "logprobs": True,
            "top_logprobs": 2,
            "logit_bias": {"7": 1},
            "metadata": {"a": "b"},
        }

    def test_a_schema_without_a_name_gets_one(self) -> None:
        form = ResponseFormat(kind="json_schema")
        assert written(asking(response_format=form))["response_format"] == {
            "type": "json_schema",
            "json_schema": {"name": "answer"},
        }

    @pytest.mark.parametrize(
        ("budget", "effort"), [(0, "none"), (1024, "low"), (8000, "medium"), (32_000, "high")]
    )
    def test_a_budget_of_thinking_becomes_an_effort(self, budget: int, effort: str) -> None:
        assert written(asking(reasoning_budget=budget))["reasoning_effort"] == effort

    def test_what_would_be_lost_is_refused(self) -> None:
        with pytest.raises(UnsupportedField) as several:
            written(asking(sampling=Sampling(n=2)))
        assert several.value.param == "n"
        with pytest.raises(UnsupportedField) as unknown:
            written(asking(sampling=Sampling(top_k=5)), "openai")
        assert unknown.value.param == "top_k"

    def test_thinking_goes_only_to_those_who_read_it(self) -> None:
        spoken = Message(role=Role.ASSISTANT, parts=(Reasoning(text="hm"), Text("Yes")))
        request = ChatRequest(messages=(spoken,))
        assert written(request, "vllm")["messages"][0]["reasoning_content"] == "hm"
        assert written(request, "openai")["messages"] == [{"role": "assistant", "content": "Yes"}]

    def test_turns(self) -> None:
        call = ToolCall(id="c", name="f", arguments="{}")
        assert turn(Role.ASSISTANT, Text("a"), Text("b")) == [
            {"role": "assistant", "content": "ab"}
        ]
        assert turn(Role.ASSISTANT, call)[0]["content"] is None
        assert turn(Role.SYSTEM, Text("a"), Text("b"))[0]["content"] == [
            {"type": "text", "text": "a"},
            {"type": "text", "text": "b"},
        ]
        named = ChatRequest(messages=(Message(role=Role.USER, parts=(Text("x"),), name="Ann"),))
        assert written(named)["messages"] == [{"role": "user", "name": "Ann", "content": "x"}]

    def test_images(self) -> None:
        inline = Image(media_type="image/png", data="aGk=", detail="low")
        url = {"url": "data:image/png;base64,aGk=", "detail": "low"}
        assert turn(Role.USER, inline)[0]["content"] == [{"type": "image_url", "image_url": url}]

    def test_images_in_tool_results_follow_as_the_users(self) -> None:
        picture = Image(url="https://e.com/a.png")
        sent = turn(
            Role.TOOL,
            ToolResult(call_id="1", parts=(Text("seen"), picture)),
            ToolResult(call_id="2", parts=(picture,)),
            ToolResult(call_id="3", parts=(Text("no such file"),), is_error=True),
            ToolResult(call_id="4", parts=()),
        )
        shown = {"type": "image_url", "image_url": {"url": "https://e.com/a.png"}}
        assert sent == [
            {"role": "tool", "tool_call_id": "1", "content": "seen"},
            {"role": "tool", "tool_call_id": "2", "content": "The result follows below."},
            {"role": "tool", "tool_call_id": "3", "content": "Error: no such file"},
            {"role": "tool", "tool_call_id": "4", "content": ""},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "From the result of 1:"},
                    shown,
                    {"type": "text", "text": "From the result of 2:"},
                    shown,
                ],
            },
        ]


class TestModels:
    def found(self, item: dict[str, Any], kind: str = "custom") -> Any:
        return adapter(kind).read_models(json.dumps({"data": [item]}).encode())[0]

    @pytest.mark.parametrize(
        ("item", "window"),
        [
            ({"max_model_len": 8192}, 8192),
            ({"meta": {"n_ctx_train": 4096}}, 4096),
            ({"meta": {"n_ctx_train": 4096, "n_ctx": 2048}}, 2048),
            ({"context_length": 100_000}, 100_000),
            ({"context_window": "big"}, None),
            ({}, None),
        ],
    )
    def test_the_context_by_all_its_names(self, item: dict[str, Any], window: int | None) -> None:
        assert self.found({"id": "m", **item}).context_window == window

    def test_the_output_limit(self) -> None:
        assert self.found({"id": "m", "max_completion_tokens": 5}).max_tokens == 5
        assert self.found({"id": "m"}).max_tokens is None

    def test_entries_without_an_id_are_passed_over(self) -> None:
        assert adapter().read_models(b'{"data":["x",{"id":5},{"id":"m"}]}')[0].id == "m"


class TestRegistry:
    def test_every_kind_has_an_adapter(self) -> None:
        for name, kind in KINDS.items():
            assert kind.id == name
            bound = adapter(name, kind.endpoint or "https://example.com")
            assert bound.provider.id

    def test_only_kinds_that_stay_are_local(self) -> None:
        external = {name for name, kind in KINDS.items() if kind.egress is Egress.EXTERNAL}
        assert {"openai", "anthropic", "custom"} <= external
        assert "ollama" not in external

    def test_an_unknown_kind_is_told_what_is_known(self) -> None:
        with pytest.raises(ValueError, match="ollama"):
            adapter("olama")
