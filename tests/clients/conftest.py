"""The house is built once for all tests of a process."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.clients.clients import SdkClient
from tests.clients.house import CLIENT_NAMES, KINDS, House, Stand, open_house


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with open_house(tmp_path_factory.mktemp("house")) as built:
        yield built


@pytest.fixture(params=[profile.name for profile in KINDS])
def stand(request: pytest.FixtureRequest, house: House) -> Stand:
    """Each provider in turn."""
    return house.stands[request.param]


@pytest.fixture(params=CLIENT_NAMES)
def client(request: pytest.FixtureRequest, house: House) -> SdkClient:
    """Each SDK in turn."""
    return house.clients[request.param]
