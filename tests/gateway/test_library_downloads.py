"""What is pulled is offered, and what is removed is gone, with all that belonged to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.gateway.library_world import local_models, text_of_answer
from tests.support.hub_server import HubServer
from tests.support.laird import RunningLaird
from tests.support.tiny_model import write_tiny_model
from tests.support.waiting import until

from laird.library.downloads.values import DownloadState

pytestmark = pytest.mark.asyncio(loop_scope="module")
TEXT = "pulled and asked"
REPOSITORY, FILE, ID = "maker/tiny-GGUF", "tiny.Q4_K_M.gguf", "tiny.q4_k_m"
DOCUMENT = "providers:\n  - {id: demo, kind: demo, endpoint: 'demo://', models: [demo]}\n"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def laird(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningLaird]:
    """One whose hub has a model."""
    file = tmp_path_factory.mktemp("models") / FILE
    write_tiny_model(file, TEXT)
    home = tmp_path_factory.mktemp("home")
    async with HubServer() as hub:
        hub.add(REPOSITORY, {FILE: file.read_bytes()})
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("HF_ENDPOINT", hub.url)
            async with local_models(home, (), DOCUMENT) as running:
                yield running


async def pulled(laird: RunningLaird) -> dict[str, Any]:
    progress: dict[str, Any] = await laird.admin(
        "POST", "/api/library/downloads", {"repository": REPOSITORY}
    )
    return progress


async def ended(laird: RunningLaird, download_id: str) -> DownloadState:
    """Return how a download ended, once it has."""
    return (await laird.program.library.downloads.wait(download_id)).state


def there(laird: RunningLaird) -> list[str]:
    """Return all files in the library's folder."""
    root = laird.home / "library"
    return sorted(str(each.relative_to(root)) for each in root.rglob("*") if each.is_file())


async def test_a_full_disk_pauses_with_what_to_do_until_there_is_room(
    laird: RunningLaird, monkeypatch: pytest.MonkeyPatch
) -> None:
    downloads = laird.program.library.downloads
    with monkeypatch.context() as full:
        full.setattr(downloads, "_free", lambda _folder: 1000)
        begun = (await pulled(laird))["id"]
        assert await ended(laird, begun) is DownloadState.PAUSED
        shown = await laird.admin("GET", f"/api/library/downloads/{begun}")
        assert "There is no room" in shown["problem"]
        assert "then resume" in shown["problem"]
    await laird.admin("POST", f"/api/library/downloads/{begun}/resume")
    assert await ended(laird, begun) is DownloadState.DONE


async def test_what_is_removed_leaves_nothing_and_can_be_pulled_again(
    laird: RunningLaird,
) -> None:
    fleet = laird.program.library.fleet
    for _ in range(2):
        if not there(laird):
            assert await ended(laird, (await pulled(laird))["id"]) is DownloadState.DONE
        await until(lambda: ID in fleet.models)
        reply = await laird.client().chat(f"library/{ID}", temperature=0)
        assert text_of_answer(reply.json()) == TEXT
        assert f"logs/{ID}.log" in there(laird)
        await laird.admin("DELETE", f"/api/library/models/{ID}")
        assert there(laird) == []
        await until(lambda: ID not in fleet.states())
        assert f"library/{ID}" not in laird.document.read_text()
        reply = await laird.client().chat(f"library/{ID}")
        assert reply.status == 404


async def test_a_symbolic_link_leads_nobody_out_of_the_library(
    laird: RunningLaird, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.gguf"
    secret.write_bytes(b"GGUF and what nobody is to see")
    folder = laird.home / "library" / "maker" / "linked"
    folder.mkdir(parents=True)
    (folder / "secret.gguf").symlink_to(secret)
    (laird.home / "library" / "maker" / "elsewhere").symlink_to(tmp_path)
    assert (await laird.admin("GET", "/api/library/models"))["models"] == []
    reply = await laird.client().chat("library/secret")
    assert reply.status == 404
    assert secret.exists()


async def test_a_prompt_is_in_no_log(laird: RunningLaird) -> None:
    await ended(laird, (await pulled(laird))["id"])
    await until(lambda: ID in laird.program.library.fleet.models)
    prompt = "CANARY-IN-A-PROMPT"
    reply = await laird.client().chat(
        f"library/{ID}", messages=[{"role": "user", "content": prompt}], temperature=0
    )
    assert reply.status == 200
    log = (laird.home / "library" / "logs" / f"{ID}.log").read_bytes()
    assert log
    assert prompt.encode() not in log
    process = laird.program.library.fleet._entries[ID].process
    assert process is not None
    assert process.key.reveal().encode() not in log
