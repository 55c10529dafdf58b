"""laird library: models that run on this machine."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from laird.cli import library_downloads as coming
from laird.cli.channel import Channel, path_of
from laird.cli.context import HomeOption, JsonOption, channel, command
from laird.cli.library_doctor import doctor
from laird.cli.library_words import (
    FITS,
    bytes_text,
    count_text,
    model_named,
    read_count,
    repository_named,
)
from laird.cli.output import moment, note, print_json, print_rows, printable

app = typer.Typer(
    help="Models that run on this machine: find, download, run.", no_args_is_help=True
)

ModelArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="The model's id, or how it is asked: library/….")
]
_RUN_S = 330.0
"""A model may take five minutes to be loaded."""

_RECOMMENDED = ("name", "title", "size", "fit", "installed", "good_for")
_FILES = ("file", "quantization", "size", "fit", "reason")
_INSTALLED = ("name", "size", "quantization", "state", "fit", "calls", "last_used")
_MOST_LINES = 1000


@app.command("search")
@command
def search(
    text: Annotated[
        str | None, typer.Argument(help="Words of its name; owner/name lists what is in it.")
    ] = None,
    *,
    recommended: Annotated[
        bool, typer.Option("--recommended", help="Ten good first choices; also without a text.")
    ] = False,
    files: Annotated[
        bool, typer.Option("--files", help="The files of the one model that is named.")
    ] = False,
    least: Annotated[
        int | None,
        typer.Option(parser=read_count, metavar="COUNT", help="Least parameters, as 500M."),
    ] = None,
    most: Annotated[
        int | None, typer.Option(parser=read_count, metavar="COUNT", help="Most, as 8B.")
    ] = None,
    quantization: Annotated[
        str | None, typer.Option(help="Only what has files stored so, as Q4_K_M.")
    ] = None,
    sort: Annotated[str, typer.Option(help="downloads, likes or updated.")] = "downloads",
    limit: Annotated[int, typer.Option(help="At most so many.")] = 20,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find models at the hub; without a text, those that are a good first choice."""
    way = channel(home)
    filtered = least is not None or most is not None or quantization is not None
    if recommended or (text is None and not filtered):
        _recommended(way, as_json=as_json)
        return
    if text is not None and (files or "/" in text):
        _files(way, text, as_json=as_json)
        return
    answer = way.get(
        "/api/library/search",
        text=text,
        least=least,
        most=most,
        quantization=quantization,
        sort=sort,
        limit=limit,
    )
    if as_json:
        print_json(answer)
        return
    rows = [_repository(each) for each in answer["repositories"]]
    liked = ["likes"] if sort == "likes" else []
    gated = ["gated"] if any(each["gated"] for each in rows) else []
    columns = ["repository", "params", "downloads", *liked, "updated", *gated, "files"]
    print_rows(rows, columns, empty="The hub has no GGUF model of that kind.")
    if rows:
        note("laird library search OWNER/NAME lists the files of one, and whether they fit.")


