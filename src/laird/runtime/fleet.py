"""All models of the library: started when they are asked for, ended when others need the memory.

What is started, stopped and let in is decided in `laird.runtime.schedule`; here it is done.
Everything belongs to one event loop and one thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, cast

import msgspec

from laird.domain.errors import UpstreamError
from laird.domain.local_models import RunnableModel, Running
from laird.runtime import words
from laird.runtime.entry import Entry, Lease
from laird.runtime.process import LlamaProcess, StartFailed
from laird.runtime.run_log import RunLog
from laird.runtime.schedule import Load, Phase, Rules, decide, note_arrival
from laird.telemetry.logs import get_logger

Listener = Callable[[Running], None]

_MOST_FAILURES = 20
"""More are not counted: no rest is longer than the longest."""
_DIP_S = 10.0
"""What needs more memory than there is now, but not than there was so shortly ago, may wait: while
processes come and go, what is free can't be told to the moment."""
_log = get_logger("runtime")


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How long what goes wrong is borne; seconds."""

    start_s: float = 300.0
    """A model that takes longer to load has failed."""
    stop_s: float = 5.0
    """A process that is asked to end and has not by then is killed."""
    first_rest_s: float = 10.0
    """After a start that failed; it doubles with each that follows."""
    longest_rest_s: float = 300.0
    first_pause_s: float = 0.5
    """Before the start after a second crash; it doubles with each that follows."""
    calm_s: float = 60.0
    """A model that has run for so long before it crashed has no crashes to its name."""
    trim_every_s: float = 30.0
    """How often the length of a log is looked at."""


class Fleet:
    """The models of the library and their processes.

    Args:
        logs: The directory for the processes' logs.
        memory: Tells how many bytes all models together may take now.
        max_memory: Bytes that they may take at most, whatever `memory` says.
        threads: How many each model computes with; None for one on each physical core.
    """

    def __init__(
        self,
        logs: Path,
        *,
        memory: Callable[[], int],
        max_memory: int | None = None,
        rules: Rules | None = None,
        patience: Patience | None = None,
        threads: int | None = None,
    ) -> None:
        self._logs = logs
        self._memory = memory
        self._max_memory = max_memory
        self._rules = rules or Rules()
        self._patience = patience or Patience()
        self._threads = threads
        self._entries: dict[str, Entry] = {}
        self._loads: dict[str, Load] = {}
        self._unusable: dict[str, str] = {}
        self._listeners: list[Listener] = []
        self._tickets = 0
        self._waiting = 0
        self._busy = False
        """Somebody waits, or something is to go when it is unused: every release counts."""
        self._most = 0
        """The highest limit of memory in the last seconds."""
        self._most_until = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._wake_at = math.inf
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        self._expected = 0
        """How many changes of the models were announced and are not told yet."""
        self._told = asyncio.Event()
        self._told.set()

    # What others do with it.

    def expect(self) -> None:
        """Announce a change of the models: whoever asks for an unknown one waits for `told`."""
        self._expected += 1
        self._told.clear()

    def told(self) -> None:
        """End what `expect` began, whether `configure` was called or failed."""
        self._expected -= 1
        if self._expected <= 0:
            self._told.set()

    def configure(
        self, models: Mapping[str, RunnableModel], unusable: Mapping[str, str] | None = None
    ) -> None:
        """Take these as all models that there are, by id.

        `unusable` are those that are there and can't be run, with the reason for each: who asks
        for one is told that.

        A model that is gone is stopped when its last request ends, and who waits for it is told. A
        model that is to run in another way is started anew as soon as nobody uses it. Whatever has
        failed is tried again at the next request.
        """
        self._unusable = dict(unusable or {})
        for model_id, model in models.items():
            entry = self._entries.get(model_id)
            if entry is None:
                entry = Entry(model, RunLog(self._logs, model_id))
                self._entries[model_id] = entry
                self._loads[model_id] = entry.load
            else:
                self._change(entry, model)
        for model_id in self._entries.keys() - models.keys():
            self._change(self._entries[model_id], None)
        self._turn()

    def follow(self, rules: Rules) -> None:
        """Go by other rules from now on."""
        self._rules = rules
        self._turn()

    def allow(self, max_memory: int | None) -> None:
        """Let all models together take so many bytes at most; None leaves it to `memory`."""
        self._max_memory = max_memory
        self._most = 0
        self._turn()

    def unload(self, model_id: str) -> None:
        """Stop a model as soon as nobody uses it."""
        entry = self._entries.get(model_id)
        if entry is not None and entry.process is not None:
            entry.leaving = entry.load.outdated = True
            self._turn()

    @property
    def models(self) -> dict[str, RunnableModel]:
        """The models that there are, by id."""
        return {
            model_id: entry.model
            for model_id, entry in self._entries.items()
            if entry.model is not None
        }

    def states(self) -> dict[str, Running]:
        """Return how each model stands, by id."""
        now = time.monotonic()
        return {
            model_id: entry.describe(now)
            for model_id, entry in self._entries.items()
            if entry.model is not None or entry.process is not None
        }

    def log_lines(self, model_id: str, count: int = 50) -> tuple[str, ...]:
        """Return the last lines that a model's last process wrote."""
        entry = self._entries.get(model_id)
        return entry.log.last_lines(count) if entry is not None else ()

    def log_path(self, model_id: str) -> Path:
        """Return where a model's process writes."""
        return RunLog(self._logs, model_id).path

    def delete_log(self, model_id: str) -> None:
        """Delete what a model's processes wrote, of a model that is gone. Raises `OSError`."""
        RunLog(self._logs, model_id).delete()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Tell each change of a model's state; the function that is returned ends that.

        Requests that come and go in a warm model change no state: `states` counts them.
        """
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def try_acquire(self, model_id: str) -> Lease | None:
        """Return a lease if the model is loaded and has room for one more, else None."""
        entry = self._entries.get(model_id)
        if entry is None or not entry.open:
            return None
        load = entry.load
        if load.active >= load.slots:
            return None
        if not load.active:
            note_arrival(load, time.monotonic(), self._rules)
        return self._take(entry)

    async def acquire(self, model_id: str, deadline_s: float) -> Lease:
        """Return a lease, waiting for the model at most `deadline_s` seconds.

        It is started if it is cold. Cancelling the call leaves the queue, and loses no lease.

        Raises:
            UpstreamModelMissing: The library has no such model.
            UpstreamModelDown: It can't be started, or needs more memory than there is.
            UpstreamTimeout: It was not ready, or not free, in time.
        """
        lease = self.try_acquire(model_id)
        if lease is not None:
            return lease
        if self._expected and model_id not in self._entries:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._told.wait(), deadline_s)
        entry = self._admitted(model_id)
        loop = asyncio.get_running_loop()
        self._tickets = ticket = self._tickets + 1
        future: asyncio.Future[Lease] = loop.create_future()
        now = time.monotonic()
        note_arrival(entry.load, now, self._rules)
        entry.load.queue[ticket] = now
        entry.waiters[ticket] = future
        self._waiting += 1
        self._turn()
        timer = loop.call_later(deadline_s, self._expire, entry, ticket, deadline_s)
        try:
            return await future
        except BaseException:
            self._abandon(entry, ticket, future)
            raise
        finally:
            timer.cancel()

    async def close(self, limit_s: float = 5.0) -> None:
        """Stop all processes, within about `limit_s` seconds; who waits or comes is refused."""
        self._closed = True
        self._told.set()
        if self._timer is not None:
            self._timer.cancel()
        for entry in self._entries.values():
            entry.open = False
            self._refuse(entry, words.closing(entry.load.id))
            if entry.process is not None:
                entry.load.phase = Phase.STOPPING
                self._spawn(entry.process.stop(limit_s))
        while self._tasks:
            await asyncio.wait(self._tasks)

    # What requests do.

    def _take(self, entry: Entry) -> Lease:
        entry.load.active += 1
        # An entry is open only while its process is there.
        return Lease(entry, cast("LlamaProcess", entry.process), self._released)

    def _released(self, entry: Entry) -> None:
        """Take back a lease of the process that runs now."""
        load = entry.load
        load.active -= 1
        if not load.active:
            load.idle_since = time.monotonic()
            entry.last_used_us = time.time_ns() // 1000
            due = load.idle_since + self._rules.idle_s
            if due < self._wake_at:
                self._arm(due)
        if self._busy:
            self._turn()

    def _admitted(self, model_id: str) -> Entry:
        """Return the model that a request may wait for."""
        entry = self._entries.get(model_id)
        if entry is None or entry.model is None:
            raise self._absent(model_id)
        if self._closed:
            raise words.closing(model_id)
        load, now = entry.load, time.monotonic()
        if load.phase is Phase.COLD:
            if entry.hopeless and load.rests_until > now:
                raise words.failed(model_id, entry.problem, load.rests_until - now, entry.log.path)
            limit = self._limit()
            if load.need > self._most:
                raise words.too_big(model_id, load.need, limit)
        return entry

    def _absent(self, model_id: str) -> UpstreamError:
        """Say why a model is none of those that can be run."""
        reason = self._unusable.get(model_id)
        return words.missing(model_id) if reason is None else words.unusable(model_id, reason)

    def _expire(self, entry: Entry, ticket: int, deadline_s: float) -> None:
        future = entry.waiters.get(ticket)
        if future is not None and not future.done():
            problem = words.late(entry.load, deadline_s, self._loads)
            self._leave(entry, ticket)
            future.set_exception(problem)
            self._turn()

    def _abandon(self, entry: Entry, ticket: int, future: asyncio.Future[Lease]) -> None:
        """Leave the queue; what was granted since the task last ran goes to the next."""
        if ticket in entry.waiters:
            self._leave(entry, ticket)
            self._turn()
        elif future.done() and not future.cancelled() and future.exception() is None:
            future.result().release()

    def _leave(self, entry: Entry, ticket: int) -> asyncio.Future[Lease]:
        del entry.load.queue[ticket]
        self._waiting -= 1
        return entry.waiters.pop(ticket)

    def _refuse(self, entry: Entry, problem: UpstreamError) -> None:
        """Tell all who wait for a model that they wait in vain."""
        for ticket in list(entry.waiters):
            future = self._leave(entry, ticket)
            if not future.done():
                future.set_exception(problem)

    # What decisions do.

    def _turn(self) -> None:
        """Decide, and do it. Nothing here waits."""
        if self._closed:
            return
        now, limit = time.monotonic(), self._limit()
        for entry in self._entries.values():
            load = entry.load
            if load.queue and load.phase is Phase.COLD and load.need > self._most:
                self._refuse(entry, words.too_big(load.id, load.need, limit))
        decision = decide(self._loads, limit, now, self._rules)
        for model_id in decision.stop:
            self._stop(self._entries[model_id])
        for model_id in decision.start:
            self._start(self._entries[model_id])
        dropped = sum(self._grant(model_id, count) for model_id, count in decision.grant)
        self._busy = self._waiting > 0
        wake_at = decision.wake_at
        for entry in self._entries.values():
            load = entry.load
            warm = load.phase is Phase.WARM and entry.model is not None
            entry.open = warm and not load.queue and load.id not in decision.yielding
            self._busy = self._busy or load.outdated
            if load.rests_until > now:
                wake_at = min(wake_at, load.rests_until)
        self._arm(wake_at)
        if dropped:
            self._turn()
        else:
            self._announce()

    def _arm(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._wake_at = when
        if when < math.inf and not self._closed:
            delay = max(when - time.monotonic(), 0.001)
            self._timer = asyncio.get_running_loop().call_later(delay, self._turn)

    def _grant(self, model_id: str, count: int) -> int:
        """Let in the oldest who wait; return how many of them had gone away."""
        entry = self._entries[model_id]
        gone = 0
        for ticket in list(entry.waiters)[:count]:
            future = self._leave(entry, ticket)
            if future.done():
                gone += 1
            else:
                future.set_result(self._take(entry))
        return gone

    def _start(self, entry: Entry) -> None:
        entry.load.phase = Phase.LOADING
        entry.load.idle_since = -math.inf
        model = cast("RunnableModel", entry.model)
        entry.process = LlamaProcess(model, entry.log, threads=self._threads)
        entry.task = self._spawn(self._look_after(entry, entry.process))

    def _stop(self, entry: Entry) -> None:
        entry.load.phase = Phase.STOPPING
        self._spawn(cast("LlamaProcess", entry.process).stop(self._patience.stop_s))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _look_after(self, entry: Entry, process: LlamaProcess) -> None:
        """Start a process, and stay until it has ended."""
        try:
            await process.start(self._patience.start_s)
        except Exception as problem:  # noqa: BLE001 - whatever it was, those who wait are told
            if not isinstance(problem, StartFailed | OSError):
                _log.exception("local_model_failed", model=entry.load.id)
            if entry.load.phase is not Phase.STOPPING:
                self._not_started(entry, str(problem) or type(problem).__name__)
        else:
            if entry.load.phase is not Phase.STOPPING:
                self._started(entry, process)
            how = await self._end_of(process)
            if entry.load.phase is not Phase.STOPPING:
                self._crashed(entry, how)
        self._ended(entry)

    async def _end_of(self, process: LlamaProcess) -> str:
        end = asyncio.ensure_future(process.wait())
        while not (await asyncio.wait({end}, timeout=self._patience.trim_every_s))[0]:
            if process.log.too_long:
                await asyncio.to_thread(process.log.trim)
        return end.result()

    def _started(self, entry: Entry, process: LlamaProcess) -> None:
        load = entry.load
        load.phase = Phase.WARM
        load.warm_since = load.idle_since = time.monotonic()
        load.load_s = process.loaded_ms / 1000
        entry.loaded_ms = process.loaded_ms
        entry.problem = None
        entry.hopeless = False
        _log.info("local_model_loaded", model=load.id, pid=process.pid)
        self._turn()

    def _not_started(self, entry: Entry, problem: str) -> None:
        """Take note of a start that failed: nobody is to wait for the next."""
        bounds = self._patience
        rest_s = min(bounds.first_rest_s * 2**entry.failures, bounds.longest_rest_s)
        self._fail(entry, problem, rest_s)
        entry.hopeless = True
        self._refuse(entry, words.failed(entry.load.id, problem, rest_s, entry.log.path))

    def _crashed(self, entry: Entry, how: str) -> None:
        """Take note of a crash: the first is mended at once, others after a pause."""
        bounds = self._patience
        if time.monotonic() - entry.load.warm_since >= bounds.calm_s:
            entry.failures = 0
        past = entry.failures
        pause_s = bounds.first_pause_s * 2 ** (past - 1) if past else 0.0
        cause = entry.log.complaint()
        problem = f"its process ended {how}" + (f": {cause}" if cause else "")
        self._fail(entry, problem, min(pause_s, bounds.longest_rest_s))

    def _fail(self, entry: Entry, problem: str, rest_s: float) -> None:
        entry.failures = min(entry.failures + 1, _MOST_FAILURES)
        entry.problem = problem
        entry.load.rests_until = time.monotonic() + rest_s
        _log.warning("local_model_failed", model=entry.load.id, cause=problem, again_in_s=rest_s)

    def _ended(self, entry: Entry) -> None:
        """Go on without the process that was there."""
        entry.process = None
        entry.open = entry.leaving = False
        entry.load.phase = Phase.COLD
        entry.load.active = 0
        entry.load.outdated = False
        if entry.model is not None:
            entry.want(entry.model)
        self._turn()

    def _change(self, entry: Entry, model: RunnableModel | None) -> None:
        entry.model = model
        entry.forgive()
        if model is None:
            self._refuse(entry, self._absent(entry.load.id))
        if entry.process is not None:
            entry.load.outdated = entry.leaving or entry.process.model != model
        elif model is not None:
            entry.want(model)

    def _limit(self) -> int:
        limit, now = self._memory(), time.monotonic()
        if self._max_memory is not None:
            limit = min(limit, self._max_memory)
        if limit >= self._most or now >= self._most_until:
            self._most, self._most_until = limit, now + _DIP_S
        return limit

    def _announce(self) -> None:
        """Tell what has changed, and forget what is gone."""
        now = time.monotonic()
        for model_id, entry in list(self._entries.items()):
            state = entry.state(now)
            if state is not entry.announced:
                entry.announced = state
                for listener in tuple(self._listeners):
                    listener(entry.describe(now))
            if entry.model is None and entry.process is None:
                self._entries.pop(model_id, None)
                self._loads.pop(model_id, None)
