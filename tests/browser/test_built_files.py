"""What a browser has to fetch before it shows anything."""

from __future__ import annotations

import gzip
import re

import pytest

from laird.api.dashboard import find_files

LIMIT = 200_000


def test_the_first_load_stays_small() -> None:
    folder = find_files()
    if folder is None:
        pytest.fail("The dashboard is not built: run make dashboard.")
    page = (folder / "index.html").read_text()
    wanted = re.findall(r"(?:src|href)=\"/([^\"]+\.js)\"", page)
    assert any("assets/" in name for name in wanted)
    sizes = {name: len(gzip.compress((folder / name).read_bytes(), 9)) for name in wanted}
    assert sum(sizes.values()) < LIMIT, sizes


def test_nothing_is_fetched_from_elsewhere() -> None:
    folder = find_files()
    assert folder is not None
    page = (folder / "index.html").read_text()
    assert re.findall(r"(?:src|href)=\"(?!/[^/])[^\"]*\"", page) == []
    for style in folder.rglob("*.css"):
        assert re.findall(r"url\(['\"]?https?:", style.read_text()) == [], style.name
