"""The command `laird`."""

from __future__ import annotations

import typer

from laird import __version__
from laird.cli import (
    audit,
    budgets,
    cache,
    chains,
    configuration,
    credentials,
    db,
    keys,
    library,
    models,
    people,
    prices,
    providers,
    usage,
)
from laird.cli.advice import advice, reconcile
from laird.cli.doctor import doctor
from laird.cli.explain import explain
from laird.cli.export import export
from laird.cli.kept import forget, show
from laird.cli.receipts import receipts
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
app.command("advice")(advice)
app.command("reconcile")(reconcile)
app.command("setup-link")(people.setup_link)
app.add_typer(keys.app, name="keys")
app.add_typer(people.app, name="people")
app.add_typer(providers.app, name="providers")
app.add_typer(models.app, name="models")
app.add_typer(library.app, name="library")
app.add_typer(prices.app, name="prices")
app.add_typer(chains.app, name="chains")
app.add_typer(credentials.app, name="credentials")
app.add_typer(configuration.app, name="config")
usage.app.command("export")(export)
usage.app.command("show")(show)
usage.app.command("forget")(forget)
usage.app.command("receipts")(receipts)
app.add_typer(usage.app, name="usage")
app.add_typer(budgets.app, name="budgets")
app.add_typer(cache.app, name="cache")
app.add_typer(audit.app, name="audit")
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
