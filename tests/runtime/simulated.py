"""A fleet of which only the decisions are real: processes and requests are times on a clock."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable

from laird.runtime.schedule import Decision, Load, Phase, Rules, decide, note_arrival

STOP_S = 0.01


class Request:
    """One request, and when it was let in."""

    def __init__(
        self, model: str, service_s: float, arrived: float, then: Callable[[], None] | None
    ) -> None:
        self.model = model
        self.service_s = service_s
        self.arrived = arrived
        self.then = then
        self.began: float | None = None

    @property
    def waited_s(self) -> float:
        """How long it waited; it must have been let in."""
        assert self.began is not None
        return self.began - self.arrived


class Simulation:
    """Runs arrivals against the decisions, and checks what must always hold."""

    def __init__(
        self, loads: Iterable[Load], limit: int, rules: Rules, load_s: float = 2.0
    ) -> None:
        self.loads = {load.id: load for load in loads}
        self.limit = limit
        self.rules = rules
        self.load_s = load_s
        self.now = 0.0
        self.starts: list[str] = []
        self.requests: list[Request] = []
        self._queued: dict[int, Request] = {}
        self._open: set[str] = set()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._wake_at = math.inf
        self._latest: dict[str, int] = {}

    def at(self, when: float, happen: Callable[[], None]) -> None:
        """Let something happen."""
        self._count += 1
        heapq.heappush(self._events, (when, self._count, happen))

    def arrive(
        self, model: str, service_s: float, then: Callable[[], None] | None = None
    ) -> Request:
        """Let a request arrive now; `then` happens when it has been answered."""
        request = Request(model, service_s, self.now, then)
        self.requests.append(request)
        load = self.loads[model]
        note_arrival(load, self.now, self.rules)
        if model in self._open and load.active < load.slots:
            self._serve(request)
        else:
            self._count += 1
            load.queue[self._count] = self.now
            self._queued[self._count] = request
            self.turn()
        return request

    def cancel(self, request: Request) -> None:
        """Let a request that waits go away."""
        for ticket, each in list(self._queued.items()):
            if each is request:
                del self._queued[ticket], self.loads[request.model].queue[ticket]
                self.turn()

    def run(self, until: float = math.inf) -> None:
        """Let everything happen up to a time, or until nothing is left to happen."""
        while True:
            due = min(self._events[0][0] if self._events else math.inf, self._wake_at)
            if due > until or due == math.inf:
                break
            if not self._events and not self._queued and due == self._wake_at:
                break  # only idleness is left
            self.now = due
            if self._events and self._events[0][0] <= due:
                heapq.heappop(self._events)[2]()
            else:
                self.turn()

    def turn(self) -> None:
        """Decide and do it."""
        decision = decide(self.loads, self.limit, self.now, self.rules)
        for model in decision.stop:
            self._stop(self.loads[model])
        for model in decision.start:
            self._start(self.loads[model])
        for model, count in decision.grant:
            self._grant(self.loads[model], count)
        self._check(decision)
        self._wake_at = max(decision.wake_at, self.now + 0.001)
        self._open = {
            load.id
            for load in self.loads.values()
            if load.phase is Phase.WARM and not load.queue and load.id not in decision.yielding
        }

    def _check(self, decision: Decision) -> None:
        used = sum(load.need for load in self.loads.values() if load.phase is not Phase.COLD)
        if decision.start:
            assert used <= self.limit, "over memory"
        for load in self.loads.values():
            assert 0 <= load.active <= load.slots, "more than its slots"

    def _stop(self, load: Load) -> None:
        assert not load.active, "stopped in use"
        assert load.phase in {Phase.WARM, Phase.LOADING}
        load.phase = Phase.STOPPING

        def ended() -> None:
            load.phase = Phase.COLD
            load.outdated = False
            self.turn()

        self.at(self.now + STOP_S, ended)

    def _start(self, load: Load) -> None:
        assert load.phase is Phase.COLD
        assert load.queue, "started for nobody"
        load.phase = Phase.LOADING
        load.idle_since = -math.inf
        self.starts.append(load.id)
        number = len(self.starts)

        def loaded() -> None:
            if load.phase is Phase.LOADING and self._latest[load.id] == number:
                load.phase = Phase.WARM
                load.warm_since = load.idle_since = self.now
                load.load_s = self.load_s
                self.turn()

        self._latest[load.id] = number
        self.at(self.now + self.load_s, loaded)

    def _grant(self, load: Load, count: int) -> None:
        assert load.phase is Phase.WARM
        for ticket in list(load.queue)[:count]:
            del load.queue[ticket]
            request = self._queued.pop(ticket)
            self._serve(request)

    def _serve(self, request: Request) -> None:
        load = self.loads[request.model]
        load.active += 1
        request.began = self.now

        def answered() -> None:
            load.active -= 1
            if not load.active:
                load.idle_since = self.now
            self.turn()
            if request.then is not None:
                request.then()

        self.at(self.now + request.service_s, answered)
