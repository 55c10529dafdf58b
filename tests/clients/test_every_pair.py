"""Every client with every provider: the same text, calls, finish and counts for every pair."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.clients.clients import SdkClient
from tests.clients.house import House, Stand, asked, dialect_of, never_happens, refuses
from tests.clients.passthrough import stream_answer, whole_answer
from tests.clients.scenarios import SCENARIOS, Got, as_readable, expected

pytestmark = pytest.mark.asyncio(loop_scope="session")


def same(got: Got, wanted: Got) -> None:
    wanted.usage = as_readable(wanted.usage, got.usage)
    assert got == wanted


@pytest.mark.parametrize("name", SCENARIOS)
async def test_a_whole_answer(house: House, stand: Stand, client: SdkClient, name: str) -> None:
    scenario = SCENARIOS[name]
    if never_happens(stand, scenario):
        return
    request = house.request(stand, scenario)
    params = client.params(request)
    if refuses(stand, scenario):
        await refused(stand, client, params)
        return
    dialect = dialect_of(client)
    stand.answers(whole_answer(stand.profile, stand.adapter, dialect, scenario.answer))
    got = await client.whole(stand.model, params)
    same(got, expected(stand.profile, scenario))
    asked(stand, client, request)


@pytest.mark.parametrize("name", SCENARIOS)
async def test_a_stream(house: House, stand: Stand, client: SdkClient, name: str) -> None:
    scenario = SCENARIOS[name]
    if never_happens(stand, scenario):
        return
    request = house.request(stand, scenario)
    params = client.params(request)
    if refuses(stand, scenario):
        await refused(stand, client, params)
        return
    dialect = dialect_of(client)
    stand.answers(stream_answer(stand.profile, stand.adapter, dialect, scenario.answer))
    got = await client.stream(stand.model, params)
    same(got, expected(stand.profile, scenario))
    asked(stand, client, msgspec.structs.replace(request, stream=True))


async def refused(stand: Stand, client: SdkClient, params: dict[str, Any]) -> None:
    """What a provider can't do is refused before anything is sent, with its name and why."""
    stand.answers()
    with pytest.raises(client.raises[400]) as caught:
        await client.whole(stand.model, params)
    assert stand.profile.name in str(caught.value)
    assert stand.received == []
