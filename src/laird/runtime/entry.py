"""One model of the fleet: what is wanted of it, how it stands, and the leases of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

from laird.domain.local_models import RunnableModel, Running, RunState
from laird.domain.secret import Secret
from laird.runtime.process import LlamaProcess
from laird.runtime.run_log import RunLog
from laird.runtime.schedule import Load, Phase
from laird.transport.base import Origin


class Lease:
    """The right to one request to a running model. Give it back with `release`, or use `with`."""

    __slots__ = ("_entry", "_process", "_released")

    def __init__(
        self, entry: Entry, process: LlamaProcess, released: Callable[[Entry], None]
    ) -> None:
        self._entry: Entry | None = entry
        self._released = released
        self._process = process

    @property
    def model_id(self) -> str:
        """The model's id."""
        return self._process.model.id

    @property
    def origin(self) -> Origin:
        """Where its process answers; the same object for as long as the process lives."""
        return self._process.origin

    @property
    def key(self) -> Secret:
        """The bearer token that the process asks for."""
        return self._process.key

    async def ended(self, within_s: float) -> bool:
        """Say whether the process has ended, or ends within so many seconds.

        Then whoever asks for the model gets a lease of another process. Ask before `release`.
        """
        entry = self._entry
        if entry is None or entry.process is not self._process:
            return True
        await asyncio.wait({entry.task}, timeout=within_s)
        return entry.process is not self._process

    def release(self) -> None:
        """Give it back. Calling it again does nothing."""
        entry = self._entry
        if entry is not None:
            self._entry = None
            if entry.process is self._process:
                self._released(entry)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


class Entry:
    """One model: what is wanted of it, how it stands, and who waits for it."""

    def __init__(self, model: RunnableModel, log: RunLog) -> None:
        self.model: RunnableModel | None = model
        """None when it is gone from the library."""
        self.load = Load(id=model.id, need=model.need.total, slots=model.settings.slots)
        self.log = log
        self.process: LlamaProcess | None = None
        self.task: asyncio.Task[None]
        """Looks after the process, and has done its last when that is gone."""
        self.waiters: dict[int, asyncio.Future[Lease]] = {}
        self.open = False
        """Whoever comes now is let in at once if there is a slot."""
        self.leaving = False
        """Somebody wants its process to go."""
        self.failures = 0
        """Starts that failed, or crashes, in a row."""
        self.problem: str | None = None
        self.hopeless = False
        """It can't be started, so that nobody is to wait until it is tried again."""
        self.last_used_us: int | None = None
        self.loaded_ms: float | None = None
        self.announced = RunState.COLD

    def state(self, now: float) -> RunState:
        """Return what the model is doing."""
        load = self.load
        if load.phase is not Phase.COLD:
            return _STATES[load.phase]
        if load.rests_until > now:
            return RunState.FAILED
        return RunState.WAITING if load.queue else RunState.COLD

    def describe(self, now: float) -> Running:
        """Return how the model stands."""
        load, process = self.load, self.process
        return Running(
            id=load.id,
            state=self.state(now),
            active=load.active,
            waiting=len(load.queue),
            pid=process.pid if process is not None else None,
            need_bytes=load.need,
            loaded_ms=self.loaded_ms,
            last_used_us=self.last_used_us,
            problem=self.problem,
        )

    def want(self, model: RunnableModel) -> None:
        """Take what the next process is to be, while there is none."""
        self.load.need = model.need.total
        self.load.slots = model.settings.slots
        self.load.outdated = False

    def forgive(self) -> None:
        """Forget what went wrong."""
        self.failures = 0
        self.hopeless = False
        self.problem = None
        self.load.rests_until = 0.0


_STATES = {
    Phase.LOADING: RunState.LOADING,
    Phase.WARM: RunState.WARM,
    Phase.STOPPING: RunState.STOPPING,
}
