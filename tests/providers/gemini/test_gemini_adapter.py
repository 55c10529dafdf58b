"""The adapter as the gateway sees it, and against Google's own SDK over a real socket."""

from __future__ import annotations

import json
from math import hypot
from typing import Any

import pytest
from google import genai
from google.genai import types
from tests.providers.contract import heard
from tests.providers.gemini.gemini_wire import (
    ADAPTER,
    SECRET,
    call,
    chat,
    error_body,
    event,
    model,
    piece,
    provider,
    stream,
)
from tests.support.upstream import ScriptedUpstream, sse_answer, text_answer

from laird.domain.catalog import AuthType, Capabilities, HealthCheck
from laird.domain.embedding import EmbeddingRequest
from laird.domain.errors import UnsupportedField, UpstreamGarbled, UpstreamQuota
from laird.domain.secret import Secret
from laird.domain.tokens import TokenUsage
from laird.providers.base import Adapter, FoundModel
from laird.providers.gemini.adapter import GeminiAdapter
from laird.providers.registry import KINDS, build_adapter

PLAIN: Adapter = ADAPTER


@pytest.mark.parametrize(
    ("endpoint", "upstream", "authority", "target"),
    [
        (
            "https://generativelanguage.googleapis.com",
            "gemini-4-argon",
            "generativelanguage.googleapis.com",
            "/v1beta/models/gemini-4-argon:generateContent",
        ),
        (
            "https://generativelanguage.googleapis.com/v1/",
            "models/gemini-4-argon",
            "generativelanguage.googleapis.com",
            "/v1/models/gemini-4-argon:generateContent",
        ),
        (
            "http://proxy:8080/google/v1alpha",
            "tunedModels/mine",
            "proxy:8080",
            "/google/v1alpha/tunedModels/mine:generateContent",
        ),
        ("http://proxy/x", "a b?c#d", "proxy", "/x/v1beta/models/a%20b%3Fc%23d:generateContent"),
    ],
)
def test_where_requests_go(endpoint: str, upstream: str, authority: str, target: str) -> None:
    adapter = GeminiAdapter(provider(endpoint))
    head = adapter.chat_request(model(upstream), chat()).head
    assert (head.method, head.origin.authority, head.target) == ("POST", authority, target)
    streamed = adapter.chat_request(model(upstream), chat(stream=True)).head.target
    assert streamed == target.replace(":generateContent", ":streamGenerateContent?alt=sse")


def test_a_head_is_built_once_for_each_model() -> None:
    """The transport knows a head by its identity."""
    adapter = GeminiAdapter(provider())
    first = adapter.chat_request(model(), chat()).head
    assert adapter.chat_request(model(), chat()).head is first
    for number in range(2000):
        adapter.chat_request(model(f"m{number}"), chat())
    assert adapter.chat_request(model(), chat()).head == first


@pytest.mark.parametrize(
    ("auth", "secret", "header"),
    [
        (AuthType.API_KEY, Secret(SECRET), ("x-goog-api-key", SECRET)),
        (AuthType.BEARER, Secret(SECRET), ("authorization", f"Bearer {SECRET}")),
        (AuthType.NONE, Secret(SECRET), None),
        (AuthType.API_KEY, None, None),
        (AuthType.API_KEY, Secret(""), None),
    ],
)
def test_the_credential_is_in_a_header_and_never_in_the_address(
    auth: AuthType, secret: Secret | None, header: tuple[str, str] | None
) -> None:
    adapter = GeminiAdapter(provider(auth_type=auth, secret=secret))
    for request in (
        adapter.chat_request(model(), chat()),
        adapter.embedding_request(model(), EmbeddingRequest(inputs=("a",))),
        adapter.models_request(),
        adapter.probe_request(),
    ):
        headers = dict(request.head.headers)
        found = {n: headers[n] for n in ("x-goog-api-key", "authorization") if n in headers}
        assert found == (dict([header]) if header else {})
        assert SECRET not in request.head.target


def test_no_dialect_is_passed_on_as_it_is() -> None:
    assert ADAPTER.speaks == frozenset()
    with pytest.raises(NotImplementedError):
        ADAPTER.forward_request("openai.chat", model(), {})


def test_files_are_taken_by_address() -> None:
    assert PLAIN.takes_image_urls
    assert PLAIN.takes_document_urls


