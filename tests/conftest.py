"""What holds for every test."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import structlog
from tests.support.shared_adapters import share_adapters

share_adapters()


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """Undo what a test sets up for logging: its standard error is closed after it."""
    root, ours = logging.getLogger(), logging.getLogger("laird")
    levels = root.level, ours.level
    yield
    structlog.reset_defaults()
    root.setLevel(levels[0])
    ours.setLevel(levels[1])
    for handler in list(root.handlers):
        if isinstance(handler.formatter, structlog.stdlib.ProcessorFormatter):
            root.removeHandler(handler)
