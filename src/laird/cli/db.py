"""laird db: the database's tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from laird.cli.context import HomeOption, JsonOption, command
from laird.cli.late import Late
from laird.cli.output import moment, note, print_facts, print_json, print_rows
from laird.config.settings import Settings
from laird.domain.money import usd_text
from laird.storage.lock import FILE_NAME, HomeLock

if TYPE_CHECKING:
    from laird.storage import engine, schema
    from laird.usage import rebuild, rollup
else:
    engine = Late("laird.storage.engine")
    schema = Late("laird.storage.schema")
    rebuild = Late("laird.usage.rebuild")
    rollup = Late("laird.usage.rollup")

app = typer.Typer(help="The database's tables.", no_args_is_help=True)

_DIFFERENCES = ("day", "table", "rows", "calls", "cost_usd")


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
            file = engine.sqlite_file(settings.database_url)
            typer.confirm(f"Take {file} back to {revision}?", abort=True, err=True)
        schema.downgrade(settings.database_url, revision)
        _print_version(settings, as_json=as_json)


@app.command("current")
@command
def current(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Print the version of the tables."""
    _print_version(Settings.load({"home": home}), as_json=as_json)


@app.command("rollups")
@command
def rollups(
    *,
    make: Annotated[
        bool, typer.Option("--rebuild", help="Make them anew from the ledger.")
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check that the sums which reports read are those of the ledger; exit code 1 when not."""
    settings = Settings.load({"home": home})
    settings.prepare_home()
    with HomeLock(settings.home / FILE_NAME):
        database = engine.Database(settings.database_url)
        try:
            schema.prepare(database)
            summed = database.write_now(rebuild.rebuild) if make else rebuild.ensure(database)
            wrong = database.read_now(rebuild.differences)
        finally:
            database.close()
    if as_json:
        print_json({"rebuilt": summed, "differences": [_difference(each) for each in wrong]})
    else:
        if make:
            note(f"Made anew from {summed} attempts.")
        print_rows(
            map(_difference, wrong), _DIFFERENCES, empty="The rollups agree with the ledger."
        )
    if wrong:
        note("laird db rollups --rebuild makes them anew.")
        raise typer.Exit(1)


def _difference(each: rebuild.Difference) -> dict[str, Any]:
    return {
        "day": moment(each.day * rollup.DAY_US)[:10],
        "table": each.table,
        "rows": each.rows,
        "calls": each.calls,
        "cost_usd": usd_text(each.cost_nano),
    }


def _print_version(settings: Settings, *, as_json: bool) -> None:
    file = engine.sqlite_file(settings.database_url)
    found = {
        "database": str(file),
        "version": schema.current(settings.database_url) if file.exists() else None,
        "newest": schema.REVISIONS[-1],
    }
    if as_json:
        print_json(found)
    else:
        print_facts(found)
