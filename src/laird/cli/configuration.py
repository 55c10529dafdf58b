"""laird config: the document."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from laird.cli.context import HomeOption, JsonOption, channel, command
from laird.cli.output import moment, print_json, print_rows
from laird.config.importers import import_document
from laird.config.settings import Settings
from laird.config.yaml_source import decode
from laird.domain.errors import StartError
from laird.providers.registry import KINDS

app = typer.Typer(help="The document: providers.yaml.", no_args_is_help=True)


@app.command("check")
@command
def check(
    file: Annotated[Path | None, typer.Argument(help="Another file than the one in use.")] = None,
    *,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check the document; every mistake with its line and what to do."""
    path = file or Settings.load({"home": home}).config
    found = channel(home).call("POST", "/api/config/check", {"document": _read(path)})
    if as_json:
        print_json(found)
        return
    counts = f"{found['providers']} providers, {found['models']} models, {found['chains']} chains"
    typer.echo(f"{path} is in order: {counts}.")
    for warning in found["warnings"]:
        typer.echo(f"warning: {warning}")


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
        typer.echo(f"\nThe file has an error and is not in force:\n{answer['error']}", err=True)


@app.command("export")
@command
def export(
    file: Annotated[Path, typer.Argument(help="Where to; - is standard output.")],
    *,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the document in force, without secrets, to a file."""
    answer = channel(home).get("/api/config")
    if str(file) == "-":
        sys.stdout.write(answer["document"])
        return
    file.write_text(answer["document"], encoding="utf-8")
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
    found = import_document(_read(file), kinds=KINDS, environment=os.environ, file=str(file))
    way = channel(home)
    if replace:
        revision = way.get("/api/config")["revision"]
        wanted = {"document": found.text, "revision": revision}
        way.call("PUT", "/api/config", wanted)
    if as_json:
        print_json({"document": found.text, "notes": list(found.notes), "in_force": replace})
        return
    if not replace:
        typer.echo(found.text, nl=False)
    for note in found.notes:
        typer.echo(f"note: {note}", err=True)
    if replace:
        typer.echo(f"{file} is in force. laird config rollback takes it back.")


@app.command("history")
@command
def history(
    limit: Annotated[int, typer.Option(help="How many changes.")] = 20,
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
        str | None, typer.Argument(help="The change to go back to; without, the one before.")
    ] = None,
    *,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put an earlier document in force again."""
    way = channel(home)
    if change is None:
        changes = way.get("/api/config/history", limit=2)["changes"]
        if len(changes) < 2:
            raise StartError("There is no earlier document to go back to.")
        change = changes[1]["id"]
    answer = way.call("POST", f"/api/config/history/{change}/rollback")
    if as_json:
        print_json(answer)
    else:
        typer.echo(f"The document of change {change} is in force (revision {answer['revision']}).")


def _read(path: Path) -> str:
    try:
        return decode(path.read_bytes(), str(path))
    except OSError as error:
        raise StartError(f"{path} can't be read ({error.strerror}).") from None
