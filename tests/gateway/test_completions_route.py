"""`/v1/completions` as OpenAI's SDK uses it: passed on where a provider has it, else a chat."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI, BadRequestError
from tests.support import openai_wire
from tests.support.answers import json_answer, sse_answer
from tests.support.client import Reply
from tests.support.completions_wire import TEXT_STREAM, text_completion
from tests.support.documents import chain, document, provider
from tests.support.laird import RunningLaird, running_laird
from tests.support.upstream import ScriptedUpstream

TEXT = "Hello there."
WITH_USAGE: Any = {"include_usage": True}


@asynccontextmanager
async def sdk(laird: RunningLaird) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(
        base_url=f"{laird.url}/v1", api_key=laird.key, max_retries=0, timeout=10
    ) as client:
        yield client


def native(upstream: ScriptedUpstream, *rest: str) -> str:
    """Return a document with a provider that has completions."""
    return document(provider("a", upstream.url), rest="".join(rest))


def chatting(upstream: ScriptedUpstream, *rest: str) -> str:
    """Return a document with a provider that has none."""
    entry = provider("a", upstream.url, kind="openai", authType='"null"')
    return document(entry, rest="".join(rest))


ONE_TRY = chain("one", "a/m")


def posted(upstream: ScriptedUpstream, path: str) -> list[Any]:
    return [one.json() for one in upstream.requests if one.path == path]


def texts(events: list[Any]) -> str:
    return "".join(
        choice["text"]
        for event in events
        if event != "[DONE]"
        for choice in event.get("choices", [])
    )


def looks_complete(events: list[Any]) -> bool:
    finished = any(
        choice.get("finish_reason")
        for event in events
        if event != "[DONE]"
        for choice in event.get("choices", [])
    )
    return finished or "[DONE]" in events


async def stream(laird: RunningLaird, **fields: Any) -> Reply:
    body = {"model": "one", "prompt": "Say", "stream": True, **fields}
    return await laird.client().request("POST", "/v1/completions", body)


class TestPassedOn:
    async def test_everything_goes_along(self, first: ScriptedUpstream, tmp_path: Path) -> None:
        first.always(json_answer(text_completion()))
        async with running_laird(tmp_path, native(first)) as laird, sdk(laird) as client:
            found = await client.completions.create(
                model="a/m",
                prompt=["Say", "it"],
                suffix=".",
                echo=True,
                best_of=2,
                n=2,
                logprobs=1,
                extra_body={"odd": [1]},
            )
            assert found.choices[0].text == TEXT
            assert found.model_extra == {"provider": "a"}
            assert posted(first, "/v1/completions") == [
                {
                    "model": "m",
                    "prompt": ["Say", "it"],
                    "suffix": ".",
                    "echo": True,
                    "best_of": 2,
                    "n": 2,
                    "logprobs": 1,
                    "odd": [1],
                }
            ]
            (row,) = await laird.rows()
            assert (row["dialect"], row["prompt_tokens"]) == ("openai.completions", 9)

    @pytest.mark.parametrize("asked", [True, False])
    async def test_a_stream(self, asked: bool, first: ScriptedUpstream, tmp_path: Path) -> None:
        first.always(sse_answer(TEXT_STREAM))
        more: Any = {"stream_options": WITH_USAGE} if asked else {}
        async with running_laird(tmp_path, native(first)) as laird, sdk(laird) as client:
            chunks = [
                chunk
                async for chunk in await client.completions.create(
                    model="m", prompt="Say", stream=True, **more
                )
            ]
            assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices) == TEXT
            assert all((chunk.model_extra or {})["provider"] == "a" for chunk in chunks)
            assert (chunks[-1].usage is not None) is asked
            assert posted(first, "/v1/completions")[0]["stream_options"] == WITH_USAGE
            (row,) = await laird.rows()
            assert (row["prompt_tokens"], row["completion_tokens"]) == (9, 3)

    @pytest.mark.parametrize("at", range(len(TEXT_STREAM)))
    async def test_a_cut_at_any_chunk_never_looks_complete(
        self, at: int, first: ScriptedUpstream, tmp_path: Path
    ) -> None:
        first.always(sse_answer(TEXT_STREAM).paced(0.01).cut(at=at))
        async with running_laird(tmp_path, native(first, ONE_TRY)) as laird:
            reply = await stream(laird)
            if reply.status != 200:
                assert at == 0
                return
            events = reply.events()
            assert not looks_complete(events)
            assert events[-1]["error"]["code"] == "provider_error"
            assert TEXT.startswith(texts(events[:-1]))


class TestAsAChat:
    async def test_the_prompt_is_a_message_and_the_answer_a_completion(
        self, first: ScriptedUpstream, tmp_path: Path
    ) -> None:
        first.always(json_answer(openai_wire.COMPLETION))
        async with running_laird(tmp_path, chatting(first)) as laird, sdk(laird) as client:
            found = await client.completions.create(
                model="m", prompt="Say it.", max_tokens=5, stop="X", temperature=0.5
            )
            assert found.object == "text_completion"
            assert found.id.startswith("cmpl-")
            assert found.choices[0].text == TEXT
            assert found.choices[0].finish_reason == "stop"
            assert found.usage is not None
            assert found.usage.total_tokens == 12
            assert found.model_extra == {"provider": "a"}
            assert posted(first, "/v1/completions") == []
            assert posted(first, "/v1/chat/completions") == [
                {
                    "model": "m",
                    "messages": [{"role": "user", "content": "Say it."}],
                    "max_completion_tokens": 5,
                    "stop": ["X"],
                    "temperature": 0.5,
                }
            ]

    @pytest.mark.parametrize("asked", [True, False])
    async def test_a_stream(self, asked: bool, first: ScriptedUpstream, tmp_path: Path) -> None:
        first.always(sse_answer(openai_wire.STREAM))
        more: Any = {"stream_options": WITH_USAGE} if asked else {}
        async with running_laird(tmp_path, chatting(first)) as laird, sdk(laird) as client:
            chunks = [
                chunk
                async for chunk in await client.completions.create(
                    model="m", prompt="Say", stream=True, **more
                )
            ]
            assert all(chunk.object == "text_completion" for chunk in chunks)
            assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices) == TEXT
            finishes = [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices]
            assert finishes == [None, None, None, "stop"]
            assert (chunks[-1].usage is not None) is asked

    @pytest.mark.parametrize("at", range(len(openai_wire.STREAM)))
    async def test_a_cut_at_any_chunk_never_looks_complete(
        self, at: int, first: ScriptedUpstream, tmp_path: Path
    ) -> None:
        first.always(sse_answer(openai_wire.STREAM).paced(0.01).cut(at=at))
        async with running_laird(tmp_path, chatting(first, ONE_TRY)) as laird:
            reply = await stream(laird)
            if reply.status != 200:
                assert at < 2
                return
            events = reply.events()
            assert not looks_complete(events)
            assert events[-1]["error"]["code"] == "provider_error"
            assert TEXT.startswith(texts(events[:-1]))

    async def test_what_a_chat_can_not_do_is_refused(
        self, first: ScriptedUpstream, tmp_path: Path
    ) -> None:
        async with running_laird(tmp_path, chatting(first)) as laird, sdk(laird) as client:
            with pytest.raises(BadRequestError) as caught:
                await client.completions.create(model="m", prompt="def f(", suffix="return")
            assert (caught.value.code, caught.value.param) == ("unsupported_field", "suffix")

    async def test_another_candidate_that_has_completions_takes_it(
        self, first: ScriptedUpstream, second: ScriptedUpstream, tmp_path: Path
    ) -> None:
        second.always(json_answer(text_completion()))
        text = document(
            provider("a", first.url, kind="openai", authType='"null"'),
            provider("b", second.url),
            rest=chain("both", "a/m", "b/m"),
        )
        async with running_laird(tmp_path, text) as laird, sdk(laird) as client:
            found = await client.completions.create(model="both", prompt="def f(", suffix="return")
            assert (found.model_extra or {})["provider"] == "b"
            assert posted(first, "/v1/chat/completions") == []


async def test_the_demo_completes(tmp_path: Path) -> None:
    text = "providers:\n  - {id: demo, kind: demo, endpoint: 'demo://', models: [demo]}\n"
    async with running_laird(tmp_path, text) as laird, sdk(laird) as client:
        found = await client.completions.create(model="auto", prompt="Hi", echo=True)
        assert found.choices[0].text == "HiThis is the Laird demo model. You said: Hi"
        chunks = [
            chunk
            async for chunk in await client.completions.create(
                model="demo", prompt="Hi\n/demo chunks=3", stream=True, stream_options=WITH_USAGE
            )
        ]
        assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices) == "This is the"
        assert chunks[-1].usage is not None
