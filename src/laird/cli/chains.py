"""laird chains: which models are tried in turn."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from laird.cli.channel import path_of
from laird.cli.context import HomeOption, JsonOption, channel, command
from laird.cli.output import print_json, print_rows

app = typer.Typer(help="Failover chains: which models are tried in turn.", no_args_is_help=True)

IdArgument = Annotated[str, typer.Argument(help="The chain's id.")]


@app.command("list")
@command
def list_chains(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List the chains."""
    answer = channel(home).get("/api/chains")
    if as_json:
        print_json(answer)
        return
    rows = [
        {
            **chain,
            "tries": " then ".join(
                f"{one['providerId']}/{one['modelId']}" for one in chain["models"]
            ),
        }
        for chain in answer["chains"]
    ]
    print_rows(rows, ("id", "name", "strategy", "tries"), empty="There are no chains.")


@app.command("set")
@command
def set_chain(
    chain_id: IdArgument,
    models: Annotated[list[str], typer.Argument(help="provider/model, in the order of trial.")],
    *,
    name: Annotated[str | None, typer.Option(help="A name for people.")] = None,
    strategy: Annotated[
        str | None,
        typer.Option(help="Another order than the written one: priority, cheapest, fastest, …"),
    ] = None,
    retries: Annotated[int | None, typer.Option(help="Retries of each, 0 to 10.")] = None,
    timeout_ms: Annotated[
        int | None, typer.Option(help="Wait for the first byte of each, 1000 to 120000.")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a chain, or replace it."""
    steps = [_step(model, retries, timeout_ms) for model in models]
    wanted = {"models": steps, "name": name, "strategy": strategy}
    answer = channel(home).call("PUT", path_of("chains", chain_id), wanted)
    if as_json:
        print_json(answer)
    else:
        typer.echo(f"The chain '{chain_id}' is in force. See laird explain {chain_id}")


@app.command("remove")
@command
def remove(chain_id: IdArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Take a chain out of the document."""
    answer = channel(home).call("DELETE", path_of("chains", chain_id))
    if as_json:
        print_json(answer)
    else:
        typer.echo(f"Removed '{chain_id}'. laird config rollback brings it back.")


def _step(model: str, retries: int | None, timeout_ms: int | None) -> dict[str, Any]:
    provider_id, slash, model_id = model.partition("/")
    if not slash or not model_id:
        raise typer.BadParameter(
            f"Write '{model}' as provider/model; laird models list shows them."
        )
    step: dict[str, Any] = {"providerId": provider_id, "modelId": model_id}
    if retries is not None:
        step["maxRetries"] = retries
    if timeout_ms is not None:
        step["timeoutMs"] = timeout_ms
    return step
