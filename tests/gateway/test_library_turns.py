"""Models that don't fit into memory together take turns, and one that crashes comes back."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.gateway.library_world import SAID, entries, local_models, model_file, text_of_answer
from tests.support.answers import json_answer
from tests.support.chat_upstream import chat_upstream
from tests.support.client import Client, Reply
from tests.support.documents import chain, provider
from tests.support.laird import RunningLaird
from tests.support.openai_wire import completion
from tests.support.processes import linux
from tests.support.upstream import ScriptedUpstream
from tests.support.waiting import MACHINE_S, until

from laird.domain.local_models import Running, RunState
from laird.runtime.fleet import Fleet
from laird.runtime.schedule import Rules

pytestmark = pytest.mark.asyncio(loop_scope="module")
SLICE_S = 1.0
LONG = 16_384
ENDLESS: dict[str, Any] = {"ignore_eos": True, "max_tokens": 15_000}
"""Longer than it takes to kill a process."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def other() -> AsyncIterator[ScriptedUpstream]:
    """A provider elsewhere."""
    async with chat_upstream() as upstream:
        upstream.always(json_answer(completion("from elsewhere")))
        yield upstream


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def laird(
    tmp_path_factory: pytest.TempPathFactory, other: ScriptedUpstream
) -> AsyncIterator[RunningLaird]:
    """One that has three models and memory for two of them."""
    folder, home = tmp_path_factory.mktemp("models"), tmp_path_factory.mktemp("home")
    files = [model_file(folder, name, text, context=LONG) for name, text in SAID.items()]
    document = entries(*SAID, rest=provider("elsewhere", other.url)).replace("512", str(LONG))
    document += chain("steady", "library/one", "elsewhere/m")
    hasty = chain("hasty", "library/three", "elsewhere/m").partition("\n")[2]
    document += hasty.replace("maxRetries: 0", "timeoutMs: 1000")
    async with local_models(home, files, document) as running:
        library = running.program.library
        await until(lambda: library.fleet.models.keys() == SAID.keys())
        need = max([model.need.total for model in library.fleet.models.values()])
        library.fleet.follow(Rules(slice_s=SLICE_S))
        library.fleet.allow(need * 5 // 2)
        yield running


@pytest.fixture
def fleet(laird: RunningLaird) -> Fleet:
    return laird.program.library.fleet


@pytest.fixture
def client(laird: RunningLaird) -> Client:
    return laird.client()


async def ask(client: Client, model: str, **fields: Any) -> Reply:
    return await client.chat(model, temperature=0, **fields)


class Loads:
    """Counts how often each model is loaded."""

    def __init__(self, fleet: Fleet) -> None:
        self.seen: Counter[str] = Counter()
        self.most = 0
        self._fleet = fleet
        self._leave = fleet.subscribe(self._hear)

    def _hear(self, running: Running) -> None:
        if running.state is RunState.LOADING:
            self.seen[running.id] += 1
        there = {RunState.LOADING, RunState.WARM, RunState.STOPPING}
        states = self._fleet.states().values()
        self.most = max(self.most, sum(each.state in there for each in states))

    def __enter__(self) -> Counter[str]:
        return self.seen

    def __exit__(self, *_: object) -> None:
        self._leave()
        assert self.most <= 2, "three at once don't fit"


async def test_three_models_with_memory_for_two_all_answer_in_turn(
    client: Client, fleet: Fleet
) -> None:
    with Loads(fleet) as loads:
        for _ in range(2):
            for name, text in SAID.items():
                reply = await ask(client, f"library/{name}")
                assert reply.status == 200, reply.body
                assert text_of_answer(reply.json()) == text
    assert sum(loads.values()) <= 6


async def test_quick_alternation_is_served_in_batches_and_nobody_waits_for_ever(
    laird: RunningLaird, fleet: Fleet
) -> None:
    each = 10
    longest: dict[str, float] = {}

    async def keep_asking(name: str) -> None:
        client = laird.client()
        for _ in range(each):
            began = time.monotonic()
            reply = await ask(client, f"library/{name}")
            assert text_of_answer(reply.json()) == SAID[name]
            longest[name] = max(longest.get(name, 0.0), time.monotonic() - began)

    with Loads(fleet) as loads:
        await asyncio.gather(*(keep_asking(name) for name in SAID for _ in range(2)))
    assert sum(loads.values()) <= each * len(SAID) * 2 // 4, loads
    # Two others each have their slice at most before it is one's turn.
    assert max(longest.values()) < 2 * SLICE_S + 4 * MACHINE_S


async def test_a_model_that_others_keep_busy_for_ever_is_not_waited_for_in_vain(
    laird: RunningLaird, fleet: Fleet
) -> None:
    stop = asyncio.Event()

    async def occupy(name: str) -> None:
        client = laird.client()
        while not stop.is_set():
            assert (await ask(client, f"library/{name}")).status == 200

    fleet.unload("three")
    await until(lambda: fleet.states()["three"].state is RunState.COLD)
    busy = [asyncio.create_task(occupy(name)) for name in ("one", "two") for _ in range(2)]
    await until(lambda: all(fleet.states()[each].loaded_ms for each in ("one", "two")))
    began = time.monotonic()
    reply = await ask(laird.client(), "library/three")
    waited = time.monotonic() - began
    stop.set()
    await asyncio.gather(*busy)
    assert reply.status == 200, reply.body
    assert waited < SLICE_S + 3 * MACHINE_S


async def test_a_chain_waits_for_a_load_no_longer_than_for_a_first_byte(
    laird: RunningLaird, client: Client, fleet: Fleet
) -> None:
    fleet.unload("three")
    await until(lambda: fleet.states()["three"].state is RunState.COLD)
    busy = []
    for name in ("one", "two"):
        exchange = await laird.client().begin_chat(f"library/{name}", stream=True, **ENDLESS)
        await exchange.head()
        await exchange.until(b"data:")
        busy.append(exchange)
    reply = await ask(client, "hasty")
    for exchange in busy:
        exchange.leave()
    assert (reply.status, reply.headers["x-laird-provider"]) == (200, "elsewhere")
    assert reply.headers["x-laird-failover"] == "library/three"


def pid_of(fleet: Fleet, name: str) -> int:
    """Return the process id of a model that answers somebody; 0 while it does not."""
    state = fleet.states()[name]
    return state.pid or 0 if state.active else 0


def ticks(pid: int) -> int:
    """Return how long a process has computed, in the kernel's hundredths of a second."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11])


@linux
async def test_a_crash_sends_the_request_elsewhere_and_the_next_finds_the_model_again(
    client: Client, fleet: Fleet
) -> None:
    fleet.unload("one")
    await until(lambda: fleet.states()["one"].state is RunState.COLD)
    asking = asyncio.create_task(ask(client, "steady", **ENDLESS))
    await until(lambda: pid_of(fleet, "one"))
    crashed = pid_of(fleet, "one")
    before = ticks(crashed)
    # It has the request when it computes.
    await until(lambda: ticks(crashed) > before + 5)
    os.kill(crashed, signal.SIGKILL)
    reply = await asking
    assert (reply.status, reply.headers["x-laird-provider"]) == (200, "elsewhere")
    assert reply.headers["x-laird-failover"] == "library/one"
    reply = await ask(client, "steady")
    assert (reply.status, reply.headers["x-laird-provider"]) == (200, "library")
    assert fleet.states()["one"].pid not in {None, crashed}


@linux
async def test_where_there_is_nothing_else_a_request_is_sent_again_after_a_crash(
    client: Client, fleet: Fleet
) -> None:
    asking = asyncio.create_task(ask(client, "library/two", ignore_eos=True, max_tokens=200))
    await until(lambda: pid_of(fleet, "two"))
    crashed = pid_of(fleet, "two")
    os.kill(crashed, signal.SIGKILL)
    reply = await asking
    assert reply.status == 200, reply.body
    assert fleet.states()["two"].pid != crashed


@linux
async def test_the_crashes_of_one_model_speak_against_no_other(
    laird: RunningLaird, client: Client, fleet: Fleet
) -> None:
    for _ in range(3):
        exchange = await laird.client().begin_chat("library/three", stream=True, **ENDLESS)
        await exchange.head()
        await exchange.until(b"data:")
        os.kill(pid_of(fleet, "three"), signal.SIGKILL)
        rest = b"".join([piece async for piece in exchange.chunks()])
        assert b"'three' broke off" in rest
        assert b"[DONE]" not in rest
    assert laird.program.board.conditions["library"].admits
    reply = await ask(client, "steady")
    assert (reply.status, reply.headers["x-laird-provider"]) == (200, "library")
