"""What machines tell is understood, and what they do not tell is no failure."""

from __future__ import annotations

import ctypes
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laird.library import machine_readings as readings
from laird.library.machine_readings import Gpu, Group, Memory

KIB, MIB, GIB = 1024, 1024**2, 1024**3

MEMINFO = """\
MemTotal:       16303428 kB
MemFree:         1163732 kB
MemAvailable:    9127392 kB
Buffers:          412344 kB
Cached:          7422712 kB
SwapCached:         2704 kB
HugePages_Total:       0
"""
VM_STAT = """\
Mach Virtual Memory Statistics: (page size of 16384 bytes)
Pages free:                               19455.
Pages active:                            425314.
Pages inactive:                          425521.
Pages speculative:                          946.
Pages throttled:                              0.
Pages wired down:                        118425.
Pages purgeable:                          23960.
"Translation faults":                3191714332.
Pages stored in compressor:             1189972.
Pages occupied by compressor:            545078.
"""
SYSCTL = """\
hw.memsize: 17179869184
hw.optional.arm64: 1
machdep.cpu.brand_string: Apple M2 Pro
iogpu.wired_limit_mb: 0
"""
NVIDIA = """\
NVIDIA GeForce RTX 3060, 12288, 11034
"NVIDIA A, B", 24576, 24000
NVIDIA GB10, [N/A], [N/A]
NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.
"""
ROCM = """\
WARNING: AMD GPU device(s) is/are in a low-power state. Check power control/runtime_status

{"card1": {"VRAM Total Memory (B)": "536870912", "VRAM Total Used Memory (B)": "482263040", \
"Card series": "Rembrandt [Radeon 680M]"}, \
"card0": {"VRAM Total Memory (B)": "25753026560", "VRAM Total Used Memory (B)": "1024", \
"Card Series": "Radeon RX 7900 XTX", "Card Model": "0x744c"}, \
"card2": {"GPU use (%)": "0"}, "system": "none"}
"""


class TestMemory:
    def test_linux(self) -> None:
        assert readings.meminfo(MEMINFO) == Memory(total=16303428 * KIB, available=9127392 * KIB)

    def test_an_old_linux_that_does_not_tell_what_is_available(self) -> None:
        old = "\n".join(line for line in MEMINFO.splitlines() if "MemAvailable" not in line)
        told = readings.meminfo(old)
        assert told is not None
        assert told.available == (1163732 + 412344 + 7422712) * KIB

    def test_macos_counts_free_and_unused_pages(self) -> None:
        told = readings.vm_stat(VM_STAT, 16 * GIB)
        assert told == Memory(total=16 * GIB, available=(19455 + 425521 + 946) * 16384)

    @pytest.mark.parametrize("text", ["", "Pages free: 3.", "(page size of 4096 bytes)"])
    def test_macos_that_tells_too_little(self, text: str) -> None:
        assert readings.vm_stat(text, 16 * GIB) is None
        assert readings.vm_stat(VM_STAT, 0) is None

    def test_windows_fills_the_structure_that_it_documents(self) -> None:
        assert ctypes.sizeof(readings.MemoryStatus) == 64

        def kernel(asked: Any) -> int:
            assert asked.contents.dwLength == 64
            asked.contents.ullTotalPhys, asked.contents.ullAvailPhys = 16 * GIB, 5 * GIB
            return 1

        assert readings.memory_status(kernel) == Memory(total=16 * GIB, available=5 * GIB)
        assert readings.memory_status(lambda _: 0) is None
        assert readings.memory_status(lambda _: 1) is None

    def test_nothing_told_is_nothing_known(self) -> None:
        assert readings.meminfo("") is None


class TestGroups:
    MACHINE = Memory(total=16 * GIB, available=9 * GIB)

    def test_the_tightest_limit_holds(self) -> None:
        groups = [Group(limit=8 * GIB, used=GIB), Group(limit=4 * GIB, used=3 * GIB)]
        assert readings.within(self.MACHINE, groups) == Memory(
            total=4 * GIB, available=GIB, limited=True
        )

    def test_a_group_may_leave_less_than_a_tighter_one(self) -> None:
        groups = [Group(limit=8 * GIB, used=8 * GIB), Group(limit=4 * GIB, used=0)]
        assert readings.within(self.MACHINE, groups).available == 0

    def test_a_limit_above_the_machine_is_none(self) -> None:
        # What version 1 tells where there is no limit.
        unlimited = Group(limit=9223372036854771712, used=GIB)
        assert readings.within(self.MACHINE, [unlimited]) == self.MACHINE
        assert readings.within(self.MACHINE, []) == self.MACHINE

    def test_files_that_are_only_kept_count_as_free(self) -> None:
        two = readings.group(limit="1000\n", used="900\n", stat="anon 300\ninactive_file 250\n")
        assert two == Group(limit=1000, used=650)
        one = readings.group(
            limit="1000", used="900", stat="inactive_file 1\ntotal_inactive_file 500\n"
        )
        assert one == Group(limit=1000, used=400)
        assert readings.group(limit="1000", used="9", stat="inactive_file 99") == Group(
            limit=1000, used=0
        )

    @pytest.mark.parametrize(("limit", "used"), [("max", "5"), ("", ""), ("5", ""), ("", "5")])
    def test_no_limit_is_no_group(self, limit: str, used: str) -> None:
        assert readings.group(limit=limit, used=used, stat="") is None

    def test_paths_of_both_versions(self) -> None:
        text = "12:cpu,cpuacct:/docker/ab\n4:memory:/docker/cd:e\n0::/user.slice/x\n\nbroken\n"
        assert readings.group_paths(text) == {
            "cpu": "/docker/ab",
            "cpuacct": "/docker/ab",
            "memory": "/docker/cd:e",
            "": "/user.slice/x",
        }

    @pytest.mark.parametrize(
        ("text", "processors"),
        [
            ("200000 100000", 2),
            ("150000 100000", 2),
            ("10000 100000", 1),
            ("max 100000", None),
            ("-1 100000", None),
            ("1 0", None),
            ("", None),
        ],
    )
    def test_a_share_of_the_processors_is_rounded_up(
        self, text: str, processors: int | None
    ) -> None:
        assert readings.quota(text) == processors


