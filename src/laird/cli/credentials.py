"""laird credentials: keys of providers, kept so that nobody can read them back."""

from __future__ import annotations

import shlex
import sys
from typing import Annotated, Any

import typer

from laird.cli.channel import path_of
from laird.cli.context import HomeOption, JsonOption, channel, command
from laird.cli.output import fail, moment, note, print_json, print_rows
from laird.domain.credential import check_name
from laird.domain.errors import InvalidRequest

app = typer.Typer(
    help="Credentials of providers, kept so that nobody can read them back.", no_args_is_help=True
)

NameArgument = Annotated[str, typer.Argument(help="The credential's name.")]
ExtraArgument = Annotated[
    list[str] | None, typer.Argument(hidden=True, help="Nothing: a key is no argument.")
]
StdinOption = Annotated[
    bool, typer.Option("--stdin", help="Read the key from standard input, for scripts.")
]
ExpiresOption = Annotated[
    str | None, typer.Option(help="When it ends at the provider, such as 2027-01-31.")
]
FallbackOption = Annotated[
    float | None,
    typer.Option(help="Hours that the key before may step in if this one is refused; default 24."),
]

_COLUMNS = (
    "name", "store", "providers", "state", "fingerprint", "staged", "expires", "last_used",
    "last_refused",
)  # fmt: skip


