"""How a command reaches Laird: a running server by its control socket, else the home itself.

Every command speaks to the same administration API. While a server holds the home, the request goes
to it; when none does, the same application answers in this process.
"""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, urlencode

from laird.cli.late import Late
from laird.domain.errors import LairdError, Problem
from laird.storage.lock import CONTROL

if TYPE_CHECKING:
    from laird.wiring import offline
    from laird.wiring.offline import Sink
else:
    offline = Late("laird.wiring.offline")

TIMEOUT_S = 60.0
"""Seconds that a server may take for an answer."""
_PIECE = 64 * 1024


class Answering(Protocol):
    """Answers an administration request (method, path with query, body) as (status, body).

    A good answer is given to `sink`, where there is one, instead of being returned.
    """

    def __call__(
        self, method: str, target: str, body: bytes | None, sink: Sink | None = None
    ) -> tuple[int, bytes]:
        """Answer."""
        ...


class CommandFailed(LairdError):
    """The administration API refused; carries its message, code and status.

    `problems` are those of a document that is wrong.
    """

    def __init__(
        self, message: str, *, code: str, status: int, problems: tuple[Problem, ...] = ()
    ) -> None:
        super().__init__(message)
        self.refusal = code
        self.status = status
        self.problems = problems


class ServerLost(LairdError):
    """A server took the request and did not answer it."""


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("laird", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def _by_socket(path: Path, timeout_s: float) -> Answering | None:
    """Return a way to the server that listens at `path`, or None when none does."""
    probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        probe.connect(str(path))
    except OSError:
        return None
    finally:
        probe.close()

    def answer(
        method: str, target: str, body: bytes | None, sink: Sink | None = None
    ) -> tuple[int, bytes]:
        connection = _UnixConnection(path, timeout_s)
        try:
            headers = {"content-type": "application/json"} if body is not None else {}
            connection.request(method, target, body, headers)
            response = connection.getresponse()
            if sink is not None and response.status < 400:
                return response.status, _poured(response, sink)
            return response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            raise ServerLost(
                f"The server at {path} did not answer ({str(error) or type(error).__name__})."
                " Look at its log, and try again."
            ) from None
        finally:
            connection.close()

    return answer


def _poured(response: http.client.HTTPResponse, sink: Sink) -> bytes:
    sink.head({name.lower(): value for name, value in response.getheaders()})
    while piece := response.read(_PIECE):
        sink.write(piece)
    return b""


def path_of(*parts: str) -> str:
    """Return a path of the administration API, each part quoted."""
    return "/api/" + "/".join(quote(part, safe="") for part in parts)


class Channel:
    """Administration requests of one command.

    A server is waited for `timeout_s` seconds at each of them.
    """

    def __init__(
        self, flags: Mapping[str, object], home: Path, timeout_s: float = TIMEOUT_S
    ) -> None:
        server = _by_socket(home / CONTROL, timeout_s)
        self.served = server is not None
        """A server answers, and what is begun goes on after the command."""
        self.rest: Callable[[float], None] = time.sleep
        """Waits for so many seconds; what a session's requests have begun goes on meanwhile."""
        self._flags = flags
        self._answer: Answering = server or offline.offline_call(flags)

    @contextmanager
    def session(self) -> Iterator[None]:
        """Where no server runs, let what a request begins go on until the block ends."""
        if self.served:
            yield
            return
        before = self._answer
        with offline.offline_session(self._flags) as session:
            self._answer, self.rest = session.answer, session.rest
            try:
                yield
            finally:
                self._answer, self.rest = before, time.sleep

    def get(self, path: str, **query: object) -> Any:
        """Read; query values of None are left out."""
        return self.call("GET", path, **query)

    def call(self, method: str, path: str, body: object = None, **query: object) -> Any:
        """Make one request and return the parsed answer. Raises a `LairdError`."""
        return self._call(method, path, None if body is None else json.dumps(body).encode(), query)

    def upload(self, path: str, content: bytes, **query: object) -> Any:
        """Post a file as it is. A list in the query is given once for each of its members."""
        return self._call("POST", path, content, query)

    def _call(self, method: str, path: str, raw: bytes | None, query: Mapping[str, object]) -> Any:
        asked = {name: value for name, value in query.items() if value is not None}
        target = f"{path}?{urlencode(asked, doseq=True)}" if asked else path
        status, answer = self._answer(method, target, raw)
        try:
            parsed: Any = json.loads(answer)
        except ValueError:
            raise ServerLost(f"Laird answered {status}, but not in its own form.") from None
        if status >= 400:
            raise _refusal(status, parsed["error"])
        return parsed

    def download(self, path: str, query: Mapping[str, object], sink: Sink) -> None:
        """Read a file piece by piece. A list in the query is given once for each of its members.

        Raises a `LairdError`, also in the midst of the file.
        """
        asked = {name: value for name, value in query.items() if value is not None}
        target = f"{path}?{urlencode(asked, doseq=True)}"
        status, answer = self._answer("GET", target, None, sink)
        if status >= 400:
            raise _refusal(status, json.loads(answer)["error"])


def _refusal(status: int, error: Mapping[str, Any]) -> CommandFailed:
    problems = tuple(Problem(**problem) for problem in error.get("problems", ()))
    return CommandFailed(error["message"], code=error["code"], status=status, problems=problems)
