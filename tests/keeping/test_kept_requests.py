"""Requests and answers are kept as clients sent and saw them, where that is switched on."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.client import Client
from tests.support.documents import document, provider
from tests.support.laird import RunningLaird, running_laird

from laird.domain.keys import PrivacyClass
from laird.keeping.copies import LARGEST
from laird.keys.draft import KeyDraft

DEMO = document(
    provider("demo", "demo://demo", kind="demo", models="[demo]"),
    rest="privacy:\n  rules:\n    - {name: secret, when: {contains: [falcon]}, then: local}\n"
    "    - {name: never, when: {contains: [vulture]}, then: refuse}\n",
)


@pytest.fixture
async def laird(tmp_path: Path) -> AsyncIterator[RunningLaird]:
    async with running_laird(tmp_path / "home", DEMO) as running:
        yield running


@pytest.fixture
async def keeping(laird: RunningLaird) -> Client:
    """A client whose requests are kept."""
    return laird.client(await laird.make_key(KeyDraft(name="kept", keep=True)))


async def shown(laird: RunningLaird, headers: dict[str, str]) -> Any:
    return await laird.admin("GET", f"/api/usage/requests/{headers['x-laird-request-id']}")


async def listed(laird: RunningLaird) -> Any:
    return (await laird.admin("GET", "/api/usage/requests"))["requests"]


async def test_nothing_is_kept_unless_it_is_switched_on(laird: RunningLaird) -> None:
    answer = await laird.client().chat("demo")
    found = await shown(laird, answer.headers)
    assert found["kept"] is None
    assert [row["status"] for row in found["attempts"]] == ["ok"]
    assert await listed(laird) == []


async def test_a_request_is_kept_as_it_was_asked_and_answered(
    laird: RunningLaird, keeping: Client
) -> None:
    answer = await keeping.chat("demo", "What is kept?", custom={"a": 1.5})
    kept = (await shown(laird, answer.headers))["kept"]
    assert kept["answer"] == answer.json()
    assert kept["request"] == {
        "model": "demo",
        "messages": [{"role": "user", "content": "What is kept?"}],
        "custom": {"a": 1.5},
    }
    assert (kept["dialect"], kept["model"], kept["stream"]) == ("openai.chat", "demo", False)
    assert (kept["error"], kept["cut"], kept["local_only"]) == (None, False, False)
    assert kept["until_us"] - kept["at_us"] == 7 * 86_400_000_000


async def test_of_a_stream_every_byte_is_kept(laird: RunningLaird, keeping: Client) -> None:
    answer = await keeping.chat("demo", stream=True, stream_options={"include_usage": True})
    kept = (await shown(laird, answer.headers))["kept"]
    assert kept["stream"] is True
    assert kept["answer"].encode() == answer.body


async def test_every_format_is_kept(laird: RunningLaird, keeping: Client) -> None:
    said = [{"role": "user", "content": "Hello"}]
    asked: dict[str, dict[str, Any]] = {
        "/v1/messages": {"model": "demo", "max_tokens": 20, "messages": said},
        "/v1/responses": {"model": "demo", "input": "Hello", "store": True},
        "/v1/completions": {"model": "demo", "prompt": "Hello"},
        "/v1/embeddings": {"model": "demo", "input": ["Hello"]},
    }
    for path, body in asked.items():
        answer = await keeping.request("POST", path, body)
        assert answer.status == 200, answer.body
        kept = (await shown(laird, answer.headers))["kept"]
        assert kept["request"] == body
        assert kept["answer"] == answer.json()
    body = {"model": "demo", "messages": said}
    await keeping.request("POST", "/v1/messages/count_tokens", body)
    assert len(await listed(laird)) == len(asked)


async def test_a_refusal_is_kept_with_its_reason(laird: RunningLaird, keeping: Client) -> None:
    answer = await keeping.chat("nope")
    assert answer.status == 404
    found = await shown(laird, answer.headers)
    assert found["attempts"] == []
    assert found["kept"]["error"] == "model_not_found"
    assert found["kept"]["answer"] == answer.json()


async def test_what_came_before_the_client_left_is_kept(
    laird: RunningLaird, keeping: Client
) -> None:
    exchange = await keeping.begin_chat(
        "demo",
        stream=True,
        messages=[{"role": "user", "content": "/demo stall=2\nOne two three four"}],
    )
    await exchange.head()
    seen = await anext(exchange.chunks())
    exchange.leave()
    request_id = exchange.headers["x-laird-request-id"]
    while not (rows := await listed(laird)):
        pass
    assert rows[0]["error"] == "cancelled"
    kept = (await laird.admin("GET", f"/api/usage/requests/{request_id}"))["kept"]
    assert kept["answer"].encode().startswith(seen)


async def test_no_header_and_no_key_is_kept(laird: RunningLaird, keeping: Client) -> None:
    answer = await keeping.chat("demo", headers={"x-secret": "canary-header"})
    await shown(laird, answer.headers)
    home = laird.home
    content = b"".join(file.read_bytes() for file in home.glob("laird.db*"))
    exported = await laird.client(laird._admin_key).request("GET", "/api/usage/requests/export")
    for hidden in (keeping.key.encode(), b"canary-header"):
        assert hidden not in content
        assert hidden not in exported.body
    assert answer.json()["id"].encode() in exported.body


@pytest.mark.parametrize("words", ["about the falcon", "Hello"])
async def test_what_must_stay_local_is_not_kept(
    laird: RunningLaird, keeping: Client, words: str
) -> None:
    headers = {"x-laird-privacy": "local"} if words == "Hello" else {}
    answer = await keeping.chat("demo", words, headers=headers)
    assert answer.status == 200
    assert (await shown(laird, answer.headers))["kept"] is None
    local = KeyDraft(name="local", keep=True, privacy=PrivacyClass.LOCAL_ONLY)
    await laird.client(await laird.make_key(local)).chat("demo")
    assert await listed(laird) == []


async def test_what_goes_on_from_local_words_is_not_kept(
    laird: RunningLaird, keeping: Client
) -> None:
    body: dict[str, Any] = {"model": "demo", "input": "about the falcon", "store": True}
    first = (await keeping.request("POST", "/v1/responses", body)).json()
    body = {"model": "demo", "input": "And then?", "previous_response_id": first["id"]}
    assert (await keeping.request("POST", "/v1/responses", body)).status == 200
    assert await listed(laird) == []


async def test_what_may_not_be_answered_is_not_kept(laird: RunningLaird, keeping: Client) -> None:
    assert (await keeping.chat("demo", "about the vulture")).status == 403
    assert await listed(laird) == []


async def test_what_comes_to_be_refused_later_is_not_kept(
    laird: RunningLaird, keeping: Client
) -> None:
    body: dict[str, Any] = {"model": "demo", "input": "about the condor", "store": True}
    first = await keeping.request("POST", "/v1/responses", body)
    await laird.write_document(DEMO.replace("vulture", "condor"))
    body = {"model": "demo", "input": "And?", "previous_response_id": first.json()["id"]}
    assert (await keeping.request("POST", "/v1/responses", body)).status == 403
    assert [one["request_id"] for one in await listed(laird)] == [
        first.headers["x-laird-request-id"]
    ]


async def test_settings_keep_all_keys_and_local_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAIRD_KEEP_REQUESTS", "true")
    monkeypatch.setenv("LAIRD_KEEP_LOCAL", "true")
    monkeypatch.setenv("LAIRD_KEEP_DAYS", "3")
    async with running_laird(tmp_path / "home", DEMO) as laird:
        answer = await laird.client().chat("demo", "about the falcon")
        kept = (await shown(laird, answer.headers))["kept"]
        assert kept["local_only"] is True
        assert kept["until_us"] - kept["at_us"] == 3 * 86_400_000_000
        overview = await laird.admin("GET", "/api/usage/requests")
        assert (overview["everybody"], overview["local"], overview["days"]) == (True, True, 3)
        assert overview["bytes"] > 0
        assert overview["lost"] == 0


async def test_answers_from_the_cache_are_kept_too(laird: RunningLaird, keeping: Client) -> None:
    for mark in ("miss", "hit"):
        answer = await keeping.chat("demo", headers={"x-laird-cache": "use"})
        assert answer.headers["x-laird-cache"] == mark
        assert (await shown(laird, answer.headers))["kept"]["answer"] == answer.json()


async def test_a_request_that_is_too_large_is_left_out(
    laird: RunningLaird, keeping: Client
) -> None:
    answer = await keeping.chat("demo", "some words " * (LARGEST // 10))
    kept = (await shown(laird, answer.headers))["kept"]
    assert kept["request"] is None
    assert kept["cut"] is True
    assert kept["answer"] is not None


async def test_a_copy_is_deleted_and_the_rows_stay(laird: RunningLaird, keeping: Client) -> None:
    answer = await keeping.chat("demo")
    request_id = answer.headers["x-laird-request-id"]
    gone = await laird.admin("DELETE", f"/api/usage/requests/{request_id}")
    assert gone == {"request_id": request_id, "deleted": True}
    found = await shown(laird, answer.headers)
    assert found["kept"] is None
    assert len(found["attempts"]) == 1
    client = laird.client(laird._admin_key)
    again = await client.request("DELETE", f"/api/usage/requests/{request_id}")
    assert again.status == 404
    unknown = await client.request("GET", "/api/usage/requests/req_nope")
    assert (unknown.status, unknown.error["param"]) == (404, "request_id")


async def test_only_administrators_may_read(laird: RunningLaird, keeping: Client) -> None:
    answer = await keeping.chat("demo")
    path = f"/api/usage/requests/{answer.headers['x-laird-request-id']}"
    for asked in ("/api/usage/requests", "/api/usage/requests/export", path):
        assert (await keeping.request("GET", asked)).status == 403
    assert (await keeping.request("DELETE", path)).status == 403


async def test_all_copies_of_a_key_are_exported(laird: RunningLaird, keeping: Client) -> None:
    other = laird.client(await laird.make_key(KeyDraft(name="other", keep=True)))
    await other.chat("demo", "Other")
    first = await keeping.chat("demo", "First")
    second = await keeping.chat("demo", "Second", stream=True)
    await laird.admin("GET", "/api/usage/requests")
    client = laird.client(laird._admin_key)
    answer = await client.request("GET", "/api/usage/requests/export?key=kept")
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert "laird-requests-" in answer.headers["content-disposition"]
    rows = [json.loads(line) for line in answer.body.splitlines()]
    assert [row["answer"] for row in rows] == [first.json(), second.body.decode()]
    assert [one["request_id"] for one in await laird_listed(laird, "other")] != []
    whole = await client.request("GET", "/api/usage/requests/export")
    assert len(whole.body.splitlines()) == 3


async def laird_listed(laird: RunningLaird, key: str) -> Any:
    return (await laird.admin("GET", f"/api/usage/requests?key={key}&limit=1"))["requests"]
