"""laird explain: where a request would go, and why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from laird.cli.context import HomeOption, JsonOption, channel, command
from laird.cli.late import Late
from laird.cli.output import print_json, print_rows

if TYPE_CHECKING:
    from laird.api import inference
else:
    inference = Late("laird.api.inference")


@command
def explain(
    model: Annotated[str, typer.Argument(help="What a client would send as model.")],
    *,
    message: Annotated[str, typer.Option(help="The text of the request.")] = "",
    request: Annotated[
        Path | None,
        typer.Option(help="A JSON file with the whole chat request.", exists=True, dir_okay=False),
    ] = None,
    key: Annotated[str | None, typer.Option(help="The key it would come with.")] = None,
    local_only: Annotated[bool, typer.Option("--local-only", help="It must stay local.")] = False,
    stream: Annotated[bool, typer.Option("--stream", help="It asks for a stream.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show where a request would go, without sending it: each candidate, and why or why not."""
    body = _read(request)
    body["model"] = model
    if message:
        body["messages"] = [{"role": "user", "content": message}]
    if stream:
        body["stream"] = True
    plan = channel(home).call(
        "POST", "/api/routing/explain", body, key=key, local_only=local_only or None
    )
    if as_json:
        print_json(plan)
        return
    typer.echo(f"{plan['requested']} means {plan['resolved']} (order: {plan['strategy']})")
    privacy = plan["privacy"]
    if privacy["reason"] is not None:
        typer.echo(f"Privacy: {privacy['verdict']} ({privacy['reason']})")
    columns = ("position", "provider", "model", "egress", "max_retries", "reason")
    print_rows(plan["attempts"], columns, empty="Nothing can serve this request.")
    if plan["stand_ins"]:
        typer.echo("\nFor when a budget has no room:")
        print_rows(plan["stand_ins"], columns, empty="")
    if plan["dropped"]:
        typer.echo("\nLeft out:")
        print_rows(plan["dropped"], ("provider", "model", "reason", "detail"), empty="")


def _read(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    return dict(inference.parse_object(file.read_bytes()))
