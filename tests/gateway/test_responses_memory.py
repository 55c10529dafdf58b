"""What is kept of responses, for whom, how safely, and what must never leave the machine again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openai
import pytest
from tests.dialects.responses_samples import checked, kinds
from tests.gateway.responses_world import (
    DEMO,
    asked,
    openai_provider,
    response,
    sdk_before,
    stream,
)
from tests.support.answers import failing, json_answer, sse_answer
from tests.support.chat_upstream import chat_upstream, chats
from tests.support.documents import document, provider
from tests.support.laird import laird_process
from tests.support.waiting import until

from laird.keys.draft import KeyDraft


async def test_nothing_is_kept_unless_it_is_asked_for(tmp_path: Path) -> None:
    async with sdk_before(tmp_path, document(DEMO)) as (sdk, _):
        for wish in ({}, {"store": False}):
            found = await sdk.responses.create(model="demo", input="Secret words", **wish)
            assert found.store is False
            with pytest.raises(openai.NotFoundError):
                await sdk.responses.retrieve(found.id)
            with pytest.raises(openai.BadRequestError, match='"store": true') as refused:
                await sdk.responses.create(
                    model="demo", input="And?", previous_response_id=found.id
                )
            assert refused.value.code == "previous_response_not_found"
            assert refused.value.param == "previous_response_id"
    assert b"Secret words" not in b"".join(
        file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()
    )


async def test_a_conversation_is_gone_on_from(tmp_path: Path) -> None:
    async with chat_upstream() as upstream:
        async with sdk_before(tmp_path, document(provider("a", upstream.url))) as (sdk, laird):
            first = await sdk.responses.create(
                model="m", input="My name is Ada.", instructions="Be brief.", store=True
            )
            second = await sdk.responses.create(
                model="m", input="What is it?", previous_response_id=first.id
            )
            rows = await laird.rows()
        assert second.previous_response_id == first.id
        assert second.store is False
        one, two = (request.json()["messages"] for request in chats(upstream))
        assert [turn["role"] for turn in one] == ["system", "user"]
        assert [(turn["role"], turn["content"]) for turn in two] == [
            ("user", "My name is Ada."),
            ("assistant", "Hello there."),
            ("user", "What is it?"),
        ]
    assert [row["privacy_reason"] for row in rows] == [None, None]


async def test_facts_count_the_conversation(tmp_path: Path) -> None:
    long = "word " * 3000
    small = provider("a", "URL", models="[{id: m, contextWindow: 4500, maxTokens: 100}]")
    async with chat_upstream() as upstream:
        text = document(small.replace("URL", upstream.url))
        async with sdk_before(tmp_path, text) as (sdk, _):
            first = await sdk.responses.create(model="m", input=long, store=True)
            with pytest.raises(openai.BadRequestError) as refused:
                await sdk.responses.create(model="m", input=long, previous_response_id=first.id)
    assert refused.value.code == "context_length_exceeded"
    assert refused.value.param == "input"


async def test_items_that_are_referred_to_are_put_in(tmp_path: Path) -> None:
    async with chat_upstream() as upstream:
        async with sdk_before(tmp_path, document(provider("a", upstream.url))) as (sdk, laird):
            first = await sdk.responses.create(model="m", input="Hello", store=True)
            said: Any = {"type": "item_reference", "id": first.output[0].id}
            turns: Any = [
                {"role": "user", "content": "Hello"},
                said,
                {"role": "user", "content": "?"},
            ]
            second = await sdk.responses.create(model="m", input=turns, store=True)
            await sdk.responses.delete(first.id)
            kept = await sdk.responses.input_items.list(second.id, order="asc")
            unknown: Any = [{"type": "item_reference", "id": "msg_nothing"}]
            with pytest.raises(openai.BadRequestError) as refused:
                await sdk.responses.create(model="m", input=unknown)
            other = laird.client(await laird.make_key(KeyDraft(name="other")))
            reply = await other.request("POST", "/v1/responses", {"model": "m", "input": [said]})
        roles = [turn["role"] for turn in chats(upstream)[-1].json()["messages"]]
    assert roles == ["user", "assistant", "user"]
    assert [item.type for item in kept.data] == ["message"] * 3
    assert (refused.value.param, refused.value.code) == ("input[0]", "unsupported_field")
    assert reply.status == 400


async def test_what_is_kept_can_be_read_listed_and_deleted(tmp_path: Path) -> None:
    async with sdk_before(tmp_path, document(DEMO)) as (sdk, laird):
        first = await sdk.responses.create(
            model="demo", input="One", store=True, metadata={"a": "b"}
        )
        async with sdk.responses.stream(
            model="demo", input="Two", previous_response_id=first.id, store=True
        ) as events:
            second = await events.get_final_response()
        kept = await sdk.responses.retrieve(first.id)
        assert kept.to_dict() == first.to_dict()
        assert (await sdk.responses.retrieve(second.id)).output_text == second.output_text
        everything = [item async for item in sdk.responses.input_items.list(second.id, limit=1)]
        assert [item.role for item in everything] == ["user", "assistant", "user"]
        page = await sdk.responses.input_items.list(second.id, order="asc", limit=2)
        assert (page.has_more, page.first_id, page.last_id) == (
            True,
            everything[2].id,
            everything[1].id,
        )
        client = laird.client()
        path = f"/v1/responses/{second.id}/input_items"
        for query, param in (
            ("limit=0", "limit"),
            ("limit=x", "limit"),
            ("order=up", "order"),
            ("after=nothing", "after"),
        ):
            assert (await client.request("GET", f"{path}?{query}")).error["param"] == param
        streamed = await client.request("GET", f"/v1/responses/{first.id}?stream=true")
        assert streamed.error["param"] == "stream"
        end = await client.request("GET", f"{path}?after={everything[-1].id}")
        assert end.json() == {
            "object": "list",
            "data": [],
            "first_id": None,
            "last_id": None,
            "has_more": False,
        }
        deleted = await client.request("DELETE", f"/v1/responses/{first.id}")
        assert deleted.json() == {"id": first.id, "object": "response", "deleted": True}
        for call in (sdk.responses.retrieve, sdk.responses.delete, sdk.responses.input_items.list):
            with pytest.raises(openai.NotFoundError):
                await call(first.id)
        with pytest.raises(openai.BadRequestError, match="no longer kept"):
            await sdk.responses.create(model="demo", input="x", previous_response_id=second.id)


async def test_another_keys_responses_do_not_exist(tmp_path: Path) -> None:
    async with sdk_before(tmp_path, document(DEMO)) as (sdk, laird):
        mine = await sdk.responses.create(model="demo", input="Hello", store=True)
        other = sdk.with_options(api_key=await laird.make_key(KeyDraft(name="other")))
        for call in (
            other.responses.retrieve,
            other.responses.delete,
            other.responses.input_items.list,
        ):
            with pytest.raises(openai.NotFoundError):
                await call(mine.id)
        with pytest.raises(openai.BadRequestError) as refused:
            await other.responses.create(model="demo", input="x", previous_response_id=mine.id)
        assert refused.value.code == "previous_response_not_found"
        draft = KeyDraft(name="administrator", scopes=frozenset({"admin"}))
        admin = sdk.with_options(api_key=await laird.make_key(draft))
        with pytest.raises(openai.PermissionDeniedError):
            await admin.responses.retrieve(mine.id)
        with pytest.raises(openai.AuthenticationError):
            await sdk.with_options(api_key="lai_" + "0" * 32).responses.retrieve(mine.id)
        await sdk.responses.retrieve(mine.id)


async def test_what_had_to_stay_local_never_leaves_by_a_later_turn(tmp_path: Path) -> None:
    async with chat_upstream() as sink, chat_upstream() as home:
        sink.always(json_answer(response()))
        text = document(openai_provider(sink.url, "cloud"), provider("home", home.url))
        local: Any = {"x-laird-privacy": "local"}
        async with sdk_before(tmp_path, text) as (sdk, laird):
            secret = await sdk.responses.create(
                model="home/m", input="My secret", store=True, extra_headers=local
            )
            reference: Any = [{"type": "item_reference", "id": secret.output[0].id}]
            for stored in (True, False):
                for wish in (
                    {"input": "Go on", "previous_response_id": secret.id},
                    {"input": reference},
                ):
                    for streamed in (False, True):
                        with pytest.raises(openai.PermissionDeniedError) as refused:
                            await sdk.responses.create(
                                model="cloud/m", store=stored, stream=streamed, **wish
                            )
                        assert refused.value.code == "no_local_provider"
            second = await sdk.responses.create(
                model="auto", input="Go on", previous_response_id=secret.id, store=True
            )
            with pytest.raises(openai.PermissionDeniedError):
                await sdk.responses.create(
                    model="cloud/m", input="More", previous_response_id=second.id
                )
            home.always(failing(503))
            with pytest.raises(openai.APIStatusError):
                await sdk.responses.create(
                    model="auto", input="More", previous_response_id=second.id
                )
            rows = await laird.rows()
            assert asked(sink) == chats(sink) == []
            assert {row["provider"] for row in rows} == {"home"}
            assert [row["privacy_reason"] for row in rows[:2]] == ["header", "memory"]
            # Without that conversation, the same key may go there.
            await sdk.responses.create(model="cloud/m", input="Hello")
            assert len(asked(sink)) == 1


async def test_a_local_turn_does_not_bind_what_went_before_it(tmp_path: Path) -> None:
    local: Any = {"x-laird-privacy": "local"}
    async with chat_upstream() as cloud, chat_upstream() as home:
        cloud.always(json_answer(response()))
        text = document(openai_provider(cloud.url, "cloud"), provider("home", home.url))
        async with sdk_before(tmp_path, text) as (sdk, laird):
            first = await sdk.responses.create(model="cloud/m", input="1", store=True)
            await sdk.responses.create(
                model="home/m",
                input="2",
                previous_response_id=first.id,
                store=True,
                extra_headers=local,
            )
            await sdk.responses.create(model="cloud/m", input="3", previous_response_id=first.id)
            rows = await laird.rows()
    assert [row["provider"] for row in rows] == ["cloud", "home", "cloud"]


async def test_without_the_database_there_is_an_error_and_no_answer(tmp_path: Path) -> None:
    async with chat_upstream() as upstream:
        upstream.always(json_answer(response()))
        text = document(openai_provider(upstream.url), DEMO)
        async with sdk_before(tmp_path, text) as (sdk, laird):
            first = await sdk.responses.create(model="demo", input="Hello", store=True)
            file = tmp_path / "laird.db"
            file.rename(tmp_path / "away.db")
            client = laird.client()
            asks: Any = {"model": "demo", "input": "Hello", "store": True}
            reply = await client.request("POST", "/v1/responses", asks)
            assert (reply.status, reply.error["code"]) == (503, "storage_unavailable")
            assert '"store": true' in reply.error["message"]
            for model in ("demo", "o/m"):
                upstream.always(sse_answer(stream("Hello ", "there.")))
                asks = {**asks, "model": model, "stream": True}
                reply = await client.request("POST", "/v1/responses", asks)
                events = checked(reply.body)
                assert kinds(events)[-2:] == ["error", "failed"]
                assert "completed" not in kinds(events)
                assert events[-2]["code"] == "storage_unavailable"
            goes_on = {"model": "demo", "input": "x", "previous_response_id": first.id}
            for method, path, body in (
                ("POST", "/v1/responses", goes_on),
                ("GET", f"/v1/responses/{first.id}", None),
                ("DELETE", f"/v1/responses/{first.id}", None),
            ):
                reply = await client.request(method, path, body)
                assert (reply.status, reply.error["code"]) == (503, "storage_unavailable")
            aside = await client.request("POST", "/v1/responses", {"model": "demo", "input": "x"})
            assert aside.status == 200
            (tmp_path / "away.db").rename(file)
            assert (await sdk.responses.retrieve(first.id)).output_text == first.output_text


async def test_a_client_that_leaves_has_nothing_kept(tmp_path: Path) -> None:
    async with sdk_before(tmp_path, document(DEMO)) as (_, laird):
        body = b'{"model":"demo","input":"/demo pause=20ms chunks=40","stream":true,"store":true}'
        exchange = await laird.client().open("POST", "/v1/responses", body)
        await exchange.head()
        begun = await exchange.until(b"output_text.delta")
        identity = begun.split(b'"id":"', 1)[1].split(b'"', 1)[0].decode()
        exchange.leave()
        await until(lambda: laird.program.gateway.active == 0)
        reply = await laird.client().request("GET", f"/v1/responses/{identity}")
        assert reply.status == 404


def test_an_id_that_a_client_has_is_there_after_a_kill(tmp_path: Path) -> None:
    with laird_process(tmp_path, document(DEMO)) as laird:
        body = {"model": "demo", "input": "Hello", "store": True}
        kept = [laird.post("/v1/responses", body)[1] for _ in range(3)]
        laird.kill()
        key = laird.key
        laird.start()
        laird.key = key
        for one in kept:
            goes_on = {"model": "demo", "input": "x", "previous_response_id": one["id"]}
            status, found = laird.post("/v1/responses", goes_on)
            assert status == 200, found