@app.command("list")
@command
def list_credentials(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List the credentials; no part of any key is shown."""
    answer = channel(home).get("/api/credentials")
    if as_json:
        print_json(answer)
        return
    empty = "Nothing is stored. laird credentials set NAME keeps a key."
    print_rows([_row(one) for one in answer["credentials"]], _COLUMNS, empty=empty)
    for one in answer["credentials"]:
        if one["problem"]:
            note(f"{one['name']}: {one['problem']}")


@app.command("set")
@command
def set_credential(
    name: NameArgument,
    extra: ExtraArgument = None,
    *,
    stdin: StdinOption = False,
    store: Annotated[str | None, typer.Option(help="Where it is kept: vault or keyring.")] = None,
    expires: ExpiresOption = None,
    fallback_hours: FallbackOption = None,
    run: Annotated[
        str | None,
        typer.Option("--command", help="A command that prints the key, run when it is needed."),
    ] = None,
    lifetime: Annotated[
        float | None, typer.Option(help="Seconds that what the command prints is good for.")
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(help="Seconds that the command may take; default 10.")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Keep a key, or put another one in its place at once. It is asked for, and not shown."""
    _refuse_arguments(name, extra)
    wanted: dict[str, Any] = {"expires": expires, "store": store, "fallback_hours": fallback_hours}
    if run is not None:
        given = {"timeout_s": timeout, "lifetime_s": lifetime}
        wanted["command"] = {"command": _split(run), **_given(given)}
    else:
        wanted["value"] = _ask(name, stdin=stdin)
    shown = channel(home).call("PUT", path_of("credentials", name), _given(wanted))
    if as_json:
        print_json(shown)
        return
    _say_kept(shown)


@app.command("rotate")
@command
def rotate(
    name: NameArgument,
    extra: ExtraArgument = None,
    *,
    stdin: StdinOption = False,
    expires: ExpiresOption = None,
    fallback_hours: FallbackOption = None,
    stage: Annotated[
        bool, typer.Option("--stage", help="Only stage it; promote puts it in force.")
    ] = False,
    test: Annotated[
        bool, typer.Option("--test/--no-test", help="Ask the providers before it is in force.")
    ] = True,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Stage a new key, test it with the providers, and put it in force; no request fails."""
    _refuse_arguments(name, extra)
    wanted = _given({"value": _ask(name, stdin=stdin), "expires": expires})
    way = channel(home)
    shown = way.call("POST", path_of("credentials", name, "stage"), wanted)
    if test and shown["providers"]:
        tested = way.call("POST", path_of("credentials", name, "test"), {"slot": "staged"})
        if not tested["ok"]:
            _say_refused(tested, as_json=as_json)
            raise typer.Exit(1)
    if not stage:
        body = _given({"fallback_hours": fallback_hours})
        shown = way.call("POST", path_of("credentials", name, "promote"), body)
    if as_json:
        print_json(shown)
    elif stage:
        typer.echo(f"Staged. It follows with: laird credentials promote {name}")
    else:
        typer.echo(f"The new key of '{name}' is in force ({_fingerprint(shown)}).")


@app.command("promote")
@command
def promote(
    name: NameArgument,
    *,
    fallback_hours: FallbackOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put the staged key in force; requests under way keep the one before."""
    body = _given({"fallback_hours": fallback_hours})
    shown = channel(home).call("POST", path_of("credentials", name, "promote"), body)
    if as_json:
        print_json(shown)
    else:
        typer.echo(f"The new key of '{name}' is in force ({_fingerprint(shown)}).")


@app.command("discard")
@command
def discard(name: NameArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Forget the staged key."""
    shown = channel(home).call("POST", path_of("credentials", name, "discard"))
    if as_json:
        print_json(shown)
    else:
        typer.echo(f"The staged key of '{name}' is forgotten.")


@app.command("test")
@command
def check_credential(
    name: NameArgument,
    *,
    slot: Annotated[
        str | None, typer.Option(help="active, staged or previous; the staged one if there is one.")
    ] = None,
    provider: Annotated[
        str | None, typer.Option(help="Ask this provider only, of those that use it.")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask the providers that use a key whether they take it."""
    body = _given({"slot": slot, "provider": provider})
    tested = channel(home).call("POST", path_of("credentials", name, "test"), body)
    if not tested["ok"]:
        _say_refused(tested, as_json=as_json)
        raise typer.Exit(1)
    if as_json:
        print_json(tested)
        return
    for one in tested["results"]:
        typer.echo(
            f"'{one['provider']}' takes the {tested['slot']} key of '{name}'"
            f" ({one['latency_ms']:.0f} ms, {one['models']} models)."
        )


@app.command("remove")
@command
def remove(
    name: NameArgument,
    *,
    force: Annotated[
        bool, typer.Option("--force", help="Also when providers use it; they have no key then.")
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Forget a credential with all its keys, for good."""
    shown = channel(home).call("DELETE", path_of("credentials", name), force=force)
    if as_json:
        print_json(shown)
    else:
        typer.echo(f"'{name}' is removed. Revoke the key at the provider too.")


@app.command("migrate")
@command
def migrate(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Move keys that are written out in the document to where they can't be read."""
    answer = channel(home).call("POST", "/api/credentials/migrate")
    if as_json:
        print_json(answer)
        return
    if not answer["moved"]:
        typer.echo("No key is written out in the document.")
    for provider_id, name in answer["moved"].items():
        typer.echo(f"The key of '{provider_id}' is the stored credential '{name}' now.")
    if answer["moved"]:
        note("Copies of the old document, such as backups, still have them: rotate the keys.")


@app.command("rekey")
@command
def rekey(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Change the master key of the vault; the keys in it stay as they are."""
    answer = channel(home).call("POST", "/api/credentials/rekey")
    if as_json:
        print_json(answer)
    else:
        typer.echo(f"The master key is another one; {answer['wrapped']} values are wrapped anew.")


def _refuse_arguments(name: str, extra: list[str] | None) -> None:
    """Refuse a key among the arguments, and do not repeat it. Raises `typer.Exit`."""
    try:
        check_name(name)
    except InvalidRequest as error:
        fail(error.message)
        raise typer.Exit(2) from None
    if extra:
        fail(
            "A key is never an argument: it would stay in your shell's history, and others could"
            " see it among the processes. Leave it out; it is asked for. Scripts use --stdin."
            " Change the key at the provider if this was a real one."
        )
        raise typer.Exit(2)


def _ask(name: str, *, stdin: bool) -> str:
    if stdin:
        return sys.stdin.readline().strip()
    if not sys.stdin.isatty():
        fail("There is no terminal to ask for the key: give it on standard input with --stdin.")
        raise typer.Exit(2)
    value: str = typer.prompt(f"Key for '{name}' (not shown)", hide_input=True, err=True)
    return value.strip()


def _split(run: str) -> list[str]:
    try:
        return shlex.split(run)
    except ValueError:
        fail("The command has a quote that does not end.")
        raise typer.Exit(2) from None


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _row(one: dict[str, Any]) -> dict[str, Any]:
    return {
        **one,
        "state": _state(one),
        "staged": _staged(one["staged"]),
        "expires": moment(one["expires_us"]),
        "last_used": moment(one["last_used_us"]),
        "last_refused": moment(one["last_refused_us"]),
    }


def _state(one: dict[str, Any]) -> str:
    if one["ready"]:
        return "ready"
    # Without a server, commands are not run only to look at them.
    return "not run" if one["program"] and not one["problem"] else "missing"


def _staged(value: dict[str, Any] | None) -> str:
    if value is None:
        return "-"
    return f"{value['fingerprint']}{', tested' if value['tested_us'] else ''}"


def _fingerprint(shown: dict[str, Any]) -> str:
    return f"fingerprint {shown['fingerprint']}"


def _say_kept(shown: dict[str, Any]) -> None:
    name = shown["name"]
    if shown["problem"]:
        fail(shown["problem"])
        raise typer.Exit(1)
    where = {"vault": "in the vault", "keyring": "in the keyring", "command": "as a command"}
    typer.echo(f"'{name}' is kept {where[shown['store']]} ({_fingerprint(shown)}).")
    if not shown["providers"]:
        note(f"No provider uses it yet: write authSecret: {name} in the document.")


def _say_refused(tested: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(tested)
        return
    for one in tested["results"]:
        if not one["ok"]:
            fail(one["error"])
    if tested["slot"] == "staged":
        note(
            f"It stays staged, and the key before stays in force. laird credentials discard"
            f" {tested['name']} forgets it."
        )
