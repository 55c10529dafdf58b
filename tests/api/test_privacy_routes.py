"""The routes of privacy: the rules in force, what they make of a text, and receipts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.gateway.privacy_world import CARD, INSIDE, OUTSIDE, answering, house
from tests.support.answers import failing
from tests.support.chat_upstream import chat_upstream
from tests.support.laird import RunningLaird, running_laird
from tests.support.upstream import ScriptedUpstream

from laird.domain.keys import PrivacyClass
from laird.keys.draft import KeyDraft


@pytest.fixture
async def cloud() -> AsyncIterator[ScriptedUpstream]:
    async with chat_upstream() as upstream:
        upstream.always(answering(OUTSIDE))
        yield upstream


@pytest.fixture
async def laird(tmp_path: Path, cloud: ScriptedUpstream) -> AsyncIterator[RunningLaird]:
    async with chat_upstream() as home:
        home.always(answering(INSIDE))
        async with running_laird(tmp_path, house(cloud, home)) as running:
            yield running


async def test_the_rules_in_force_are_shown(laird: RunningLaird) -> None:
    shown = await laird.admin("GET", "/api/privacy")
    assert shown["active"] is True
    assert shown["detect"]["iban"] == "refuse"
    assert shown["detect"]["phone"] == "off"
    assert shown["attachments"] == "local"
    assert shown["rules"][1] == {
        "name": "crm",
        "when": {"keys": ["crm-*"], "detected": ["phone"]},
        "then": "local",
    }
    assert set(shown["detectors"]) == {"phonenumberslite", "python-stdnum"}
    await laird.client().chat("cloud-first", CARD)
    assert (await laird.admin("GET", "/api/privacy"))["state"]["scanned"] == 2


async def test_a_text_is_tried(laird: RunningLaird) -> None:
    text = f"hello\n{CARD}\ncall +49 30 901820"
    tried = await laird.admin("POST", "/api/privacy/check", {"text": text})
    assert tried == {
        "found": [
            {"category": "cards", "kind": "Visa", "line": 2},
            {"category": "phone", "kind": "telephone DE", "line": 3},
        ],
        "verdict": "local",
        "reason": "detected:card",
    }
    await laird.make_key(KeyDraft(name="crm-1"))
    await laird.make_key(KeyDraft(name="inner", privacy=PrivacyClass.LOCAL_ONLY))
    phone = {"text": "call +49 30 901820"}
    for asked, verdict, reason in (
        (phone, "any", None),
        ({**phone, "key": "crm-1"}, "local", "rule:crm"),
        ({**phone, "key": "inner"}, "local", "key"),
        ({**phone, "workflow": "billing"}, "local", "rule:bills"),
        ({"text": "mail a@b.org"}, "any", "detected:email"),
        ({"text": "DE89370400440532013000"}, "refuse", "detected:iban"),
    ):
        tried = await laird.admin("POST", "/api/privacy/check", asked)
        assert (tried["verdict"], tried["reason"]) == (verdict, reason)
    client = laird.client(await laird.make_key(KeyDraft(name="a", scopes=frozenset({"admin"}))))
    wrong = await client.request("POST", "/api/privacy/check", {"txt": "x"})
    assert (wrong.status, wrong.error["code"]) == (400, "invalid_request")
    # Trying is not asking: nothing of it is counted.
    metrics = (await client.request("GET", "/metrics")).body.decode()
    assert 'verdict="refuse"} 0.0' in metrics


async def test_without_rules_a_text_is_tried_all_the_same(tmp_path: Path) -> None:
    async with running_laird(tmp_path, "providers: []\n") as laird:
        shown = await laird.admin("GET", "/api/privacy")
        tried = await laird.admin("POST", "/api/privacy/check", {"text": CARD})
    assert shown["active"] is False
    assert [one["kind"] for one in tried["found"]] == ["Visa"]
    assert (tried["verdict"], tried["reason"]) == ("any", None)


async def test_explain_asks_the_rules_too(laird: RunningLaird) -> None:
    body = {"model": "cloud-first", "messages": [{"role": "user", "content": CARD}]}
    plan = await laird.admin("POST", "/api/routing/explain", body)
    assert plan["privacy"] == {"verdict": "local", "reason": "detected:card"}
    assert [one["provider"] for one in plan["attempts"]] == ["home"]
    await laird.make_key(KeyDraft(name="inner", privacy=PrivacyClass.LOCAL_ONLY))
    plan = await laird.admin("POST", "/api/routing/explain?key=inner", {"model": "cloud-first"})
    assert plan["privacy"] == {"verdict": "local", "reason": "key"}


async def test_receipts_tell_where_everything_went(
    laird: RunningLaird, cloud: ScriptedUpstream
) -> None:
    client = laird.client()
    cloud.script(failing(404))
    moved = await client.chat("cloud-first", "Hello")
    kept = await client.chat("cloud-first", CARD)
    use = {"x-laird-cache": "use"}
    await client.chat("cloud-first", "again", headers=use)
    hit = await client.chat("cloud-first", "again", headers=use)

    async def receipts(query: str = "") -> list[dict[str, object]]:
        answer = await laird.admin("GET", f"/api/usage/receipts?{query}")
        assert answer["complete"] is True
        return list(answer["receipts"])

    newest = await receipts()
    assert [one["left"] for one in newest] == [False, True, False, True]
    assert newest[0]["request_id"] == hit.headers["x-laird-request-id"]
    (one,) = await receipts(f"request_id={moved.headers['x-laird-request-id']}")
    hops = one["hops"]
    assert isinstance(hops, list)
    assert [(hop["provider"], hop["egress"], hop["status"]) for hop in hops] == [
        ("cloud", "external", "error"),
        ("home", "local", "ok"),
    ]
    assert (one["left"], one["privacy"], one["privacy_reason"]) == (True, "any", None)
    for query in ("privacy=local", "reason=detected", "reason=detected:card"):
        (one,) = await receipts(query)
        assert one["request_id"] == kept.headers["x-laird-request-id"]
        assert (one["privacy"], one["privacy_reason"]) == ("local", "detected:card")
    assert await receipts("reason=detect") == []
    assert (
        await receipts("privacy=any&limit=2")
        == [one for one in newest if one["privacy"] == "any"][:2]
    )
    assert len(await receipts("key=test")) == 4
    assert await receipts("key=nobody") == []
    assert await receipts("request_id=req_nope") == []
    assert await receipts("until=2026-01-01") == []
