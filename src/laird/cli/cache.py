"""laird cache: answers that a running server has in memory."""

from __future__ import annotations

from typing import Annotated

import typer

from laird.cli.context import HomeOption, JsonOption, channel, command
from laird.cli.output import print_facts, print_json

app = typer.Typer(help="The response cache of the running server.", no_args_is_help=True)

_MIB = 1024 * 1024


@app.command("show")
@command
def show(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show how large it is, how it is set, and what it saved since the start."""
    state = channel(home).get("/api/cache")
    if as_json:
        print_json(state)
        return
    ratio = state["hit_ratio"]
    print_facts(
        {
            "answers": state["entries"],
            "memory": f"{state['bytes'] / _MIB:.1f} of {state['max_bytes'] / _MIB:.1f} MiB",
            "good_for": f"{state['ttl_s']:g} s",
            "shared": state["shared"],
            "rules": state["rules"],
            "hits": state["hits"],
            "misses": state["misses"],
            "hit_ratio": None if ratio is None else f"{ratio:.0%}",
            "evicted": state["evicted"],
            "saved_tokens": state["saved_tokens"],
            "saved_usd": state["saved_usd"],
        }
    )


@app.command("clear")
@command
def clear(
    *,
    key: Annotated[
        str | None, typer.Option(help="Only what this key asked for, by name or id.")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Forget all answers, or those of one key."""
    answer = channel(home).call("DELETE", "/api/cache", key=key)
    if as_json:
        print_json(answer)
    else:
        count = answer["cleared"]
        typer.echo(f"Forgot {count} answer{'' if count == 1 else 's'}.")
