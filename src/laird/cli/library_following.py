"""Watching a download in the terminal: a bar for people, lines for logs, nothing for programs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from laird.cli.channel import Channel, path_of
from laird.cli.library_words import bytes_text, span_text
from laird.cli.output import note, printable

Watcher = Callable[[Mapping[str, Any]], None]

RESTING = frozenset({"paused", "failed", "done", "cancelled"})
"""States that only somebody's wish changes."""
_FIRST_LOOK_S, _LOOK_EVERY_S = 0.1, 1.0
_LINE_EVERY_S = 5.0


def follow(way: Channel, progress: dict[str, Any], watch: Watcher) -> dict[str, Any]:
    """Show how a download gets on until it rests; return how it stands then."""
    pause = _FIRST_LOOK_S
    path = path_of("library", "downloads", progress["id"])
    while progress["state"] not in RESTING:
        watch(progress)
        way.rest(pause)
        pause = min(_LOOK_EVERY_S, pause * 1.5)
        progress = way.get(path)
    watch(progress)
    return progress


@contextmanager
def watcher(*, silent: bool) -> Iterator[Watcher]:
    """Give what shows progress on standard error."""
    console = Console(stderr=True)
    if silent:
        yield lambda _progress: None
    elif console.is_terminal:
        with Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            _Words(),
            console=console,
        ) as bar:
            yield _Bar(bar)
    else:
        yield _Lines()


def words(progress: Mapping[str, Any]) -> str:
    """Say how a download stands: `12 % of 4.4 GB, 11.2 MB/s, 5 min 40 s left`."""
    state, total = progress["state"], progress["total"]
    share = 100 * progress["done"] // total if total else 0
    said = [f"{share} % of {bytes_text(total)}"]
    if state != "running":
        said.append(state)
    if progress["speed"]:
        said.append(f"{bytes_text(progress['speed'])}/s")
    if progress["eta_s"] is not None:
        said.append(f"{span_text(progress['eta_s'])} left")
    if progress["retry_in_s"] is not None:
        said.append(f"next try in {span_text(progress['retry_in_s'])}")
    return ", ".join(said)


class _Words(ProgressColumn):
    """What the bar says beside itself."""

    def render(self, task: Task) -> Text:
        return Text(task.fields["words"])


class _Bar:
    """Shows progress as a bar that is redrawn."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._task = bar.add_task("", total=None, words="")
        self._told: str | None = None

    def __call__(self, progress: Mapping[str, Any]) -> None:
        self._bar.update(
            self._task,
            description=printable(progress["files"][0].rsplit("/", 1)[-1]),
            total=progress["total"],
            completed=progress["done"],
            words=words(progress),
        )
        problem = progress["problem"]
        if problem is not None and problem != self._told and progress["state"] == "waiting":
            self._bar.console.print(Text(printable(problem)))
        self._told = problem


class _Lines:
    """Shows progress as a line at each change of state, and every few seconds."""

    def __init__(self) -> None:
        self._state = ""
        self._at = 0.0

    def __call__(self, progress: Mapping[str, Any]) -> None:
        now = time.monotonic()
        if progress["state"] == self._state and now - self._at < _LINE_EVERY_S:
            return
        if progress["state"] == "waiting" and progress["problem"] and self._state != "waiting":
            note(progress["problem"])
        self._state, self._at = progress["state"], now
        note(f"{progress['files'][0].rsplit('/', 1)[-1]}: {words(progress)}")
