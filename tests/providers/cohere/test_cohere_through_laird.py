"""Cohere behind Laird, for a program that only knows OpenAI's SDK."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI, BadRequestError
from tests.providers.cohere.cohere_wire import (
    CHAT,
    EMBED,
    answer_body,
    check_body,
    content,
    content_start,
    end,
    start,
)
from tests.support.answers import json_answer
from tests.support.documents import document, provider
from tests.support.laird import running_laird
from tests.support.upstream import ScriptedUpstream, sse_answer

CHAT_ID = "command-a"


def house(upstream: ScriptedUpstream) -> str:
    models = f"[{{id: {CHAT_ID}, upstreamModel: command-a-03-2025}}, embed-v4.0]"
    return document(provider("co", upstream.url, kind="cohere", models=models))


async def test_chat_streams_and_embeddings(tmp_path: Path) -> None:
    counts: dict[str, Any] = {
        "usage": {"billed_units": {"input_tokens": 5, "output_tokens": 2}, "cached_tokens": 3}
    }
    vectors = {
        "id": "e1",
        "embeddings": {"float": [[0.5, -1.0], [0.25, 2.0]]},
        "meta": {"billed_units": {"input_tokens": 7}},
    }
    async with ScriptedUpstream() as upstream:
        hello = [{"type": "text", "text": "Hello"}]
        pieces = [content_start(0, "text"), content(0, text="Hel"), content(0, text="lo")]
        streamed = [start(), *pieces, end("MAX_TOKENS", **counts), b"data: [DONE]\n\n"]
        upstream.on("/v1/models", json_answer({"models": [{"name": "command-a-03-2025"}]}))
        upstream.script(
            json_answer(answer_body(content=hello)),
            sse_answer(streamed),
            json_answer(vectors),
        )
        async with (
            running_laird(tmp_path, house(upstream)) as laird,
            AsyncOpenAI(
                base_url=f"{laird.url}/v1", api_key=laird.key, max_retries=0, timeout=10
            ) as client,
        ):
            upstream.requests.clear()
            asked: Any = {"model": CHAT_ID, "messages": [{"role": "user", "content": "Hi"}]}
            whole = await client.chat.completions.create(**asked)
            assert whole.model == CHAT_ID
            assert whole.choices[0].message.content == "Hello"
            assert whole.usage is not None
            assert (whole.usage.prompt_tokens, whole.usage.completion_tokens) == (9, 3)

            text, finish, usage = "", None, None
            stream = await client.chat.completions.create(
                **asked, stream=True, stream_options={"include_usage": True}
            )
            async for chunk in stream:
                assert chunk.model == CHAT_ID
                usage = chunk.usage or usage
                for choice in chunk.choices:
                    text += choice.delta.content or ""
                    finish = choice.finish_reason or finish
            assert (text, finish) == ("Hello", "length")
            assert usage is not None
            assert usage.prompt_tokens_details is not None
            assert usage.prompt_tokens_details.cached_tokens == 3

            found = await client.embeddings.create(
                model="co/embed-v4.0",
                input=["one", "two"],
                dimensions=256,
                extra_body={"input_type": "search_query"},
            )
            assert [row.embedding for row in found.data] == [[0.5, -1.0], [0.25, 2.0]]
            assert found.model == "embed-v4.0"
            assert found.usage.prompt_tokens == 7
            with pytest.raises(BadRequestError, match="logit_bias") as caught:
                await client.chat.completions.create(
                    **asked,
                    logit_bias={"5": 1},
                    tools=[{"type": "function", "function": {"name": "f"}}],
                )
            assert caught.value.code == "unsupported_field"
        sent = [request.json() for request in upstream.requests if request.method == "POST"]
    assert [body.get("stream", False) for body in sent] == [False, True, False]
    for body in sent[:2]:
        check_body(body, CHAT)
    check_body(sent[2], EMBED)
    assert sent[2]["input_type"] == "search_query"
    assert sent[2]["output_dimension"] == 256
