"""Which complete answers are given again."""

from __future__ import annotations

import json

import pytest

from laird.cache.worth import worth_keeping

DECLINED = {"choices": [{"finish_reason": "content_filter", "message": {"content": None}}]}


@pytest.mark.parametrize(
    "ending",
    [
        json.dumps(DECLINED).encode(),
        json.dumps(DECLINED, separators=(",", ":")).encode(),
        b'data: {"choices":[{"delta":{},"finish_reason":"content_filter"}]}\n\ndata: [DONE]\n\n',
        b'event: message_delta\ndata: {"delta":{"stop_reason":"refusal"}}\n\n',
        b'{"status":"incomplete","incomplete_details":{"reason":"content_filter"}}',
        b'{"object":"response","status": "failed"}',
    ],
)
def test_what_a_filter_ended_is_not_kept(ending: bytes) -> None:
    assert not worth_keeping(ending)


@pytest.mark.parametrize("reason", ["stop", "length", "tool_calls", "end_turn", "max_tokens"])
def test_every_other_end_is(reason: str) -> None:
    assert worth_keeping(json.dumps({"finish_reason": reason}).encode())


def test_what_an_answer_says_in_words_does_not_count() -> None:
    told = json.dumps(DECLINED)
    answer = {"finish_reason": "stop", "message": {"content": told, "refusal": None}}
    assert worth_keeping(json.dumps(answer).encode())
