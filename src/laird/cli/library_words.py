"""How the library's commands say sizes, counts and times, and which model or download is meant."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import typer

from laird.cli.channel import Channel
from laird.cli.late import Late
from laird.domain.errors import InvalidRequest, NotFound

if TYPE_CHECKING:
    from laird.config import document
else:
    document = Late("laird.config.document")

FITS = {"fits": "fits", "tight": "tight", "too_big": "too big"}
"""What a verdict is called in tables."""
_NEAREST = 3
_COUNT = re.compile(r"(\d+(?:\.\d+)?)\s*([kmbt]?)", re.IGNORECASE)
_SCALES = {"": 1, "k": 10**3, "m": 10**6, "b": 10**9, "t": 10**12}


def bytes_text(count: float) -> str:
    """Return a number of bytes in the decimal units that disks are sold by: `4.4 GB`."""
    for unit, scale in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= scale:
            return f"{count / scale:.1f} {unit}"
    return f"{count:.0f} bytes"


def memory_text(count: int) -> str:
    """Return a number of bytes of memory: `7.6 GiB`."""
    return f"{count / 1024**3:.1f} GiB"


def count_text(count: int | None) -> str | None:
    """Return a number of weights or of downloads: `7.2B`, `135M`, `812`."""
    if count is None:
        return None
    for unit, scale in (("B", 10**9), ("M", 10**6), ("k", 10**3)):
        if count >= scale:
            return f"{count / scale:.1f}".removesuffix(".0") + unit
    return str(count)


def read_count(text: str) -> int:
    """Read a number of weights: `500M`, `1.5B`, `7b`. Raises `typer.BadParameter`."""
    found = _COUNT.fullmatch(text.strip())
    if found is None:
        raise typer.BadParameter(f"'{text}' is no number of parameters; write it as 500M or 7B.")
    return round(float(found[1]) * _SCALES[found[2].lower()])


def span_text(seconds: float) -> str:
    """Return a span of time: `8 s`, `2 min 05 s`, `1 h 12 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def model_named(way: Channel, name: str) -> str:
    """Return the id of the installed model that a name means: its id, or how it is asked.

    Raises `NotFound`, with the names that are nearest.
    """
    wanted = name.lower()
    models = way.get("/api/library/models")["models"]
    for model in models:
        if wanted in {model["id"].lower(), (model["model"] or "").lower()}:
            found: str = model["id"]
            return found
    hint = nearest(name, [model["id"] for model in models])
    raise NotFound(
        f"No installed model is called '{name[:100]}'.{hint} laird library list shows them."
    )


def repository_named(way: Channel, name: str) -> str:
    """Return the `owner/name` that is meant: itself, or the short name of a recommended model.

    Raises `NotFound`, with the short names that are nearest.
    """
    if "/" in name:
        return name
    known = {each["id"]: each for each in way.get("/api/library/recommended")["models"]}
    if name.lower() in known:
        repository: str = known[name.lower()]["repository"]
        return repository
    raise NotFound(
        f"'{name[:100]}' is no recommended model, nor a repository's owner/name."
        f"{nearest(name, known)} laird library search lists models."
    )


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a question that names what may have been meant, with a space before it, or nothing."""
    names = sorted(known)
    parts = [each for each in names if name.lower() in each.lower()]
    if parts:
        shown = "' or '".join(parts[:_NEAREST])
        return f" Did you mean '{shown}'?"
    question = document.did_you_mean(name, names)
    return f" {question}" if question else ""


def download_named(way: Channel, name: str) -> dict[str, Any]:
    """Return the download that a name means: by the beginning of its id, or a part of its names.

    Those that have ended are found by their ids only. Raises `InvalidRequest` where there is none,
    or more than one.
    """
    wanted = name.lower()
    listed = way.get("/api/library/downloads")["downloads"]
    found = [each for each in listed if each["id"].startswith(wanted)] or [
        each
        for each in listed
        if each["state"] not in {"done", "cancelled"}
        and any(wanted in text.lower() for text in (each["repository"], *each["files"]))
    ]
    if not found:
        raise InvalidRequest(f"No download is called '{name}'. laird library downloads lists them.")
    if len(found) > 1:
        ids = ", ".join(each["id"] for each in found)
        raise InvalidRequest(f"'{name}' may be one of {len(found)} downloads: {ids}.")
    one: dict[str, Any] = found[0]
    return one
