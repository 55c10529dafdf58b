"""The demo's embeddings and legacy completions: always the same, and able to act every fault."""

from __future__ import annotations

import asyncio
import json
import math
import struct
from base64 import b64decode
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types import Completion, CreateEmbeddingResponse
from tests.support.client import events_of

from laird.domain import errors
from laird.domain.catalog import Egress, Model, Provider, Timeouts
from laird.domain.embedding import EmbeddingRequest
from laird.providers.demo import DemoTransport
from laird.providers.demo_vectors import DIMENSIONS, vector_of
from laird.providers.registry import build_adapter

ADAPTER = build_adapter(
    Provider(id="demo", name="Demo", kind="demo", egress=Egress.LOCAL, endpoint="demo://demo")
)
DEMO = DemoTransport()


def model(name: str) -> Model:
    return Model(id=name, name=name, provider_id="demo", upstream_model=name, egress=Egress.LOCAL)


async def send(kind: str, name: str, **body: Any) -> tuple[int, bytes]:
    request = ADAPTER.forward_request(f"openai.{kind}", model(name), {"model": "x", **body})
    response = await DEMO.send(request, Timeouts())
    return response.status, await response.read(1 << 24)


async def completed(prompt: Any = "Hi", name: str = "demo", **fields: Any) -> dict[str, Any]:
    status, raw = await send("completions", name, prompt=prompt, **fields)
    assert status == 200, raw
    Completion.model_validate_json(raw)
    found: dict[str, Any] = json.loads(raw)
    return found


async def embedded(texts: Any = "Hi", name: str = "demo", **fields: Any) -> dict[str, Any]:
    status, raw = await send("embeddings", name, input=texts, **fields)
    assert status == 200, raw
    found: dict[str, Any] = json.loads(raw)
    return found


class TestCompletions:
    @pytest.mark.parametrize("prompt", ["Hello", ["Hello"]])
    async def test_it_says_what_it_says_in_a_chat(self, prompt: Any) -> None:
        whole = await completed(prompt)
        assert whole["choices"] == [
            {
                "text": "This is the Laird demo model. You said: Hello",
                "index": 0,
                "logprobs": None,
                "finish_reason": "stop",
            }
        ]
        assert whole["usage"]["prompt_tokens"] == 2
        assert whole == await completed(prompt)

    async def test_limits_stops_and_echo_are_obeyed(self) -> None:
        assert (await completed(stop=" is"))["choices"][0]["text"] == "This"
        limited = (await completed(max_tokens=2))["choices"][0]
        assert (limited["text"], limited["finish_reason"]) == ("This is ", "length")
        assert (await completed("Hi", echo=True))["choices"][0]["text"].startswith("HiThis is")
        assert "usage" not in await completed("/demo usage=no")

    @pytest.mark.parametrize("name", ["demo-tools", "demo-thinking"])
    async def test_it_neither_calls_tools_nor_thinks(self, name: str) -> None:
        whole = await completed("/demo tool=now\nHi", name)
        assert whole["choices"][0]["text"] == "This is the Laird demo model. You said: Hi"

    @pytest.mark.parametrize("echo", [True, False])
    async def test_a_stream_says_the_same(self, echo: bool) -> None:
        fields: dict[str, Any] = {"prompt": "Hi", "echo": echo}
        options = {"include_usage": True}
        _, raw = await send("completions", "demo", **fields, stream=True, stream_options=options)
        *chunks, usage, done = events_of(raw)
        whole = await completed(**fields)
        assert done == "[DONE]"
        assert usage["usage"] == whole["usage"]
        text = "".join(chunk["choices"][0]["text"] for chunk in chunks)
        assert text == whole["choices"][0]["text"]
        assert chunks[-1]["choices"][0]["finish_reason"] == "stop"

    @pytest.mark.parametrize(
        "wrong",
        [
            {"prompt": ["a", "b"]},
            {"prompt": [1]},
            {"prompt": "a", "n": 2},
            {"prompt": "a", "best_of": 2},
            {"prompt": "a", "logprobs": 0},
            {"prompt": "a", "suffix": "b"},
            {"prompt": "/demo dance=yes"},
            {},
        ],
    )
    async def test_what_it_can_not_do_it_refuses(self, wrong: dict[str, Any]) -> None:
        status, raw = await send("completions", "demo", **wrong)
        assert status == 400
        assert isinstance(ADAPTER.read_error(status, {}, raw), errors.UpstreamRejected)

    async def test_it_fails_and_breaks_off_as_told(self) -> None:
        assert (await send("completions", "demo-fail", prompt="Hi"))[0] == 503
        with pytest.raises(errors.ConnectionLost):
            await send("completions", "demo", prompt="/demo cut=2\nHi", stream=True)


class TestEmbeddings:
    async def test_the_answer_is_openais(self) -> None:
        whole = await embedded(["Hello", "there you are"])
        CreateEmbeddingResponse.model_validate(whole)
        assert [len(row["embedding"]) for row in whole["data"]] == [DIMENSIONS] * 2
        assert whole["usage"] == {"prompt_tokens": 6, "total_tokens": 6}
        assert "usage" not in await embedded("Hi\n/demo usage=no")

    async def test_base64_holds_the_same_numbers(self) -> None:
        numbers = (await embedded(dimensions=8))["data"][0]["embedding"]
        packed = (await embedded(dimensions=8, encoding_format="base64"))["data"][0]["embedding"]
        assert struct.unpack("<8f", b64decode(packed)) == pytest.approx(numbers)

    async def test_translated_requests_are_answered_as_well(self) -> None:
        request = ADAPTER.embedding_request(model("demo"), EmbeddingRequest(inputs=("Hi",)))
        response = await DEMO.send(request, Timeouts())
        answer = ADAPTER.read_embeddings(await response.read(1 << 20))
        assert answer.vectors == (tuple(vector_of("Hi", DIMENSIONS)),)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"input": [1, 2]},
            {"input": ""},
            {"input": []},
            {"input": 5},
            {"input": "a", "dimensions": 5000},
            {},
        ],
    )
    async def test_what_it_can_not_do_it_refuses(self, wrong: dict[str, Any]) -> None:
        status, _ = await send("embeddings", "demo", **wrong)
        assert status == 400

    async def test_it_fails_as_told(self) -> None:
        assert (await send("embeddings", "demo-busy", input="Hi"))[0] == 429
        assert (await send("embeddings", "demo", input=["Hi", "/demo status=500"]))[0] == 500

    async def test_nothing_else_is_there(self) -> None:
        request = ADAPTER.forward_request("openai.embeddings", model("demo"), {"input": "Hi"})
        head = type(request.head)("POST", request.head.origin, "/v1/audio")
        response = await DEMO.send(type(request)(head, b"{}"), Timeouts())
        assert response.status == 404

    @settings(max_examples=50)
    @given(st.text(min_size=1), st.integers(1, 64))
    def test_every_text_has_a_vector_of_length_1(self, text: str, size: int) -> None:
        vector = vector_of(text, size)
        assert len(vector) == size
        assert math.sqrt(sum(number * number for number in vector)) == pytest.approx(1, abs=1e-4)
        assert vector == vector_of(text, size)

    @settings(max_examples=30)
    @given(st.text(min_size=1))
    def test_every_text_can_be_asked_for(self, text: str) -> None:
        if "/demo" not in text:
            asyncio.run(embedded([text]))
