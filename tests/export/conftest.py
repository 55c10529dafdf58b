from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from laird.storage.engine import Database, sqlite_url
from laird.storage.schema import prepare


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(sqlite_url(tmp_path / "laird.db"), busy_timeout_s=0.02)
    prepare(database)
    yield database
    database.close()
