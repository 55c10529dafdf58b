"""How a command reaches Laird: a running server by its control socket, else the home itself.

Every command speaks to the same administration API. While a server holds the home, the request goes
to it; when none does, the same application answers in this process.
"""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from laird.domain.errors import LairdError, Problem
from laird.wiring.offline import CONTROL, offline_call

_TIMEOUT_S = 60.0

Answering = Callable[[str, str, bytes | None], tuple[int, bytes]]
"""Answers an administration request (method, path with query, body) as (status, body)."""


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
    def __init__(self, path: Path) -> None:
        super().__init__("laird", timeout=_TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_TIMEOUT_S)
        self.sock.connect(str(self._path))


def _by_socket(path: Path) -> Answering | None:
    """Return a way to the server that listens at `path`, or None when none does."""
    probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        probe.connect(str(path))
    except OSError:
        return None
    finally:
        probe.close()

    def answer(method: str, target: str, body: bytes | None) -> tuple[int, bytes]:
        connection = _UnixConnection(path)
        try:
            headers = {"content-type": "application/json"} if body is not None else {}
            connection.request(method, target, body, headers)
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            raise ServerLost(
                f"The server at {path} did not answer ({str(error) or type(error).__name__})."
                " Look at its log, and try again."
            ) from None
        finally:
            connection.close()

    return answer


def path_of(*parts: str) -> str:
    """Return a path of the administration API, each part quoted."""
    return "/api/" + "/".join(quote(part, safe="") for part in parts)


class Channel:
    """Administration requests of one command."""

    def __init__(self, flags: Mapping[str, object], home: Path) -> None:
        self._answer: Answering = _by_socket(home / CONTROL) or offline_call(flags)

    def get(self, path: str, **query: object) -> Any:
        """Read; query values of None are left out."""
        return self.call("GET", path, **query)

    def call(self, method: str, path: str, body: object = None, **query: object) -> Any:
        """Make one request and return the parsed answer. Raises a `LairdError`."""
        asked = {name: value for name, value in query.items() if value is not None}
        target = f"{path}?{urlencode(asked)}" if asked else path
        raw = None if body is None else json.dumps(body).encode()
        status, answer = self._answer(method, target, raw)
        try:
            parsed: Any = json.loads(answer)
        except ValueError:
            raise ServerLost(f"Laird answered {status}, but not in its own form.") from None
        if status >= 400:
            raise _refusal(status, parsed["error"])
        return parsed


def _refusal(status: int, error: Mapping[str, Any]) -> CommandFailed:
    problems = tuple(Problem(**problem) for problem in error.get("problems", ()))
    return CommandFailed(error["message"], code=error["code"], status=status, problems=problems)
