"""What axe finds wrong with a page for people who can't see it, or can't use a mouse."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

_AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_CORNER = 400
"""Pixels below a page that hold some messages above one another."""
_RUN = """async (tags) => {
  const runOnly = { type: "tag", values: tags };
  return (await axe.run(document, { runOnly, resultTypes: ["violations"] })).violations;
}"""


@cache
def _script() -> str:
    return _AXE.read_text()


def assert_accessible(page: Page) -> None:
    """Fail with what axe finds wrong on a page as it is now."""
    # By the debugger: the page's own policy forbids scripts that are not Laird's.
    page.evaluate(_script())
    with _whole(page):
        violations: list[dict[str, Any]] = page.evaluate(_RUN, _RULES)
    assert not violations, "\n".join(_told(page, one) for one in violations)


@contextmanager
def _whole(page: Page) -> Iterator[None]:
    """Show all of the page at once, with room below it for messages in the corner.

    What happens to be scrolled under the bar at the top, or lies under a message that is
    gone in a moment, would else be told as too small to hit.
    """
    seen = page.viewport_size
    assert seen
    height: int = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({"width": seen["width"], "height": height + _CORNER})
    try:
        yield
    finally:
        page.set_viewport_size(seen)


def _told(page: Page, violation: dict[str, Any]) -> str:
    places = "".join(
        f"\n    {node['html'][:200]}\n      {node.get('failureSummary', '').replace(chr(10), ' ')}"
        for node in violation["nodes"][:5]
    )
    return f"{page.url}: {violation['id']}: {violation['help']}{places}"
