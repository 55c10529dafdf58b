"""Opening Laird inside a program, and closing it in good order."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from laird.config.home import Home
from laird.config.memory_home import MemoryHome
from laird.config.rewrite import dump_yaml
from laird.config.settings import Settings
from laird.domain.errors import StartError
from laird.embed.gateway import Gateway
from laird.storage.lock import FILE_NAME, HomeLock
from laird.telemetry.logs import log_like_a_library
from laird.wiring.program import open_program

Config = str | os.PathLike[str] | Mapping[str, Any]


@asynccontextmanager
async def open(  # noqa: A001 - it is called as `laird.open`
    config: Config | None = None,
    *,
    home: str | os.PathLike[str] | None = None,
    temporary: bool = False,
    caller: str = "python",
    settings: Mapping[str, Any] | None = None,
) -> AsyncIterator[Gateway]:
    """Open Laird inside this program: no server, and the same routing, failover and accounts.

    At the end of the block, calls that are still under way get the time to finish that a stopping
    server gives them (`drain_seconds`), and none where the block ends with an error.

    Args:
        config: the document: a path, or its content as a mapping, which is in memory alone. None
            means the document of the home.
        home: where ledger, journal and keys are; None means `LAIRD_HOME`, or `~/.laird`.
        temporary: use a new home that is deleted at the end, for scripts and tests.
        caller: who makes the calls: the name of a key of this home, whose rules hold then, or any
            other name, which the ledger has as `caller:NAME`.
        settings: others of the server's settings, by field (`drain_seconds`, `database_url`).

    Raises:
        StartError: the home is in use, or can't be written; there is no such document.
        ConfigError: the document is wrong.
    """
    log_like_a_library()
    with ExitStack() as stack:
        if temporary:
            if home is not None:
                raise StartError("A home is given, so it can't be temporary: leave one of them out")
            made = tempfile.TemporaryDirectory(prefix="laird-", ignore_cleanup_errors=True)
            home = stack.enter_context(made)
        flags: dict[str, Any] = {**(settings or {}), "home": None if home is None else Path(home)}
        document: Home | None = None
        if isinstance(config, Mapping):
            document = MemoryHome(dump_yaml(dict(config)))
        elif config is not None:
            flags["config"] = _existing(Path(config))
        loaded = Settings.load(flags)
        loaded.prepare_home()
        stack.enter_context(_locked(loaded))
        async with open_program(
            loaded, serving=True, document=document, administered=False
        ) as program:
            try:
                yield Gateway(program, caller)
            except BaseException:
                await program.gateway.drain(0)
                raise
            await program.gateway.drain(loaded.drain_seconds)


def _existing(path: Path) -> Path:
    if not path.expanduser().exists():
        raise StartError(f"There is no document {path}")
    return path


def _locked(settings: Settings) -> HomeLock:
    lock = HomeLock(settings.home / FILE_NAME)
    try:
        lock.acquire()
    except StartError as error:
        raise StartError(
            f"{error.message}. A program beside a running server calls it by HTTP, or opens a home"
            " of its own: laird.open(…, home=…), or temporary=True"
        ) from None
    return lock
