"""laird audit: who did what, and taking changes back."""

from __future__ import annotations

from typing import Annotated

import typer

from laird.cli.channel import path_of
from laird.cli.context import HomeOption, JsonOption, channel, command
from laird.cli.export import opened
from laird.cli.output import moment, note, print_facts, print_json, print_rows, printable, shown

app = typer.Typer(help="The audit log: who did what, and when.", no_args_is_help=True)

_COLUMNS = ("id", "at", "actor", "via", "action", "summary")
_FACTS = (
    "id", "at", "actor", "role", "via", "address", "action", "object_type", "object_id",
    "object_name", "summary", "request_id",
)  # fmt: skip

EntryArgument = Annotated[int, typer.Argument(help="The entry's number, of laird audit list.")]
ActorOption = Annotated[
    str | None, typer.Option(help="Only what this one did: a person, 'key NAME', owner or file.")
]
ActionOption = Annotated[
    str | None,
    typer.Option(help="Only this action, such as key.create, or all of key."),
]
DaysOption = Annotated[int | None, typer.Option(help="How many days back; all without it.")]
SinceOption = Annotated[str | None, typer.Option(help="From this time on (ISO 8601, UTC).")]
UntilOption = Annotated[str | None, typer.Option(help="Until this time (ISO 8601, UTC).")]


@app.command("list")
@command
def list_entries(
    *,
    limit: Annotated[int, typer.Option(help="How many, at most 1000.")] = 20,
    cursor: Annotated[
        int | None, typer.Option(help="Only entries before the one with this number.")
    ] = None,
    actor: ActorOption = None,
    action: ActionOption = None,
    thing: Annotated[
        str | None, typer.Option("--object", help="Only what was done to this, by name or id.")
    ] = None,
    kind: Annotated[
        str | None, typer.Option("--type", help="Only objects of this type, such as budget.")
    ] = None,
    via: Annotated[
        str | None, typer.Option(help="Only by this way: dashboard, api, cli or file.")
    ] = None,
    search: Annotated[
        str | None, typer.Option(help="Only where summary, object or actor has this text.")
    ] = None,
    days: DaysOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what was done, the newest first."""
    answer = channel(home).get(
        "/api/audit",
        limit=limit,
        cursor=cursor,
        actor=actor,
        action=action,
        object=thing,
        object_type=kind,
        via=via,
        search=search,
        days=days,
        since=since,
        until=until,
    )
    if as_json:
        print_json(answer)
        return
    rows = [{**one, "at": moment(one["at_us"])} for one in answer["events"]]
    print_rows(rows, _COLUMNS, empty="There are no such entries.")
    if answer["next"] is not None:
        note(f"There are more: --cursor {answer['next']}")


@app.command("show")
@command
def show(entry: EntryArgument, *, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show one entry, and what is otherwise than before."""
    found = channel(home).get(path_of("audit", str(entry)))
    if as_json:
        print_json(found)
        return
    print_facts({**{name: found[name] for name in _FACTS}, "at": moment(found["at_us"])})
    for one in found["changes"]:
        typer.echo(f"{one['field']}: {shown(one['before'])} -> {shown(one['after'])}")
    for line in (found["diff"] or "").splitlines():
        typer.echo(printable(line))


@app.command("export")
@command
def export(
    *,
    form: Annotated[
        str, typer.Option("--format", help="csv for spreadsheets, jsonl for programs.")
    ] = "csv",
    output: Annotated[str, typer.Option(help="The file to write; - is the standard output.")] = "-",
    actor: ActorOption = None,
    action: ActionOption = None,
    days: DaysOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    home: HomeOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format jsonl.")] = False,
) -> None:
    """Write the log to a file, oldest first."""
    query = {
        "format": "jsonl" if as_json else form,
        "actor": actor,
        "action": action,
        "days": days,
        "since": since,
        "until": until,
    }
    way = channel(home)
    with opened(output) as file:
        way.download("/api/audit/export", query, file)


@app.command("rollback")
@command
def rollback(
    entry: EntryArgument,
    *,
    revision: Annotated[
        str | None, typer.Option(help="The revision in force: roll back though it has changed.")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put the document from before a change in force again."""
    wanted = {"revision": revision}
    answer = channel(home).call("POST", path_of("audit", str(entry), "rollback"), wanted)
    if as_json:
        print_json(answer)
        return
    typer.echo(
        f"The document from before entry {entry} is in force again (revision {answer['revision']})."
    )


@app.command("prune")
@command
def prune(
    *,
    older_than_days: Annotated[int, typer.Option(min=1, help="How old an entry must be.")],
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Delete old entries; an entry says so."""
    if not yes:
        typer.confirm(f"Delete all entries older than {older_than_days} days?", abort=True)
    wanted = {"older_than_days": older_than_days}
    answer = channel(home).call("POST", "/api/audit/prune", wanted)
    if as_json:
        print_json(answer)
    else:
        typer.echo(f"{answer['deleted']} entries were deleted. An entry says so.")
