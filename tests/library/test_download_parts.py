"""Bytes get to the disk in the order in which they came, and what is proven is there."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.hub_server import model_bytes

from laird.library.disk import free_space, replace_file
from laird.library.downloads.flow import Flow, in_thread
from laird.library.downloads.part import Corrupt, DiskTrouble, PartFile, Stopped, settle
from laird.library.downloads.speed import Speed

DATA = model_bytes(200_000)


def part_at(home: Path, proven: list[tuple[int, str]], size: int = len(DATA)) -> PartFile:
    """Return an open part that notes what is proven."""
    part = PartFile(
        home / "a.gguf",
        size,
        lambda count, sha256: proven.append((count, sha256)),
        checkpoint_bytes=20_000,
        checkpoint_s=1000,
    )
    part.open(0, "")
    return part


async def test_bytes_stay_in_order_however_often_writing_is_urged(tmp_path: Path) -> None:
    proven: list[tuple[int, str]] = []
    part = part_at(tmp_path, proven)
    with ThreadPoolExecutor(4) as threads:
        flow = Flow(part, threads, 1000)

        async def urge() -> None:
            while part.done < len(DATA):
                flow.nudge()
                await asyncio.sleep(0)

        urging = asyncio.create_task(urge())
        for at in range(0, len(DATA), 700):
            await flow.add(DATA[at : at + 700])
            assert flow.place == min(at + 700, len(DATA))
        await flow.settle()
        await urging
    assert part.path.read_bytes() == DATA
    assert proven[-1] == (len(DATA), hashlib.sha256(DATA).hexdigest())
    for count, sha256 in proven:
        assert hashlib.sha256(DATA[:count]).hexdigest() == sha256
    part.verify(hashlib.sha256(DATA).hexdigest())
    part.close()
    settle(part.path, tmp_path / "a.gguf")
    assert (tmp_path / "a.gguf").read_bytes() == DATA


async def test_work_that_must_end_ends_though_it_is_cancelled_twice(tmp_path: Path) -> None:
    ended = []
    gate = threading.Event()

    def work() -> None:
        gate.wait()
        ended.append(True)

    with ThreadPoolExecutor(1) as threads:
        task = asyncio.create_task(in_thread(threads, work))
        for _ in range(2):
            await asyncio.sleep(0)
            task.cancel()
        await asyncio.sleep(0)
        assert not task.done()
        gate.set()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert ended == [True]


async def test_trouble_with_the_disk_reaches_who_brings_the_bytes(tmp_path: Path) -> None:
    part = part_at(tmp_path, [])
    part.close()
    with ThreadPoolExecutor(1) as threads:
        flow = Flow(part, threads, 1000)
        await flow.add(bytes(2000))
        with pytest.raises(RuntimeError):
            await flow.settle()
        flow.nudge()
        await flow.drop()
    assert flow.place == 0


def test_reading_again_can_be_broken_off(tmp_path: Path) -> None:
    proven: list[tuple[int, str]] = []
    part = part_at(tmp_path, proven)
    part.append([DATA])
    part.close()
    part.stop = True
    with pytest.raises(Stopped):
        part.open(*proven[-1])
    part.close()


def test_what_is_short_or_changed_is_corrupt_and_deleted(tmp_path: Path) -> None:
    for wrong in (DATA[:-1], DATA[:-1] + b"!"):
        part = part_at(tmp_path, [])
        part.append([wrong])
        with pytest.raises(Corrupt):
            part.verify(hashlib.sha256(DATA).hexdigest())
        assert list(tmp_path.iterdir()) == []


def test_a_name_that_can_not_be_given_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(DiskTrouble, match=r"a\.gguf can't be written"):
        settle(tmp_path / "a.gguf.part", tmp_path / "a.gguf")


def test_a_state_that_can_not_be_written_leaves_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    replace_file(path, b"one")
    replace_file(path, b"two")
    assert path.read_bytes() == b"two"
    (tmp_path / ".state.json.new").mkdir()
    with pytest.raises(OSError, match="directory"):
        replace_file(path, b"three")
    (tmp_path / ".state.json.new").rmdir()
    (tmp_path / "folder/full").mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        replace_file(tmp_path / "folder", b"three")
    assert path.read_bytes() == b"two"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["folder", "state.json"]


def test_free_space_is_told_of_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    assert free_space(tmp_path / "not/yet") == pytest.approx(free_space(tmp_path), rel=0.5)


@given(st.lists(st.integers(0, 10**9), min_size=2, max_size=50))
def test_speed_is_never_more_than_the_fastest_second(steps: list[int]) -> None:
    speed, received = Speed(window_s=10), 0
    assert speed.bytes_per_s == 0
    for second, step in enumerate(steps):
        received += step
        speed.note(float(second), received)
        recent = steps[max(1, second - 10) : second + 1]
        assert 0 <= speed.bytes_per_s <= max(recent, default=0) + 1e-6
    speed.clear()
    assert speed.bytes_per_s == 0
