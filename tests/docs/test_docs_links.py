"""Every link leads somewhere, and every page can be found from the README."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.docs.pages import DOCS, ROOT, anchor, headings, prose

PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def links(file: Path) -> list[tuple[Path, str]]:
    """Return file and anchor of each link of a page that stays within the project."""
    found = []
    for target in _LINK.findall(prose(file.read_text())):
        if not re.match(r"[a-z]+:", target):
            path, _, name = target.partition("#")
            found.append(((file.parent / path).resolve() if path else file, name))
    return found


@pytest.mark.parametrize("file", PAGES, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_link_leads_somewhere(file: Path) -> None:
    for target, name in links(file):
        assert target.exists(), target
        if name:
            assert name in {anchor(title) for title in headings(target.read_text())}, target


def test_every_page_can_be_found_from_the_readme() -> None:
    seen: set[Path] = set()
    ahead = [ROOT / "README.md"]
    while ahead:
        at = ahead.pop()
        if at.is_dir():
            # A directory is shown as a list of its files.
            ahead += at.glob("*.md")
        elif at.suffix == ".md" and at.exists() and at not in seen:
            seen.add(at)
            ahead += [target for target, _ in links(at)]
    lost = [str(each) for each in PAGES if each.is_relative_to(DOCS) and each not in seen]
    assert lost == []
