"""Addresses, lists, state and embeddings of an Ollama server."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.providers.ollama.ollama_wire import adapter, chat, check_embed, model

from laird.domain.catalog import AuthType, Capabilities, Egress, HealthCheck
from laird.domain.embedding import EmbeddingRequest
from laird.domain.errors import UnsupportedField, UpstreamGarbled
from laird.domain.health import LoadedModel, ProviderCondition
from laird.domain.secret import Secret
from laird.domain.tokens import TokenUsage
from laird.providers.base import FoundModel
from laird.transport.base import UpstreamRequest


def listed(*models: dict[str, Any]) -> bytes:
    return json.dumps({"models": list(models)}).encode()


class TestPlaces:
    @pytest.mark.parametrize(
        ("endpoint", "base"),
        [
            ("http://127.0.0.1:11434", ""),
            ("http://box:11434/", ""),
            ("http://box:11434/v1", ""),
            ("http://box:11434/v1/chat/completions", ""),
            ("http://box:11434/api", ""),
            ("http://box:11434/api/chat", ""),
            ("https://proxy/gpu", "/gpu"),
            ("https://proxy/gpu/v1", "/gpu"),
        ],
    )
    def test_any_form_of_the_address_will_do(self, endpoint: str, base: str) -> None:
        bound = adapter(endpoint=endpoint)
        assert bound.chat_request(model(), chat()).head.target == f"{base}/api/chat"
        assert bound.models_request().head.target == f"{base}/api/tags"
        assert bound.state_request().head.target == f"{base}/api/ps"
        assert bound.probe_request().head.target == f"{base}/api/version"
        wish = bound.embedding_request(model(), EmbeddingRequest(inputs=("x",)))
        assert wish.head.target == f"{base}/api/embed"

    @pytest.mark.parametrize("path", ["/alive", "alive"])
    def test_a_configured_probe_counts_from_the_host(self, path: str) -> None:
        bound = adapter(endpoint="https://proxy/gpu", health=HealthCheck(path=path))
        assert bound.probe_request().head.target == "/alive"

    def test_a_credential_is_for_a_proxy_in_front(self) -> None:
        held = adapter(auth_type=AuthType.BEARER, secret=Secret("s3cret"))
        assert held.models_request().head.headers == (("authorization", "Bearer s3cret"),)
        unused = adapter(auth_type=AuthType.NONE, secret=Secret("s3cret"))
        assert unused.models_request().head.headers == ()

    def test_nothing_is_passed_on_as_it_is(self) -> None:
        bound = adapter()
        assert bound.speaks == frozenset()
        assert not bound.takes_image_urls
        with pytest.raises(NotImplementedError):
            bound.forward_request("openai.chat", model(), {})


class TestModels:
    def test_windows_and_abilities_where_the_server_tells_them(self) -> None:
        body = listed(
            {
                "name": "qwen3:8b",
                "model": "qwen3:8b",
                "details": {"family": "qwen3", "context_length": 40960},
                "capabilities": ["completion", "tools", "thinking"],
            },
            {"name": "nomic-embed-text:latest", "capabilities": ["embedding"]},
            {"model": "old:7b", "details": {"context_length": 0}},
        )
        chats, embeds, unknown = adapter().read_models(body)
        assert chats.id == "qwen3:8b"
        assert chats.context_window == 40960
        assert chats.capabilities == Capabilities(
            streaming=True,
            function_calling=True,
            vision=False,
            json_mode=True,
            embeddings=False,
            reasoning=True,
        )
        assert embeds.id == "nomic-embed-text:latest"
        assert (embeds.capabilities.embeddings, embeds.capabilities.streaming) == (True, False)
        assert unknown == FoundModel(id="old:7b")

    @pytest.mark.parametrize(
        "entry",
        [
            {"name": "gpt-oss:120b-cloud"},
            {"name": "glm-4.6:cloud"},
            {"name": "mine", "remote_host": "https://ollama.com:443"},
            {"name": "mine", "remote_model": "gpt-oss:120b"},
        ],
    )
    def test_what_runs_elsewhere_is_external(self, entry: dict[str, Any]) -> None:
        (found,) = adapter().read_models(listed(entry))
        assert found.egress is Egress.EXTERNAL

    def test_what_runs_here_is_not_marked(self) -> None:
        (found,) = adapter().read_models(listed({"name": "qwen3:8b", "remote_host": ""}))
        assert found.egress is None

    def test_a_server_without_models(self) -> None:
        assert adapter().read_models(b'{"models": null}') == ()


class TestState:
    def test_what_is_loaded_is_known_with_and_without_its_tag(self) -> None:
        body = listed(
            {"name": "llama3.2:latest", "model": "llama3.2:latest", "context_length": 4096},
            {"name": "qwen3:8b", "model": "qwen3:8b"},
        )
        condition = ProviderCondition(loaded=adapter().read_state(body))
        for name in ("llama3.2", "llama3.2:latest", "qwen3:8b"):
            assert condition.loaded_as(name) is not None
        for name in ("qwen3", "llama3.2:1b"):
            assert condition.loaded_as(name) is None

    def test_the_size_it_was_loaded_with_is_no_limit(self) -> None:
        body = listed({"name": "a:latest", "context_length": 4096})
        assert adapter().read_state(body) == (LoadedModel(id="a:latest", aliases=("a",)),)

    def test_nothing_is_loaded(self) -> None:
        assert adapter().read_state(b'{"models":[]}') == ()
        assert adapter().other_state_request() is None

    @pytest.mark.parametrize("body", [b"", b"[]", b"Ollama is running"])
    def test_anything_else_is_garbled(self, body: bytes) -> None:
        with pytest.raises(UpstreamGarbled):
            adapter().read_state(body)


class TestEmbeddings:
    def written(self, asked: str = "nomic-embed-text", **fields: Any) -> dict[str, Any]:
        wish = EmbeddingRequest(**{"inputs": ("one", "two"), **fields})
        body = json.loads(adapter().embedding_request(model(asked), wish).body)
        check_embed(body)
        assert isinstance(body, dict)
        return body

    def test_nothing_is_cut(self) -> None:
        assert self.written() == {
            "model": "nomic-embed-text",
            "input": ["one", "two"],
            "truncate": False,
            "options": {"num_ctx": 8192},
        }
        assert self.written("far:cloud")["options"] == {}

    def test_lengths_and_ollamas_own_fields(self) -> None:
        body = self.written(dimensions=256, extra={"keep_alive": "5m"}, user="ada")
        assert (body["dimensions"], body["keep_alive"]) == (256, "5m")

    def test_what_has_no_place_is_refused(self) -> None:
        for fields in ({"purpose": "search_query"}, {"extra": {"truncate": True}}):
            with pytest.raises(UnsupportedField):
                self.written(**fields)

    def test_vectors(self) -> None:
        body = {"model": "m", "embeddings": [[0.5, 1], [0, -2.0]], "prompt_eval_count": 7}
        answer = adapter().read_embeddings(json.dumps(body).encode())
        assert answer.vectors == ((0.5, 1.0), (0.0, -2.0))
        assert answer.usage == TokenUsage(prompt=7)
        assert answer.model == "m"
        assert adapter().read_embeddings(b'{"embeddings": []}').usage is None

    @pytest.mark.parametrize("body", [b"", b"{}", b'{"embeddings": ["x"]}'])
    def test_what_is_no_vectors_is_garbled(self, body: bytes) -> None:
        with pytest.raises(UpstreamGarbled, match="embeddings"):
            adapter().read_embeddings(body)


def test_requests_that_were_not_sized_are_not_checked() -> None:
    head = adapter().models_request().head
    adapter().check_counts(UpstreamRequest(head), TokenUsage(prompt=10**9))
