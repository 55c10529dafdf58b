"""What commands print: tables for people, JSON for programs, errors on one line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

_WIDE = 400


def print_json(value: object) -> None:
    """Print a value as JSON."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_rows(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], *, empty: str) -> None:
    """Print rows as a table of the named columns, or `empty` when there is none."""
    listed = list(rows)
    if not listed:
        typer.echo(empty)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in listed:
        table.add_row(*(shown(row.get(column)) for column in columns))
    # Away from a terminal nothing is folded, so that rows stay lines.
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDE)
    console.print(table)


def print_facts(facts: Mapping[str, Any]) -> None:
    """Print names and values, one a line."""
    width = max((len(name) for name in facts), default=0)
    for name, value in facts.items():
        typer.echo(f"{name.replace('_', ' '):<{width}}  {shown(value)}")


def shown(value: object) -> str:
    """Return a value as people read it."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.1f}"
    if isinstance(value, list | tuple):
        return ", ".join(shown(each) for each in value) or "-"
    return str(value)


def moment(at_us: int | None) -> str:
    """Return an instant (UTC microseconds) as `2026-11-21 20:40:36Z`, or `-`."""
    if at_us is None:
        return "-"
    return datetime.fromtimestamp(at_us / 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def fail(message: str) -> None:
    """Print an error on standard error."""
    typer.secho(f"laird: {message}", err=True, fg=typer.colors.RED if _colour() else None)


def _colour() -> bool:
    return Console(stderr=True).is_terminal
