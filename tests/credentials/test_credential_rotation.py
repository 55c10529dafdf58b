"""Keys change while requests run, and a provider that refuses one is tried with another."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.credentials.vault_world import ONE, THREE, TWO, credentials, files_with
from tests.support import openai_wire
from tests.support.answers import Answer, json_answer, sse_answer
from tests.support.chat_upstream import MODELS, chat_upstream, chats
from tests.support.documents import document, provider
from tests.support.gates import Gate
from tests.support.laird import RunningLaird, running_laird
from tests.support.upstream import Received, ScriptedUpstream

from laird.credentials.command import CommandSpec
from laird.credentials.upkeep import Upkeep
from laird.domain.secret import Secret

COMPLETION = json_answer(openai_wire.COMPLETION)
DAY_US = 86_400_000_000


class Keys:
    """An upstream that takes some keys and refuses the others, quoting them."""

    def __init__(self, upstream: ScriptedUpstream, *good: str, status: int = 401) -> None:
        self.good = set(good)
        self.status = status
        self.upstream = upstream
        upstream.on("/v1/models", lambda received: self.judge(received, json_answer(MODELS)))
        upstream.always(lambda received: self.judge(received, COMPLETION))

    def judge(self, received: Received, answer: Answer) -> Answer:
        key = key_of(received)
        if key in self.good:
            return answer
        body = {"error": {"message": f"Incorrect API key provided: {key}", "code": "bad"}}
        return json_answer(body, status=self.status)

    def sent(self) -> list[str]:
        """Return the keys of the chat requests that came."""
        return [key_of(received) for received in chats(self.upstream)]


def key_of(received: Received) -> str:
    return received.headers.get("authorization", "").removeprefix("Bearer ")


@asynccontextmanager
async def serving(home: Path, upstream: ScriptedUpstream) -> AsyncIterator[RunningLaird]:
    # Probes come when these tests want them.
    entry = provider(
        "a", upstream.url, authType="bearer", authSecret=ONE, healthCheckInterval=86400
    )
    async with running_laird(home, document(entry)) as laird:
        yield laird


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with chat_upstream() as up:
        yield up


def upkeep_of(laird: RunningLaird) -> Upkeep:
    admin = laird.program.app._admin
    found: Upkeep = admin._parts["credentials"]  # type: ignore[attr-defined]
    return found


async def alerts(laird: RunningLaird) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await laird.admin("GET", "/api/alerts"))["alerts"]
    return found


async def alerted(laird: RunningLaird, event: str, count: int = 1) -> dict[str, Any]:
    """Wait for so many alerts of an event and return the newest."""
    with laird.program.feed.subscribe() as news:
        async with asyncio.timeout(30):
            while True:
                found = [one for one in await alerts(laird) if one["data"]["event"] == event]
                if len(found) == count:
                    return found[0]
                await anext(aiter(news))


async def test_a_rotation_under_load_fails_no_request(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    keys = Keys(upstream, ONE, TWO)
    async with serving(tmp_path, upstream) as laird:
        stop = asyncio.Event()

        async def ask() -> list[int]:
            client, statuses = laird.client(), []
            while not stop.is_set():
                statuses.append((await client.chat("a/m")).status)
            return statuses

        askers = [asyncio.create_task(ask()) for _ in range(8)]
        await upstream.wait_for(lambda: len(keys.sent()) > 20, within=20)
        shown = await laird.admin("POST", "/api/credentials/a/stage", {"value": TWO})
        assert shown["staged"]["fingerprint"] != shown["fingerprint"]
        tested = await laird.admin("POST", "/api/credentials/a/test", {})
        assert (tested["ok"], tested["slot"]) == (True, "staged")
        assert TWO not in keys.sent()
        await laird.admin("POST", "/api/credentials/a/promote")
        promoted = len(keys.sent())
        await upstream.wait_for(lambda: keys.sent()[promoted + 8 :].count(TWO) > 20, within=20)
        stop.set()
        statuses = [status for each in await asyncio.gather(*askers) for status in each]
        assert set(statuses) == {200}
        # Those that were under way went on with the key that they had; the rest have the new one.
        assert set(keys.sent()[promoted + 8 :]) == {TWO}


async def test_a_request_under_way_ends_with_the_key_that_it_began_with(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    Keys(upstream, ONE, TWO)
    gate = Gate()
    upstream.script(sse_answer(openai_wire.STREAM).held(gate, at=2))
    async with serving(tmp_path, upstream) as laird:
        exchange = await laird.client().begin_chat("a/m", stream=True)
        await exchange.head()
        await laird.admin("PUT", "/api/credentials/a", {"value": TWO})
        gate.open()
        assert b"[DONE]" in await exchange.body()
        assert (await laird.client().chat("a/m")).status == 200
        assert [key_of(one) for one in chats(upstream)] == [ONE, TWO]


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_refused_new_key_falls_back_and_no_client_notices(
    status: int, stream: bool, upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    keys = Keys(upstream, ONE, status=status)
    if stream:
        upstream.always(lambda received: keys.judge(received, sse_answer(openai_wire.STREAM)))
    async with serving(tmp_path, upstream) as laird:
        await laird.admin("PUT", "/api/credentials/a", {"value": TWO})
        replies = await asyncio.gather(
            *(laird.client().chat("a/m", stream=stream) for _ in range(10))
        )
        assert {reply.status for reply in replies} == {200}
        alert = await alerted(laird, "credential.fell_back")
        assert alert["source"] == "a"
        assert "laird credentials rotate a" in alert["message"]
        before = len(keys.sent())
        assert (await laird.client().chat("a/m", stream=stream)).status == 200
        assert set(keys.sent()[before:]) == {ONE}
        (shown,) = (await laird.admin("GET", "/api/credentials"))["credentials"]
        assert shown["previous"]["refused_us"] is not None
        assert shown["last_refused_us"] is not None
        assert shown["last_used_us"] is not None
        assert len(await alerts(laird)) == 1
        health = (await laird.admin("GET", "/api/providers"))["providers"][0]
        assert health["credential_bad"] is False
    assert files_with(tmp_path, ONE, TWO) == []


async def test_a_key_that_nothing_can_replace_is_told_of_once(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    keys = Keys(upstream)
    async with serving(tmp_path, upstream) as laird:
        for _ in range(3):
            reply = await laird.client().chat("a/m")
            assert reply.status == 502
            assert ONE not in reply.body.decode()
        alert = await alerted(laird, "credential.refused")
        assert "laird credentials rotate a" in alert["message"]
        assert ONE not in str(alert)
        health = (await laird.admin("GET", "/api/providers"))["providers"][0]
        assert health["credential_bad"] is True
        # One request asks once, whatever others find out meanwhile.
        assert len(keys.sent()) == 3
        keys.good = {TWO}
        await laird.admin("PUT", "/api/credentials/a", {"value": TWO})
        assert (await laird.client().chat("a/m")).status == 200
        assert len(await alerts(laird)) == 1
        keys.good = set()
        assert (await laird.client().chat("a/m")).status == 502
        await alerted(laird, "credential.refused", count=2)


async def test_a_refusal_of_a_probe_falls_back_too(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    Keys(upstream, ONE)
    async with serving(tmp_path, upstream) as laird:
        # A new key is probed at once.
        await laird.admin("PUT", "/api/credentials/a", {"value": TWO})
        await alerted(laird, "credential.fell_back")
        assert (await laird.client().chat("a/m")).status == 200
        assert [key_of(one) for one in chats(upstream)] == [ONE]


async def test_a_commands_credential_is_renewed_when_it_is_refused(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    keys = Keys(upstream, ONE, TWO)
    token = tmp_path / "outside" / "token"
    token.parent.mkdir()
    token.write_text(ONE)
    async with serving(tmp_path / "home", upstream) as laird:
        upkeep = upkeep_of(laird)
        await upkeep.credentials.set_command("a", CommandSpec(argv=("cat", str(token))))
        await laird.program.configuration.recompile()
        assert (await laird.client().chat("a/m")).status == 200
        token.write_text(TWO)
        keys.good = {TWO}
        replies = await asyncio.gather(*(laird.client().chat("a/m") for _ in range(10)))
        assert {reply.status for reply in replies} == {200}
        before = len(keys.sent())
        assert (await laird.client().chat("a/m")).status == 200
        assert keys.sent()[before:] == [TWO]
        (shown,) = (await laird.admin("GET", "/api/credentials"))["credentials"]
        assert (shown["store"], shown["program"]) == ("command", "cat")
        assert await alerts(laird) == []
    assert files_with(tmp_path / "home", ONE, TWO, str(token)) == []


async def test_ends_are_told_ahead_and_once_each(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    Keys(upstream, ONE, TWO)
    async with serving(tmp_path, upstream) as laird:
        upkeep = upkeep_of(laird)
        now_us = time.time_ns() // 1000
        end_us = now_us + 20 * DAY_US
        feed = laird.program.feed.subscribe()
        await upkeep.credentials.set("a", Secret(ONE), expires_us=end_us)
        for days in (20, 15, 13, 12, 4, 2, 1, -1, -2):
            await upkeep.check_dates(end_us - days * DAY_US)
        found = [one for one in await alerts(laird) if one["kind"] == "credential"]
        assert [one["mark"] for one in found] == [0, 3, 14]
        assert "has expired" in found[0]["message"]
        assert "a need it" in found[0]["message"]
        heard = laird.program.feed.since(feed._after)
        assert [one.kind for one in heard].count("credential.expires") == 3
        await upkeep.credentials.set("a", Secret(TWO), expires_us=end_us + DAY_US)
        await upkeep.check_dates(end_us - 2 * DAY_US)
        assert len(await alerts(laird)) == 4


async def test_what_another_process_changes_is_in_force_within_two_seconds(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    keys = Keys(upstream, ONE, THREE)
    async with serving(tmp_path, upstream) as laird:
        elsewhere = credentials(laird.program.database, tmp_path)
        await elsewhere.refresh()
        await elsewhere.set("a", Secret(THREE))
        async with asyncio.timeout(30):
            while keys.sent()[-1:] != [THREE]:
                assert (await laird.client().chat("a/m")).status == 200
