"""Which of OpenAI's formats each kind takes as they are, where they go, and embeddings it makes."""

from __future__ import annotations

import json
import struct
from base64 import b64encode
from typing import Any

import pytest

from laird.domain import errors
from laird.domain.catalog import Egress, Model, Provider
from laird.domain.embedding import EmbeddingRequest
from laird.domain.errors import UnsupportedField, UpstreamGarbled
from laird.domain.tokens import TokenUsage
from laird.providers.base import Adapter
from laird.providers.openai_compat import OpenAIAdapter
from laird.providers.registry import KINDS, build_adapter

CHAT, EMBEDDINGS = "openai.chat", "openai.embeddings"
COMPLETIONS, RESPONSES = "openai.completions", "openai.responses"
EVERYTHING = {CHAT, EMBEDDINGS, COMPLETIONS}
LOCAL = ("lmstudio", "localai", "llamacpp", "vllm", "custom", "demo")


def provider(kind: str) -> Provider:
    return Provider(
        id="p", name="P", kind=kind, egress=Egress.LOCAL, endpoint="http://box:1/prefix/v1/"
    )


def adapter(kind: str) -> Adapter:
    return build_adapter(provider(kind))


MODEL = Model(id="m", name="M", provider_id="p", upstream_model="up", egress=Egress.LOCAL)


@pytest.mark.parametrize(
    ("kind", "speaks"),
    [
        *((kind, EVERYTHING) for kind in LOCAL),
        ("openai", {CHAT, EMBEDDINGS, RESPONSES}),
        ("lightllm", {CHAT}),
    ],
)
def test_a_kind_says_what_it_takes(kind: str, speaks: set[str]) -> None:
    assert adapter(kind).speaks == speaks


@pytest.mark.parametrize(
    ("kind", "dialect", "path"),
    [
        ("vllm", CHAT, "chat/completions"),
        ("vllm", COMPLETIONS, "completions"),
        ("vllm", EMBEDDINGS, "embeddings"),
        ("openai", RESPONSES, "responses"),
    ],
)
def test_each_format_goes_to_its_own_place(kind: str, dialect: str, path: str) -> None:
    request = adapter(kind).forward_request(dialect, MODEL, {"model": "x", "odd": [1]})
    assert (request.head.method, request.head.target) == ("POST", f"/prefix/v1/{path}")
    assert json.loads(request.body) == {"model": "up", "odd": [1]}


@pytest.mark.parametrize(
    ("dialect", "asked"), [(CHAT, True), (COMPLETIONS, True), (RESPONSES, False)]
)
def test_usage_is_asked_for_where_a_stream_does_not_tell_it_unasked(
    dialect: str, asked: bool
) -> None:
    kind = "openai" if dialect == RESPONSES else "vllm"
    body = {"model": "x", "stream": True}
    sent = json.loads(adapter(kind).forward_request(dialect, MODEL, body).body)
    assert ("stream_options" in sent) is asked


def test_dimensions_have_mistrals_own_name_there() -> None:
    body = {"model": "x", "input": "a", "dimensions": 8}
    sent = json.loads(adapter("mistral").forward_request(EMBEDDINGS, MODEL, body).body)
    assert sent == {"model": "up", "input": "a", "output_dimension": 8}


def test_a_kind_without_embeddings_is_known_to_have_none() -> None:
    """So that the planner leaves it out before anybody is asked."""
    for kind in KINDS.values():
        built = adapter(kind.id) if kind.id != "azure" else None
        if isinstance(built, OpenAIAdapter) and EMBEDDINGS not in built.speaks:
            assert kind.capabilities.embeddings is False, kind.id


class TestEmbeddings:
    def test_the_body_says_all_that_was_asked(self) -> None:
        asked = EmbeddingRequest(
            inputs=("a", "b"), dimensions=4, user="u", extra={"truncate": "END", "input": 5}
        )
        request = adapter("vllm").embedding_request(MODEL, asked)
        assert request.head.target == "/prefix/v1/embeddings"
        assert json.loads(request.body) == {
            "model": "up",
            "input": ["a", "b"],
            "encoding_format": "float",
            "dimensions": 4,
            "user": "u",
            "truncate": "END",
        }

    def test_little_asked_is_little_said(self) -> None:
        request = adapter("vllm").embedding_request(MODEL, EmbeddingRequest(inputs=("a",)))
        assert json.loads(request.body) == {
            "model": "up",
            "input": ["a"],
            "encoding_format": "float",
        }

    def test_a_purpose_has_no_place(self) -> None:
        asked = EmbeddingRequest(inputs=("a",), purpose="search_query")
        with pytest.raises(UnsupportedField) as caught:
            adapter("vllm").embedding_request(MODEL, asked)
        assert caught.value.param == "input_type"

    def test_a_server_without_embeddings_refuses(self) -> None:
        with pytest.raises(UnsupportedField, match="p makes no embeddings"):
            adapter("lightllm").embedding_request(MODEL, EmbeddingRequest(inputs=("a",)))

    def read(self, *rows: dict[str, Any], **over: Any) -> Any:
        whole = {"object": "list", "data": list(rows), "model": "up", **over}
        return adapter("vllm").read_embeddings(json.dumps(whole).encode())

    def test_vectors_are_read_in_the_order_of_the_inputs(self) -> None:
        packed = b64encode(struct.pack("<2f", 0.5, -2.0)).decode()
        answer = self.read(
            {"index": 1, "embedding": [1, 2.5]},
            {"index": 0, "embedding": packed},
            usage={"prompt_tokens": 5, "total_tokens": 5},
        )
        assert answer.vectors == ((0.5, -2.0), (1.0, 2.5))
        assert answer.usage == TokenUsage(prompt=5)
        assert answer.model == "up"

    @pytest.mark.parametrize("usage", [None, [], {"prompt_tokens": -1}, {"prompt_tokens": "5"}])
    def test_usage_may_be_missing(self, usage: Any) -> None:
        answer = self.read({"embedding": [1.0]}, {"embedding": [2.0]}, usage=usage, model=None)
        assert answer.vectors == ((1.0,), (2.0,))
        assert answer.usage is None
        assert answer.model == ""

    @pytest.mark.parametrize(
        "embedding", [None, [], "", "AAA", "AAAA", [None], ["x"], {"a": 1}, [1e999]]
    )
    def test_a_vector_that_is_none_is_no_answer(self, embedding: Any) -> None:
        with pytest.raises(UpstreamGarbled):
            self.read({"embedding": embedding})

    @pytest.mark.parametrize(
        "raw", [b"", b"<html>", b"[]", b"{}", b'{"data": []}', b'{"data": [5]}', b'{"data": [{}]}']
    )
    def test_what_is_no_list_is_no_answer(self, raw: bytes) -> None:
        with pytest.raises(UpstreamGarbled):
            adapter("vllm").read_embeddings(raw)

    def test_an_error_with_status_200_is_an_error(self) -> None:
        with pytest.raises(errors.UpstreamError, match="still loading"):
            adapter("vllm").read_embeddings(b'{"error": "still loading"}')
