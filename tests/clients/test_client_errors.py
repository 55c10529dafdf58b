"""What a provider refuses arrives as the SDK's own exception, and says who refused what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from tests.clients.clients import SdkClient
from tests.clients.house import House, Stand, dialect_of
from tests.clients.passthrough import stream_events
from tests.clients.scenarios import SCENARIOS
from tests.providers.contract import ANSWERS
from tests.providers.profiles import SECRET, Fault
from tests.support.upstream import Answer, sse_answer

pytestmark = pytest.mark.asyncio(loop_scope="session")

STATUSES: Mapping[Fault, int] = {
    Fault.BAD_REQUEST: 400,
    Fault.CONTEXT_LENGTH: 400,
    # The client's own key is good: that of the provider is not, which is no fault of the client.
    Fault.BAD_CREDENTIAL: 502,
    Fault.FORBIDDEN: 502,
    Fault.MODEL_MISSING: 404,
    Fault.TOO_LARGE: 413,
    Fault.UNPROCESSABLE: 422,
    Fault.RATE_LIMITED: 429,
    Fault.RATE_LIMITED_DATE: 429,
    Fault.RATE_LIMITED_SILENT: 429,
    Fault.QUOTA: 502,
    Fault.SERVER_ERROR: 502,
    Fault.OVERLOADED: 502,
    Fault.HTML: 502,
    Fault.EMPTY: 502,
}
"""What each client gets for each refusal of a provider."""
WAITS = {Fault.RATE_LIMITED, Fault.RATE_LIMITED_DATE}


@pytest.fixture(autouse=True)
def healthy(house: House) -> Iterator[None]:
    house.all_is_well()
    yield
    house.all_is_well()


CASES = [
    *((fault, False) for fault in Fault),
    # Before a stream begins, a refusal takes the same way: two of them show that.
    (Fault.BAD_REQUEST, True),
    (Fault.OVERLOADED, True),
]


@pytest.mark.parametrize(
    ("fault", "streamed"),
    CASES,
    ids=[f"{fault}{'-stream' * streamed}" for fault, streamed in CASES],
)
async def test_each_refusal_is_the_right_exception(
    stand: Stand, client: SdkClient, fault: Fault, streamed: bool
) -> None:
    if fault in stand.profile.lacks.faults:
        return
    wire = stand.profile.fault(fault)
    stand.answers(Answer(wire.status, wire.headers, (wire.body,)))
    params = client.params(SCENARIOS["text"].request)
    ask = client.stream if streamed else client.whole
    with pytest.raises(client.raises[STATUSES[fault]]) as caught:
        await ask(stand.model, params)
    error: Any = caught.value
    assert error.status_code == STATUSES[fault]
    assert stand.profile.name in error.message
    assert SECRET not in error.message
    assert error.request_id == error.response.headers["x-laird-request-id"]
    if fault is Fault.CONTEXT_LENGTH and client.dialect.startswith("openai."):
        assert error.code == "context_length_exceeded"
    if fault in WAITS:
        assert 1 <= int(error.response.headers["retry-after"]) <= 7


@pytest.mark.parametrize("told", [0, 5], ids=["before-content", "after-content"])
async def test_an_error_in_a_stream_is_never_an_answer(
    stand: Stand, client: SdkClient, told: int
) -> None:
    wire = stream_events(stand.profile, stand.adapter, dialect_of(client), ANSWERS["hard_text"])
    late, _ = stand.profile.late_fault()
    stand.answers(sse_answer([*wire[:told], late]))
    with pytest.raises(client.stream_errors) as caught:
        await client.stream(stand.model, client.params(SCENARIOS["text"].request))
    assert stand.profile.name in str(caught.value)


async def test_a_wrong_key_is_the_clients_own_fault(house: House, client: SdkClient) -> None:
    stranger = type(client)(house.laird.url, "lai_" + "0" * 32)  # type: ignore[call-arg]
    with pytest.raises(client.raises[401]):
        await stranger.whole("auto", client.params(SCENARIOS["text"].request))
    await stranger.close()


async def test_a_name_that_nothing_has_is_not_found(client: SdkClient) -> None:
    with pytest.raises(client.raises[404], match="only-opena1"):
        await client.whole("only-opena1", client.params(SCENARIOS["text"].request))
