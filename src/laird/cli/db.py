"""laird db: the database's tables."""

from __future__ import annotations

from typing import Annotated

import typer

from laird.cli.context import HomeOption, JsonOption, command
from laird.cli.output import print_facts, print_json
from laird.config.settings import Settings
from laird.storage import schema
from laird.storage.engine import sqlite_file
from laird.storage.lock import FILE_NAME, HomeLock

app = typer.Typer(help="The database's tables.", no_args_is_help=True)


@app.command("upgrade")
@command
def upgrade(
    revision: Annotated[str, typer.Argument(help="Version of the tables.")] = "head",
    *,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring the tables up to a version. The server does so itself when it starts."""
    settings = Settings.load({"home": home})
    settings.prepare_home()
    with HomeLock(settings.home / FILE_NAME):
        schema.upgrade(settings.database_url, revision)
        _print_version(settings, as_json=as_json)


@app.command("downgrade")
@command
def downgrade(
    revision: Annotated[str, typer.Argument(help="Version of the tables; base removes them all.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take the tables back to a version. What only newer versions know is lost."""
    settings = Settings.load({"home": home})
    settings.prepare_home()
    with HomeLock(settings.home / FILE_NAME):
        if not yes:
            file = sqlite_file(settings.database_url)
            typer.confirm(f"Take {file} back to {revision}?", abort=True, err=True)
        schema.downgrade(settings.database_url, revision)
        _print_version(settings, as_json=as_json)


@app.command("current")
@command
def current(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Print the version of the tables."""
    _print_version(Settings.load({"home": home}), as_json=as_json)


def _print_version(settings: Settings, *, as_json: bool) -> None:
    file = sqlite_file(settings.database_url)
    found = {
        "database": str(file),
        "version": schema.current(settings.database_url) if file.exists() else None,
        "newest": schema.REVISIONS[-1],
    }
    if as_json:
        print_json(found)
    else:
        print_facts(found)
