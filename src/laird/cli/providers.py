"""laird providers: what stands behind this Laird."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from laird.cli.channel import path_of
from laird.cli.context import HomeOption, JsonOption, channel, command
from laird.cli.output import fail, note, print_json, print_rows

app = typer.Typer(help="Providers: what stands behind this Laird.", no_args_is_help=True)

IdArgument = Annotated[str, typer.Argument(help="The provider's id.")]


@app.command("list")
@command
def list_providers(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List the providers and how they are."""
    answer = channel(home).get("/api/providers")
    if as_json:
        print_json(answer)
        return
    rows = [
        {
            **provider,
            "active": f"{provider['active']}/{provider['max_concurrent'] or 'any'}",
            "key": provider["credential"],
        }
        for provider in answer["providers"]
    ]
    columns = (
        "id", "kind", "type", "status", "endpoint", "models", "active", "latency_ms", "key",
        "error",
    )  # fmt: skip
    print_rows(rows, columns, empty="There are no providers. laird providers add makes one.")


@app.command("add")
@command
def add(
    provider_id: IdArgument,
    *,
    kind: Annotated[str, typer.Option(help="ollama, openai, anthropic, llamacpp, custom, …")],
    endpoint: Annotated[str | None, typer.Option(help="Base URL; kinds have a usual one.")] = None,
    secret: Annotated[
        str | None, typer.Option(help="Where the key is: env:NAME names a variable.")
    ] = None,
    model: Annotated[list[str] | None, typer.Option(help="A model it serves; repeatable.")] = None,
    max_concurrent: Annotated[int | None, typer.Option(help="Requests at once.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a provider to the document."""
    wanted: dict[str, Any] = {"id": provider_id, "kind": kind}
    if endpoint is not None:
        wanted["endpoint"] = endpoint
    if secret is not None:
        wanted["authSecret"] = secret
    if max_concurrent is not None:
        wanted["maxConcurrent"] = max_concurrent
    if model:
        wanted["models"] = model
    answer = channel(home).call("POST", "/api/providers", wanted)
    if as_json:
        print_json(answer)
        return
    typer.echo(f"Added '{provider_id}'. Try it: laird providers test {provider_id}")
    provider = answer["provider"]
    if provider["credential"] and not provider["has_credential"]:
        note(f"warning: there is no key yet: {provider['credential']} is not set for the server.")


@app.command("remove")
@command
def remove(
    provider_id: IdArgument,
    *,
    cascade: Annotated[
        bool, typer.Option("--cascade", help="Take it out of chains and aliases as well.")
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a provider out of the document."""
    answer = channel(home).call("DELETE", path_of("providers", provider_id), cascade=cascade)
    if as_json:
        print_json(answer)
    else:
        typer.echo(f"Removed '{provider_id}'. laird config rollback brings it back.")


@app.command("test")
@command
def check_provider(
    provider_id: IdArgument, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Ask a provider for its models now: address, credential and latency in one."""
    found = channel(home).call("POST", path_of("providers", provider_id, "test"))
    if as_json:
        print_json(found)
    elif found["ok"]:
        typer.echo(f"'{provider_id}' answers in {found['latency_ms']:.0f} ms. Its models:")
        print_rows(found["models"], ("id", "context_window"), empty="It lists none.")
    else:
        fail(found["error"])
    if not found["ok"]:
        raise typer.Exit(1)