class TestGpus:
    def test_nvidia(self) -> None:
        assert readings.nvidia_smi(NVIDIA) == (
            Gpu(name="NVIDIA GeForce RTX 3060", total=12288 * MIB, free=11034 * MIB),
            Gpu(name="NVIDIA A, B", total=24576 * MIB, free=24000 * MIB),
        )

    def test_amd(self) -> None:
        assert readings.rocm_smi(ROCM) == (
            Gpu(name="Radeon RX 7900 XTX", total=25753026560, free=25753026560 - 1024),
            Gpu(name="Rembrandt [Radeon 680M]", total=536870912, free=536870912 - 482263040),
        )

    def test_amd_that_tells_no_name(self) -> None:
        card = {"VRAM Total Memory (B)": 100, "VRAM Total Used Memory (B)": 40}
        assert readings.rocm_smi(json.dumps({"card0": card})) == (
            Gpu(name="AMD GPU", total=100, free=60),
        )

    @pytest.mark.parametrize(
        ("limit", "memory", "share"),
        [
            ("0", 24 * GIB, 16 * GIB),
            ("0", 64 * GIB, 48 * GIB),
            ("20480", 24 * GIB, 20 * GIB),
            (None, 24 * GIB, 16 * GIB),
        ],
    )
    def test_apple_silicon_shares_main_memory(
        self, limit: str | None, memory: int, share: int
    ) -> None:
        told = readings.sysctl(SYSCTL)
        told.pop("iogpu.wired_limit_mb")
        if limit is not None:
            told["iogpu.wired_limit_mb"] = limit
        found = readings.apple_gpu(told, Memory(total=memory, available=10 * GIB))
        assert found == Gpu(
            name="Apple M2 Pro", total=share, free=10 * GIB, unified=True, usable=True
        )

    def test_an_intel_mac_has_none_of_these(self) -> None:
        memory = Memory(total=GIB, available=GIB)
        assert readings.apple_gpu({"hw.optional.arm64": "0"}, memory) is None
        assert readings.apple_gpu(readings.sysctl(SYSCTL), None) is None

    def test_sysctl_skips_what_it_complains_of(self) -> None:
        assert readings.sysctl("sysctl: unknown oid 'x'\na.b: c: d\nnothing\n") == {
            "sysctl": "unknown oid 'x'",
            "a.b": "c: d",
        }

    def test_devices_of_llama_cpp_can_be_used(self) -> None:
        text = json.dumps(
            {
                "devices": [
                    {"name": "CUDA0", "description": "RTX", "total": 100, "free": 90},
                    {"name": "MTL0", "description": "", "total": 50, "free": 60, "unified": True},
                    {"name": "none", "total": 0, "free": 0},
                    {"name": "odd", "total": "many", "free": 0},
                    "odd",
                ]
            }
        )
        assert readings.devices(f"loading a driver {text}\n") == (
            Gpu(name="RTX", total=100, free=90, usable=True),
            Gpu(name="MTL0", total=50, free=50, unified=True, usable=True),
        )

    @pytest.mark.parametrize("text", ["", "{", "{]}", "[]", '{"devices": 3}', '{"devices": [3]}'])
    def test_nonsense_is_no_device(self, text: str) -> None:
        assert readings.devices(text) == ()
        assert readings.rocm_smi(text) == ()
        assert readings.nvidia_smi(text) == ()


@given(st.text(max_size=200))
def test_no_words_of_a_machine_make_a_reading_fail(text: str) -> None:
    readings.meminfo(text)
    readings.vm_stat(text, GIB)
    readings.group_paths(text)
    readings.group(limit=text, used=text, stat=text)
    readings.quota(text)
    readings.sysctl(text)
    readings.rocm_smi(text)
    readings.devices(text)
    readings.nvidia_smi(text)
