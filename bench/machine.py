"""What the machine is, and what its processes use: read from /proc, so Linux only."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path

import msgspec

_PROC = Path("/proc")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class Cores(msgspec.Struct, frozen=True):
    """Which core the gateway under test has, and which the upstream and the load share."""

    gateway: int
    load: int

    @property
    def shared(self) -> bool:
        """True on a machine of one core, where the figures say little."""
        return self.gateway == self.load


class Machine(msgspec.Struct, frozen=True):
    """Where a run took place."""

    cpu: str
    cores: int
    memory_gb: float
    kernel: str
    system: str
    python: str
    load_average: float
    """Of the minute before the run: near 0 on a machine that does nothing else."""


def pick_cores() -> Cores:
    """The first two cores this process may use."""
    usable = sorted(os.sched_getaffinity(0))
    return Cores(gateway=usable[0], load=usable[1] if len(usable) > 1 else usable[0])


def describe() -> Machine:
    pages = os.sysconf("SC_PHYS_PAGES")
    return Machine(
        cpu=_cpu_model((_PROC / "cpuinfo").read_text()),
        cores=len(os.sched_getaffinity(0)),
        memory_gb=round(pages * _PAGE_BYTES / 1e9, 1),
        kernel=platform.release(),
        system=platform.freedesktop_os_release().get("PRETTY_NAME", platform.system()),
        python=platform.python_version(),
        load_average=round(os.getloadavg()[0], 2),
    )


def _cpu_model(cpuinfo: str) -> str:
    """The processor's name in the text of /proc/cpuinfo; some architectures have none there."""
    for line in cpuinfo.splitlines():
        name, _, value = line.partition(":")
        if name.strip() in {"model name", "Model"}:
            return value.strip()
    return platform.machine()


def process_tree(root: int) -> list[int]:
    """`root` and all its descendants that run now."""
    children: dict[int, list[int]] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            fields = _stat(int(entry.name))
            if fields:
                children.setdefault(int(fields[1]), []).append(int(entry.name))
    tree = [root]
    for pid in tree:
        tree.extend(children.get(pid, []))
    return tree


def resident_bytes(root: int) -> int:
    """Resident memory of a process and its descendants, shared pages counted in each."""
    total = 0
    for pid in process_tree(root):
        try:
            total += int((_PROC / str(pid) / "statm").read_text().split()[1]) * _PAGE_BYTES
        except (FileNotFoundError, ProcessLookupError):
            continue
    return total


def cpu_seconds(root: int) -> float:
    """Processor time a process and its running descendants have used."""
    stats = [_stat(pid) for pid in process_tree(root)]
    return sum(int(s[11]) + int(s[12]) for s in stats if s) / _TICKS_PER_SECOND


def settle(root: int, *, share: float = 0.1, limit: float = 8.0) -> None:
    """Wait until a process uses less than `share` of a core, for at most `limit` seconds."""
    end = time.monotonic() + limit
    before = cpu_seconds(root)
    while time.monotonic() < end:
        time.sleep(0.25)
        now = cpu_seconds(root)
        if now - before < share * 0.25:
            return
        before = now


class CoreTimes(msgspec.Struct, frozen=True):
    """Processor time of one core since boot, in clock ticks."""

    busy: int
    idle: int

    def busy_share(self, later: CoreTimes) -> float:
        """The share of the time until `later` in which the core was not idle, 0 to 1."""
        busy, idle = later.busy - self.busy, later.idle - self.idle
        return busy / (busy + idle) if busy + idle else 0.0


def core_times(core: int) -> CoreTimes:
    return parse_core_times((_PROC / "stat").read_text(), core)


def parse_core_times(stat: str, core: int) -> CoreTimes:
    """One core's line in the text of /proc/stat.

    Raises:
        ValueError: there is no such core.
    """
    for line in stat.splitlines():
        name, _, rest = line.partition(" ")
        if name == f"cpu{core}":
            times = [int(field) for field in rest.split()[:8]]
            idle = times[3] + times[4]
            return CoreTimes(busy=sum(times) - idle, idle=idle)
    raise ValueError(f"/proc/stat knows no core {core}")


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the command's name, or none when it has ended."""
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return text[text.rindex(")") + 2 :].split()
