"""A real llama.cpp behind Laird, asked through the official OpenAI SDK, killed and brought back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletionMessageParam
from tests.support.documents import chain
from tests.support.laird import LairdProcess, free_port, laird_process
from tests.support.llama_server import LlamaServer
from tests.support.tiny_model import write_tiny_model

TEXT = "local models answer here"
ASK: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Where?"}]


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaServer]:
    model = tmp_path_factory.mktemp("models") / "tiny.gguf"
    write_tiny_model(model, TEXT)
    server = LlamaServer(model, free_port()).start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def laird(llama: LlamaServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LairdProcess]:
    document = f"""
providers:
  - id: llama
    kind: llamacpp
    endpoint: {llama.url}
    authType: bearer
    authSecret: env:LLAMA_KEY
    maxConcurrent: 2
    models: [tiny]
  - id: demo
    kind: demo
    endpoint: demo://
    models: [demo]
""" + chain("reliable", "llama/tiny", "demo/demo")
    with laird_process(
        tmp_path_factory.mktemp("home"), document, environment={"LLAMA_KEY": llama.key}
    ) as process:
        yield process


@pytest.fixture
def sdk(laird: LairdProcess) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{laird.url}/v1", api_key=laird.key, max_retries=0) as client:
        yield client


def test_a_whole_answer(sdk: OpenAI) -> None:
    answer = sdk.chat.completions.create(model="tiny", messages=ASK, temperature=0)
    assert answer.choices[0].message.content == TEXT
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.completion_tokens > 0


def test_a_stream_with_usage(sdk: OpenAI) -> None:
    stream = sdk.chat.completions.create(
        model="llama/tiny",
        messages=ASK,
        temperature=0,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == TEXT
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices][-1] == "stop"
    assert chunks[-1].usage is not None
    assert all(chunk.model_extra and chunk.model_extra["provider"] == "llama" for chunk in chunks)


def test_a_prompt_too_long_is_refused_and_not_cut(sdk: OpenAI, laird: LairdProcess) -> None:
    status, answer = laird.post(
        "/v1/chat/completions",
        {"model": "llama/tiny", "messages": [{"role": "user", "content": "word " * 3000}]},
    )
    assert (status, answer["error"]["code"]) == (400, "context_length_exceeded")


def test_a_killed_server_is_replaced_at_once_and_comes_back_by_itself(
    sdk: OpenAI, laird: LairdProcess, llama: LlamaServer
) -> None:
    def ask() -> tuple[str, float, str]:
        began = time.monotonic()
        raw = sdk.chat.completions.with_raw_response.create(
            model="reliable",
            messages=ASK,
            temperature=0,
        )
        assert raw.parse().choices[0].message.content
        return (
            raw.headers["x-laird-provider"],
            time.monotonic() - began,
            raw.headers["x-laird-request-id"],
        )

    assert ask()[0] == "llama"
    llama.kill()
    after_kill = [ask() for _ in range(10)]
    assert {provider for provider, _, _ in after_kill} == {"demo"}
    assert max(seconds for _, seconds, _ in after_kill) < 5

    first = laird.command("usage", "list", "--request", after_kill[0][2], "--json").stdout
    assert '"llama"' in first
    assert '"failover_from": "llama/tiny"' in first

    llama.start()
    deadline = time.monotonic() + 15
    while ask()[0] != "llama":
        assert time.monotonic() < deadline, "it did not come back by itself"


def test_the_command_line_tests_and_explains_it(laird: LairdProcess) -> None:
    assert "tiny" in laird.command("providers", "test", "llama").stdout
    assert "llama" in laird.command("explain", "reliable").stdout
    assert laird.command("doctor", check=False).returncode == 0


def test_the_home_holds_no_key(laird: LairdProcess) -> None:
    for file in Path(laird.home).rglob("*"):
        if file.is_file():
            assert laird.key.encode() not in file.read_bytes(), file
