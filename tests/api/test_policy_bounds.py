"""What an operator may not bring about, whichever route and field it comes by."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.client import Client
from tests.support.documents import document
from tests.support.laird import RunningLaird, running_laird

from laird.keys.draft import KeyDraft

# None of them is enabled, so that none is asked how it is.
PLACES = {
    "paid": "endpoint: 'https://api.example/v1', authSecret: 'env:PAID', models: [m]",
    "later": "endpoint: 'https://later.example/v1', authSecret: 'env:NOT_SET_YET', models: [m]",
    "free": "endpoint: 'http://10.0.0.7:8000/v1', models: [m]",
    "named": "endpoint: 'https://house.example/v1', type: local, models: [m]",
    "split": "type: local, endpoint: 'http://10.0.0.8/v1', models: [{id: out, egress: external}]",
}
DOCUMENT = document(
    *(
        f"  - {{id: {name}, kind: custom, enabled: false, {rest}}}\n"
        for name, rest in PLACES.items()
    )
)


@pytest.fixture
async def laird(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RunningLaird]:
    monkeypatch.setenv("PAID", "sk-stored")
    monkeypatch.setenv("PROVIDER_BAIT_API_KEY", "sk-from-the-environment")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-cloud")
    async with running_laird(tmp_path, DOCUMENT) as running:
        yield running


@pytest.fixture
async def operator(laird: RunningLaird) -> Client:
    draft = KeyDraft(name="op", scopes=frozenset({"operator"}))
    return laird.client(await laird.make_key(draft))


async def test_a_credential_goes_nowhere_else(laird: RunningLaird, operator: Client) -> None:
    for change in (
        {"endpoint": "https://thief.example/v1"},
        {"endpoint": "http://api.example/v1"},
        {"endpoint": "https://api.example:444/v1"},
        {"kind": "openai", "endpoint": None},
    ):
        reply = await operator.request("PATCH", "/api/providers/paid", change)
        assert (reply.status, reply.error["code"]) == (403, "not_allowed"), change
        assert "sk-stored" not in reply.body.decode()
    # On its own origin it may.
    moved = {"endpoint": "https://api.example/v2", "priority": 5}
    assert (await operator.request("PATCH", "/api/providers/paid", moved)).status == 200
    assert laird.program.configuration.snapshot.providers["paid"].endpoint.endswith("/v2")


@pytest.mark.parametrize(
    "entry",
    [
        {
            "id": "bait",
            "kind": "custom",
            "endpoint": "https://thief.example/v1",
            "models": ["m"],
            "enabled": False,
        },
        {"id": "cloud", "kind": "openai", "models": ["gpt-x"], "enabled": False},
    ],
    ids=["a name that the environment has a key for", "a kind that it has a key for"],
)
async def test_a_new_provider_brings_no_credential_in(
    operator: Client, laird: RunningLaird, entry: dict[str, object]
) -> None:
    reply = await operator.request("POST", "/api/providers", entry)
    assert (reply.status, reply.error["code"]) == (403, "not_allowed")
    await laird.admin("POST", "/api/providers", entry)


async def test_a_credential_that_is_not_there_yet_is_bound_as_well(operator: Client) -> None:
    change = {"endpoint": "https://thief.example/v1"}
    reply = await operator.request("PATCH", "/api/providers/later", change)
    assert (reply.status, reply.error["code"]) == (403, "not_allowed")
    assert (await operator.request("PATCH", "/api/providers/later", {"gpu": True})).status == 200


async def test_renaming_brings_no_credential_in(operator: Client) -> None:
    change = {"id": "bait", "endpoint": "https://thief.example/v1"}
    assert (await operator.request("PATCH", "/api/providers/free", change)).status == 403


async def test_removing_and_adding_again_brings_none_back(operator: Client) -> None:
    assert (await operator.request("DELETE", "/api/providers/paid")).status == 200
    entry = {
        "id": "paid",
        "kind": "custom",
        "endpoint": "https://api.example/v1",
        "models": ["m"],
        "enabled": False,
    }
    assert (
        await operator.request("POST", "/api/providers", {**entry, "authSecret": "env:PAID"})
    ).error["param"] == "authSecret"
    assert (await operator.request("POST", "/api/providers", entry)).status == 201


async def test_nothing_becomes_local_by_an_operator(laird: RunningLaird, operator: Client) -> None:
    for path, change in (
        ("free", {"type": "local"}),
        ("named", {"endpoint": "https://elsewhere.example/v1"}),
        ("split", {"models": ["out"]}),
    ):
        reply = await operator.request("PATCH", f"/api/providers/{path}", change)
        assert (reply.status, reply.error["code"]) == (403, "not_allowed"), path
    renamed = {"name": "House", "endpoint": "https://house.example/v2"}
    assert (await operator.request("PATCH", "/api/providers/named", renamed)).status == 200
    await laird.admin("PATCH", "/api/providers/split", {"models": ["out"]})


async def test_what_runs_is_an_operators(operator: Client) -> None:
    change = {"gpu": True, "maxConcurrent": 3, "endpoint": "http://10.0.0.9:8000/v1"}
    assert (await operator.request("PATCH", "/api/providers/free", change)).status == 200
    chain = {"models": [{"providerId": "free", "modelId": "m"}]}
    assert (await operator.request("PUT", "/api/chains/c", chain)).status == 200
    assert (await operator.request("DELETE", "/api/chains/c")).status == 200
    entry = {
        "id": "lan",
        "kind": "vllm",
        "endpoint": "http://10.0.0.10:8000",
        "models": ["m"],
        "enabled": False,
    }
    assert (await operator.request("POST", "/api/providers", entry)).status == 201


async def test_the_document_as_a_whole_is_not(laird: RunningLaird, operator: Client) -> None:
    shown = (await operator.request("GET", "/api/config")).json()
    for method, path, body in (
        ("PUT", "/api/config", {"document": shown["document"]}),
        ("POST", "/api/config/check", {"document": shown["document"]}),
        ("POST", "/api/config/history/1/rollback", None),
    ):
        assert (await operator.request(method, path, body)).status == 403


MARKED = document(
    "  - {id: relay, kind: vllm, type: external, enabled: false,"
    " endpoint: 'http://10.0.0.7:8000', models: [m]}\n",
    "  - {id: guess, kind: custom, enabled: false,"
    " endpoint: 'http://10.0.0.9:8000/v1', models: [m]}\n",
    "  - {id: box, kind: vllm, enabled: false, endpoint: 'http://10.0.0.8:8000',"
    " models: [in, {id: out, egress: external}]}\n",
    rest="privacy:\n"
    "  detect: {secrets: local}\n"
    "  rules:\n"
    "    - {name: fixtures, when: {keys: [ci-*], detected: [secrets]}, then: any}\n"
    "    - {name: crm, when: {keys: [crm-*]}, then: local}\n",
)


@pytest.fixture
async def marked(tmp_path: Path) -> AsyncIterator[RunningLaird]:
    async with running_laird(tmp_path, MARKED) as running:
        yield running


@pytest.fixture
async def runner(marked: RunningLaird) -> Client:
    return marked.client(await marked.make_key(KeyDraft(name="op", scopes=frozenset({"operator"}))))


OUTSIDE: dict[str, tuple[str, str, dict[str, object] | None]] = {
    "takes away what says so, to add it again": ("DELETE", "relay", None),
    "moves it away": ("PATCH", "relay", {"endpoint": "http://10.0.0.70:8000"}),
    "takes out the model that says so": ("PATCH", "box", {"models": ["in"]}),
    "calls that model by another name": (
        "PATCH",
        "box",
        {"models": ["in", {"id": "other", "upstreamModel": "out"}]},
    ),
    "has it count as the server does": ("PATCH", "box", {"models": ["in", "out"]}),
    "moves the server with it": ("PATCH", "box", {"endpoint": "http://10.0.0.80:8000"}),
    "removes the server with it": ("DELETE", "box", None),
    "calls a guess something that is local": ("PATCH", "guess", {"kind": "vllm"}),
    "adds the same server as another kind": (
        "POST",
        "",
        {"id": "twin", "kind": "vllm", "endpoint": "http://10.0.0.9:8000", "models": ["m"]},
    ),
    "adds it with its port spelt another way": (
        "POST",
        "",
        {"id": "twin", "kind": "vllm", "endpoint": "http://10.0.0.9.:8000", "models": ["m"]},
    ),
    "adds a machine that anybody may publish": (
        "POST",
        "",
        {"id": "tail", "kind": "vllm", "endpoint": "https://x.tail1234.ts.net", "models": ["m"]},
    ),
}


@pytest.mark.parametrize("name", OUTSIDE)
async def test_what_an_administrator_calls_external_stays_so(
    marked: RunningLaird, runner: Client, name: str
) -> None:
    method, provider_id, body = OUTSIDE[name]
    path = f"/api/providers/{provider_id}".rstrip("/")
    before = marked.program.configuration.snapshot
    reply = await runner.request(method, path, body)
    assert reply.status in {403, 422}, reply.body
    assert marked.program.configuration.snapshot is before
    if reply.status == 403:
        assert "nly an administrator may" in reply.error["message"]
        await marked.admin(method, path, body)


async def test_an_operator_goes_on_running_them(runner: Client) -> None:
    for provider_id in ("relay", "box", "guess"):
        change = {"name": "Renamed", "maxConcurrent": 2}
        reply = await runner.request("PATCH", f"/api/providers/{provider_id}", change)
        assert reply.status == 200, reply.body
    models: list[object] = ["in", "new", {"id": "out", "egress": "external"}]
    assert (await runner.request("PATCH", "/api/providers/box", {"models": models})).status == 200


async def test_no_new_key_gets_an_exemption_by_its_name(
    marked: RunningLaird, runner: Client
) -> None:
    for name in ("ci-mine", " ci-mine "):
        reply = await runner.request("POST", "/api/keys", {"name": name})
        assert (reply.status, reply.error["param"]) == (403, "name"), name
    for name in ("crm-mine", "mine"):
        assert (await runner.request("POST", "/api/keys", {"name": name})).status == 201
    await marked.admin("POST", "/api/keys", {"name": "ci-mine"})


@pytest.mark.parametrize("field", ["privacy", "routing", "cache", "chains", "aliases", "keys"])
async def test_rules_can_not_be_sent_with_a_provider(runner: Client, field: str) -> None:
    body = {"id": "x", "kind": "vllm", "endpoint": "http://10.0.0.5", field: {"detect": {}}}
    for method, path in (("POST", "/api/providers"), ("PATCH", "/api/providers/box")):
        reply = await runner.request(method, path, body)
        assert (reply.status, reply.error["param"]) == (403, field)


async def test_an_administrator_gives_a_credential_again_to_send_it_elsewhere(
    laird: RunningLaird,
) -> None:
    client = laird.client(await laird.make_key(KeyDraft(name="boss", scopes=frozenset({"admin"}))))
    thief = {"endpoint": "https://thief.example/v1"}
    for change in (thief, {**thief, "id": "moved"}, {"endpoint": "http://api.example/v1"}):
        reply = await client.request("PATCH", "/api/providers/paid", change)
        assert (reply.status, reply.error["param"]) == (400, "authSecret"), change
        assert "sk-stored" not in reply.body.decode()
    # Another path, or another way to write the same place, is no other place.
    for endpoint in ("https://api.example/v9", "https://API.example:443/v1"):
        reply = await client.request("PATCH", "/api/providers/paid", {"endpoint": endpoint})
        assert reply.status == 200, reply.body
    sent = {**thief, "authSecret": "env:PAID"}
    assert (await client.request("PATCH", "/api/providers/paid", sent)).status == 200
    back = {"endpoint": "https://api.example/v1", "authSecret": None}
    reply = await client.request("PATCH", "/api/providers/paid", back)
    assert (reply.status, reply.json()["provider"]["has_credential"]) == (200, False)
