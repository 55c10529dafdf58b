"""What callers can rely on when providers are full."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterator

import pytest
import uvloop

from laird.domain.errors import CapacityExceeded
from laird.limits.slots import Slot, Slots

LONG = 30.0


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def runner(request: pytest.FixtureRequest) -> Iterator[asyncio.Runner]:
    factory: Callable[[], asyncio.AbstractEventLoop] = request.param
    with asyncio.Runner(loop_factory=factory) as made:
        yield made


def limited(queue_length: int = 256, **limits: int | None) -> Slots:
    slots = Slots(queue_length=queue_length)
    slots.configure(limits, queue_length)
    return slots


def take(slots: Slots, provider_id: str) -> Slot:
    slot = slots.try_acquire(provider_id)
    assert slot is not None
    return slot


async def until_waiting(slots: Slots, provider_id: str, count: int) -> None:
    for _ in range(1000):
        if slots.waiting(provider_id) == count:
            return
        await asyncio.sleep(0)
    pytest.fail(f"{slots.waiting(provider_id)} wait for {provider_id}, not {count}")


def wait_for_slot(
    slots: Slots, *provider_ids: str, priority: int = 100, timeout_s: float = LONG
) -> asyncio.Task[Slot]:
    return asyncio.ensure_future(
        slots.acquire_any(provider_ids, priority=priority, timeout_s=timeout_s)
    )


def test_a_full_provider_gives_no_slot_and_a_released_one_does() -> None:
    slots = limited(gpu=2)
    first, second = take(slots, "gpu"), take(slots, "gpu")
    assert slots.try_acquire("gpu") is None
    assert slots.active == {"gpu": 2}
    first.release()
    assert slots.active == {"gpu": 1}
    assert take(slots, "gpu").provider_id == "gpu"
    second.release()


def test_releasing_twice_frees_one_slot_only() -> None:
    slots = limited(gpu=2)
    slot, other = take(slots, "gpu"), take(slots, "gpu")
    slot.release()
    slot.release()
    assert slots.active["gpu"] == 1
    other.release()
    assert slots.active["gpu"] == 0


def test_unlimited_and_unheard_of_providers_are_counted_but_never_full() -> None:
    slots = limited(cloud=None)
    held = [take(slots, name) for name in ("cloud", "stranger") for _ in range(1000)]
    assert slots.active == {"cloud": 1000, "stranger": 1000}
    for slot in held:
        slot.release()
    assert slots.active == {"cloud": 0, "stranger": 0}
    assert slots.waiting("nobody") == 0


def test_fifty_clients_on_one_slot_are_served_one_at_a_time(runner: asyncio.Runner) -> None:
    slots = limited(gpu=1)
    inside = 0

    async def client() -> None:
        nonlocal inside
        for _ in range(5):
            slot = await slots.acquire_any(["gpu"], priority=100, timeout_s=LONG)
            inside += 1
            assert inside == 1
            assert slots.active["gpu"] == 1
            for _ in range(random.randrange(3)):
                await asyncio.sleep(0)
            inside -= 1
            slot.release()

    async def all_clients() -> None:
        async with asyncio.TaskGroup() as clients:
            for _ in range(50):
                clients.create_task(client())

    runner.run(all_clients())
    assert slots.active["gpu"] == 0
    assert slots.waiting("gpu") == 0


async def test_lower_priority_number_goes_first_and_arrival_decides_among_equals() -> None:
    slots = limited(gpu=1)
    holder = take(slots, "gpu")
    served: list[str] = []

    async def client(name: str, priority: int) -> None:
        slot = await slots.acquire_any(["gpu"], priority=priority, timeout_s=LONG)
        served.append(name)
        slot.release()

    wishes = [("b1", 100), ("c1", 200), ("a1", 0), ("b2", 100), ("a2", 0), ("c2", 200)]
    tasks = [asyncio.ensure_future(client(*wish)) for wish in wishes]
    await until_waiting(slots, "gpu", len(wishes))
    holder.release()
    await asyncio.gather(*tasks)
    assert served == ["a1", "a2", "b1", "b2", "c1", "c2"]


async def test_nobody_slips_in_between_a_release_and_the_first_who_waits() -> None:
    slots = limited(gpu=1)
    holder = take(slots, "gpu")
    waiter = wait_for_slot(slots, "gpu")
    await until_waiting(slots, "gpu", 1)
    holder.release()
    assert slots.try_acquire("gpu") is None
    assert slots.active["gpu"] == 1
    (await waiter).release()
    take(slots, "gpu").release()


async def test_whichever_provider_frees_first_serves_and_the_other_queue_forgets() -> None:
    slots = limited(a=1, b=1)
    slot_a, slot_b = take(slots, "a"), take(slots, "b")
    both = wait_for_slot(slots, "a", "b", "a")
    only_b = wait_for_slot(slots, "b")
    await until_waiting(slots, "b", 2)
    assert slots.waiting("a") == 1
    slot_b.release()
    assert slots.waiting("a") == 0
    served = await both
    assert served.provider_id == "b"
    slot_a.release()
    assert slots.active == {"a": 0, "b": 1}
    served.release()
    assert (await only_b).provider_id == "b"


async def test_a_free_provider_is_taken_at_once_in_the_order_named() -> None:
    slots = limited(a=1, b=1, c=1)
    held = take(slots, "a")
    slot = await slots.acquire_any(["a", "b", "c"], priority=0, timeout_s=LONG)
    assert slot.provider_id == "b"
    held.release()
    slot.release()


async def test_a_full_queue_refuses_at_once_and_says_what_to_do() -> None:
    slots = limited(queue_length=1, a=1, b=2)
    for provider_id in ("a", "b", "b"):
        take(slots, provider_id)
    queued = wait_for_slot(slots, "a", "b")
    await until_waiting(slots, "b", 1)
    with pytest.raises(CapacityExceeded) as refused:
        await slots.acquire_any(["a", "b"], priority=0, timeout_s=LONG)
    message = refused.value.message
    assert "'a' (1 of 1 running, 1 waiting)" in message
    assert "'b' (2 of 2 running, 1 waiting)" in message
    assert "maxConcurrent" in message
    assert refused.value.retry_after_s >= 1
    queued.cancel()
    await asyncio.gather(queued, return_exceptions=True)
    assert (slots.waiting("a"), slots.waiting("b")) == (0, 0)


async def test_a_request_waits_only_where_the_queue_has_room() -> None:
    slots = limited(queue_length=1, a=1, b=1)
    slot_a, slot_b = take(slots, "a"), take(slots, "b")
    first = wait_for_slot(slots, "a")
    await until_waiting(slots, "a", 1)
    second = wait_for_slot(slots, "a", "b")
    await until_waiting(slots, "b", 1)
    assert slots.waiting("a") == 1
    slot_b.release()
    slot_a.release()
    assert (await second).provider_id == "b"
    assert (await first).provider_id == "a"


async def test_too_long_a_wait_is_refused_and_leaves_the_queue() -> None:
    slots = limited(gpu=1)
    holder = take(slots, "gpu")
    with pytest.raises(CapacityExceeded, match=r"within 0\.01 s"):
        await slots.acquire_any(["gpu"], priority=0, timeout_s=0.01)
    assert slots.waiting("gpu") == 0
    with pytest.raises(CapacityExceeded, match="switched off"):
        await slots.acquire_any(["gpu"], priority=0, timeout_s=0)
    holder.release()
    assert slots.active["gpu"] == 0


async def test_the_time_to_retry_follows_the_pace_of_the_queue() -> None:
    now = 0.0
    slots = Slots(queue_length=3, clock=lambda: now)
    slots.configure({"gpu": 1}, 3)
    holder = take(slots, "gpu")
    waiters = [wait_for_slot(slots, "gpu") for _ in range(3)]
    await until_waiting(slots, "gpu", 3)
    holder.release()
    now = 4.0
    (await waiters[0]).release()
    last = await waiters[1]
    assert slots.waiting("gpu") == 1
    with pytest.raises(CapacityExceeded) as refused:
        await slots.acquire_any(["gpu"], priority=0, timeout_s=0)
    assert refused.value.retry_after_s == 8.0
    last.release()
    await waiters[2]


async def test_a_slot_granted_in_the_turn_of_a_cancellation_goes_to_the_next() -> None:
    slots = limited(gpu=1)
    holder = take(slots, "gpu")
    first, second = wait_for_slot(slots, "gpu"), wait_for_slot(slots, "gpu")
    await until_waiting(slots, "gpu", 2)
    holder.release()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    (await second).release()
    assert slots.active["gpu"] == 0


async def test_a_release_passes_over_a_waiter_that_was_cancelled_in_the_same_turn() -> None:
    slots = limited(gpu=1)
    holder = take(slots, "gpu")
    first, second = wait_for_slot(slots, "gpu"), wait_for_slot(slots, "gpu")
    await until_waiting(slots, "gpu", 2)
    first.cancel()
    holder.release()
    (await second).release()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert slots.active["gpu"] == 0


async def test_the_last_waiter_cancelled_in_the_turn_of_a_release_leaves_a_free_slot() -> None:
    slots = limited(gpu=1)
    holder = take(slots, "gpu")
    waiter = wait_for_slot(slots, "gpu")
    await until_waiting(slots, "gpu", 1)
    waiter.cancel()
    holder.release()
    take(slots, "gpu").release()
    await asyncio.gather(waiter, return_exceptions=True)
    assert slots.active["gpu"] == 0


async def test_a_wait_that_expires_and_is_cancelled_in_one_turn_ends_quietly() -> None:
    slots = limited(gpu=1)
    holder = take(slots, "gpu")
    waiter = wait_for_slot(slots, "gpu", timeout_s=1e-9)
    await until_waiting(slots, "gpu", 1)
    await until_waiting(slots, "gpu", 0)
    waiter.cancel()
    await asyncio.gather(waiter, return_exceptions=True)
    holder.release()
    assert slots.active["gpu"] == 0


async def test_a_slot_granted_just_before_the_wait_expires_is_kept() -> None:
    slots = limited(gpu=1)
    loop = asyncio.get_running_loop()
    loop.call_later(0.001, take(slots, "gpu").release)
    waiter = wait_for_slot(slots, "gpu", timeout_s=0.002)
    await until_waiting(slots, "gpu", 1)
    time.sleep(0.01)  # noqa: ASYNC251 - both timers are to fall due in one turn of the loop
    (await waiter).release()
    assert slots.active["gpu"] == 0


async def test_a_wait_closed_from_outside_leaves_the_queue() -> None:
    slots = limited(gpu=1)
    holder = take(slots, "gpu")
    wait = slots.acquire_any(["gpu"], priority=0, timeout_s=LONG)
    wait.send(None)
    assert slots.waiting("gpu") == 1
    wait.close()
    assert slots.waiting("gpu") == 0
    holder.release()


async def test_a_raised_limit_lets_waiting_requests_in() -> None:
    slots = limited(gpu=1)
    take(slots, "gpu")
    waiters = [wait_for_slot(slots, "gpu") for _ in range(4)]
    await until_waiting(slots, "gpu", 4)
    slots.configure({"gpu": 3}, 256)
    assert slots.active["gpu"] == 3
    assert slots.waiting("gpu") == 2
    await asyncio.gather(*waiters[:2])
    slots.configure({"gpu": None}, 256)
    await asyncio.gather(*waiters[2:])
    assert slots.active["gpu"] == 5


async def test_a_raised_limit_passes_over_a_cancelled_waiter() -> None:
    slots = limited(gpu=1)
    take(slots, "gpu")
    waiter = wait_for_slot(slots, "gpu")
    await until_waiting(slots, "gpu", 1)
    waiter.cancel()
    slots.configure({"gpu": 2}, 256)
    assert slots.active["gpu"] == 1
    await asyncio.gather(waiter, return_exceptions=True)


async def test_a_lowered_limit_lets_nobody_in_until_enough_have_ended() -> None:
    slots = limited(gpu=3)
    held = [take(slots, "gpu") for _ in range(3)]
    waiter = wait_for_slot(slots, "gpu")
    await until_waiting(slots, "gpu", 1)
    slots.configure({"gpu": 1}, 256)
    held[0].release()
    held[1].release()
    assert slots.active["gpu"] == 1
    assert slots.waiting("gpu") == 1
    held[2].release()
    assert (await waiter).provider_id == "gpu"
    assert slots.active["gpu"] == 1


def test_a_removed_provider_keeps_its_limit_while_used_and_is_forgotten_later() -> None:
    slots = limited(gpu=1, other=1)
    held = take(slots, "gpu")
    slots.configure({"other": 1}, 256)
    slots.configure({"other": 1}, 256)
    assert slots.try_acquire("gpu") is None
    held.release()
    assert slots.active == {"gpu": 0, "other": 0}
    slots.configure({"other": 1}, 256)
    assert slots.active == {"other": 0}


def test_ten_thousand_cancellations_lose_no_slot(runner: asyncio.Runner) -> None:
    """Clients are cancelled before, while and after they wait; the limits hold throughout."""
    chance = random.Random(7)
    limits: dict[str, int | None] = {"a": 1, "b": 3}
    slots = limited(queue_length=500, **limits)
    inside = {"a": 0, "b": 0}
    ended = {"served": 0, "cancelled": 0}

    async def client() -> None:
        names = chance.choice([["a"], ["b"], ["a", "b"], ["b", "a"]])
        try:
            slot = await slots.acquire_any(names, priority=chance.randrange(3), timeout_s=LONG)
            try:
                inside[slot.provider_id] += 1
                assert inside[slot.provider_id] <= (limits[slot.provider_id] or 0)
                for _ in range(chance.randrange(3)):
                    await asyncio.sleep(0)
            finally:
                inside[slot.provider_id] -= 1
                slot.release()
        except asyncio.CancelledError:
            ended["cancelled"] += 1
            raise
        ended["served"] += 1

    async def storm() -> None:
        tasks: set[asyncio.Task[None]] = set()
        cancelled = 0
        while cancelled < 10_000:
            while len(tasks) < 60:
                task = asyncio.ensure_future(client())
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            for task in chance.sample(list(tasks), 6):
                cancelled += task.cancel()
            if chance.random() < 0.7:
                await asyncio.sleep(0)
        await asyncio.gather(*tasks, return_exceptions=True)

    runner.run(storm())
    assert ended["served"] > 100
    assert ended["cancelled"] > 5_000
    assert slots.active == {"a": 0, "b": 0}
    assert (slots.waiting("a"), slots.waiting("b")) == (0, 0)
