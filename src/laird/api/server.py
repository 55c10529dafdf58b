"""The HTTP server: uvicorn on two sockets, with our way to stop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import uvicorn

from laird.api.connection import Protocol
from laird.api.patience import USUAL, Patience, Watch
from laird.domain.errors import StartError

_BACKLOG = 2048
_OTHER_FILES = 256
"""Open files beside connections: the database, the journal, the log."""

Drain = Callable[[], Awaitable[None]]


def listen(host: str, port: int) -> socket.socket:
    """Bind the public socket. Raises `StartError` that says what to do when that fails."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise StartError(
            f"Can't listen on {host}:{port} ({error.strerror or error})."
            " Stop what uses it, or choose another with --port or LAIRD_PORT."
        ) from None
    listener.setblocking(False)  # noqa: FBT003 - the socket module's own signature
    return listener


def listen_locally(path: Path) -> socket.socket:
    """Bind the control socket, for the owner of the home only. Raises `StartError`."""
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    except OSError as error:
        listener.close()
        raise StartError(
            f"Can't make the control socket {path} ({error.strerror or error})."
            " Choose a shorter or writable home with --home or LAIRD_HOME."
        ) from None
    finally:
        os.umask(before)
    listener.listen(_BACKLOG)
    listener.setblocking(False)  # noqa: FBT003 - the socket module's own signature
    return listener


def make_room_for(connections: int) -> int:
    """Have the system let this process open files for so many clients, and return for how many.

    A client's request needs a connection to a provider as well.
    """
    wanted = 2 * connections + _OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return connections
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        soft = most
    return max(1, min(connections, (soft - _OTHER_FILES) // 2))


class Server(uvicorn.Server):
    """Serves the public socket and the control socket, and drains before it stops."""

    def __init__(
        self,
        app: object,
        *,
        public: socket.socket,
        control: socket.socket | None,
        drain: Drain,
        on_started: Callable[[], None],
        max_connections: int | None = None,
        patience: Patience = USUAL,
    ) -> None:
        """`max_connections` are the most on the public socket; None is any number."""
        super().__init__(
            uvicorn.Config(
                app,  # type: ignore[arg-type]  # our ASGI types are narrower than uvicorn's
                http=Protocol,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=False,
                proxy_headers=False,
                limit_concurrency=max_connections,
                timeout_graceful_shutdown=1,
            )
        )
        self._public = public
        self._control = control
        self._drain = drain
        self._on_started = on_started
        self._patience = patience
        self._watching: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept on both sockets."""
        await super().startup(sockets=[self._public, *(sockets or [])])
        if self._control is not None:
            loop = asyncio.get_running_loop()
            self.servers.append(await loop.create_unix_server(self._protocol, sock=self._control))
        connections: Any = self.server_state.connections
        self._watching = asyncio.create_task(Watch(connections, self._patience).run())
        self._on_started()

    def _protocol(self) -> Protocol:
        return Protocol(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept nothing new, let requests under way finish or be cut, then close."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await self._drain()
        await super().shutdown(sockets=sockets)
        if self._watching is not None:
            self._watching.cancel()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGTERM and SIGINT; a second SIGINT stops at once. Only the main thread hears."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)
