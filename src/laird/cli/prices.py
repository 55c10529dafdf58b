"""laird prices: what models cost, and what calls would."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from laird.cli.context import HomeOption, JsonOption, channel, command
from laird.cli.output import note, print_json, print_rows

app = typer.Typer(help="What models cost, and what calls would.", invoke_without_command=True)

_USD = ("input", "output", "cached_input", "cache_write", "cache_write_1h")
_COLUMNS = ("model", "source", *_USD, "tiers", "why")
_CATALOGUE_COLUMNS = ("provider", "model", "context_window", *_USD, "tiers")

ProviderOption = Annotated[str | None, typer.Option(help="Only those of this provider.")]
ModelOption = Annotated[str | None, typer.Option(help="Only the model of this name.")]
SearchOption = Annotated[str | None, typer.Option(help="Only names with these words in them.")]
AllOption = Annotated[bool, typer.Option("--all", help="The whole catalogue as well.")]


@app.callback()
def prices(
    context: typer.Context,
    *,
    provider: ProviderOption = None,
    model: ModelOption = None,
    search: SearchOption = None,
    all_models: AllOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """What models cost, and what calls would."""
    if context.invoked_subcommand is None:
        list_prices(
            provider=provider,
            model=model,
            search=search,
            all_models=all_models,
            home=home,
            as_json=as_json,
        )


@app.command("list")
@command
def list_prices(
    *,
    provider: ProviderOption = None,
    model: ModelOption = None,
    search: SearchOption = None,
    all_models: AllOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the prices in force and where each is from."""
    answer = channel(home).get(
        "/api/prices", provider=provider, model=model, search=search, all=all_models or None
    )
    if as_json:
        print_json(answer)
        return
    print_rows(map(_row, answer["prices"]), _COLUMNS, empty="No configured model has that name.")
    if all_models:
        typer.echo(f"\nThe catalogue ({answer['catalogue']}):")
        found = map(_row, answer["catalogue_prices"])
        print_rows(found, _CATALOGUE_COLUMNS, empty="It has no such model.")
        if answer["left_off"]:
            note(f"{answer['left_off']} more; --search and --provider narrow it down.")
    if answer["prices"] or answer.get("catalogue_prices"):
        typer.echo("\nUSD per million tokens; - is as input, or unknown where there is no price.")


@app.command("calculate")
@command
def calculate(
    model: Annotated[
        str | None, typer.Argument(help="Compare with models that can do what this one can.")
    ] = None,
    *,
    tokens_in: Annotated[int, typer.Option("--input", help="Tokens of one call's input.")] = 1000,
    output: Annotated[int, typer.Option(help="Tokens of its answer.")] = 500,
    cached: Annotated[int, typer.Option(help="Of the input, read from a cache.")] = 0,
    cache_write: Annotated[int, typer.Option(help="Of the input, written to a cache.")] = 0,
    cache_write_1h: Annotated[
        int, typer.Option("--cache-write-hour", help="Of these, kept for an hour.")
    ] = 0,
    calls: Annotated[int, typer.Option(help="How many such calls.")] = 1,
    all_models: AllOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Calculate what calls would cost, the cheapest model first."""
    answer = channel(home).get(
        "/api/prices/calculate",
        model=model,
        input=tokens_in,
        output=output,
        cached=cached,
        cache_write=cache_write,
        cache_write_1h=cache_write_1h,
        calls=calls,
        all=all_models or None,
    )
    if as_json:
        print_json(answer)
        return
    columns = ("model", "per_call_usd", "total_usd", "source")
    print_rows(answer["rows"], columns, empty="There are no models.")
    for each in answer["left_out"]:
        note(f"left out {each['model']}: {each['why']}")
    if all_models:
        typer.echo(f"\nThe catalogue ({answer['catalogue']}):")
        columns = ("model", "per_call_usd", "total_usd", "context_window")
        print_rows(answer["catalogue_rows"], columns, empty="")
        if answer["left_off"]:
            note(f"{answer['left_off']} dearer ones are left off.")


def _row(listed: dict[str, Any]) -> dict[str, Any]:
    pricing = listed["pricing"]
    if pricing is None:
        return listed
    starts = [str(tier["from_tokens"]) for tier in pricing["tiers"]]
    tiers = f"from {', '.join(starts)}" if starts else None
    return {**listed, **{name: pricing[name] for name in _USD}, "tiers": tiers}
