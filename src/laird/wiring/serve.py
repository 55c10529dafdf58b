"""Serving: from settings to a server that has stopped in good order."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import uvloop
from sqlalchemy import Connection

from laird import __version__
from laird.api.server import Server, listen, listen_locally, make_room_for
from laird.audit.store import record
from laird.config.settings import Settings
from laird.domain.people import OWNER, Deed
from laird.keys import store
from laird.keys.draft import KeyDraft, NewKey
from laird.keys.follow import refresh
from laird.storage.lock import CONTROL, FILE_NAME, HomeLock
from laird.telemetry.logs import configure_logging, get_logger
from laird.wiring.late import calm_collector
from laird.wiring.program import Program, open_program

_log = get_logger("server")

Announce = Callable[[str, str | None, str | None], None]
"""Called once the server answers, with its URL, the first key's text if one was made now, and the
link for the first administrator while there is none."""


def serve(flags: Mapping[str, Any], announce: Announce) -> None:
    """Serve until SIGTERM or SIGINT. Raises a `LairdError` when that can't begin."""
    settings = Settings.load(flags)
    configure_logging(settings.log_level, settings.log_format)
    settings.prepare_home()
    with HomeLock(settings.home / FILE_NAME):
        uvloop.run(_serve(settings, announce))


async def _serve(settings: Settings, announce: Announce) -> None:
    public = listen(settings.host, settings.port)
    control_path = settings.home / CONTROL
    with contextlib.closing(public), contextlib.closing(listen_locally(control_path)) as control:
        try:
            async with open_program(settings, serving=True) as program:
                first_key = await _first_key(program)
                url = _url(public)
                program.site.listens_at(url)
                setup_link = await _setup_link(program)
                calm_collector()

                def started() -> None:
                    announce(url, first_key, setup_link)
                    _log.info("serving", version=__version__, url=url, pid=os.getpid())

                await Server(
                    program.app,
                    public=public,
                    control=control,
                    drain=lambda: _drain(program),
                    on_started=started,
                    max_connections=_most_connections(settings),
                ).serve()
        finally:
            control_path.unlink(missing_ok=True)


def _most_connections(settings: Settings) -> int:
    most = make_room_for(settings.max_connections)
    if most < settings.max_connections:
        _log.warning(
            f"the system's limit of open files is enough for {most} connections only; raise it"
            " (ulimit -n) or lower LAIRD_MAX_CONNECTIONS"
        )
    return most


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def _first_key(program: Program) -> str | None:
    """Make a key when there is none yet, so that a new home can be used at once."""
    if len(program.keys):
        return None
    draft = KeyDraft(name="default")
    made = await program.database.write(partial(_make_key, draft))
    await refresh(program.keys, program.database)
    return made.text.reveal()


def _make_key(draft: KeyDraft, connection: Connection) -> NewKey:
    now_us = time.time_ns() // 1000
    made = store.create(connection, draft, now_us)
    deed = Deed(
        at_us=now_us,
        action="key.create",
        by=OWNER,
        object_type="key",
        object_id=made.key.id,
        object_name=made.key.name,
        address="",
        summary=f"the key {made.key.name} was made at the first start",
        after={"name": made.key.name, "scopes": sorted(made.key.scopes)},
    )
    record(connection, deed)
    return made


async def _setup_link(program: Program) -> str | None:
    """Make a link for the first administrator while there is none; earlier ones end."""
    if program.reception.table.has_administrator:
        return None
    made = await program.reception.links.setup(OWNER)
    return f"{program.site.url}{made.path}"


async def _drain(program: Program) -> None:
    active = program.gateway.active
    _log.info("stopping", under_way=active, drain_seconds=program.settings.drain_seconds)
    cut = await program.gateway.drain(program.settings.drain_seconds)
    if cut:
        _log.warning("cut requests that did not end in time", count=cut)
