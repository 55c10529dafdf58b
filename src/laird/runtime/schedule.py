"""Which models are in memory, and which request goes next: decided from a state and the time.

Models that don't fit together take turns. The request that has waited longest for a model that is
not loaded decides what is loaded next, and memory that it needs goes to nobody who came later.
To make room, models that nobody uses go first, the least recently used before others. One in use
keeps its place for a slice of time, in which it serves all that comes; after that it serves only
those who waited before the other did, and then has to go. So quick alternation becomes batches,
and nobody waits longer than the slices, and the requests under way, of those before.

A model that has just answered its last request is often asked again at once. Where that was so the
last time, it is left alone for a moment, within its slice, before its memory goes to another.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from enum import StrEnum

import msgspec


class Phase(StrEnum):
    """What the process of a model is doing."""

    COLD = "cold"
    """There is none."""
    LOADING = "loading"
    WARM = "warm"
    STOPPING = "stopping"


class Load(msgspec.Struct, eq=False, kw_only=True):
    """One model as it stands; times are monotonic seconds."""

    id: str
    need: int
    """Bytes: of its process, or where there is none of the next."""
    slots: int = 1
    phase: Phase = Phase.COLD
    active: int = 0
    """Requests under way, never more than `slots`."""
    queue: dict[int, float] = msgspec.field(default_factory=dict)
    """Requests that wait, by their number, with the time of their arrival; oldest first."""
    warm_since: float = 0.0
    idle_since: float = -math.inf
    """When its last request ended, or when it was loaded."""
    load_s: float = 1.0
    """How long it took to load the last time; a guess before."""
    asked_again: bool = True
    """Whether the last request came within a moment of the one before."""
    rests_until: float = 0.0
    """It is not started before."""
    outdated: bool = False
    """Its process is to go as soon as nobody uses it."""


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """How models take turns; seconds."""

    idle_s: float = 600.0
    """A model that nobody has used for so long is stopped."""
    slice_s: float = 10.0
    """How long a model that is in use keeps its place, counted from when it was loaded."""
    slice_loads: float = 2.0
    """The same, as a multiple of the time that loading it took; the longer of both counts."""
    moment_s: float = 1.0
    """How long, at most, a model is left alone that will probably be asked again."""
    moment_loads: float = 0.5
    """The same, as a multiple of the time that loading it took; the shorter of both counts."""
    look_again_s: float = 1.0
    """While somebody waits for memory, the limit is asked for again after so long."""

    def slice_end(self, load: Load) -> float:
        """Return when a model's slice is over."""
        return load.warm_since + max(self.slice_s, self.slice_loads * load.load_s)

    def moment(self, load: Load) -> float:
        """Return for how long a model is left alone."""
        return min(self.moment_s, self.moment_loads * load.load_s)


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What to do now. `wake_at` is when to decide again even if nothing happens."""

    stop: tuple[str, ...] = ()
    start: tuple[str, ...] = ()
    grant: tuple[tuple[str, int], ...] = ()
    """For each model, how many of its oldest waiting requests are let in."""
    yielding: frozenset[str] = frozenset()
    """Models that let nobody in who comes now."""
    wake_at: float = math.inf


def decide(loads: Mapping[str, Load], limit: int, now: float, rules: Rules) -> Decision:
    """Decide what is stopped, started and let in. The state is only read.

    `limit` is what all models together may take, in bytes. What is stopped keeps its memory until
    it is cold. A cold model that needs more than the limit is passed over.
    """
    return _Round(loads, limit, now, rules).decision()


def note_arrival(load: Load, now: float, rules: Rules) -> None:
    """Take note of how soon after the last request the next one came; it may wait or not."""
    if not load.active and not load.queue:
        load.asked_again = now - load.idle_since <= rules.moment(load)


class _Round:
    """One decision in the making."""

    def __init__(self, loads: Mapping[str, Load], limit: int, now: float, rules: Rules) -> None:
        self._loads = loads
        self._limit = limit
        self._now = now
        self._rules = rules
        self._stop: dict[str, None] = {}
        self._start: list[str] = []
        self._yielding: dict[str, float] = {}
        """Models that must go, with the arrival of the request that they go for."""
        self._taken: set[str] = set()
        """Models whose memory is promised to somebody."""
        self._wake_at = math.inf
        used = sum(load.need for load in loads.values() if load.phase is not Phase.COLD)
        self._free = limit - used
        """What can be given away now."""
        self._promised_free = self._free + sum(
            load.need for load in loads.values() if load.phase is Phase.STOPPING
        )
        """What will be free when all that is to stop has stopped, less what is promised."""

    def decision(self) -> Decision:
        for load in self._loads.values():
            self._end_unused(load)
        self._shrink()
        for load in sorted(self._wanted(), key=_arrival):
            self._make_room(load)
        return Decision(
            stop=tuple(self._stop),
            start=tuple(self._start),
            grant=tuple(self._grants()),
            yielding=frozenset(self._yielding),
            wake_at=self._wake_at,
        )

    def _end_unused(self, load: Load) -> None:
        """Stop what has been idle for too long, or is not as it should be any more."""
        if load.phase is not Phase.WARM or load.active:
            return
        if load.outdated:
            self._end(load)
        elif not load.queue:
            due = load.idle_since + self._rules.idle_s
            if due <= self._now:
                self._end(load)
            else:
                self._wake(due)

    def _shrink(self) -> None:
        """Stop unused models, the least recently used first, while all take more than they may."""
        unused = [load for load in self._loads.values() if self._is_unused(load)]
        for load in sorted(unused, key=_last_use):
            if self._promised_free >= 0:
                return
            self._end(load)

    def _wanted(self) -> Iterable[Load]:
        """Yield the cold models that somebody waits for and that may be started."""
        for load in self._loads.values():
            if load.phase is not Phase.COLD or not load.queue:
                continue
            if load.rests_until > self._now:
                self._wake(load.rests_until)
            elif load.need > self._limit:
                self._wake(self._now + self._rules.look_again_s)
            else:
                yield load

    def _make_room(self, wanted: Load) -> None:
        """Start a model, or do what can be done now for it to be started later."""
        if wanted.need > self._promised_free and not self._clear(wanted):
            self._wake(self._now + self._rules.look_again_s)
            return
        self._promised_free -= wanted.need
        if wanted.need <= self._free:
            self._free -= wanted.need
            self._start.append(wanted.id)
        else:
            self._wake(self._now + self._rules.look_again_s)

    def _clear(self, wanted: Load) -> bool:
        """Choose which models go for a wanted one, and have them go when all of them can.

        False when all that is there would not do: others, who came before, get it.
        """
        arrival = _arrival(wanted)
        victims = self._victims(wanted.need - self._promised_free)
        if not victims:
            return False
        for load in victims:
            self._taken.add(load.id)
            self._promised_free += load.need
        ready_at = max(self._ready_at(load) for load in victims)
        if ready_at > self._now:
            self._wake(ready_at)
        elif all(self._may_stop(load, arrival) for load in victims):
            for load in victims:
                self._promised_free -= load.need
                self._end(load)
        else:
            self._yielding.update((load.id, arrival) for load in victims)
        return True

    def _victims(self, shortage: int) -> list[Load]:
        """Return the models whose going does the least harm and is enough; none if nothing is."""
        chosen: list[Load] = []
        for load in sorted(self._candidates(), key=self._harm):
            if shortage <= 0:
                break
            chosen.append(load)
            shortage -= load.need
        if shortage > 0:
            return []
        # The last one chosen may have made some before it needless; keep the least harm.
        for load in chosen[::-1]:
            if shortage + load.need <= 0:
                chosen.remove(load)
                shortage += load.need
        return chosen

    def _candidates(self) -> Iterable[Load]:
        for load in self._loads.values():
            if load.id in self._taken or load.id in self._stop:
                continue
            if load.phase is Phase.WARM or self._is_unused(load):
                yield load

    def _harm(self, load: Load) -> tuple[int, float]:
        """Put candidates in order: unused, soon unused, out of time, in its slice."""
        if self._is_unused(load):
            ready_at = self._ready_at(load)
            return (0, load.idle_since) if ready_at <= self._now else (1, ready_at)
        slice_end = self._rules.slice_end(load)
        return (2 if slice_end <= self._now else 3, slice_end)

    def _ready_at(self, load: Load) -> float:
        """Return from when on a model may be made to go."""
        if load.phase is not Phase.WARM:
            return self._now
        slice_end = self._rules.slice_end(load)
        if not self._is_unused(load):
            return slice_end
        if not load.asked_again:
            return self._now
        return min(slice_end, load.idle_since + self._rules.moment(load))

    def _may_stop(self, load: Load, arrival: float) -> bool:
        return not load.active and all(time > arrival for time in load.queue.values())

    def _grants(self) -> Iterable[tuple[str, int]]:
        for load in self._loads.values():
            if load.phase is not Phase.WARM or load.id in self._stop or not load.queue:
                continue
            until = self._yielding.get(load.id, math.inf)
            due = sum(time <= until for time in load.queue.values())
            count = min(due, load.slots - load.active)
            if count > 0:
                yield load.id, count

    def _is_unused(self, load: Load) -> bool:
        """Say whether a process is there, is not ending, and nobody needs it."""
        running = load.phase is Phase.WARM or load.phase is Phase.LOADING
        return running and not load.active and not load.queue and load.id not in self._stop

    def _end(self, load: Load) -> None:
        self._stop[load.id] = None
        self._promised_free += load.need

    def _wake(self, when: float) -> None:
        self._wake_at = min(self._wake_at, when)


def _arrival(load: Load) -> float:
    return next(iter(load.queue.values()))


def _last_use(load: Load) -> float:
    return load.idle_since
