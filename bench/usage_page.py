"""How soon the usage page is there: `python -m bench.usage_page`, or `make bench-usage-page`.

Laird serves a ledger with a year of made-up usage, which ends now, and Chromium opens the page:
with an empty cache, as somebody does who comes for the first time, and in a browser that was here
before. Then the period and the grouping are changed in the open page. What is told, in ms since the
address was entered or the choice was pressed, is

    interactive   cards and table are on the screen, and the page listens to whoever uses it
    charts        both charts are on the screen, too
    computed      how long the page's thread computed until then: what the others of a busy machine
                  do is not in it

The page leaves marks in the browser's timeline when it has drawn something; that it is on the
screen and nothing else holds up the page is true one frame and one turn of its event loop later.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from shutil import copyfile
from typing import NamedTuple

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from rich.console import Console
from rich.table import Table
from tests.browser.chromium import start
from tests.browser.house import House

from bench import machine
from bench.usage_data import fill
from laird.usage.rollup import DAY_US

INTERACTIVE_MS = 1000.0
CHARTS_MS = 500.0
SCRIPT_BYTES = 200_000
"""What the page is meant to stay under."""

_LIMITS = (INTERACTIVE_MS, CHARTS_MS, CHARTS_MS)
_DOCUMENT = "providers: [{id: demo, name: Demo, kind: demo, models: [demo]}]\n"
_ROUNDS = 9

_WATCH = """
const onScreen = (name) => requestAnimationFrame(
  () => setTimeout(() => performance.mark(`shown:${name}`)));
new PerformanceObserver((list) => {
  for (const { name } of list.getEntries()) {
    if (name.startsWith("usage:")) onScreen(name.slice(6));
  }
}).observe({ type: "mark", buffered: true });
"""

_SHOWN = """(from) => {
  const ends = ["ready", "chart-tokens", "chart-cost"].map((name) => {
    const marks = performance.getEntriesByName(`shown:${name}`);
    return marks.find((mark) => mark.startTime > from)?.startTime - from;
  });
  return ends.every((end) => end > 0) && [ends[0], Math.max(ends[1], ends[2])];
}"""

_SCRIPTS = """Object.fromEntries(
  performance.getEntriesByType("resource")
    .filter(({ name }) => name.endsWith(".js"))
    .map(({ name, encodedBodySize }) => [name.split("/").at(-1), encodedBodySize]))"""


class Times(NamedTuple):
    """When what was on the screen and how long the page's thread computed for it, in ms."""

    interactive: float
    charts: float
    computed: float


def _paths() -> dict[str, str]:
    """Return what is opened, by its name."""
    today = time.time_ns() // 1000 // DAY_US * DAY_US
    begin = today - 364 * DAY_US
    since, until = (time.strftime("%Y-%m-%d", time.gmtime(at_us / 1e6)) for at_us in (begin, today))
    return {
        "a month by provider": "/models/usage",
        "3 months by model": "/models/usage?period=quarter&by=model",
        "a year by key": f"/models/usage?period=custom&by=key&since={since}&until={until}",
    }


_CHANGES = (("changed to 3 months", "3 months"), ("changed to models", "Model"))


def measure(browser: Browser, house: House) -> Iterator[tuple[str, Times]]:
    """Open the page in each way, once, and yield how soon it was there."""
    for name, path in _paths().items():
        context = _context(browser, house)
        for opened in ("opened first", "opened again"):
            page = _tab(context)
            clock = _Clock(page)
            page.goto(path)
            yield f"{opened}: {name}", _shown(page, clock, 0)
            page.close()
        context.close()
    context = _context(browser, house)
    page = _tab(context)
    clock = _Clock(page)
    page.goto("/models/usage")
    _shown(page, clock, 0)
    for name, choice in _CHANGES:
        begun = page.evaluate("performance.now()")
        page.get_by_role("radio", name=choice, exact=True).click()
        yield name, _shown(page, clock, begun)
    context.close()


def scripts(browser: Browser, house: House) -> dict[str, int]:
    """Return the scripts that are fetched until the page is there, in bytes as they are sent."""
    context = _context(browser, house)
    page = context.new_page()
    page.goto("/models/usage")
    _shown(page, _Clock(page), 0)
    sizes: dict[str, int] = page.evaluate(_SCRIPTS)
    context.close()
    return sizes


