"""What Linux tells of processes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

_MODEL = b"laird/runtime/child.py"
"""In the command of a model's process, and of no other that a server starts."""

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def lives(pid: int) -> bool:
    """Say whether a process is there that has not ended."""
    state = _state(pid)
    return state is not None and state[0] != "Z"


def models_of(pid: int) -> list[int]:
    """Return the processes of models that a server has started and that have not ended."""
    found = (int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit())
    states = ((one, _state(one)) for one in found)
    children = [one for one, state in states if state and state[0] != "Z" and state[1] == pid]
    return [one for one in children if _MODEL in _command(one)]


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (ProcessLookupError, FileNotFoundError):
        return b""


def _state(pid: int) -> tuple[str, int] | None:
    """Return a process's state and its parent."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (ProcessLookupError, FileNotFoundError):
        return None
    return fields[0], int(fields[1])
