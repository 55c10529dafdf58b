"""laird config: the document."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import typer

from laird.cli.channel import Channel, CommandFailed, path_of
from laird.cli.context import HomeOption, JsonOption, channel, command
from laird.cli.late import Late
from laird.cli.output import counted, fail, moment, note, print_json, print_rows
from laird.config.settings import read_environment
from laird.config.yaml_source import decode
from laird.domain.errors import StartError

if TYPE_CHECKING:
    from laird.config import importers
    from laird.providers import registry
else:
    importers = Late("laird.config.importers")
    registry = Late("laird.providers.registry")

app = typer.Typer(help="The document, providers.yaml.", no_args_is_help=True)

_STANDARD_OUTPUT = Path("-")


@app.command("check")
@command
def check(
    file: Annotated[Path | None, typer.Argument(help="Another file than the one in use.")] = None,
    *,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check the document; exit 1 and name every mistake with its line and what to do."""
    way = channel(home)
    path = file if file is not None else Path(way.get("/api/config")["file"])
    try:
        found = way.call("POST", "/api/config/check", {"document": _read(path)})
    except CommandFailed as refused:
        if not refused.problems:
            raise
        _print_problems(path, refused, as_json=as_json)
        raise typer.Exit(1) from None
    if as_json:
        print_json({"ok": True, "file": str(path), **found})
        return
    counts = [counted(found[f"{thing}s"], thing) for thing in ("provider", "model", "chain")]
    typer.echo(f"{path} is in order: {', '.join(counts)}.")
    for warning in found["warnings"]:
        typer.echo(f"warning: {warning}")


def _print_problems(path: Path, refused: CommandFailed, *, as_json: bool) -> None:
    if as_json:
        problems = msgspec.to_builtins(refused.problems)
        print_json({"ok": False, "file": str(path), "problems": problems})
        return
    for problem in refused.problems:
        fail(problem.render(str(path)))


@app.command("show")
@command
def show(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Print the document in force, without secrets."""
    answer = channel(home).get("/api/config")
    if as_json:
        print_json(answer)
        return
    typer.echo(answer["document"], nl=False)
    if answer["error"] is not None:
        fail(f"The file has an error and is not in force.\n{answer['error']}")


@app.command("export")
@command
def export(
    file: Annotated[
        Path, typer.Argument(help="Where to; - is standard output.")
    ] = _STANDARD_OUTPUT,
    *,
    form: Annotated[
        Literal["yaml", "json"], typer.Option("--format", help="yaml keeps the comments.")
    ] = "yaml",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the document in force, without secrets, to a file."""
    answer = channel(home).get("/api/config")
    text = importers.export_document(answer["document"], form)
    if file == _STANDARD_OUTPUT:
        sys.stdout.write(text)
        return
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StartError(f"{file} can't be written ({error.strerror}).") from None
    if as_json:
        print_json({"file": str(file), "revision": answer["revision"]})
    else:
        typer.echo(f"Wrote revision {answer['revision']} to {file}.")


@app.command("import")
@command
def import_file(
    file: Annotated[Path, typer.Argument(help="LiteLLM's config.yaml, or a mapping of providers.")],
    *,
    replace: Annotated[
        bool, typer.Option("--replace", help="Put it in force; without, it is only printed.")
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Turn another program's configuration into a document."""
    environment = read_environment()
    found = importers.import_document(
        _read(file), kinds=registry.KINDS, environment=environment, file=str(file)
    )
    if replace:
        channel(home).call("PUT", "/api/config", {"document": found.text})
    if as_json:
        print_json({"document": found.text, "notes": list(found.notes), "in_force": replace})
        return
    if not replace:
        typer.echo(found.text, nl=False)
    for remark in found.notes:
        note(f"note: {remark}")
    if replace:
        typer.echo(f"{file} is in force. laird config rollback takes it back.")


@app.command("history")
@command
def history(
    limit: Annotated[int, typer.Option(help="How many changes, at most 500.")] = 20,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the changes of the document, newest first."""
    answer = channel(home).get("/api/config/history", limit=limit)
    if as_json:
        print_json(answer)
        return
    rows = [
        {**one, "at": moment(one["at_us"]), "change": "; ".join(one["summary"])}
        for one in answer["changes"]
    ]
    columns = ("id", "at", "actor", "source", "revision", "change")
    print_rows(rows, columns, empty="Nothing was changed yet.")


@app.command("rollback")
@command
def rollback(
    change: Annotated[
        str | None,
        typer.Argument(help="The change to go back to (see history); without, the one before."),
    ] = None,
    *,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put an earlier document in force again."""
    way = channel(home)
    if change is None:
        change = _last_good(way)
    answer = way.call("POST", path_of("config", "history", change, "rollback"))
    if as_json:
        print_json({"change": change, **answer})
    else:
        typer.echo(f"The document of change {change} is in force (revision {answer['revision']}).")


def _last_good(way: Channel) -> str:
    """Return the change before the one in force; or that one, while the file is broken."""
    broken = way.get("/api/config")["error"] is not None
    changes = way.get("/api/config/history", limit=2)["changes"]
    if broken and changes:
        return str(changes[0]["id"])
    if len(changes) < 2:
        raise StartError("There is no earlier document to go back to.")
    return str(changes[1]["id"])


def _read(path: Path) -> str:
    try:
        return decode(path.read_bytes(), str(path))
    except OSError as error:
        raise StartError(f"{path} can't be read ({error.strerror}).") from None
