"""laird usage export: the ledger as a file."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from laird.cli.context import HomeOption, channel, command
from laird.cli.output import note
from laird.domain.errors import LairdError

_STANDARD_OUTPUT = "-"


class NotWritten(LairdError):
    """The file can't be written."""


class _File:
    """Takes an export and writes it. See `laird.wiring.offline.Sink`."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.complete = True

    def head(self, headers: Mapping[str, str]) -> None:
        """Take note of whether the newest calls are in it."""
        self.complete = headers.get("x-laird-complete") != "false"

    def write(self, piece: bytes) -> None:
        """Write a piece."""
        try:
            self._file.write(piece)
        except OSError as error:
            raise _not_written(error) from None


@command
def export(
    *,
    form: Annotated[
        str, typer.Option("--format", help="csv for spreadsheets, jsonl for programs.")
    ] = "csv",
    output: Annotated[
        str, typer.Option(help="The file to write; - is the standard output.")
    ] = _STANDARD_OUTPUT,
    kept: Annotated[
        bool, typer.Option("--kept", help="Write kept requests and answers, as JSON lines.")
    ] = False,
    columns: Annotated[
        str | None, typer.Option(help="Which columns, in this order, with commas between.")
    ] = None,
    days: Annotated[int, typer.Option(help="How many days back.")] = 30,
    since: Annotated[str | None, typer.Option(help="From this time on (ISO 8601, UTC).")] = None,
    until: Annotated[str | None, typer.Option(help="Until this time (ISO 8601, UTC).")] = None,
    zone: Annotated[
        str | None, typer.Option(help="The zone of times that name none; UTC without it.")
    ] = None,
    provider: Annotated[
        list[str] | None, typer.Option(help="Only this provider; repeatable.")
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="Only this model, or provider/model; repeatable.")
    ] = None,
    key: Annotated[
        list[str] | None, typer.Option(help="Only this key, by name or id; repeatable.")
    ] = None,
    workflow: Annotated[
        list[str] | None, typer.Option(help="Only this workflow; repeatable.")
    ] = None,
    node: Annotated[list[str] | None, typer.Option(help="Only this node; repeatable.")] = None,
    status: Annotated[
        list[str] | None, typer.Option(help="Only attempts that ended so; repeatable.")
    ] = None,
    home: HomeOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format jsonl.")] = False,
) -> None:
    """Write the ledger to a file: a row for each attempt, oldest first."""
    query = {
        "format": "jsonl" if as_json else form,
        "columns": columns,
        "days": days,
        "since": since,
        "until": until,
        "provider": provider,
        "model": model,
        "key": key,
        "workflow": workflow,
        "node": node,
        "status": status,
        "zone": zone,
    }
    path = "/api/usage/requests/export" if kept else "/api/usage/export"
    way = channel(home)
    with opened(output) as file:
        way.download(path, query, file)
    if not file.complete:
        note("The database is away: the newest calls are not in this yet.")


@contextmanager
def opened(output: str) -> Iterator[_File]:
    """Open what is written to; a file is there whole, at the end, or is what it was before."""
    target = Path(output).resolve()
    if output == _STANDARD_OUTPUT:
        yield _File(sys.stdout.buffer)
        _flush(sys.stdout.buffer)
    elif target.exists() and not target.is_file():
        # A device or a pipe is not to be replaced by a file.
        try:
            with target.open("wb") as device:
                yield _File(device)
        except OSError as error:
            raise _not_written(error) from None
    else:
        yield from _replaced(target)


def _replaced(target: Path) -> Iterator[_File]:
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        raise _not_written(error) from None
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield _File(file)
            _flush(file)
            os.fsync(file.fileno())
        part.replace(target)
    except OSError as error:
        raise _not_written(error) from None
    finally:
        part.unlink(missing_ok=True)


def _flush(file: BinaryIO) -> None:
    try:
        file.flush()
    except OSError as error:
        raise _not_written(error) from None


def _not_written(error: OSError) -> NotWritten:
    return NotWritten(f"The export can't be written: {error.strerror or error}.")
