"""laird usage: what was used and what it cost."""

from __future__ import annotations

from typing import Annotated

import typer

from laird.cli.channel import Channel
from laird.cli.context import HomeOption, JsonOption, channel, command
from laird.cli.output import note, print_json, print_rows

app = typer.Typer(help="What was used and what it cost.", no_args_is_help=True)

_SUMMARY = (
    "group", "calls", "ok", "errors", "prompt", "completion", "cached", "cost_usd", "unpriced",
)  # fmt: skip
_ATTEMPTS = (
    "at", "request_id", "attempt", "provider", "model", "status", "error", "tokens", "cost_usd",
    "latency_ms", "failover_from",
)  # fmt: skip


@app.command("summary")
@command
def summary(
    by: Annotated[
        str, typer.Option(help="provider, model, key, status, day or none.")
    ] = "provider",
    days: Annotated[int, typer.Option(help="How many days back.")] = 30,
    since: Annotated[str | None, typer.Option(help="From this time on (ISO 8601, UTC).")] = None,
    until: Annotated[str | None, typer.Option(help="Until this time (ISO 8601, UTC).")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sum up the ledger."""
    way = channel(home)
    answer = way.get("/api/usage/summary", by=by, days=days, since=since, until=until)
    if as_json:
        print_json(answer)
        return
    names = _names(way) if by == "key" else {}
    rows = [{**row, "group": names.get(row["group"], row["group"])} for row in answer["rows"]]
    total = {**answer["total"], "group": "total"}
    rows = [*rows, total] if by != "none" else [total]
    if not total["calls"]:
        rows = []
    shown = [{**row, "unpriced": row["unpriced_calls"] or None} for row in rows]
    print_rows(shown, _SUMMARY, empty="Nothing was used in this time.")
    _note_gap(complete=answer["complete"])


def _names(way: Channel) -> dict[str, str]:
    """Return the names of the keys that there are, by id; the ledger keeps ids."""
    return {key["id"]: key["name"] for key in way.get("/api/keys")["keys"]}


@app.command("list")
@command
def attempts(
    limit: Annotated[int, typer.Option(help="How many rows, at most 1000.")] = 20,
    request_id: Annotated[
        str | None, typer.Option("--request", help="Only the attempts of this request.")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the newest rows of the ledger, one per upstream attempt."""
    answer = channel(home).get("/api/usage/attempts", limit=limit, request_id=request_id)
    if as_json:
        print_json(answer)
        return
    rows = [
        {
            **row,
            "at": row["at"][:19],
            "tokens": f"{row['prompt_tokens']}+{row['completion_tokens']}",
        }
        for row in answer["rows"]
    ]
    empty = "The ledger is empty." if request_id is None else "The ledger knows no such request."
    print_rows(rows, _ATTEMPTS, empty=empty)
    _note_gap(complete=answer["complete"])


def _note_gap(*, complete: bool) -> None:
    if not complete:
        note("The database is away: the newest calls are not in this yet.")
