"""A hub is not trusted: not with names, sizes, places, nor with how much it says."""

from __future__ import annotations

import asyncio
import gzip
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.library.pulling import REPOSITORY, at, described, downloading
from tests.support.answers import json_answer, text_answer
from tests.support.hub_server import Fault, HubServer, model_bytes
from tests.support.upstream import ScriptedUpstream

from laird.domain.errors import UpstreamGarbled
from laird.library import destinations, hub_client
from laird.library.destinations import Destinations
from laird.library.downloads.values import DownloadState
from laird.library.faults import HubAway
from laird.library.hub import Hub, Search
from laird.transport.base import Origin
from laird.transport.client import HttpTransport
from laird.transport.proxies import Proxies

DATA = model_bytes(100_000)
FILE = described(DATA)
PUBLIC = "93.184.215.14"
HUB = Origin("https", "hub.example", 443)


async def outside(host: str, port: int) -> list[tuple[int, str]]:
    """Find the addresses of hosts: that of a hub in a test is on the public internet."""
    if host in {"127.0.0.1", "hub.example", "cdn.example"}:
        return [(2, PUBLIC)]
    if host == "inside.example":
        return [(2, PUBLIC), (2, "10.0.0.7")]
    if host == "nowhere.example":
        raise OSError
    found = await asyncio.get_running_loop().getaddrinfo(host, port)
    return [(int(family), str(address[0])) for family, _, _, _, address in found]


@pytest.mark.parametrize(
    "place",
    [
        "http://127.0.0.1:{port}/admin",
        "http://localhost:{port}/admin",
        "http://[::1]:{port}/admin",
        "http://[::ffff:127.0.0.1]:{port}/admin",
        "http://inside.example/",
        "http://169.254.169.254/latest/meta-data/",
    ],
)
async def test_a_public_hub_leads_no_download_into_this_network(tmp_path: Path, place: str) -> None:
    async with HubServer() as hub, ScriptedUpstream() as neighbour:
        port = neighbour.url.rpartition(":")[2]
        hub.on_hub(*[Fault(location=place.format(port=port))] * 20)
        async with downloading(tmp_path, hub.url, lookup=outside) as downloads:
            begun = await downloads.add((FILE,))
            failed = await downloads.wait(begun.id)
        assert failed.state is DownloadState.FAILED
        assert "inside this network" in str(failed.problem)
        assert neighbour.requests == []


async def test_what_may_be_reached_depends_on_where_the_hub_is() -> None:
    network = HttpTransport(proxies=Proxies({}))
    ways = Destinations(network, lookup=outside)
    inside = Origin("http", "10.1.2.3", 80)
    assert await ways.way_to(HUB, HUB) is network
    assert await ways.way_to(inside, Origin("http", "inside.example", 80)) is network
    assert await ways.way_to(Origin("https", "cdn.example", 443), HUB) is not network
    for place, hub in (
        (inside, HUB),
        (inside, Origin("https", "nowhere.example", 443)),
        (Origin("http", "169.254.169.254", 80), inside),
        (Origin("http", "::ffff:169.254.169.254", 80), inside),
    ):
        with pytest.raises(UpstreamGarbled, match="inside this network"):
            await ways.way_to(place, hub)
    await ways.close()
    await network.close()


