"""Answering administration requests without a server, for the command line."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import AsyncExitStack, contextmanager
from typing import Any, Protocol
from urllib.parse import unquote

from laird.config.settings import Settings
from laird.domain.errors import LairdError, StartError, StorageUnavailable
from laird.storage.lock import CONTROL, FILE_NAME, HomeLock, holder
from laird.telemetry.logs import configure_logging, get_logger
from laird.wiring.program import Program, open_program

_log = get_logger("offline")


class Sink(Protocol):
    """Takes an answer that may be too long to be held."""

    def head(self, headers: Mapping[str, str]) -> None:
        """Take the headers, by lower-case name, before the first piece."""
        ...

    def write(self, piece: bytes) -> object:
        """Take a piece of the body."""
        ...


class OfflineCall(Protocol):
    """Answers one request (method, path with query, body) as (status, body).

    A good answer is given to `sink`, where there is one, instead of being returned.
    """

    def __call__(
        self, method: str, target: str, body: bytes | None, sink: Sink | None = None
    ) -> tuple[int, bytes]:
        """Answer."""
        ...


def offline_call(flags: Mapping[str, Any]) -> OfflineCall:
    """Return a function that answers one request.

    It holds the home's lock meanwhile. A broken document is no obstacle: the configuration is empty
    then, and says why. Raises a `LairdError` when the home can't be opened.
    """

    def answer(
        method: str, target: str, body: bytes | None, sink: Sink | None = None
    ) -> tuple[int, bytes]:
        with _held(flags) as settings:
            return asyncio.run(_answered(settings, method, target, body, sink))

    return answer


class OfflineSession:
    """One program that answers several requests, so that what one begins goes on.

    It goes on only while a request is answered and while `rest` waits.
    """

    def __init__(self, runner: asyncio.Runner, program: Program) -> None:
        self._runner = runner
        self._program = program

    def answer(
        self, method: str, target: str, body: bytes | None, sink: Sink | None = None
    ) -> tuple[int, bytes]:
        """Answer one request; see `OfflineCall`."""
        return self._runner.run(_answer(self._program, method, target, body, sink))

    def rest(self, seconds: float) -> None:
        """Let what was begun go on for so long."""
        self._runner.run(asyncio.sleep(seconds))


@contextmanager
def offline_session(flags: Mapping[str, Any]) -> Iterator[OfflineSession]:
    """Hold the home, and answer requests until the block ends.

    Raises a `LairdError` when the home can't be opened.
    """
    with _held(flags) as settings, asyncio.Runner() as runner:
        stack = AsyncExitStack()
        program = runner.run(stack.enter_async_context(open_program(settings, serving=False)))
        try:
            yield OfflineSession(runner, program)
        finally:
            runner.run(stack.aclose())


@contextmanager
def _held(flags: Mapping[str, Any]) -> Iterator[Settings]:
    """Hold the home's lock."""
    settings = Settings.load(flags)
    # What a server would tell its log is in the answer; only the curious see more than errors.
    level = "debug" if settings.log_level == "debug" else "error"
    configure_logging(level, settings.log_format)
    settings.prepare_home()
    lock = settings.home / FILE_NAME
    if holder(lock) is not None:
        raise StartError(
            f"Laird runs in {settings.home} but does not answer: it is starting or stopping, or"
            " another command is at work. Try again in a moment."
        )
    with HomeLock(lock):
        yield settings


async def _answered(
    settings: Settings, method: str, target: str, body: bytes | None, sink: Sink | None
) -> tuple[int, bytes]:
    async with open_program(settings, serving=False) as program:
        return await _answer(program, method, target, body, sink)


async def _answer(
    program: Program, method: str, target: str, body: bytes | None, sink: Sink | None
) -> tuple[int, bytes]:
    path, _, query = target.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "scheme": "http",
        "server": (CONTROL, None),
        "client": None,
        "headers": [(b"content-type", b"application/json"), (b"host", b"laird")],
    }
    answer = _Answer(body, sink)
    try:
        await program.app(scope, answer.receive, answer.send)
    except Exception:  # noqa: BLE001 - answered with 500 already, and raised for a server's log
        _log.debug("defect", exc_info=True)
    if answer.problem is not None:
        raise answer.problem
    if not answer.whole:
        raise StorageUnavailable("The answer broke off. Run the command again.")
    return answer.status, b"".join(answer.parts)


class _Answer:
    """What ASGI calls receive and send, for one request and the answer to it."""

    def __init__(self, body: bytes | None, sink: Sink | None) -> None:
        self.status = 500
        self.parts: list[bytes] = []
        self.whole = False
        self.problem: LairdError | None = None
        self._body = body
        self._sink = sink
        self._asked = False

    async def receive(self) -> MutableMapping[str, Any]:
        """Return the request's body; after that nothing happens until the answer is whole."""
        if self._asked:
            await asyncio.get_running_loop().create_future()
        self._asked = True
        return {"type": "http.request", "body": self._body or b"", "more_body": False}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """Take a part of the answer."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if self.status >= 400:
                self._sink = None
            if self._sink is not None:
                headers = {name.decode(): value.decode() for name, value in message["headers"]}
                self._sink.head(headers)
            return
        piece = message.get("body", b"")
        if self._sink is not None:
            self._pour(piece, self._sink)
        else:
            self.parts.append(piece)
        self.whole = not message.get("more_body", False)

    def _pour(self, piece: bytes, sink: Sink) -> None:
        try:
            sink.write(piece)
        except LairdError as problem:
            # On its way through the application it would become a defect.
            self.problem = problem
            raise
