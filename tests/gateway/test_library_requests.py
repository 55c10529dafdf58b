"""A local model is asked like any other: in each dialect, in chains, with its limits."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from tests.gateway.library_world import CONTEXT, SAID, entries, local_models, model_file, put
from tests.support.answers import json_answer
from tests.support.chat_upstream import chat_upstream, chats
from tests.support.client import Client, Reply, text_of
from tests.support.documents import chain, provider
from tests.support.laird import RunningLaird
from tests.support.openai_wire import completion
from tests.support.upstream import ScriptedUpstream
from tests.support.waiting import until

from laird.domain.keys import PrivacyClass
from laird.keys.draft import KeyDraft

pytestmark = pytest.mark.asyncio(loop_scope="module")
LONG = 16_384
PNG = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="  # noqa: E501
MESSAGES = [{"role": "user", "content": "Who speaks?"}]
TOO_LONG = "word " * CONTEXT * 2


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def other() -> AsyncIterator[ScriptedUpstream]:
    """A provider elsewhere, to which chains lead."""
    async with chat_upstream() as upstream:
        upstream.always(json_answer(completion("from elsewhere")))
        yield upstream


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def laird(
    tmp_path_factory: pytest.TempPathFactory, other: ScriptedUpstream
) -> AsyncIterator[RunningLaird]:
    folder, home = tmp_path_factory.mktemp("models"), tmp_path_factory.mktemp("home")
    files = [
        model_file(folder, "one", SAID["one"], context=LONG),
        model_file(folder, "vectors", "makes no text", vectors=True),
        model_file(folder, "broken", "says nothing"),
    ]
    whole = files[2].read_bytes()
    # What is not all there is seen by its header, what is damaged otherwise when it is loaded.
    files[2].write_bytes(whole[:-100_000])
    files.append(folder / "strange.gguf")
    files[3].write_bytes(whole.replace(b"blk.1.attn_q.weight", b"blk.1.attn_x.weight"))
    local = entries("one", "vectors", "broken", "strange", "gone")
    local = local.replace("{id: vectors,", "{id: vectors, capabilities: {embeddings: true},")
    long = f"      - {{id: long, upstreamModel: one-long, contextWindow: {LONG}, gpuLayers: 0}}\n"
    long += long.replace("id: long", "id: blind, capabilities: {vision: true}")
    elsewhere = provider("elsewhere", other.url)
    both = chain("reliable", "library/broken", "library/strange", "elsewhere/m")
    put(home, files[0], "one-long")
    async with local_models(home, files, local + long + elsewhere + both) as running:
        yield running


@pytest.fixture
def client(laird: RunningLaird) -> Client:
    return laird.client()


async def ask(client: Client, model: str = "library/one", **fields: Any) -> Reply:
    fields.setdefault("temperature", 0)
    return await client.chat(model, **fields)


async def test_chat_completions(client: Client) -> None:
    reply = await ask(client)
    answer = reply.json()
    assert (reply.status, reply.headers["x-laird-provider"]) == (200, "library")
    assert answer["choices"][0]["message"]["content"] == SAID["one"]
    assert answer["usage"]["completion_tokens"] > 0
    reply = await ask(client, stream=True)
    assert text_of(reply.events()) == SAID["one"]


async def test_messages(client: Client) -> None:
    asked = {"model": "library/one", "max_tokens": 20, "messages": MESSAGES, "temperature": 0}
    reply = await client.request("POST", "/v1/messages", asked)
    assert reply.json()["content"][0]["text"] == SAID["one"]
    assert reply.json()["stop_reason"] == "end_turn"
    streamed = await client.request("POST", "/v1/messages", asked | {"stream": True})
    deltas = [each.get("delta", {}).get("text", "") for each in streamed.events()]
    assert "".join(deltas) == SAID["one"]


async def test_responses(client: Client) -> None:
    asked = {"model": "library/one", "input": "Who speaks?", "temperature": 0}
    reply = await client.request("POST", "/v1/responses", asked)
    assert reply.status == 200, reply.body
    said = [part["text"] for item in reply.json()["output"] for part in item.get("content", [])]
    assert said == [SAID["one"]]


async def test_completions(client: Client) -> None:
    asked = {"model": "library/one", "prompt": "Who", "max_tokens": 3, "temperature": 0}
    reply = await client.request("POST", "/v1/completions", asked)
    assert reply.status == 200, reply.body
    assert reply.json()["choices"][0]["finish_reason"] in {"stop", "length"}


async def test_embeddings(client: Client) -> None:
    asked = {"model": "library/vectors", "input": ["one", "two"]}
    reply = await client.request("POST", "/v1/embeddings", asked)
    assert reply.status == 200, reply.body
    assert [len(each["embedding"]) for each in reply.json()["data"]] == [64, 64]


async def test_a_model_for_vectors_refuses_to_chat_and_one_for_chats_to_make_vectors(
    client: Client,
) -> None:
    reply = await ask(client, "library/vectors")
    assert reply.status == 400, reply.body
    assert "embedding" in reply.error["message"]
    asked = {"model": "library/one", "input": "text"}
    reply = await client.request("POST", "/v1/embeddings", asked)
    assert reply.status == 400, reply.body
    assert "embedding" in reply.error["message"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": TOO_LONG}]}),
        ("/v1/responses", {"input": TOO_LONG}),
        ("/v1/messages", {"messages": [{"role": "user", "content": TOO_LONG}], "max_tokens": 9}),
    ],
)
async def test_a_request_that_is_too_long_is_refused_in_the_words_of_its_dialect(
    client: Client, path: str, body: dict[str, Any]
) -> None:
    reply = await client.request("POST", path, {"model": "library/one", **body})
    assert reply.status == 400, reply.body
    error = reply.json()["error"]
    if path == "/v1/messages":
        assert error["type"] == "invalid_request_error"
        assert "prompt is too long" in error["message"]
    else:
        assert error["code"] == "context_length_exceeded"


async def test_an_image_for_a_model_that_can_not_see_is_refused_before_it_is_sent(
    laird: RunningLaird, client: Client
) -> None:
    image = {"type": "image_url", "image_url": {"url": PNG}}
    content = [{"type": "text", "text": "What is this?"}, image]
    body = {"model": "library/long", "messages": [{"role": "user", "content": content}]}
    reply = await client.request("POST", "/v1/chat/completions", body)
    assert reply.status == 400, reply.body
    assert "can't do images" in reply.error["message"]
    assert "leave out the images" in reply.error["message"]
    assert await laird.rows(reply.headers["x-laird-request-id"]) == []
    # Who wrote that it sees is believed, and told by llama.cpp that it does not.
    body["model"] = "library/blind"
    reply = await client.request("POST", "/v1/chat/completions", body)
    assert reply.status == 400, reply.body
    assert "image input is not supported" in reply.error["message"]


async def test_a_model_that_can_not_be_started_says_why_and_chains_go_on_elsewhere(
    client: Client, other: ScriptedUpstream
) -> None:
    reply = await ask(client, "library/broken")
    assert reply.status == 503, reply.body
    assert "The local model 'broken' can't be run" in reply.error["message"]
    assert "retry-after" not in reply.headers
    for _ in range(2):
        reply = await ask(client, "library/strange")
        assert reply.status == 503, reply.body
        assert "The local model 'strange' can't be started" in reply.error["message"]
        assert int(reply.headers["retry-after"]) >= 1
    reply = await ask(client, "library/gone")
    assert (reply.status, reply.error["code"]) == (404, "model_not_found")
    assert "'gone'" in reply.error["message"]
    reply = await ask(client, "reliable")
    assert (reply.status, reply.headers["x-laird-provider"]) == (200, "elsewhere")
    assert chats(other)


async def test_what_must_stay_in_the_house_may_go_to_a_local_model(laird: RunningLaird) -> None:
    key = await laird.make_key(KeyDraft(name="inside", privacy=PrivacyClass.LOCAL_ONLY))
    reply = await ask(laird.client(key), "auto", stream=False)
    assert reply.status == 200
    reply = await ask(laird.client(key))
    assert reply.json()["choices"][0]["message"]["content"] == SAID["one"]


async def test_more_requests_than_slots_wait_for_their_turn(client: Client) -> None:
    replies = await asyncio.gather(*(ask(client) for _ in range(6)))
    said = [each.json()["choices"][0]["message"]["content"] for each in replies]
    assert said == [SAID["one"]] * 6


async def test_a_client_that_leaves_frees_the_slot(laird: RunningLaird, client: Client) -> None:
    endless: dict[str, Any] = {"stream": True, "max_tokens": 10_000, "ignore_eos": True}
    exchange = await client.begin_chat("library/long", **endless)
    await exchange.head()
    await exchange.until(b"data:")
    states = laird.program.library.fleet.states
    assert states()["one-long"].active == 1
    exchange.leave()
    await until(lambda: not states()["one-long"].active)
    assert (await ask(client, "library/long")).status == 200


async def test_it_is_in_the_ledger_for_nothing_and_in_the_metrics(
    laird: RunningLaird, client: Client
) -> None:
    reply = await ask(client)
    (row,) = await laird.rows(reply.headers["x-laird-request-id"])
    assert (row["provider"], row["model"], row["egress"]) == ("library", "one", "local")
    assert (row["status"], row["cost_usd"]) == ("ok", "0")
    assert row["completion_tokens"] > 0
    key = await laird.make_key(KeyDraft(name="meter", scopes=frozenset({"admin"})))
    metrics = await laird.client(key).request("GET", "/metrics")
    assert b'provider="library"' in metrics.body
    models = (await laird.admin("GET", "/api/models"))["models"]
    warm = {each["id"]: each["warm"] for each in models if each["provider"] == "library"}
    assert warm["one"] is True
    assert warm["broken"] is False


async def test_a_call_of_a_moment_ago_is_counted_in_the_list_of_models(
    laird: RunningLaird, client: Client
) -> None:
    async def calls() -> int:
        listed = await laird.admin("GET", "/api/library/models")
        return next(int(model["calls"]) for model in listed["models"] if model["id"] == "one")

    before = await calls()
    assert (await ask(client)).status == 200
    assert await calls() == before + 1


async def test_an_unknown_model_is_told_with_the_names_that_are_near(client: Client) -> None:
    reply = await ask(client, "library/onee")
    assert reply.status == 404
    assert "library/one" in json.dumps(reply.json())