def _context(browser: Browser, house: House) -> BrowserContext:
    """Return a browser of somebody who is signed in and has nothing in its cache."""
    context = browser.new_context(
        base_url=house.url, viewport={"width": 1440, "height": 900}, timezone_id="Europe/Berlin"
    )
    cookie = house.cookie("admin")
    context.add_cookies([{"name": "laird_session", "value": cookie, "url": house.url}])
    context.add_init_script(_WATCH)
    return context


def _tab(context: BrowserContext) -> Page:
    """Return an empty tab of a browser at rest: a new window draws its own controls at first."""
    page = context.new_page()
    machine.settle(os.getpid())
    return page


class _Clock:
    """How long the thread of a page computes."""

    def __init__(self, page: Page) -> None:
        self._session = page.context.new_cdp_session(page)
        self._session.send("Performance.enable", {"timeDomain": "threadTicks"})
        self._last = 0.0

    def lap(self) -> float:
        """Return how long it computed since this was asked before, in ms."""
        told = self._session.send("Performance.getMetrics")["metrics"]
        now = next(one["value"] for one in told if one["name"] == "TaskDuration") * 1000
        self._last, before = now, self._last
        return float(now - before)


def _shown(page: Page, clock: _Clock, begun: float) -> Times:
    waited = page.wait_for_function(_SHOWN, arg=begun, timeout=60_000)
    interactive, charts = waited.json_value()
    return Times(interactive, charts, clock.lap())


def _ledger(folder: Path, rows: int) -> Path:
    """Return a ledger that ends now; one of the same day is used again."""
    file = folder / f"usage-{rows}-{time.strftime('%Y-%m-%d', time.gmtime())}.db"
    if not file.exists():
        fill(file, rows, until_us=time.time_ns() // 1000)
    return file


def _rounds(browser: Browser, house: House, rounds: int) -> dict[str, list[Times]]:
    found: dict[str, list[Times]] = {}
    for _ in range(rounds):
        for name, times in measure(browser, house):
            found.setdefault(name, []).append(times)
    return found


def _show(results: dict[int, dict[str, list[Times]]], console: Console) -> None:
    table = Table("ms: median, fastest", box=None, pad_edge=False, header_style="bold")
    for rows in results:
        table.add_column(f"{rows:,} rows: interactive", justify="right")
        table.add_column("charts", justify="right")
        table.add_column("computed", justify="right")
    for name in next(iter(results.values())):
        cells = []
        for found in results.values():
            for each, limit in zip(zip(*found[name], strict=True), _LIMITS, strict=True):
                middle = statistics.median(each)
                shown = f"{middle:.0f}, {min(each):.0f}"
                cells.append(f"[red]{shown}[/]" if middle > limit else shown)
        table.add_row(name, *cells)
    console.print(table)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.usage_page", description=__doc__)
    parser.add_argument("--rows", default="1000,1000000", help="sizes of ledgers")
    parser.add_argument("--rounds", type=int, default=_ROUNDS)
    parser.add_argument("--keep", type=Path, help="where ledgers are kept and found again that day")
    parser.add_argument("--output", type=Path, help="write the figures as JSON")
    arguments = parser.parse_args(argv)
    console = Console(width=140)
    results: dict[int, dict[str, list[Times]]] = {}
    sizes: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as passing, sync_playwright() as playwright:
        folder = arguments.keep or Path(passing)
        folder.mkdir(parents=True, exist_ok=True)
        browser = start(playwright)
        for rows in map(int, arguments.rows.split(",")):
            home = Path(passing) / str(rows)
            house = House(home, _DOCUMENT)
            copyfile(_ledger(folder, rows), home / "laird.db")
            try:
                house.start().settle()
                sizes = scripts(browser, house)
                results[rows] = _rounds(browser, house, arguments.rounds)
            finally:
                house.close()
        browser.close()
    _show(results, console)
    console.print(f"Scripts of the first load: {sum(sizes.values()):,} bytes")
    if arguments.output:
        told = {"machine": machine.describe(), "scripts": sizes, "ms": results}
        arguments.output.write_text(json.dumps(told, indent=2, default=str))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
