"""`/v1/embeddings` as OpenAI's SDK uses it: passed on, translated, failed over, accounted for."""

from __future__ import annotations

import json
import struct
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI, BadRequestError
from tests.support.answers import Answer, failing, json_answer, text_answer
from tests.support.client import Reply
from tests.support.documents import chain, document, pair, provider
from tests.support.laird import RunningLaird, running_laird
from tests.support.upstream import ScriptedUpstream

VECTOR = [0.25, -1.5, 3.0]


def embedded(*vectors: Any, **over: Any) -> dict[str, Any]:
    rows = [
        {"object": "embedding", "index": place, "embedding": vector}
        for place, vector in enumerate(vectors or (VECTOR,))
    ]
    usage = {"prompt_tokens": 7, "total_tokens": 7}
    return {"object": "list", "data": rows, "model": "up", "usage": usage, **over}


def base64_of(vector: list[float]) -> str:
    return b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


GOOD = json_answer(embedded())


@asynccontextmanager
async def sdk(laird: RunningLaird) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(
        base_url=f"{laird.url}/v1", api_key=laird.key, max_retries=0, timeout=10
    ) as client:
        yield client


async def embed(
    laird: RunningLaird, model: str = "m", texts: Any = "Hello", **fields: Any
) -> Reply:
    body = {"model": model, "input": texts, **fields}
    return await laird.client().request("POST", "/v1/embeddings", body)


def posted(upstream: ScriptedUpstream) -> list[Any]:
    return [one.json() for one in upstream.requests if one.path.endswith("/embeddings")]


