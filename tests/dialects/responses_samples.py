"""What several tests of the Responses dialect share."""

from __future__ import annotations

from typing import Any, get_args

from openai.types.responses import Response, ResponseStreamEvent
from tests.support.client import events_of

from laird.dialects.responses import ResponsesCall
from laird.domain.chat import StreamEvent
from laird.domain.tokens import TokenUsage

USAGE = TokenUsage(prompt=9, completion=5, cached=2, reasoning=1)
_EVENTS = {
    get_args(each.model_fields["type"].annotation)[0]: each
    for each in get_args(get_args(ResponseStreamEvent)[0])
}


def call_for(body: dict[str, Any] | None = None, **options: Any) -> ResponsesCall:
    """Return the dialect for one request."""
    return ResponsesCall({"model": "m", "input": "Hello", **(body or {})}, "req_0a", **options)


def encoded(
    events: list[StreamEvent],
    call: ResponsesCall | None = None,
    *,
    usage: TokenUsage | None = USAGE,
) -> list[dict[str, Any]]:
    """Return the events of a stream that our encoder writes, each event in a read of its own."""
    encoder = (call or call_for()).encoder(
        request_id="req_0a", model="m", provider="p", created=7, include_usage=True
    )
    out = b"".join(encoder.encode([event]) for event in events)
    return checked(out + encoder.end(usage))


def checked(out: bytes) -> list[dict[str, Any]]:
    """Return the events in `out`, each of them one that OpenAI's SDK knows, in strict order."""
    events = events_of(out)
    for event in events:
        _EVENTS[event["type"]].model_validate(event)
    names = [line[7:].decode() for line in out.split(b"\n") if line.startswith(b"event: ")]
    assert names == [event["type"] for event in events]
    numbers = [event["sequence_number"] for event in events]
    assert numbers == sorted(set(numbers))
    return events


def checked_response(value: Any) -> Any:
    """Return a response as OpenAI's SDK reads it, after a strict look at its shape."""
    return Response.model_validate(value)


def kinds(events: list[dict[str, Any]]) -> list[str]:
    """Return the types of events without their common beginning."""
    return [event["type"].removeprefix("response.") for event in events]
