"""The command `laird`."""

from __future__ import annotations

import typer

from laird import __version__
from laird.cli import chains, configuration, db, keys, models, providers, usage
from laird.cli.doctor import doctor
from laird.cli.explain import explain
from laird.cli.serve import serve

app = typer.Typer(
    name="laird",
    help="One self-hosted endpoint in front of local models and cloud providers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("serve")(serve)
app.command("explain")(explain)
app.command("doctor")(doctor)
app.add_typer(keys.app, name="keys")
app.add_typer(providers.app, name="providers")
app.add_typer(models.app, name="models")
app.add_typer(chains.app, name="chains")
app.add_typer(configuration.app, name="config")
app.add_typer(usage.app, name="usage")
app.add_typer(db.app, name="db")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"laird {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version."
    ),
) -> None:
    """One self-hosted endpoint in front of local models and cloud providers."""
    del version


def main() -> None:
    """Run the command line."""
    app()
