"""Two scripted upstreams."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.support.chat_upstream import chat_upstream
from tests.support.upstream import ScriptedUpstream


@pytest.fixture
async def first() -> AsyncIterator[ScriptedUpstream]:
    """The candidate that is tried first."""
    async with chat_upstream() as upstream:
        yield upstream


@pytest.fixture
async def second() -> AsyncIterator[ScriptedUpstream]:
    """The candidate that is tried next."""
    async with chat_upstream() as upstream:
        yield upstream