async def test_a_public_hub_leads_no_question_into_this_network(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with HubServer() as hub, ScriptedUpstream() as neighbour:
        ours = Hub(at(hub.url))
        own = ours._address().origin
        real = destinations._addresses
        monkeypatch.setattr(
            destinations, "_addresses", lambda it: [PUBLIC] if it == own else real(it)
        )
        neighbour.always(json_answer([{"id": "a/b"}]))
        hub.on_hub(*[Fault(location=f"{neighbour.url}/api/models")] * 2)
        with pytest.raises(UpstreamGarbled, match="inside this network"):
            await ours.search(Search())
        with pytest.raises(UpstreamGarbled, match="inside this network"):
            await ours.files("a/b")
        following = ("Link", f'<{neighbour.url}/api/models>; rel="next"')
        hub.hub.always(json_answer([{"id": "c/d"}], headers=[following]))
        with pytest.raises(UpstreamGarbled, match="inside this network"):
            await ours.search(Search(limit=2))
        assert neighbour.requests == []


async def test_a_question_follows_a_hub_that_is_inside_but_never_to_credentials() -> None:
    async with HubServer() as hub, ScriptedUpstream() as neighbour:
        neighbour.always(json_answer([{"id": "a/b"}]))
        hub.on_hub(Fault(location=f"{neighbour.url}/api/models"))
        (found,) = await Hub(at(hub.url)).search(Search())
        assert found.repository == "a/b"
        hub.on_hub(Fault(location="http://169.254.169.254/latest/meta-data/"))
        with pytest.raises(UpstreamGarbled, match="inside this network"):
            await Hub(at(hub.url)).search(Search())


async def test_an_answer_without_end_is_not_read_to_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hub_client, "_MOST_BYTES", 1_000_000)
    packed = gzip.compress(b" " * 10_000_000)
    async with HubServer() as hub:
        hub.hub.always(
            text_answer(packed, content_type="application/json").with_headers(
                ("Content-Encoding", "gzip")
            )
        )
        with pytest.raises(UpstreamGarbled, match="longer than any list"):
            await Hub(at(hub.url)).search(Search())
        hub.hub.always(
            text_answer(gzip.compress(b'[{"id": "a/b"}]')).with_headers(
                ("Content-Encoding", "gzip")
            )
        )
        assert len(await Hub(at(hub.url)).search(Search())) == 1
        monkeypatch.setattr(hub_client, "_LONGEST_S", -1.0)
        with pytest.raises(HubAway, match="too slowly"):
            await Hub(at(hub.url)).search(Search())


@pytest.mark.parametrize("where", ["question", "bytes"])
async def test_a_head_of_enormous_size_is_refused(tmp_path: Path, where: str) -> None:
    enormous = text_answer(b"[]").with_headers(("X-Enormous", "x" * 1_000_000))
    async with HubServer() as hub:
        hub.hub.always(enormous)
        if where == "question":
            with pytest.raises((UpstreamGarbled, HubAway)):
                await Hub(at(hub.url)).search(Search())
            return
        async with downloading(tmp_path, hub.url) as downloads:
            begun = await downloads.add((FILE,))
            failed = await downloads.wait(begun.id)
        assert failed.state is DownloadState.FAILED


def sibling(name: Any = "model.Q4_K_M.gguf", **lfs: Any) -> dict[str, Any]:
    told = {"sha256": FILE.sha256, "size": 1000, "pointerSize": 1, **lfs}
    return {"rfilename": name, "size": told["size"], "lfs": told}


async def test_only_files_with_usable_names_and_sizes_are_offered() -> None:
    listed = [
        sibling("good.Q4_K_M.gguf"),
        sibling("../escape.gguf"),
        sibling("/etc/passwd.gguf"),
        sibling("a/../../b.gguf"),
        sibling("..\\windows.gguf"),
        sibling("C:evil.gguf"),
        sibling("nul\0byte.gguf"),
        sibling("huge.gguf", size=10**30),
        sibling("none.gguf", size=0),
        sibling("less.gguf", size=-5),
        sibling("half.gguf", size=1.5),
        sibling("text.gguf", size="1000"),
        sibling("digest.gguf", sha256="../../x"),
    ]
    async with HubServer() as hub:
        hub.hub.always(json_answer({"_id": "1", "id": "a/b", "sha": "c0ffee", "siblings": listed}))
        found = await Hub(at(hub.url)).files("a/b")
    assert [each.name for each in found.files] == ["good.Q4_K_M.gguf"]


async def test_a_size_that_is_not_true_never_becomes_a_file(tmp_path: Path) -> None:
    async with HubServer(linked=False) as hub:
        hub.add(REPOSITORY, {FILE.file: DATA})
        for told in (len(DATA) - 1, len(DATA) + 1):
            home = tmp_path / str(told)
            async with downloading(home, hub.url) as downloads:
                begun = await downloads.add((msgspec.structs.replace(FILE, size=told),))
                failed = await downloads.wait(begun.id)
            assert failed.state is DownloadState.FAILED
            assert not list(home.rglob("*.gguf"))
