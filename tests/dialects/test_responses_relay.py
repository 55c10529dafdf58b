"""Responses passed on: the same bytes but for who served them, and never complete when cut."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.dialects.responses_samples import call_for, checked, encoded, kinds
from tests.support.client import events_of

from laird.dialects.responses import OpenAIResponses
from laird.dialects.responses_relay import ResponsesPassThrough
from laird.domain.chat import (
    Finished,
    FinishReason,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)
from laird.domain.errors import (
    UpstreamError,
    UpstreamFailed,
    UpstreamGarbled,
    UpstreamQuota,
    UpstreamRateLimited,
    UpstreamRejected,
)
from laird.domain.tokens import TokenUsage

EVENTS = encoded(
    [
        ReasoningDelta(text="Hm."),
        TextDelta("Hel"),
        TextDelta("lo “there”."),
        ToolCallStart(index=0, id="c", name="f"),
        ToolCallDelta(index=0, arguments='{"a":1}'),
        Finished(FinishReason.STOP),
    ]
)
for _event in EVENTS:
    del _event["provider"]
    _event.get("response", {}).pop("provider", None)


def wire(event: dict[str, Any], *, named: bool = True) -> bytes:
    name = f"event: {event['type']}\n".encode() if named else b""
    return name + b"data: " + json.dumps(event, separators=(",", ":")).encode() + b"\n\n"


STREAM = b"".join(map(wire, EVENTS))


def relayed(data: bytes, size: int, relay: ResponsesPassThrough | None = None) -> bytes:
    relay = relay or ResponsesPassThrough("up")
    out = b"".join(relay.feed(data[at : at + size]) for at in range(0, len(data), size))
    return out + relay.end()


@pytest.mark.parametrize("size", [1, 7, 100, 10**6])
def test_a_stream_goes_through_unchanged_but_for_the_provider(size: int) -> None:
    out = relayed(STREAM, size)
    assert checked(out) == [{**event, "provider": "up"} for event in EVENTS]


@pytest.mark.parametrize("named", [True, False])
def test_names_of_events_are_written_even_where_the_upstream_has_none(named: bool) -> None:
    out = relayed(b"".join(wire(event, named=named) for event in EVENTS) + b"data: [DONE]\n\n", 64)
    assert kinds(checked(out)) == kinds(EVENTS)


def test_events_that_come_one_by_one_go_through_as_they_are() -> None:
    relay = ResponsesPassThrough("up")
    out = b"".join(relay.feed(wire(event)) for event in EVENTS)
    assert checked(out + relay.end()) == [{**event, "provider": "up"} for event in EVENTS]
    assert relay.text_length == len("Hm.Hello “there”.") + len('f{"a":1}')


@pytest.mark.parametrize(
    "payload",
    [
        '{"type":"response.output_text.delta","delta":"a"}',
        '{"type":"response.output_text.delta","sequence_number":1,"delta":"a","provider":"x"}',
        '{"type":"response.refusal.delta","sequence_number":1,"delta":"a"}',
        '{"type":"response.output_text.delta","sequence_number":1,"delta":{"a":1}}',
    ],
)
def test_an_unusual_delta_is_passed_on_too(payload: str) -> None:
    data = f"event: response.output_text.delta\ndata: {payload}\n\n".encode()
    (event,) = events_of(ResponsesPassThrough("up").feed(data))
    assert event == {**json.loads(payload), "provider": "up"}


def test_a_delta_after_half_an_event_belongs_to_it() -> None:
    relay = ResponsesPassThrough("up")
    half, rest = wire(EVENTS[0])[:40], wire(EVENTS[0])[40:]
    assert relay.feed(half) == b""
    assert len(events_of(relay.feed(rest + wire(EVENTS[5])))) == 2


def test_the_last_event_is_kept_back_for_the_end() -> None:
    relay = ResponsesPassThrough("up")
    out = relay.feed(STREAM)
    assert relay.finished
    assert relay.done
    assert "completed" not in kinds(checked(out))
    assert relay.usage == TokenUsage(prompt=9, completion=5, cached=2, reasoning=1)
    assert relay.text_length == len("Hm.Hello “there”.") + len('f{"a":1}')
    assert relay.feed(wire(EVENTS[-1])) == b""
    assert kinds(checked(relay.end())) == ["completed"]


@pytest.mark.parametrize("at", range(len(EVENTS)))
def test_a_stream_cut_before_any_event_never_looks_complete(at: int) -> None:
    relay = ResponsesPassThrough("up")
    out = b"".join(relay.feed(wire(event)) for event in EVENTS[:at])
    assert not {"completed", "incomplete"} & set(kinds(checked(out)))
    with pytest.raises(UpstreamGarbled):
        relay.end()


def test_content_is_what_shows_something_of_the_answer() -> None:
    def shows(event: dict[str, Any]) -> bool:
        relay = ResponsesPassThrough("up")
        relay.feed(wire({"sequence_number": 0, **event}))
        return relay.content

    for kind in ("created", "in_progress", "queued", "content_part.added"):
        assert not shows({"type": f"response.{kind}", "response": {}})
    assert not shows({"type": "keepalive"})
    added = "response.output_item.added"
    assert not shows({"type": added, "item": {"type": "message"}})
    assert not shows({"type": added, "item": {"type": "reasoning"}})
    assert shows({"type": added, "item": {"type": "function_call"}})
    assert not shows({"type": "response.output_text.delta", "delta": ""})
    assert shows({"type": "response.output_text.delta", "delta": "a"})
    assert shows({"type": "response.web_search_call.in_progress"})


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"type": "error", "code": "server_error", "message": "Oh no"}, UpstreamFailed),
        (
            {"type": "error", "error": {"code": "rate_limit_exceeded", "message": "Slow"}},
            UpstreamRateLimited,
        ),
        (
            {
                "type": "response.failed",
                "response": {"error": {"code": "insufficient_quota", "message": "No money"}},
            },
            UpstreamQuota,
        ),
        (
            {
                "type": "response.failed",
                "response": {
                    "status": "failed",
                    "error": {"code": "context_length_exceeded", "message": "Long"},
                },
            },
            UpstreamRejected,
        ),
        ({"type": "response.failed"}, UpstreamFailed),
        ({"error": {"message": "Oh no"}}, UpstreamFailed),
        ({"type": "response.completed", "response": {"status": "failed"}}, UpstreamFailed),
        ({"type": "response.completed", "response": {"status": "cancelled"}}, UpstreamFailed),
        ({"type": "response.completed", "response": "?"}, UpstreamGarbled),
        ({"type": "response.completed"}, UpstreamGarbled),
        ({"no": "type"}, UpstreamGarbled),
    ],
)
def test_an_error_in_the_stream_is_raised_as_what_it_means(
    event: dict[str, Any], expected: type[UpstreamError]
) -> None:
    relay = ResponsesPassThrough("up")
    relay.feed(b"".join(map(wire, EVENTS[:3])))
    data = b"data: " + json.dumps(event).encode() + b"\n\n"
    with pytest.raises(expected, match=r"^up "):
        relay.feed(data)
    assert not relay.finished


def test_a_named_error_needs_no_type() -> None:
    with pytest.raises(UpstreamFailed, match="Oh no"):
        ResponsesPassThrough("up").feed(b'event: error\ndata: {"message":"Oh no"}\n\n')


def test_what_is_no_event_is_garbled() -> None:
    with pytest.raises(UpstreamGarbled, match="not JSON"):
        ResponsesPassThrough("up").feed(b"data: {oops\n\n")


def test_plain_json_in_the_place_of_a_stream_is_read_for_its_error() -> None:
    relay = ResponsesPassThrough("up")
    relay.feed(b'{"error":{"message":"Slow down","code":"rate_limit_exceeded"}}')
    with pytest.raises(UpstreamRateLimited, match="Slow down"):
        relay.end()


def test_odd_events_are_read_as_far_as_they_make_sense() -> None:
    relay = ResponsesPassThrough("up")
    odd = {"type": "response.output_text.delta", "sequence_number": "1", "delta": "a", "item": 3}
    (event,) = events_of(relay.feed(wire(odd)))
    assert event == {**odd, "provider": "up"}
    odd = {"type": 5, "sequence_number": 7, "item": 3}
    (event,) = events_of(relay.feed(b"event: x\ndata: " + json.dumps(odd).encode() + b"\n\n"))
    assert event["provider"] == "up"


def test_a_provider_that_is_named_already_is_replaced() -> None:
    relay = ResponsesPassThrough("up")
    (event,) = events_of(relay.feed(wire({"type": "keepalive", "provider": "inner"})))
    assert event["provider"] == "up"
    (event,) = events_of(relay.feed(b'data: { "type":\ndata: "keepalive"}\n\n'))
    assert event == {"type": "keepalive", "provider": "up"}


def test_half_a_surrogate_pair_does_not_break_what_is_written_anew() -> None:
    last = json.dumps(EVENTS[-1]).replace("there", "\\ud83d").encode()
    call = call_for({"store": True}, owns=True)
    relay = call.forward_relay(provider="up", include_usage=True)
    relay.feed(b"data: " + last + b"\n\n")
    (event,) = events_of(relay.end())
    assert "\ufffd" in json.dumps(event, ensure_ascii=False)
    assert call.final is not None


def test_an_answer_that_laird_keeps_has_lairds_id_and_place() -> None:
    call = call_for({"store": True, "previous_response_id": "resp_0"}, owns=True)
    relay = call.forward_relay(provider="up", include_usage=True)
    events = checked(relay.feed(STREAM) + relay.end())
    responses = [event["response"] for event in events if "response" in event]
    assert len(responses) == 3
    for found in responses:
        assert found["id"] == "resp_0a"
        assert found["store"] is True
        assert found["previous_response_id"] == "resp_0"
    assert call.final == responses[-1]


def test_a_stream_that_fails_on_the_way_ends_with_the_response_that_had_begun() -> None:
    call = call_for()
    relay = call.forward_relay(provider="up", include_usage=True)
    out = relay.feed(b"".join(map(wire, EVENTS[:5])))
    out += call.error_event(UpstreamFailed("up failed."))
    events = checked(out)
    assert kinds(events)[-2:] == ["error", "failed"]
    assert events[-1]["response"]["id"] == EVENTS[0]["response"]["id"]
    assert call.final is None
    unbegun = call_for()
    unbegun.forward_relay(provider="up", include_usage=True)
    assert kinds(events_of(unbegun.error_event(UpstreamFailed("up failed.")))) == ["error"]


WHOLE = EVENTS[-1]["response"]


def forwarded(value: Any) -> Any:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return OpenAIResponses().forward_answer(body, provider="up")


def test_a_whole_answer_goes_through_with_its_provider() -> None:
    found = forwarded(WHOLE)
    assert json.loads(found.body) == {**WHOLE, "provider": "up"}
    assert found.usage == TokenUsage(prompt=9, completion=5, cached=2, reasoning=1)
    assert found.text_length == len("Hm.Hello “there”.") + len('f{"a":1}')
    assert json.loads(forwarded({**WHOLE, "provider": "x"}).body)["provider"] == "up"
    assert forwarded({**WHOLE, "usage": None}).usage is None
    assert forwarded({**WHOLE, "status": "incomplete", "usage": {}}).usage == TokenUsage()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"oops", UpstreamGarbled),
        ([], UpstreamGarbled),
        ({"status": "completed"}, UpstreamGarbled),
        ({"status": "queued", "output": []}, UpstreamFailed),
        ({"error": {"message": "m", "code": "rate_limit_exceeded"}}, UpstreamRateLimited),
        ({"status": "failed", "error": {"message": "m", "code": "server_error"}}, UpstreamFailed),
    ],
)
def test_what_is_no_answer_is_not_passed_on(value: Any, expected: type[UpstreamError]) -> None:
    with pytest.raises(expected, match=r"^up "):
        forwarded(value)


def test_a_whole_answer_that_laird_keeps_has_lairds_id() -> None:
    call = call_for({"store": True}, owns=True)
    found = call.forward_answer(json.dumps(WHOLE).encode(), provider="up")
    value = json.loads(found.body)
    assert (value["id"], value["store"], value["provider"]) == ("resp_0a", True, "up")
    assert call.final == value
    aside = call_for()
    aside.forward_answer(json.dumps(WHOLE).encode(), provider="up")
    assert aside.final is None
