"""laird keys: who may use this Laird."""

from __future__ import annotations

from collections.abc import Callable
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
        list[str] | None, typer.Option(help="inference, viewer, operator or admin; repeatable.")
    ] = None,
    model: Annotated[list[str] | None, typer.Option(help="A model it may use; repeatable.")] = None,
    provider: Annotated[
        list[str] | None, typer.Option(help="A provider it may use; repeatable.")
    ] = None,
    local_only: Annotated[
        bool, typer.Option("--local-only", help="Its requests never leave your machines.")
    ] = False,
    priority: Annotated[int | None, typer.Option(help="Place in queues, lower first.")] = None,
    requests_per_minute: Annotated[
        int | None, typer.Option("--requests-per-minute", "--rpm", help="Request limit.")
    ] = None,
    tokens_per_minute: Annotated[
        int | None, typer.Option("--tokens-per-minute", "--tpm", help="Token limit.")
    ] = None,
    cache: Annotated[
        bool, typer.Option("--cache", help="Answer its exact duplicates from the cache.")
    ] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep its requests and answers for a while.")
    ] = False,
    budget: Annotated[
        str | None, typer.Option(help="What it may spend in USD: 20/month, 5/day, 100/total.")
    ] = None,
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
        "cache": cache,
        "keep": keep,
        "budget": budget,
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


@app.command("change")
@command
def change(
    name: NameArgument,
    *,
    new_name: Annotated[str | None, typer.Option("--name", help="Another name.")] = None,
    requests_per_minute: Annotated[
        str | None, typer.Option("--requests-per-minute", "--rpm", help="Request limit, or none.")
    ] = None,
    tokens_per_minute: Annotated[
        str | None, typer.Option("--tokens-per-minute", "--tpm", help="Token limit, or none.")
    ] = None,
    priority: Annotated[str | None, typer.Option(help="Place in queues, or none.")] = None,
    privacy: Annotated[
        str | None, typer.Option(help="any, or local: its requests never leave your machines.")
    ] = None,
    models: Annotated[
        str | None, typer.Option(help="The models it may use, with commas between, or any.")
    ] = None,
    providers: Annotated[
        str | None, typer.Option(help="The providers it may use, with commas between, or any.")
    ] = None,
    expires: Annotated[str | None, typer.Option(help="Days from now, or never.")] = None,
    cache: Annotated[
        bool | None,
        typer.Option("--cache/--no-cache", help="Answer its exact duplicates from the cache."),
    ] = None,
    keep: Annotated[
        bool | None,
        typer.Option("--keep/--no-keep", help="Keep its requests and answers for a while."),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change a key; what is not named stays as it is."""
    given = {
        "name": new_name,
        "requests_per_minute": _number("--requests-per-minute", requests_per_minute, int),
        "tokens_per_minute": _number("--tokens-per-minute", tokens_per_minute, int),
        "priority": _number("--priority", priority, int),
        "privacy": privacy,
        "allowed_models": _names(models),
        "allowed_providers": _names(providers),
        "expires_in_days": _number("--expires", expires, float),
        "cache": cache,
        "keep": keep,
    }
    changes = {field: value for field, value in given.items() if value is not None}
    wanted = {field: None if value is _NOTHING else value for field, value in changes.items()}
    key = channel(home).call("PATCH", path_of("keys", name), wanted)
    if as_json:
        print_json(key)
        return
    shown = ("name", *wanted)
    renamed = {"expires_in_days": "expires"}
    key["expires"] = moment(key["expires_us"])
    fields = dict.fromkeys(renamed.get(field, field) for field in shown)
    print_facts({field: key[field] for field in fields})


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


_NOTHING = object()
"""Stands for a limit that is taken away; None is one that is not named."""


def _number(option: str, text: str | None, kind: Callable[[str], float]) -> object:
    if text is None:
        return None
    if text in {"none", "never"}:
        return _NOTHING
    try:
        return kind(text)
    except ValueError:
        raise typer.BadParameter(f"'{text}' is no number, nor none.", param_hint=option) from None


def _names(text: str | None) -> list[str] | None:
    if text is None:
        return None
    if text == "any":
        return []
    return [name for each in text.split(",") if (name := each.strip())]


def _switch(name: str, home: HomeOption, as_json: bool, *, enabled: bool) -> None:
    key = channel(home).call("PATCH", path_of("keys", name), {"enabled": enabled})
    if as_json:
        print_json(key)
    else:
        print_facts({"name": key["name"], "enabled": key["enabled"]})
