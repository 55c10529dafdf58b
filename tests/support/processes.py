"""What Linux tells of processes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def lives(pid: int) -> bool:
    """Say whether a process is there that has not ended."""
    state = _state(pid)
    return state is not None and state[0] != "Z"


def children_of(pid: int) -> list[int]:
    """Return the processes that another has started and that have not ended."""
    found = (int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit())
    states = ((one, _state(one)) for one in found)
    return [one for one, state in states if state and state[0] != "Z" and state[1] == pid]


def _state(pid: int) -> tuple[str, int] | None:
    """Return a process's state and its parent."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (ProcessLookupError, FileNotFoundError):
        return None
    return fields[0], int(fields[1])
