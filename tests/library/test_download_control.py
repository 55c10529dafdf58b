"""Pause, resume and cancel, at any moment and all at once; and disks that are full."""

from __future__ import annotations

import asyncio
import resource
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.library.pulling import QUICK, REPOSITORY, described, downloading, until_state
from tests.support.gates import Gate
from tests.support.hub_server import Fault, HubServer, model_bytes
from tests.support.waiting import until

from laird.domain.errors import InvalidRequest
from laird.library.downloads.part import DiskTrouble, PartFile
from laird.library.downloads.values import RESTING, DownloadState

DATA = model_bytes(300_000)
FILE = described(DATA)
OTHER_DATA = model_bytes(200_000, seed=9)
OTHER = described(OTHER_DATA, "other.gguf")
PLACE = Path("library") / REPOSITORY / FILE.file


async def test_a_paused_download_leaves_its_place_to_the_next(tmp_path: Path) -> None:
    one = msgspec.structs.replace(QUICK, at_once=1)
    async with HubServer() as hub:
        hub.add(REPOSITORY, {FILE.file: DATA, OTHER.file: OTHER_DATA})
        hub.on_bytes(Fault(stall_after=100_000))
        async with downloading(tmp_path, hub.url, settings=one) as downloads:
            first = await downloads.add((FILE,))
            second = await downloads.add((OTHER,))
            await until(lambda: downloads.get(first.id).done == 100_000)
            assert downloads.get(second.id).state is DownloadState.QUEUED
            await downloads.pause(first.id)
            assert (await downloads.wait(second.id)).state is DownloadState.DONE
            assert downloads.get(first.id).state is DownloadState.PAUSED
            assert (await downloads.pause(first.id)).state is DownloadState.PAUSED
            await downloads.resume(first.id)
            assert (await downloads.wait(first.id)).state is DownloadState.DONE
            assert (await downloads.cancel(first.id)).state is DownloadState.DONE
    assert (tmp_path / PLACE).read_bytes() == DATA


async def test_a_cancelled_download_leaves_nothing(tmp_path: Path) -> None:
    one = msgspec.structs.replace(QUICK, at_once=1)
    async with HubServer() as hub:
        hub.add(REPOSITORY, {FILE.file: DATA, OTHER.file: OTHER_DATA})
        hub.on_bytes(Fault(stall_after=100_000))
        async with downloading(tmp_path, hub.url, settings=one) as downloads:
            first = await downloads.add((FILE,))
            queued = await downloads.add((OTHER,))
            await until(lambda: downloads.get(first.id).done == 100_000)
            assert (await downloads.cancel(queued.id)).state is DownloadState.CANCELLED
            cancelled = await downloads.cancel(first.id)
            assert (cancelled.state, cancelled.done) == (DownloadState.CANCELLED, 0)
            assert (await downloads.resume(first.id)).state is DownloadState.CANCELLED
            assert not [path for path in (tmp_path / "library").rglob("*") if path.is_file()]
            assert not (tmp_path / "library/maker").exists()
            again = await downloads.add((FILE,))
            assert (await downloads.wait(again.id)).state is DownloadState.DONE


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    wishes=st.lists(
        st.tuples(st.sampled_from(["pause", "resume", "cancel"]), st.integers(0, 40)), max_size=6
    )
)
async def test_wishes_at_any_moment_end_in_a_whole_file_or_in_nothing(
    tmp_path_factory: pytest.TempPathFactory, wishes: list[tuple[str, int]]
) -> None:
    home = tmp_path_factory.mktemp("home")
    async with HubServer(piece=50_000) as hub:
        hub.add(REPOSITORY, {FILE.file: DATA})
        async with downloading(home, hub.url) as downloads:
            begun = await downloads.add((FILE,))

            async def wish(what: str, turns: int) -> None:
                for _ in range(turns):
                    await asyncio.sleep(0)
                await {
                    "pause": downloads.pause,
                    "resume": downloads.resume,
                    "cancel": downloads.cancel,
                }[what](begun.id)

            await asyncio.gather(*(wish(*each) for each in wishes))
            end = await downloads.wait(begun.id)
            if end.state is DownloadState.PAUSED:
                await downloads.resume(begun.id)
                end = await downloads.wait(begun.id)
    files = sorted(path.name for path in (home / "library").rglob("*") if path.is_file())
    if end.state is DownloadState.CANCELLED:
        assert files == []
    else:
        assert end.state is DownloadState.DONE
        assert files == [FILE.file, f"{FILE.file}.json"]
        assert (home / PLACE).read_bytes() == DATA


async def test_a_pause_while_the_hub_is_waited_for_is_at_once(tmp_path: Path) -> None:
    async with HubServer() as hub:
        hub.add(REPOSITORY, {FILE.file: DATA})
        hub.on_hub(Fault(status=503, retry_after="3000"))
        async with downloading(tmp_path, hub.url) as downloads:
            begun = await downloads.add((FILE,))
            await until_state(downloads, begun.id, DownloadState.WAITING)
            paused = await downloads.pause(begun.id)
            assert (paused.state, paused.problem) == (DownloadState.PAUSED, None)


