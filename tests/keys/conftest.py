"""A real database with its tables made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from laird.storage import schema
from laird.storage.engine import Database, sqlite_url


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return sqlite_url(tmp_path / "laird.db")


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    schema.prepare(opened)
    yield opened
    opened.close()
