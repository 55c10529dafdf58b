"""From a search to an answer: a model comes over a bad line, through a kill, and is run."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import msgspec
import pytest
from openai import OpenAI
from tests.support.hub_server import Fault, HubServer, threaded_hub
from tests.support.laird import LairdProcess
from tests.support.processes import lives, models_of
from tests.support.tiny_model import write_tiny_model
from tests.support.waiting import MACHINE_S

from laird.library.downloads.record import Record

TEXT = "it came over a bad line"
REPOSITORY, FILE, ID = "maker/tiny-GGUF", "tiny.Q4_K_M.gguf", "tiny.q4_k_m"
DAMAGED = "maker/damaged-GGUF"
IDLE_S = 1.0
DOCUMENT = "providers:\n  - {id: demo, kind: demo, endpoint: 'demo://', models: [demo]}\n"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a real model."""
    file = tmp_path_factory.mktemp("models") / FILE
    write_tiny_model(file, TEXT, ballast=1_000_000)
    return file.read_bytes()


@pytest.fixture(scope="module")
def hub(data: bytes) -> Iterator[HubServer]:
    with threaded_hub() as server:
        server.add(REPOSITORY, {FILE: data}, downloads=7)
        server.add(DAMAGED, {"damaged.Q4_K_M.gguf": data + b"\0"})
        yield server


@pytest.fixture(scope="module")
def laird(tmp_path_factory: pytest.TempPathFactory, hub: HubServer) -> Iterator[LairdProcess]:
    home = tmp_path_factory.mktemp("home")
    (home / "providers.yaml").write_text(DOCUMENT)
    flags = ("--library-idle-s", str(IDLE_S))
    process = LairdProcess(home, *flags, environment={"HF_ENDPOINT": hub.url})
    yield process.start(60)
    process.close()


@pytest.fixture(scope="module")
def administrator(laird: LairdProcess) -> Administrator:
    return Administrator(laird)


class Administrator:
    """Asks a server's administration."""

    def __init__(self, laird: LairdProcess) -> None:
        self._laird = laird
        made = laird.command("keys", "create", "administrator", "--scope", "admin", "--json")
        self._key = json.loads(made.stdout)["key"]

    def ask(self, method: str, path: str, body: object = None) -> Any:
        connection = HTTPConnection("127.0.0.1", int(self._laird.url.rpartition(":")[2]))
        try:
            headers = {"authorization": f"Bearer {self._key}", "content-type": "application/json"}
            sent = None if body is None else json.dumps(body)
            connection.request(method, f"/api/library/{path}", sent, headers)
            reply = connection.getresponse()
            answer = reply.read()
            assert reply.status < 300, answer
            return json.loads(answer)
        finally:
            connection.close()

    def model(self) -> dict[str, Any]:
        """Return the one model that is installed, {} before."""
        models: list[dict[str, Any]] = self.ask("GET", "models")["models"]
        return models[0] if models else {}

    def download(self, repository: str) -> dict[str, Any]:
        """Return the download of a repository."""
        listed = self.ask("GET", "downloads")["downloads"]
        return next(each for each in listed if each["repository"] == repository)


def until(condition: Callable[[], object], within: float = 60.0) -> None:
    """Ask again and again, of another process, until it is so."""
    give_up = time.monotonic() + within
    while not condition():
        assert time.monotonic() < give_up, "it did not come to that"
        time.sleep(0.02)


def proven(home: Path) -> int:
    """Return how many bytes are on the disk for certain, by what a restart reads."""
    (file,) = (home / "library/.downloads").glob("*.json")
    return msgspec.json.decode(file.read_bytes(), type=Record).files[0].proven


def spoken(laird: LairdProcess) -> str:
    """Return what the model says, streamed by the official client."""
    with OpenAI(base_url=f"{laird.url}/v1", api_key=laird.key, max_retries=0) as sdk:
        stream = sdk.chat.completions.create(
            model=f"library/{ID}",
            messages=[{"role": "user", "content": "How did you come?"}],
            temperature=0,
            stream=True,
        )
        return "".join(each.choices[0].delta.content or "" for each in stream if each.choices)


def test_a_damaged_file_never_gets_its_name(
    laird: LairdProcess, administrator: Administrator, hub: HubServer
) -> None:
    hub.on_bytes(Fault(corrupt_at=500))
    administrator.ask("POST", "downloads", {"repository": DAMAGED})
    until(lambda: administrator.download(DAMAGED)["state"] == "failed")
    download = administrator.download(DAMAGED)
    assert "arrived corrupt" in download["problem"]
    folder = laird.home / "library" / DAMAGED
    assert [each.name for each in folder.iterdir()] == []
    administrator.ask("DELETE", f"downloads/{download['id']}")
    assert not folder.exists()
    assert administrator.model() == {}


def test_a_model_is_found_fetched_through_a_kill_verified_run_unloaded_and_run_again(
    laird: LairdProcess, administrator: Administrator, hub: HubServer, data: bytes
) -> None:
    hub.ranges.clear()
    place = laird.home / "library" / REPOSITORY / FILE
    part = place.with_name(f"{FILE}.part")
    found = json.loads(laird.command("library", "search", "tiny", "--json").stdout)
    assert [each["repository"] for each in found["repositories"]] == [REPOSITORY]
    reached = len(data) * 40 // 100
    hub.on_bytes(Fault(stall_after=reached))
    laird.command("library", "pull", REPOSITORY, "--detach")
    until(lambda: administrator.download(REPOSITORY)["done"] == reached)
    until(lambda: proven(laird.home) == reached)
    laird.kill()
    assert not place.exists()
    assert part.stat().st_size == reached

    laird.start(60)
    until(lambda: administrator.model().get("model") == f"library/{ID}")
    assert hub.ranges == [(FILE, 0), (FILE, reached)]
    assert not part.exists()
    assert list((laird.home / "library/.downloads").glob("*.json")) == []
    assert hashlib.sha256(place.read_bytes()).digest() == hashlib.sha256(data).digest()
    assert administrator.model()["verified"] is True
    assert models_of(laird.pid) == []

    assert spoken(laird) == TEXT
    (first,) = models_of(laird.pid)
    until(lambda: administrator.model()["state"] == "cold", IDLE_S + 5 * MACHINE_S)
    assert not lives(first)
    assert spoken(laird) == TEXT
    (second,) = models_of(laird.pid)
    assert second != first
    assert laird.stop() == 0
    assert not lives(second)
