"""laird doctor: is everything in order?"""

from __future__ import annotations

import os
import platform
import shutil
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import typer

from laird import __version__
from laird.cli.channel import Channel, path_of
from laird.cli.context import HomeOption, JsonOption, command
from laird.cli.output import counted, print_json, shown
from laird.config.settings import Settings
from laird.domain.errors import LairdError
from laird.storage.lock import FILE_NAME, holder

_LOW_DISK_BYTES = 1024**3
_SIGNS = {"ok": "ok     ", "warning": "warning", "error": "ERROR  "}


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing looked at. `level` is ok, warning or error."""

    level: str
    subject: str
    detail: str


@command
def doctor(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Look at home, disk, document, database, ledger and every provider; exit 1 on an error."""
    settings = Settings.load({"home": home})
    findings = [*_machine(), *_home(settings)]
    if settings.home.exists():
        findings += _laird(Channel({"home": home}, settings.home))
    report(findings, as_json=as_json)


def report(findings: list[Finding], *, as_json: bool) -> None:
    """Print what was found; the command ends with 1 where something is an error."""
    if as_json:
        print_json([msgspec.to_builtins(one) for one in findings])
    else:
        for one in findings:
            for line in one.detail.splitlines():
                typer.echo(f"{_SIGNS[one.level]}  {one.subject}: {shown(line)}")
    if any(one.level == "error" for one in findings):
        raise typer.Exit(1)


def _machine() -> Iterator[Finding]:
    python = platform.python_version()
    yield Finding(
        level="ok", subject="laird", detail=f"{__version__}, Python {python}, {sys.platform}"
    )


def _home(settings: Settings) -> Iterator[Finding]:
    home = settings.home
    if not home.exists():
        yield Finding(level="ok", subject="home", detail=f"{home} will be made at the first start")
        return
    mode = stat.S_IMODE(home.stat().st_mode)
    if not home.is_dir():
        yield Finding(level="error", subject="home", detail=f"{home} is not a directory")
        return
    if mode & 0o077:
        detail = f"{home} can be read by others ({mode:o}); chmod 700 {home}"
        yield Finding(level="warning", subject="home", detail=detail)
    elif not os.access(home, os.W_OK):
        yield Finding(level="error", subject="home", detail=f"{home} can't be written")
    else:
        yield Finding(level="ok", subject="home", detail=str(home))
    yield _disk(home)
    running = holder(home / FILE_NAME)
    detail = f"running as process {running}" if running is not None else "not running"
    yield Finding(level="ok", subject="server", detail=detail)


def _disk(home: Path) -> Finding:
    free = shutil.disk_usage(home).free
    level = "ok" if free > _LOW_DISK_BYTES else "warning"
    return Finding(level=level, subject="disk", detail=f"{free / 1024**3:.1f} GiB free")


def _laird(way: Channel) -> Iterator[Finding]:
    try:
        system = way.get("/api/system")
    except LairdError as error:
        yield Finding(level="error", subject="laird", detail=error.message)
        return
    configuration = system["configuration"]
    if configuration["error"] is not None:
        yield Finding(level="error", subject="document", detail=configuration["error"])
    else:
        providers = counted(configuration["providers"], "provider")
        models = counted(configuration["models"], "model")
        detail = f"{configuration['file']}: {providers}, {models}"
        yield Finding(level="ok", subject="document", detail=detail)
    for warning in configuration["warnings"]:
        yield Finding(level="warning", subject="document", detail=warning)
    for warning in system["database_warnings"]:
        yield Finding(level="warning", subject="database", detail=warning)
    ledger = system["ledger"]
    if ledger["last_error"] is not None:
        yield Finding(level="error", subject="ledger", detail=ledger["last_error"])
    else:
        waiting = f"{ledger['pending_records']} records wait for the ledger"
        yield Finding(level="ok", subject="ledger", detail=waiting)
    yield from _providers(way)


def _providers(way: Channel) -> Iterator[Finding]:
    for provider in way.get("/api/providers")["providers"]:
        subject = f"provider {provider['id']}"
        if not provider["enabled"]:
            yield Finding(level="ok", subject=subject, detail="disabled")
            continue
        found = way.call("POST", path_of("providers", provider["id"], "test"))
        if found["ok"]:
            listed = f"{len(found['models'])} models, {found['latency_ms']:.0f} ms"
            yield Finding(level="ok", subject=subject, detail=f"answers: {listed}")
        else:
            yield Finding(level="error", subject=subject, detail=found["error"])
