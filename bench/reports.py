"""How long each report takes: `python -m bench.reports`, or `make bench-reports`.

A ledger with a year of made-up usage is written for each size, and each report is asked for several
times, as the server would: from a reader's connection, with whatever SQLite keeps in memory by
then. The median counts.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection, text

from bench import machine
from bench.usage_data import UNTIL_US, fill
from laird.storage.engine import Database, sqlite_url
from laird.usage.reports.calendar import Bucket
from laird.usage.reports.cells import Filters
from laird.usage.reports.dearest import dearest_requests
from laird.usage.reports.latency import latencies
from laird.usage.reports.listing import page
from laird.usage.reports.series import series
from laird.usage.reports.totals import failovers, peaks, totals
from laird.usage.rollup import DAY_US, HOUR_US
from laird.usage.summary import By, calls_by_provider, summary

Report = Callable[[Connection], Any]

LIMITS_MS = {1_000_000: 100.0, 10_000_000: 1000.0}
"""What every report is meant to stay under."""

_ROUNDS = 5
_BERLIN = ZoneInfo("Europe/Berlin")
_PACIFIC = ZoneInfo("America/Los_Angeles")


def reports(database: Database) -> dict[str, Report]:
    """Return every report by name, over the whole year and over shorter periods."""
    year: dict[str, Any] = {"since_us": UNTIL_US - 365 * DAY_US, "until_us": UNTIL_US}
    month: dict[str, Any] = {"since_us": UNTIL_US - 30 * DAY_US + 1234, "until_us": UNTIL_US - 5678}
    key, rare = database.read_now(_keys)
    one_key = Filters(key_id=(key,))
    crossed = Filters(provider=("anthropic",), workflow=("research",))
    found: dict[str, Report] = {}
    for by in By:
        found[f"summary by {by}, a year"] = partial(summary, by=by, zone=_BERLIN, **year)
    found |= {
        "summary by model, 30 days to the microsecond": partial(summary, by=By.MODEL, **month),
        "summary by model, a year of one key": partial(
            summary, by=By.MODEL, filters=one_key, **year
        ),
        "summary by key, a year of one provider and workflow": partial(
            summary, by=By.KEY, filters=crossed, **year
        ),
        "summary by hour, a year of one provider and workflow": partial(
            summary, by=By.HOUR, filters=crossed, **year
        ),
        "summary by day, a year of one provider and workflow, Berlin": partial(
            summary, by=By.DAY, filters=crossed, zone=_BERLIN, **year
        ),
        "totals with the period before, half a year": partial(
            totals, since_us=UNTIL_US - 182 * DAY_US, until_us=UNTIL_US
        ),
        "peak hours, a year": partial(peaks, zone=_BERLIN, **year),
        "failovers, a year": partial(failovers, **year),
        "failovers, a year of one key": partial(failovers, filters=one_key, **year),
        "latency by model, a year": partial(latencies, dimensions=("provider", "model"), **year),
        "latency, 30 days": partial(latencies, **month),
        "calls by provider, today": partial(calls_by_provider, since_us=UNTIL_US - DAY_US),
        "dearest requests, a year": partial(dearest_requests, **year),
        "dearest runs, a year": partial(
            dearest_requests, filters=Filters(in_workflow=True), **year
        ),
        "dearest requests, a year of a rare key": partial(
            dearest_requests, filters=Filters(key_id=(rare,)), **year
        ),
        "dearest requests, 30 days of one provider and workflow": partial(
            dearest_requests, filters=crossed, **month
        ),
        "attempts, newest": partial(page, **year),
        "attempts, a page from the middle": partial(
            page, after=(UNTIL_US - 180 * DAY_US, 0), **year
        ),
        "attempts, newest of a rare key": partial(page, filters=Filters(key_id=(rare,)), **year),
        "attempts, newest errors of one model": partial(
            page, filters=Filters(status=("error",), model=("gpt-5",)), **year
        ),
        "attempts, newest interrupted of a rare key": partial(
            page, filters=Filters(status=("interrupted",), key_id=(rare,)), **year
        ),
    }
    for by in (By.NONE, By.MODEL, By.NODE):
        found[f"series by day and {by}, a year, UTC"] = partial(series, by=by, **year)
        found[f"series by day and {by}, a year, Berlin"] = partial(
            series, by=by, zone=_BERLIN, **year
        )
    found |= {
        "series by day and key, a year, Los Angeles": partial(
            series, by=By.KEY, zone=_PACIFIC, **year
        ),
        "series by month and model, a year, Berlin": partial(
            series, by=By.MODEL, bucket=Bucket.MONTH, zone=_BERLIN, **year
        ),
        "series by week and key, a year, Berlin": partial(
            series, by=By.KEY, bucket=Bucket.WEEK, zone=_BERLIN, **year
        ),
        "series by hour and model, 31 days": partial(
            series,
            by=By.MODEL,
            bucket=Bucket.HOUR,
            since_us=UNTIL_US - 31 * DAY_US + HOUR_US // 3,
            until_us=UNTIL_US,
        ),
        "series by day and model, a year of one key, Berlin": partial(
            series, by=By.MODEL, filters=one_key, zone=_BERLIN, **year
        ),
    }
    return found


def _keys(connection: Connection) -> tuple[str, str]:
    """Return a key that is used much and the one that is used least."""
    query = "SELECT key_id FROM usage_days WHERE breakdown = 2 GROUP BY 1 ORDER BY SUM(calls) DESC"
    names = list(connection.execute(text(query)).scalars())
    return names[2], names[-1]


class Figure(NamedTuple):
    """How long a report takes, in ms."""

    cold: float
    """The first time, when the file was just opened."""
    median: float
    cpu: float
    """Of the thread that makes it: what the others of a busy machine do is not in it."""


def measure(file: Path, rounds: int = _ROUNDS) -> dict[str, Figure]:
    """Return for each report how long it takes."""
    found = {}
    database = Database(sqlite_url(file))
    listed = reports(database)
    database.close()
    for name, report in listed.items():
        database = Database(sqlite_url(file))
        wall, cpu = [], []
        for _ in range(rounds + 1):
            begun = time.perf_counter()
            cpu.append(database.read_now(partial(_cpu, report=report)) * 1000)
            wall.append((time.perf_counter() - begun) * 1000)
        found[name] = Figure(wall[0], statistics.median(wall[1:]), min(cpu[1:]))
        database.close()
    return found


def _cpu(connection: Connection, report: Report) -> float:
    begun = time.thread_time()
    report(connection)
    return time.thread_time() - begun


def _show(results: dict[int, dict[str, Figure]], console: Console) -> bool:
    table = Table("report", box=None, pad_edge=False, header_style="bold")
    for rows in results:
        table.add_column(f"{rows:,} rows, ms", justify="right")
        table.add_column("cpu", justify="right")
        table.add_column("cold", justify="right")
    good = True
    for name in next(iter(results.values())):
        cells = []
        for rows, found in results.items():
            figure = found[name]
            late = figure.median > LIMITS_MS.get(rows, 1000.0)
            good = good and not late
            shown = f"{figure.median:.1f}"
            cells += [f"[red]{shown}[/]" if late else shown, f"{figure.cpu:.1f}"]
            cells.append(f"{figure.cold:.0f}")
        table.add_row(name, *cells)
    console.print(table)
    return good


def _plain(results: dict[int, dict[str, Figure]]) -> dict[int, dict[str, dict[str, float]]]:
    return {
        rows: {
            name: {key: round(value, 1) for key, value in figure._asdict().items()}
            for name, figure in found.items()
        }
        for rows, found in results.items()
    }


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.reports", description=__doc__)
    parser.add_argument("--rows", default="1000000,10000000", help="sizes of ledgers")
    parser.add_argument("--rounds", type=int, default=_ROUNDS)
    parser.add_argument("--keep", type=Path, help="where ledgers are kept and found again")
    parser.add_argument("--output", type=Path, help="write the figures as JSON")
    arguments = parser.parse_args(argv)
    console = Console(width=140)
    results: dict[int, dict[str, Figure]] = {}
    with tempfile.TemporaryDirectory() as passing:
        home = arguments.keep or Path(passing)
        home.mkdir(parents=True, exist_ok=True)
        for rows in map(int, arguments.rows.split(",")):
            file = home / f"ledger-{rows}.db"
            if not file.exists():
                begun = time.perf_counter()
                fill(file, rows)
                taken = time.perf_counter() - begun
                size = file.stat().st_size / 1e6
                console.print(f"{rows:,} rows written in {taken:.0f} s, {size:,.0f} MB")
            results[rows] = measure(file, arguments.rounds)
    good = _show(results, console)
    if arguments.output:
        arguments.output.write_text(
            json.dumps(
                {"machine": machine.describe(), "ms": _plain(results)}, indent=2, default=str
            )
        )
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
