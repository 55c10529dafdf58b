"""A real llama.cpp behind Laird: legacy completions and embeddings, by OpenAI's SDK."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI, BadRequestError
from tests.support.laird import RunningLaird, free_port, running_laird
from tests.support.llama_server import LlamaServer
from tests.support.tiny_model import write_tiny_model

TEXT = "local models answer here"
PROMPT = "<|assistant|>"
"""After this the tiny model says its text."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "tiny.gguf"
    write_tiny_model(path, TEXT)
    return path


@pytest.fixture(scope="module")
def llama(model: Path) -> Iterator[LlamaServer]:
    server = LlamaServer(model, free_port()).start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def embedder(model: Path) -> Iterator[LlamaServer]:
    server = LlamaServer(model, free_port(), embedding=True).start()
    yield server
    server.kill()


@asynccontextmanager
async def asked(
    server: LlamaServer, home: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[AsyncOpenAI, RunningLaird]]:
    """Serve one llama.cpp, and connect the SDK."""
    monkeypatch.setenv("LLAMA_KEY", server.key)
    document = f"""
providers:
  - id: llama
    kind: llamacpp
    endpoint: {server.url}
    authType: bearer
    authSecret: env:LLAMA_KEY
    models: [tiny]
"""
    async with running_laird(home, document) as laird:
        sdk = AsyncOpenAI(base_url=f"{laird.url}/v1", api_key=laird.key, max_retries=0, timeout=20)
        async with sdk as client:
            yield client, laird


async def test_a_completion_streamed_and_not(
    llama: LlamaServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with asked(llama, tmp_path, monkeypatch) as (client, laird):
        plain: dict[str, Any] = {"model": "tiny", "prompt": PROMPT, "temperature": 0}
        whole = await client.completions.create(**plain, max_tokens=50)
        assert whole.choices[0].text == TEXT
        assert whole.choices[0].finish_reason == "stop"
        assert whole.usage is not None
        assert (whole.model_extra or {})["provider"] == "llama"

        chunks = [
            chunk
            async for chunk in await client.completions.create(
                **plain, stream=True, stream_options={"include_usage": True}
            )
        ]
        assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices) == TEXT
        assert chunks[-1].usage is not None
        assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens

        both = await client.completions.create(
            model="tiny", prompt=[PROMPT, PROMPT], temperature=0, max_tokens=50
        )
        assert [choice.text for choice in both.choices] == [TEXT, TEXT]
        rows = await laird.rows()
        assert [row["estimated"] for row in rows] == [False] * 3
        assert rows[0]["completion_tokens"] == whole.usage.completion_tokens


async def test_embeddings_in_either_encoding(
    embedder: LlamaServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with asked(embedder, tmp_path, monkeypatch) as (client, laird):
        texts = ["local models", "answer here"]
        usual = await client.embeddings.create(model="llama/tiny", input=texts)
        floats = await client.embeddings.create(model="tiny", input=texts, encoding_format="float")
        for packed, plain in zip(usual.data, floats.data, strict=True):
            assert packed.embedding == pytest.approx(plain.embedding, rel=1e-5)
            assert len(plain.embedding) == 64
        assert usual.data[0].embedding != usual.data[1].embedding
        assert (usual.model_extra or {})["provider"] == "llama"
        tokens = await client.embeddings.create(model="tiny", input=[5, 6, 7])
        assert len(tokens.data) == 1
        rows = await laird.rows()
        assert [row["dialect"] for row in rows] == ["openai.embeddings"] * 3
        assert rows[0]["prompt_tokens"] == usual.usage.prompt_tokens > 0
        assert {row["completion_tokens"] for row in rows} == {0}


async def test_embeddings_of_a_server_that_makes_none_are_refused_in_its_words(
    llama: LlamaServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with asked(llama, tmp_path, monkeypatch) as (client, _):
        with pytest.raises(BadRequestError, match="embedding"):
            await client.embeddings.create(model="tiny", input="x")