def test_it_is_a_kind() -> None:
    kind = KINDS["gemini"]
    assert (kind.env_key, kind.prices_as) == ("GEMINI_API_KEY", "google")
    assert isinstance(build_adapter(provider(kind.endpoint or "")), GeminiAdapter)


def test_the_list_of_models() -> None:
    target = PLAIN.models_request().head.target
    assert target == "/v1beta/models?pageSize=1000"
    models: list[dict[str, Any]] = [
        {
            "name": "models/gemini-3.5-flash",
            "inputTokenLimit": 1_048_576,
            "outputTokenLimit": 65_536,
            "supportedGenerationMethods": ["generateContent", "countTokens"],
            "thinking": True,
        },
        {
            "name": "models/gemini-2.5-flash-image",
            "supportedGenerationMethods": ["generateContent"],
        },
        {
            "name": "models/gemini-embedding-001",
            "inputTokenLimit": 2048,
            "outputTokenLimit": 1,
            "supportedGenerationMethods": ["embedContent"],
        },
        {"name": "models/imagen-4", "supportedGenerationMethods": ["predict"]},
        {"name": "tunedModels/mine"},
    ]
    assert PLAIN.read_models(json.dumps({"models": models, "nextPageToken": "x"}).encode()) == (
        FoundModel(
            id="gemini-3.5-flash",
            context_window=1_048_576,
            max_tokens=65_536,
            capabilities=Capabilities(
                streaming=True,
                function_calling=True,
                vision=True,
                json_mode=True,
                embeddings=False,
                reasoning=True,
            ),
        ),
        FoundModel(
            id="gemini-2.5-flash-image",
            capabilities=Capabilities(streaming=True, embeddings=False, reasoning=False),
        ),
        FoundModel(
            id="gemini-embedding-001",
            context_window=2048,
            max_tokens=1,
            capabilities=Capabilities(
                streaming=False, function_calling=False, json_mode=False, embeddings=True
            ),
        ),
        FoundModel(id="tunedModels/mine"),
    )


def test_the_probe_costs_nothing() -> None:
    head = PLAIN.probe_request().head
    assert (head.method, head.target) == ("GET", "/v1beta/models?pageSize=1")
    other = GeminiAdapter(provider(health=HealthCheck(path="/healthz"))).probe_request()
    assert other.head.target == "/healthz"


