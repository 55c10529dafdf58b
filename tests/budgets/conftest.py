"""A database with all tables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from laird.storage import schema
from laird.storage.engine import Database, sqlite_url


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(sqlite_url(tmp_path / "laird.db"))
    schema.prepare(opened)
    yield opened
    opened.close()
