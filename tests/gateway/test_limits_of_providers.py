"""Limits of providers: requests in a day, tokens in a request."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from tests.support import openai_wire
from tests.support.answers import json_answer
from tests.support.chat_upstream import chats, prepared
from tests.support.client import Reply
from tests.support.documents import chain, document, provider
from tests.support.laird import laird_process, running_laird
from tests.support.upstream import ScriptedUpstream, threaded_upstream

from laird.config.settings import Settings
from laird.domain.keys import ApiKey, Caller
from laird.domain.plan import RequestFacts
from laird.limits.daily import day_left_s
from laird.wiring.program import open_program

CALLER = Caller(key=ApiKey(id="k", name="k", digest="", prefix="", created_us=0))
CHAT = {"model": "a/m", "messages": [{"role": "user", "content": "Hello"}]}


def is_for_tomorrow(reply: Reply) -> bool:
    """Tell whether a refusal sends its client to the next day, to the second."""
    wait = int(reply.headers["retry-after"])
    return reply.status == 429 and abs(wait - day_left_s(time.time_ns() // 1000)) < 5


async def test_the_refusal_names_the_limit_and_when_the_day_ends(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    async with running_laird(
        tmp_path, document(provider("a", first.url, dailyRequestLimit=2))
    ) as laird:
        replies = [await laird.client().chat("a/m") for _ in range(3)]
    assert [each.status for each in replies] == [200, 200, 429]
    assert "daily limit of 2 requests" in replies[2].error["message"]
    assert is_for_tomorrow(replies[2])
    assert len(chats(first)) == 2


async def test_a_retry_over_the_limit_of_the_day_is_not_made_and_says_the_same(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    first.always(json_answer(openai_wire.COMPLETION))
    text = document(
        provider("a", first.url, dailyRequestLimit=1),
        rest=chain("twice", "a/m", retries=3),
    )
    async with running_laird(tmp_path, text) as laird:
        first.script(json_answer({"error": {"message": "x"}}, status=500))
        reply = await laird.client().chat("twice")
    assert is_for_tomorrow(reply)
    assert "dailyRequestLimit" in reply.error["message"]
    assert len(chats(first)) == 1


async def test_requests_count_before_there_is_a_limit(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    async with running_laird(tmp_path, document(provider("a", first.url))) as laird:
        for _ in range(3):
            assert (await laird.client().chat("a/m")).status == 200
        await laird.write_document(document(provider("a", first.url, dailyRequestLimit=3)))
        assert is_for_tomorrow(await laird.client().chat("a/m"))
        await laird.write_document(document(provider("a", first.url, dailyRequestLimit=4)))
        assert (await laird.client().chat("a/m")).status == 200
        assert is_for_tomorrow(await laird.client().chat("a/m"))


@pytest.mark.parametrize(("limit", "served"), [(2, 0), (3, 1)])
async def test_the_count_goes_on_after_a_restart_without_answers_from_the_cache(
    limit: int, served: int, first: ScriptedUpstream, tmp_path: Path
) -> None:
    async with running_laird(tmp_path, document(provider("a", first.url))) as laird:
        use = {"x-laird-cache": "use"}
        for _ in range(4):
            assert (await laird.client().chat("a/m", headers=use)).status == 200
        assert (await laird.client().chat("a/m")).status == 200
    (tmp_path / "providers.yaml").write_text(
        document(provider("a", first.url, dailyRequestLimit=limit))
    )
    async with open_program(Settings.load({"home": tmp_path}), serving=False) as program:
        plan = program.gateway.weigh(RequestFacts(model="a/m"), CALLER)
    assert len(plan.attempts) == served


def test_what_only_the_journal_had_counts_after_a_crash(tmp_path: Path) -> None:
    with threaded_upstream() as upstream:
        text = document(provider("a", prepared(upstream).url, dailyRequestLimit=2))
        with laird_process(tmp_path, text) as laird:
            for _ in range(2):
                assert laird.post("/v1/chat/completions", CHAT)[0] == 200
            key = laird.key
            laird.kill()
            laird.start()
            laird.key = key
            assert laird.post("/v1/chat/completions", CHAT)[0] == 429


async def test_another_provider_steps_in_when_a_day_is_used_up(
    first: ScriptedUpstream, second: ScriptedUpstream, tmp_path: Path
) -> None:
    text = document(
        provider("a", first.url, dailyRequestLimit=1),
        provider("b", second.url),
        rest=chain("both", "a/m", "b/m"),
    )
    async with running_laird(tmp_path, text) as laird:
        served = [(await laird.client().chat("both")).headers["x-laird-provider"] for _ in range(3)]
    assert served == ["a", "b", "b"]


async def test_a_request_over_the_tokens_of_a_provider_is_told_its_limit(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    text = document(provider("a", first.url, maxTokensPerRequest=100))
    async with running_laird(tmp_path, text) as laird:
        reply = await laird.client().chat("a/m", max_tokens=200)
        fits = await laird.client().chat("a/m", max_tokens=50)
    assert (reply.status, reply.error["code"]) == (400, "context_length_exceeded")
    assert "takes 100 in all (its maxTokensPerRequest)" in reply.error["message"]
    assert fits.status == 200
