"""OpenAI's JavaScript SDK reads from every provider what the others read."""

from __future__ import annotations

from typing import Any

import pytest
from tests.clients.clients import SdkClient
from tests.clients.house import CLIENT_NAMES, House, Stand, dialect_of, never_happens, refuses
from tests.clients.node import run_script
from tests.clients.passthrough import stream_answer, whole_answer
from tests.clients.scenarios import SCENARIOS, Scenario, expected
from tests.providers.contract import asking

pytestmark = pytest.mark.asyncio(loop_scope="session")

APIS = {"openai-chat": "chat", "openai-responses": "responses"}
ASKED = ("text", "conversation", "parallel_tools", "tool_results", "json_schema", "length")
CASES = [
    (client, name, streamed)
    for client in APIS
    if client in CLIENT_NAMES
    for name in ASKED
    for streamed in (False, True)
]


def wanted(stand: Stand, scenario: Scenario) -> dict[str, Any]:
    got = expected(stand.profile, scenario)
    assert got.usage is not None
    assert got.finish is not None
    return {
        "text": got.text,
        "thinking": got.thinking,
        "calls": [[name, arguments] for name, arguments in got.calls],
        "finish": got.finish.value,
        "usage": [got.usage.prompt, got.usage.completion],
    }


def case(house: House, client: SdkClient, model: str, name: str, streamed: bool) -> dict[str, Any]:
    params = {"model": model, **client.params(SCENARIOS[name].request)}
    return {
        "url": house.laird.url,
        "key": house.laird.key,
        "api": APIS[client.name],
        "stream": streamed,
        "params": params,
    }


async def test_it_reads_the_same_from_every_provider(house: House) -> None:
    house.all_is_well()
    cases, wishes = [], []
    for stand in house.stands.values():
        answers = []
        for client_name, name, streamed in CASES:
            client, scenario = house.clients[client_name], SCENARIOS[name]
            if refuses(stand, scenario) or never_happens(stand, scenario):
                continue
            written = stream_answer if streamed else whole_answer
            dialect = dialect_of(client)
            answers.append(written(stand.profile, stand.adapter, dialect, scenario.answer))
            cases.append(case(house, client, stand.model, name, streamed))
            wishes.append(
                (stand.profile.name, client_name, name, streamed, wanted(stand, scenario))
            )
        stand.answers(*answers)
    results = await run_script("openai_client.mjs", cases)
    for wish, result in zip(wishes, results, strict=True):
        assert result == wish[-1], wish[:-1]


async def test_refusals_and_cuts_are_its_own_exceptions(house: House) -> None:
    cases = []
    clients = [client for client in house.clients.values() if client.name in APIS]
    for client in clients:
        cases.append(case(house, client, "nothing-has-this-name", "text", streamed=False))
        cut = case(house, client, "demo", "text", streamed=True)
        cut["params"] |= client.params(asking("Hello\n/demo cut=3"))
        cases.append(cut)
    results = await run_script("openai_client.mjs", cases)
    for missing, cut in zip(results[::2], results[1::2], strict=True):
        assert (missing["error"]["type"], missing["error"]["status"]) == ("NotFoundError", 404)
        assert "demo" in cut["error"]["message"]
