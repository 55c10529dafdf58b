"""A stream that breaks anywhere never looks complete to any client, and the ledger knows it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.clients.clients import SdkClient
from tests.clients.house import House, Stand, dialect_of
from tests.clients.passthrough import stream_events
from tests.clients.scenarios import SCENARIOS
from tests.providers.contract import ANSWERS
from tests.providers.test_contract import WIRES
from tests.support.upstream import Answer, sse_answer

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    # One provider for each form of answers.
    pytest.mark.parametrize("stand", [profile.name for profile in WIRES], indirect=True),
]


@pytest.fixture(autouse=True)
def healthy(house: House) -> Iterator[None]:
    yield
    house.all_is_well()


async def breaks(house: House, stand: Stand, client: SdkClient, answer: Answer) -> bool:
    """Ask for a stream that breaks; tell whether anything of it was shown before."""
    house.all_is_well()
    stand.answers(answer)
    params = client.params(SCENARIOS["tool"].request)
    seen: set[bool] = set()

    async def read() -> None:
        async for complete in client.events(stand.model, params):
            seen.add(complete)

    with pytest.raises(client.stream_errors):
        await read()
    assert True not in seen, "a stream that was cut looks complete"
    return bool(seen)


@pytest.fixture
def wire(stand: Stand, client: SdkClient) -> list[bytes]:
    """A streamed answer with text and two tool calls, one item for each event of the wire."""
    return stream_events(
        stand.profile, stand.adapter, dialect_of(client), ANSWERS["text_and_tools"]
    )


def needed(stand: Stand, client: SdkClient, wire: list[bytes]) -> int:
    """Return how many events must arrive for the answer to be whole."""
    if client.dialect in stand.adapter.speaks and client.dialect != stand.profile.dialect:
        return len(wire)
    return stand.profile.needed(wire)


async def test_the_connection_breaks_between_any_two_events(
    house: House, stand: Stand, client: SdkClient, wire: list[bytes]
) -> None:
    for kept in range(needed(stand, client, wire)):
        await breaks(house, stand, client, sse_answer(wire).cut(at=kept))


async def test_the_body_ends_well_formed_between_any_two_events(
    house: House, stand: Stand, client: SdkClient, wire: list[bytes]
) -> None:
    for kept in range(needed(stand, client, wire)):
        await breaks(house, stand, client, sse_answer(wire[:kept]))


async def test_the_connection_breaks_inside_an_event(
    house: House, stand: Stand, client: SdkClient, wire: list[bytes]
) -> None:
    for place in range(1, needed(stand, client, wire), 3):
        event = wire[place]
        pieces = [*wire[:place], event[: len(event) // 2]]
        await breaks(house, stand, client, sse_answer(pieces).reset())


async def test_the_ledger_tells_of_each_cut_and_estimates_what_was_used(
    house: House, stand: Stand, client: SdkClient, wire: list[bytes]
) -> None:
    before = {row["request_id"] for row in await house.laird.rows()}
    shown = [
        await breaks(house, stand, client, sse_answer(wire).cut(at=kept))
        for kept in range(1, needed(stand, client, wire), 2)
    ]
    assert any(shown)
    rows = [row for row in await house.laird.rows() if row["request_id"] not in before]
    assert len(rows) == len(shown)
    for row, seen in zip(rows, shown, strict=True):
        assert row["status"] == ("cut" if seen else "error")
        assert row["error"]
        if seen:
            assert row["completion_tokens"] > 0
