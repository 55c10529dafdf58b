from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.usage_data import fill
from tests.cli.conftest import DEMO
from tests.usage.cases import open_database

from laird.storage.engine import Database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = open_database(tmp_path)
    yield database
    database.close()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with some weeks of usage: cached tokens, failovers, cut streams, unpriced models.

    For tests that only read.
    """
    made = tmp_path_factory.mktemp("home")
    made.chmod(0o700)
    (made / "providers.yaml").write_text(DEMO)
    fill(made / "laird.db", 3_000, days=20)
    return made
