"""Legacy completions and embeddings from every provider, by OpenAI's SDK."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from openai import BadRequestError
from tests.clients.clients import SdkClient
from tests.clients.house import ROUTES, House, Stand
from tests.clients.passthrough import stream_answer, whole_answer
from tests.clients.scenarios import SCENARIOS, expected
from tests.support.upstream import Answer, json_answer

from laird.dialects.base import ChatDialect

pytestmark = pytest.mark.asyncio(loop_scope="session")

PROMPT = "Once upon a time"
VECTORS = [[0.6, 0.0, -0.8], [0.0, 1.0, 0.0]]
"""Of length 1: where a provider does not see to that, Laird does."""


@pytest.fixture
def openai(house: House) -> SdkClient:
    return house.clients["openai-chat"]


def completions() -> ChatDialect:
    dialect = ROUTES["/v1/completions"].chat
    assert dialect is not None
    return dialect


@pytest.mark.parametrize("name", ["text", "length"])
async def test_a_completion(stand: Stand, openai: SdkClient, name: str) -> None:
    scenario = SCENARIOS[name]
    stand.answers(whole_answer(stand.profile, stand.adapter, completions(), scenario.answer))
    got = await openai.sdk.completions.create(model=stand.model, prompt=PROMPT, max_tokens=50)
    wanted = expected(stand.profile, scenario)
    assert (got.choices[0].text, got.choices[0].finish_reason) == (wanted.text, wanted.finish)
    assert wanted.usage is not None
    assert (got.usage.prompt_tokens, got.usage.completion_tokens) == (
        wanted.usage.prompt,
        wanted.usage.completion,
    )
    assert PROMPT in stand.received[0].body.decode()


@pytest.mark.parametrize("name", ["text", "length"])
async def test_a_streamed_completion(stand: Stand, openai: SdkClient, name: str) -> None:
    scenario = SCENARIOS[name]
    stand.answers(stream_answer(stand.profile, stand.adapter, completions(), scenario.answer))
    stream = await openai.sdk.completions.create(
        model=stand.model,
        prompt=PROMPT,
        max_tokens=50,
        stream=True,
        stream_options={"include_usage": True},
    )
    text, finish, usage = "", None, None
    async for chunk in stream:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            text += choice.text
            finish = choice.finish_reason or finish
    wanted = expected(stand.profile, scenario)
    assert (text, finish) == (wanted.text, wanted.finish)
    assert usage is not None
    assert wanted.usage is not None
    assert usage.prompt_tokens == wanted.usage.prompt


ROWS = [{"object": "embedding", "index": n, "embedding": each} for n, each in enumerate(VECTORS)]
OPENAIS_FORM = {
    "object": "list",
    "model": "m",
    "data": ROWS,
    "usage": {"prompt_tokens": 7, "total_tokens": 7},
}
OWN_FORMS: Mapping[str, Mapping[str, Any]] = {
    "gemini": {
        "embeddings": [{"values": vector} for vector in VECTORS],
        "usageMetadata": {"promptTokenCount": 7},
    },
    "cohere": {
        "id": "1",
        "embeddings": {"float": VECTORS},
        "texts": ["one", "two"],
        "meta": {"billed_units": {"input_tokens": 7}},
    },
    "ollama": {"model": "m", "embeddings": VECTORS, "prompt_eval_count": 7},
}
"""Vectors in the words of those that do not speak OpenAI's format."""


class Embedder:
    """Answers a stand's request for embeddings in its own format."""

    def __init__(self, stand: Stand) -> None:
        self._kind = stand.profile.provider("http://127.0.0.1:1").kind
        self.speaks = "openai.embeddings" in stand.adapter.speaks
        self.able = self.speaks or self._kind in OWN_FORMS

    def answer(self) -> Answer:
        """Return the vectors as they come over the wire."""
        return json_answer(OPENAIS_FORM if self.speaks else OWN_FORMS[self._kind])


async def test_vectors(house: House, stand: Stand, openai: SdkClient) -> None:
    embedder = Embedder(stand)
    if not embedder.able:
        stand.answers()
        with pytest.raises(BadRequestError, match=stand.profile.name):
            await openai.sdk.embeddings.create(model=stand.model, input=["one", "two"])
        assert stand.received == []
        return
    stand.answers(embedder.answer())
    got = await openai.sdk.embeddings.create(model=stand.model, input=["one", "two"])
    for row, vector in zip(got.data, VECTORS, strict=True):
        assert row.embedding == pytest.approx(vector)
    assert [row.index for row in got.data] == [0, 1]
    if embedder.speaks:
        assert json.loads(stand.received[0].body)["input"] == ["one", "two"]
    assert got.usage.prompt_tokens in {7, 0}