async def test_a_download_that_has_no_room_rests_until_there_is(tmp_path: Path) -> None:
    room = 299_999
    async with HubServer() as hub:
        hub.add(REPOSITORY, {FILE.file: DATA})
        async with downloading(tmp_path, hub.url, free=lambda _: room) as downloads:
            begun = await downloads.add((FILE,))
            full = await downloads.wait(begun.id)
            assert full.state is DownloadState.PAUSED
            assert "There is no room: 300.0 kB are still to come" in str(full.problem)
            assert "Free 1 bytes, then resume" in str(full.problem)
            assert hub.hub.requests == []
        async with downloading(tmp_path, hub.url, free=lambda _: room) as downloads:
            again = downloads.get(begun.id)
            assert (again.state, again.problem) == (DownloadState.PAUSED, full.problem)
            room = 300_000
            assert (await downloads.resume(begun.id)).problem is None
            assert (await downloads.wait(begun.id)).state is DownloadState.DONE


async def test_room_that_others_still_need_is_taken(tmp_path: Path) -> None:
    gate = Gate()
    async with HubServer() as hub:
        hub.add(REPOSITORY, {FILE.file: DATA, OTHER.file: OTHER_DATA})
        hub.on_bytes(Fault(gate=gate))
        async with downloading(tmp_path, hub.url, free=lambda _: 450_000) as downloads:
            first = await downloads.add((FILE,))
            await hub.cdn.wait_for(lambda: hub.ranges)
            second = await downloads.add((OTHER,))
            full = await downloads.wait(second.id)
            assert full.state is DownloadState.PAUSED
            assert "300.0 kB of it for other downloads" in str(full.problem)
            gate.open()
            await downloads.wait(first.id)
            await downloads.resume(second.id)
            assert (await downloads.wait(second.id)).state is DownloadState.DONE


async def test_a_disk_that_takes_no_more_pauses_and_keeps_what_came(tmp_path: Path) -> None:
    # The kernel refuses to write past a limit of this process: EFBIG, as on a FAT file system.
    data = model_bytes(6_000_000)
    file = described(data, "large.gguf")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    async with HubServer(piece=500_000) as hub:
        hub.add(REPOSITORY, {file.file: data})
        async with downloading(tmp_path, hub.url) as downloads:
            resource.setrlimit(resource.RLIMIT_FSIZE, (4_000_000, before[1]))
            try:
                begun = await downloads.add((file,))
                full = await downloads.wait(begun.id)
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, before)
            assert full.state is DownloadState.PAUSED
            assert "does not allow files as large" in str(full.problem)
            assert full.done == 4_000_000
            await downloads.resume(begun.id)
            assert (await downloads.wait(begun.id)).state is DownloadState.DONE
        assert hub.ranges == [(file.file, 0), (file.file, 4_000_000)]
    assert (tmp_path / "library" / REPOSITORY / file.file).read_bytes() == data


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_said_plainly(tmp_path: Path) -> None:
    part = PartFile(
        tmp_path / "a.gguf", 100, lambda *_: None, checkpoint_bytes=1000, checkpoint_s=1000
    )
    part.open(0, "")
    part.append([b"GGUF"])
    part.close()
    with Path("/dev/full").open("r+b", buffering=0) as full:
        part._file = full
        with pytest.raises(DiskTrouble, match=r"is full\. Free some space, then resume"):
            part.append([b"more"])
    assert part.done == 4
    part.close()
    part.close()


async def test_a_state_that_can_not_be_written_pauses_until_it_can(tmp_path: Path) -> None:
    gate = Gate()
    async with HubServer() as hub:
        hub.add(REPOSITORY, {FILE.file: DATA})
        hub.on_bytes(Fault(gate=gate))
        async with downloading(tmp_path, hub.url) as downloads:
            begun = await downloads.add((FILE,))
            await hub.cdn.wait_for(lambda: hub.ranges)
            in_the_way = tmp_path / f"library/.downloads/.{begun.id}.json.new"
            in_the_way.mkdir()
            gate.open()
            full = await downloads.wait(begun.id)
            assert full.state is DownloadState.PAUSED
            assert "can't be written" in str(full.problem)
            with pytest.raises(DiskTrouble, match="can't be written"):
                await downloads.resume(begun.id)
            in_the_way.rmdir()
            await downloads.resume(begun.id)
            assert (await downloads.wait(begun.id)).state is DownloadState.DONE
    assert (tmp_path / PLACE).read_bytes() == DATA


async def test_a_folder_that_can_not_be_written_is_said_plainly(tmp_path: Path) -> None:
    (tmp_path / "library").write_bytes(b"a file where a folder should be")
    async with downloading(tmp_path, "http://127.0.0.1:1") as downloads:
        with pytest.raises(DiskTrouble, match="can't be written"):
            await downloads.add((FILE,))


async def test_no_link_leads_a_download_out_of_the_library(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "home/library").mkdir(parents=True)
    (tmp_path / "home/library/maker").symlink_to(elsewhere)
    async with HubServer() as hub:
        hub.add(REPOSITORY, {FILE.file: DATA})
        async with downloading(tmp_path / "home", hub.url) as downloads:
            with pytest.raises(InvalidRequest, match="symbolic link"):
                await downloads.add((FILE,))
            (tmp_path / "home/library/maker").unlink()
            folder = (tmp_path / "home" / PLACE).parent
            folder.mkdir(parents=True)
            (folder / f"{FILE.file}.part").symlink_to(elsewhere / "stolen")
            begun = await downloads.add((FILE,))
            assert (await downloads.wait(begun.id)).state in RESTING - {DownloadState.DONE}
    assert list(elsewhere.iterdir()) == []
