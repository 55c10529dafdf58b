"""laird advice and laird reconcile: what would be cheaper, and whether the bill agrees."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from laird.cli.context import HomeOption, JsonOption, channel, command
from laird.cli.output import fail, note, print_json, print_rows, shown

_CHEAPER = (
    "from", "to", "calls", "paid_usd", "instead_usd", "saving_usd", "least_saving_usd",
    "confidence",
)  # fmt: skip
_CACHING = ("model", "calls", "prompt", "cached", "saved_usd", "written_extra_usd", "tenth_usd")
_COMPARED = (
    "day", "model", "verdict", "our_tokens", "their_tokens", "tokens_difference", "our_usd",
    "their_usd", "cost_difference_usd",
)  # fmt: skip


@command
def advice(
    *,
    days: Annotated[int, typer.Option(help="Replay the calls of so many days.")] = 30,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what would have been cheaper, from the calls that there were."""
    answer = channel(home).get("/api/recommendations", days=days)
    if as_json:
        print_json(answer)
        return
    found = answer["recommendations"]
    typer.echo(f"{answer['paid_usd']} USD were paid in {days} days for what was answered.")
    if found:
        typer.echo(f"{answer['saving_usd']} USD of it could have been saved:\n")
    print_rows(found, _CHEAPER, empty="Nothing that is configured would have been cheaper.")
    for each in found:
        typer.echo()
        typer.echo(shown(f"{each['from']} to {each['to']}: {'; '.join(each['why'])}."))
        if each["unknown"]:
            typer.echo(shown(f"  Not known: {'; '.join(each['unknown'])}."))
        for share in each["shares"]:
            who = share["key"] or share["key_id"]
            workflow = f", workflow {share['workflow']}" if share["workflow"] else ""
            told = f"  {share['saving_usd']} USD: {share['calls']} calls of {who}{workflow}"
            typer.echo(shown(told))
    if answer["caching"]:
        typer.echo("\nInput from the providers' caches (tenth: if another tenth came from there):")
        print_rows(answer["caching"], _CACHING, empty="")
    for each in answer["not_compared"]:
        note(f"nothing for {each['model']} ({each['paid_usd']} USD): {each['why']}")
    for each in answer["unpriced"]:
        note(f"{each['calls']} calls of {each['provider']}/{each['model']} have no price")
    _note_gap(answer)


@command
def reconcile(
    file: Annotated[
        Path,
        typer.Argument(help="The provider's report, CSV or JSON.", exists=True, dir_okay=False),
    ],
    *,
    provider: Annotated[
        list[str], typer.Option(help="Whose report it is, by id; repeatable for one account.")
    ],
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="openai-usage, openai-costs, anthropic-usage or anthropic-cost; else it is found.",
        ),
    ] = None,
    zone: Annotated[str, typer.Option(help="Where the report's days begin.")] = "UTC",
    since: Annotated[str | None, typer.Option(help="The first day to compare.")] = None,
    until: Annotated[str | None, typer.Option(help="The first day not to compare.")] = None,
    tolerance: Annotated[float, typer.Option(help="Percent by which they may differ.")] = 1.0,
    every: Annotated[bool, typer.Option("--all", help="Show rows that agree as well.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare a provider's own usage or cost report with the ledger; exit 1 where they differ."""
    answer = channel(home).upload(
        "/api/reconcile",
        file.read_bytes(),
        provider=provider,
        format=form,
        zone=zone,
        since=since,
        until=until,
        tolerance=tolerance,
    )
    if as_json:
        print_json(answer)
    else:
        _show(answer, every=every)
    if not answer["agrees"]:
        raise typer.Exit(1)


def _show(answer: dict[str, Any], *, every: bool) -> None:
    rows = [_compared(row) for row in answer["rows"] if every or row["verdict"] != "match"]
    print_rows(rows, _COMPARED, empty="All days and models agree.")
    ours, theirs = answer["ledger"], answer["report"]
    typer.echo(f"\n{answer['format']} from {answer['since']} until {answer['until']}:")
    for what in ("calls", "prompt", "completion", "cached", "cache_write", "cost_usd"):
        if theirs[what] is not None:
            typer.echo(f"  {what.replace('_', ' '):<12} ledger {ours[what]}, report {theirs[what]}")
    for measure, percent in answer["deviation"].items():
        typer.echo(f"  {measure:<12} {percent:.4g}% apart; {answer['tolerance']:g}% are allowed")
    for each in answer["unreadable"]:
        fail(f"{each['place']}: {each['why']}")
    if answer["unreadable_count"] > len(answer["unreadable"]):
        fail(f"{answer['unreadable_count']} places could not be read.")
    for text in answer["notes"]:
        note(f"note: {text}")
    _note_gap(answer)
    typer.echo("They agree." if answer["agrees"] else "They do not agree.")


def _compared(row: dict[str, Any]) -> dict[str, Any]:
    ours, theirs = row["ledger"] or {}, row["report"] or {}
    return {
        **row,
        "our_tokens": _tokens(ours),
        "their_tokens": _tokens(theirs),
        "our_usd": ours.get("cost_usd"),
        "their_usd": theirs.get("cost_usd"),
    }


def _tokens(side: dict[str, Any]) -> int | None:
    prompt, completion = side.get("prompt"), side.get("completion")
    return None if prompt is None or completion is None else prompt + completion


def _note_gap(answer: dict[str, Any]) -> None:
    if not answer["complete"]:
        note("The database is away: the newest calls are not in this yet.")
