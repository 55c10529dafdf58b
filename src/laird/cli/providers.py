"""laird providers: what stands behind this Laird."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from laird.cli.channel import Channel, path_of
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


@app.command("discover")
@command
def discover(
    *,
    host: Annotated[
        list[str] | None,
        typer.Option(help="Look on this machine too: a name or address; repeatable."),
    ] = None,
    add_found: Annotated[
        bool, typer.Option("--add", help="Add what is new to the document.")
    ] = False,
    only: Annotated[
        list[str] | None, typer.Option(help="Add this one only, by its id; repeatable.")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look for running servers, and for clouds whose variable is set."""
    way = channel(home)
    found = way.call("POST", "/api/providers/discover", {"hosts": host or []})
    new = {one["entry"]["id"]: one for one in _new(found)}
    chosen = only or list(new)
    for wanted in chosen:
        if wanted not in new:
            fail(f"nothing new with the id '{wanted}' was found. There is: {', '.join(new) or '-'}")
            raise typer.Exit(1)
    added = [_add_found(way, new[wanted]) for wanted in chosen] if add_found or only else []
    if as_json:
        print_json({**found, "added": added})
        return
    print_rows(
        _found_rows(found),
        ("id", "kind", "where", "version", "models", "state"),
        empty="Nothing was found. Start a server, or name its machine with --host.",
    )
    for problem in found["problems"]:
        note(problem)
    _say_added(added, new)


def _new(found: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what could be added: what is not configured, and misses nothing."""
    for one in (*found["servers"], *found["clouds"]):
        if one["entry"] is not None:
            yield one


def _add_found(way: Channel, one: Mapping[str, Any]) -> str:
    way.call("POST", "/api/providers", one["entry"])
    return str(one["entry"]["id"])


def _found_rows(found: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for one in found["servers"]:
        yield {
            **one,
            "id": one["configured_as"] or one["entry"]["id"],
            "where": one["endpoint"],
            "models": len(one["models"]),
            "state": _state(one, "new, needs a key" if one["needs_key"] else "new"),
        }
    for one in found["clouds"]:
        missing = f"{one['missing']} is not set" if one["missing"] else "new"
        entry = one["entry"] or {"id": None}
        yield {
            **one,
            "id": one["configured_as"] or entry["id"],
            "where": f"env:{one['variable']}",
            "state": _state(one, missing),
        }


def _state(one: Mapping[str, Any], new: str) -> str:
    return new if one["configured_as"] is None else "configured"


def _say_added(added: list[str], new: Mapping[str, Mapping[str, Any]]) -> None:
    for provider_id in added:
        typer.echo(f"Added '{provider_id}'. Try it: laird providers test {provider_id}")
        if new[provider_id].get("needs_key"):
            note(
                f"'{provider_id}' is switched off: name its key in authSecret, as env:NAME, and"
                " take enabled: false away."
            )
    if new and not added:
        note("Add what is new with --add, or some of it with --only ID.")


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
