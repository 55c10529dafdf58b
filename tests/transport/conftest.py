"""All tests of the transport run on asyncio's own loop and on uvloop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import pytest
import pytest_asyncio
import uvloop
from tests.support.upstream import ScriptedUpstream

from laird.transport.client import HttpTransport
from laird.transport.proxies import Proxies


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Name the loops to run on."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest_asyncio.fixture
async def up() -> AsyncIterator[ScriptedUpstream]:
    """An upstream on 127.0.0.1."""
    async with ScriptedUpstream() as upstream:
        yield upstream


@pytest_asyncio.fixture
async def http() -> AsyncIterator[HttpTransport]:
    """A transport that knows no proxies."""
    transport = HttpTransport(proxies=Proxies({}))
    yield transport
    await transport.close()
