"""What machines tell of themselves, read from the words of their own commands and files.

Nothing here asks a machine: these functions take what was told and return what it means, or that
it means nothing.
"""

from __future__ import annotations

import csv
import ctypes
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

_MIB = 1024 * 1024
_KIB = 1024


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """Main memory, in bytes."""

    total: int
    """What this process may have, which in a container is less than what the machine has."""
    available: int
    """What can be had now without swapping."""
    limited: bool = False
    """A limit of a container or a service holds, and not what the machine has."""


class Gpu(msgspec.Struct, frozen=True, kw_only=True):
    """A graphics processor and its memory, in bytes."""

    name: str
    total: int
    free: int
    unified: bool = False
    """Its memory is a part of main memory."""
    usable: bool = False
    """The llama.cpp that is installed can use it."""


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """The memory of a control group, in bytes."""

    limit: int
    used: int
    """Without files that are only kept in case they are read again."""


def meminfo(text: str) -> Memory | None:
    """Read Linux's /proc/meminfo."""
    told = dict(re.findall(r"^(\w+):\s+(\d+) kB", text, re.MULTILINE))
    if "MemTotal" not in told:
        return None
    total = int(told["MemTotal"]) * _KIB
    # Kernels before 3.14 do not tell what is available.
    parts = ("MemAvailable",) if "MemAvailable" in told else ("MemFree", "Buffers", "Cached")
    available = sum(int(told.get(part, 0)) for part in parts) * _KIB
    return Memory(total=total, available=min(available, total))


def within(memory: Memory, groups: Iterable[Group]) -> Memory:
    """Return what is left of memory within the limits of control groups."""
    total, available = memory.total, memory.available
    for group in groups:
        if group.limit < memory.total:
            total = min(total, group.limit)
            available = min(available, max(0, group.limit - group.used))
    return Memory(total=total, available=available, limited=total < memory.total)


def group(*, limit: str, used: str, stat: str) -> Group | None:
    """Read a control group's limit, use and statistics; None where it sets no limit.

    Both versions are read: `memory.max`, `memory.current` and `memory.stat`, and
    `memory.limit_in_bytes`, `memory.usage_in_bytes` and `memory.stat`.
    """
    if not (limit.strip().isdigit() and used.strip().isdigit()):
        return None
    kept = re.search(r"^total_inactive_file (\d+)", stat, re.MULTILINE) or re.search(
        r"^inactive_file (\d+)", stat, re.MULTILINE
    )
    spare = int(kept[1]) if kept else 0
    return Group(limit=int(limit), used=max(0, int(used) - spare))


def group_paths(text: str) -> dict[str, str]:
    """Read /proc/self/cgroup: the paths of this process, by controller; '' is that of version 2."""
    paths: dict[str, str] = {}
    for line in text.splitlines():
        fields = line.split(":", 2)
        if len(fields) == 3:
            paths.update(dict.fromkeys(fields[1].split(","), fields[2]))
    return paths


def quota(text: str) -> int | None:
    """Read `cpu.max` (`200000 100000`): the processors that may be used, None for all."""
    fields = text.split()
    if len(fields) != 2 or not all(field.isdigit() for field in fields) or fields[1] == "0":
        return None
    return max(1, math.ceil(int(fields[0]) / int(fields[1])))


def sysctl(text: str) -> dict[str, str]:
    """Read the lines of macOS's `sysctl`: `hw.memsize: 17179869184`."""
    found = (line.partition(": ") for line in text.splitlines())
    return {key.strip(): value.strip() for key, colon, value in found if colon}


def vm_stat(text: str, total: int) -> Memory | None:
    """Read macOS's `vm_stat`: pages that are free, read ahead, or not used for some time."""
    size = re.search(r"page size of (\d+) bytes", text)
    told = dict(re.findall(r"^Pages (free|inactive|speculative):\s+(\d+)", text, re.MULTILINE))
    if size is None or "free" not in told or total <= 0:
        return None
    available = sum(map(int, told.values())) * int(size[1])
    return Memory(total=total, available=min(available, total))


