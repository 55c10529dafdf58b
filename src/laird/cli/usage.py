"""laird usage: what was used and what it cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from laird.cli.channel import Channel
from laird.cli.context import HomeOption, JsonOption, channel, command
from laird.cli.output import note, print_json, print_rows

app = typer.Typer(help="What was used and what it cost.", no_args_is_help=True)

_SUMMARY = (
    "group", "calls", "ok", "errors", "prompt", "completion", "cached", "cost_usd", "before_usd",
    "change", "per_call_usd", "unpriced",
)  # fmt: skip
_TOP = (
    "at", "request_id", "key", "workflow", "node", "model", "status", "attempts", "tokens",
    "cost_usd",
)  # fmt: skip
_ATTEMPTS = (
    "at", "request_id", "attempt", "provider", "model", "status", "error", "tokens", "cost_usd",
    "latency_ms", "failover_from",
)  # fmt: skip

_Since = Annotated[str | None, typer.Option(help="From this time on (ISO 8601).")]
_Until = Annotated[str | None, typer.Option(help="Until this time (ISO 8601).")]
_Zone = Annotated[str, typer.Option(help="The time zone of days, such as Europe/Berlin.")]
_Provider = Annotated[list[str] | None, typer.Option(help="Only this provider.")]
_Model = Annotated[list[str] | None, typer.Option(help="Only this model, or provider/model.")]
_Key = Annotated[list[str] | None, typer.Option(help="Only this key, by name or id.")]
_Workflow = Annotated[list[str] | None, typer.Option(help="Only this workflow.")]


@app.command("summary")
@command
def summary(
    *,
    by: Annotated[
        str,
        typer.Option(
            help="provider, model, key, workflow, node, status, day, hour, weekday or none."
        ),
    ] = "provider",
    days: Annotated[int, typer.Option(help="How many days back.")] = 30,
    since: _Since = None,
    until: _Until = None,
    zone: _Zone = "UTC",
    provider: _Provider = None,
    model: _Model = None,
    key: _Key = None,
    workflow: _Workflow = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sum up the ledger, beside the period of the same length right before."""
    way = channel(home)
    answer = way.get(
        "/api/usage/summary",
        by=by,
        compare="true",
        days=days,
        since=since,
        until=until,
        zone=zone,
        provider=provider,
        model=model,
        key=key,
        workflow=workflow,
    )
    if as_json:
        print_json(answer)
        return
    names = _names(way) if by == "key" else {}
    rows = [{**row, "group": names.get(row["group"], row["group"])} for row in answer["rows"]]
    total = {**answer["total"], "group": "total"}
    rows = [*rows, total] if by != "none" else [total]
    if not total["calls"]:
        rows = []
    print_rows(map(_compared, rows), _SUMMARY, empty="Nothing was used in this time.")
    _note_gap(complete=answer["complete"])


@app.command("top")
@command
def top(
    *,
    limit: Annotated[int, typer.Option(help="How many requests, at most 200.")] = 20,
    runs: Annotated[bool, typer.Option("--runs", help="Only those of workflows.")] = False,
    days: Annotated[int, typer.Option(help="How many days back.")] = 30,
    since: _Since = None,
    until: _Until = None,
    zone: _Zone = "UTC",
    provider: _Provider = None,
    model: _Model = None,
    key: _Key = None,
    workflow: _Workflow = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the requests that cost most."""
    way = channel(home)
    answer = way.get(
        "/api/usage/top",
        limit=limit,
        runs="true" if runs else None,
        days=days,
        since=since,
        until=until,
        zone=zone,
        provider=provider,
        model=model,
        key=key,
        workflow=workflow,
    )
    if as_json:
        print_json(answer)
        return
    names = _names(way)
    rows = [
        {
            **row,
            "at": row["at"][:19],
            "key": names.get(row["key_id"], row["key_id"]),
            "model": f"{row['provider']}/{row['model']}",
            "tokens": _tokens(row["prompt"], row["completion"]),
        }
        for row in answer["rows"]
    ]
    print_rows(rows, _TOP, empty="Nothing cost anything in this time.")
    _note_gap(complete=answer["complete"])


@app.command("list")
@command
def attempts(
    *,
    limit: Annotated[int, typer.Option(help="How many rows, at most 1000.")] = 20,
    request_id: Annotated[
        str | None, typer.Option("--request", help="Only the attempts of this request.")
    ] = None,
    days: Annotated[int | None, typer.Option(help="How many days back; else of all times.")] = None,
    since: _Since = None,
    until: _Until = None,
    provider: _Provider = None,
    model: _Model = None,
    key: _Key = None,
    workflow: _Workflow = None,
    status: Annotated[
        list[str] | None,
        typer.Option(help="Only ok, error, cut, cancelled or interrupted ones."),
    ] = None,
    cursor: Annotated[
        str | None, typer.Option(help="The page that follows one whose `next` this is.")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the newest rows of the ledger, one per upstream attempt."""
    answer = channel(home).get(
        "/api/usage/attempts",
        limit=limit,
        request_id=request_id,
        days=days,
        since=since,
        until=until,
        provider=provider,
        model=model,
        key=key,
        workflow=workflow,
        status=status,
        cursor=cursor,
    )
    if as_json:
        print_json(answer)
        return
    rows = [
        {
            **row,
            "at": row["at"][:19],
            "tokens": _tokens(row["prompt_tokens"], row["completion_tokens"]),
        }
        for row in answer["rows"]
    ]
    filtered = (days, since, until, provider, model, key, workflow, status, cursor)
    if request_id is not None:
        empty = "The ledger knows no such request."
    else:
        empty = "The ledger has no such rows." if any(filtered) else "The ledger is empty."
    print_rows(rows, _ATTEMPTS, empty=empty)
    if answer["next"]:
        note(f"There are more: --cursor {answer['next']}")
    _note_gap(complete=answer["complete"])


def _names(way: Channel) -> dict[str, str]:
    """Return the names of the keys that there are, by id; the ledger keeps ids."""
    return {key["id"]: key["name"] for key in way.get("/api/keys")["keys"]}


def _compared(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of a summary with what people compare."""
    before = row.get("previous") or {}
    was = before.get("cost_nano")
    growth = f"{(row['cost_nano'] - was) / was:+.0%}" if was else None
    return {
        **row,
        "before_usd": before.get("cost_usd"),
        "change": growth,
        "per_call_usd": row["average_usd"],
        "unpriced": row["unpriced_calls"] or None,
    }


def _tokens(prompt: int, completion: int) -> str:
    return f"{prompt}+{completion}"


def _note_gap(*, complete: bool) -> None:
    if not complete:
        note("The database is away: the newest calls are not in this yet.")
