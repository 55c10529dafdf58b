"""Compiling in one call, for the tests of configuration."""

from __future__ import annotations

import pytest
from tests.config.world import KINDS, CompileText, list_price

from laird.config.compile import compile_snapshot
from laird.config.document import read_document
from laird.domain.catalog import Snapshot


@pytest.fixture
def compile_text() -> CompileText:
    """Compile a text with the test's kinds and prices; keyword arguments are the environment."""

    def compiled(text: str, **environment: str) -> Snapshot:
        return compile_snapshot(
            read_document(text), kinds=KINDS, environment=environment, price=list_price
        )

    return compiled
