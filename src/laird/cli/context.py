"""What all commands share: where the home is, how to print, and how errors end a command."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, ParamSpec

import typer

from laird.cli.channel import TIMEOUT_S, Channel, CommandFailed
from laird.cli.output import fail
from laird.config.settings import SETTINGS, Settings
from laird.domain.errors import LairdError

P = ParamSpec("P")


def setting_help(field: str) -> str:
    """Return the help of a setting: its meaning, its variable and its default."""
    row = next(row for row in SETTINGS if row.field == field)
    return f"{row.meaning} ({row.name}; default {row.default})"


HomeOption = Annotated[Path | None, typer.Option("--home", help=setting_help("home"))]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def channel(home: Path | None, timeout_s: float = TIMEOUT_S) -> Channel:
    """Return the way to the Laird of that home; a server may take `timeout_s` for each answer."""
    flags = {"home": home}
    return Channel(flags, Settings.load(flags).home, timeout_s)


def command(work: Callable[P, None]) -> Callable[P, None]:
    """Make a function a command whose errors are lines on standard error.

    The exit code is 2 for what the caller has to write differently, else 1.
    """

    @wraps(work)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            work(*args, **kwargs)
        except LairdError as error:
            fail(error.message)
            raise typer.Exit(2 if _is_usage(error) else 1) from None

    return run


def _is_usage(error: LairdError) -> bool:
    return isinstance(error, CommandFailed) and error.status == 400