async def test_the_sdk_gets_numbers_from_what_is_passed_on(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    first.always(json_answer(embedded(base64_of(VECTOR), base64_of(VECTOR))))
    async with (
        running_laird(tmp_path, document(provider("a", first.url))) as laird,
        sdk(laird) as client,
    ):
        found = await client.embeddings.create(
            model="a/m", input=["x", "y"], extra_body={"odd": [1]}
        )
        assert [row.embedding for row in found.data] == [VECTOR, VECTOR]
        assert found.usage.prompt_tokens == 7
        assert found.model_extra == {"provider": "a"}
        assert posted(first) == [
            {"model": "m", "input": ["x", "y"], "encoding_format": "base64", "odd": [1]}
        ]


async def test_floats_are_passed_on_when_asked_for(first: ScriptedUpstream, tmp_path: Path) -> None:
    first.always(GOOD)
    async with (
        running_laird(tmp_path, document(provider("a", first.url))) as laird,
        sdk(laird) as client,
    ):
        found = await client.embeddings.create(
            model="m", input=[[1, 2], [3]], encoding_format="float", dimensions=3, user="u"
        )
        assert found.data[0].embedding == VECTOR
        assert posted(first)[0] == {
            "model": "m",
            "input": [[1, 2], [3]],
            "encoding_format": "float",
            "dimensions": 3,
            "user": "u",
        }


PRICED = "[{id: m, pricing: {input: 2, output: 50}}]"


async def test_input_tokens_are_priced_and_nothing_else(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    first.always(GOOD)
    text = document(provider("a", first.url, models=PRICED))
    async with running_laird(tmp_path, text) as laird:
        reply = await embed(laird)
        assert reply.headers["x-laird-cost-usd"] == "0.000014"
        assert reply.headers["x-laird-provider"] == "a"
        (row,) = await laird.rows(reply.headers["x-laird-request-id"])
        assert (row["dialect"], row["status"]) == ("openai.embeddings", "ok")
        assert (row["prompt_tokens"], row["completion_tokens"]) == (7, 0)
        assert row["cost_nano"] == 14_000
        assert not row["estimated"]


async def test_usage_that_nobody_told_is_estimated(first: ScriptedUpstream, tmp_path: Path) -> None:
    first.always(json_answer(embedded(usage=None)))
    async with running_laird(tmp_path, document(provider("a", first.url))) as laird:
        await embed(laird, texts="x" * 40)
        (row,) = await laird.rows()
        assert (row["prompt_tokens"], row["completion_tokens"], row["estimated"]) == (10, 0, True)


FAULTS: dict[str, Answer] = {
    "500": failing(500),
    "not JSON": text_answer(b"<html>"),
    "no vectors": json_answer({"object": "list", "data": []}),
    "an error with status 200": json_answer({"error": {"message": "out of memory", "code": 500}}),
    "reset": GOOD.reset(byte=100),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
async def test_a_provider_that_fails_is_replaced(
    fault: Answer, first: ScriptedUpstream, second: ScriptedUpstream, tmp_path: Path
) -> None:
    first.always(fault)
    second.always(GOOD)
    async with running_laird(tmp_path, pair(first, second)) as laird:
        reply = await embed(laird, "both")
        assert reply.status == 200
        assert reply.json()["provider"] == "b"
        assert reply.headers["x-laird-failover"] == "a/m"


async def test_an_answer_cut_at_any_byte_is_an_error(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    length = len(json.dumps(embedded()).encode())
    text = document(provider("a", first.url), rest=chain("one", "a/m"))
    async with running_laird(tmp_path, text) as laird:
        for at in range(0, length, 23):
            first.script(GOOD.framed("chunked").cut(byte=at))
            reply = await embed(laird, "one")
            assert (reply.status, reply.error["code"]) == (502, "provider_error"), at


class TestRouting:
    async def test_auto_picks_a_model_that_makes_embeddings(
        self, first: ScriptedUpstream, tmp_path: Path
    ) -> None:
        first.always(GOOD)
        text = document(provider("a", first.url, models="[llama, nomic-embed-text]"))
        async with running_laird(tmp_path, text) as laird:
            reply = await embed(laird, "auto")
            assert reply.headers["x-laird-model"] == "nomic-embed-text"

    async def test_a_model_that_makes_none_is_not_asked(
        self, first: ScriptedUpstream, tmp_path: Path
    ) -> None:
        models = "[{id: m, capabilities: {embeddings: false}}]"
        text = document(provider("a", first.url, models=models))
        async with running_laird(tmp_path, text) as laird:
            reply = await embed(laird)
            assert (reply.status, reply.error["code"]) == (400, "invalid_request")
            assert reply.error["param"] == "model"
            assert posted(first) == []

    async def test_a_kind_that_makes_none_is_passed_over(
        self, first: ScriptedUpstream, second: ScriptedUpstream, tmp_path: Path
    ) -> None:
        second.always(GOOD)
        text = document(
            provider("a", first.url, kind="lightllm"),
            provider("b", second.url),
            rest=chain("both", "a/m", "b/m"),
        )
        async with running_laird(tmp_path, text) as laird:
            reply = await embed(laird, "both")
            assert reply.json()["provider"] == "b"
            assert reply.headers["x-laird-attempts"] == "1"

    async def test_many_texts_need_not_fit_the_window_together(
        self, first: ScriptedUpstream, tmp_path: Path
    ) -> None:
        first.always(json_answer(embedded(*[VECTOR] * 50)))
        text = document(provider("a", first.url, models="[{id: m, contextWindow: 100}]"))
        async with running_laird(tmp_path, text) as laird:
            assert (await embed(laird, texts=["x" * 360] * 50)).status == 200
            refused = await embed(laird, texts=["x", "x" * 500])
            assert refused.error["code"] == "context_length_exceeded"
            assert refused.error["param"] == "input"

    async def test_a_wrong_body_names_the_field(
        self, first: ScriptedUpstream, tmp_path: Path
    ) -> None:
        async with (
            running_laird(tmp_path, document(provider("a", first.url))) as laird,
            sdk(laird) as client,
        ):
            with pytest.raises(BadRequestError) as caught:
                await client.embeddings.create(model="m", input="")
            assert caught.value.param == "input"
            wrong_method = await laird.client().request("GET", "/v1/embeddings")
            assert wrong_method.headers["allow"] == "POST"


COHERE = {"id": "1", "embeddings": {"float": [VECTOR, VECTOR]}, "texts": ["x", "y"]}


class TestTranslation:
    """Cohere has a format of its own."""

    def document(self, upstream: ScriptedUpstream) -> str:
        upstream.on("/v1/models", json_answer({"models": []}))
        return document(provider("co", upstream.url, kind="cohere", authType='"null"'))

    @pytest.mark.parametrize("encoding", [{}, {"encoding_format": "float"}])
    async def test_the_sdk_gets_numbers_in_either_encoding(
        self, encoding: Any, first: ScriptedUpstream, tmp_path: Path
    ) -> None:
        billed = {"meta": {"billed_units": {"input_tokens": 5}}}
        first.always(json_answer({**COHERE, **billed}))
        async with running_laird(tmp_path, self.document(first)) as laird, sdk(laird) as client:
            found = await client.embeddings.create(model="co/m", input=["x", "y"], **encoding)
            assert [row.embedding for row in found.data] == [VECTOR, VECTOR]
            assert [row.index for row in found.data] == [0, 1]
            assert found.usage.prompt_tokens == found.usage.total_tokens == 5
            assert found.model_extra == {"provider": "co"}
            (row,) = await laird.rows()
            assert (row["prompt_tokens"], row["completion_tokens"]) == (5, 0)

    async def test_tokens_are_refused_by_name(
        self, first: ScriptedUpstream, tmp_path: Path
    ) -> None:
        async with running_laird(tmp_path, self.document(first)) as laird:
            reply = await embed(laird, "co/m", [1, 2, 3])
            assert (reply.status, reply.error["code"]) == (400, "unsupported_field")
            assert reply.error["param"] == "input"

    async def test_a_vector_too_few_is_no_answer(
        self, first: ScriptedUpstream, tmp_path: Path
    ) -> None:
        first.always(json_answer(COHERE))
        async with running_laird(tmp_path, self.document(first)) as laird:
            reply = await embed(laird, "co/m", ["x", "y", "z"])
            assert (reply.status, reply.error["code"]) == (502, "provider_error")


DEMO = "providers:\n  - {id: demo, kind: demo, endpoint: 'demo://', models: [demo]}\n"


async def test_the_demo_makes_embeddings_that_find_what_is_alike(tmp_path: Path) -> None:
    async with running_laird(tmp_path, DEMO) as laird, sdk(laird) as client:
        texts = ["a cat sat on the mat", "the cat sat on a mat", "prices rose in spring"]
        found = await client.embeddings.create(model="auto", input=texts, dimensions=128)
        cat, same, prices = (row.embedding for row in found.data)
        assert len(cat) == 128

        def likeness(one: list[float], other: list[float]) -> float:
            return sum(a * b for a, b in zip(one, other, strict=True))

        assert likeness(cat, same) > 0.8
        assert likeness(cat, prices) < 0.3
        again = await client.embeddings.create(model="demo", input=texts[0], dimensions=128)
        assert again.data[0].embedding == cat
