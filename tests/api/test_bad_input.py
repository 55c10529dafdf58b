"""Whatever is sent: the right status, the right shape, words that help, nobody else disturbed."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from tests.support.client import Exchange, Reply
from tests.support.documents import document
from tests.support.laird import RunningLaird, running_laird

from laird.keys.draft import KeyDraft

DEMO = document("  - {id: demo, kind: demo, endpoint: 'demo://', models: [demo]}\n")
PATH = "/v1/chat/completions"
MESSAGES = [{"role": "user", "content": "Hello"}]
LIMIT = 100_000


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def laird(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningLaird]:
    home = tmp_path_factory.mktemp("home")
    async with running_laird(home, DEMO, max_body_bytes=LIMIT) as running:
        yield running


pytestmark = pytest.mark.asyncio(loop_scope="module")


def check(reply: Reply, status: int, code: str, *words: str) -> None:
    assert reply.status == status
    assert reply.headers["content-type"] == "application/json"
    error = reply.error
    assert set(error) == {"message", "type", "param", "code"}
    assert error["code"] == code
    for word in words:
        assert word in error["message"], error["message"]


BODIES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "empty"),
    "cut JSON": (b'{"model": "demo", "messages": [', "not valid JSON"),
    "no JSON": (b"model=demo", "not valid JSON"),
    "bad UTF-8": (b'{"model": "demo", "messages": "\xff\xfe"}', "not valid JSON"),
    "a list": (b"[]", "not an object"),
    "text": (b'"hello"', "not an object"),
    "deep nesting": (b"[" * 5000 + b"]" * 5000, "not valid JSON"),
}


@pytest.mark.parametrize(("body", "words"), BODIES.values(), ids=BODIES)
async def test_malformed_bodies(body: bytes, words: str, laird: RunningLaird) -> None:
    check(await laird.client().request("POST", PATH, body), 400, "invalid_request", words)


FIELDS: dict[str, tuple[dict[str, Any], str]] = {
    "no model": ({"model": None}, "model"),
    "model as a number": ({"model": 5}, "model"),
    "no messages": ({"messages": None}, "messages"),
    "empty messages": ({"messages": []}, "messages"),
    "messages as text": ({"messages": "hi"}, "messages"),
    "unknown role": ({"messages": [{"role": "king", "content": "x"}]}, "messages[0].role"),
    "content as a number": ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
    "temperature as text": ({"temperature": "hot"}, "temperature"),
    "max_tokens below 1": ({"max_tokens": 0}, "max_tokens"),
    "stream as text": ({"stream": "yes"}, "stream"),
    "tools as an object": ({"tools": {}}, "tools"),
}


@pytest.mark.parametrize(("fields", "param"), FIELDS.values(), ids=FIELDS)
async def test_wrong_fields_are_named(
    fields: dict[str, Any], param: str, laird: RunningLaird
) -> None:
    body = {"model": "demo", "messages": MESSAGES, **fields}
    body = {name: value for name, value in body.items() if value is not None}
    reply = await laird.client().request("POST", PATH, body)
    check(reply, 400, "invalid_request", param)
    assert reply.error["param"] == param


async def test_an_unknown_model_gets_the_nearest_names(laird: RunningLaird) -> None:
    reply = await laird.client().chat("dmeo")
    check(reply, 404, "model_not_found", "'dmeo'", "demo")
    assert reply.error["param"] == "model"


async def test_keys(laird: RunningLaird) -> None:
    nobody = await laird.client().request(
        "POST", PATH, {"model": "demo", "messages": MESSAGES}, {"authorization": ""}
    )
    check(nobody, 401, "missing_api_key", "Authorization")
    unknown = await laird.client("lai_" + "0" * 32).chat("demo")
    check(unknown, 401, "invalid_api_key")
    assert b"lai_000" not in unknown.body
    soon = time.time_ns() // 1000 + 200_000
    expiring = laird.client(await laird.make_key(KeyDraft(name="brief", expires_us=soon)))
    assert (await expiring.chat("demo")).status == 200
    while time.time_ns() // 1000 < soon:
        await laird.client().request("GET", "/health")
    check(await expiring.chat("demo"), 401, "invalid_api_key", "brief", "expired")
    admin = laird.client(await laird.make_key(KeyDraft(name="adm", scopes=frozenset({"admin"}))))
    check(await admin.chat("demo"), 403, "not_allowed", "'adm'")
    check(await laird.client().request("GET", "/api/keys"), 403, "not_allowed", "admin")


@pytest.mark.parametrize("form", ["Bearer {}", "bearer {}", "{}"])
async def test_each_way_to_send_a_key(form: str, laird: RunningLaird) -> None:
    sent = {"authorization": form.format(laird.key)}
    assert (await laird.client().chat("demo", headers=sent)).status == 200
    other = {"authorization": "", "x-api-key": laird.key}
    assert (await laird.client().chat("demo", headers=other)).status == 200


async def test_a_giant_body_is_refused_by_its_announced_length_or_as_it_comes(
    laird: RunningLaird,
) -> None:
    body = b'{"model": "demo", "pad": "' + b"x" * LIMIT + b'"}'
    check(await laird.client().request("POST", PATH, body), 413, "request_too_large", str(LIMIT))
    host = f"host: x\r\nauthorization: Bearer {laird.key}\r\n"
    head = f"POST {PATH} HTTP/1.1\r\n{host}transfer-encoding: chunked\r\n\r\n".encode()
    exchange = await laird.client().send_raw(head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
    check(await whole(exchange), 413, "request_too_large")


async def whole(exchange: Exchange) -> Reply:
    await exchange.head()
    return Reply(exchange.status, exchange.headers, await exchange.body())


async def test_a_compressed_body_is_refused_in_words(laird: RunningLaird) -> None:
    sent = {"content-encoding": "gzip"}
    check(await laird.client().chat("demo", headers=sent), 400, "invalid_request", "Encoding")


POST = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n"
RAW: dict[str, tuple[bytes, int, str]] = {
    "both length headers": (
        POST + b"content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
        "not a valid HTTP request",
    ),
    "two different lengths": (
        POST + b"content-length: 4\r\ncontent-length: 5\r\n\r\nabcde",
        400,
        "not a valid HTTP request",
    ),
    "no HTTP": (b"hello there\r\n\r\n", 400, "not a valid HTTP request"),
    "a length that is no number": (
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: many\r\n\r\n",
        400,
        "not a valid HTTP request",
    ),
    "headers over the limit": (
        b"GET /health HTTP/1.1\r\nhost: x\r\nx-pad: " + b"y" * 40_000 + b"\r\n\r\n",
        431,
        "32768",
    ),
}


@pytest.mark.parametrize(("data", "status", "words"), RAW.values(), ids=RAW)
async def test_requests_that_are_no_good_http(
    data: bytes, status: int, words: str, laird: RunningLaird
) -> None:
    reply = await whole(await laird.client().send_raw(data))
    assert reply.status == status
    assert words in reply.error["message"]
    assert set(reply.error) == {"message", "type", "param", "code"}
    assert (await laird.client().chat("demo")).status == 200


async def test_unknown_paths_and_methods(laird: RunningLaird) -> None:
    client = laird.client()
    check(await client.request("GET", "/v1/nothing"), 404, "not_found", "/v1/nothing")
    check(await client.request("GET", PATH), 405, "method_not_allowed", "POST")
    reply = await client.request("DELETE", "/v1/models")
    assert reply.headers["allow"] == "GET"
    # Who may not administer does not learn what there is to administer.
    check(await client.request("GET", "/api/nothing"), 403, "not_allowed")


async def test_a_wrong_wish_for_privacy_is_not_taken_for_a_right_one(laird: RunningLaird) -> None:
    reply = await laird.client().chat("demo", headers={"x-laird-privacy": "yes"})
    check(reply, 400, "invalid_request", "x-laird-privacy")


async def test_every_answer_has_its_own_request_id(laird: RunningLaird) -> None:
    replies = [await laird.client().chat(model) for model in ("demo", "demo", "nope")]
    assert len({reply.headers["x-laird-request-id"] for reply in replies}) == 3


async def test_metrics_have_their_published_names(laird: RunningLaird) -> None:
    await laird.client().chat("demo")
    text = (await laird.client().request("GET", "/metrics")).body.decode()
    served = 'endpoint="chat.completions",model="demo",provider="demo",status="200"'
    timed = 'endpoint="chat.completions",le="0.005",provider="demo"'
    for sample in (
        f"local_ai_requests_total{{{served}}}",
        f"local_ai_request_duration_seconds_bucket{{{timed}}}",
        'local_ai_provider_active_requests{provider="demo"} 0.0',
        'local_ai_provider_health{provider="demo"} 1.0',
        'local_ai_tokens_total{model="demo",provider="demo",type="prompt"}',
        'local_ai_queue_depth{provider="demo"} 0.0',
        'local_ai_overhead_seconds_count{endpoint="chat.completions"}',
    ):
        assert sample in text, sample


async def test_health_and_readiness(laird: RunningLaird) -> None:
    client = laird.client()
    assert (await client.request("GET", "/health")).json() == {"status": "ok"}
    ready = await client.request("GET", "/ready")
    assert ready.json()["ready"]
    assert (await client.request("HEAD", "/health")).status == 200


async def test_the_list_of_models_is_what_the_key_may_use(laird: RunningLaird) -> None:
    names = [
        row["id"] for row in (await laird.client().request("GET", "/v1/models")).json()["data"]
    ]
    assert names == ["auto", "demo/demo"]
    draft = KeyDraft(name="narrow", allowed_models=frozenset({"other"}))
    narrow = laird.client(await laird.make_key(draft))
    assert (await narrow.request("GET", "/v1/models")).json()["data"] == []
    check(await narrow.chat("demo"), 403, "not_allowed")
    keyless = await laird.client().request("GET", "/v1/models", None, {"authorization": ""})
    check(keyless, 401, "missing_api_key")
