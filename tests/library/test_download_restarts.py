"""A download goes on from what is on the disk, and from no byte more than is proven to be there."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.library.pulling import REPOSITORY, described, downloading, until_state
from tests.support.gates import Gate
from tests.support.hub_server import Fault, HubServer, model_bytes
from tests.support.waiting import until

from laird.library.downloads.record import Record
from laird.library.downloads.values import DownloadProgress, DownloadState

DATA = model_bytes(400_000)
FILE = described(DATA)
PLACE = Path("library") / REPOSITORY / FILE.file
PART = PLACE.with_name(PLACE.name + ".part")
HEADS = 10_000
"""More bytes than the heads of all answers in a test have."""


def proven(home: Path) -> int:
    """Return how many bytes the record on the disk says are there."""
    records = list((home / "library/.downloads").glob("*.json"))
    if not records:
        return -1
    return msgspec.json.decode(records[0].read_bytes(), type=Record).files[0].proven


async def pull(home: Path, hub: HubServer) -> asyncio.subprocess.Process:
    """Begin the download, or go on with it, in a process of its own."""
    files = msgspec.json.encode((FILE,)).decode()
    command = (sys.executable, "-m", "tests.library.pulling", str(home), hub.url, files)
    return await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)


async def test_a_killed_process_goes_on_at_40_percent(tmp_path: Path) -> None:
    reached = len(DATA) * 40 // 100
    async with HubServer() as hub:
        hub.add(REPOSITORY, {FILE.file: DATA})
        hub.on_bytes(Fault(stall_after=reached))
        first = await pull(tmp_path, hub)
        assert first.stdout is not None
        async for line in first.stdout:
            if msgspec.json.decode(line, type=DownloadProgress).done == reached:
                break
        await until(lambda: proven(tmp_path) == reached)
        first.kill()
        assert await first.wait() == -9
        assert not (tmp_path / PLACE).exists()
        second = await pull(tmp_path, hub)
        said, _ = await second.communicate()
        assert second.returncode == 0
        assert b'"state":"done"' in said.splitlines()[-1]
        assert hub.ranges == [(FILE.file, 0), (FILE.file, reached)]
        assert hub.bytes_sent < len(DATA) + HEADS
    assert (tmp_path / PLACE).read_bytes() == DATA


async def part_of_it(home: Path, hub: HubServer, count: int) -> str:
    """Fetch the first bytes, and stop as a server does that is shut down; return the id."""
    hub.on_bytes(Fault(stall_after=count))
    async with downloading(home, hub.url) as downloads:
        begun = await downloads.add((FILE,))
        await hub.cdn.wait_for(lambda: hub.ranges)
        await until(lambda: downloads.get(begun.id).done == count)
    return begun.id


@pytest.mark.parametrize("count", [0, 1, 65_536, 399_999, 400_000])
async def test_what_was_under_way_goes_on_by_itself(tmp_path: Path, count: int) -> None:
    async with HubServer() as hub:
        hub.add(REPOSITORY, {FILE.file: DATA})
        begun = await part_of_it(tmp_path, hub, count)
        async with downloading(tmp_path, hub.url) as downloads:
            assert downloads.get(begun).done == count
            assert (await downloads.wait(begun)).state is DownloadState.DONE
        assert hub.bytes_sent < len(DATA) + HEADS
    assert (tmp_path / PLACE).read_bytes() == DATA


async def test_what_was_paused_stays_paused(tmp_path: Path) -> None:
    async with HubServer() as hub:
        hub.add(REPOSITORY, {FILE.file: DATA})
        hub.on_bytes(Fault(stall_after=100_000))
        async with downloading(tmp_path, hub.url) as downloads:
            begun = await downloads.add((FILE,))
            await until(lambda: downloads.get(begun.id).done == 100_000)
            paused = await downloads.pause(begun.id)
            assert (paused.state, paused.done) == (DownloadState.PAUSED, 100_000)
        async with downloading(tmp_path, hub.url) as downloads:
            assert downloads.get(begun.id).state is DownloadState.PAUSED
            assert len(hub.ranges) == 1
            await downloads.resume(begun.id)
            assert (await downloads.wait(begun.id)).state is DownloadState.DONE
        assert hub.ranges[1:] == [(FILE.file, 100_000)]


async def test_the_order_of_asking_outlives_a_restart(tmp_path: Path) -> None:
    names = [f"{letter}.gguf" for letter in "dbeac"]
    gate = Gate()
    order: list[str] = []
    async with HubServer() as hub:
        hub.add(REPOSITORY, {name: model_bytes(1000, seed=ord(name[0])) for name in names})
        hub.always_on_bytes(Fault(gate=gate))
        async with downloading(tmp_path, hub.url) as downloads:
            for name in names:
                await downloads.add((described(model_bytes(1000, seed=ord(name[0])), name),))
        gate.open()
        async with downloading(tmp_path, hub.url) as downloads:
            order = [told.files[0] for told in downloads.list()]
            for told in downloads.list():
                assert (await downloads.wait(told.id)).state is DownloadState.DONE
    assert order == names


def spoil_by_a_byte(part: Path, place: int) -> None:
    data = bytearray(part.read_bytes())
    data[place % len(data)] ^= 1
    part.write_bytes(data)


def spoil_the_length(part: Path, place: int) -> None:
    data = part.read_bytes()
    part.write_bytes((data + bytes(50_000))[:place])


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(spoil=st.sampled_from([spoil_by_a_byte, spoil_the_length]), place=st.integers(0, 250_000))
async def test_a_part_that_was_tampered_with_does_no_harm(
    tmp_path_factory: pytest.TempPathFactory, spoil: Callable[[Path, int], None], place: int
) -> None:
    home = tmp_path_factory.mktemp("home")
    async with HubServer() as hub:
        hub.add(REPOSITORY, {FILE.file: DATA})
        begun = await part_of_it(home, hub, 200_000)
        spoil(home / PART, place)
        async with downloading(home, hub.url) as downloads:
            assert (await downloads.wait(begun)).state is DownloadState.DONE
        start = hub.ranges[1][1]
        assert start in {0, 200_000}
        assert start == 0 or (spoil is spoil_the_length and place >= 200_000)
    assert (home / PLACE).read_bytes() == DATA


@pytest.mark.parametrize("moment", ["before the name", "after the name"])
async def test_a_kill_around_the_final_name_ends_well(tmp_path: Path, moment: str) -> None:
    async with HubServer() as hub:
        hub.add(REPOSITORY, {FILE.file: DATA})
        begun = await part_of_it(tmp_path, hub, 200_000)
        (path,) = (tmp_path / "library/.downloads").glob("*.json")
        record = msgspec.json.decode(path.read_bytes(), type=Record)
        whole = tuple(msgspec.structs.replace(entry, verified=True) for entry in record.files)
        path.write_bytes(msgspec.json.encode(msgspec.structs.replace(record, files=whole)))
        (tmp_path / PART).unlink()
        left = tmp_path / (PART if moment == "before the name" else PLACE)
        left.write_bytes(DATA)
        async with downloading(tmp_path, hub.url) as downloads:
            assert (await downloads.wait(begun)).state is DownloadState.DONE
        assert len(hub.ranges) == 1
    assert (tmp_path / PLACE).read_bytes() == DATA
    assert not (tmp_path / PART).exists()


async def test_records_that_can_not_be_used_are_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "library/.downloads"
    folder.mkdir(parents=True)
    evil = msgspec.structs.replace(FILE, file="../../../outside.gguf")
    good = {"created_us": 1, "files": [{"file": FILE}]}
    contents = {
        "0123456789abcdef.json": {**good, "id": "0123456789abcdee"},
        "0123456789abcdea.json": {"id": "0123456789abcdea", "created_us": 1, "files": []},
        "0123456789abcdeb.json": {
            "id": "0123456789abcdeb",
            "created_us": 1,
            "files": [{"file": evil}],
        },
        "0123456789abcdec.json": "no record",
    }
    for name, content in contents.items():
        (folder / name).write_bytes(msgspec.json.encode(content))
    async with downloading(tmp_path, "http://127.0.0.1:1") as downloads:
        assert downloads.list() == ()
    assert {path.name for path in folder.iterdir()} == contents.keys()


async def test_a_waiting_reader_ends_when_the_downloads_are_closed(tmp_path: Path) -> None:
    async with HubServer() as hub:
        hub.add(REPOSITORY, {FILE.file: DATA})
        hub.on_bytes(Fault(stall_after=1000))
        async with downloading(tmp_path, hub.url) as downloads:
            begun = await downloads.add((FILE,))
            await until_state(downloads, begun.id, DownloadState.RUNNING)
            waiting = asyncio.create_task(downloads.wait(begun.id))
            reading = asyncio.create_task(_all(downloads.follow()))
            await until(lambda: downloads.get(begun.id).done == 1000)
        assert (await waiting).state is not DownloadState.DONE
        assert {told.id for told in await reading} == {begun.id}


async def _all(told: AsyncIterator[DownloadProgress]) -> list[DownloadProgress]:
    return [one async for one in told]
