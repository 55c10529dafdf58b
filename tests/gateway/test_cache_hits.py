"""An exact duplicate is answered from memory, for those who asked for that, and only as long as
they may have the answer."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from tests.support import openai_wire
from tests.support.answers import failing, json_answer, sse_answer, truncated_json
from tests.support.chat_upstream import chats
from tests.support.client import Client, Reply
from tests.support.documents import document, pair, provider
from tests.support.laird import RunningLaird, running_laird
from tests.support.upstream import ScriptedUpstream

from laird.domain.keys import PrivacyClass, RateLimit
from laird.keys.draft import KeyChange, KeyDraft
from laird.keys.follow import refresh
from laird.keys.store import change

USE = {"x-laird-cache": "use"}
PRICED = "[{id: m, pricing: {input: 10, output: 100}}]"


def mark(reply: Reply) -> str:
    return reply.headers["x-laird-cache"]


async def twice(client: Client, model: str = "m", **fields: Any) -> tuple[Reply, Reply]:
    return (
        await client.chat(model, headers=USE, **fields),
        await client.chat(model, headers=USE, **fields),
    )


async def test_a_duplicate_is_answered_with_the_same_bytes_and_nobody_is_asked(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    async with running_laird(tmp_path, document(provider("a", first.url))) as laird:
        miss, hit = await twice(laird.client())
    assert (mark(miss), mark(hit)) == ("miss", "hit")
    assert hit.body == miss.body
    assert len(chats(first)) == 1
    assert hit.headers["age"] == "0"
    assert "age" not in miss.headers
    assert hit.headers["x-laird-request-id"] != miss.headers["x-laird-request-id"]
    assert (hit.headers["x-laird-provider"], hit.headers["x-laird-model"]) == ("a", "m")
    assert hit.headers["x-laird-attempts"] == "0"
    assert hit.headers["x-laird-failover"] == "none"


async def test_without_being_asked_for_nothing_is_kept(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    async with running_laird(tmp_path, document(provider("a", first.url))) as laird:
        client = laird.client()
        plain = [await client.chat("m"), await client.chat("m")]
        asked = await client.chat("m", headers=USE)
        off = await client.chat("m", headers={"x-laird-cache": "off"})
    assert [mark(each) for each in plain] == ["off", "off"]
    assert (mark(asked), mark(off)) == ("miss", "off")
    assert len(chats(first)) == 4


async def test_refresh_asks_again_and_replaces_what_is_there(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    first.script(*(json_answer(openai_wire.completion(text)) for text in ("one", "two")))
    async with running_laird(tmp_path, document(provider("a", first.url))) as laird:
        client = laird.client()
        one = await client.chat("m", headers=USE)
        two = await client.chat("m", headers={"x-laird-cache": "refresh"})
        three = await client.chat("m", headers=USE)
    assert [mark(each) for each in (one, two, three)] == ["miss", "refresh", "hit"]
    assert [b"one" in one.body, b"two" in two.body, b"two" in three.body] == [True] * 3


async def test_an_unknown_wish_is_refused(first: ScriptedUpstream, tmp_path: Path) -> None:
    async with running_laird(tmp_path, document(provider("a", first.url))) as laird:
        reply = await laird.client().chat("m", headers={"x-laird-cache": "yes"})
    assert reply.status == 400
    assert "use, refresh and off" in reply.error["message"]


async def test_a_key_or_a_rule_asks_for_all_of_its_requests(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    rules = "cache:\n  rules:\n    - {models: [quick], workflows: [eval-*]}\naliases: {quick: m}\n"
    async with running_laird(tmp_path, document(provider("a", first.url), rest=rules)) as laird:
        keyed = laird.client(await laird.make_key(KeyDraft(name="cached", cache=True)))
        replies = [await keyed.chat("m"), await keyed.chat("m")]
        assert [mark(each) for each in replies] == ["miss", "hit"]
        assert mark(await keyed.chat("m", headers={"x-laird-cache": "off"})) == "off"

        plain = laird.client()
        run = {"x-laird-workflow": "eval-7"}
        ruled = [await plain.chat("quick", headers=run) for _ in range(2)]
        assert [mark(each) for each in ruled] == ["miss", "hit"]
        assert mark(await plain.chat("quick")) == "off"
        assert mark(await plain.chat("m", headers=run)) == "off"


async def test_a_rule_may_name_what_an_alias_stands_for(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    rules = "cache:\n  rules: [{models: [m]}]\naliases: {quick: m}\n"
    async with running_laird(tmp_path, document(provider("a", first.url), rest=rules)) as laird:
        assert mark(await laird.client().chat("quick")) == "miss"


async def test_another_question_is_another_entry(first: ScriptedUpstream, tmp_path: Path) -> None:
    async with running_laird(tmp_path, document(provider("a", first.url))) as laird:
        client = laird.client()
        first.on("/v1/chat/completions", json_answer(openai_wire.COMPLETION))
        asked: list[dict[str, Any]] = [
            {}, {"temperature": 0.5}, {"text": "Hello!"}, {"seed": 1}, {"user": "ann"},
        ]  # fmt: skip
        for fields in asked:
            assert mark(await client.chat("m", headers=USE, **fields)) == "miss"
        raw = b'{"messages": [{"content": "Hello", "role": "user"}], "model": "m"}'
        reply = await client.request("POST", "/v1/chat/completions", raw, USE)
    assert mark(reply) == "hit"  # only the order of fields is another one


async def test_keys_have_answers_of_their_own_unless_told_otherwise(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    text = document(provider("a", first.url))
    async with running_laird(tmp_path, text) as laird:
        other = laird.client(await laird.make_key(KeyDraft(name="other")))
        assert mark(await laird.client().chat("m", headers=USE)) == "miss"
        assert mark(await other.chat("m", headers=USE)) == "miss"
        await laird.write_document(text + "cache: {shared: true}\n")
        assert mark(await laird.client().chat("m", headers=USE)) == "miss"
        assert mark(await other.chat("m", headers=USE)) == "hit"


async def test_the_ledger_has_the_hit_with_no_tokens_and_no_cost(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    text = document(provider("a", first.url, models=PRICED))
    async with running_laird(tmp_path, text) as laird:
        _, hit = await twice(laird.client())
        asked, given = await laird.rows()
        total = (await laird.admin("GET", "/api/usage/summary?by=none"))["total"]
        stats = await laird.admin("GET", "/api/cache")
        scraped = (await laird.client().request("GET", "/metrics")).body.decode()
    assert hit.headers["x-laird-cost-usd"] == "0"
    assert (asked["cache_hit"], given["cache_hit"]) == (False, True)
    assert given["request_id"] == hit.headers["x-laird-request-id"]
    assert (given["provider"], given["model"], given["status"]) == ("a", "m", "ok")
    assert (given["cost_nano"], given["price_version"]) == (0, "cache")
    assert (given["prompt_tokens"], given["completion_tokens"]) == (0, 0)
    assert given["http_status"] is None
    assert total["cost_nano"] == asked["cost_nano"] > 0
    assert (stats["hits"], stats["misses"], stats["hit_ratio"]) == (1, 1, 0.5)
    assert stats["saved_nano"] == asked["cost_nano"]
    assert stats["saved_tokens"] == asked["prompt_tokens"] + asked["completion_tokens"]
    assert 'local_ai_cache_requests_total{result="hit"} 1' in scraped
    assert re.search(rf"local_ai_cache_saved_tokens_total {stats['saved_tokens']}\.0", scraped)


async def test_a_hit_counts_as_a_request_of_its_key_and_takes_no_tokens(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    async with running_laird(tmp_path, document(provider("a", first.url))) as laird:
        rate = RateLimit(requests_per_minute=2, tokens_per_minute=1000)
        client = laird.client(await laird.make_key(KeyDraft(name="slow", rate=rate)))
        _, hit = await twice(client)
        refused = await client.chat("m", headers=USE)
    used = openai_wire.USAGE["total_tokens"]
    assert int(hit.headers["x-ratelimit-remaining-tokens"]) >= 1000 - used
    assert hit.headers["x-ratelimit-remaining-requests"] == "0"
    assert refused.status == 429


@pytest.mark.parametrize(
    "answer",
    [
        failing(500),
        failing(400),
        truncated_json(openai_wire.COMPLETION),
        json_answer({"error": {"message": "no"}}),
        json_answer(
            openai_wire.completion(
                choices=[
                    {"index": 0, "message": {"content": None}, "finish_reason": "content_filter"}
                ]
            )
        ),
    ],
    ids=["server", "request", "cut", "error-in-200", "filtered"],
)
async def test_what_is_no_good_answer_is_not_kept(
    answer: Any, first: ScriptedUpstream, tmp_path: Path
) -> None:
    text = document(provider("a", first.url), rest=ONE_TRY)
    async with running_laird(tmp_path, text) as laird:
        first.script(answer)
        client = laird.client()
        await client.chat("one", headers=USE)
        again = await client.chat("one", headers=USE)
    assert (again.status, mark(again)) == (200, "miss")


ONE_TRY = "chains:\n  - id: one\n    models:\n      - {providerId: a, modelId: m, maxRetries: 0}\n"


async def test_calls_of_tools_and_answers_at_their_limit_are_kept(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    choices = [
        {
            "index": 0,
            "message": {"role": "assistant", "content": None, "tool_calls": [call]},
            "finish_reason": "tool_calls",
        }
    ]
    short = [{"index": 0, "message": {"content": "x"}, "finish_reason": "length"}]
    first.script(
        json_answer(openai_wire.completion(choices=choices)),
        json_answer(openai_wire.completion(choices=short)),
    )
    async with running_laird(tmp_path, document(provider("a", first.url))) as laird:
        tools = await twice(laird.client(), text="tools")
        length = await twice(laird.client(), text="length")
    assert [mark(each) for each in (*tools, *length)] == ["miss", "hit"] * 2


async def test_a_repeated_answer_after_failover_names_who_made_it(
    first: ScriptedUpstream, second: ScriptedUpstream, tmp_path: Path
) -> None:
    first.always(failing(500))
    async with running_laird(tmp_path, pair(first, second)) as laird:
        miss, hit = await twice(laird.client(), "both")
    assert miss.headers["x-laird-failover"] == "a/m"
    assert (mark(hit), hit.headers["x-laird-provider"]) == ("hit", "b")
    assert hit.headers["x-laird-failover"] == "none"


async def test_another_meaning_of_the_name_is_another_entry(
    first: ScriptedUpstream, second: ScriptedUpstream, tmp_path: Path
) -> None:
    base = document(provider("a", first.url), provider("b", second.url, models="[n]"))
    async with running_laird(tmp_path, base + "aliases: {fast: m}\n") as laird:
        client = laird.client()
        await twice(client, "fast")
        await laird.write_document(base + "aliases: {fast: n}\n")
        other = await client.chat("fast", headers=USE)
        assert (mark(other), other.headers["x-laird-provider"]) == ("miss", "b")
        # A change of something else leaves the entries as they are.
        await laird.write_document(base + "aliases: {fast: m, slow: m}\n")
        assert mark(await client.chat("fast", headers=USE)) == "hit"


async def test_a_provider_that_was_removed_or_disabled_answers_no_more(
    first: ScriptedUpstream, second: ScriptedUpstream, tmp_path: Path
) -> None:
    async with running_laird(tmp_path, pair(first, second)) as laird:
        client = laird.client()
        await twice(client, "both")
        off = document(
            provider("a", first.url, enabled="false"),
            provider("b", second.url),
            rest=laird.document.read_text().partition("chains:")[1]
            + laird.document.read_text().partition("chains:")[2],
        )
        await laird.write_document(off)
        reply = await client.chat("both", headers=USE)
    assert (mark(reply), reply.headers["x-laird-provider"]) == ("miss", "b")


async def changed(laird: RunningLaird, name: str, **fields: Any) -> None:
    database = laird.program.database
    wanted = KeyChange(**fields)
    await database.write(lambda connection: change(connection, name, wanted, 1))
    await refresh(laird.program.keys, database)


@pytest.mark.parametrize(
    "policy", [{"allowed_providers": frozenset({"b"})}, {"allowed_models": frozenset({"b/m"})}]
)
async def test_a_key_that_may_no_longer_use_the_model_gets_no_hit(
    policy: dict[str, Any],
    first: ScriptedUpstream,
    second: ScriptedUpstream,
    tmp_path: Path,
) -> None:
    text = document(provider("a", first.url), provider("b", second.url))
    async with running_laird(tmp_path, text) as laird:
        client = laird.client(await laird.make_key(KeyDraft(name="k")))
        _, hit = await twice(client)
        assert (mark(hit), hit.headers["x-laird-provider"]) == ("hit", "a")
        await changed(laird, "k", **policy)
        reply = await client.chat("m", headers=USE)
    assert (mark(reply), reply.headers["x-laird-provider"]) == ("miss", "b")


async def test_a_key_that_is_not_for_inference_is_refused_with_an_answer_there(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    text = document(provider("a", first.url), rest="cache: {shared: true}\n")
    async with running_laird(tmp_path, text) as laird:
        await twice(laird.client())
        draft = KeyDraft(name="admin", scopes=frozenset({"admin"}))
        reply = await laird.client(await laird.make_key(draft)).chat("m", headers=USE)
    assert (reply.status, reply.error["code"]) == (403, "not_allowed")


async def test_what_must_stay_local_is_answered_by_local_models_alone(
    first: ScriptedUpstream, second: ScriptedUpstream, tmp_path: Path
) -> None:
    external = provider("a", first.url).replace("type: local", "type: external")
    rest = pair(first, second).partition("chains:")
    text = document(external, provider("b", second.url), rest=rest[1] + rest[2])
    async with running_laird(tmp_path, text) as laird:
        client = laird.client()
        _, hit = await twice(client, "both")
        assert (mark(hit), hit.headers["x-laird-provider"]) == ("hit", "a")
        local = {**USE, "x-laird-privacy": "local"}
        sensitive = [await client.chat("both", headers=local) for _ in range(2)]
        # The local answer is good enough for those who need none.
        after = await client.chat("both", headers=USE)
        rows = await laird.rows()
    assert [mark(each) for each in sensitive] == ["miss", "hit"]
    assert {each.headers["x-laird-provider"] for each in (*sensitive, after)} == {"b"}
    assert mark(after) == "hit"
    assert len(chats(first)) == 1
    assert [row["privacy"] for row in rows] == ["any", "any", "local", "local", "any"]


async def test_a_private_key_with_nothing_local_is_refused_with_an_answer_there(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    external = provider("a", first.url).replace("type: local", "type: external")
    text = document(external, rest="cache: {shared: true}\n")
    async with running_laird(tmp_path, text) as laird:
        await twice(laird.client())
        draft = KeyDraft(name="private", privacy=PrivacyClass.LOCAL_ONLY)
        reply = await laird.client(await laird.make_key(draft)).chat("m", headers=USE)
    assert (reply.status, reply.error["code"]) == (403, "no_local_provider")


async def test_a_new_privacy_rule_holds_for_answers_that_are_there(
    first: ScriptedUpstream, second: ScriptedUpstream, tmp_path: Path
) -> None:
    external = provider("a", first.url).replace("type: local", "type: external")
    rest = "".join(pair(first, second).partition("chains:")[1:])
    text = document(external, provider("b", second.url), rest=rest)
    rule = "privacy:\n  rules: [{name: x, when: {contains: [Project X]}, then: local}]\n"
    async with running_laird(tmp_path, text) as laird:
        client = laird.client()
        _, hit = await twice(client, "both", text="About Project X")
        assert hit.headers["x-laird-provider"] == "a"
        await laird.write_document(text + rule)
        local = await twice(client, "both", text="About Project X")
    assert [mark(each) for each in local] == ["miss", "hit"]
    assert {each.headers["x-laird-provider"] for each in local} == {"b"}
    assert len(chats(first)) == 1


async def test_the_time_and_the_size_of_the_document_are_kept(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    text = document(provider("a", first.url))
    async with running_laird(tmp_path, text + "cache: {maxEntryBytes: 900}\n") as laird:
        client = laird.client()
        assert [mark(each) for each in await twice(client)] == ["miss", "miss"]
        await laird.write_document(text + "cache: {maxBytes: 0}\n")
        assert [mark(each) for each in await twice(client)] == ["off", "off"]
        await laird.write_document(text + "cache: {ttl: 0.000001}\n")
        assert [mark(each) for each in await twice(client)] == ["miss", "miss"]


async def test_the_cache_is_emptied_over_the_api(first: ScriptedUpstream, tmp_path: Path) -> None:
    async with running_laird(tmp_path, document(provider("a", first.url))) as laird:
        await laird.make_key(KeyDraft(name="other"))
        client = laird.client()
        await twice(client)
        assert (await laird.admin("DELETE", "/api/cache?key=other")) == {"cleared": 0}
        assert (await laird.admin("GET", "/api/cache"))["entries"] == 1
        assert (await laird.admin("DELETE", "/api/cache?key=test")) == {"cleared": 1}
        assert mark(await client.chat("m", headers=USE)) == "miss"
        assert (await laird.admin("DELETE", "/api/cache")) == {"cleared": 1}
        assert (await laird.admin("GET", "/api/cache"))["bytes"] == 0


async def test_embeddings_completions_messages_and_responses_are_cached_too(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    vectors = {
        "object": "list",
        "model": "m",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}],
        "usage": {"prompt_tokens": 1, "total_tokens": 1},
    }
    completion = {
        "id": "c",
        "object": "text_completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "text": "hi", "finish_reason": "stop", "logprobs": None}],
    }
    first.on("/v1/embeddings", json_answer(vectors))
    first.on("/v1/completions", json_answer(completion))
    turn = [{"role": "user", "content": "Hello"}]
    asked: dict[str, dict[str, Any]] = {
        "/v1/embeddings": {"input": "Hello"},
        "/v1/completions": {"prompt": "Hello"},
        "/v1/messages": {"messages": turn, "max_tokens": 9},
        "/v1/responses": {"input": "Hello"},
    }
    async with running_laird(tmp_path, document(provider("a", first.url))) as laird:
        client = laird.client()
        for path, fields in asked.items():
            body = {"model": "m", **fields}
            replies = [await client.request("POST", path, body, USE) for _ in range(2)]
            assert [mark(each) for each in replies] == ["miss", "hit"], path
            assert replies[0].body == replies[1].body


async def test_stored_responses_and_counts_are_not(first: ScriptedUpstream, tmp_path: Path) -> None:
    async with running_laird(tmp_path, document(provider("a", first.url))) as laird:
        client = laird.client()
        stored = {"model": "m", "input": "Hello", "store": True}
        kept = [await client.request("POST", "/v1/responses", stored, USE) for _ in range(2)]
        assert [mark(each) for each in kept] == ["off", "off"]
        assert kept[0].json()["id"] != kept[1].json()["id"]
        going_on = {"model": "m", "input": "And?", "previous_response_id": kept[0].json()["id"]}
        assert mark(await client.request("POST", "/v1/responses", going_on, USE)) == "off"
        count = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}
        counted = await client.request("POST", "/v1/messages/count_tokens", count, USE)
        assert mark(counted) == "off"


async def test_a_streamed_and_a_whole_answer_are_two_entries(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    first.script(json_answer(openai_wire.COMPLETION), sse_answer(openai_wire.STREAM))
    async with running_laird(tmp_path, document(provider("a", first.url))) as laird:
        whole = await laird.client().chat("m", headers=USE)
        streamed = await laird.client().chat("m", headers=USE, stream=True)
    assert (mark(whole), mark(streamed)) == ("miss", "miss")
    assert json.loads(whole.body)["object"] == "chat.completion"
