"""Watching a download in the terminal: a bar for people, lines for logs, nothing for programs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID
from rich.text import Text

from laird.cli.channel import Channel, path_of
from laird.cli.library_words import bytes_text, span_text
from laird.cli.output import note, printable

Watcher = Callable[[Mapping[str, Any]], None]

RESTING = frozenset({"paused", "failed", "done", "cancelled"})
"""States that only somebody's wish changes."""
_FIRST_LOOK_S, _LOOK_EVERY_S = 0.1, 1.0
_LINE_EVERY_S = 5.0
_WORDS_WIDE = 48
"""Columns for what is said beside the bar."""


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
        room = BarColumn(bar_width=max(10, min(40, console.width - _WORDS_WIDE)))
        with Progress(room, _Words(), console=console) as bar:
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
        said.append(f"next try in {span_text(max(1, progress['retry_in_s']))}")
    return ", ".join(said)


class _Words(ProgressColumn):
    """What the bar says beside itself."""

    def render(self, task: Task) -> Text:
        return Text(task.fields["words"], no_wrap=True, overflow="ellipsis")


class _Bar:
    """Shows progress as a bar that is redrawn, under the file's name."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._task: TaskID | None = None
        self._told: str | None = None

    def __call__(self, progress: Mapping[str, Any]) -> None:
        if self._task is None:
            self._bar.console.print(Text(_file_name(progress)))
            self._task = self._bar.add_task("", words="")
        self._bar.update(
            self._task,
            total=progress["total"],
            completed=progress["done"],
            words=words(progress),
        )
        problem = _news(progress, self._told)
        if problem is not None:
            self._bar.console.print(Text(problem))
            self._told = problem


class _Lines:
    """Shows progress as a line at each change of state, and every few seconds."""

    def __init__(self) -> None:
        self._state = ""
        self._at = 0.0
        self._told: str | None = None

    def __call__(self, progress: Mapping[str, Any]) -> None:
        now = time.monotonic()
        if progress["state"] == self._state and now - self._at < _LINE_EVERY_S:
            return
        problem = _news(progress, self._told)
        if problem is not None:
            note(problem)
            self._told = problem
        self._state, self._at = progress["state"], now
        note(f"{_file_name(progress)}: {words(progress)}")


def _file_name(progress: Mapping[str, Any]) -> str:
    return printable(progress["files"][0].rsplit("/", 1)[-1])


def _news(progress: Mapping[str, Any], told: str | None) -> str | None:
    """Return why a download waits, unless that is what was told last: bad lines break often."""
    if progress["state"] != "waiting" or not progress["problem"]:
        return None
    problem = printable(progress["problem"])
    return problem if problem != told else None
