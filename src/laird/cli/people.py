"""laird people: who may sign in, and what they may."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from laird.cli.channel import path_of
from laird.cli.context import HomeOption, JsonOption, channel, command
from laird.cli.output import moment, note, print_facts, print_json, print_rows

app = typer.Typer(help="People: who may sign in, and what they may.", no_args_is_help=True)

PersonArgument = Annotated[str, typer.Argument(help="The person's name or id.")]
RoleOption = Annotated[str, typer.Option(help="admin, operator or viewer.")]
_ONCE = "The link works once. It is shown this one time: only its hash is kept."


@app.command("list")
@command
def list_people(
    *,
    invitations: Annotated[
        bool, typer.Option("--invitations", help="List the links that are good instead.")
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List who may sign in."""
    answer = channel(home).get("/api/invitations" if invitations else "/api/people")
    if as_json:
        print_json(answer)
    elif invitations:
        rows = [{**one, "expires": moment(one["expires_us"])} for one in answer["invitations"]]
        print_rows(
            rows,
            ("kind", "id", "role", "name", "expires", "created_by"),
            empty="There are no links. laird people invite makes one.",
        )
    else:
        rows = [{**one, "last_sign_in": moment(one["signed_in_us"])} for one in answer["people"]]
        print_rows(
            rows,
            ("name", "id", "role", "enabled", "last_sign_in"),
            empty="Nobody may sign in yet. laird setup-link lets you in.",
        )


@app.command("invite")
@command
def invite(
    *,
    role: RoleOption = "viewer",
    name: Annotated[
        str | None, typer.Option(help="The name that they will have; else they choose one.")
    ] = None,
    hours: Annotated[float, typer.Option(help="How long the link is good, at most 720.")] = 72.0,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a link by which somebody becomes a person who may sign in."""
    wanted = {"role": role, "name": name, "hours": hours}
    _show_link(channel(home).call("POST", "/api/invitations", wanted), as_json)


@app.command("uninvite")
@command
def uninvite(
    link: Annotated[str, typer.Argument(help="The link's id, of laird people list --invitations.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a link worthless."""
    gone = channel(home).call("DELETE", path_of("invitations", link))
    _tell(gone, f"The link {gone['id']} is worthless now.", as_json)


@app.command("add")
@command
def add(
    name: Annotated[str, typer.Argument(help="What they type to sign in.")],
    *,
    role: RoleOption = "viewer",
    stdin: Annotated[
        bool, typer.Option("--stdin", help="Read the password from standard input.")
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add somebody with a password, which is asked for."""
    way = channel(home)
    password = _password(from_stdin=stdin)
    made = way.call("POST", "/api/people", {"name": name, "role": role, "password": password})
    _tell(made, f"{made['name']} may sign in as {made['role']}.", as_json)


@app.command("role")
@command
def role(
    person: PersonArgument,
    new: Annotated[str, typer.Argument(metavar="ROLE", help="admin, operator or viewer.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give somebody another role, in force at once."""
    changed = channel(home).call("PATCH", path_of("people", person), {"role": new})
    _tell(changed, f"{changed['name']} is {changed['role']} now.", as_json)


@app.command("disable")
@command
def disable(person: PersonArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Switch somebody off: they are signed out and can't sign in."""
    _switch(person, home, as_json, enabled=False)


@app.command("enable")
@command
def enable(person: PersonArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Switch somebody on again."""
    _switch(person, home, as_json, enabled=True)


@app.command("remove")
@command
def remove(person: PersonArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Remove somebody with their sessions."""
    gone = channel(home).call("DELETE", path_of("people", person))
    _tell(gone, f"{gone['name']} is removed.", as_json)


@app.command("sessions")
@command
def sessions(person: PersonArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List the browsers in which somebody is signed in."""
    answer = channel(home).get(path_of("people", person, "sessions"))
    if as_json:
        print_json(answer)
        return
    rows = [
        {**one, "since": moment(one["created_us"]), "last_seen": moment(one["seen_us"])}
        for one in answer["sessions"]
    ]
    columns = ("id", "since", "last_seen", "address", "agent")
    print_rows(rows, columns, empty="Signed in nowhere.")


@app.command("sign-out")
@command
def sign_out(person: PersonArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Sign somebody out everywhere."""
    answer = channel(home).call("DELETE", path_of("people", person, "sessions"))
    _tell(answer, f"{answer['ended']} sessions ended.", as_json)


@app.command("reset")
@command
def reset(person: PersonArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Make a link by which somebody chooses another password."""
    _show_link(channel(home).call("POST", path_of("people", person, "reset")), as_json)


@command
def setup_link(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Make the link for the first administrator anew."""
    _show_link(channel(home).call("POST", "/api/setup-link"), as_json)


def _show_link(made: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(made)
        return
    typer.echo(made["url"])
    note(f"{_ONCE} It is good until {moment(made['expires_us'])}.")


def _switch(person: str, home: Path | None, as_json: bool, *, enabled: bool) -> None:
    changed = channel(home).call("PATCH", path_of("people", person), {"enabled": enabled})
    if as_json:
        print_json(changed)
    else:
        print_facts({"name": changed["name"], "enabled": changed["enabled"]})


def _tell(answer: dict[str, Any], sentence: str, as_json: bool) -> None:
    if as_json:
        print_json(answer)
    else:
        typer.echo(sentence)


def _password(*, from_stdin: bool) -> str:
    """Return a password that was typed twice without being shown, or the first line of stdin."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    typed: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return typed