@app.command("list")
@command
def list_models(
    *,
    updates: Annotated[
        bool, typer.Option("--updates", help="Ask the hub which are another file there now.")
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the installed models, and how each stands."""
    way = channel(home)
    with way.session():
        answer = way.get("/api/library/models")
        models = answer["models"]
        if updates:
            for each in models:
                found = way.get(path_of("library", "models", each["id"], "update"))
                each["update"] = found["available"]
    if as_json:
        print_json(answer)
        return
    columns = (*_INSTALLED, "update") if updates else _INSTALLED
    empty = "No model is installed. laird library search shows some; laird library pull gets one."
    print_rows([_model(each) for each in models], columns, empty=empty)
    for each in models:
        if each["problem"]:
            note(f"{each['id']}: {each['problem']}")


@app.command("remove")
@command
def remove(
    name: ModelArgument,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a model out of the document and delete its files."""
    way = channel(home)
    with way.session():
        path = path_of("library", "models", model_named(way, name))
        model = way.get(path)
    if not yes:
        question = f"Delete '{model['id']}' ({bytes_text(model['size'])})?"
        typer.confirm(question, abort=True, err=True)
    gone = way.call("DELETE", path)
    if as_json:
        print_json(gone)
    else:
        typer.echo(f"'{gone['id']}' is deleted; {bytes_text(gone['size'])} are free again.")


@app.command("run")
@command
def run(name: ModelArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Load a model now, and say how long that took; its first request would do it too."""
    way = channel(home, _RUN_S)
    with way.session():
        answer = way.call("POST", path_of("library", "models", model_named(way, name), "run"))
    if as_json:
        print_json(answer)
        return
    took = (answer["loaded_ms"] or 0.0) / 1000
    if way.served:
        typer.echo(f"'{answer['id']}' is loaded; that took {took:.1f} s.")
    else:
        typer.echo(f"'{answer['id']}' can be loaded; that took {took:.1f} s.")
        note("No server runs, so it has ended with this command. laird serve keeps it.")


@app.command("stop")
@command
def stop(name: ModelArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Unload a model as soon as nobody uses it."""
    way = channel(home)
    with way.session():
        answer = way.call("POST", path_of("library", "models", model_named(way, name), "stop"))
    if as_json:
        print_json(answer)
    elif not way.served:
        typer.echo(f"'{answer['id']}' does not run, since no server does.")
    elif answer["state"] == "cold":
        typer.echo(f"'{answer['id']}' is not loaded.")
    else:
        typer.echo(f"'{answer['id']}' is unloaded as soon as nobody uses it.")


@app.command("change")
@command
def change(
    name: ModelArgument,
    *,
    context: Annotated[
        int | None,
        typer.Option(min=256, help="Tokens of prompt and answer that a request may have."),
    ] = None,
    slots: Annotated[int | None, typer.Option(min=1, help="Requests at the same time.")] = None,
    gpu_layers: Annotated[
        int | None, typer.Option(min=-1, help="Layers on the GPU: 0 for none, -1 for all.")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change how a model is run; it is started anew as soon as nobody uses it."""
    given = {"context_size": context, "slots": slots, "gpu_layers": gpu_layers}
    changes = {field: value for field, value in given.items() if value is not None}
    if not changes:
        raise typer.BadParameter("Say what to change; laird library change --help lists it.")
    way = channel(home)
    with way.session():
        path = path_of("library", "models", model_named(way, name))
        model = way.call("PATCH", path, changes)
    if as_json:
        print_json(model)
        return
    slots_text = f"{model['slots']} at the same time"
    typer.echo(f"'{model['id']}': {model['context_size']} tokens each, {slots_text}.")
    if model["verdict"] is not None:
        note(model["verdict"]["reason"])


@app.command("log")
@command
def log(
    name: ModelArgument,
    *,
    lines: Annotated[int, typer.Option(min=1, max=_MOST_LINES, help="How many of the last.")] = 100,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the last lines that a model's process wrote."""
    way = channel(home)
    with way.session():
        path = path_of("library", "models", model_named(way, name), "log")
        answer = way.get(path, lines=lines)
    if as_json:
        print_json(answer)
        return
    for line in answer["lines"]:
        typer.echo(printable(line))


app.command("pull")(coming.pull)
app.command("downloads")(coming.downloads)
app.command("pause")(coming.pause)
app.command("resume")(coming.resume)
app.command("cancel")(coming.cancel)
app.command("doctor")(doctor)


def _recommended(way: Channel, *, as_json: bool) -> None:
    answer = way.get("/api/library/recommended")
    if as_json:
        print_json(answer)
        return
    rows = [
        {
            **each,
            "name": each["id"],
            "size": bytes_text(each["size"]),
            "fit": FITS[each["verdict"]["fit"]],
        }
        for each in answer["models"]
    ]
    print_rows(rows, _RECOMMENDED, empty="-")
    note("laird library pull NAME downloads one.")


def _files(way: Channel, text: str, *, as_json: bool) -> None:
    """List the files of a repository, or of a recommended model."""
    with way.session():
        owner, _, name = repository_named(way, text).partition("/")
        answer = way.get(path_of("library", "repositories", owner, name))
    if as_json:
        print_json(answer)
        return
    rows = [
        {
            "file": each["name"],
            "quantization": each["quantization"],
            "size": bytes_text(each["size"]),
            "fit": FITS[each["verdict"]["fit"]],
            "reason": each["verdict"]["reason"],
        }
        for each in answer["files"]
    ]
    print_rows(rows, _FILES, empty=f"{answer['repository']} has no GGUF file that can be verified.")
    if answer["gated"]:
        note("Its licence has to be accepted at the hub, and HF_TOKEN be set, before it is pulled.")


def _repository(found: dict[str, Any]) -> dict[str, Any]:
    return {
        **found,
        "params": count_text(found["parameters"]),
        "files": found["quantizations"],
        "downloads": count_text(found["downloads"]),
        "likes": count_text(found["likes"]),
        "updated": (found["updated"] or "-")[:10],
    }


def _model(model: dict[str, Any]) -> dict[str, Any]:
    verdict = model["verdict"]
    return {
        **model,
        "size": bytes_text(model["size"]),
        "name": model["model"] or model["id"],
        "state": model["state"] or ("can't run" if model["problem"] else "not offered"),
        "fit": FITS[verdict["fit"]] if verdict is not None else None,
        # Of what was used before the last start, only the day is known.
        "last_used": moment(model["last_used_us"]).removesuffix(" 00:00:00Z"),
    }
