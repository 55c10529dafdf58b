"""laird library pull, downloads, pause, resume and cancel: models on their way here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from laird.cli.channel import Channel, CommandFailed, ServerLost, path_of
from laird.cli.context import HomeOption, JsonOption, channel, command
from laird.cli.library_following import follow, watcher, words
from laird.cli.library_words import bytes_text, download_named, repository_named
from laird.cli.output import fail, note, print_json, print_rows
from laird.domain.errors import NotFound

NameArgument = Annotated[
    str,
    typer.Argument(help="The short name of a recommended model, or owner/name at the hub."),
]
DownloadArgument = Annotated[
    str, typer.Argument(metavar="ID", help="The download's id, or a part of the model's name.")
]
DetachOption = Annotated[
    bool, typer.Option("--detach", help="Return at once; the server downloads it.")
]
_COLUMNS = ("id", "repository", "file", "state", "progress")
_INTERRUPTED = 130
_OFFER_TRIES, _OFFER_EVERY_S = 30, 0.1


@command
def pull(
    name: NameArgument,
    *,
    file: Annotated[
        str | None, typer.Option(help="One of its files; else the usual one is taken.")
    ] = None,
    quantization: Annotated[
        str | None, typer.Option(help="How its weights are stored, as Q4_K_M.")
    ] = None,
    detach: DetachOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Download a model and print by which name it is asked. What is under way is joined."""
    wanted = {"repository": name, "file": file, "quantization": quantization}
    way = channel(home)
    with way.session():
        try:
            progress = way.call("POST", "/api/library/downloads", wanted)
        except CommandFailed as refusal:
            if refusal.refusal != "already_installed":
                repository_named(way, name)
                raise
            message = refusal.message
            if not as_json:
                note(message)
            _say_installed(way, lambda model: f"'{model['id']}'" in message, as_json)
            return
        if progress["state"] in {"paused", "failed"}:
            progress = _act(way, progress, "resume")
        _see_through(way, progress, detach=detach, as_json=as_json)


@command
def downloads(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List the downloads, and the last of those that ended."""
    way = channel(home)
    answer = way.get("/api/library/downloads")
    if as_json:
        print_json(answer)
        return
    rows = [
        {**each, "file": each["files"][0], "progress": words({**each, "state": "running"})}
        for each in answer["downloads"]
    ]
    print_rows(rows, _COLUMNS, empty="There are no downloads. laird library pull begins one.")
    for each in rows:
        if each["problem"]:
            note(f"{each['id']}: {each['problem']}")
    if not way.served and any(each["state"] == "queued" for each in rows):
        note("No server runs: what is queued goes on with laird serve or laird library resume.")


@command
def pause(name: DownloadArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Stop a download until it is resumed; what has come is kept."""
    way = channel(home)
    with way.session():
        progress = _act(way, download_named(way, name), "pause")
    if as_json:
        print_json(progress)
    else:
        typer.echo(f"{progress['id']}: {words(progress)}.")


@command
def resume(
    name: DownloadArgument,
    *,
    detach: DetachOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Go on with a download that rests or has failed."""
    way = channel(home)
    with way.session():
        progress = _act(way, download_named(way, name), "resume")
        _see_through(way, progress, detach=detach, as_json=as_json)


@command
def cancel(name: DownloadArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Give a download up and delete what has come."""
    way = channel(home)
    with way.session():
        path = path_of("library", "downloads", download_named(way, name)["id"])
        progress = way.call("DELETE", path)
    if as_json:
        print_json(progress)
    else:
        typer.echo(f"{progress['id']} is given up, and what had come is deleted.")


def _act(way: Channel, progress: dict[str, Any], verb: str) -> dict[str, Any]:
    changed: dict[str, Any] = way.call(
        "POST", path_of("library", "downloads", progress["id"], verb)
    )
    return changed


def _see_through(way: Channel, progress: dict[str, Any], *, detach: bool, as_json: bool) -> None:
    """Follow a download to its end, and say how it ended."""
    if detach:
        _say_begun(way, progress, as_json=as_json)
        return
    try:
        with watcher(silent=as_json) as watch:
            progress = follow(way, progress, watch)
    except KeyboardInterrupt:
        _say_interrupted(way, progress)
        raise typer.Exit(_INTERRUPTED) from None
    except ServerLost as problem:
        raise ServerLost(f"{problem.message} The download goes on when it runs again.") from None
    if progress["state"] != "done":
        fail(progress["problem"] or f"The download of {progress['repository']} was not finished.")
        note(_hint(progress))
        raise typer.Exit(1)
    files = set(progress["files"])
    _say_installed(
        way,
        lambda model: (
            model["repository"] == progress["repository"] and set(model["files"]) == files
        ),
        as_json,
    )


def _hint(progress: dict[str, Any]) -> str:
    if progress["state"] == "cancelled":
        return "laird library pull begins it anew."
    return f"laird library resume {progress['id']} goes on with it."


def _say_begun(way: Channel, progress: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(progress)
        return
    if way.served:
        note("The server downloads it. laird library downloads shows how it gets on.")
    else:
        note("No server runs: it is downloaded when laird serve does.")
    typer.echo(progress["id"])


def _say_interrupted(way: Channel, progress: dict[str, Any]) -> None:
    if way.served:
        note(f"The server goes on with it. laird library pause {progress['id']} stops it.")
        return
    progress = _act(way, progress, "pause")
    note(
        f"Paused, at {bytes_text(progress['done'])} of {bytes_text(progress['total'])}."
        f" {_hint(progress)}"
    )


def _say_installed(way: Channel, meant: Callable[[dict[str, Any]], bool], as_json: bool) -> None:
    """Print by which name the model that is meant is asked."""
    model = _offered(way, meant)
    if as_json:
        print_json(model)
    elif model["problem"] is None:
        note(f"{bytes_text(model['size'])}. It is loaded when it is first asked, by this name:")
        typer.echo(model["model"])
    else:
        fail(f"'{model['id']}' is installed and can't be run: {model['problem']}")
    if model["problem"] is not None:
        raise typer.Exit(1)


def _offered(way: Channel, meant: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Return an installed model once the document offers it, which follows a download's end."""
    found = None
    for _ in range(_OFFER_TRIES):
        listed: list[dict[str, Any]] = way.get("/api/library/models")["models"]
        found = next(filter(meant, listed), None)
        if found is not None and (found["model"] or found["problem"]):
            return found
        way.rest(_OFFER_EVERY_S)
    if found is None:
        raise NotFound("The model is gone again.")
    path = path_of("library", "models", found["id"], "offer")
    try:
        offered: dict[str, Any] = way.call("POST", path)
    except CommandFailed as refusal:
        raise CommandFailed(
            f"'{found['id']}' is installed, and the document can't offer it yet. It will by itself"
            f" when this is mended: {refusal.message}",
            code=refusal.refusal,
            status=refusal.status,
        ) from None
    return offered
