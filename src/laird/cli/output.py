"""What commands print: tables for people, JSON for programs, errors on one line.

Much of it comes from elsewhere (names of keys, errors of providers), so what could steer a terminal
is taken out, and nothing is read as markup.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

_WIDE = 1000


def print_json(value: object) -> None:
    """Print a value as JSON."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_rows(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], *, empty: str) -> None:
    """Print rows as a table of the named columns, or `empty` when there is none."""
    listed = list(rows)
    if not listed:
        typer.echo(empty)
        return
    console = Console()
    table = Table(box=None, pad_edge=False, header_style="bold")
    cells = [[shown(row.get(column)) for column in columns] for row in listed]
    # The first is what people copy: where there is room, others are folded in its stead.
    whole = console.is_terminal and 2 * max(len(row[0]) for row in cells) <= console.width
    for at, column in enumerate(columns):
        table.add_column(column.replace("_", " "), overflow="fold", no_wrap=whole and at == 0)
    for row in cells:
        table.add_row(*map(Text, row))
    if console.is_terminal:
        console.print(table)
        return
    # Away from a terminal nothing is folded, so that a row stays a line.
    console = Console(width=_WIDE)
    with console.capture() as capture:
        console.print(table)
    typer.echo("\n".join(line.rstrip() for line in capture.get().splitlines()))


def print_facts(facts: Mapping[str, Any]) -> None:
    """Print names and values, one a line."""
    width = max((len(name) for name in facts), default=0)
    for name, value in facts.items():
        typer.echo(f"{name.replace('_', ' '):<{width}}  {shown(value)}")


def shown(value: object) -> str:
    """Return a value as people read it, on one line."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.1f}"
    if isinstance(value, list | tuple):
        return ", ".join(shown(each) for each in value) or "-"
    return printable(str(value))


def counted(number: int, thing: str) -> str:
    """Return how many there are of a thing, whose plural has an s: `1 model`, `2 models`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def printable(text: str) -> str:
    """Return a text without what could steer a terminal."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else " " for each in text)


def moment(at_us: int | None) -> str:
    """Return an instant (UTC microseconds) as `2026-11-21 20:40:36Z`, or `-`."""
    if at_us is None:
        return "-"
    return datetime.fromtimestamp(at_us / 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def fail(message: str) -> None:
    """Print an error on standard error: a line, or one for each thing that is wrong."""
    for line in message.splitlines():
        typer.secho(f"laird: {printable(line)}", err=True, fg=_red())


def note(message: str) -> None:
    """Print a remark on standard error, out of the way of what a program reads."""
    typer.echo(printable(message), err=True)


def _red() -> str | None:
    return typer.colors.RED if Console(stderr=True).is_terminal else None
