"""Budgets hold: under load, through failover, in streams, and to the last unit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.support import openai_wire
from tests.support.answers import Answer, failing, json_answer, sse_answer
from tests.support.chat_upstream import chats
from tests.support.client import Reply
from tests.support.documents import chain, document, provider
from tests.support.gates import Gate
from tests.support.laird import RunningLaird, running_laird
from tests.support.upstream import ScriptedUpstream
from tests.support.waiting import until

from laird.domain.keys import RateLimit
from laird.domain.money import NANO
from laird.keys.draft import KeyDraft

PRICED = "[{id: m, pricing: {input: 0, output: 10}, maxTokens: 100}]"
"""A call costs a tenth of a cent: 100 tokens of output, whatever is asked."""
CALL = NANO // 1000


def usage(completion: int = 100, prompt: int = 0) -> dict[str, Any]:
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }


def whole(completion: int = 100) -> Answer:
    return json_answer(openai_wire.completion(usage=usage(completion)))


def streamed(completion: int = 100) -> Answer:
    last = openai_wire.chunk({}, choices=[], usage=usage(completion))
    parts = openai_wire.stream("Hel", "lo ", "there.", usage=False)
    return sse_answer([*parts[:-1], last, openai_wire.DONE])


def paid(provider_id: str, upstream: ScriptedUpstream, **fields: object) -> str:
    fields.setdefault("models", PRICED)
    text = provider(provider_id, upstream.url, **fields)  # type: ignore[arg-type]
    return text.replace("type: local", "type: external")


def local(provider_id: str, upstream: ScriptedUpstream) -> str:
    return provider(provider_id, upstream.url, models="[small]")


class House:
    """A Laird with budgets."""

    def __init__(self, laird: RunningLaird) -> None:
        self.laird = laird
        self.client = laird.client()

    async def budget(self, limit_usd: str, name: str = "team", **fields: Any) -> None:
        wanted = {"name": name, "limit_usd": limit_usd, **fields}
        await self.laird.admin("POST", "/api/budgets", wanted)

    async def state(self, name: str = "team") -> dict[str, Any]:
        found: dict[str, Any] = await self.laird.admin("GET", f"/api/budgets/{name}")
        return found

    async def ledger(self) -> int:
        """Return what the ledger says was spent, to the nano-dollar."""
        rows = await self.laird.rows()
        return sum(row["cost_nano"] or 0 for row in rows)

    async def agrees(self, spent: int, name: str = "team") -> None:
        """Check that nothing is held any more and that all sides say this was spent."""
        account = next(
            one for one in self.laird.program.budgets.counters.accounts if one.budget.name == name
        )
        await until(lambda: not account.reserved)
        state = await self.state(name)
        assert (state["spent_nano"], state["reserved_nano"]) == (spent, 0)
        assert await self.ledger() == spent


@asynccontextmanager
async def house(home: Path, *providers: str, rest: str = "") -> AsyncIterator[House]:
    async with running_laird(home, document(*providers, rest=rest)) as laird:
        yield House(laird)


def statuses(replies: list[Reply]) -> dict[int, int]:
    return {
        status: sum(reply.status == status for reply in replies)
        for status in sorted({reply.status for reply in replies})
    }


async def test_of_a_thousand_at_once_a_budget_for_ten_admits_ten(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    first.always(whole())
    async with house(tmp_path, paid("a", first)) as home:
        await home.budget("0.01")
        replies: list[Reply] = []
        # In waves, since a process may have only so many sockets.
        for _ in range(5):
            wave = (home.client.chat("a/m", stream=number % 2 == 0) for number in range(200))
            first.always(lambda request: streamed() if request.json()["stream"] else whole())
            replies += await asyncio.gather(*wave)
            home.client.close()
        assert statuses(replies) == {200: 10, 429: 990}
        assert len(chats(first)) == 10
        await home.agrees(10 * CALL)
        refused = next(reply for reply in reversed(replies) if reply.status == 429)
        assert refused.error["code"] == "insufficient_quota"
        assert "'team'" in refused.error["message"]
        assert int(refused.headers["retry-after"]) > 60
        assert refused.headers["x-laird-attempts"] == "0"


async def test_those_who_come_again_get_exactly_what_is_affordable(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    """Calls that cost less than is held for them leave room for others."""
    first.always(whole(completion=37))
    async with house(tmp_path, paid("a", first)) as home:
        await home.budget("0.01")
        cost = 37 * CALL // 100

        async def insist() -> int:
            served = 0
            while True:
                reply = await home.client.chat("a/m")
                if reply.status == 200:
                    served += 1
                elif int(reply.headers["retry-after"]) > 1:
                    return served

        served = sum(await asyncio.gather(*(insist() for _ in range(20))))
        # One more may only begin while its worst case fits.
        most = (10 * CALL - CALL) // cost + 1
        assert served == most == len(chats(first))
        await home.agrees(served * cost)


async def test_streams_hold_their_room_to_their_end(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    gate = Gate()
    first.script(streamed(40).held(gate, at=3))
    async with house(tmp_path, paid("a", first)) as home:
        await home.budget("0.001")
        stream = await home.client.begin_chat("a/m", stream=True)
        await stream.head()
        await stream.until(b"lo ")
        state = await home.state()
        assert (state["spent_nano"], state["reserved_nano"]) == (0, CALL)
        assert state["remaining_nano"] == 0
        refused = await home.client.chat("a/m")
        assert refused.status == 429
        assert refused.headers["retry-after"] == "1"
        gate.open()
        assert (await stream.body()).endswith(b"data: [DONE]\n\n")
        await home.agrees(40 * CALL // 100)


async def test_a_client_that_leaves_frees_what_was_held(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    first.script(streamed().stalled(at=2))
    async with house(tmp_path, paid("a", first)) as home:
        await home.budget("0.001")
        stream = await home.client.begin_chat("a/m", stream=True)
        await stream.head()
        await stream.until(b"Hel")
        stream.leave()
        await until(lambda: not home.laird.program.gateway.active)
        spent = await home.ledger()
        assert 0 < spent < CALL
        await home.agrees(spent)


async def test_a_budget_with_plenty_left_holds_room_too(
    first: ScriptedUpstream, second: ScriptedUpstream, tmp_path: Path
) -> None:
    gate = Gate()
    first.script(streamed(40).held(gate, at=3))
    second.always(json_answer(openai_wire.COMPLETION))
    untold = paid("untold", second, costTracking="false")
    async with house(tmp_path, paid("a", first), local("home", second), untold) as home:
        await home.budget("1000")
        stream = await home.client.begin_chat("a/m", stream=True)
        await stream.head()
        await stream.until(b"lo ")
        state = await home.state()
        assert state["spent_nano"] == 0
        assert state["reserved_nano"] >= CALL
        # What is free, unknown or not let in at all holds nothing beside it.
        assert (await home.client.chat("home/small")).status == 200
        assert (await home.client.chat("nobody")).status == 404
        assert (await home.client.chat("untold/m")).status == 200
        draft = KeyDraft(name="slow", rate=RateLimit(requests_per_minute=1))
        slow = home.laird.client(await home.laird.make_key(draft))
        assert statuses([await slow.chat("home/small") for _ in range(2)]) == {200: 1, 429: 1}
        assert (await home.state())["reserved_nano"] == state["reserved_nano"]
        gate.open()
        assert (await stream.body()).endswith(b"data: [DONE]\n\n")
        await home.agrees(40 * CALL // 100)


async def test_those_who_wait_for_a_free_model_hold_nothing(
    first: ScriptedUpstream, second: ScriptedUpstream, tmp_path: Path
) -> None:
    gate = Gate()
    first.always(json_answer(openai_wire.COMPLETION).held(gate))
    home_model = provider("home", first.url, models="[small]", maxConcurrent=1)
    async with house(tmp_path, home_model, paid("cloud", second)) as home:
        await home.budget("1000")
        asked = [asyncio.ensure_future(home.client.chat("home/small")) for _ in range(4)]
        await until(lambda: home.laird.program.gateway.active >= 4)
        assert (await home.state())["reserved_nano"] == 0
        gate.open()
        assert statuses(await asyncio.gather(*asked)) == {200: 4}
        await home.agrees(0)


@pytest.mark.parametrize("limit", ["0.001", "1000"])
@pytest.mark.parametrize("fault", [failing(500), failing(400), whole().reset(byte=30)])
async def test_failures_cost_nothing_and_hold_nothing(
    first: ScriptedUpstream, tmp_path: Path, fault: Answer, limit: str
) -> None:
    first.always(fault)
    retries = chain("once", "a/m")
    async with house(tmp_path, paid("a", first), rest=retries) as home:
        await home.budget(limit)
        assert (await home.client.chat("once")).status >= 400
        await home.agrees(0)


async def test_each_retry_needs_room_of_its_own(first: ScriptedUpstream, tmp_path: Path) -> None:
    gate = Gate()
    first.script(failing(503), whole().held(gate), whole())
    retries = chain("twice", "a/m", retries=1)
    async with house(tmp_path, paid("a", first), rest=retries) as home:
        await home.budget("0.001")
        slow = asyncio.create_task(home.client.chat("twice"))
        await first.wait_for(lambda: len(chats(first)) == 1)
        # While the first one waits for its second try, another takes the room.
        await until(lambda: home.laird.program.budgets.counters.accounts[0].reserved == 0)
        other = asyncio.create_task(home.client.chat("a/m"))
        refused = await slow
        assert refused.status == 502
        assert "503" in refused.error["message"]
        assert "the budget 'team'" in refused.error["message"]
        assert refused.headers["x-laird-attempts"] == "1"
        assert refused.headers["x-laird-failover"] == "a/m"
        gate.open()
        assert (await other).status == 200
        await home.agrees(CALL)


async def test_a_paid_fallback_is_asked_only_while_there_is_room(
    first: ScriptedUpstream, second: ScriptedUpstream, tmp_path: Path
) -> None:
    first.always(failing(500))
    second.always(whole())
    both = chain("both", "home/small", "cloud/m")
    async with house(tmp_path, local("home", first), paid("cloud", second), rest=both) as home:
        await home.budget("0.002")
        replies = [await home.client.chat("both") for _ in range(3)]
        assert statuses(replies) == {200: 2, 502: 1}
        assert "home" in replies[2].error["message"]
        assert replies[0].headers["x-laird-failover"] == "home/small"
        assert len(chats(second)) == 2
        # The free one needs no room, and serves as soon as it can.
        first.always(json_answer(openai_wire.COMPLETION))
        assert (await home.client.chat("both")).headers["x-laird-provider"] == "home"
        await home.agrees(2 * CALL)


async def test_a_budget_of_a_provider_leaves_the_others_alone(
    first: ScriptedUpstream, second: ScriptedUpstream, tmp_path: Path
) -> None:
    for upstream in (first, second):
        upstream.always(whole())
    both = chain("both", "a/m", "b/m")
    async with house(tmp_path, paid("a", first), paid("b", second), rest=both) as home:
        await home.budget("0.002", "of-a", scope="provider", subject="a")
        served = [(await home.client.chat("both")).headers["x-laird-provider"] for _ in range(4)]
        assert served == ["a", "a", "b", "b"]
        assert (await home.state("of-a"))["spent_nano"] == 2 * CALL


async def test_each_key_and_workflow_has_its_own_room(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    first.always(whole())
    async with house(tmp_path, paid("a", first)) as home:
        other = home.laird.client(await home.laird.make_key(KeyDraft(name="other")))
        await home.budget("0.001", "mine", scope="key", subject="test")
        await home.budget("0.002", "nightly", scope="workflow", subject="night")
        night = {"x-laird-workflow": "night"}
        asked = [
            await home.client.chat("a/m"),
            await home.client.chat("a/m"),
            await other.chat("a/m", headers=night),
            await other.chat("a/m", headers=night),
            await other.chat("a/m", headers=night),
            await other.chat("a/m"),
        ]
        assert [reply.status for reply in asked] == [200, 429, 200, 200, 429, 200]
        assert "'mine'" in asked[1].error["message"]
        assert "'nightly'" in asked[4].error["message"]
        assert (await home.state("mine"))["subject_name"] == "test"
        assert (await home.state("mine"))["refused"] == 1


async def test_a_budget_that_goes_local_has_a_local_model_serve(
    first: ScriptedUpstream, second: ScriptedUpstream, tmp_path: Path
) -> None:
    first.always(whole())
    async with house(tmp_path, paid("a", first), local("home", second)) as home:
        await home.budget("0.001", on_limit="local")
        served = await home.client.chat("a/m")
        assert served.headers["x-laird-provider"] == "a"
        assert "x-laird-budget" not in served.headers
        stood_in = await home.client.chat("a/m")
        assert stood_in.headers["x-laird-provider"] == "home"
        assert stood_in.headers["x-laird-budget"] == "local"
        assert stood_in.headers["x-laird-failover"] == "none"
        named = await home.client.chat("home/small")
        assert "x-laird-budget" not in named.headers
        shown = await home.laird.admin("POST", "/api/routing/explain", {"model": "a/m"})
        assert [each["provider"] for each in shown["attempts"]] == ["home"]
        assert "stands in" in shown["attempts"][0]["reason"]
        assert shown["dropped"][0]["reason"] == "budget"
        await home.agrees(CALL)


async def test_going_local_holds_under_load(
    first: ScriptedUpstream, second: ScriptedUpstream, tmp_path: Path
) -> None:
    """Those that lose the race for the last room go local too, and nobody is refused."""
    first.always(whole())
    async with house(tmp_path, paid("a", first), local("home", second)) as home:
        await home.budget("0.01", on_limit="local")
        replies = await asyncio.gather(*(home.client.chat("a/m") for _ in range(100)))
        assert statuses(replies) == {200: 100}
        assert (len(chats(first)), len(chats(second))) == (10, 90)
        assert sum("x-laird-budget" in reply.headers for reply in replies) == 90
        await home.agrees(10 * CALL)


async def test_the_race_for_the_last_room_is_lost_at_the_door_of_the_provider(
    first: ScriptedUpstream, second: ScriptedUpstream, tmp_path: Path
) -> None:
    """Two are planned while there is room for one; the other waits for a slot and finds none."""
    gate = Gate()
    first.script(whole().held(gate))
    async with house(tmp_path, paid("a", first, maxConcurrent=1), local("home", second)) as home:
        await home.budget("0.002", on_limit="local")
        tasks = [asyncio.create_task(home.client.chat("a/m"))]
        await first.wait_for(lambda: chats(first))
        tasks.append(asyncio.create_task(home.client.chat("a/m")))
        await until(lambda: home.laird.program.gateway.active == 2)
        await home.laird.admin("PATCH", "/api/budgets/team", {"limit_usd": "0.001"})
        gate.open()
        replies = await asyncio.gather(*tasks)
        assert [reply.headers["x-laird-provider"] for reply in replies] == ["a", "home"]
        assert replies[1].headers["x-laird-budget"] == "local"
        await home.agrees(CALL)


async def test_with_no_local_model_a_budget_that_goes_local_refuses(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    async with house(tmp_path, paid("a", first)) as home:
        await home.budget("0", on_limit="local")
        refused = await home.client.chat("a/m")
        assert refused.status == 429
        assert refused.error["code"] == "insufficient_quota"


async def test_a_budget_that_warns_refuses_nothing(first: ScriptedUpstream, tmp_path: Path) -> None:
    first.always(whole())
    async with house(tmp_path, paid("a", first)) as home:
        await home.budget("0.001", on_limit="warn")
        replies = await asyncio.gather(*(home.client.chat("a/m") for _ in range(5)))
        assert statuses(replies) == {200: 5}
        await home.agrees(5 * CALL)
        assert (await home.state())["percent"] == 500
        listed = (await home.laird.admin("GET", "/api/alerts"))["alerts"]
        assert [alert["mark"] for alert in listed] == [100, 80]


async def test_a_model_without_a_price_is_refused_with_a_word_on_how_to_give_it_one(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    async with house(tmp_path, paid("a", first, models="[m]")) as home:
        assert (await home.client.chat("a/m")).status == 200
        await home.budget("100")
        refused = await home.client.chat("a/m")
        assert refused.status == 429
        assert "price is unknown" in refused.error["message"]
        assert "retry-after" not in refused.headers
        await home.laird.admin("PATCH", "/api/budgets/team", {"on_limit": "warn"})
        assert (await home.client.chat("a/m")).status == 200


async def test_costs_that_are_not_tracked_are_in_no_budget(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    async with house(tmp_path, paid("a", first, models="[m]", costTracking="false")) as home:
        await home.budget("0")
        assert (await home.client.chat("a/m")).status == 200
        await home.agrees(0)


async def test_a_cut_stream_goes_on_only_with_room_for_the_rest(
    first: ScriptedUpstream, second: ScriptedUpstream, tmp_path: Path
) -> None:
    first.always(streamed().cut(at=3))
    second.always(streamed(60))
    both = chain("both", "a/m", "b/m")
    async with house(tmp_path, paid("a", first), paid("b", second), rest=both) as home:
        await home.budget("0.0015")
        wish = {"x-laird-continue": "true"}
        reply = await home.client.chat("both", headers=wish, stream=True)
        assert reply.events()[-1] == "[DONE]"
        assert len(chats(second)) == 1
        spent = (await home.state())["spent_nano"]
        await home.agrees(spent)
        # Now there is room for the beginning alone, and a cut stream never looks complete.
        limit = f"0.{spent + CALL + 1:09d}"
        await home.laird.admin("PATCH", "/api/budgets/team", {"limit_usd": limit})
        reply = await home.client.chat("both", headers=wish, stream=True)
        assert "the budget 'team'" in reply.events()[-1]["error"]["message"]
        assert len(chats(second)) == 1


async def test_counting_tokens_costs_nothing(first: ScriptedUpstream, tmp_path: Path) -> None:
    first.on("/v1/messages/count_tokens", json_answer({"input_tokens": 7}))
    text = paid("a", first, kind="anthropic", authSecret="env:PATH")
    async with house(tmp_path, text) as home:
        await home.budget("0")
        body = {"model": "a/m", "messages": [{"role": "user", "content": "Hello"}]}
        reply = await home.client.request("POST", "/v1/messages/count_tokens", body)
        assert reply.status == 200, reply.body
        assert (await home.client.chat("a/m")).status == 429


async def test_n_answers_need_room_for_all_of_them(first: ScriptedUpstream, tmp_path: Path) -> None:
    first.always(whole())
    async with house(tmp_path, paid("a", first)) as home:
        await home.budget("0.003")
        assert (await home.client.chat("a/m", n=4)).status == 429
        assert (await home.client.chat("a/m", n=3)).status == 200
        body = {"model": "a/m", "prompt": ["x", "y"], "max_tokens": 100, "n": 2}
        first.on("/v1/completions", failing(400))
        refused = await home.client.request("POST", "/v1/completions", body)
        assert refused.status == 429
        reply = await home.client.request("POST", "/v1/completions", {**body, "n": 1})
        assert reply.status == 400


async def test_anthropics_clients_read_a_refusal_in_their_own_words(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    async with house(tmp_path, paid("a", first)) as home:
        await home.budget("0")
        body = {
            "model": "a/m",
            "max_tokens": 5,
            "messages": [{"role": "user", "content": "Hello"}],
        }
        refused = await home.client.request("POST", "/v1/messages", body)
        assert refused.status == 429
        assert refused.json()["error"]["type"] == "billing_error"


async def test_a_removed_budget_is_in_nobodys_way(first: ScriptedUpstream, tmp_path: Path) -> None:
    gate = Gate()
    first.script(whole().held(gate))
    async with house(tmp_path, paid("a", first)) as home:
        await home.budget("0.001")
        slow = asyncio.create_task(home.client.chat("a/m"))
        await first.wait_for(lambda: chats(first))
        assert (await home.client.chat("a/m")).status == 429
        await home.laird.admin("DELETE", "/api/budgets/team")
        first.always(whole())
        assert (await home.client.chat("a/m")).status == 200
        gate.open()
        assert (await slow).status == 200
        assert not home.laird.program.budgets.counters.active
        await home.budget("1")
        await home.agrees(2 * CALL)


async def test_a_provider_whose_day_is_used_up_holds_nothing(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    first.always(whole())
    async with house(tmp_path, paid("a", first, dailyRequestLimit=1)) as home:
        await home.budget("1")
        replies = await asyncio.gather(*(home.client.chat("a/m") for _ in range(4)))
        assert statuses(replies) == {200: 1, 429: 3}
        await home.agrees(CALL)
