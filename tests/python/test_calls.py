"""Calls from a program: answers with types, the rules that hold for everybody, and the ledger."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.support.answers import failing, json_answer
from tests.support.openai_wire import COMPLETION
from tests.support.upstream import ScriptedUpstream

import laird
from laird.domain.errors import (
    InvalidKey,
    InvalidRequest,
    ModelNotFound,
    NoLocalProvider,
    RateLimited,
)
from laird.domain.keys import PrivacyClass, RateLimit
from laird.keeping.copies import content
from laird.keeping.store import every
from laird.keys import store
from laird.keys.draft import KeyDraft
from laird.keys.follow import refresh
from laird.storage.engine import Database, sqlite_url
from laird.usage.ledger import LedgerRow
from laird.usage.reports.listing import recent

TOOLS = [{"type": "function", "function": {"name": "clock", "parameters": {"type": "object"}}}]


async def rows(gateway: laird.Gateway) -> list[LedgerRow]:
    """Return the ledger, the newest row first."""
    assert await gateway.program.drain.flush()
    return await gateway.program.database.read(lambda connection: recent(connection, 1000))


async def make_key(gateway: laird.Gateway, **fields: Any) -> str:
    program = gateway.program
    made = await program.database.write(
        lambda connection: store.create(connection, KeyDraft(**fields), 1)
    )
    await refresh(program.keys, program.database)
    return made.key.id


async def test_an_answer_says_what_was_said_and_by_whom(gateway: laird.Gateway) -> None:
    answer = await gateway.chat("Hello", model="demo")
    assert answer.text.endswith("Hello")
    assert (answer.provider, answer.model, answer.attempts) == ("demo", "demo", 1)
    assert (answer.finish_reason, answer.failover_from, answer.cache) == ("stop", None, "off")
    assert answer.usage is not None
    assert answer.usage.total > 2
    assert answer.cost_usd == Decimal(0)
    assert answer.raw["choices"][0]["message"]["content"] == answer.text
    (row,) = await rows(gateway)
    assert row.request_id == answer.request_id
    assert (row.key_id, row.dialect, row.stream) == ("caller:python", "openai.chat", False)
    assert row.prompt_tokens == answer.usage.prompt


async def test_messages_tools_and_fields_are_openais(gateway: laird.Gateway) -> None:
    messages = ({"role": "system", "content": "Be brief."}, {"role": "user", "content": "Time?"})
    answer = await gateway.chat(messages, model="demo-tools", tools=TOOLS, temperature=0)
    (call,) = answer.tool_calls
    assert (call.name, answer.finish_reason) == ("clock", "tool_calls")
    assert isinstance(call.parsed(), dict)
    thought = await gateway.chat("Think", model="demo-thinking")
    assert thought.reasoning


async def test_messages_may_change_while_they_are_asked_about(gateway: laird.Gateway) -> None:
    messages: list[dict[str, Any]] = [{"role": "user", "content": "first"}]
    asking = asyncio.ensure_future(gateway.chat(messages, model="demo"))
    await asyncio.sleep(0)
    messages[0]["content"] = "second"
    messages.clear()
    assert (await asking).text.endswith("first")


async def test_texts_become_vectors(gateway: laird.Gateway) -> None:
    found = await gateway.embed(["one", "two"], model="demo", dimensions=4)
    assert [len(vector) for vector in found.vectors] == [4, 4]
    assert found.usage is not None
    assert found.raw["object"] == "list"
    assert len((await gateway.embed("one", model="demo")).vectors) == 1
    with pytest.raises(InvalidRequest, match="numbers"):
        await gateway.embed("one", model="demo", encoding_format="base64")


async def test_who_asks_is_in_the_ledger(gateway: laird.Gateway) -> None:
    await gateway.chat("Hello", model="demo", caller="nightly", workflow="report", node="first")
    await gateway.embed("Hello", model="demo", workflow="vectors")
    async for _ in gateway.stream("Hello", model="demo", node="last"):
        pass
    found = [(row.key_id, row.workflow, row.node) for row in await rows(gateway)]
    assert found == [
        ("caller:python", None, "last"),
        ("caller:python", "vectors", None),
        ("caller:nightly", "report", "first"),
    ]


async def test_rules_of_a_key_hold_for_who_calls_by_its_name(gateway: laird.Gateway) -> None:
    key_id = await make_key(gateway, name="agent", rate=RateLimit(requests_per_minute=1))
    await gateway.chat("Hello", model="demo", caller="agent")
    with pytest.raises(RateLimited):
        await gateway.chat("Hello", model="demo", caller=key_id)
    await make_key(gateway, name="elsewhere", allowed_providers=frozenset({"openai"}))
    with pytest.raises(laird.LairdError, match="elsewhere"):
        await gateway.chat("Hello", model="demo", caller="elsewhere")
    await make_key(gateway, name="off", enabled=False)
    with pytest.raises(InvalidKey, match="disabled"):
        await gateway.chat("Hello", model="demo", caller="off")
    with pytest.raises(InvalidKey, match="disabled"):
        gateway.stream("Hello", model="demo", caller="off")
    assert (await rows(gateway))[-1].key_id == key_id


async def test_copies_are_kept_of_keys_that_say_so(tmp_path: Path) -> None:
    demo = {"providers": [{"id": "demo", "kind": "demo", "models": ["demo"]}]}
    async with laird.open(demo, home=tmp_path / "own", caller="agent") as gateway:
        await make_key(gateway, name="agent", keep=True)
        answer = await gateway.chat("Hello", model="demo")
        stream = gateway.stream("Hello", model="demo")
        text = "".join([delta.text async for delta in stream])
        await gateway.chat("Hello", model="demo", caller="other")
    database = Database(sqlite_url(tmp_path / "own" / "laird.db"))
    kept = await database.read(lambda connection: list(every(connection, 0, 2**62)))
    database.close()
    assert [one.request_id for one in kept] == [answer.request_id, stream.answer.request_id]
    assert content(kept[0].answer) == answer.raw
    assert text.split()[0] in content(kept[1].answer)


async def test_the_cache_answers_where_it_is_asked(gateway: laird.Gateway) -> None:
    marks = [(await gateway.chat("Hello", model="demo", cache="use")).cache for _ in range(2)]
    assert marks == ["miss", "hit"]
    with pytest.raises(InvalidRequest, match="'use'"):
        await gateway.chat("Hello", model="demo", cache="maybe")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"model": "nope"}, "nope"),
        ({"messages": 5}, "messages"),
        ({"temperature": "hot"}, "temperature"),
        ({"stream": True}, "stream"),
        ({"extra": object()}, "JSON"),
        ({"privacy": "secret"}, "local"),
    ],
)
async def test_what_is_wrong_is_said(
    gateway: laird.Gateway, wrong: dict[str, Any], words: str
) -> None:
    asked: dict[str, Any] = {"messages": "Hello", "model": "demo", **wrong}
    with pytest.raises(laird.LairdError, match=words) as raised:
        await gateway.chat(**asked)
    assert raised.value.code in {"invalid_request", "model_not_found"}
    with pytest.raises(ModelNotFound):
        await gateway.embed("x", model="nope")


async def test_a_plan_is_explained_and_nothing_sent(gateway: laird.Gateway) -> None:
    plan = await gateway.explain("Hello", model="demo", privacy="local")
    assert [one.provider for one in plan.attempts] == ["demo"]
    assert (plan.local_only, plan.privacy_reason) == (True, "call")
    assert plan.dropped == ()
    assert await rows(gateway) == []


async def test_names_that_may_be_asked_for_are_listed(gateway: laird.Gateway) -> None:
    await make_key(gateway, name="agent", allowed_models=frozenset({"demo/demo"}))
    assert [one.id for one in gateway.models()][:2] == ["auto", "demo/demo"]
    assert [one.owner for one in gateway.models(caller="agent")] == ["laird", "demo"]


def document(*providers: tuple[str, str, str], **more: Any) -> dict[str, Any]:
    return {
        "providers": [
            {"id": name, "kind": "custom", "type": where, "endpoint": url, "models": ["m"]}
            for name, where, url in providers
        ],
        **more,
    }


async def test_it_fails_over_as_it_does_for_everybody(upstream: ScriptedUpstream) -> None:
    chain = {
        "id": "both",
        "models": [{"providerId": name, "modelId": "m", "maxRetries": 0} for name in ("a", "b")],
    }
    away = "http://127.0.0.1:9"
    told = document(("a", "local", away), ("b", "local", upstream.url), chains=[chain])
    async with laird.open(told, temporary=True) as gateway:
        answer = await gateway.chat("Hello", model="both")
        assert (answer.provider, answer.failover_from) == ("b", "a/m")
        assert {row.status for row in await rows(gateway)} <= {"ok", "error"}
        upstream.script(failing(400, "no thanks"))
        with pytest.raises(laird.LairdError, match="no thanks"):
            await gateway.chat("Hello", model="b")


async def test_what_must_stay_local_goes_nowhere_else(upstream: ScriptedUpstream) -> None:
    rule = {"name": "secret", "when": {"contains": ["falcon"]}, "then": "local"}
    told = document(("a", "external", upstream.url), privacy={"rules": [rule]})
    async with laird.open(told, temporary=True) as gateway:
        with pytest.raises(NoLocalProvider):
            await gateway.chat("Hello", model="m", privacy="local")
        with pytest.raises(NoLocalProvider):
            await gateway.chat("the falcon", model="m")
        await make_key(gateway, name="inside", privacy=PrivacyClass.LOCAL_ONLY)
        with pytest.raises(NoLocalProvider):
            await gateway.chat("Hello", model="m", caller="inside")
        with pytest.raises(NoLocalProvider):
            async for _ in gateway.stream("the falcon", model="m"):
                pass
        assert await rows(gateway) == []
        assert (await gateway.chat("Hello", model="m")).provider == "a"
    assert len([one for one in upstream.requests if b"falcon" in one.body]) == 0


async def test_costs_are_exact(upstream: ScriptedUpstream, tmp_path: Path) -> None:
    upstream.always(json_answer(COMPLETION))
    told = document(("a", "external", upstream.url))
    told["providers"][0]["models"] = [{"id": "m", "pricing": {"input": 1000, "output": 3000}}]
    async with laird.open(told, home=tmp_path / "own") as gateway:
        answer = await gateway.chat("Hello", model="m", max_tokens=5)
        (row,) = await rows(gateway)
        assert answer.cost_nano == row.cost_nano
        assert answer.cost_usd is not None
        assert answer.cost_usd * 10**9 == row.cost_nano
        assert answer.cost_usd > 0
