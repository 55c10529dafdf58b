"""`laird` commands on a home, with a server that holds it and without one."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog
from tests.cli.local_models import CURATED, FILE, REPOSITORY, TEXT
from tests.support.chat_upstream import prepared
from tests.support.documents import document, provider
from tests.support.hub_server import HubServer, threaded_hub
from tests.support.tiny_model import write_tiny_model
from tests.support.upstream import ScriptedUpstream, threaded_upstream
from typer.main import get_command
from typer.testing import CliRunner

from laird.api.server import Server, listen, listen_locally
from laird.cli.app import app
from laird.config.settings import Settings
from laird.gateway.gateway import Gateway
from laird.storage.lock import CONTROL, FILE_NAME, HomeLock
from laird.telemetry.logs import configure_logging
from laird.wiring.program import open_program

DEMO = "providers:\n  - id: demo\n    kind: demo\n    models: [demo]\n"
COMMAND = get_command(app)


class ThreadedServer(Server):
    """A server beside the test, in a thread that can't hear signals."""

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        return nullcontext()


@dataclass(frozen=True)
class Printed:
    """What a command wrote."""

    stdout: str
    stderr: str


@dataclass
class Shell:
    """A person at a prompt, whose `LAIRD_HOME` is `home`."""

    home: Path
    url: str | None = None
    """Where a server answers; None where none runs."""

    @property
    def document(self) -> Path:
        return self.home / "providers.yaml"

    def run(self, *arguments: str, code: int = 0, stdin: str | None = None) -> Printed:
        """Run a command that must end with this exit code."""
        with CliRunner().isolation(input=stdin) as (out, err, both):
            with pytest.raises(SystemExit) as end:
                COMMAND.main(args=[*arguments, "--home", str(self.home)], prog_name="laird")
            sys.stdout.flush()
            sys.stderr.flush()
            assert (end.value.code or 0) == code, both.getvalue().decode()
            return Printed(out.getvalue().decode(), err.getvalue().decode())

    def out(self, *arguments: str) -> str:
        """Return what a command prints."""
        return self.run(*arguments).stdout

    def json(self, *arguments: str, code: int = 0) -> Any:
        """Return the JSON that a command prints; nothing else may be on either output."""
        result = self.run(*arguments, "--json", code=code)
        assert result.stderr == ""
        return json.loads(result.stdout)

    def fails(self, *arguments: str, code: int = 1) -> str:
        """Return the one line that a command fails with."""
        result = self.run(*arguments, code=code)
        assert result.stdout == ""
        assert result.stderr.startswith("laird: ")
        assert result.stderr.count("\n") == 1, result.stderr
        return result.stderr.removeprefix("laird: ").strip()


@contextmanager
def serving(home: Path) -> Iterator[str]:
    """Serve a home as `laird serve` does, and return the URL."""
    settings = Settings.load({"home": home, "port": 0, "drain_seconds": 0})
    settings.prepare_home()
    ready = threading.Event()
    servers: list[Server] = []
    problems: list[BaseException] = []
    public = listen("127.0.0.1", 0)
    configure_logging("info", "text")

    async def serve() -> None:
        with contextlib.closing(listen_locally(settings.home / CONTROL)) as control:
            async with open_program(settings, serving=True) as program:

                async def drain(gateway: Gateway = program.gateway) -> None:
                    await gateway.drain(0)

                server = ThreadedServer(
                    program.app,
                    public=public,
                    control=control,
                    drain=drain,
                    on_started=ready.set,
                )
                servers.append(server)
                await server.serve()

    def run() -> None:
        try:
            with HomeLock(settings.home / FILE_NAME), contextlib.closing(public):
                asyncio.run(serve())
        except BaseException as problem:  # noqa: BLE001 - handed to the thread of the test
            problems.append(problem)
            ready.set()

    thread = threading.Thread(target=run, name="laird")
    url = f"http://127.0.0.1:{public.getsockname()[1]}"
    thread.start()
    try:
        ready.wait()
        if not problems:
            yield url
    finally:
        for server in servers:
            server.should_exit = True
        thread.join()
    if problems:
        raise problems[0]


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Keep settings and logs of one test out of the others."""
    for name in tuple(os.environ):
        if name.startswith(("LAIRD_", "PROVIDER_", "OPENAI_", "ANTHROPIC_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    # Commands log to the standard error they were given, which is closed by now.
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    """A server that lists the model `m` and answers chats."""
    with threaded_upstream() as up:
        yield prepared(up)


@pytest.fixture
def home(tmp_path: Path, upstream: ScriptedUpstream) -> Path:
    """A home whose document has the provider `a` at the upstream, and a demo."""
    made = tmp_path / "home"
    made.mkdir(mode=0o700)
    (made / "providers.yaml").write_text(
        document(provider("a", upstream.url), DEMO.removeprefix("providers:\n"))
    )
    return made


@pytest.fixture
def offline(home: Path) -> Shell:
    """A home that no server holds."""
    return Shell(home)


@pytest.fixture
def served(home: Path) -> Iterator[Shell]:
    """A home with a running server."""
    with serving(home) as url:
        yield Shell(home, url)


@pytest.fixture(params=["served", "offline"])
def shell(request: pytest.FixtureRequest) -> Shell:
    """Both, one after the other: a command does the same with a server and without."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Shell)
    return found


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A real model that says `TEXT`."""
    path = tmp_path_factory.mktemp("model") / FILE
    write_tiny_model(path, TEXT)
    return path.read_bytes()


@pytest.fixture
def hub(model: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """A hub with one recommended model and one other; commands and servers ask it."""
    for name in ("HF_TOKEN", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    with threaded_hub() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        files = {FILE: model, "tiny.F16.gguf": model}
        server.add(REPOSITORY, files, downloads=7123, likes=3, parameters=1_100_000_000)
        server.add(
            CURATED.repository, {CURATED.file: model}, downloads=99_000, parameters=1_100_000_000
        )
        yield server


@pytest.fixture
def pulled(served: Shell, hub: HubServer) -> Shell:
    """A home with a running server and one model."""
    del hub
    served.run("library", "pull", REPOSITORY)
    return served


@pytest.fixture
def installed(shell: Shell, hub: HubServer) -> Shell:
    """A home with one model, with a server and without."""
    del hub
    shell.run("library", "pull", REPOSITORY)
    return shell


def chat_status(url: str, key: str, model: str = "demo") -> int:
    """Make a chat request over HTTP and return the status."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
    body = {"model": model, "messages": [{"role": "user", "content": "Hello"}]}
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    try:
        connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()
