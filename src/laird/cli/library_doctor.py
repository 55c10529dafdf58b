"""laird library doctor: can models run here, and is everything that is installed whole?"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from laird.cli.channel import Channel
from laird.cli.context import HomeOption, JsonOption, channel, command
from laird.cli.doctor import Finding, report
from laird.cli.library_words import bytes_text, memory_text
from laird.domain.errors import LairdError

_IMPORT_S = 60.0
_LOW_DISK_BYTES = 5 * 10**9
_LEVELS = 2
"""Folders above a model's file: the owner's and the repository's."""
# The way in which a model's own process begins.
_IMPORT = "import sys, json; sys.path[:] = json.loads(sys.argv[1]); import xllamacpp"


@command
def doctor(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Look at memory, disk, llama.cpp, the hub and every installed model; exit 1 on an error."""
    way = channel(home)
    with way.session():
        machine = way.get("/api/library/machine")
        findings = [
            *of_machine(machine),
            _runtime(),
            _hub(way),
            *of_folder(Path(machine["folder"])),
            *of_models(way.get("/api/library/models")["models"]),
        ]
    report(findings, as_json=as_json)


def of_folder(folder: Path) -> Iterator[Finding]:
    """Tell of files that somebody put where the library does not look."""
    for path in sorted(folder.rglob("*.gguf")):
        parts = path.relative_to(folder).parts
        if parts[0].startswith("."):
            continue
        if len(parts) <= _LEVELS:
            right = folder / "me" / "mine" / path.name
            detail = f"{path} is not looked at: move it into a folder of two levels, as {right}"
        elif not path.resolve().is_relative_to(folder.resolve()):
            detail = f"{path} is a link out of the library, which is not followed: copy the file"
        else:
            continue
        yield Finding(level="warning", subject="file", detail=detail)


def of_machine(machine: dict[str, Any]) -> Iterator[Finding]:
    """Say what the machine has for models."""
    memory = machine["memory"]
    if memory["total"]:
        free = f"{memory_text(memory['available'])} of {memory_text(memory['total'])} free"
        yield Finding(level="ok", subject="memory", detail=free)
    else:
        yield Finding(level="warning", subject="memory", detail="it can't be found out")
    processors = f"{machine['processors']}, {machine['architecture']}, {machine['system']}"
    yield Finding(level="ok", subject="processors", detail=processors)
    for gpu in machine["gpus"]:
        free = f"{gpu['name']}, {memory_text(gpu['free'])} of {memory_text(gpu['total'])} free"
        if gpu["usable"]:
            yield Finding(level="ok", subject="gpu", detail=free)
        else:
            detail = f"{free}; the installed llama.cpp can't use it"
            yield Finding(level="warning", subject="gpu", detail=detail)
    if not machine["gpus"]:
        yield Finding(level="ok", subject="gpu", detail="none; models run on the processors")
    level = "ok" if machine["disk_free"] > _LOW_DISK_BYTES else "warning"
    detail = (
        f"{bytes_text(machine['disk_free'])} of {bytes_text(machine['disk_total'])} free;"
        f" {bytes_text(machine['models_bytes'])} are models in {machine['folder']}"
    )
    yield Finding(level=level, subject="disk", detail=detail)
    yield Finding(level="ok", subject="fits", detail=machine["advice"])


def _runtime() -> Finding:
    """Try whether llama.cpp can be loaded as a model's process does it."""
    command_line = [sys.executable, "-I", "-S", "-c", _IMPORT, json.dumps(sys.path)]
    try:
        tried = subprocess.run(  # noqa: S603 - our own fixed command, without a shell
            command_line, capture_output=True, text=True, timeout=_IMPORT_S, check=False
        )
        version = metadata.version("xllamacpp")
    except (OSError, subprocess.SubprocessError, metadata.PackageNotFoundError) as problem:
        return Finding(level="error", subject="llama.cpp", detail=_reinstall(str(problem)))
    if tried.returncode != 0:
        said = tried.stderr.strip().splitlines()
        cause = said[-1] if said else f"its process ended with {tried.returncode}"
        return Finding(level="error", subject="llama.cpp", detail=_reinstall(cause))
    return Finding(level="ok", subject="llama.cpp", detail=f"xllamacpp {version} can be loaded")


def _reinstall(cause: str) -> str:
    return f"it can't be loaded ({cause}); install Laird again"


def _hub(way: Channel) -> Finding:
    try:
        way.get("/api/library/search", limit=1)
    except LairdError as problem:
        return Finding(level="warning", subject="hub", detail=problem.message)
    return Finding(level="ok", subject="hub", detail="answers")


def of_models(models: list[dict[str, Any]]) -> Iterator[Finding]:
    """Say of each installed model whether it can be run."""
    for model in models:
        subject = f"model {model['id']}"
        if model["problem"] is not None:
            yield Finding(level="error", subject=subject, detail=model["problem"])
        elif model["verdict"] is not None and model["verdict"]["fit"] == "too_big":
            yield Finding(level="warning", subject=subject, detail=model["verdict"]["reason"])
        else:
            checked = "" if model["verified"] else "; its bytes were never compared with the hub's"
            unoffered = "" if model["model"] else "; the document does not offer it"
            detail = f"{bytes_text(model['size'])}, whole{checked}{unoffered}"
            yield Finding(level="ok", subject=subject, detail=detail)