def apple_gpu(told: Mapping[str, str], memory: Memory | None) -> Gpu | None:
    """Return the graphics processor of Apple silicon, which uses main memory.

    macOS lets it have three quarters of the memory, or two thirds up to 36 GB, unless
    `iogpu.wired_limit_mb` is set.
    """
    if told.get("hw.optional.arm64") != "1" or memory is None:
        return None
    limit = told.get("iogpu.wired_limit_mb", "0")
    share = memory.total * 2 // 3 if memory.total <= 36 * 1024**3 else memory.total * 3 // 4
    total = int(limit) * _MIB if limit.isdigit() and limit != "0" else share
    name = told.get("machdep.cpu.brand_string", "Apple GPU")
    return Gpu(name=name, total=total, free=min(total, memory.available), unified=True, usable=True)


def nvidia_smi(text: str) -> tuple[Gpu, ...]:
    """Read `nvidia-smi --query-gpu=name,memory.total,memory.free --format=csv,noheader,nounits`.

    It tells MiB, and words in brackets for a processor that has no memory of its own.
    """
    rows = csv.reader(text.splitlines(), skipinitialspace=True)
    return tuple(
        Gpu(name=row[0].strip(), total=int(row[1]) * _MIB, free=int(row[2]) * _MIB)
        for row in rows
        if len(row) == 3 and row[1].strip().isdigit() and row[2].strip().isdigit()
    )


def rocm_smi(text: str) -> tuple[Gpu, ...]:
    """Read `rocm-smi --showproductname --showmeminfo vram --json`, which tells bytes as text."""
    cards = _object_in(text)
    found = (_rocm_card(card) for _, card in sorted(cards.items()) if isinstance(card, dict))
    return tuple(gpu for gpu in found if gpu is not None)


def _rocm_card(card: dict[str, Any]) -> Gpu | None:
    # The names of the keys differ in case between versions.
    told = {key.lower(): str(value) for key, value in card.items()}
    total = told.get("vram total memory (b)", "")
    used = told.get("vram total used memory (b)", "")
    if not (total.isdigit() and used.isdigit()):
        return None
    name = told.get("card series") or told.get("card model") or "AMD GPU"
    return Gpu(name=name, total=int(total), free=max(0, int(total) - int(used)))


def devices(text: str) -> tuple[Gpu, ...]:
    """Read what llama.cpp tells of the devices that it can use, as `laird.library.devices` does."""
    found = _object_in(text).get("devices")
    if not isinstance(found, list):
        return ()
    return tuple(
        Gpu(
            name=str(device.get("description") or device.get("name") or "GPU"),
            total=device["total"],
            free=min(device["free"], device["total"]),
            unified=device.get("unified") is True,
            usable=True,
        )
        for device in found
        if isinstance(device, dict)
        and isinstance(device.get("total"), int)
        and isinstance(device.get("free"), int)
        and device["total"] > 0
    )


def _object_in(text: str) -> dict[str, Any]:
    """Return the JSON object in the words of a command, which may warn before it."""
    begin, end = text.find("{"), text.rfind("}")
    try:
        found = json.loads(text[begin : end + 1]) if begin >= 0 else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


class MemoryStatus(ctypes.Structure):
    """`MEMORYSTATUSEX` of Windows (sysinfoapi.h)."""

    _fields_ = (
        ("dwLength", ctypes.c_uint32),
        ("dwMemoryLoad", ctypes.c_uint32),
        ("ullTotalPhys", ctypes.c_uint64),
        ("ullAvailPhys", ctypes.c_uint64),
        ("ullTotalPageFile", ctypes.c_uint64),
        ("ullAvailPageFile", ctypes.c_uint64),
        ("ullTotalVirtual", ctypes.c_uint64),
        ("ullAvailVirtual", ctypes.c_uint64),
        ("ullAvailExtendedVirtual", ctypes.c_uint64),
    )


def memory_status(ask: Callable[[Any], int]) -> Memory | None:
    """Ask `GlobalMemoryStatusEx` of Windows, which fills a structure and returns 0 if it fails."""
    status = MemoryStatus(dwLength=ctypes.sizeof(MemoryStatus))
    if not ask(ctypes.pointer(status)) or not status.ullTotalPhys:
        return None
    return Memory(total=int(status.ullTotalPhys), available=int(status.ullAvailPhys))
