"""A download ends with the file that the hub announced, whatever happens on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.library.pulling import QUICK, REPOSITORY, described, downloading, until_state
from tests.support.gates import Gate
from tests.support.hub_server import Fault, HubServer, model_bytes
from tests.support.upstream import unused_port

from laird.domain.errors import InvalidRequest, NotFound, ShuttingDown
from laird.library.downloads.engine import Downloads
from laird.library.downloads.values import DownloadProgress, DownloadState
from laird.library.faults import AlreadyInstalled
from laird.library.hub_address import hub_address
from laird.library.shelf import Shelf
from laird.transport.client import HttpTransport
from laird.transport.proxies import Proxies

DATA = model_bytes(300_000)
FILE = described(DATA)
PLACE = Path("library") / REPOSITORY / FILE.file


@pytest.mark.parametrize("direct", [False, True])
async def test_a_file_is_fetched_verified_and_installed(tmp_path: Path, direct: bool) -> None:
    async with HubServer(direct=direct) as hub:
        hub.add(REPOSITORY, {FILE.file: DATA})
        async with downloading(tmp_path, hub.url) as downloads:
            progress = await downloads.add((FILE,))
            assert (progress.done, progress.total) == (0, len(DATA))
            done = await downloads.wait(progress.id)
            assert (done.state, done.done, done.problem) == (DownloadState.DONE, len(DATA), None)
    assert (tmp_path / PLACE).read_bytes() == DATA
    (model,) = Shelf(tmp_path).list()
    assert (model.id, model.files, model.verified) == ("tiny.q4_k_m", (FILE,), True)
    assert not list((tmp_path / "library").rglob("*.part"))
    assert not list((tmp_path / "library/.downloads").iterdir())


async def fetched(home: Path, hub: HubServer, *faults: Fault, **about: Any) -> DownloadProgress:
    """Download the file while these things go wrong, one at each request for bytes."""
    hub.add(REPOSITORY, {FILE.file: DATA})
    hub.on_bytes(*faults)
    async with downloading(home, hub.url, **about) as downloads:
        progress = await downloads.add((FILE,))
        return await downloads.wait(progress.id)


def whole(home: Path) -> bool:
    return (home / PLACE).read_bytes() == DATA


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    cuts=st.lists(
        st.builds(Fault, cut_after=st.integers(0, 120_000))
        | st.builds(Fault, reset_after=st.integers(0, 120_000)),
        max_size=8,
    ),
    piece=st.sampled_from([1000, 40_000]),
)
async def test_any_cuts_of_the_line_end_with_the_same_file(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[Fault], piece: int
) -> None:
    home = tmp_path_factory.mktemp("home")
    async with HubServer(piece=piece) as hub:
        done = await fetched(home, hub, *cuts)
        assert done.state is DownloadState.DONE
        asked = [start for _, start in hub.ranges]
        assert asked == sorted(asked)
    assert whole(home)


async def test_after_a_cut_only_what_is_missing_is_fetched(tmp_path: Path) -> None:
    async with HubServer() as hub:
        await fetched(tmp_path, hub, Fault(cut_after=100_000))
        assert hub.ranges == [(FILE.file, 0), (FILE.file, 100_000)]
        assert hub.cdn.requests[0].headers["accept-encoding"] == "identity"
    assert whole(tmp_path)


async def test_a_line_that_falls_silent_is_taken_for_broken(tmp_path: Path) -> None:
    quick = msgspec.structs.replace(QUICK, stall_s=0.2)
    async with HubServer() as hub:
        done = await fetched(tmp_path, hub, Fault(stall_after=50_000), settings=quick)
        assert done.state is DownloadState.DONE
        assert hub.ranges[1] == (FILE.file, 50_000)
    assert whole(tmp_path)


@pytest.mark.parametrize(
    "second",
    [
        Fault(ignore_range=True),
        Fault(shifted_by=7),
        Fault(etag="another"),
        Fault(status=416),
    ],
    ids=["answers 200", "other bytes", "another ETag", "refuses the range"],
)
async def test_bytes_that_do_not_follow_on_are_begun_again(tmp_path: Path, second: Fault) -> None:
    async with HubServer(linked=False) as hub:
        done = await fetched(tmp_path, hub, Fault(cut_after=100_000), second)
        assert done.state is DownloadState.DONE
        starts = [start for _, start in hub.ranges]
        assert starts == [0, 100_000] if second.ignore_range else [0, 100_000, 0]
    assert whole(tmp_path)


async def test_a_place_that_has_expired_is_asked_for_again(tmp_path: Path) -> None:
    async with HubServer() as hub:
        gate = Gate()
        hub.add(REPOSITORY, {FILE.file: DATA})
        hub.on_bytes(Fault(cut_after=100_000, gate=gate))
        async with downloading(tmp_path, hub.url) as downloads:
            progress = await downloads.add((FILE,))
            await hub.cdn.wait_for(lambda: hub.ranges)
            hub.expire()
            gate.open()
            await downloads.wait(progress.id)
        places = [request.target for request in hub.cdn.requests]
        assert [place.rpartition("=")[2] for place in places] == ["0", "1"]
    assert whole(tmp_path)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=503, retry_after="0"),
        Fault(status=429, retry_after="0"),
        Fault(status=500),
        Fault(status=403),
        Fault(length=999),
        Fault(surplus=10),
    ],
    ids=str,
)
async def test_what_another_try_may_cure_is_tried_again(tmp_path: Path, fault: Fault) -> None:
    async with HubServer() as hub:
        done = await fetched(tmp_path, hub, fault, fault)
        assert done.state is DownloadState.DONE
    assert whole(tmp_path)


async def test_the_time_that_the_hub_asks_for_is_waited_unless_somebody_resumes(
    tmp_path: Path,
) -> None:
    async with HubServer() as hub:
        hub.add(REPOSITORY, {FILE.file: DATA})
        hub.on_hub(Fault(status=429, retry_after="3000"))
        async with downloading(tmp_path, hub.url) as downloads:
            begun = await downloads.add((FILE,))
            waiting = await until_state(downloads, begun.id, DownloadState.WAITING)
            assert waiting.retry_in_s is not None
            assert 2000 < waiting.retry_in_s <= 3000
            assert "fewer requests" in str(waiting.problem)
            await downloads.resume(begun.id)
            assert (await downloads.wait(begun.id)).state is DownloadState.DONE


async def test_a_hub_that_is_away_is_waited_for(tmp_path: Path) -> None:
    port = unused_port()
    async with downloading(tmp_path, f"http://127.0.0.1:{port}") as downloads:
        begun = await downloads.add((FILE,))
        waiting = await until_state(downloads, begun.id, DownloadState.WAITING)
        assert "can't be reached" in str(waiting.problem)
        hub = HubServer()
        hub.hub.port = port
        async with hub:
            hub.add(REPOSITORY, {FILE.file: DATA})
            assert (await downloads.wait(begun.id)).state is DownloadState.DONE
    assert whole(tmp_path)


async def test_a_corrupt_file_never_gets_its_name(tmp_path: Path) -> None:
    async with HubServer() as hub:
        failed = await fetched(tmp_path, hub, Fault(corrupt_at=200_000))
        assert failed.state is DownloadState.FAILED
        assert "corrupt" in str(failed.problem)
        assert not [path for path in (tmp_path / "library").rglob("*") if ".gguf" in path.name]
        async with downloading(tmp_path, hub.url) as downloads:
            assert downloads.get(failed.id).state is DownloadState.FAILED
            await downloads.resume(failed.id)
            assert (await downloads.wait(failed.id)).state is DownloadState.DONE
    assert whole(tmp_path)


async def test_what_is_no_gguf_file_never_gets_its_name(tmp_path: Path) -> None:
    data = b"<html>" * 100
    async with HubServer() as hub:
        hub.add(REPOSITORY, {FILE.file: data})
        async with downloading(tmp_path, hub.url) as downloads:
            begun = await downloads.add((described(data),))
            failed = await downloads.wait(begun.id)
    assert failed.state is DownloadState.FAILED
    assert "not a GGUF file" in str(failed.problem)
    assert not (tmp_path / PLACE).exists()


async def test_a_file_that_was_replaced_on_the_hub_fails_with_what_to_do(tmp_path: Path) -> None:
    async with HubServer() as hub:
        hub.add(REPOSITORY, {FILE.file: model_bytes(300_000, seed=1)})
        async with downloading(tmp_path, hub.url) as downloads:
            begun = await downloads.add((FILE,))
            failed = await downloads.wait(begun.id)
    assert failed.state is DownloadState.FAILED
    assert "list the files again" in str(failed.problem)
    assert hub.ranges == []


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault(status=401, error_code="GatedRepo"), "Accept its licence at http://127.0.0.1:"),
        (Fault(status=403), "is gated"),
        (Fault(status=403, message="Access to this resource is disabled."), "is disabled"),
        (Fault(status=401, error_code="RepoNotFound"), "set HF_TOKEN"),
        (Fault(status=404, error_code="EntryNotFound"), "has no file tiny.Q4_K_M.gguf"),
        (Fault(status=404, error_code="RevisionNotFound"), "no such revision"),
    ],
)
async def test_what_the_hub_refuses_for_good_fails_at_once(
    tmp_path: Path, fault: Fault, words: str
) -> None:
    async with HubServer() as hub:
        hub.on_hub(fault)
        failed = await fetched(tmp_path, hub)
    assert failed.state is DownloadState.FAILED
    assert words in str(failed.problem)


@pytest.mark.parametrize(
    "fault", [Fault(status=400), Fault(location="http://user@127.0.0.1/"), Fault(location="/x")]
)
async def test_a_hub_that_answers_wrongly_again_and_again_fails(
    tmp_path: Path, fault: Fault
) -> None:
    async with HubServer() as hub:
        hub.on_hub(*[fault] * 40)
        failed = await fetched(tmp_path, hub)
    assert failed.state is DownloadState.FAILED


async def test_a_server_that_never_goes_on_is_given_up(tmp_path: Path) -> None:
    async with HubServer() as hub:
        hub.always_on_bytes(Fault(ignore_range=True, cut_after=100_000))
        failed = await fetched(tmp_path, hub)
    assert failed.state is DownloadState.FAILED
    assert "begin again too often" in str(failed.problem)


async def test_the_token_goes_to_the_hub_and_nowhere_else(tmp_path: Path) -> None:
    async with HubServer(token="hf_secret") as hub:
        hub.add(REPOSITORY, {FILE.file: DATA}, gated="manual")
        async with downloading(tmp_path, hub.url, token="hf_secret") as downloads:
            begun = await downloads.add((FILE,))
            assert (await downloads.wait(begun.id)).state is DownloadState.DONE
        assert hub.hub.requests[0].headers["authorization"] == "Bearer hf_secret"
        assert all("authorization" not in request.headers for request in hub.cdn.requests)


async def test_a_split_model_is_one_download(tmp_path: Path) -> None:
    parts = {f"big-Q8_0-0000{n}-of-00003.gguf": model_bytes(90_000, seed=n) for n in (1, 2, 3)}
    files = tuple(described(data, name) for name, data in parts.items())
    async with HubServer() as hub:
        hub.add(REPOSITORY, parts)
        hub.on_bytes(Fault(), Fault(cut_after=40_000))
        async with downloading(tmp_path, hub.url) as downloads:
            begun = await downloads.add(files)
            assert begun.total == 270_000
            done = await downloads.wait(begun.id)
            assert (done.state, done.done) == (DownloadState.DONE, 270_000)
    (model,) = Shelf(tmp_path).list()
    assert (model.id, model.size, model.problem) == ("big-q8_0", 270_000, None)
    assert model.path.endswith("00001-of-00003.gguf")


async def test_several_run_at_once_and_the_rest_waits_in_order(tmp_path: Path) -> None:
    gate = Gate()
    names = [f"model-{n}.gguf" for n in range(5)]
    order: list[str] = []
    async with HubServer() as hub:
        hub.add(REPOSITORY, {name: model_bytes(50_000, seed=n) for n, name in enumerate(names)})
        hub.always_on_bytes(Fault(gate=gate))
        async with downloading(tmp_path, hub.url) as downloads:
            downloads.listen(
                lambda told: (
                    order.append(told.files[0])
                    if told.state is DownloadState.RUNNING and told.files[0] not in order
                    else None
                )
            )
            begun = [
                await downloads.add((described(model_bytes(50_000, seed=n), name),))
                for n, name in enumerate(names)
            ]
            await hub.cdn.wait_for(lambda: hub.cdn.active == 2)
            states = [told.state for told in downloads.list()]
            assert states == [DownloadState.RUNNING] * 2 + [DownloadState.QUEUED] * 3
            gate.open()
            for told in begun:
                assert (await downloads.wait(told.id)).state is DownloadState.DONE
    assert hub.cdn.max_active == 2
    assert order == names


async def test_what_can_not_be_downloaded_is_refused(tmp_path: Path) -> None:
    other = described(DATA, "other.gguf", "else/where")
    bad = [
        (),
        (FILE, FILE),
        (FILE, other),
        (msgspec.structs.replace(FILE, repository="../../etc"),),
        (msgspec.structs.replace(FILE, file="../up.gguf"),),
        (msgspec.structs.replace(FILE, revision="a/../b"),),
        (msgspec.structs.replace(FILE, sha256="A" * 64),),
        (msgspec.structs.replace(FILE, size=0),),
    ]
    async with downloading(tmp_path, "http://127.0.0.1:1") as downloads:
        for files in bad:
            with pytest.raises(InvalidRequest):
                await downloads.add(files)
        for question in (downloads.pause, downloads.resume, downloads.cancel, downloads.wait):
            with pytest.raises(NotFound):
                await question("unknown")
        assert downloads.list() == ()
    with pytest.raises(ShuttingDown):
        await downloads.add((FILE,))
    assert not (tmp_path / "library").exists()


async def test_a_model_is_not_downloaded_twice_but_its_new_version_is(tmp_path: Path) -> None:
    gate = Gate()
    new = model_bytes(200_000, seed=5)
    async with HubServer() as hub:
        hub.add(REPOSITORY, {FILE.file: DATA})
        hub.on_bytes(Fault(gate=gate))
        async with downloading(tmp_path, hub.url) as downloads:
            first = await downloads.add((FILE,))
            assert (await downloads.add((FILE,))).id == first.id
            with pytest.raises(InvalidRequest, match="Another version"):
                await downloads.add((described(new),))
            gate.open()
            await downloads.wait(first.id)
            with pytest.raises(AlreadyInstalled, match=r"tiny\.q4_k_m"):
                await downloads.add((FILE,))
            hub.add(REPOSITORY, {FILE.file: new})
            second = await downloads.add((described(new),))
            await downloads.wait(second.id)
            assert [told.state for told in downloads.list()] == [DownloadState.DONE] * 2
    (model,) = Shelf(tmp_path).list()
    assert (model.id, model.files) == ("tiny.q4_k_m", (described(new),))
    assert (tmp_path / PLACE).read_bytes() == new


async def test_progress_comes_with_each_change_and_as_bytes_arrive(tmp_path: Path) -> None:
    gate = Gate()
    async with HubServer(piece=10_000) as hub:
        hub.add(REPOSITORY, {FILE.file: DATA})
        hub.on_bytes(Fault(pace_s=0.01, cut_after=200_000), Fault(gate=gate))
        async with downloading(tmp_path, hub.url) as downloads:
            begun = await downloads.add((FILE,))
            seen = []
            async for told in downloads.follow(begun.id):
                seen.append(told)
                if told.done >= 200_000:
                    gate.open()
    states = [told.state for told in seen]
    assert states[0] is DownloadState.QUEUED
    assert states[-1] is DownloadState.DONE
    assert {DownloadState.RUNNING, DownloadState.WAITING, DownloadState.CHECKING} <= set(states)
    done = [told.done for told in seen]
    assert done == sorted(done)
    fast = [told for told in seen if told.speed]
    assert fast
    assert all(told.eta_s is not None for told in fast)


async def test_of_those_that_ended_only_the_last_are_listed(tmp_path: Path) -> None:
    async with downloading(tmp_path, "http://127.0.0.1:1") as downloads:
        begun = []
        for number in range(60):
            one = await downloads.add((described(DATA, f"{number}.gguf"),))
            await downloads.cancel(one.id)
            begun.append(one.id)
        assert [told.id for told in downloads.list()] == begun[-50:]


async def test_a_wrong_address_of_the_hub_fails_with_what_to_do(tmp_path: Path) -> None:
    address: dict[str, str] = {"HF_ENDPOINT": "no address"}
    transport = HttpTransport(proxies=Proxies({}))
    downloads = Downloads(Shelf(tmp_path), transport, address=lambda: hub_address(address))
    await downloads.start()
    begun = await downloads.add((FILE,))
    failed = await downloads.wait(begun.id)
    await downloads.close()
    await transport.close()
    assert failed.state is DownloadState.FAILED
    assert "HF_ENDPOINT can't be used" in str(failed.problem)


async def test_a_listener_that_fails_or_leaves_harms_nobody(tmp_path: Path) -> None:
    told: list[DownloadProgress] = []

    def failing(_: DownloadProgress) -> None:
        raise ValueError("a listener's own trouble")

    async with HubServer() as hub:
        hub.add(REPOSITORY, {FILE.file: DATA})
        async with downloading(tmp_path, hub.url) as downloads:
            downloads.listen(failing)
            downloads.listen(told.append)()
            begun = await downloads.add((FILE,))
            assert (await downloads.wait(begun.id)).state is DownloadState.DONE
    assert told == []
