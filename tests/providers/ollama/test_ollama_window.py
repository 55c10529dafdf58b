"""A prompt that an Ollama server cut in silence, seen by a client of Laird."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.providers.ollama.ollama_wire import adapter, chat, last, line, model, user
from tests.support import openai_wire
from tests.support.chat_upstream import chat_upstream
from tests.support.documents import chain, document, provider
from tests.support.laird import RunningLaird, running_laird
from tests.support.upstream import Answer, ScriptedUpstream, json_answer, sse_answer, text_answer

from laird.domain.errors import UpstreamRejected
from laird.domain.tokens import TokenUsage

WINDOW = 1000
LONG = "word " * 700
"""About 875 tokens by the estimate: it passes the planner, and may be cut by the server."""


def whole(prompt_tokens: int) -> Answer:
    body = last(message={"content": "Hello."}, prompt_eval_count=prompt_tokens)
    return text_answer(body, content_type="application/json")


def streamed(prompt_tokens: int) -> Answer:
    return sse_answer([line({"content": "Hel"}), last(prompt_eval_count=prompt_tokens)])


@pytest.fixture
async def ollama() -> AsyncIterator[ScriptedUpstream]:
    async with ScriptedUpstream() as upstream:
        upstream.on("/api/version", json_answer({"version": "0.9.0"}))
        upstream.on("/api/ps", json_answer({"models": [{"model": "warm:latest"}]}))
        yield upstream


@pytest.fixture
async def other() -> AsyncIterator[ScriptedUpstream]:
    async with chat_upstream() as upstream:
        yield upstream


@pytest.fixture
async def laird(
    tmp_path: Path, ollama: ScriptedUpstream, other: ScriptedUpstream
) -> AsyncIterator[RunningLaird]:
    models = f"[{{id: m, contextWindow: {WINDOW}}}, warm, {{id: other, upstreamModel: cold}}]"
    text = document(
        provider("box", ollama.url, kind="ollama", models=models),
        provider("big", other.url),
        rest=chain("both", "box/m", "big/m"),
    )
    async with running_laird(tmp_path, text) as running:
        yield running


class TestWhatCounts:
    @pytest.mark.parametrize("counted", [WINDOW, WINDOW + 1, 100, 437])
    def test_a_prompt_was_cut(self, counted: int) -> None:
        sent = adapter().chat_request(model(context_window=WINDOW), chat(user(LONG)))
        with pytest.raises(UpstreamRejected) as caught:
            adapter().check_counts(sent, TokenUsage(prompt=counted))
        assert caught.value.upstream_code == "context_length_exceeded"
        assert "0.12.6" in caught.value.message

    @pytest.mark.parametrize("counted", [WINDOW - 1, 701, 438])
    def test_a_prompt_was_read_whole(self, counted: int) -> None:
        sent = adapter().chat_request(model(context_window=WINDOW), chat(user(LONG)))
        adapter().check_counts(sent, TokenUsage(prompt=counted))

    def test_a_prompt_that_fits_for_certain_may_have_any_count(self) -> None:
        sent = adapter().chat_request(model(context_window=WINDOW), chat(user("x" * 2000)))
        adapter().check_counts(sent, TokenUsage(prompt=1))

    def test_characters_are_counted_as_they_are_sent(self) -> None:
        asked = model(context_window=WINDOW)
        sent = adapter().chat_request(asked, chat(user("\N{SNOWMAN}" * 900)))
        adapter().check_counts(sent, TokenUsage(prompt=950))
        with pytest.raises(UpstreamRejected):
            adapter().check_counts(sent, TokenUsage(prompt=300))

    def test_a_model_in_the_cloud_is_not_checked(self) -> None:
        asked = model("glm:cloud", context_window=WINDOW)
        sent = adapter().chat_request(asked, chat(user(LONG)))
        adapter().check_counts(sent, TokenUsage(prompt=WINDOW * 2))


class TestThroughLaird:
    async def test_a_cut_prompt_is_never_a_normal_answer(
        self, laird: RunningLaird, ollama: ScriptedUpstream
    ) -> None:
        ollama.script(whole(WINDOW))
        reply = await laird.client().chat("box/m", LONG)
        assert reply.status == 400
        assert reply.error["code"] == "context_length_exceeded"
        (row,) = await laird.rows()
        assert row["status"] == "error"

    async def test_another_candidate_answers_instead(
        self, laird: RunningLaird, ollama: ScriptedUpstream, other: ScriptedUpstream
    ) -> None:
        ollama.script(whole(WINDOW))
        other.script(json_answer(openai_wire.COMPLETION))
        reply = await laird.client().chat("both", LONG)
        assert reply.status == 200
        assert reply.headers["x-laird-provider"] == "big"

    async def test_a_stream_that_has_begun_ends_with_an_error(
        self, laird: RunningLaird, ollama: ScriptedUpstream
    ) -> None:
        ollama.script(streamed(WINDOW))
        reply = await laird.client().chat("box/m", LONG, stream=True)
        assert reply.status == 200
        assert b"[DONE]" not in reply.body
        assert reply.events()[-1]["error"]["code"] == "context_length_exceeded"

    async def test_nothing_is_said_against_a_prompt_that_was_read(
        self, laird: RunningLaird, ollama: ScriptedUpstream
    ) -> None:
        ollama.script(whole(705), streamed(705))
        reply = await laird.client().chat("box/m", LONG)
        assert reply.status == 200
        assert reply.json()["usage"]["prompt_tokens"] == 705
        streaming = await laird.client().chat("box/m", LONG, stream=True)
        assert b"[DONE]" in streaming.body
        sent = [json.loads(each.body) for each in ollama.requests if each.path == "/api/chat"]
        assert {each["options"]["num_ctx"] for each in sent} == {WINDOW}

    async def test_what_is_warm_is_shown(self, laird: RunningLaird) -> None:
        await laird.program.prober.probe_now(laird.program.configuration.snapshot.providers["box"])
        answer = await laird.admin("GET", "/api/models")
        warm = {each["key"]: each["warm"] for each in answer["models"]}
        assert warm == {"box/m": False, "box/warm": True, "box/other": False, "big/m": None}
        explained = await laird.admin("POST", "/api/routing/explain", {"model": "box/warm"})
        assert explained["attempts"][0]["reason"].endswith("warm")
