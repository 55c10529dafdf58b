"""Laws of slots under any order of arrivals, releases, cancellations and new limits."""

from __future__ import annotations

import asyncio

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from laird.limits.slots import Slot, Slots

PROVIDERS = ("a", "b", "c")
some_providers = st.lists(st.sampled_from(PROVIDERS), min_size=1, max_size=3)
limit = st.none() | st.integers(0, 3)


class SlotsMachine(RuleBasedStateMachine):
    """Drives one `Slots` from a loop that turns only when a rule says so."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.slots = Slots(queue_length=4)
        self.limits: dict[str, int | None] = {"a": 1, "b": 2, "c": None}
        self.slots.configure(self.limits, 4)
        self.held: list[Slot] = []
        self.tasks: list[asyncio.Task[Slot]] = []
        self.before = dict(self.slots.active)

    def teardown(self) -> None:
        for task in self.tasks:
            task.cancel()
        self.turn()
        for slot in self.held:
            slot.release()
        assert set(self.slots.active.values()) == {0}
        assert not any(self.slots.waiting(name) for name in PROVIDERS)
        self.loop.close()

    @rule()
    def turn(self) -> None:
        """Let every task run until it has nothing to do, then collect what was granted."""
        for _ in range(4):
            self.loop.run_until_complete(asyncio.sleep(0))
        for task in [task for task in self.tasks if task.done()]:
            self.tasks.remove(task)
            if not task.cancelled() and task.exception() is None:
                self.held.append(task.result())

    @rule(name=st.sampled_from(PROVIDERS))
    def try_acquire(self, name: str) -> None:
        slot = self.slots.try_acquire(name)
        if slot is not None:
            self.held.append(slot)

    @rule(names=some_providers, priority=st.integers(0, 2))
    def wait(self, names: list[str], priority: int) -> None:
        wish = self.slots.acquire_any(names, priority=priority, timeout_s=1000.0)
        self.tasks.append(self.loop.create_task(wish))

    @precondition(lambda self: self.held)
    @rule(place=st.integers(0), twice=st.booleans())
    def release(self, place: int, twice: bool) -> None:
        slot = self.held.pop(place % len(self.held))
        slot.release()
        if twice:
            slot.release()

    @precondition(lambda self: self.tasks)
    @rule(place=st.integers(0))
    def cancel(self, place: int) -> None:
        self.tasks[place % len(self.tasks)].cancel()

    @rule(limits=st.fixed_dictionaries(dict.fromkeys(PROVIDERS, limit)), length=st.integers(0, 5))
    def configure(self, limits: dict[str, int | None], length: int) -> None:
        self.limits = limits
        self.slots.configure(limits, length)

    @invariant()
    def nothing_is_over_its_limit(self) -> None:
        for name, running in self.slots.active.items():
            allowed = self.limits[name]
            # Only a lowered limit leaves more running than allowed, and then it only falls.
            assert allowed is None or running <= max(allowed, self.before[name])
        self.before = dict(self.slots.active)

    @invariant()
    def a_free_slot_and_a_waiting_request_never_exist_together(self) -> None:
        for name, running in self.slots.active.items():
            allowed = self.limits[name]
            if allowed is None or running < allowed:
                assert self.slots.waiting(name) == 0

    @invariant()
    def every_running_request_is_held_or_about_to_be(self) -> None:
        running = sum(self.slots.active.values())
        assert len(self.held) <= running <= len(self.held) + len(self.tasks)


SlotsMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestSlots = SlotsMachine.TestCase
