"""Questions to the hub: what is found, what a repository has, and what is said otherwise."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest
from huggingface_hub import HfApi, get_hf_file_metadata, hf_hub_url
from tests.library.pulling import at
from tests.support.answers import json_answer, text_answer
from tests.support.hub_server import COMMIT, Fault, HubServer, model_bytes, threaded_hub
from tests.support.upstream import ScriptedUpstream, unused_port

from laird.domain.errors import InvalidRequest, LairdError, UpstreamGarbled
from laird.library.faults import HubAway, HubGated, HubLimited, HubMissing
from laird.library.hub import Hub, Search, Sort

DAY = datetime(2026, 3, 1, tzinfo=UTC)


def stocked() -> HubServer:
    hub = HubServer(page=2, token="hf_good")
    small = model_bytes(1000)
    hub.add(
        "one/Llama-1B-GGUF",
        {"llama-1b.Q4_K_M.gguf": small, "llama-1b.Q8_0.gguf": small, "README.md": b"hi"},
        downloads=10,
        likes=3,
        updated=DAY,
        parameters=1_100_048_384,
    )
    hub.add("two/Llama-8B-GGUF", {"llama.f16.gguf": small}, downloads=30, parameters=8 * 10**9)
    hub.add("one/Qwen-500M", {"q.Q8_0.gguf": small}, downloads=20, likes=9, parameters=5 * 10**8)
    hub.add("three/Odd-GGUF", {"odd.gguf": small}, gated="manual", downloads=1)
    hub.add("three/Safetensors", {"model.safetensors": small}, tags=("safetensors",))
    hub.add("three/Secret-GGUF", {"s.Q4_0.gguf": small}, private=True)
    return hub


async def names(hub: HubServer, **wanted: object) -> list[str]:
    found = await Hub(at(hub.url)).search(Search(**wanted))  # type: ignore[arg-type]
    return [each.repository for each in found]


async def test_a_search_finds_what_is_asked_for_over_several_pages() -> None:
    async with stocked() as hub:
        every = ["two/Llama-8B-GGUF", "one/Qwen-500M", "one/Llama-1B-GGUF", "three/Odd-GGUF"]
        assert await names(hub) == every
        assert await names(hub, limit=3) == every[:3]
        assert await names(hub, limit=-1) == every[:1]
        assert await names(hub, text=" llama ") == [every[0], every[2]]
        assert await names(hub, sort=Sort.LIKES, limit=2) == [every[1], every[2]]
        assert await names(hub, sort=Sort.UPDATED, limit=1) == [every[2]]
        assert await names(hub, quantization="q8_0") == [every[1], every[2]]
        assert await names(hub, quantization="Q2_K") == []
        assert await names(hub, least_parameters=10**9) == [every[0], every[2]]
        assert await names(hub, most_parameters=1_500_000_000) == [every[1], every[2]]
        assert await names(hub, least_parameters=6 * 10**8, most_parameters=2 * 10**9) == [every[2]]


async def test_what_is_found_is_described() -> None:
    async with stocked() as hub:
        (found,) = await Hub(at(hub.url)).search(Search(text="llama-1b"))
    assert (found.author, found.downloads, found.likes, found.updated) == ("one", 10, 3, DAY)
    assert (found.parameters, found.architecture) == (1_100_048_384, "llama")
    assert (found.context_length, found.gated) == (2048, False)
    assert found.quantizations == ("Q4_K_M", "Q8_0")
    assert (found.files, found.revision) == ((), None)


async def test_the_files_of_a_repository_are_its_models() -> None:
    parts = [f"fp16/big-fp16-0000{n}-of-00002.gguf" for n in (1, 2)]
    data = {name: model_bytes(1000 + n, seed=n) for n, name in enumerate(parts)}
    data |= {
        "tiny.Q4_K_M.gguf": model_bytes(500),
        "mmproj-F16.gguf": model_bytes(100),
        "half-00001-of-00002.gguf": b"GGUF",
        "unverifiable.gguf": b"GGUF",
        "empty.gguf": b"",
        "README.md": b"text",
        "..%2fup.gguf": b"GGUF",
        "con.gguf": b"GGUF",
    }
    async with HubServer() as hub:
        hub.add("maker/m", data, gated="auto", plain=("unverifiable.gguf",))
        found = await Hub(at(hub.url)).files("maker/m")
    assert (found.repository, found.revision, found.gated) == ("maker/m", COMMIT, True)
    about = [(file.name, file.quantization, file.size, file.projector) for file in found.files]
    assert about == [
        (parts[0], "F16", 2001, False),
        ("mmproj-F16.gguf", "F16", 100, True),
        ("tiny.Q4_K_M.gguf", "Q4_K_M", 500, False),
    ]
    assert [part.file for part in found.files[0].parts] == parts
    (tiny,) = found.files[2].parts
    assert (tiny.repository, tiny.revision, tiny.size) == ("maker/m", COMMIT, 500)
    assert tiny.quantization == "Q4_K_M"
    assert len(tiny.sha256) == 64


async def test_a_revision_is_listed_when_asked_for() -> None:
    async with stocked() as hub:
        ours = Hub(at(hub.url))
        assert (await ours.files("one/Qwen-500M", COMMIT)).revision == COMMIT
        with pytest.raises(HubMissing, match="no such revision"):
            await ours.files("one/Qwen-500M", "elsewhere")


async def test_what_is_missing_or_private_is_said_plainly() -> None:
    async with stocked() as hub:
        for name in ("no/body", "three/Secret-GGUF"):
            with pytest.raises(HubMissing, match="set HF_TOKEN"):
                await Hub(at(hub.url)).files(name)
        with pytest.raises(HubMissing, match="may not see it"):
            await Hub(at(hub.url, "hf_bad")).files("three/Secret-GGUF")
        shown = await Hub(at(hub.url, "hf_good")).files("three/Secret-GGUF")
        assert [file.name for file in shown.files] == ["s.Q4_0.gguf"]


@pytest.mark.parametrize(
    "name", ["", "one", "a/b/c", "../x", "a/..", "a/b c", "-a/b", "a/b.", "a/b--c"]
)
async def test_odd_names_are_refused_before_the_hub_is_asked(name: str) -> None:
    async with HubServer() as hub:
        with pytest.raises(InvalidRequest):
            await Hub(at(hub.url)).files(name)
        with pytest.raises(InvalidRequest):
            await Hub(at(hub.url)).files("a/b", "main/../x")
        assert hub.hub.requests == []


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        (Fault(status=429, retry_after="7"), HubLimited, "in 7 s"),
        (Fault(status=429), HubLimited, "in a few minutes"),
        (Fault(status=503, retry_after="1"), HubLimited, "in 1 s"),
        (Fault(status=500), HubAway, "Models that are installed work without it"),
        (Fault(status=401, error_code="GatedRepo"), HubGated, "Accept its licence at http"),
        (Fault(status=403), HubGated, "Then set HF_TOKEN"),
        (Fault(status=403, message="Access to this resource is disabled."), HubMissing, "disabled"),
        (Fault(status=418), UpstreamGarbled, "refused the question"),
    ],
    ids=str,
)
async def test_refusals_are_typed_and_nothing_is_tried_twice(
    fault: Fault, error: type[LairdError], words: str
) -> None:
    async with stocked() as hub:
        ours = Hub(at(hub.url))
        hub.on_hub(fault)
        with pytest.raises(error, match=words):
            await ours.files("one/Qwen-500M")
        if error not in {HubGated, HubMissing}:
            hub.on_hub(fault)
            with pytest.raises(error, match=words):
                await ours.search(Search())
        assert len(hub.hub.requests) <= 2


async def test_a_gate_that_a_token_does_not_open_says_so() -> None:
    async with stocked() as hub:
        hub.on_hub(Fault(status=403, error_code="GatedRepo"))
        with pytest.raises(HubGated, match="has no access to it"):
            await Hub(at(hub.url, "hf_other")).files("three/Odd-GGUF")


async def test_a_hub_that_is_away_is_said_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(HubAway, match="Models that are installed work without it"):
        await Hub(at(f"http://127.0.0.1:{unused_port()}")).search(Search())
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    async with stocked() as hub:
        with pytest.raises(HubAway, match="HF_HUB_OFFLINE is set"):
            await Hub(at(hub.url)).search(Search())
        assert hub.hub.requests == []


async def test_what_is_no_hub_is_said_plainly() -> None:
    async with HubServer() as hub:
        hub.hub.always(text_answer(b"<html>please log in</html>", content_type="text/html"))
        with pytest.raises(UpstreamGarbled, match="not a hub's answer"):
            await Hub(at(hub.url)).search(Search())
        hub.hub.always(json_answer([1, 2]))
        with pytest.raises(UpstreamGarbled, match="not a hub's answer"):
            await Hub(at(hub.url)).search(Search())
        hub.hub.always(json_answer([{"id": "../../etc"}, {"id": "a/b"}]))
        (found,) = await Hub(at(hub.url)).search(Search())
        assert (found.repository, found.author, found.parameters) == ("a/b", "a", None)


async def test_the_token_is_that_of_the_environment_and_goes_to_the_hub_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "token"))
    (tmp_path / "token").write_text("hf_stored")
    async with stocked() as hub, ScriptedUpstream() as other:
        other.always(json_answer([{"id": "a/b"}]))
        await Hub(at(hub.url)).search(Search(limit=1))
        await Hub(at(hub.url, "hf_good")).search(Search(limit=1))
        sent = [request.headers.get("authorization") for request in hub.hub.requests]
        assert sent == [None, "Bearer hf_good"]
        agent = hub.hub.requests[0].headers["user-agent"]
        assert agent.startswith("laird/")
        assert "agent/" not in agent
        there = ("Link", f'<{other.url}/api/models>; rel="next"')
        hub.hub.always(json_answer([{"id": "c/d"}], headers=[there]))
        found = await Hub(at(hub.url, "hf_good")).search(Search(limit=2))
        assert [each.repository for each in found] == ["c/d", "a/b"]
        assert "authorization" not in other.requests[0].headers


def test_a_hub_in_a_thread_of_its_own_serves_who_has_no_loop() -> None:
    with threaded_hub(stocked()) as hub, httpx2.Client() as client:
        head = client.head(f"{hub.url}/one/Qwen-500M/resolve/main/q.Q8_0.gguf")
        assert head.status_code == 302
        assert head.headers["x-linked-size"] == "1000"
        tree = client.get(f"{hub.url}/api/models/one/Qwen-500M/tree/main").json()
        assert [entry["path"] for entry in tree] == ["q.Q8_0.gguf"]


async def test_huggingface_hub_finds_what_it_looks_for_in_our_hub() -> None:
    async with stocked() as hub:
        url = hf_hub_url("one/Qwen-500M", "q.Q8_0.gguf", endpoint=hub.url)
        told = await asyncio.to_thread(get_hf_file_metadata, url, token=False)
        assert (told.size, told.commit_hash) == (1000, COMMIT)
        assert told.etag is not None
        assert len(told.etag) == 64
        tree = await asyncio.to_thread(
            lambda: list(HfApi(endpoint=hub.url, token=False).list_repo_tree("one/Qwen-500M"))
        )
        assert [entry.path for entry in tree] == ["q.Q8_0.gguf"]
