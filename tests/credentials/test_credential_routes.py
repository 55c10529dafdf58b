"""The routes of credentials: write-only, for those who may, and careful."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from tests.credentials.vault_world import ONE, THREE, TWO, files_with
from tests.support.answers import failing, json_answer
from tests.support.chat_upstream import MODELS, chat_upstream
from tests.support.client import Reply
from tests.support.documents import document, provider
from tests.support.laird import RunningLaird, running_laird
from tests.support.upstream import ScriptedUpstream

from laird.keys.draft import KeyDraft

pytestmark = pytest.mark.asyncio(loop_scope="module")

CREDENTIALS = "/api/credentials"
NUMBERS = itertools.count()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with chat_upstream() as up:
        yield up


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def laird(
    upstream: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[RunningLaird]:
    text = document(
        provider("a", upstream.url, authType="bearer", authSecret="a", healthCheckInterval=86400),
        provider("b", upstream.url, authType="bearer", authSecret="stored:shared"),
        provider("c", upstream.url, authType="bearer", authSecret="stored:shared"),
        provider("e", upstream.url, authType="bearer", authSecret="env:NOWHERE_TO_BE_FOUND"),
    )
    async with running_laird(tmp_path_factory.mktemp("home"), text) as running:
        yield running


async def ask(
    laird: RunningLaird, method: str, path: str, body: object = None, scope: str = "admin"
) -> Reply:
    key = await laird.make_key(KeyDraft(name=f"k{next(NUMBERS)}", scopes=frozenset({scope})))
    return await laird.client(key).request(method, f"{CREDENTIALS}{path}", body)


async def listed(laird: RunningLaird) -> dict[str, dict[str, Any]]:
    answer = await laird.admin("GET", CREDENTIALS)
    return {one["name"]: one for one in answer["credentials"]}


async def test_a_life_of_a_credential(laird: RunningLaird, upstream: ScriptedUpstream) -> None:
    answers: list[object] = []

    async def call(method: str, path: str, body: object = None) -> Any:
        answers.append(found := await laird.admin(method, f"{CREDENTIALS}{path}", body))
        return found

    made = await call("PUT", "/a", {"value": f"  {ONE}\n", "expires": "2027-01-31"})
    assert made["store"] == "vault"
    assert made["providers"] == ["a"]
    assert made["ready"] is True
    assert re.fullmatch("[0-9a-f]{6}", made["fingerprint"])
    assert made["expires_us"] == 1_801_353_600_000_000
    staged = await call("POST", "/a/stage", {"value": TWO})
    assert staged["staged"]["tested_us"] is None
    tested = await call("POST", "/a/test")
    assert tested["results"][0]["models"] == 1
    assert upstream.requests[-1].headers["authorization"] == f"Bearer {TWO}"
    assert (await listed(laird))["a"]["staged"]["tested_us"] is not None
    promoted = await call("POST", "/a/promote", {"fallback_hours": 1})
    assert promoted["fingerprint"] == staged["staged"]["fingerprint"]
    assert promoted["previous"]["fingerprint"] == made["fingerprint"]
    assert promoted["expires_us"] is None
    await call("POST", "/a/stage", {"value": THREE})
    discarded = await call("POST", "/a/discard")
    assert discarded["staged"] is None
    assert (await call("POST", "/rekey"))["wrapped"] >= 3
    removed = await call("DELETE", "/a?force=true")
    assert removed["name"] == "a"
    assert "a" not in await listed(laird)
    text = json.dumps([*answers, await listed(laird)])
    for key in (ONE, TWO, THREE):
        # No part of a key, neither its first characters nor its last.
        assert not [key[at : at + 6] for at in range(len(key) - 5) if key[at : at + 6] in text]
    assert files_with(laird.home, ONE, TWO, THREE) == []


async def test_each_provider_that_uses_it_is_asked(
    laird: RunningLaird, upstream: ScriptedUpstream
) -> None:
    await laird.admin("PUT", f"{CREDENTIALS}/shared", {"value": ONE})
    both = await laird.admin("POST", f"{CREDENTIALS}/shared/test", {"slot": "active"})
    assert [one["provider"] for one in both["results"]] == ["b", "c"]
    one = await laird.admin("POST", f"{CREDENTIALS}/shared/test", {"provider": "c"})
    assert [each["provider"] for each in one["results"]] == ["c"]
    upstream.on("/v1/models", failing(401, f"Incorrect API key provided: {ONE}"))
    refused = await ask(laird, "POST", "/shared/test")
    upstream.on("/v1/models", json_answer(MODELS))
    assert refused.json()["ok"] is False
    assert "401" in refused.json()["results"][0]["error"]
    assert ONE not in refused.body.decode()


async def test_a_key_is_tested_only_where_it_goes_anyway(
    laird: RunningLaird, upstream: ScriptedUpstream
) -> None:
    await laird.admin("PUT", f"{CREDENTIALS}/unused", {"value": ONE})
    await laird.admin("PUT", f"{CREDENTIALS}/shared", {"value": ONE})
    before = len(upstream.requests)
    for path, body in (("/unused/test", None), ("/shared/test", {"provider": "a"})):
        reply = await ask(laird, "POST", path, body)
        assert reply.status == 400
        assert reply.error["param"] == "provider"
    assert len(upstream.requests) == before


async def test_one_in_use_is_not_removed_by_accident(laird: RunningLaird) -> None:
    await laird.admin("PUT", f"{CREDENTIALS}/shared", {"value": ONE})
    refused = await ask(laird, "DELETE", "/shared")
    assert refused.status == 400
    assert "b, c" in refused.error["message"]
    assert (await ask(laird, "DELETE", "/shared?force=true")).status == 200
    assert (await ask(laird, "DELETE", "/shared")).status == 404


async def test_a_removed_ones_name_is_never_sent(
    laird: RunningLaird, upstream: ScriptedUpstream
) -> None:
    await laird.admin("PUT", f"{CREDENTIALS}/shared", {"value": ONE})
    await laird.admin("DELETE", f"{CREDENTIALS}/shared?force=true")
    await laird.client().chat("b/m")
    assert "authorization" not in upstream.requests[-1].headers


async def test_variables_are_listed_and_not_changed(laird: RunningLaird) -> None:
    found = (await listed(laird))["env:NOWHERE_TO_BE_FOUND"]
    assert found["store"] == "environment"
    assert found["providers"] == ["e"]
    assert found["ready"] is False
    assert "not set" in found["problem"]
    reply = await ask(laird, "PUT", "/env:NOWHERE_TO_BE_FOUND", {"value": ONE})
    assert reply.status == 400


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "/x", {}, 400),
        ("PUT", "/x", {"value": ""}, 400),
        ("PUT", "/x", {"value": f"{ONE}\nx-evil: 1"}, 400),
        ("PUT", "/x", {"value": ONE * 1000}, 400),
        ("PUT", "/x", {"value": [ONE]}, 400),
        ("PUT", "/x", {"value": {"key": ONE}}, 400),
        ("PUT", "/x", {"value": ONE, "expires": ONE}, 400),
        ("PUT", "/x", {"value": ONE, "key": ONE}, 400),
        ("PUT", "/x", {ONE: ONE}, 400),
        ("PUT", "/x", {"value": ONE, "store": ONE}, 400),
        ("PUT", "/x", {"value": ONE, "store": "environment"}, 400),
        ("PUT", "/x", {"value": ONE, "store": "keyring"}, 503),
        ("PUT", "/x", {"value": ONE, "command": {"command": [ONE]}}, 400),
        ("PUT", "/x", {"command": {"command": [ONE]}}, 403),
        ("PUT", "/x", {"command": {"command": ONE}}, 400),
        ("PUT", "/x", {"value": ONE, "fallback_hours": -1}, 400),
        ("PUT", f"/{ONE}", {"value": TWO}, 400),
        ("PUT", "/.fingerprints", {"value": TWO}, 400),
        ("POST", f"/{ONE}/stage", {"value": TWO}, 404),
        ("POST", f"/{ONE}/promote", None, 404),
        ("POST", f"/{ONE}/discard", None, 404),
        ("POST", f"/{ONE}/test", None, 404),
        ("DELETE", f"/{ONE}", None, 404),
        ("DELETE", "/.fingerprints", None, 404),
    ],
    ids=str,
)
async def test_what_is_wrong_is_refused_without_an_echo(
    laird: RunningLaird, method: str, path: str, body: object, status: int
) -> None:
    reply = await ask(laird, method, path, body)
    assert reply.status == status, reply.body
    assert ONE not in reply.body.decode()
    assert ONE not in str(reply.headers)
    assert "x" not in await listed(laird)


async def test_a_broken_body_is_not_repeated(laird: RunningLaird) -> None:
    key = await laird.make_key(KeyDraft(name="broken", scopes=frozenset({"admin"})))
    exchange = await laird.client(key).open(
        "PUT", f"{CREDENTIALS}/x", f'{{"value": "{ONE}'.encode()
    )
    await exchange.head()
    assert exchange.status == 400
    assert ONE not in (await exchange.body()).decode()


@pytest.mark.parametrize("scope", ["operator", "viewer", "inference"])
async def test_only_administrators_may_give_keys(laird: RunningLaird, scope: str) -> None:
    await laird.admin("PUT", f"{CREDENTIALS}/shared", {"value": ONE})
    for method, path, body in (
        ("PUT", "/shared", {"value": TWO}),
        ("POST", "/shared/stage", {"value": TWO}),
        ("POST", "/shared/promote", None),
        ("POST", "/shared/discard", None),
        ("DELETE", "/shared", None),
        ("POST", "/migrate", None),
        ("POST", "/rekey", None),
    ):
        assert (await ask(laird, method, path, body, scope)).status == 403
    looks = (await ask(laird, "GET", "", None, scope)).status
    assert looks == (200 if scope == "operator" else 403)


async def test_an_operator_can_not_lead_a_credential_elsewhere_while_it_is_missing(
    laird: RunningLaird,
) -> None:
    """What is not there now may be there later, and would go to where the provider is then."""
    await laird.admin("PUT", f"{CREDENTIALS}/shared", {"value": ONE})
    await laird.admin("DELETE", f"{CREDENTIALS}/shared?force=true")
    key = await laird.make_key(KeyDraft(name="operator", scopes=frozenset({"operator"})))
    changed = await laird.client(key).request(
        "PATCH", "/api/providers/b", {"endpoint": "http://127.0.0.1:9"}
    )
    assert changed.status == 403
    for fields in ({"priority": 7}, {"name": "B"}):
        assert (await laird.client(key).request("PATCH", "/api/providers/b", fields)).status == 200


async def test_a_key_in_a_change_of_the_document_is_moved_before_it_is_written(
    laird: RunningLaird,
) -> None:
    await laird.admin("PATCH", "/api/providers/e", {"authSecret": THREE})
    assert "authSecret: e\n" in laird.document.read_text()
    assert (await listed(laird))["e"]["providers"] == ["e"]
    shown = json.dumps(
        [
            await laird.admin("GET", "/api/config"),
            await laird.admin("GET", "/api/config/history"),
            await laird.admin("GET", "/api/providers"),
        ]
    )
    assert THREE not in shown
    assert files_with(laird.home, THREE) == []


async def test_the_description_asks_for_keys_and_never_answers_one(laird: RunningLaird) -> None:
    described = await laird.admin("GET", "/api/openapi.json")
    shapes = described["components"]["schemas"]
    assert shapes["CredentialWanted"]["properties"]["value"]["anyOf"][0]["writeOnly"] is True
    assert shapes["StagedWanted"]["properties"]["value"]["writeOnly"] is True
    for name in ("CredentialShown", "ValueShown"):
        assert "value" not in shapes[name]["properties"]
    for path, methods in described["paths"].items():
        if path.startswith(CREDENTIALS):
            for operation in methods.values():
                assert operation["operationId"]
                assert operation["tags"] == ["credentials"]
                answer = operation["responses"]["200"]["content"]["application/json"]["schema"]
                assert answer["$ref"]


async def test_what_was_done_is_in_the_audit_log_without_values(laird: RunningLaird) -> None:
    await laird.admin("PUT", f"{CREDENTIALS}/logged", {"value": ONE})
    await laird.admin("POST", f"{CREDENTIALS}/logged/stage", {"value": TWO})
    await laird.admin("POST", f"{CREDENTIALS}/logged/promote")
    await laird.admin("DELETE", f"{CREDENTIALS}/logged")
    found = await laird.admin("GET", "/api/audit?object=logged")
    actions = [one["action"] for one in reversed(next(iter(rows(found))))]
    assert actions == [
        "credential.set",
        "credential.stage",
        "credential.promote",
        "credential.remove",
    ]
    assert ONE not in json.dumps(found)
    assert TWO not in json.dumps(found)


def rows(answer: dict[str, Any]) -> list[list[dict[str, Any]]]:
    return [value for value in answer.values() if isinstance(value, list)]
