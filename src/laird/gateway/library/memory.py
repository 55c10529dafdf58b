"""How much memory all local models together may have at this moment.

That is what is free, and what they have already. What they have is asked of the system and not
taken from the estimates: a model that is still being loaded has not got all of its memory yet, so
that the rest of it is still among what is free, and the weights of a loaded one are pages of its
file, which Linux counts as free.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from laird.domain.local_models import Running, RunState
from laird.library.machine import Machine, Memory, memory_now

HELD = frozenset({RunState.WARM, RunState.LOADING, RunState.STOPPING})
"""States in which a model has memory, or is about to."""
_SHARE = 0.9
"""Of the memory that is free, what models may have."""
_FOR_S = 1.0
_UNBOUNDED = 1 << 62
_KIB = 1024
_RESIDENT = re.compile(r"^Rss(Anon|Shmem|File):\s+(\d+) kB", re.MULTILINE)


class Room:
    """The limit of memory, looked up once a second at most. It belongs to one event loop.

    Args:
        states: Tells how the models stand.
        look: Tells what memory there is; for tests.
    """

    def __init__(
        self,
        states: Callable[[], Iterable[Running]],
        *,
        look: Callable[[], Memory | None] = memory_now,
    ) -> None:
        self._states = states
        self._look = look
        self._on_gpus: int | None = None
        self._limit = 0
        self._until = 0.0

    def note(self, machine: Machine) -> None:
        """Take note of the memory of graphics processors that is free while no model has any."""
        if self._on_gpus is None or not any(each.state in HELD for each in self._states()):
            own = (gpu.free for gpu in machine.usable_gpus if not gpu.unified)
            self._on_gpus = round(sum(own) * _SHARE)
            self._until = 0.0

    def limit(self) -> int:
        """Return the bytes that all models together may take now."""
        now = time.monotonic()
        if now >= self._until:
            self._limit = limit_of(self._look(), self._states()) + (self._on_gpus or 0)
            self._until = now + _FOR_S
        return self._limit


def limit_of(memory: Memory | None, running: Iterable[Running]) -> int:
    """Return the bytes of main memory that models may take, those that run included."""
    if memory is None:
        # Where nobody can tell, the system is left to refuse.
        return _UNBOUNDED
    # A control group's limit counts the pages of files that are in use.
    have = sum(held(each, files=memory.limited) for each in running if each.state in HELD)
    return min(round(memory.available * _SHARE) + have, round(memory.total * _SHARE))


def held(one: Running, *, files: bool, proc: Path = Path("/proc")) -> int:
    """Return the bytes that a model's process takes of what is free.

    Args:
        one: How the model stands.
        files: Whether the pages of its file count.
        proc: Where Linux tells it; elsewhere the estimate of what a loaded model needs is taken.
    """
    if sys.platform != "linux":
        return 0 if one.state is RunState.LOADING else one.need_bytes
    if one.pid is None:
        return 0
    try:
        told = (proc / str(one.pid) / "status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0  # it has just ended
    counted = {"Anon", "Shmem", "File"} if files else {"Anon", "Shmem"}
    return sum(int(size) * _KIB for kind, size in _RESIDENT.findall(told) if kind in counted)
