"""What a run leaves: tables on the terminal, a JSON file and the data of the chart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from bench.figures import (
    CaseFigures,
    Measurement,
    Start,
    SubjectFigures,
    Turn,
    Verdict,
    added_latency_ms,
    side_by_side,
    stream_ratio,
    throughput_ratio,
)
from bench.machine import Cores, Machine
from bench.run import Plan

_NONE = "-"
_SATURATED = 0.97


class Report(msgspec.Struct, frozen=True):
    """Everything of one run, as it is written to the file of results."""

    date: datetime
    machine: Machine
    cores: Cores
    plan: Plan
    tools: dict[str, str]
    subjects: dict[str, SubjectFigures]
    ratios: dict[str, dict[str, float | None]]
    targets: list[Verdict]
    measurements: list[Measurement]
    starts: list[Start]
    turns: list[Turn]


def write_json(report: Report, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")


def show(report: Report, console: Console) -> None:
    """Print the tables."""
    console.print()
    console.print(_completions(report))
    console.print(_streams(report))
    console.print(_size(report))
    _show_notes(report, console)
    console.print(_targets(report.targets))
    each = side_by_side(report.turns, "guarded", "priced")
    if each:
        shares = ", ".join(f"{ratio:.1%}" for ratio in each)
        console.print(f"Guarded of priced, side by side, each start: {shares}", highlight=False)
    machine = report.machine
    console.print(
        f"{machine.cpu}, {machine.cores} cores, {machine.memory_gb:g} GB, {machine.system}, "
        f"kernel {machine.kernel}; gateway on core {report.cores.gateway}, upstream and load on "
        f"core {report.cores.load}; load average before the run {machine.load_average:g}. "
        f"Median of {report.plan.rounds} round(s). {report.date:%Y-%m-%d %H:%M} UTC"
    )


def _cases(report: Report, *, stream: bool) -> list[str]:
    return [case.name for case in report.plan.cases if case.stream == stream]


def _table(title: str, columns: Iterable[str]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for column in columns:
        table.add_column(column, justify="right")
    return table


def _completions(report: Report) -> Table:
    names = _cases(report, stream=False)
    columns = [f"{name}\nper s · p50 ms" for name in names]
    table = _table(
        "Completions", [*columns, "added p50\nat 1, ms", "of nginx\nat 32", "of direct\nat 32"]
    )
    subjects = report.subjects
    for key, subject in subjects.items():
        table.add_row(
            subject.title,
            *(_throughput(subject.cases.get(name)) for name in names),
            _number(added_latency_ms(subjects, key), "{:.3f}"),
            _number(throughput_ratio(subjects, key, "nginx"), "{:.2%}"),
            _number(throughput_ratio(subjects, key, "direct"), "{:.2%}"),
        )
    table.caption = "* the core of upstream and load was full: the gateway may be able to do more"
    return table


def _streams(report: Report) -> Table:
    names = _cases(report, stream=True)
    columns = [f"{name}\np50 · p99 ms" for name in names]
    columns += [f"p99 of direct\nat {name}" for name in names]
    table = _table("Streams of 100 chunks, 5 ms apart: duration of a stream", columns)
    for key, subject in report.subjects.items():
        table.add_row(
            subject.title,
            *(_duration(subject.cases.get(name)) for name in names),
            *(_number(stream_ratio(report.subjects, key, name), "{:.3f} x") for name in names),
        )
    return table


def _size(report: Report) -> Table:
    table = _table("Start and size", ["start to first answer, ms", "resident, MB", "version"])
    for subject in report.subjects.values():
        table.add_row(
            subject.title,
            _number(subject.start_ms, "{:,.0f}"),
            _number(subject.resident_mb, "{:,.1f}"),
            subject.version or _NONE,
        )
    return table


def _targets(targets: Iterable[Verdict]) -> Table:
    table = Table(title="Laird's targets", title_justify="left")
    for column in ("target", "measured", ""):
        table.add_column(column)
    words: Mapping[bool | None, str] = {
        True: "[green]pass[/]",
        False: "[bold red]MISS[/]",
        None: "[yellow]not measured[/]",
    }
    for target in targets:
        table.add_row(target.target, target.measured, words[target.met])
    return table


def _show_notes(report: Report, console: Console) -> None:
    for subject in report.subjects.values():
        for note in subject.notes:
            console.print(f"[yellow]{subject.title}[/]: {note}", highlight=False)


def _throughput(case: CaseFigures | None) -> str:
    if case is None:
        return _NONE
    mark = "*" if case.load_busy >= _SATURATED else ""
    failed = f"\n{case.failures:,} failed" if case.failures else ""
    return f"{case.per_second:,.0f}{mark} · {case.p50_ms:,.3f}{failed}"


def _duration(case: CaseFigures | None) -> str:
    if case is None:
        return _NONE
    failed = f"\n{case.failures:,} failed" if case.failures else ""
    return f"{case.p50_ms:,.0f} · {case.p99_ms:,.0f}{failed}"


def _number(value: float | None, form: str) -> str:
    return _NONE if value is None else form.format(value)
