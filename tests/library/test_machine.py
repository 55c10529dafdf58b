"""This machine is found out as it is, and a machine that tells nothing is no failure."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from laird.library import machine
from laird.library.machine import Gpu, Memory

LINUX = sys.platform == "linux"
MEMINFO = "MemTotal: 16384000 kB\nMemAvailable: 8192000 kB\n"
KIB, GIB = 1024, 1024**3


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def command(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


class TestThisMachine:
    async def test_it_is_found_out_without_holding_up_the_loop(self, tmp_path: Path) -> None:
        turns = 0

        async def turn() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        turning = asyncio.create_task(turn())
        found = await machine.inspect(tmp_path / "not" / "there" / "yet")
        turning.cancel()
        assert turns > 10
        assert 0 < found.memory.available <= found.memory.total
        assert 1 <= found.processors <= (os.cpu_count() or 1)
        disk = shutil.disk_usage(tmp_path)
        assert found.disk_total == disk.total
        assert 0 < found.disk_free <= disk.total
        assert found.system in {"linux", "macos", "windows"}
        assert found.architecture == found.architecture.lower() != ""
        assert set(found.usable_gpus) <= set(found.gpus)

    def test_memory_alone_is_quickly_asked(self) -> None:
        found = machine.memory_now()
        assert found is not None
        assert found.available > 0

    def test_llama_cpp_tells_its_devices_in_a_process_of_its_own(self) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "laird.library.devices"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            check=True,
        )
        told = json.loads(done.stdout)
        assert all(device["total"] >= device["free"] for device in told["devices"])

    def test_looking_at_a_machine_loads_no_llama_cpp(self) -> None:
        code = (
            "import sys; from laird.library import curated, fit, gguf, machine, quantization;"
            " sys.exit('xllamacpp' in sys.modules or 'huggingface_hub' in sys.modules)"
        )
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.skipif(not LINUX, reason="reads the files of Linux")
class TestLinux:
    def test_without_limits_all_memory_is_there(self, tmp_path: Path) -> None:
        root = write(tmp_path, {"proc/meminfo": MEMINFO})
        assert machine.linux_memory(root) == Memory(total=16384000 * KIB, available=8192000 * KIB)

    def test_a_limit_of_a_group_above_holds(self, tmp_path: Path) -> None:
        root = write(
            tmp_path,
            {
                "proc/meminfo": MEMINFO,
                "proc/self/cgroup": "0::/system.slice/laird.service\n",
                "sys/fs/cgroup/system.slice/laird.service/memory.max": "max\n",
                "sys/fs/cgroup/system.slice/laird.service/memory.current": "5\n",
                "sys/fs/cgroup/system.slice/memory.max": f"{4 * GIB}\n",
                "sys/fs/cgroup/system.slice/memory.current": f"{3 * GIB}\n",
                "sys/fs/cgroup/system.slice/memory.stat": f"inactive_file {GIB}\n",
            },
        )
        assert machine.linux_memory(root) == Memory(total=4 * GIB, available=2 * GIB, limited=True)

    def test_a_container_sees_its_limit_at_the_top(self, tmp_path: Path) -> None:
        root = write(
            tmp_path,
            {
                "proc/meminfo": MEMINFO,
                "proc/self/cgroup": "0::/../../docker/0123\n",
                "sys/fs/cgroup/memory.max": f"{2 * GIB}\n",
                "sys/fs/cgroup/memory.current": f"{GIB}\n",
            },
        )
        assert machine.linux_memory(root) == Memory(total=2 * GIB, available=GIB, limited=True)

    def test_version_1_limits_too(self, tmp_path: Path) -> None:
        root = write(
            tmp_path,
            {
                "proc/meminfo": MEMINFO,
                "proc/self/cgroup": "4:memory:/docker/ab\n0::/\n",
                "sys/fs/cgroup/memory/docker/ab/memory.limit_in_bytes": f"{GIB}\n",
                "sys/fs/cgroup/memory/docker/ab/memory.usage_in_bytes": "0\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
                "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{3 * GIB}\n",
            },
        )
        assert machine.linux_memory(root) == Memory(total=GIB, available=GIB, limited=True)

    def test_a_system_that_tells_nothing(self, tmp_path: Path) -> None:
        assert machine.linux_memory(tmp_path) is None
        assert machine.processors(tmp_path) == len(os.sched_getaffinity(0))

    @pytest.mark.parametrize(
        "files",
        [
            {"proc/self/cgroup": "0::/a", "sys/fs/cgroup/a/cpu.max": "50000 100000"},
            {
                "proc/self/cgroup": "3:cpu,cpuacct:/a",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "100000",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
            },
        ],
    )
    def test_a_share_of_the_processors_holds(self, tmp_path: Path, files: dict[str, str]) -> None:
        assert machine.processors(write(tmp_path, files)) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="writes commands for a shell")
class TestCommands:
    """The commands of graphics drivers, played by scripts of the same names."""

    @pytest.fixture
    def folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin")
        monkeypatch.setattr(machine, "_DEVICES", ("devices-of-llama-cpp",))
        return tmp_path

    def test_graphics_processors_that_llama_cpp_can_not_use(self, folder: Path) -> None:
        command(folder, "nvidia-smi", 'echo "NVIDIA GeForce RTX 3060, 12288, 11034"')
        command(
            folder,
            "rocm-smi",
            """echo '{"card0": {"VRAM Total Memory (B)": 9, "VRAM Total Used Memory (B)": 1}}'""",
        )
        found = machine.look(folder)
        assert [gpu.name for gpu in found.gpus] == ["NVIDIA GeForce RTX 3060", "AMD GPU"]
        assert found.usable_gpus == ()

    def test_what_llama_cpp_can_use_is_told_alone(self, folder: Path) -> None:
        command(folder, "nvidia-smi", 'echo "NVIDIA GeForce RTX 3060, 12288, 11034"')
        command(
            folder,
            "devices-of-llama-cpp",
            """echo '{"devices": [{"name": "CUDA0", "total": 9, "free": 8}]}'""",
        )
        found = machine.look(folder)
        assert found.gpus == found.usable_gpus == (Gpu(name="CUDA0", total=9, free=8, usable=True),)

    @pytest.mark.parametrize("script", ["exit 9", "kill -9 $$", "printf '\\377\\376'", "sleep 60"])
    def test_a_command_that_fails_or_hangs_is_none(
        self, folder: Path, script: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(machine, "_COMMAND_S", 0.2)
        for name in ("nvidia-smi", "rocm-smi", "devices-of-llama-cpp"):
            command(folder, name, script)
        assert machine._said(("nvidia-smi",), within_s=0.2) in {"", "\ufffd\ufffd"}

    def test_a_command_that_is_no_program_is_none(self, folder: Path) -> None:
        (folder / "nvidia-smi").write_bytes(b"\x7fELF nonsense")
        (folder / "nvidia-smi").chmod(0o755)
        assert machine._said(("nvidia-smi",)) == ""
        assert machine._said(("no-such-command",)) == ""


def test_a_disk_that_is_not_there_has_no_size(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_: object) -> None:
        raise OSError

    monkeypatch.setattr(shutil, "disk_usage", away)
    assert machine._disk(Path("/some/where")) == (0, 0)


def test_a_mac_is_asked_by_its_own_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin")
    monkeypatch.setattr(machine, "_DEVICES", ("devices-of-llama-cpp",))
    monkeypatch.setattr(sys, "platform", "darwin")
    # An Intel Mac does not know of the limit of its graphics processor, and says so by failing.
    command(tmp_path, "sysctl", f"echo hw.memsize: {16 * GIB}; echo hw.optional.arm64: 1; exit 1")
    command(tmp_path, "vm_stat", "echo '(page size of 4096 bytes)'; echo 'Pages free: 1000.'")
    found = machine.look(tmp_path)
    assert found.system == "macos"
    assert found.memory == Memory(total=16 * GIB, available=4096 * 1000)
    assert [gpu.unified for gpu in found.usable_gpus] == [True]
    assert machine.memory_now() == found.memory
    command(tmp_path, "sysctl", "exit 1")
    assert machine.look(tmp_path).memory.total == 0


def test_windows_is_asked_by_its_own_function(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = SimpleNamespace(GlobalMemoryStatusEx=lambda _: 0)
    monkeypatch.setattr("ctypes.windll", SimpleNamespace(kernel32=kernel), raising=False)
    assert machine.memory_now() is None


def test_a_system_without_affinity_is_asked_for_all_processors(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert machine.processors(tmp_path) == os.cpu_count()
