"""Takes the pictures of the dashboard that the documentation shows.

`python -m tests.browser.screenshots FOLDER` starts a Laird with made-up usage and writes
`dashboard-….png` of the main pages, light, 1440 px wide; `--dark` and `--width 390` for the others,
`--only library` for one of them.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import sync_playwright
from tests.browser.chromium import start
from tests.browser.house import House, answering, furnished
from tests.browser.places import PLACES
from tests.browser.visits import Theme, Visits
from tests.support.upstream import threaded_upstream

PICTURES = {
    "/models": "providers",
    "/models/catalog": "catalogue",
    "/library": "library",
    "/models/failover": "failover",
    "/models/usage?period=month": "usage",
    "/activity": "activity",
    "/routing": "routing",
    "/budgets": "budgets",
    "/keys": "keys",
    "/settings": "settings",
    "/audit": "audit",
}
"""What is shown in the pages of the documentation, by its path."""

_AS_USUAL = """home => {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    texts.currentNode.data = texts.currentNode.data.replaceAll(home, "~/.laird");
  }
}"""
"""Shows the home where it usually is: that of a picture is gone with it."""


def live_in(house: House) -> None:
    """Let some things happen that pages show."""
    for number, question in enumerate(("Hello!", "What is a laird?", "Summarise this page.")):
        house.chat(question, model=("demo", "rescue", "coding")[number])
    house.call("POST", "/api/budgets", {"name": "everything", "limit_usd": "500"})
    wanted = {"name": "openai", "limit_usd": "120", "scope": "provider", "subject": "openai"}
    house.call("POST", "/api/budgets", wanted)


def take(
    folder: Path, house: House, visits: Visits, *, width: int, theme: Theme, only: str | None = None
) -> list[Path]:
    """Take all pictures, or one, and return their files."""
    known = {place.to for place in PLACES}
    taken = []
    for path, name in PICTURES.items():
        if path.partition("?")[0] not in known or only not in {None, name}:
            continue
        page = visits.open(path, at=house, width=width, theme=theme)
        page.evaluate("document.fonts.ready")
        page.evaluate(_AS_USUAL, str(house.home))
        file = folder / f"dashboard-{name}.png"
        page.screenshot(path=file, animations="disabled", caret="hide")
        taken.append(file)
        page.context.close()
    return taken


def main(argv: Sequence[str] | None = None) -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(prog="python -m tests.browser.screenshots")
    parser.add_argument("folder", type=Path, help="where the pictures go")
    parser.add_argument("--width", type=int, default=1440)
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--only", choices=PICTURES.values(), help="take this picture alone")
    parser.add_argument("--rows", type=int, default=20_000, help="of made-up usage")
    arguments = parser.parse_args(argv)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home, threaded_upstream() as upstream:
        house = furnished(Path(home), answering(upstream), rows=arguments.rows)
        try:
            house.start().settle()
            live_in(house)
            with sync_playwright() as playwright:
                visits = Visits(start(playwright), house)
                theme: Theme = "dark" if arguments.dark else "light"
                files = take(
                    arguments.folder,
                    house,
                    visits,
                    width=arguments.width,
                    theme=theme,
                    only=arguments.only,
                )
        finally:
            house.close()
    sys.stdout.writelines(f"{file}\n" for file in files)


if __name__ == "__main__":
    main()
