from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.usage.cases import open_database

from laird.storage.engine import Database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An empty ledger."""
    database = open_database(tmp_path)
    yield database
    database.close()
