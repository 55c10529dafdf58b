"""Answering one administration request without a server, for the command line."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import unquote

from laird.config.settings import Settings
from laird.domain.errors import StartError
from laird.storage.lock import FILE_NAME, HomeLock, holder
from laird.telemetry.logs import configure_logging, get_logger
from laird.wiring.program import open_program

CONTROL = "control.sock"
"""The control socket's name in the home."""

_log = get_logger("offline")


def offline_call(
    flags: Mapping[str, Any],
) -> Callable[[str, str, bytes | None], tuple[int, bytes]]:
    """Return a function that answers one request (method, path, body) as (status, body).

    It holds the home's lock meanwhile. A broken document is no obstacle: the configuration is empty
    then, and says why. Raises a `LairdError` when the home can't be opened.
    """

    def answer(method: str, target: str, body: bytes | None) -> tuple[int, bytes]:
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
            return asyncio.run(_answer(settings, method, target, body))

    return answer


async def _answer(
    settings: Settings, method: str, target: str, body: bytes | None
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
    status = 500
    parts: list[bytes] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": body or b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        else:
            parts.append(message.get("body", b""))

    async with open_program(settings, serving=False) as program:
        try:
            await program.app(scope, receive, send)
        except Exception:  # noqa: BLE001 - answered with 500 already, and raised for a server's log
            _log.debug("defect", exc_info=True)
    return status, b"".join(parts)
