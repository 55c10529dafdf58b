"""Models that are started when they are asked for, and take turns where memory is short."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.runtime.fleets import Said, ask, model_at
from tests.support.waiting import until

from laird.domain.errors import UpstreamModelDown, UpstreamModelMissing, UpstreamTimeout
from laird.domain.local_models import RunnableModel, Running, RunState
from laird.runtime.fleet import Fleet, Patience
from laird.runtime.schedule import Rules
from laird.runtime.transport import LlamaTransport
from laird.transport.client import HttpTransport

Models = dict[str, RunnableModel]
NewFleet = Callable[..., Fleet]
LONG_S = 60.0


def history(fleet: Fleet) -> list[tuple[str, RunState]]:
    """Return a list that grows with each change of a state."""
    seen: list[tuple[str, RunState]] = []
    fleet.subscribe(lambda running: seen.append((running.id, running.state)))
    return seen


async def test_many_who_come_at_once_share_one_start(
    new_fleet: NewFleet, models: Models, network: HttpTransport, said: Said
) -> None:
    fleet = new_fleet(models)
    seen = history(fleet)
    transport = LlamaTransport(fleet, network)
    answers = await asyncio.gather(*(ask(transport, "one") for _ in range(20)))
    assert answers == [said["one"]] * 20
    assert seen == [("one", RunState.LOADING), ("one", RunState.WARM)]


async def test_an_idle_model_is_unloaded_and_the_next_request_loads_it_again(
    new_fleet: NewFleet, models: Models, network: HttpTransport, said: Said
) -> None:
    fleet = new_fleet(models, rules=Rules(idle_s=0.05))
    seen = history(fleet)
    transport = LlamaTransport(fleet, network)
    for _ in range(2):
        assert await ask(transport, "one") == said["one"]
        await until(lambda: fleet.states()["one"].state is RunState.COLD)
        assert fleet.states()["one"].pid is None
    once = [RunState.LOADING, RunState.WARM, RunState.STOPPING, RunState.COLD]
    assert [state for _, state in seen] == once * 2


async def test_a_model_in_use_is_not_idle_however_long_it_takes(
    new_fleet: NewFleet, models: Models
) -> None:
    fleet = new_fleet(models, rules=Rules(idle_s=0.01))
    with await fleet.acquire("one", LONG_S) as lease:
        with await fleet.acquire("two", LONG_S):
            pass
        await until(lambda: fleet.states()["two"].state is RunState.COLD)
        assert fleet.states()["one"].state is RunState.WARM
        assert lease.model_id == "one"
    await until(lambda: fleet.states()["one"].state is RunState.COLD)


async def test_three_models_in_turn_with_memory_for_two_all_answer(
    new_fleet: NewFleet, models: Models, network: HttpTransport, said: Said
) -> None:
    fleet = new_fleet(models, memory=200)
    transport = LlamaTransport(fleet, network)
    most = 0

    def count(_: Running) -> None:
        nonlocal most
        there = [each for each in fleet.states().values() if each.pid is not None]
        most = max(most, sum(each.need_bytes for each in there))

    fleet.subscribe(count)
    for _ in range(2):
        for name, text in said.items():
            assert await ask(transport, name) == text
    assert most == 200


async def test_requests_that_alternate_quickly_are_served_in_batches(
    new_fleet: NewFleet, models: Models, network: HttpTransport, said: Said
) -> None:
    fleet = new_fleet(models, memory=100)
    seen = history(fleet)
    transport = LlamaTransport(fleet, network)
    names = ["one", "two", "three"] * 7
    answers = await asyncio.gather(*(ask(transport, name) for name in names))
    assert answers == [said[name] for name in names]
    assert [name for name, state in seen if state is RunState.WARM] == ["one", "two", "three"]


async def test_a_model_that_is_always_in_use_goes_when_its_slice_is_over(
    new_fleet: NewFleet, models: Models
) -> None:
    fleet = new_fleet(models, memory=100, rules=Rules(slice_s=0.1, slice_loads=0.0))
    first = await fleet.acquire("one", LONG_S)
    hot = asyncio.create_task(keep_using(fleet, "one"))
    other = asyncio.create_task(fleet.acquire("two", LONG_S))
    first.release()
    with await other:
        assert fleet.states()["two"].state is RunState.WARM
        assert fleet.states()["one"].pid is None
    hot.cancel()
    await asyncio.wait({hot})


async def keep_using(fleet: Fleet, name: str) -> None:
    """Use a model again and again, without a pause."""
    while True:
        with await fleet.acquire(name, LONG_S):
            await asyncio.sleep(0)


async def test_slots_are_respected_and_go_to_the_first_who_waits(
    new_fleet: NewFleet, files: dict[str, Path]
) -> None:
    fleet = new_fleet({"one": model_at(files["one"], "one", slots=2)})
    held = [await fleet.acquire("one", LONG_S) for _ in range(2)]
    assert fleet.try_acquire("one") is None
    waiting = [asyncio.create_task(fleet.acquire("one", LONG_S)) for _ in range(3)]
    await until(lambda: fleet.states()["one"].waiting == 3)
    assert fleet.states()["one"].active == 2
    # The first is cancelled in the same turn of the loop in which it is let in.
    held[0].release()
    waiting[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting[0]
    (await waiting[1]).release()
    (await waiting[2]).release()
    held[1].release()
    assert fleet.states()["one"].active == 0


async def test_who_waits_too_long_or_goes_away_leaves_no_trace(
    new_fleet: NewFleet, models: Models
) -> None:
    fleet = new_fleet(models, memory=100, rules=Rules(slice_s=1000.0))
    held = await fleet.acquire("one", LONG_S)
    with pytest.raises(UpstreamTimeout, match=r"memory that 'one' has\. Allow local models more"):
        await fleet.acquire("two", 0.01)
    with pytest.raises(UpstreamTimeout, match="answers 1 of 1 requests"):
        await fleet.acquire("one", 0.01)
    gone = asyncio.create_task(fleet.acquire("two", LONG_S))
    await until(lambda: fleet.states()["two"].state is RunState.WAITING)
    gone.cancel()
    await asyncio.wait({gone})
    assert fleet.states()["two"].state is RunState.COLD
    held.release()
    assert fleet.states()["one"].state is RunState.WARM
    assert fleet.try_acquire("one") is not None


async def test_a_request_that_goes_away_while_its_model_loads_makes_room(
    new_fleet: NewFleet, models: Models
) -> None:
    fleet = new_fleet(models, memory=100)
    gone = asyncio.create_task(fleet.acquire("one", LONG_S))
    await until(lambda: fleet.states()["one"].state is RunState.LOADING)
    gone.cancel()
    with await fleet.acquire("two", LONG_S) as lease:
        assert lease.model_id == "two"
        assert fleet.states()["one"].state is RunState.COLD
        assert fleet.states()["one"].problem is None


async def test_a_file_that_is_broken_fails_with_the_reason_and_rests(
    new_fleet: NewFleet, files: dict[str, Path], tmp_path: Path
) -> None:
    half = tmp_path / "half.gguf"
    half.write_bytes(files["one"].read_bytes()[:200_000])
    model = model_at(half, "half")
    fleet = new_fleet({"half": model}, patience=Patience(first_rest_s=1000.0))
    seen = history(fleet)
    both = await asyncio.gather(
        fleet.acquire("half", LONG_S), fleet.acquire("half", LONG_S), return_exceptions=True
    )
    for problem in both:
        assert isinstance(problem, UpstreamModelDown)
        assert "corrupted or incomplete" in problem.message
    state = fleet.states()["half"]
    assert state.state is RunState.FAILED
    assert "corrupted or incomplete" in str(state.problem)
    # While it rests nobody waits for it, and nothing is tried.
    with pytest.raises(UpstreamModelDown, match=r"first request after \d+ s\. Its log is "):
        await fleet.acquire("half", LONG_S)
    assert [state for _, state in seen] == [RunState.LOADING, RunState.FAILED]
    assert any("corrupted" in line for line in fleet.log_lines("half"))
    # Mended, and taken up again at once.
    half.write_bytes(files["one"].read_bytes())
    fleet.configure({"half": model})
    (await fleet.acquire("half", LONG_S)).release()
    assert fleet.states()["half"].problem is None


async def test_a_start_that_fails_in_an_unknown_way_is_told_too(
    new_fleet: NewFleet, models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("nobody thought of this")

    fleet = new_fleet(models)
    monkeypatch.setattr("laird.runtime.fleet.LlamaProcess.start", fail)
    with pytest.raises(UpstreamModelDown, match="nobody thought of this"):
        await fleet.acquire("one", 60)
    assert fleet.states()["one"].state is RunState.FAILED


async def test_a_model_that_is_there_and_can_not_be_run_says_why(
    new_fleet: NewFleet, models: Models
) -> None:
    fleet = new_fleet(models)
    fleet.configure({}, {"one": "Its second part is missing."})
    with pytest.raises(UpstreamModelDown, match="Its second part is missing"):
        await fleet.acquire("one", 60)
    fleet.configure({})
    with pytest.raises(UpstreamModelMissing):
        await fleet.acquire("one", 60)


async def test_after_its_rest_a_broken_file_is_tried_once_more(
    new_fleet: NewFleet, tmp_path: Path
) -> None:
    models = {"gone": model_at(tmp_path / "gone.gguf", "gone")}
    fleet = new_fleet(models, patience=Patience(first_rest_s=0.6, longest_rest_s=0.9))
    seen = history(fleet)
    for _ in range(2):
        with pytest.raises(UpstreamModelDown, match="is not there; download it again"):
            await fleet.acquire("gone", LONG_S)
        await until(lambda: seen[-1] == ("gone", RunState.COLD))
    assert [state for _, state in seen] == [RunState.LOADING, RunState.FAILED, RunState.COLD] * 2


async def test_a_start_that_takes_too_long_has_failed(new_fleet: NewFleet, models: Models) -> None:
    fleet = new_fleet(models, patience=Patience(start_s=0.001))
    with pytest.raises(UpstreamModelDown, match=r"it was not loaded within 0\.001 s"):
        await fleet.acquire("one", LONG_S)
    assert fleet.states()["one"].pid is None


async def test_the_second_crash_in_a_row_is_followed_by_a_pause(
    new_fleet: NewFleet, models: Models
) -> None:
    fleet = new_fleet(models, patience=Patience(first_pause_s=1.0))
    states = []
    for _ in range(2):
        with await fleet.acquire("one", LONG_S) as lease:
            pid = fleet.states()["one"].pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            assert await lease.ended(LONG_S)
            assert await lease.ended(LONG_S)
        states.append(fleet.states()["one"].state)
    assert states == [RunState.COLD, RunState.FAILED]
    assert fleet.states()["one"].problem == "its process ended by signal 9 (SIGKILL)"
    # Who comes in the pause waits for its end.
    (await fleet.acquire("one", LONG_S)).release()


async def test_crashes_after_a_calm_time_are_forgiven(new_fleet: NewFleet, models: Models) -> None:
    fleet = new_fleet(models, patience=Patience(first_pause_s=1000.0, calm_s=0.0))
    for _ in range(3):
        with await fleet.acquire("one", LONG_S) as lease:
            os.kill(fleet.states()["one"].pid or 0, signal.SIGKILL)
            assert await lease.ended(LONG_S)


async def test_a_lease_of_a_process_that_has_crashed_counts_no_more(
    new_fleet: NewFleet, models: Models
) -> None:
    fleet = new_fleet(models)
    old = await fleet.acquire("one", LONG_S)
    assert not await old.ended(0.0)
    os.kill(fleet.states()["one"].pid or 0, signal.SIGKILL)
    assert await old.ended(LONG_S)
    new = await fleet.acquire("one", LONG_S)
    old.release()
    assert fleet.states()["one"].active == 1
    assert (new.origin, new.key) != (old.origin, old.key)
    new.release()
    new.release()
    assert fleet.states()["one"].active == 0
    assert await new.ended(0.0)


async def test_changed_settings_are_taken_up_when_the_model_is_unused(
    new_fleet: NewFleet, models: Models, files: dict[str, Path]
) -> None:
    fleet = new_fleet(models)
    first = await fleet.acquire("one", LONG_S)
    pid = fleet.states()["one"].pid
    changed = {**models, "one": model_at(files["one"], "one", slots=2, need=150)}
    fleet.configure(changed)
    assert fleet.states()["one"].pid == pid
    first.release()
    with await fleet.acquire("one", LONG_S), await fleet.acquire("one", LONG_S):
        assert fleet.states()["one"].active == 2
        assert fleet.states()["one"].pid != pid
        assert fleet.states()["one"].need_bytes == 150
        # There and back again: nothing has changed.
        fleet.configure(models)
        fleet.configure(changed)
    assert fleet.states()["one"].state is RunState.WARM


async def test_a_model_that_is_removed_ends_with_its_last_request(
    new_fleet: NewFleet, models: Models
) -> None:
    fleet = new_fleet(models)
    seen = history(fleet)
    lease = await fleet.acquire("one", LONG_S)
    waiting = asyncio.create_task(fleet.acquire("one", LONG_S))
    await until(lambda: fleet.states()["one"].waiting == 1)
    fleet.configure({"two": models["two"]})
    with pytest.raises(UpstreamModelMissing, match="has no model 'one'"):
        await waiting
    with pytest.raises(UpstreamModelMissing):
        await fleet.acquire("one", LONG_S)
    assert set(fleet.states()) == {"one", "two"}
    lease.release()
    await until(lambda: set(fleet.states()) == {"two"})
    assert seen[-1] == ("one", RunState.COLD)
    assert fleet.log_lines("one") == ()
    fleet.configure(models)
    (await fleet.acquire("one", LONG_S)).release()


async def test_less_memory_and_other_rules_hold_at_once(
    new_fleet: NewFleet, models: Models
) -> None:
    fleet = new_fleet(models)
    for name in ("one", "two"):
        (await fleet.acquire(name, LONG_S)).release()
    fleet.allow(100)
    await until(lambda: fleet.states()["one"].state is RunState.COLD)
    assert fleet.states()["two"].state is RunState.WARM
    fleet.follow(Rules(idle_s=0.0))
    await until(lambda: fleet.states()["two"].state is RunState.COLD)


async def test_a_model_can_be_unloaded_by_hand(new_fleet: NewFleet, models: Models) -> None:
    fleet = new_fleet(models)
    fleet.unload("one")
    lease = await fleet.acquire("one", LONG_S)
    fleet.unload("one")
    fleet.configure(models)
    assert fleet.states()["one"].state is RunState.WARM
    lease.release()
    await until(lambda: fleet.states()["one"].state is RunState.COLD)


async def test_closing_stops_all_processes_and_refuses_who_waits(
    new_fleet: NewFleet, models: Models
) -> None:
    fleet = new_fleet(models)
    await fleet.acquire("one", LONG_S)
    starting = asyncio.create_task(fleet.acquire("two", LONG_S))
    waiting = asyncio.create_task(fleet.acquire("one", LONG_S))
    await until(lambda: fleet.states()["two"].pid is not None)
    pids = [each.pid for each in fleet.states().values() if each.pid is not None]
    await fleet.close()
    for task in (starting, waiting):
        with pytest.raises(UpstreamModelDown, match="shutting down"):
            await task
    with pytest.raises(UpstreamModelDown, match="shutting down"):
        await fleet.acquire("one", LONG_S)
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert all(each.pid is None for each in fleet.states().values())


async def test_who_no_longer_listens_is_told_no_more(new_fleet: NewFleet, models: Models) -> None:
    fleet = new_fleet(models)
    seen: list[str] = []
    stop = fleet.subscribe(lambda running: seen.append(running.id))
    stop()
    (await fleet.acquire("one", LONG_S)).release()
    assert seen == []


async def test_the_log_of_a_running_model_is_kept_short(
    new_fleet: NewFleet, models: Models
) -> None:
    fleet = new_fleet(models, patience=Patience(trim_every_s=0.01))
    (await fleet.acquire("one", LONG_S)).release()
    path = fleet.log_path("one")
    with path.open("a") as log:
        log.write("x" * 2_000_000)
    await until(lambda: path.stat().st_size < 1_000_000)
    assert path.with_name("one.log.1").stat().st_size <= 1024 * 1024


async def test_who_waits_too_long_for_a_load_is_told_so(
    new_fleet: NewFleet, models: Models
) -> None:
    fleet = new_fleet(models)
    with pytest.raises(UpstreamTimeout, match="it is still being loaded"):
        await fleet.acquire("one", 0.0)


async def test_who_waits_too_long_after_crashes_is_told_so(
    new_fleet: NewFleet, models: Models
) -> None:
    fleet = new_fleet(models, patience=Patience(first_pause_s=1000.0))
    for _ in range(2):
        with await fleet.acquire("one", LONG_S) as lease:
            os.kill(fleet.states()["one"].pid or 0, signal.SIGKILL)
            assert await lease.ended(LONG_S)
    with pytest.raises(UpstreamTimeout, match="it has ended and is about to be started again"):
        await fleet.acquire("one", 0.01)


async def test_a_moment_with_less_memory_is_waited_out(
    files: dict[str, Path], tmp_path: Path
) -> None:
    free = [100]
    rules = Rules(look_again_s=0.01)
    fleet = Fleet(tmp_path, memory=lambda: free[0], rules=rules, threads=1)
    fleet.configure({"one": model_at(files["one"], "one")})
    free[0] = 50
    waiting = asyncio.create_task(fleet.acquire("one", LONG_S))
    await until(lambda: fleet.states()["one"].state is RunState.WAITING)
    free[0] = 100
    (await waiting).release()
    # Where less is left for good, nobody waits for long.
    fleet.configure({"one": model_at(files["one"], "one", need=90)})
    await until(lambda: fleet.states()["one"].state is RunState.COLD)
    free[0] = 50
    waiting = asyncio.create_task(fleet.acquire("one", LONG_S))
    await until(lambda: fleet.states()["one"].state is RunState.WAITING)
    fleet.allow(60)
    with pytest.raises(UpstreamModelDown, match=r"needs 90 bytes .* may take 50 bytes"):
        await waiting
    # What was never there is not waited for.
    fleet.allow(None)
    fleet.configure({"big": model_at(files["one"], "big", need=101)})
    with pytest.raises(UpstreamModelDown, match="needs 101 bytes of memory"):
        await fleet.acquire("big", LONG_S)
    await fleet.close()
