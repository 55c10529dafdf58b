"""The Cohere adapter as the gateway sees it: addresses, credential, lists and embeddings."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cohere.types import ListModelsResponse
from cohere.types.embed_by_type_response import EmbedByTypeResponse
from tests.providers.cohere.cohere_wire import (
    SECRET,
    chat,
    embedding_of,
    model,
    plain,
    provider,
)

from laird.domain.catalog import AuthType, Capabilities, HealthCheck
from laird.domain.embedding import EmbeddingRequest
from laird.domain.errors import UnsupportedField, UpstreamFailed, UpstreamGarbled
from laird.domain.secret import Secret
from laird.domain.tokens import TokenUsage
from laird.providers.base import Adapter, FoundModel
from laird.providers.cohere.adapter import CohereAdapter

ADAPTER: Adapter = CohereAdapter(provider())
TWO = EmbeddingRequest(inputs=("one", "zwei"))


@pytest.mark.parametrize(
    ("endpoint", "authority", "base"),
    [
        ("https://api.cohere.com", "api.cohere.com", ""),
        ("https://api.cohere.com/v2/", "api.cohere.com", ""),
        ("https://api.cohere.com/v1", "api.cohere.com", ""),
        ("https://api.cohere.com/v2/chat", "api.cohere.com", ""),
        ("http://proxy:8080/cohere", "proxy:8080", "/cohere"),
    ],
)
def test_where_requests_go(endpoint: str, authority: str, base: str) -> None:
    adapter = CohereAdapter(provider(endpoint))
    asked = adapter.chat_request(model(), chat()).head
    assert (asked.method, asked.origin.authority, asked.target) == (
        "POST",
        authority,
        f"{base}/v2/chat",
    )
    assert adapter.embedding_request(model(), TWO).head.target == f"{base}/v2/embed"
    assert adapter.models_request().head.target == f"{base}/v1/models?page_size=1000"
    assert adapter.probe_request().head.target == f"{base}/v1/models?page_size=1"


def test_a_probe_of_ones_own() -> None:
    adapter = CohereAdapter(provider(health=HealthCheck(path="/healthz")))
    assert adapter.probe_request().head.target == "/healthz"


@pytest.mark.parametrize(
    ("auth", "secret", "sent"),
    [
        (AuthType.BEARER, Secret(SECRET), f"Bearer {SECRET}"),
        (AuthType.API_KEY, Secret(SECRET), f"Bearer {SECRET}"),
        (AuthType.NONE, Secret(SECRET), None),
        (AuthType.BEARER, None, None),
        (AuthType.BEARER, Secret(""), None),
    ],
)
def test_how_the_credential_is_sent(
    auth: AuthType, secret: Secret | None, sent: str | None
) -> None:
    adapter = CohereAdapter(provider(auth_type=auth, secret=secret))
    for request in (
        adapter.chat_request(model(), chat()),
        adapter.embedding_request(model(), TWO),
        adapter.models_request(),
        adapter.probe_request(),
    ):
        assert dict(request.head.headers).get("authorization") == sent


def test_it_speaks_no_clients_dialect() -> None:
    assert ADAPTER.speaks == frozenset()
    with pytest.raises(NotImplementedError):
        ADAPTER.forward_request("openai.chat", model(), {})
    assert ADAPTER.state_request() is None


def test_the_list_of_models() -> None:
    body: dict[str, Any] = {
        "models": [
            {
                "name": "command-a-vision",
                "endpoints": ["generate", "chat", "summarize"],
                "finetuned": False,
                "context_length": 256000.0,
                "features": ["tools", "strict_tools", "json_mode", "vision", "reasoning"],
            },
            {"name": "embed-v4.0", "endpoints": ["embed", "classify"], "context_length": 0},
            {"name": "rerank-v3.5", "endpoints": ["rerank"]},
            {"name": "private", "endpoints": [], "features": None},
        ]
    }
    plain(ListModelsResponse.model_validate(body))
    assert ADAPTER.read_models(json.dumps(body).encode()) == (
        FoundModel(
            id="command-a-vision",
            context_window=256_000,
            capabilities=Capabilities(
                streaming=True,
                function_calling=True,
                vision=True,
                json_mode=True,
                embeddings=False,
                reasoning=True,
            ),
        ),
        FoundModel(id="embed-v4.0", capabilities=Capabilities(embeddings=True)),
        FoundModel(id="private"),
    )


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"models": [{}]}'])
def test_anything_else_is_no_list(body: bytes) -> None:
    with pytest.raises(UpstreamGarbled, match="list of models"):
        ADAPTER.read_models(body)


class TestEmbeddings:
    def test_what_is_asked(self) -> None:
        assert embedding_of(TWO) == {
            "model": "embed-v4.0",
            "texts": ["one", "zwei"],
            "input_type": "search_document",
            "embedding_types": ["float"],
            "truncate": "NONE",
        }
        more = EmbeddingRequest(
            inputs=("x",),
            purpose="search_query",
            dimensions=256,
            user="ada",
            extra={"truncate": "END", "encoding_format": "base64"},
        )
        body = embedding_of(more)
        assert (body["input_type"], body["output_dimension"]) == ("search_query", 256)
        assert body["truncate"] == "END"
        assert not body.keys() & {"user", "encoding_format"}

    @pytest.mark.parametrize(
        ("request_", "param"),
        [
            (EmbeddingRequest(inputs=("x",) * 97), "input"),
            (EmbeddingRequest(inputs=("x",), purpose="poetry"), "input_type"),
            (EmbeddingRequest(inputs=("x",), extra={"tenant": 1}), "tenant"),
        ],
    )
    def test_what_it_can_not_do(self, request_: EmbeddingRequest, param: str) -> None:
        with pytest.raises(UnsupportedField) as caught:
            embedding_of(request_)
        assert caught.value.param == param

    def test_what_is_answered(self) -> None:
        body = {
            "id": "x",
            "response_type": "embeddings_by_type",
            "embeddings": {"float": [[0.5, -1], [0.25, 2.0]]},
            "texts": ["one", "zwei"],
            "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": 7.0}},
        }
        EmbedByTypeResponse.model_validate(body)
        answer = ADAPTER.read_embeddings(json.dumps(body).encode())
        assert answer.vectors == ((0.5, -1.0), (0.25, 2.0))
        assert answer.usage == TokenUsage(prompt=7)
        assert answer.model == ""
        del body["meta"]
        assert ADAPTER.read_embeddings(json.dumps(body).encode()).usage is None

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"<html>",
            b"{}",
            b'{"embeddings": {"int8": [[1]]}}',
            b'{"embeddings": {"float": []}}',
            b'{"embeddings": {"float": [[]]}}',
            b'{"embeddings": {"float": [["x"]]}}',
        ],
    )
    def test_anything_else_is_garbled(self, body: bytes) -> None:
        with pytest.raises(UpstreamGarbled, match=r"^co sent"):
            ADAPTER.read_embeddings(body)

    def test_an_error_with_status_200(self) -> None:
        with pytest.raises(UpstreamFailed, match="overloaded"):
            ADAPTER.read_embeddings(b'{"message": "overloaded"}')
