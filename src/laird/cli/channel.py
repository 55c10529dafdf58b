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
from urllib.parse import urlencode

from laird.domain.errors import LairdError
from laird.wiring.offline import offline_call

_TIMEOUT_S = 60.0

Answering = Callable[[str, str, bytes | None], tuple[int, bytes]]
"""Answers an administration request (method, path with query, body) as (status, body)."""


class CommandFailed(LairdError):
    """The administration API refused; carries its message, code and status."""

    def __init__(self, message: str, *, code: str, status: int) -> None:
        super().__init__(message)
        self.refusal = code
        self.status = status


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
        finally:
            connection.close()

    return answer


class Channel:
    """Administration requests of one command."""

    def __init__(self, flags: Mapping[str, object], home: Path) -> None:
        self._answer: Answering = _by_socket(home / "control.sock") or offline_call(flags)

    def get(self, path: str, **query: object) -> Any:
        """Read; query values of None are left out."""
        asked = {name: value for name, value in query.items() if value is not None}
        return self.call("GET", f"{path}?{urlencode(asked)}" if asked else path)

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Make one request and return the parsed answer. Raises `CommandFailed`."""
        raw = None if body is None else json.dumps(body).encode()
        status, answer = self._answer(method, path, raw)
        parsed: Any = json.loads(answer) if answer else None
        if status >= 400:
            error = parsed["error"]
            raise CommandFailed(error["message"], code=error["code"], status=status)
        return parsed
