"""laird keys: who may use this Laird."""

from __future__ import annotations

from typing import Annotated

import typer

from laird.cli.channel import path_of
from laird.cli.context import HomeOption, JsonOption, channel, command
from laird.cli.output import moment, note, print_facts, print_json, print_rows

app = typer.Typer(help="API keys: who may use this Laird.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(help="The key's name or id.")]


@app.command("create")
@command
def create(
    name: Annotated[str, typer.Argument(help="A name to know it by; agent-… is served first.")],
    *,
    expires_in_days: Annotated[float | None, typer.Option(help="Days it is good for.")] = None,
    scope: Annotated[
        list[str] | None, typer.Option(help="inference or admin; may be given twice.")
    ] = None,
    model: Annotated[list[str] | None, typer.Option(help="A model it may use; repeatable.")] = None,
    provider: Annotated[
        list[str] | None, typer.Option(help="A provider it may use; repeatable.")
    ] = None,
    local_only: Annotated[
        bool, typer.Option("--local-only", help="Its requests never leave your machines.")
    ] = False,
    priority: Annotated[int | None, typer.Option(help="Place in queues, lower first.")] = None,
    requests_per_minute: Annotated[int | None, typer.Option(help="Request limit.")] = None,
    tokens_per_minute: Annotated[int | None, typer.Option(help="Token limit.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a key and show it, once."""
    wanted = {
        "name": name,
        "expires_in_days": expires_in_days,
        "scopes": scope or ["inference"],
        "allowed_models": model or [],
        "allowed_providers": provider or [],
        "privacy": "local" if local_only else "any",
        "priority": priority,
        "requests_per_minute": requests_per_minute,
        "tokens_per_minute": tokens_per_minute,
    }
    made = channel(home).call("POST", "/api/keys", wanted)
    if as_json:
        print_json(made)
        return
    typer.echo(made["key"])
    note("This is the only time it is shown: only its hash is kept.")


@app.command("list")
@command
def list_keys(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List the keys."""
    answer = channel(home).get("/api/keys")
    if as_json:
        print_json(answer)
        return
    rows = [
        {
            **key,
            "starts_with": f"{key['prefix']}…",
            "created": moment(key["created_us"]),
            "expires": moment(key["expires_us"]),
            "last_used": moment(key["last_used_us"]),
        }
        for key in answer["keys"]
    ]
    columns = ("name", "id", "starts_with", "enabled", "scopes", "privacy", "expires", "last_used")
    print_rows(rows, columns, empty="There are no keys. laird keys create NAME makes one.")


@app.command("disable")
@command
def disable(name: NameArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Switch a key off; enable switches it on again."""
    _switch(name, home, as_json, enabled=False)


@app.command("enable")
@command
def enable(name: NameArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Switch a key on."""
    _switch(name, home, as_json, enabled=True)


@app.command("revoke")
@command
def revoke(name: NameArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Delete a key for good."""
    key = channel(home).call("DELETE", path_of("keys", name))
    if as_json:
        print_json(key)
    else:
        typer.echo(f"The key '{key['name']}' is revoked.")


def _switch(name: str, home: HomeOption, as_json: bool, *, enabled: bool) -> None:
    key = channel(home).call("PATCH", path_of("keys", name), {"enabled": enabled})
    if as_json:
        print_json(key)
    else:
        print_facts({"name": key["name"], "enabled": key["enabled"]})
