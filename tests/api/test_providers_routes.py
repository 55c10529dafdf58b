"""Providers by the administration API: listed, added, changed, tried, found."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.gateway.discovery_servers import OLLAMA, SGLANG
from tests.gateway.discovery_world import own_address, running
from tests.support.answers import json_answer
from tests.support.chat_upstream import chat_upstream
from tests.support.client import Reply
from tests.support.documents import document, provider
from tests.support.laird import RunningLaird, running_laird
from tests.support.upstream import ScriptedUpstream, failing

from laird.keys.draft import KeyDraft

pytestmark = pytest.mark.allow_hosts(["127.0.0.0/8", "::1"])
NUMBERS = itertools.count(1)
COMMENT = "# Do not lose me.\n"


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with chat_upstream() as server:
        yield server


@pytest.fixture
async def laird(tmp_path: Path, upstream: ScriptedUpstream) -> AsyncIterator[RunningLaird]:
    text = COMMENT + document(provider("a", upstream.url, authSecret="canary-secret"))
    async with running_laird(tmp_path, text) as running_one:
        yield running_one


async def ask(laird: RunningLaird, method: str, path: str, body: object = None) -> Reply:
    key = await laird.make_key(KeyDraft(name=f"boss {next(NUMBERS)}", scopes=frozenset({"admin"})))
    return await laird.client(key).request(method, path, body)


async def refused(laird: RunningLaird, method: str, path: str, body: object = None) -> Any:
    reply = await ask(laird, method, path, body)
    assert reply.status >= 400
    return reply.error


async def test_what_is_listed_shows_no_secret(laird: RunningLaird) -> None:
    listed = await laird.admin("GET", "/api/providers")
    assert listed["revision"] == laird.program.configuration.snapshot.revision
    (shown,) = listed["providers"]
    assert (shown["id"], shown["kind"], shown["type"]) == ("a", "custom", "local")
    assert (shown["credential"], shown["has_credential"]) == ("stored:a", True)
    assert "canary" not in str(listed)


async def test_a_provider_is_added_changed_and_removed_and_comments_stay(
    laird: RunningLaird, upstream: ScriptedUpstream
) -> None:
    wanted = {"id": "b", "kind": "vllm", "endpoint": upstream.url, "models": ["m"]}
    added = await laird.admin("POST", "/api/providers", wanted)
    assert (added["provider"]["id"], added["provider"]["models"]) == ("b", 1)

    changed = await laird.admin("PATCH", "/api/providers/b", {"maxConcurrent": 3, "priority": 7})
    assert changed["provider"]["max_concurrent"] == 3
    off = await laird.admin("PATCH", "/api/providers/b", {"enabled": False, "priority": None})
    assert (off["provider"]["status"], off["provider"]["priority"]) == ("disabled", 100)

    renamed = await laird.admin("PATCH", "/api/providers/b", {"id": "c"})
    assert renamed["provider"]["id"] == "c"
    removed = await laird.admin("DELETE", "/api/providers/c")
    assert removed["revision"] == laird.program.configuration.snapshot.revision
    assert [one["id"] for one in (await laird.admin("GET", "/api/providers"))["providers"]] == ["a"]
    assert laird.document.read_text().startswith(COMMENT)


async def test_models_that_a_provider_lists_are_taken_by_name(
    laird: RunningLaird, upstream: ScriptedUpstream
) -> None:
    upstream.on("/v1/models", json_answer({"data": [{"id": "Org/Big:7B"}, {"id": "small"}]}))
    await laird.admin(
        "POST", "/api/providers", {"id": "b", "kind": "vllm", "endpoint": upstream.url}
    )
    path = "/api/providers/b/models"
    taken = await laird.admin("POST", path, {"models": ["Org/Big:7B"]})
    assert taken["provider"]["models"] == 1
    both = await laird.admin("POST", path, {"models": ["small", "Org/Big:7B", "small"]})
    assert both["provider"]["models"] == 2
    models = (await laird.admin("GET", "/api/models?provider=b"))["models"]
    assert [(one["id"], one["upstream_model"]) for one in models] == [
        ("org/big:7b", "Org/Big:7B"),
        ("small", "small"),
    ]

    error = await refused(laird, "POST", path, {"models": ["large"]})
    assert error["param"] == "models"
    assert "large" in error["message"]
    assert (await refused(laird, "POST", f"{path}?revision=old", {"models": ["small"]}))[
        "code"
    ] == ("stale_revision")


async def test_kinds_say_what_is_usual_for_each(laird: RunningLaird) -> None:
    kinds = {
        one["kind"]: one for one in (await laird.admin("GET", "/api/providers/kinds"))["kinds"]
    }
    assert (kinds["openai"]["type"], kinds["openai"]["env_key"]) == ("external", "OPENAI_API_KEY")
    assert (kinds["ollama"]["type"], kinds["custom"]["endpoint"]) == ("local", None)


async def test_a_provider_that_a_chain_needs_goes_with_cascade_only(laird: RunningLaird) -> None:
    steps = {"models": [{"providerId": "a", "modelId": "m"}]}
    await laird.admin("PUT", "/api/chains/c", steps)
    error = await refused(laird, "DELETE", "/api/providers/a")
    assert error["code"] == "invalid_config"
    assert error["problems"][0]["path"] == "chains[0].models[0].providerId"
    await laird.admin("DELETE", "/api/providers/a?cascade=true")
    assert (await laird.admin("GET", "/api/chains"))["chains"] == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PATCH", "/api/providers/nobody"),
        ("DELETE", "/api/providers/nobody"),
        ("POST", "/api/providers/nobody/test"),
        ("GET", "/api/providers/nobody/health"),
    ],
)
async def test_an_unknown_one_is_said_with_those_there_are(
    method: str, path: str, laird: RunningLaird
) -> None:
    error = await refused(laird, method, path, {} if method == "PATCH" else None)
    assert (error["code"], error["param"]) == ("not_found", "provider_id")
    assert "There are: a." in error["message"]


async def test_what_would_be_wrong_changes_nothing(laird: RunningLaird) -> None:
    before = laird.document.read_text()
    for body, code in (
        ({"id": "a", "kind": "vllm"}, "invalid_request"),
        ({"id": "b", "kind": "vlm"}, "invalid_config"),
        ({"id": "b", "kind": "custom"}, "invalid_config"),
    ):
        assert (await refused(laird, "POST", "/api/providers", body))["code"] == code
    assert laird.document.read_text() == before


async def test_a_test_says_how_it_went_and_counts_as_a_probe(
    laird: RunningLaird, upstream: ScriptedUpstream
) -> None:
    found = await laird.admin("POST", "/api/providers/a/test")
    assert (found["ok"], found["error"], found["models"][0]["id"]) == (True, None, "m")
    upstream.on("/v1/models", failing(401, "no such key"))
    found = await laird.admin("POST", "/api/providers/a/test")
    assert not found["ok"]
    assert "no such key" in found["error"]
    (shown,) = (await laird.admin("GET", "/api/providers"))["providers"]
    assert shown["credential_bad"]


async def test_health_over_the_last_days(laird: RunningLaird) -> None:
    await laird.admin("POST", "/api/providers/a/test")
    told = await laird.admin("GET", "/api/providers/a/health?days=2")
    assert (told["provider"], told["days"]) == ("a", 2)
    error = await refused(laird, "GET", "/api/providers/a/health?days=8")
    assert error["param"] == "days"


async def discover(laird: RunningLaird, *hosts: str) -> dict[str, Any]:
    found: dict[str, Any] = await laird.admin(
        "POST", "/api/providers/discover", {"hosts": list(hosts)}
    )
    # Something may run at a usual port of this machine.
    found["servers"] = [
        one for one in found["servers"] if not one["endpoint"].startswith("http://127.0.0.1:")
    ]
    return found


async def test_what_is_found_can_be_added_as_it_is(laird: RunningLaird) -> None:
    address = own_address()
    async with (
        running(SGLANG, address),
        running(OLLAMA, address),
    ):
        found = await discover(laird, address)
        assert found["asked"][-1] == address
        assert found["revision"] == laird.program.configuration.snapshot.revision
        ollama, sglang = sorted(found["servers"], key=lambda one: str(one["kind"]), reverse=True)
        assert ollama["version"] == "0.35.1"
        assert ollama["models"][2:] == [
            {
                "id": "nomic-embed-text:latest",
                "context_window": 2048,
                "embeddings": True,
                "egress": "local",
            },
            {
                "id": "glm-4.6:cloud",
                "context_window": None,
                "embeddings": None,
                "egress": "external",
            },
        ]
        for one in (ollama, sglang):
            assert (one["needs_key"], one["configured_as"], one["also_at"]) == (False, None, [])
            await laird.admin("POST", "/api/providers", one["entry"])
        again = await discover(laird, address)
    assert {one["configured_as"] for one in again["servers"]} == {
        ollama["entry"]["id"], sglang["entry"]["id"],
    }  # fmt: skip
    assert {one["entry"] for one in again["servers"]} == {None}
    assert laird.document.read_text().startswith(COMMENT)
    providers = (await laird.admin("GET", "/api/providers"))["providers"]
    assert {one["type"] for one in providers} == {"local"}


async def test_without_a_body_this_machine_is_searched(laird: RunningLaird) -> None:
    found = await laird.admin("POST", "/api/providers/discover")
    assert found["asked"] == ["127.0.0.1"]
    assert found["problems"] == []


async def test_a_host_that_nobody_knows_is_told_of(laird: RunningLaird) -> None:
    (problem,) = (await discover(laird, "nobody.invalid"))["problems"]
    assert problem.startswith("nobody.invalid was not asked")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"hosts": ["http://box"]}, "is not a host"),
        ({"hosts": ["user:canary@box"]}, "is not a host"),
        ({"hosts": ["169.254.169.254"]}, "may not be asked"),
        ({"hosts": ["[fd00:ec2::254]:80"]}, "may not be asked"),
        ({"hosts": [f"box{number}" for number in range(40)]}, "32 are the most"),
        ({"hosts": "box"}, "list"),
        ({"hosts": [5]}, "string"),
        ({"host": ["box"]}, "Extra inputs"),
    ],
)
async def test_hosts_that_may_not_be_asked_are_refused(
    body: object, words: str, laird: RunningLaird
) -> None:
    error = await refused(laird, "POST", "/api/providers/discover", body)
    assert error["code"] == "invalid_request"
    assert error["param"].startswith("host")
    assert words in error["message"]
