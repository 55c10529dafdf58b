"""Laird itself for tests: on a real socket, in this process or as a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any, Self

from tests.support.client import Client

from laird.api.patience import USUAL, Patience
from laird.api.server import Server, listen
from laird.config.settings import Settings
from laird.keys import store
from laird.keys.draft import KeyDraft
from laird.keys.follow import refresh
from laird.wiring.program import Program, open_program

UNMEASURED = {"COVERAGE_PROCESS_CONFIG": ""}
"""Environment of a process whose lines are not counted, which is twice as fast: for those that run
what other tests run in their own process."""


@dataclass
class RunningLaird:
    """A Laird that answers on `url`."""

    url: str
    key: str
    home: Path
    program: Program
    clients: list[Client] = field(default_factory=list)

    @property
    def document(self) -> Path:
        """The document's file."""
        return self.home / "providers.yaml"

    async def make_key(self, draft: KeyDraft) -> str:
        """Make another key and return its text."""
        made = await self.program.database.write(
            lambda connection: store.create(connection, draft, time.time_ns() // 1000)
        )
        await refresh(self.program.keys, self.program.database)
        return made.text.reveal()

    def client(self, key: str | None = None) -> Client:
        """Return a client that sends a key with each request."""
        client = Client(self.url, key if key is not None else self.key)
        self.clients.append(client)
        return client

    async def rows(self, request_id: str | None = None) -> list[dict[str, Any]]:
        """Return the ledger's rows in the order of arrival, all that is finished drained."""
        query = f"?limit=1000&request_id={request_id}" if request_id else "?limit=1000"
        answer = await self.admin("GET", f"/api/usage/attempts{query}")
        rows: list[dict[str, Any]] = answer["rows"]
        return sorted(rows, key=lambda row: (row["at_us"], row["attempt"]))

    async def admin(self, method: str, path: str, body: object = None) -> Any:
        """Make an administration request with a key that may; the answer must be a good one."""
        if not hasattr(self, "_admin_key"):
            draft = KeyDraft(name="test-administrator", scopes=frozenset({"admin"}))
            self._admin_key = await self.make_key(draft)
        answer = await self.client(self._admin_key).request(method, path, body)
        assert answer.status < 400, answer.body
        return answer.json()

    async def write_document(self, text: str) -> None:
        """Save another document and wait until it is in force."""
        before = self.program.configuration.snapshot.revision
        changed = asyncio.Event()
        end = self.program.configuration.subscribe(lambda _old, _new: changed.set())
        self.document.write_text(text)
        async with asyncio.timeout(20):
            await changed.wait()
        end()
        assert self.program.configuration.snapshot.revision != before


@asynccontextmanager
async def running_laird(
    home: Path,
    document: str,
    *,
    drain_seconds: float = 5.0,
    max_body_bytes: int = 20_000_000,
    max_connections: int | None = None,
    patience: Patience = USUAL,
    **flags: Any,
) -> AsyncIterator[RunningLaird]:
    """Serve a document from `home` in this process; `flags` are settings, as of a command."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "providers.yaml").write_text(document)
    settings = Settings.load(
        {
            "home": home,
            "port": 0,
            "drain_seconds": drain_seconds,
            "max_body_bytes": max_body_bytes,
            **flags,
        }
    )
    public = listen("127.0.0.1", 0)
    async with open_program(settings, serving=True) as program:
        started = asyncio.Event()

        async def drain() -> None:
            await program.gateway.drain(drain_seconds)

        server = Server(
            program.app,
            public=public,
            control=None,
            drain=drain,
            on_started=started.set,
            max_connections=max_connections,
            patience=patience,
        )
        serving = asyncio.create_task(server.serve())
        await started.wait()
        laird = RunningLaird(f"http://127.0.0.1:{public.getsockname()[1]}", "", home, program)
        laird.key = await laird.make_key(KeyDraft(name="test"))
        try:
            yield laird
        finally:
            for client in laird.clients:
                client.close()
            server.should_exit = True
            await serving
            public.close()


class LairdProcess:
    """`laird serve` as a process of its own, for what only a process can show."""

    def __init__(self, home: Path, *flags: str, environment: dict[str, str] | None = None) -> None:
        self.home = home
        self._command = [
            sys.executable, "-m", "laird", "serve", "--home", str(home), "--port", "0", *flags,
        ]  # fmt: skip
        self._environment = {**os.environ, **(environment or {})}
        self.url = ""
        self.key = ""
        self.printed: list[str] = []
        self.logged: list[str] = []
        self._process: subprocess.Popen[str] | None = None
        self._readers: list[threading.Thread] = []
        self._connections: list[HTTPConnection] = []

    def close(self) -> None:
        """Close all connections to it, and kill it if it still runs."""
        for connection in self._connections:
            connection.close()
        if self.running:
            self.kill()

    def start(self, within_s: float = 20.0) -> Self:
        """Start and wait until the server says where it is."""
        self._process = subprocess.Popen(
            self._command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self._environment,
            start_new_session=True,
        )
        ready = threading.Event()
        self._readers = [
            threading.Thread(target=self._read_output, args=(ready,), daemon=True),
            threading.Thread(target=self._read_log, daemon=True),
        ]
        for reader in self._readers:
            reader.start()
        if not ready.wait(within_s) or not self.url:
            self.kill()
            raise AssertionError("".join([*self.printed, *self.logged]))
        return self

    def _read_output(self, ready: threading.Event) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.printed.append(line)
            if found := re.search(r"ready at (http://\S+)", line):
                self.url = found[1]
            if found := re.search(r"lai_[0-9a-f]{32}", line):
                self.key = found[0]
            if "Try it" in line or "Your keys" in line:
                ready.set()
        ready.set()

    def _read_log(self) -> None:
        assert self._process is not None
        assert self._process.stderr is not None
        self.logged.extend(self._process.stderr)

    @property
    def pid(self) -> int:
        """The process's id."""
        assert self._process is not None
        return self._process.pid

    def signal(self, number: int) -> None:
        """Send a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def wait(self, within_s: float = 20.0) -> int:
        """Wait for the end and return the exit code."""
        assert self._process is not None
        code = self._process.wait(within_s)
        for reader in self._readers:
            reader.join(5)
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._process.stdout.close()
        self._process.stderr.close()
        return code

    def stop(self) -> int:
        """Stop it in good order and return the exit code."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        assert self._process is not None
        self._process.kill()
        self.wait()

    @property
    def running(self) -> bool:
        """True until it has ended."""
        return self._process is not None and self._process.poll() is None

    def post(self, path: str, body: object, **headers: str) -> tuple[int, Any]:
        """Post JSON with the first key and return status and parsed answer."""
        connection = self.connection()
        try:
            response = post(connection, path, body, self.key, **headers)
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def connection(self) -> HTTPConnection:
        """Return a connection to it, closed at the end of the test."""
        connection = HTTPConnection("127.0.0.1", int(self.url.rpartition(":")[2]), timeout=20)
        self._connections.append(connection)
        return connection

    def command(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a `laird` command on its home."""
        return laird_command(self.home, *arguments, check=check)


def post(
    connection: HTTPConnection, path: str, body: object, key: str, **headers: str
) -> HTTPResponse:
    """Post JSON with a key."""
    sent = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("POST", path, json.dumps(body).encode(), sent)
    return connection.getresponse()


def laird_command(
    home: Path, *arguments: str, check: bool = True, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a `laird` command on a home."""
    done = subprocess.run(
        [sys.executable, "-m", "laird", *arguments, "--home", str(home)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **UNMEASURED, **(environment or {})},
    )
    if check:
        assert done.returncode == 0, done.stdout + done.stderr
    return done


@contextmanager
def laird_process(
    home: Path, document: str | None = None, *flags: str, environment: dict[str, str] | None = None
) -> Iterator[LairdProcess]:
    """Run `laird serve` for the length of a block; killed at its end if it still runs."""
    home.mkdir(parents=True, exist_ok=True)
    if document is not None:
        (home / "providers.yaml").write_text(document)
    process = LairdProcess(home, *flags, environment=environment).start()
    try:
        yield process
    finally:
        process.close()


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
