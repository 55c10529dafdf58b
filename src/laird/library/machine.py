"""What this machine has for models: memory, processors, graphics processors and disk.

Whatever can't be found out is told as not being there; nothing here fails.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from laird.library import machine_readings as readings
from laird.library.machine_readings import Gpu, Group, Memory

__all__ = ["Gpu", "Machine", "Memory", "inspect", "look", "memory_now"]

_COMMAND_S = 5.0
_DEVICES_S = 30.0
_NO_WINDOW: int = getattr(subprocess, "CREATE_NO_WINDOW", 0)
_NVIDIA = (
    "nvidia-smi",
    "--query-gpu=name,memory.total,memory.free",
    "--format=csv,noheader,nounits",
)
_ROCM = ("rocm-smi", "--showproductname", "--showmeminfo", "vram", "--json")
_SYSCTL = (
    "sysctl",
    "hw.memsize",
    "hw.optional.arm64",
    "machdep.cpu.brand_string",
    "iogpu.wired_limit_mb",
)
# Without the folder that the server was started in, where files of the same names may be.
_DEVICES = (sys.executable or "python3", "-P", "-m", "laird.library.devices")
# The file of a control group's limit, of its use, and where the groups are mounted; version 2 may
# be mounted beside version 1.
_GROUPS_2 = ("memory.max", "memory.current", ("sys/fs/cgroup", "sys/fs/cgroup/unified"))
_GROUPS_1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", ("sys/fs/cgroup/memory",))


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """What a machine has. Sizes are in bytes; 0 is what could not be found out."""

    system: str
    """`linux`, `macos`, `windows`, or as Python names another."""
    architecture: str
    """`x86_64`, `arm64`."""
    processors: int
    """How many this process may use."""
    memory: Memory
    gpus: tuple[Gpu, ...] = ()
    disk_total: int = 0
    disk_free: int = 0

    @property
    def usable_gpus(self) -> tuple[Gpu, ...]:
        """Those that the llama.cpp which is installed can use."""
        return tuple(gpu for gpu in self.gpus if gpu.usable)

    @property
    def idle_gpus(self) -> tuple[Gpu, ...]:
        """Those that are there and that it can't use."""
        return tuple(gpu for gpu in self.gpus if not gpu.usable)


async def inspect(path: Path) -> Machine:
    """Find out what this machine has, and the disk that `path` is or will be on.

    It takes some tenths of a second, since commands are asked, and does not hold up the loop.
    """
    return await asyncio.to_thread(look, path)


def look(path: Path) -> Machine:
    """Do the same and wait for it; not for the event loop."""
    told = readings.sysctl(_said(_SYSCTL)) if sys.platform == "darwin" else {}
    memory = _memory(told)
    total, free = _disk(path)
    return Machine(
        system={"darwin": "macos", "win32": "windows"}.get(sys.platform, sys.platform),
        architecture=platform.machine().lower(),
        processors=processors(),
        memory=memory or Memory(total=0, available=0),
        gpus=_gpus(told, memory),
        disk_total=total,
        disk_free=free,
    )


def memory_now() -> Memory | None:
    """Return main memory at this moment, None if it can't be found out.

    It reads a few files of the system (Linux), asks one function (Windows) or two commands of some
    milliseconds (macOS); call it in a thread there.
    """
    told = readings.sysctl(_said(_SYSCTL)) if sys.platform == "darwin" else {}
    return _memory(told)


def _memory(told: dict[str, str]) -> Memory | None:
    if sys.platform == "darwin":
        size = told.get("hw.memsize", "")
        return readings.vm_stat(_said(("vm_stat",)), int(size)) if size.isdigit() else None
    windows = getattr(ctypes, "windll", None)
    if windows is not None:
        return readings.memory_status(windows.kernel32.GlobalMemoryStatusEx)
    return linux_memory()


def linux_memory(root: Path = Path("/")) -> Memory | None:
    """Read the memory of a Linux machine and the limits of its control groups.

    Args:
        root: Where its file system begins.
    """
    memory = readings.meminfo(_text(root / "proc/meminfo"))
    return None if memory is None else readings.within(memory, _groups(root))


def _groups(root: Path) -> Iterator[Group]:
    """Yield the limits that hold for this process: those of its groups and of all above them."""
    paths = readings.group_paths(_text(root / "proc/self/cgroup"))
    for (limit, used, mounts), controller in ((_GROUPS_2, ""), (_GROUPS_1, "memory")):
        for folder in _folders(root, mounts, paths.get(controller)):
            found = readings.group(
                limit=_text(folder / limit),
                used=_text(folder / used),
                stat=_text(folder / "memory.stat"),
            )
            if found is not None:
                yield found


def _folders(root: Path, mounts: Sequence[str], path: str | None) -> Iterator[Path]:
    """Yield where a group may be: itself, those above it, and the top.

    In a container the path may be the one that the host sees, and its own group is the top.
    """
    if path is None or ".." in path:
        path = "/"
    parts = Path(path.lstrip("/"))
    for mount in mounts:
        yield from (root / mount / part for part in (parts, *parts.parents))


def processors(root: Path = Path("/")) -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1
    paths = readings.group_paths(_text(root / "proc/self/cgroup"))
    told = [_text(folder / "cpu.max") for folder in _folders(root, _GROUPS_2[2], paths.get(""))]
    told += [
        f"{_text(folder / 'cpu.cfs_quota_us')} {_text(folder / 'cpu.cfs_period_us')}"
        for folder in _folders(root, ("sys/fs/cgroup/cpu",), paths.get("cpu"))
    ]
    limits = (readings.quota(text) for text in told)
    return min((limit for limit in limits if limit is not None and limit < count), default=count)


def _gpus(told: dict[str, str], memory: Memory | None) -> tuple[Gpu, ...]:
    """Return what llama.cpp can use, or else what is there and it can't."""
    usable = readings.devices(_said(_DEVICES, within_s=_DEVICES_S))
    if usable:
        return usable
    apple = readings.apple_gpu(told, memory)
    if apple is not None:
        return (apple,)
    return readings.nvidia_smi(_said(_NVIDIA)) + readings.rocm_smi(_said(_ROCM))


def _disk(path: Path) -> tuple[int, int]:
    """Return the size of the disk that a path is or will be on, and what is free of it."""
    for folder in (path.absolute(), *path.absolute().parents):
        try:
            usage = shutil.disk_usage(folder)
        except OSError:
            continue
        return usage.total, usage.free
    return 0, 0


def _text(path: Path) -> str:
    """Return what a file of the system tells, nothing if it is not there."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _said(command: Sequence[str], *, within_s: float = _COMMAND_S) -> str:
    """Return what a command prints: nothing where there is none, it fails or takes too long."""
    program = shutil.which(command[0])
    if program is None:
        return ""
    try:
        done = subprocess.run(  # noqa: S603 - our own fixed commands, without a shell
            (program, *command[1:]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=within_s,
            check=False,
            encoding="utf-8",
            errors="replace",
            env={**os.environ, "LC_ALL": "C"},
            creationflags=_NO_WINDOW,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    # macOS's sysctl fails for one key that it does not know and tells the others.
    return done.stdout
