"""One llama.cpp process, from the side of its parent: started, watched and ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, cast

import msgspec

from laird.domain.local_models import RunnableModel
from laird.domain.secret import Secret
from laird.runtime.run_log import RunLog
from laird.transport.base import Origin
from laird.transport.processes import end

DEFAULT_CONTEXT = 4096
"""Tokens for each slot where a model's settings say nothing."""
_CHILD = str(Path(__file__).with_name("child.py"))
_OURS = re.compile(r"^(LAIRD_|PROVIDER_)|KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL", re.IGNORECASE)
_STOP_S = 5.0


class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """All that the process is told, as one line of JSON."""

    path: str
    alias: str
    key: str
    slots: int
    context: int
    """Tokens for each slot."""
    gpu_layers: int | None
    """-1 for all, None for as many as fit."""
    threads: int | None
    """None for one on each physical core."""
    embeddings: bool
    parent: int
    """The process id of whoever starts it."""
    import_from: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Launch({self.alias})"


class StartFailed(Exception):
    """The process did not come to answer; the message says why, in words for people."""


class LlamaProcess:
    """The process of one model. `start` it once, then `wait` for its end, or `stop` it."""

    def __init__(self, model: RunnableModel, log: RunLog, *, threads: int | None = None) -> None:
        self.model = model
        self.log = log
        self.key = Secret(secrets.token_urlsafe(32))
        """What requests to it must carry, as a bearer token."""
        self.origin = Origin("http", "127.0.0.1", 0)
        """Where it answers; port 0 until it does."""
        self.loaded_ms = 0.0
        self._threads = threads
        self._process: Process | None = None
        self._stopped = False

    @property
    def pid(self) -> int | None:
        """Its process id, None before it was started."""
        return self._process.pid if self._process is not None else None

    async def start(self, limit_s: float) -> None:
        """Start it and wait until it answers, at most `limit_s` seconds.

        Raises `StartFailed`. When it fails or is cancelled, no process is left. It must be called
        on a thread that stays: on Linux the process ends with the thread that started it.
        """
        began = time.perf_counter()
        try:
            process = await self._spawn()
        except OSError as problem:
            raise StartFailed(f"its process can't be started ({problem})") from None
        try:
            async with asyncio.timeout(limit_s):
                port = await self._ready(process)
        except BaseException as problem:
            await end(process)
            if isinstance(problem, TimeoutError):
                raise StartFailed(f"it was not loaded within {limit_s:g} s") from None
            raise
        self.origin = Origin("http", "127.0.0.1", port)
        self.loaded_ms = (time.perf_counter() - began) * 1000

    async def wait(self) -> str:
        """Wait for its end and say how it ended: `with status 1`, `by signal 9 (SIGKILL)`."""
        return ending(await cast("Process", self._process).wait())

    async def stop(self, limit_s: float = _STOP_S) -> None:
        """End it: it is asked to, and after `limit_s` seconds it has to."""
        self._stopped = True
        process = self._process
        if process is None:
            return  # `start` sees to it
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(limit_s):
                await process.wait()
        except TimeoutError:
            await end(process)

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def _spawn(self) -> Process:
        log = self._prepared()
        try:
            self._process = process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-I",
                "-S",
                _CHILD,
                stdin=PIPE,
                stdout=PIPE,
                stderr=log,
                env=environment(os.environ),
                # A Ctrl-C in the terminal is for Laird, which lets requests end first.
                start_new_session=sys.platform != "win32",
            )
        finally:
            os.close(log)
        return process

    def _prepared(self) -> int:
        if not Path(self.model.path).is_file():
            raise StartFailed(f"the file {self.model.path} is not there; download it again")
        return self.log.open()

    async def _ready(self, process: Process) -> int:
        """Tell the process what to do, and return the port on which it answers."""
        if self._stopped:
            raise StartFailed("it was stopped before it began")
        # The pipe stays open as long as we live: its end is the process's end.
        cast("asyncio.StreamWriter", process.stdin).write(
            msgspec.json.encode(self.launch()) + b"\n"
        )
        try:
            line = await cast("asyncio.StreamReader", process.stdout).readline()
            whole = line.endswith(b"\n")
            answer = msgspec.json.decode(line, type=_Answer) if whole else None
        except ValueError:  # more than a line can have, or no such answer
            raise StartFailed("its process gave an answer that can't be read") from None
        if answer is None:
            how = ending(await process.wait())
            cause = self.log.complaint() or "memory may have run out"
            raise StartFailed(f"its process ended {how} while it was loaded: {cause}")
        if answer.port is not None:
            return answer.port
        raise StartFailed(self.log.complaint() or answer.problem or "it gave no reason")

    def launch(self) -> Launch:
        """Return what the process is told."""
        settings = self.model.settings
        return Launch(
            path=self.model.path,
            alias=self.model.id,
            key=self.key.reveal(),
            slots=settings.slots,
            context=settings.context_size or DEFAULT_CONTEXT,
            gpu_layers=settings.gpu_layers,
            threads=self._threads,
            embeddings=self.model.embeddings,
            parent=os.getpid(),
            import_from=tuple(sys.path),
        )


class _Answer(msgspec.Struct):
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] | None = None
    problem: str | None = None


def ending(status: int) -> str:
    """Say how a process ended, from the status that Python gives."""
    if status >= 0:
        return f"with status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = "unknown"
    return f"by signal {-status} ({name})"


def environment(ours: Mapping[str, str]) -> dict[str, str]:
    """Return what of our environment the process gets: nothing that may hold a credential."""
    return {name: value for name, value in ours.items() if not _OURS.search(name)}
