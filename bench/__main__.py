"""`python -m bench`: measure, print the tables, write the results and the chart."""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from bench import figures, install, machine, report
from bench.load import Case
from bench.run import Bench, Plan
from bench.subjects import SUBJECTS, Subject

_RESULTS = install.ROOT / "bench" / "results"
_COMPLETIONS = tuple(Case(connections) for connections in (1, 32, 256))
_STREAMS = tuple(Case(connections, stream=True) for connections in (50, 200))
_FULL = Plan(cases=_COMPLETIONS + _STREAMS, rounds=3, seconds=3, long_seconds=30)
_QUICK = Plan(cases=(Case(1), Case(32), _STREAMS[-1]), rounds=1, seconds=1, long_seconds=12)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    names = [subject.name for subject in SUBJECTS]
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Laird beside nginx, Portkey, LiteLLM and no gateway at all.",
    )
    parser.add_argument("--quick", action="store_true", help="one short round of three cases")
    parser.add_argument(
        "--only", default=",".join(names), metavar="NAMES", help=f"of {','.join(names)}"
    )
    parser.add_argument("--seconds", type=float, help="of one measurement")
    parser.add_argument("--rounds", type=int, help="whose median is taken")
    parser.add_argument(
        "--output", type=Path, default=_RESULTS / "latest.json", help="the file of results"
    )
    arguments = parser.parse_args(argv)
    arguments.only = arguments.only.split(",")
    unknown = set(arguments.only) - set(names)
    if unknown:
        parser.error(f"--only knows {', '.join(names)}; not {', '.join(sorted(unknown))}")
    return arguments


def _plan(arguments: argparse.Namespace) -> Plan:
    plan = _QUICK if arguments.quick else _FULL
    return Plan(
        cases=plan.cases,
        rounds=arguments.rounds or plan.rounds,
        seconds=arguments.seconds or plan.seconds,
        long_seconds=plan.long_seconds,
    )


def _wrk_version(wrk: Path) -> str:
    said = subprocess.run([wrk, "--version"], check=False, capture_output=True, text=True)
    return (said.stdout + said.stderr).split("[", maxsplit=1)[0].strip()


def _draw(results: Path, console: Console) -> None:
    chart = results.with_suffix(".png")
    python = sys.executable
    try:
        if importlib.util.find_spec("matplotlib") is None:
            python = str(install.ensure_chart_python())
        command = [python, "-m", "bench.chart", str(results), str(chart)]
        subprocess.run(command, check=True, cwd=install.ROOT)
    except (install.UnavailableError, subprocess.CalledProcessError) as error:
        console.print(f"[yellow]no chart: {error}[/]")
    else:
        console.print(f"written: {results} and {chart}", highlight=False)


def main(argv: Sequence[str] | None = None) -> int:
    arguments = _arguments(argv)
    console = Console(width=None if sys.stdout.isatty() else 140)
    try:
        wrk = install.ensure_program("wrk", "wrk")
    except install.UnavailableError as error:
        console.print(f"[red]{error}[/]")
        return 1
    here = machine.describe()
    cores = machine.pick_cores()
    os.sched_setaffinity(0, {cores.load})
    os.chdir(install.ROOT)
    plan = _plan(arguments)
    bench = Bench(plan, cores)
    subjects: list[Subject] = [s for s in SUBJECTS if s.name in arguments.only]
    bench.run(subjects)
    result = report.Report(
        date=datetime.now(UTC),
        machine=here,
        cores=cores,
        plan=plan,
        tools={"wrk": _wrk_version(wrk)},
        subjects=bench.figures,
        ratios=figures.ratios(bench.figures),
        targets=figures.verdicts(bench.figures, bench.turns),
        measurements=bench.measurements,
        starts=bench.starts,
        turns=bench.turns,
    )
    output = arguments.output.absolute()
    report.write_json(result, output)
    report.show(result, console)
    _draw(output, console)
    return 0


if __name__ == "__main__":
    sys.exit(main())
