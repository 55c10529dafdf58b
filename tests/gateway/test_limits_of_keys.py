"""Limits per minute over HTTP: what is left is told, and what was not used is given back."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support import openai_wire
from tests.support.answers import failing, json_answer, sse_answer
from tests.support.client import Client, Reply
from tests.support.documents import document, provider
from tests.support.laird import RunningLaird, running_laird
from tests.support.upstream import ScriptedUpstream

from laird.api.inference import _duration
from laird.domain.keys import RateLimit
from laird.keys.draft import KeyDraft

USED = openai_wire.USAGE["total_tokens"]
LARGE = 10_000
"""Tokens in a minute; one that comes back during a test is one in six milliseconds."""


async def limited(laird: RunningLaird, requests: int | None, tokens: int | None) -> Client:
    rate = RateLimit(requests, tokens)
    return laird.client(await laird.make_key(KeyDraft(name="limited", rate=rate)))


def left(reply: Reply, what: str) -> int:
    return int(reply.headers[f"x-ratelimit-remaining-{what}"])


async def test_answers_tell_what_is_left(first: ScriptedUpstream, tmp_path: Path) -> None:
    async with running_laird(tmp_path, document(provider("a", first.url))) as laird:
        client = await limited(laird, 3, LARGE)
        one, two = await client.chat("m"), await client.chat("m")
        free = await laird.client().chat("m")
    assert one.headers["x-ratelimit-limit-requests"] == "3"
    assert one.headers["x-ratelimit-limit-tokens"] == str(LARGE)
    assert (left(one, "requests"), left(two, "requests")) == (2, 1)
    assert one.headers["x-ratelimit-reset-requests"] == "20s"
    assert not [name for name in free.headers if name.startswith("x-ratelimit")]


async def test_a_refusal_says_which_limit_and_when_to_come_again(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    async with running_laird(tmp_path, document(provider("a", first.url))) as laird:
        client = await limited(laird, 2, None)
        for _ in range(2):
            await client.chat("m")
        refused = await client.chat("m")
        streamed = await client.chat("m", stream=True)
    for reply in (refused, streamed):
        assert (reply.status, reply.error["code"]) == (429, "rate_limit_exceeded")
        assert "2 requests per minute" in reply.error["message"]
        assert reply.headers["retry-after"] == "30"
        assert left(reply, "requests") == 0
        assert "x-ratelimit-limit-tokens" not in reply.headers


async def test_streams_tell_at_their_beginning_and_are_settled_at_their_end(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    first.script(sse_answer(openai_wire.STREAM))
    async with running_laird(tmp_path, document(provider("a", first.url))) as laird:
        client = await limited(laird, None, LARGE)
        stream = await client.chat("m", stream=True, max_tokens=5000)
        after = await client.chat("m")
    assert LARGE - 5100 <= left(stream, "tokens") < LARGE - 5000
    assert left(after, "tokens") >= LARGE - 2 * USED


@pytest.mark.parametrize("status", [400, 500])
async def test_a_failed_request_gives_its_tokens_back_and_counts_as_a_request(
    status: int, first: ScriptedUpstream, tmp_path: Path
) -> None:
    one_try = "  - id: one\n    models: [{providerId: a, modelId: m, maxRetries: 0}]\n"
    text = document(provider("a", first.url), rest=f"chains:\n{one_try}")
    async with running_laird(tmp_path, text) as laird:
        first.script(failing(status), json_answer(openai_wire.COMPLETION))
        client = await limited(laird, 100, LARGE)
        failed = await client.chat("one", max_tokens=9000)
        after = await client.chat("one")
    assert failed.status >= 400
    assert left(failed, "tokens") < 1000
    assert left(after, "tokens") >= LARGE - 2 * USED
    assert left(after, "requests") in {98, 99}


async def test_a_request_that_nothing_can_serve_takes_nothing(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    async with running_laird(tmp_path, document(provider("a", first.url))) as laird:
        client = await limited(laird, 1, None)
        assert (await client.chat("nothing")).status == 404
        assert (await client.chat("m")).status == 200


async def test_counting_tokens_takes_none(first: ScriptedUpstream, tmp_path: Path) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "Hello " * 100}]}
    async with running_laird(tmp_path, document(provider("a", first.url))) as laird:
        client = await limited(laird, None, 50)
        reply = await client.request("POST", "/v1/messages/count_tokens", body)
    assert reply.status == 200
    assert reply.json()["input_tokens"] > 50


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (0.12, "120ms"), (0.0001, "1ms"), (1, "1s"), (8.64, "8.64s"), (60, "1m0s"),
     (90.5, "1m30.5s"), (3600, "60m0s")],
)  # fmt: skip
def test_times_are_written_as_openai_writes_them(seconds: float, text: str) -> None:
    assert _duration(seconds).decode() == text
