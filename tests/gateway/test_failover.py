"""A failing provider is not the client's business while another one can answer."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.support import openai_wire
from tests.support.answers import (
    Answer,
    error_event,
    failing,
    json_answer,
    rate_limited,
    sse_answer,
    text_answer,
    truncated_json,
)
from tests.support.chat_upstream import chats
from tests.support.client import text_of
from tests.support.documents import chain, document, pair, provider
from tests.support.laird import running_laird
from tests.support.upstream import ScriptedUpstream, unused_port
from tests.support.waiting import MACHINE_S

COMPLETION = json_answer(openai_wire.COMPLETION)
STREAM = sse_answer(openai_wire.STREAM)
SOON = datetime.now(UTC) + timedelta(hours=1)

FAULTS = {
    "reset": COMPLETION.reset(byte=20),
    "cut in the head": COMPLETION.cut(byte=30),
    "cut in the body": COMPLETION.cut(byte=200),
    "truncated JSON": truncated_json(openai_wire.COMPLETION),
    "not JSON": text_answer(b"<html>oops</html>", content_type="text/html"),
    "not a completion": json_answer({"object": "list"}),
    "500": failing(500),
    "501": failing(501),
    "502": failing(502),
    "503": failing(503),
    "529": failing(529),
    "429": rate_limited(),
    "429 with seconds": rate_limited(60),
    "429 with a date": rate_limited(SOON),
    "401": failing(401),
    "403": failing(403),
    "404": failing(404, "The model `m` does not exist"),
}
STREAM_FAULTS = {
    "error event first": error_event(),
    "error event after the role": error_event(after=openai_wire.STREAM[:1]),
    "cut before content": STREAM.cut(at=1),
    "reset before content": STREAM.reset(at=1),
    "an end without a finish": sse_answer(openai_wire.STREAM[:1]),
    "a page instead of a stream": text_answer(b"<html>", content_type="text/html"),
    "garbled chunk": sse_answer([b"data: {nonsense\n\n"]),
    "nothing": sse_answer([]),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("stream", [False, True])
async def test_the_next_candidate_answers(
    fault: Answer, stream: bool, first: ScriptedUpstream, second: ScriptedUpstream, tmp_path: Path
) -> None:
    first.always(fault)
    second.always(STREAM if stream else COMPLETION)
    async with running_laird(tmp_path, pair(first, second)) as laird:
        began = time.monotonic()
        reply = await laird.client().chat("both", stream=stream)

        assert reply.status == 200
        assert time.monotonic() - began < 5 + MACHINE_S
        assert reply.headers["x-laird-provider"] == "b"
        assert reply.headers["x-laird-attempts"] == "2"
        assert reply.headers["x-laird-failover"] == "a/m"
        if stream:
            assert text_of(reply.events()) == "Hello there."
            assert reply.events()[-1] == "[DONE]"
        rows = await laird.rows(reply.headers["x-laird-request-id"])
        assert [(row["provider"], row["status"]) for row in rows] == [("a", "error"), ("b", "ok")]
        assert rows[1]["failover_from"] == "a/m"


@pytest.mark.parametrize("fault", STREAM_FAULTS.values(), ids=STREAM_FAULTS)
async def test_a_stream_that_fails_before_its_first_content_is_answered_by_the_next(
    fault: Answer, first: ScriptedUpstream, second: ScriptedUpstream, tmp_path: Path
) -> None:
    first.always(fault)
    second.always(STREAM)
    async with running_laird(tmp_path, pair(first, second)) as laird:
        reply = await laird.client().chat("both", stream=True)

        events = reply.events()
        assert reply.headers["x-laird-provider"] == "b"
        assert text_of(events) == "Hello there."
        assert events[-1] == "[DONE]"
        assert {event["provider"] for event in events[:-1]} == {"b"}


async def test_an_unreachable_provider_costs_no_retry(
    second: ScriptedUpstream, tmp_path: Path
) -> None:
    away = provider("a", f"http://127.0.0.1:{unused_port()}")
    text = document(away, provider("b", second.url), rest=chain("both", "a/m", "b/m", retries=10))
    async with running_laird(tmp_path, text) as laird:
        began = time.monotonic()
        reply = await laird.client().chat("both")
        assert reply.status == 200
        assert time.monotonic() - began < 1 + MACHINE_S
        assert int(reply.headers["x-laird-attempts"]) <= 2


async def test_a_slow_first_byte_moves_on(
    first: ScriptedUpstream, second: ScriptedUpstream, tmp_path: Path
) -> None:
    first.always(COMPLETION.stalled(byte=0))
    text = document(
        provider("a", first.url, timeouts="{firstByte: 0.2}"),
        provider("b", second.url),
        rest=chain("both", "a/m", "b/m", retries=3),
    )
    async with running_laird(tmp_path, text) as laird:
        reply = await laird.client().chat("both")
        assert reply.headers["x-laird-provider"] == "b"
        assert reply.headers["x-laird-attempts"] == "2"
        rows = await laird.rows()
        assert rows[0]["error"] == "provider_timeout"


async def test_a_transient_error_is_tried_again_after_a_second(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    first.script(failing(503))
    async with running_laird(tmp_path, document(provider("a", first.url))) as laird:
        began = time.monotonic()
        reply = await laird.client().chat("a/m")
        assert reply.status == 200
        assert 0.9 < time.monotonic() - began < 3 + MACHINE_S
        assert reply.headers["x-laird-attempts"] == "2"
        assert reply.headers["x-laird-failover"] == "none"


async def test_a_short_wait_that_a_provider_asks_for_is_waited(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    first.script(rate_limited(0.05))
    async with running_laird(tmp_path, document(provider("a", first.url))) as laird:
        reply = await laird.client().chat("a/m")
        assert reply.status == 200
        assert reply.headers["x-laird-attempts"] == "2"


async def test_a_provider_that_says_slow_down_rests_and_the_client_learns_for_how_long(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    first.always(rate_limited(30))
    async with running_laird(tmp_path, document(provider("a", first.url))) as laird:
        client = laird.client()
        reply = await client.chat("a/m")
        assert reply.status == 429
        assert reply.error["code"] == "rate_limit_exceeded"
        assert 25 <= int(reply.headers["retry-after"]) <= 30
        again = await client.chat("a/m")
        assert again.status == 429
        assert 25 <= int(again.headers["retry-after"]) <= 30
        assert len(chats(first)) == 1


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_a_refusal_of_the_request_itself_is_the_clients_to_know(
    status: int, first: ScriptedUpstream, second: ScriptedUpstream, tmp_path: Path
) -> None:
    error = {
        "message": "temperature must be below 2",
        "type": "invalid_request_error",
        "param": "temperature",
        "code": None,
    }
    first.always(json_answer({"error": error}, status=status))
    async with running_laird(tmp_path, pair(first, second, retries=5)) as laird:
        reply = await laird.client().chat("both")
        assert reply.status == status
        assert "temperature must be below 2" in reply.error["message"]
        assert reply.error["message"].startswith("a answered")
        assert len(chats(first)) == 1
        assert not chats(second)


async def test_a_prompt_too_long_for_one_goes_to_the_next_and_else_is_said_so(
    first: ScriptedUpstream, second: ScriptedUpstream, tmp_path: Path
) -> None:
    error = {"message": "too long", "type": "invalid_request_error", "param": "messages"}
    too_long = json_answer({"error": {**error, "code": "context_length_exceeded"}}, status=400)
    first.always(too_long)
    second.script(COMPLETION, too_long)
    async with running_laird(tmp_path, pair(first, second)) as laird:
        assert (await laird.client().chat("both")).status == 200
        reply = await laird.client().chat("both")
        assert reply.status == 400
        assert reply.error["code"] == "context_length_exceeded"


async def test_a_provider_that_failed_three_times_is_passed_by_until_it_is_well_again(
    first: ScriptedUpstream, second: ScriptedUpstream, tmp_path: Path
) -> None:
    first.always(failing(500))
    first.on("/v1/models", failing(500))
    async with running_laird(tmp_path, pair(first, second)) as laird:
        client = laird.client()
        for _ in range(4):
            assert (await client.chat("both")).status == 200
        tried = len(chats(first))
        reply = await client.chat("both")
        assert reply.headers["x-laird-attempts"] == "1"
        assert len(chats(first)) == tried
        first.on("/v1/models", json_answer({"object": "list", "data": []}))
        first.always(COMPLETION)
        back = laird.program.gateway
        await first.wait_for(lambda: back.active == 0 and first.requests[-1].path == "/v1/models")
        shown = laird.program
        await second.wait_for(lambda: True)
        provider_now = shown.configuration.snapshot.providers["a"]
        assert (await shown.prober.probe_now(provider_now)).ok
        assert (await client.chat("both")).headers["x-laird-provider"] == "a"


async def test_a_fallback_chain_answers_for_a_named_model(
    first: ScriptedUpstream, second: ScriptedUpstream, tmp_path: Path
) -> None:
    first.always(failing(501))
    text = document(
        provider("a", first.url, models="[x]"),
        provider("b", second.url),
        rest=chain("rescue", "b/m") + "routing:\n  fallback: rescue\n",
    )
    async with running_laird(tmp_path, text) as laird:
        reply = await laird.client().chat("x")
        assert reply.headers["x-laird-provider"] == "b"


async def test_when_all_fail_the_client_learns_which_provider_why_and_what_to_do(
    first: ScriptedUpstream, second: ScriptedUpstream, tmp_path: Path
) -> None:
    first.always(failing(500))
    second.always(failing(500, "out of memory"))
    async with running_laird(tmp_path, pair(first, second)) as laird:
        reply = await laird.client().chat("both")
        assert reply.status == 502
        assert reply.error["code"] == "provider_error"
        assert reply.error["message"].startswith("b answered 500")
        assert "out of memory" in reply.error["message"]
        assert reply.headers["x-laird-attempts"] == "2"


async def test_a_stale_connection_is_replaced_at_once(
    first: ScriptedUpstream, tmp_path: Path
) -> None:
    first.script(COMPLETION.closing(announced=False), COMPLETION)
    async with running_laird(tmp_path, document(provider("a", first.url))) as laird:
        client = laird.client()
        assert (await client.chat("a/m")).status == 200
        reply = await client.chat("a/m")
        assert reply.status == 200
        assert reply.headers["x-laird-attempts"] == "1", "it was no fault of the provider's"
