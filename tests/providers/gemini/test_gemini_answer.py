"""What a whole answer of Gemini's means."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.providers.gemini.gemini_wire import ADAPTER, call, error_body, piece, read

from laird.domain import errors
from laird.domain.chat import FinishReason, Reasoning, Text, TokenLogprob, ToolCall
from laird.domain.tokens import TokenUsage


def test_text_and_thoughts_in_a_row_are_one() -> None:
    answer = read(
        piece(
            {"text": "Hm, ", "thought": True},
            {"text": "well.", "thought": True, "thoughtSignature": "c2ln"},
            {"text": "More.", "thought": True},
            {"text": ""},
            {"text": "Yes, "},
            {"text": "indeed.", "thoughtSignature": "b3RoZXI="},
            finish="STOP",
        )
    )
    assert (answer.id, answer.model) == ("resp-1", "gemini-3.5-flash")
    assert answer.parts == (
        Reasoning(text="Hm, well.", signature="gemini:c2ln"),
        Reasoning(text="More."),
        Text("Yes, indeed."),
    )
    assert answer.finish is FinishReason.STOP


def test_calls_keep_their_signature_and_get_an_id() -> None:
    answer = read(
        piece(
            call("f", {"city": "Oslo", "n": 1.50, "deep": {"a": [1]}}, signature="c2ln"),
            call("g"),
            call("h", {}, id="own-id"),
            finish="STOP",
        )
    )
    assert answer.parts == (
        ToolCall(
            id="call_resp-1_0",
            name="f",
            arguments='{"city":"Oslo","n":1.5,"deep":{"a":[1]}}',
            signature="gemini:c2ln",
        ),
        ToolCall(id="call_resp-1_1", name="g", arguments="{}"),
        ToolCall(id="own-id", name="h", arguments="{}"),
    )
    assert answer.finish is FinishReason.TOOL_CALLS


def test_ids_differ_where_the_answer_has_none() -> None:
    body = piece(call("f"), call("f"), finish="STOP")
    del body["responseId"]
    ids = [part.id for _ in range(2) for part in read(body).parts if isinstance(part, ToolCall)]
    assert len(set(ids)) == 4


def test_arguments_keep_order_and_numbers_as_written() -> None:
    raw = b"""{"candidates": [{"finishReason": "STOP", "content": {"parts": [
        {"functionCall": {"name": "f", "args": {\n "z": 1.50,\n "a": 12345678901234567890}}}]}}]}"""
    part = ADAPTER.read_answer(raw).parts[0]
    assert isinstance(part, ToolCall)
    assert part.arguments == '{"z":1.50,"a":12345678901234567890}'


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("STOP", FinishReason.STOP),
        ("MAX_TOKENS", FinishReason.LENGTH),
        ("CONTINUATION", FinishReason.LENGTH),
        *(
            (reason, FinishReason.CONTENT_FILTER)
            for reason in (
                "SAFETY",
                "RECITATION",
                "LANGUAGE",
                "BLOCKLIST",
                "PROHIBITED_CONTENT",
                "SPII",
                "OTHER",
                "ESCALATION",
                "MODEL_ARMOR",
            )
        ),
    ],
)
def test_why_it_stopped(reason: str, finish: FinishReason) -> None:
    assert read(piece({"text": "x"}, finish=reason)).finish is finish


def test_a_reason_of_next_year_never_looks_complete() -> None:
    body = json.loads(json.dumps(piece({"text": "x"}, finish="STOP")).replace("STOP", "NEXT_YEARS"))
    assert read(body).finish is FinishReason.CONTENT_FILTER


def test_a_limit_beats_calls_that_were_made() -> None:
    assert read(piece(call("f"), finish="MAX_TOKENS")).finish is FinishReason.LENGTH


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("MALFORMED_FUNCTION_CALL", errors.UpstreamFailed),
        ("UNEXPECTED_TOOL_CALL", errors.UpstreamFailed),
        ("TOO_MANY_TOOL_CALLS", errors.UpstreamFailed),
        ("MALFORMED_RESPONSE", errors.UpstreamFailed),
        ("MISSING_THOUGHT_SIGNATURE", errors.UpstreamRejected),
        ("PUP_LIMITED_DISABLED", errors.CredentialRefused),
    ],
)
def test_ends_that_are_failures(reason: str, kind: type[errors.UpstreamError]) -> None:
    with pytest.raises(kind) as caught:
        read(piece(finish=reason))
    assert "google" in caught.value.message
    assert reason in caught.value.message


def test_a_filter_says_what_it_did() -> None:
    body = piece(finish="SAFETY", candidate={"finishMessage": "Too dangerous."})
    assert read(body).refusal == "Too dangerous."
    unasked = piece({"text": "x"}, finish="STOP", candidate={"finishMessage": "Done."})
    assert read(unasked).refusal is None


def test_a_blocked_prompt_is_a_filtered_answer() -> None:
    answer = read(
        {
            "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"},
            "usageMetadata": {"promptTokenCount": 7, "totalTokenCount": 7},
            "responseId": "r",
        }
    )
    assert answer.finish is FinishReason.CONTENT_FILTER
    assert answer.parts == ()
    assert answer.refusal == "Google's filter stopped the prompt (PROHIBITED_CONTENT)."
    assert answer.usage == TokenUsage(prompt=7)


@pytest.mark.parametrize(
    ("counts", "usage"),
    [
        (
            {
                "promptTokenCount": 100,
                "cachedContentTokenCount": 40,
                "toolUsePromptTokenCount": 5,
                "candidatesTokenCount": 20,
                "thoughtsTokenCount": 30,
                "totalTokenCount": 155,
            },
            TokenUsage(prompt=105, completion=50, cached=40, reasoning=30),
        ),
        (
            {"promptTokenCount": 10, "thoughtsTokenCount": 30, "totalTokenCount": 47},
            TokenUsage(prompt=10, completion=37, reasoning=30),
        ),
        ({"promptTokenCount": 10}, TokenUsage(prompt=10)),
        ({"trafficType": "ON_DEMAND"}, None),
    ],
)
def test_counts(counts: dict[str, Any], usage: TokenUsage | None) -> None:
    assert read(piece({"text": "x"}, finish="STOP", usageMetadata=counts)).usage == usage


def test_log_probabilities() -> None:
    chosen = [{"token": "Hi", "tokenId": 1, "logProbability": -0.1}, {"token": "!"}]
    top = [{"candidates": [chosen[0], {"token": "Ho", "logProbability": -2.5}]}]
    result = {"chosenCandidates": chosen, "topCandidates": top}
    answer = read(piece({"text": "Hi!"}, finish="STOP", candidate={"logprobsResult": result}))
    assert answer.logprobs == (
        TokenLogprob(token="Hi", logprob=-0.1, top=(("Hi", -0.1), ("Ho", -2.5))),
        TokenLogprob(token="!", logprob=0.0),
    )


def test_parts_of_googles_own_tools_are_left_out() -> None:
    answer = read(
        piece(
            {"executableCode": {"language": "PYTHON", "code": "1"}},
            {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}},
            {"text": "One."},
            finish="STOP",
        )
    )
    assert answer.parts == (Text("One."),)


@pytest.mark.parametrize(
    "body",
    [
        piece({"text": "not whole"}),
        {"candidates": [], "usageMetadata": {"promptTokenCount": 1}},
        {"promptFeedback": {}},
        piece({"inlineData": {"mimeType": "image/png", "data": "AAAA"}}, finish="STOP"),
    ],
)
def test_what_is_no_chat_answer_is_garbled(body: dict[str, Any]) -> None:
    with pytest.raises(errors.UpstreamGarbled):
        read(body)


def test_an_error_with_status_200_is_found() -> None:
    with pytest.raises(errors.UpstreamFailed, match="overloaded"):
        read(error_body(503, "UNAVAILABLE", "The model is overloaded."))
