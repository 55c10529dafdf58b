"""laird models: what can be asked for."""

from __future__ import annotations

import typer

from laird.cli.context import HomeOption, JsonOption, channel, command
from laird.cli.output import print_json, print_rows

app = typer.Typer(help="Models: what can be asked for.", no_args_is_help=True)


@app.command("list")
@command
def list_models(
    provider: str | None = typer.Option(None, help="Only those of this provider."),
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the models with their windows, prices and abilities."""
    answer = channel(home).get("/api/models", provider=provider)
    if as_json:
        print_json(answer)
        return
    rows = [
        {
            **model,
            "model": model["key"],
            "state": {True: "warm", False: "cold"}.get(model["warm"]),
            "input_usd": _price(model, "input"),
            "output_usd": _price(model, "output"),
            "default": model["is_default"],
        }
        for model in answer["models"]
    ]
    columns = (
        "model",
        "egress",
        "state",
        "context_window",
        "input_usd",
        "output_usd",
        "can",
        "default",
    )
    print_rows(rows, columns, empty="There are no models. Add some to providers.yaml.")
    if rows:
        typer.echo("\nPrices are USD per million tokens; - means unknown.")


def _price(model: dict[str, object], name: str) -> object:
    pricing = model["pricing"]
    return pricing[name] if isinstance(pricing, dict) else None
