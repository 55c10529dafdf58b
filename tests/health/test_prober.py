"""Probing: all at once, sooner when something is wrong, and never two at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from tests.health.upstreams import good, provider, snapshot

from laird.domain.catalog import HealthCheck, Provider
from laird.domain.errors import ConnectionLost, CredentialRefused, Unreachable
from laird.domain.health import HealthStatus, LoadedModel, ProbeResult
from laird.health.board import HealthBoard
from laird.health.breaker import BreakerPolicy
from laird.health.prober import Prober

OFTEN = HealthCheck(interval=0.01, timeout=5.0)
SELDOM = HealthCheck(interval=3600.0, timeout=5.0)
QUICK = BreakerPolicy(first_delay_s=0.01, probe_delay_cap_s=0.02)
DOWN = Unreachable("connection refused")

Script = Callable[[Provider], Awaitable[ProbeResult]]


class Upstreams:
    """Answers probes as it is told to, and lets tests wait for what happened."""

    def __init__(self) -> None:
        self.script: Script = self.well
        self.asked: list[str] = []
        self.results: list[ProbeResult] = []
        self._news = asyncio.Condition()

    async def well(self, asked: Provider) -> ProbeResult:
        return good(asked.id)

    async def down(self, _asked: Provider) -> ProbeResult:
        raise DOWN

    async def silent(self, _asked: Provider) -> ProbeResult:
        return await asyncio.Future()

    async def probe(self, asked: Provider) -> ProbeResult:
        self.asked.append(asked.id)
        await self._tell()
        return await self.script(asked)

    def record(self, result: ProbeResult) -> None:
        self.results.append(result)

    async def until(self, done: Callable[[], bool]) -> None:
        async with asyncio.timeout(30), self._news:
            await self._news.wait_for(done)

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()


@pytest.fixture
def board() -> HealthBoard:
    return HealthBoard(policy=QUICK)


@pytest.fixture
def upstreams() -> Upstreams:
    return Upstreams()


@pytest.fixture
async def prober(board: HealthBoard, upstreams: Upstreams) -> AsyncIterator[Prober]:
    prober = Prober(board, upstreams.probe, record=upstreams.record)
    yield prober
    await prober.stop()


def configure(board: HealthBoard, prober: Prober, *providers: Provider) -> None:
    document = snapshot(*providers)
    board.configure(document)
    prober.configure(document)


async def status_of(board: HealthBoard, wanted: HealthStatus, provider_id: str = "a") -> None:
    """Wait until a provider has a status."""
    reached = asyncio.Event()

    def look(_provider_id: str, _condition: object) -> None:
        if board.conditions[provider_id].status is wanted:
            reached.set()

    board.listen(look)
    look("", None)
    async with asyncio.timeout(30):
        await reached.wait()


async def test_all_enabled_providers_are_probed_at_once_and_in_parallel(
    board: HealthBoard, prober: Prober, upstreams: Upstreams
) -> None:
    upstreams.script = upstreams.silent
    configure(
        board,
        prober,
        provider("a", health=SELDOM),
        provider("b", health=SELDOM),
        provider("off", health=SELDOM, enabled=False),
    )

    await upstreams.until(lambda: len(upstreams.asked) == 2)
    assert sorted(upstreams.asked) == ["a", "b"]


async def test_a_server_that_goes_is_found_out_and_is_back_without_any_traffic(
    board: HealthBoard, prober: Prober, upstreams: Upstreams
) -> None:
    configure(board, prober, provider("a", health=OFTEN))
    await status_of(board, HealthStatus.HEALTHY)

    upstreams.script = upstreams.down
    await status_of(board, HealthStatus.OFFLINE)
    assert board.conditions["a"].error == "connection refused"

    upstreams.script = upstreams.well
    await status_of(board, HealthStatus.HEALTHY)
    assert {each.ok for each in upstreams.results} == {True, False}


async def test_failing_traffic_brings_the_next_probe_forward(
    board: HealthBoard, prober: Prober, upstreams: Upstreams
) -> None:
    configure(board, prober, provider("a", health=SELDOM))
    await status_of(board, HealthStatus.HEALTHY)

    for _ in range(3):
        board.record_failure("a", DOWN)
    assert not board.conditions["a"].admits
    await status_of(board, HealthStatus.HEALTHY)
    assert upstreams.asked == ["a", "a"]


async def test_a_silent_server_is_given_up_after_its_timeout(
    board: HealthBoard, prober: Prober, upstreams: Upstreams
) -> None:
    upstreams.script = upstreams.silent
    impatient = HealthCheck(interval=0.01, timeout=0.01)
    configure(board, prober, provider("a", health=impatient))

    await status_of(board, HealthStatus.OFFLINE)
    assert board.conditions["a"].error == "no answer to its health probe within 0.01 s"


async def test_a_probe_that_breaks_is_a_failed_one_and_probing_goes_on(
    board: HealthBoard, prober: Prober, upstreams: Upstreams
) -> None:
    async def broken(asked: Provider) -> ProbeResult:
        raise ValueError("a fault of ours")

    upstreams.script = broken
    configure(board, prober, provider("a", health=OFTEN))
    await status_of(board, HealthStatus.OFFLINE)
    assert "fault of ours" not in str(board.conditions["a"].error)

    upstreams.script = upstreams.well
    await status_of(board, HealthStatus.HEALTHY)


async def test_a_closed_kept_alive_connection_is_tried_again_at_once(
    board: HealthBoard, prober: Prober, upstreams: Upstreams
) -> None:
    async def stale(asked: Provider) -> ProbeResult:
        upstreams.script = upstreams.well
        raise ConnectionLost("closed while idle", stale=True)

    upstreams.script = stale
    board.configure(snapshot(provider("a")))
    assert (await prober.probe_now(provider("a"))).ok
    assert board.conditions["a"].status is HealthStatus.HEALTHY


async def test_a_connection_that_breaks_is_a_failed_probe(
    board: HealthBoard, prober: Prober, upstreams: Upstreams
) -> None:
    async def cut(asked: Provider) -> ProbeResult:
        raise ConnectionLost("reset by peer")

    upstreams.script = cut
    board.configure(snapshot(provider("a")))
    result = await prober.probe_now(provider("a"))
    assert (result.ok, result.error) == (False, "reset by peer")
    assert upstreams.asked == ["a"]


async def test_a_refused_credential_is_seen_by_a_probe(
    board: HealthBoard, prober: Prober, upstreams: Upstreams
) -> None:
    async def refuse(asked: Provider) -> ProbeResult:
        raise CredentialRefused("wrong key", status=401)

    upstreams.script = refuse
    board.configure(snapshot(provider("a")))
    await prober.probe_now(provider("a"))
    assert board.conditions["a"].credential_bad


async def test_a_reload_probes_what_changed_and_leaves_the_rest_in_peace(
    board: HealthBoard, prober: Prober, upstreams: Upstreams
) -> None:
    configure(board, prober, provider("a", health=SELDOM), provider("b", health=SELDOM))
    await upstreams.until(lambda: len(upstreams.asked) == 2)
    configure(
        board,
        prober,
        provider("a", health=SELDOM),
        provider("b", health=SELDOM, endpoint="http://127.0.0.1:2"),
        provider("c", health=SELDOM),
    )
    await upstreams.until(lambda: len(upstreams.asked) == 4)

    assert sorted(upstreams.asked) == ["a", "b", "b", "c"]


async def test_a_reload_in_the_middle_of_a_probe_does_not_block_the_next(
    board: HealthBoard, prober: Prober, upstreams: Upstreams
) -> None:
    upstreams.script = upstreams.down
    configure(board, prober, provider("a", health=OFTEN))
    await status_of(board, HealthStatus.OFFLINE)
    upstreams.script = upstreams.silent
    before = len(upstreams.asked)
    await upstreams.until(lambda: len(upstreams.asked) > before)

    upstreams.script = upstreams.well
    configure(board, prober, provider("a", health=OFTEN, priority=1))
    await status_of(board, HealthStatus.HEALTHY)


async def test_nothing_is_probed_after_the_stop(
    board: HealthBoard, prober: Prober, upstreams: Upstreams
) -> None:
    configure(board, prober, provider("a", health=OFTEN))
    await upstreams.until(lambda: len(upstreams.asked) > 2)
    await prober.stop()
    asked = len(upstreams.asked)
    for _ in range(100):
        await asyncio.sleep(0)

    assert len(upstreams.asked) == asked
    assert [task for task in asyncio.all_tasks() if task.get_name().startswith("probe")] == []


async def test_a_provider_that_is_well_is_asked_what_is_loaded(
    board: HealthBoard, upstreams: Upstreams
) -> None:
    warm = (LoadedModel(id="m"),)
    asked: list[str] = []

    async def look(whom: Provider) -> tuple[LoadedModel, ...]:
        asked.append(whom.id)
        return warm

    prober = Prober(board, upstreams.probe, look=look)
    one = provider("a", health=SELDOM)
    board.configure(snapshot(one))
    results = [await prober.probe_now(one)]
    shown = [board.conditions["a"].loaded]
    upstreams.script = upstreams.down
    results.append(await prober.probe_now(one))
    shown.append(board.conditions["a"].loaded)
    assert [result.ok for result in results] == [True, False]
    assert shown == [warm, None]
    assert asked == ["a"]


async def test_a_provider_that_does_not_say_what_is_loaded_is_well(
    board: HealthBoard, upstreams: Upstreams
) -> None:
    async def look(_whom: Provider) -> None:
        return None

    prober = Prober(board, upstreams.probe, look=look)
    one = provider("a", health=SELDOM)
    board.configure(snapshot(one))
    await prober.probe_now(one)
    assert board.conditions["a"].status is HealthStatus.HEALTHY
    assert board.conditions["a"].loaded is None
