"""The process's data may be moved to large pages, and nobody notices but the clock."""

from __future__ import annotations

import hashlib
import random
import sys
from pathlib import Path

import pytest

from laird.wiring import large_pages
from laird.wiring.large_pages import PAGE, gather, regions

MAPS = """\
55d0c0000000-55d0c0200000 r-xp 00000000 08:01 1311 /usr/bin/python3.11
55d0c0200000-55d0c0400000 rw-p 00200000 08:01 1311 /usr/bin/python3.11
55d0c1001000-55d0c1801000 rw-p 00000000 00:00 0                          [heap]
7f0000000000-7f0000100000 rw-p 00000000 00:00 0
7f0000200000-7f0000800000 rw-p 00000000 00:00 0
7f0001000000-7f0001400000 rw-s 00000000 00:01 77 /dev/shm/x
7f0002000000-7f0002400000 ---p 00000000 00:00 0
7ffc00000000-7ffc00400000 rw-p 00000000 00:00 0                          [stack]
"""


def test_only_whole_pages_of_our_own_data_are_meant() -> None:
    assert list(regions(MAPS)) == [
        (0x55D0C1200000, 0x55D0C1800000),
        (0x7F0000200000, 0x7F0000800000),
    ]


def test_data_is_what_it_was() -> None:
    data = bytearray(random.Random(1).randbytes(6 * PAGE))
    before = hashlib.sha256(data).digest()
    assert gather() >= 0
    assert hashlib.sha256(data).digest() == before


def test_elsewhere_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert gather() == 0


def test_a_system_that_shows_no_map_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_pages, "_MAPS", Path("/nowhere/maps"))
    assert gather() == 0
