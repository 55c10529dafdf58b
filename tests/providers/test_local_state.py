"""Which models are loaded, as each local server tells it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.laird import free_port
from tests.support.llama_server import LlamaServer
from tests.support.tiny_model import write_tiny_model
from tests.support.upstream import ScriptedUpstream, json_answer

from laird.domain.catalog import AuthType, Egress, Model, Provider
from laird.domain.chat import ChatRequest, Image, Message, Role, Text
from laird.domain.errors import UpstreamGarbled, UpstreamRejected
from laird.domain.health import LoadedModel, ProviderCondition
from laird.domain.secret import Secret
from laird.gateway.inspect import Inspector
from laird.providers.base import Adapter
from laird.providers.registry import build_adapter
from laird.transport.client import HttpTransport
from laird.transport.proxies import Proxies


def provider(kind: str, endpoint: str = "http://127.0.0.1:1", **fields: Any) -> Provider:
    return Provider(
        id="box", name="Box", kind=kind, egress=Egress.LOCAL, endpoint=endpoint, **fields
    )


def adapter(kind: str, endpoint: str = "http://127.0.0.1:1") -> Adapter:
    return build_adapter(provider(kind, endpoint))


def loaded(kind: str, body: object) -> tuple[LoadedModel, ...]:
    return adapter(kind).read_state(json.dumps(body).encode())


@pytest.mark.parametrize(
    ("kind", "endpoint", "path", "other"),
    [
        ("lmstudio", "http://box:1234/v1", "/api/v0/models", "/api/v1/models"),
        ("localai", "http://box:8080", "/system", None),
        ("llamacpp", "http://box:8080", "/v1/models", None),
        ("vllm", "https://proxy/gpu/v1", "/gpu/v1/models", None),
        ("lightllm", "http://box:8000", "/v1/models", "/get_model_name"),
        ("lmstudio", "https://proxy/studio/v1", "/studio/api/v0/models", "/studio/api/v1/models"),
    ],
)
def test_each_kind_is_asked_at_its_path(
    kind: str, endpoint: str, path: str, other: str | None
) -> None:
    first, second = adapter(kind, endpoint).state_request(), None
    assert first is not None
    assert first.head.target == path
    second = adapter(kind, endpoint).other_state_request()
    assert (second.head.target if second else None) == other


@pytest.mark.parametrize("kind", ["openai", "custom", "demo", "anthropic"])
def test_others_do_not_say(kind: str) -> None:
    bound = adapter(kind, "https://example.com")
    assert bound.state_request() is None
    assert bound.other_state_request() is None


class TestLMStudio:
    def test_the_newer_list(self) -> None:
        instance = {"id": "qwen/qwen3-4b:2", "config": {"context_length": 8192}}
        body = {
            "models": [
                {"type": "llm", "key": "qwen/qwen3-4b", "loaded_instances": [instance]},
                {"type": "llm", "key": "cold", "loaded_instances": [], "max_context_length": 9},
                {"type": "embedding", "key": "nomic", "loaded_instances": [{"id": "nomic"}]},
            ]
        }
        assert loaded("lmstudio", body) == (
            LoadedModel(id="qwen/qwen3-4b", aliases=("qwen/qwen3-4b:2",), context_window=8192),
            LoadedModel(id="nomic", aliases=("nomic",)),
        )

    def test_the_older_list(self) -> None:
        body = {
            "object": "list",
            "data": [
                {"id": "a", "state": "loaded", "loaded_context_length": 4096},
                {"id": "b", "state": "loaded", "max_context_length": 32768},
                {"id": "c", "state": "not-loaded"},
            ],
        }
        assert loaded("lmstudio", body) == (
            LoadedModel(id="a", context_window=4096),
            LoadedModel(id="b"),
        )

    def test_its_answer_to_unknown_paths_is_no_list(self) -> None:
        with pytest.raises(UpstreamGarbled):
            loaded("lmstudio", {"error": "Unexpected endpoint or method. (GET /api/v1/models)"})


class TestLlamaCpp:
    def test_a_router_tells_each_models_status(self) -> None:
        body = {
            "data": [
                {"id": "a", "status": {"value": "loaded"}, "meta": {"n_ctx": 2048}},
                {"id": "b", "status": {"value": "unloaded", "args": ["llama-server"]}},
                {"id": "c", "status": {"value": "sleeping"}},
                {"id": "d", "aliases": ["dee"], "status": {"value": "loaded"}, "meta": None},
            ]
        }
        read = loaded("llamacpp", body)
        assert read == (
            LoadedModel(id="a", context_window=2048),
            LoadedModel(id="d", aliases=("dee",)),
        )
        condition = ProviderCondition(loaded=read)
        assert condition.loaded_as("dee") is not None
        assert condition.loaded_as("b") is None


def test_vllm_serves_what_it_has_loaded() -> None:
    body = {"data": [{"id": "Qwen/Qwen3-8B", "max_model_len": 4096}, {"id": "a-lora"}]}
    assert loaded("vllm", body) == (
        LoadedModel(id="Qwen/Qwen3-8B", context_window=4096),
        LoadedModel(id="a-lora"),
    )


def test_lightllm_serves_one_model_under_any_name() -> None:
    for body in ({"data": [{"id": "llama", "max_model_len": 4096}]}, {"model_name": "llama"}):
        assert ProviderCondition(loaded=loaded("lightllm", body)).loaded_as("whatever") is not None


def test_localai_tells_what_its_backends_hold() -> None:
    body = {"backends": ["llama-cpp"], "loaded_models": [{"id": "a"}, {"id": "b", "backend": "x"}]}
    assert loaded("localai", body) == (LoadedModel(id="a"), LoadedModel(id="b"))
    assert loaded("localai", {"backends": [], "loaded_models": None}) == ()


@pytest.mark.parametrize("kind", ["lmstudio", "localai", "llamacpp", "vllm", "lightllm"])
@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"{}", b"[]", b'{"data": 5}', b'{"data": ["x"]}', b'{"data": [{}]}']
)
def test_what_is_no_list_is_garbled(kind: str, body: bytes) -> None:
    with pytest.raises(UpstreamGarbled, match="box"):
        adapter(kind).read_state(body)


class TestLooking:
    @pytest.fixture
    async def upstream(self) -> AsyncIterator[ScriptedUpstream]:
        async with ScriptedUpstream() as up:
            yield up

    @pytest.fixture
    async def inspector(self) -> AsyncIterator[Inspector]:
        transport = HttpTransport(proxies=Proxies({}))
        yield Inspector(transport, build_adapter)
        await transport.close()

    async def test_the_state_is_asked_for(
        self, inspector: Inspector, upstream: ScriptedUpstream
    ) -> None:
        upstream.on("/api/ps", json_answer({"models": [{"model": "a:7b"}]}))
        found = await inspector.look(provider("ollama", upstream.url))
        assert found == (LoadedModel(id="a:7b", aliases=("a:7b",)),)

    async def test_another_version_is_asked_its_own_way(
        self, inspector: Inspector, upstream: ScriptedUpstream
    ) -> None:
        upstream.on("/api/v0/models", json_answer({"error": "Unexpected endpoint or method."}))
        upstream.on("/api/v1/models", json_answer({"models": []}))
        assert await inspector.look(provider("lmstudio", upstream.url)) == ()

    async def test_a_server_that_keeps_it_to_itself_does_no_harm(
        self, inspector: Inspector, upstream: ScriptedUpstream
    ) -> None:
        assert await inspector.look(provider("lmstudio", upstream.url)) is None
        assert len(upstream.requests) == 2
        assert await inspector.look(provider("custom", upstream.url)) is None
        assert len(upstream.requests) == 2
        assert await inspector.look(provider("vllm", "http://127.0.0.1:1")) is None


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaServer]:
    path: Path = tmp_path_factory.mktemp("tiny") / "tiny.gguf"
    write_tiny_model(path, "hello there")
    server = LlamaServer(path, free_port()).start()
    yield server
    server.kill()


class TestARealLlamaCpp:
    @pytest.fixture
    async def transport(self) -> AsyncIterator[HttpTransport]:
        transport = HttpTransport(proxies=Proxies({}))
        yield transport
        await transport.close()

    def provider(self, server: LlamaServer) -> Provider:
        secret = Secret(server.key)
        return provider("llamacpp", server.url, auth_type=AuthType.BEARER, secret=secret)

    async def test_its_one_model_is_loaded_whatever_it_is_called(
        self, server: LlamaServer, transport: HttpTransport
    ) -> None:
        found = await Inspector(transport, build_adapter).look(self.provider(server))
        assert found is not None
        condition = ProviderCondition(loaded=found)
        for name in ("tiny", "any-name"):
            model = condition.loaded_as(name)
            assert model is not None
            # 1024 tokens in all are shared by its two slots.
            assert model.context_window == 512

    @pytest.mark.parametrize(
        ("part", "code"),
        [
            (Text("word " * 3000), "context_length_exceeded"),
            (Image(media_type="image/png", data="iVBORw0KGgo="), None),
        ],
    )
    async def test_its_refusals_are_the_clients_to_mend(
        self, server: LlamaServer, transport: HttpTransport, part: Any, code: str | None
    ) -> None:
        bound = build_adapter(self.provider(server))
        model = Model(
            id="m", name="m", provider_id="box", upstream_model="tiny", egress=Egress.LOCAL
        )
        request = ChatRequest(messages=(Message(role=Role.USER, parts=(part,)),))
        response = await transport.send(bound.chat_request(model, request), bound.provider.timeouts)
        body = await response.read(1 << 20)
        response.close()
        error = bound.read_error(response.status, response.headers, body)
        assert isinstance(error, UpstreamRejected)
        assert error.status == 400
        if code is not None:
            assert error.upstream_code == code
