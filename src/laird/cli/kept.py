"""laird usage show and forget: one request as a whole."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from laird.cli.channel import path_of
from laird.cli.context import HomeOption, JsonOption, channel, command
from laird.cli.output import moment, note, print_json, print_rows, printable

RequestArgument = Annotated[
    str, typer.Argument(help="The request's id: x-laird-request-id of its answer.")
]
_COLUMNS = (
    "attempt", "at", "provider", "model", "status", "error", "tokens", "cost_usd", "latency_ms",
)  # fmt: skip


@command
def show(request_id: RequestArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show the attempts of a request and, where they are kept, its text and its answer."""
    answer = channel(home).get(path_of("usage", "requests", request_id))
    if as_json:
        print_json(answer)
        return
    rows = [
        {
            **row,
            "at": row["at"][:19],
            "tokens": f"{row['prompt_tokens']}+{row['completion_tokens']}",
        }
        for row in answer["attempts"]
    ]
    print_rows(rows, _COLUMNS, empty="It has no attempts in the ledger.")
    if not answer["complete"]:
        note("The database is away: the newest calls are not in this yet.")
    kept = answer["kept"]
    if kept is None:
        note("Request and answer are not kept.")
        return
    ended = f" It ended with {kept['error']}." if kept["error"] else ""
    _print_part(f"Request, kept until {moment(kept['until_us'])}.{ended}", kept["request"])
    _print_part("Answer, cut off:" if kept["cut"] else "Answer:", kept["answer"])


@command
def forget(
    request_id: RequestArgument, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Delete what is kept of a request; its rows stay in the ledger."""
    answer = channel(home).call("DELETE", path_of("usage", "requests", request_id))
    if as_json:
        print_json(answer)
    else:
        typer.echo(f"Nothing is kept of '{request_id}' any more.")


def _print_part(title: str, content: Any) -> None:
    text = (
        "-"
        if content is None
        else content
        if isinstance(content, str)
        else json.dumps(content, indent=2, ensure_ascii=False)
    )
    typer.echo(f"\n{title}")
    for line in text.splitlines():
        typer.echo(printable(line))