class TestEmbeddings:
    def body(self, upstream: str = "gemini-embedding-001", **fields: Any) -> dict[str, Any]:
        request = EmbeddingRequest(**{"inputs": ("a", "b"), **fields})
        sent = PLAIN.embedding_request(model(upstream), request)
        assert sent.head.target == f"/v1beta/models/{upstream}:batchEmbedContents"
        body: dict[str, Any] = json.loads(sent.body)
        for each in body["requests"]:
            types.Content.model_validate(each["content"])
        return body

    def test_one_request_for_each_text(self) -> None:
        assert self.body(dimensions=256, purpose="search_query") == {
            "requests": [
                {
                    "model": "models/gemini-embedding-001",
                    "taskType": "RETRIEVAL_QUERY",
                    "outputDimensionality": 256,
                    "content": {"parts": [{"text": text}]},
                }
                for text in ("a", "b")
            ]
        }

    @pytest.mark.parametrize(
        ("purpose", "text"),
        [
            ("search_document", "title: none | text: a"),
            ("search_query", "task: search result | query: a"),
            ("classification", "task: classification | query: a"),
            ("clustering", "task: clustering | query: a"),
            (None, "a"),
        ],
    )
    def test_later_models_want_the_purpose_in_the_text(
        self, purpose: str | None, text: str
    ) -> None:
        first = self.body("gemini-embedding-2", purpose=purpose)["requests"][0]
        assert first["content"]["parts"][0]["text"] == text
        assert "taskType" not in first

    @pytest.mark.parametrize(
        ("fields", "param"),
        [
            ({"inputs": ("a",) * 101}, "input"),
            ({"purpose": "image"}, "input_type"),
            ({"extra": {"truncate": "END"}}, "truncate"),
            ({"extra": {"encoding_format": "int8"}}, "encoding_format"),
        ],
    )
    def test_what_can_not_be_done_names_its_field(self, fields: dict[str, Any], param: str) -> None:
        with pytest.raises(UnsupportedField) as caught:
            self.body(**fields)
        assert caught.value.param == param

    def test_labels_do_no_harm(self) -> None:
        self.body(user="ada", extra={"encoding_format": "float", "metadata": {}, "truncate": None})

    def test_vectors_come_back_with_length_one(self) -> None:
        answer = {
            "embeddings": [{"values": [0.6, 0.8]}, {"values": [3.0, 4.0]}, {"values": [0.0, 0.0]}]
        }
        read = PLAIN.read_embeddings(json.dumps(answer).encode())
        assert read.vectors == ((0.6, 0.8), (0.6, 0.8), (0.0, 0.0))
        assert hypot(*read.vectors[1]) == pytest.approx(1)
        assert read.usage is None

    def test_counts_where_they_are_told(self) -> None:
        answer = {"embeddings": [{"values": [1.0]}], "usageMetadata": {"promptTokenCount": 5}}
        assert PLAIN.read_embeddings(json.dumps(answer).encode()).usage == TokenUsage(prompt=5)

    @pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"embeddings": [{}]}', b"\xff"])
    def test_anything_else_is_garbled(self, body: bytes) -> None:
        with pytest.raises(UpstreamGarbled):
            PLAIN.read_embeddings(body)

    def test_an_error_with_status_200_is_found(self) -> None:
        body = error_body(429, "RESOURCE_EXHAUSTED", "Check your billing.")
        with pytest.raises(UpstreamQuota):
            PLAIN.read_embeddings(json.dumps(body).encode())

    async def test_googles_client_asks_the_same(self) -> None:
        """The SDK's own request is the oracle for ours."""
        async with ScriptedUpstream() as upstream:
            upstream.script(text_answer(b'{"embeddings": []}', content_type="application/json"))
            client = _client(upstream.url)
            await client.aio.models.embed_content(
                model="gemini-embedding-001",
                contents=["a", "b"],
                config=types.EmbedContentConfig(task_type="CLUSTERING", output_dimensionality=64),
            )
            await client.aio.aclose()
            theirs = upstream.requests[0]
        ours = PLAIN.embedding_request(
            model("gemini-embedding-001"),
            EmbeddingRequest(inputs=("a", "b"), dimensions=64, purpose="clustering"),
        )
        assert theirs.target == ours.head.target
        assert _without_roles(json.loads(theirs.body)) == json.loads(ours.body)


def _client(url: str) -> genai.Client:
    return genai.Client(
        api_key=SECRET, http_options=types.HttpOptions(base_url=url, api_version="v1beta")
    )


def _without_roles(body: dict[str, Any]) -> dict[str, Any]:
    for each in body["requests"]:
        each["content"].pop("role", None)
    return body


async def test_googles_client_reads_the_same_from_the_same_stream() -> None:
    """The SDK's reading of a stream is the oracle for ours, and its address for ours."""
    pieces = [
        event(piece({"text": "Hm.", "thought": True})),
        event(piece({"text": "Ich "})),
        event(piece({"text": "sehe nach."})),
        event(piece(call("f", {"city": "Köln"}, id="c1"), call("g", {}, id="c2"))),
        event(
            piece(
                {"text": ""},
                finish="STOP",
                usageMetadata={
                    "promptTokenCount": 9,
                    "candidatesTokenCount": 20,
                    "thoughtsTokenCount": 5,
                    "totalTokenCount": 34,
                },
            )
        ),
    ]
    async with ScriptedUpstream() as upstream:
        upstream.script(sse_answer(pieces))
        client = _client(upstream.url)
        chunks = [
            chunk
            async for chunk in await client.aio.models.generate_content_stream(
                model="gemini-3.5-flash", contents="Hi"
            )
        ]
        await client.aio.aclose()
        asked = upstream.requests[0]
    ours = PLAIN.chat_request(model(), chat(stream=True)).head
    assert (asked.method, asked.target) == (ours.method, ours.target)
    assert asked.headers["x-goog-api-key"] == dict(ours.headers)["x-goog-api-key"]
    parts = [part for chunk in chunks for part in chunk.parts or ()]
    whole = heard(stream(*pieces))
    assert whole.text == "".join(p.text or "" for p in parts if not p.thought)
    assert whole.thinking == "".join(p.text or "" for p in parts if p.thought)
    called = [part.function_call for part in parts if part.function_call]
    assert whole.calls == tuple((each.id, each.name, each.args) for each in called)
    usage = chunks[-1].usage_metadata
    assert usage is not None
    assert whole.usage is not None
    assert whole.usage.total == usage.total_token_count
