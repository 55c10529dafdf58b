"""Passing legacy completions on: every byte once, and a cut stream never looks complete."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import Completion
from tests.support.client import events_of
from tests.support.completions_wire import TEXT_STREAM, text_chunk, text_completion
from tests.support.openai_wire import DONE, USAGE

from laird.dialects.base import Relay
from laird.dialects.completions_dialect import OpenAICompletions
from laird.domain import errors
from laird.domain.errors import UpstreamGarbled
from laird.domain.tokens import TokenUsage

DIALECT = OpenAICompletions()
COUNTED = TokenUsage(prompt=9, completion=3)
WIRE = b"".join(TEXT_STREAM)


def run(pieces: Iterable[bytes], *, include_usage: bool = True) -> tuple[bytes, Relay]:
    relay = DIALECT.forward_relay(provider="p", include_usage=include_usage)
    out = b"".join([relay.feed(piece) for piece in pieces])
    return out + relay.end(), relay


def without_provider(data: bytes) -> bytes:
    return data.replace(b'"provider":"p",', b"")


def test_chunks_are_the_same_bytes_with_who_served_them() -> None:
    out, relay = run(TEXT_STREAM)
    assert without_provider(out) == WIRE
    *chunks, _ = events_of(out)
    assert all(chunk["provider"] == "p" for chunk in chunks)
    assert relay.text_length == len("Hello there.")
    assert relay.usage == COUNTED
    assert all("delta" not in choice for chunk in chunks for choice in chunk["choices"])
    for chunk in chunks[-2:]:
        Completion.model_validate(chunk)


def test_the_usage_chunk_is_only_for_those_who_asked() -> None:
    out, relay = run(TEXT_STREAM, include_usage=False)
    assert without_provider(out) == b"".join(TEXT_STREAM[:-2]) + DONE
    assert relay.usage == COUNTED


@given(st.lists(st.integers(0, len(WIRE)), max_size=8))
def test_it_does_not_matter_where_the_network_cuts(places: list[int]) -> None:
    cuts = [0, *sorted(places), len(WIRE)]
    out, relay = run(WIRE[a:b] for a, b in pairwise(cuts))
    assert without_provider(out) == WIRE
    assert relay.text_length == len("Hello there.")


def test_a_stream_cut_at_any_byte_is_complete_or_a_failure() -> None:
    finished = len(b"".join(TEXT_STREAM[:4]))
    for at in range(len(WIRE)):
        relay = DIALECT.forward_relay(provider="p", include_usage=True)
        shown = relay.feed(WIRE[:at])
        assert b'"finish_reason":"stop"' not in shown
        assert b"[DONE]" not in shown
        if at < finished:
            with pytest.raises(UpstreamGarbled):
                relay.end()
        else:  # the finish had come: what is lost is usage at most
            assert relay.end().endswith(DONE)


def test_several_completions_are_finished_when_all_are() -> None:
    pieces = [
        text_chunk("a"),
        text_chunk("b", index=1),
        text_chunk("", "stop"),
        text_chunk("c", index=1),
        text_chunk("", "length", index=1),
        DONE,
    ]
    out, _ = run(pieces)
    assert without_provider(out) == b"".join(pieces)
    relay = DIALECT.forward_relay(provider="p", include_usage=True)
    relay.feed(b"".join(pieces[:4]))
    with pytest.raises(UpstreamGarbled):
        relay.end()


def test_text_that_looks_like_json_is_counted_right() -> None:
    texts = ['{"text":"x"}', "\\n", "line\n", '"content"', "plain", "plain too", ""]
    pieces = [*map(text_chunk, texts), text_chunk("", "stop"), DONE]
    out, relay = run(pieces)
    assert without_provider(out) == b"".join(pieces)
    assert relay.text_length == sum(map(len, texts))


def test_an_error_event_is_an_error() -> None:
    relay = DIALECT.forward_relay(provider="p", include_usage=True)
    relay.feed(TEXT_STREAM[0])
    with pytest.raises(errors.UpstreamError, match="out of memory"):
        relay.feed(b'data: {"error": {"message": "out of memory", "code": 500}}\n\n')


class TestWholeAnswers:
    def test_the_bytes_stay_and_the_provider_is_put_in(self) -> None:
        raw = json.dumps(text_completion()).encode()
        forwarded = DIALECT.forward_answer(raw, provider="p")
        assert forwarded.body == b'{"provider":"p",' + raw[1:]
        assert forwarded.usage == COUNTED
        assert forwarded.text_length == len("Hello there.")

    def test_odd_types_are_no_reason_to_fail(self) -> None:
        odd = text_completion(usage={**USAGE, "prompt_tokens": 9.0}, provider="x")
        forwarded = DIALECT.forward_answer(json.dumps(odd).encode(), provider="p")
        assert json.loads(forwarded.body)["provider"] == "p"
        assert forwarded.usage == COUNTED
        assert forwarded.text_length == len("Hello there.")

    @pytest.mark.parametrize(
        "raw",
        [
            b"",
            b"{}",
            b"<html>",
            b'{"choices": []}',
            b'{"choices": [{"index": 0, "message": {"content": "x"}}]}',
        ],
    )
    def test_what_is_no_completion_is_no_answer(self, raw: bytes) -> None:
        with pytest.raises(UpstreamGarbled):
            DIALECT.forward_answer(raw, provider="p")

    def test_an_answer_given_up_is_a_failure(self) -> None:
        choice: dict[str, Any] = {"text": "x", "index": 0, "finish_reason": "abort"}
        raw = json.dumps(text_completion(choices=[choice])).encode()
        with pytest.raises(errors.UpstreamFailed):
            DIALECT.forward_answer(raw, provider="p")
