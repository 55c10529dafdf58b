"""The documentation as text, and what tests look up in it."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
_HEADING = re.compile(r"^(#+) (.*)$")
_FENCE = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)


def page(name: str) -> str:
    """Return the text of a page in docs/."""
    return (DOCS / name).read_text()


def prose(text: str) -> str:
    """Return a text without its blocks of code."""
    return _FENCE.sub("", text)


def headings(text: str) -> list[str]:
    """Return the titles of a page, in order."""
    found = [_HEADING.match(line) for line in prose(text).splitlines()]
    return [match[2] for match in found if match]


def section(text: str, title: str) -> str:
    """Return what stands below the heading of this title, up to the next one of its level."""
    lines: list[str] = []
    level = 0
    fenced = False
    for line in text.splitlines():
        fenced ^= line.startswith("```")
        match = None if fenced else _HEADING.match(line)
        if level and match and len(match[1]) <= level:
            break
        if level:
            lines.append(line)
        elif match and match[2] == title:
            level = len(match[1])
    assert level, f"there is no section {title}"
    return "\n".join(lines)


def rows(text: str) -> dict[str, list[str]]:
    """Return the other cells of each table row, by each `code` in its first cell."""
    found: dict[str, list[str]] = {}
    for line in prose(text).splitlines():
        if not line.startswith("| `"):
            continue
        first, *rest = (cell.strip() for cell in line.strip("|").split(" | "))
        for name in re.findall(r"`([^`]+)`", first):
            found[name] = rest
    return found


def anchor(title: str) -> str:
    """Return the anchor that a heading gets: lower case, no punctuation, blanks as hyphens."""
    words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).lower()
    return re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
