"""Passing Messages streams on: every byte arrives once, cut streams never look complete."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.providers.anthropic.anthropic_wire import answer_body, event, stream_of

from laird.dialects.anthropic_messages import AnthropicMessages, CountTokens
from laird.dialects.anthropic_relay import AnthropicPassThrough
from laird.domain import errors
from laird.domain.tokens import TokenUsage

MESSAGES = AnthropicMessages()
MESSAGE = answer_body(
    {"type": "thinking", "thinking": "Zwei Städte.", "signature": "c2ln"},
    {"type": "text", "text": "Ich sehe nach."},
    {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Köln"}},
    stop="tool_use",
    usage={"input_tokens": 10, "cache_read_input_tokens": 90, "output_tokens": 40},
)
EVENTS = stream_of(MESSAGE)
DATA = b"".join(EVENTS)
COUNTED = TokenUsage(prompt=100, completion=40, cached=90)
LENGTH = len("Zwei Städte.Ich sehe nach.get_weather") + len(json.dumps({"city": "Köln"}))


def relay() -> AnthropicPassThrough:
    return MESSAGES.forward_relay(provider="p", include_usage=True)


def run(pieces: Iterable[bytes]) -> tuple[bytes, AnthropicPassThrough]:
    passing = relay()
    out = b"".join([passing.feed(piece) for piece in pieces])
    assert b"message_stop" not in out
    assert b"message_delta" not in out
    return out + passing.end(), passing


def without_provider(data: bytes) -> bytes:
    return data.replace(b'"provider":"p",', b"")


def test_events_are_the_same_bytes_with_who_served_them() -> None:
    out, passing = run(EVENTS)
    assert without_provider(out) == DATA
    assert out.count(b'data: {"provider":"p",') == len(EVENTS)
    assert (passing.usage, passing.text_length) == (COUNTED, LENGTH)
    assert (passing.content, passing.finished, passing.done) == (True, True, True)


@given(st.lists(st.integers(0, len(DATA)), max_size=8))
def test_wherever_it_is_cut_the_same_arrives(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(DATA)]
    out, passing = run(DATA[a:b] for a, b in pairwise(edges))
    assert without_provider(out) == DATA
    assert (passing.usage, passing.text_length) == (COUNTED, LENGTH)


@given(st.integers(0, len(DATA) - 1))
def test_a_stream_without_its_end_is_a_failure(length: int) -> None:
    passing = relay()
    out = passing.feed(DATA[:length])
    assert b"message_stop" not in out
    assert b"message_delta" not in out
    with pytest.raises(errors.UpstreamGarbled, match="p ended its stream"):
        passing.end()


def test_unusual_lines_are_understood() -> None:
    data = b"\xef\xbb\xbf: hi\r\n\r\n" + DATA.replace(b"data: ", b"data:").replace(b"\n", b"\r\n")
    out, passing = run([data[:50], data[50:]])
    assert without_provider(out) == DATA
    assert passing.usage == COUNTED


def test_json_over_several_lines_is_put_on_one() -> None:
    lines = b'event: ping\ndata: {"type":\ndata: "ping"}\n\n'
    passing = relay()
    assert passing.feed(lines) == b'event: ping\ndata: {"provider":"p","type": "ping"}\n\n'


def test_a_provider_that_is_named_already_gets_our_name() -> None:
    value = json.loads(relay().feed(event({"type": "ping", "provider": "inner"}))[18:])
    assert value == {"type": "ping", "provider": "p"}
    spaced = relay().feed(b'event: ping\ndata:   { "type": "ping" }\n\n')
    assert json.loads(spaced[18:]) == {"type": "ping", "provider": "p"}


def test_nothing_follows_the_end() -> None:
    passing = relay()
    passing.feed(DATA + event({"type": "ping"}))
    assert passing.feed(event({"type": "ping"})) == b""
    assert passing.end().endswith(b'"message_stop"}\n\n')


def test_content_is_what_can_be_seen() -> None:
    passing = relay()
    passing.feed(EVENTS[0] + event({"type": "ping"}))
    assert not passing.content
    assert passing.usage == TokenUsage(prompt=100, completion=1, cached=90, estimated=True)
    passing.feed(EVENTS[2] + EVENTS[3])
    assert passing.content


@pytest.mark.parametrize(
    ("kind", "raised"),
    [
        ("overloaded_error", errors.UpstreamFailed),
        ("rate_limit_error", errors.UpstreamRateLimited),
        ("invalid_request_error", errors.UpstreamRejected),
    ],
)
def test_an_error_event_is_raised(kind: str, raised: type[errors.UpstreamError]) -> None:
    passing = relay()
    passing.feed(b"".join(EVENTS[:4]))
    with pytest.raises(raised, match="because"):
        passing.feed(event({"type": "error", "error": {"type": kind, "message": "because"}}))


def test_an_error_without_words_is_one() -> None:
    with pytest.raises(errors.UpstreamFailed, match="p answered 500"):
        relay().feed(event({"type": "error"}))


def test_plain_json_where_a_stream_was_to_come() -> None:
    passing = relay()
    body = json.dumps({"type": "error", "error": {"type": "api_error", "message": "gone"}})
    for at in range(0, len(body), 7):
        passing.feed(body[at : at + 7].encode())
    with pytest.raises(errors.UpstreamFailed, match="gone"):
        passing.end()


@pytest.mark.parametrize(
    "data",
    [
        b"event: ping\ndata: {]\n\n",
        b'event: ping\ndata: {"type": 3}\n\n',
        b'event: ping\ndata: "\xff"\n\n',
        event({"type": "message_stop"}),
    ],
)
def test_what_is_no_event_is_refused(data: bytes) -> None:
    with pytest.raises(errors.UpstreamGarbled, match="speaks Anthropic's Messages API"):
        relay().feed(data)


def test_frames_without_their_fields_do_no_harm() -> None:
    passing = relay()
    for name in ("message_start", "content_block_start", "content_block_delta", "message_delta"):
        assert passing.feed(event({"type": name}))
    assert passing.usage is None


class TestWhole:
    def test_it_is_the_same_body_with_who_served_it(self) -> None:
        body = json.dumps(MESSAGE, ensure_ascii=False).encode()
        forwarded = MESSAGES.forward_answer(body, provider="p")
        assert forwarded.body == b'{"provider":"p",' + body[1:]
        assert forwarded.usage == COUNTED
        assert forwarded.text_length == len("Zwei Städte.Ich sehe nach.get_weather") + len(
            '{"city": "Köln"}'.encode()
        )

    def test_a_provider_that_is_named_already_gets_our_name(self) -> None:
        body = json.dumps({**MESSAGE, "provider": "inner"}).encode()
        forwarded = MESSAGES.forward_answer(body, provider="p")
        assert json.loads(forwarded.body) == {**MESSAGE, "provider": "p"}

    def test_counts_may_be_missing(self) -> None:
        body = {name: value for name, value in MESSAGE.items() if name != "usage"}
        assert MESSAGES.forward_answer(json.dumps(body).encode(), provider="p").usage is None

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"<html>",
            b"[]",
            b'{"type": "other"}',
            json.dumps({**MESSAGE, "stop_reason": None}).encode(),
        ],
    )
    def test_anything_else_is_no_answer(self, body: bytes) -> None:
        with pytest.raises(errors.UpstreamGarbled, match="p sent"):
            MESSAGES.forward_answer(body, provider="p")

    def test_an_error_with_status_200(self) -> None:
        body: dict[str, Any] = {"type": "error", "error": {"type": "api_error", "message": "gone"}}
        with pytest.raises(errors.UpstreamFailed, match="gone"):
            MESSAGES.forward_answer(json.dumps(body).encode(), provider="p")


class TestCount:
    def test_a_count_costs_nothing(self) -> None:
        forwarded = CountTokens().forward_answer(b'{"input_tokens":7}', provider="p")
        assert forwarded.body == b'{"provider":"p","input_tokens":7}'
        assert forwarded.usage == TokenUsage()
        assert forwarded.text_length == 0

    def test_anything_else_is_no_count(self) -> None:
        with pytest.raises(errors.UpstreamGarbled, match="a count"):
            CountTokens().forward_answer(b'{"tokens":7}', provider="p")
