"""Answers in the Responses format: whole and streamed alike, and as OpenAI's SDK expects them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.dialects.responses_samples import (
    USAGE,
    call_for,
    checked,
    checked_response,
    encoded,
    kinds,
)
from tests.support.client import events_of

from laird.dialects.relay import TranslatingRelay
from laird.dialects.responses import OpenAIResponses
from laird.domain import errors
from laird.domain.chat import (
    ChatAnswer,
    Finished,
    FinishReason,
    Logprobs,
    Reasoning,
    ReasoningDelta,
    RefusalDelta,
    StreamEvent,
    Text,
    TextDelta,
    TokenLogprob,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
    UsageSeen,
)
from laird.domain.errors import UpstreamGarbled

STOP = Finished(FinishReason.STOP)
DIALECT = OpenAIResponses()


def answer(*parts: Text | ToolCall | Reasoning, **fields: Any) -> ChatAnswer:
    return ChatAnswer(
        **{
            "id": "x",
            "model": "m",
            "parts": parts,
            "finish": FinishReason.STOP,
            "usage": USAGE,
            **fields,
        }
    )


def whole(given: ChatAnswer, body: dict[str, Any] | None = None) -> Any:
    call = call_for(body)
    written = json.loads(call.answer(given, provider="p", created=7))
    assert call.final == written
    return checked_response(written)


def test_a_text_is_one_message_whose_text_the_sdk_finds() -> None:
    found = whole(answer(Text("Hello "), Text("there.")))
    assert found.output_text == "Hello there."
    assert (found.id, found.status, found.model) == ("resp_0a", "completed", "m")
    assert found.provider == "p"
    assert found.usage.input_tokens_details.cached_tokens == 2
    assert found.usage.output_tokens_details.reasoning_tokens == 1
    assert (found.usage.input_tokens, found.usage.output_tokens) == (9, 5)
    assert found.usage.total_tokens == 14


def test_an_answer_repeats_what_was_asked() -> None:
    tools = [{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True}]
    asked = {
        "instructions": "Be brief.",
        "max_output_tokens": 50,
        "metadata": {"a": "b"},
        "parallel_tool_calls": False,
        "previous_response_id": "resp_1",
        "temperature": 0.5,
        "tool_choice": "required",
        "tools": tools,
        "text": {"format": {"type": "json_object"}, "verbosity": "low"},
        "reasoning": {"effort": "low", "summary": "auto"},
        "store": True,
        "user": "ann",
        "top_p": 0.9,
    }
    found = whole(answer(Text("ok")), asked).to_dict()
    assert {name: found[name] for name in asked} == asked


def test_what_was_not_asked_is_told_by_its_default() -> None:
    found = whole(answer(Text("ok")))
    assert found.store is False
    assert found.tools == []
    assert (found.tool_choice, found.parallel_tool_calls) == ("auto", True)
    assert found.text.format.type == "text"
    assert found.temperature is None


@pytest.mark.parametrize(
    ("finish", "status", "reason"),
    [
        (FinishReason.STOP, "completed", None),
        (FinishReason.TOOL_CALLS, "completed", None),
        (FinishReason.LENGTH, "incomplete", "max_output_tokens"),
        (FinishReason.CONTENT_FILTER, "incomplete", "content_filter"),
    ],
)
def test_why_an_answer_ended_is_told_alike_whole_and_streamed(
    finish: FinishReason, status: str, reason: str | None
) -> None:
    at_once = whole(answer(Text("Hel"), finish=finish))
    events = encoded([TextDelta("Hel"), Finished(finish)])
    last = events[-1]
    assert last["type"] == f"response.{status}"
    for found in (at_once, checked_response(last["response"])):
        assert found.status == status
        assert (found.incomplete_details and found.incomplete_details.reason) == reason
        assert found.output[0].status == status


def test_the_events_of_a_text_come_in_the_usual_order() -> None:
    events = encoded([TextDelta("Hel"), TextDelta('l"o'), TextDelta(""), STOP])
    assert kinds(events) == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert [event["sequence_number"] for event in events] == list(range(10))
    assert all(event["provider"] == "p" for event in events)
    assert events[6]["text"] == 'Hell"o'
    assert events[-1]["response"]["output"] == [events[-2]["item"]]
    assert events[0]["response"]["status"] == "in_progress"
    assert events[0]["response"]["id"] == events[-1]["response"]["id"] == "resp_0a"


def test_tool_calls_come_in_pieces_and_whole() -> None:
    events = encoded(
        [
            TextDelta("Let me see."),
            ToolCallStart(index=0, id="call_1", name="f"),
            ToolCallDelta(index=0, arguments='{"a"'),
            ToolCallDelta(index=0, arguments=""),
            ToolCallDelta(index=0, arguments=":1}"),
            ToolCallStart(index=1, id="call_2", name="g"),
            Finished(FinishReason.TOOL_CALLS),
        ]
    )
    items = events[-1]["response"]["output"]
    assert [item["type"] for item in items] == ["message", "function_call", "function_call"]
    assert [item.get("arguments") for item in items] == [None, '{"a":1}', "{}"]
    assert [item.get("call_id") for item in items] == [None, "call_1", "call_2"]
    done = [event for event in events if event["type"].endswith("arguments.done")]
    assert [(event["name"], event["arguments"]) for event in done] == [
        ("f", '{"a":1}'),
        ("g", "{}"),
    ]
    deltas = [
        event["delta"]
        for event in events
        if event["type"].endswith("arguments.delta") and event["item_id"] == items[2]["id"]
    ]
    assert "".join(deltas) == "{}"


def test_a_call_is_done_as_soon_as_the_next_one_begins() -> None:
    found = kinds(
        encoded(
            [
                ToolCallStart(index=0, id="a", name="f"),
                ToolCallDelta(index=0, arguments="{}"),
                ToolCallStart(index=1, id="b", name="g"),
                ToolCallDelta(index=0, arguments=" "),
                ToolCallDelta(index=1, arguments="{}"),
                Finished(FinishReason.TOOL_CALLS),
            ]
        )
    )
    assert found.index("output_item.done") < len(found) - 1 - found[::-1].index("output_item.added")


def test_calls_that_arrive_side_by_side_stay_whole() -> None:
    events = encoded(
        [
            ToolCallStart(index=0, id="a", name="f"),
            ToolCallDelta(index=0, arguments='{"x":'),
            ToolCallStart(index=1, id="b", name="g"),
            ToolCallDelta(index=1, arguments='{"y":'),
            ToolCallDelta(index=0, arguments="1}"),
            ToolCallDelta(index=1, arguments="2}"),
            Finished(FinishReason.TOOL_CALLS),
        ]
    )
    items = events[-1]["response"]["output"]
    assert [item["arguments"] for item in items] == ['{"x":1}', '{"y":2}']
    assert [item["call_id"] for item in items] == ["a", "b"]


def test_arguments_for_a_call_that_was_complete_are_a_failure() -> None:
    with pytest.raises(UpstreamGarbled, match="complete"):
        encoded(
            [
                ToolCallStart(index=0, id="a", name="f"),
                ToolCallDelta(index=0, arguments="{}"),
                TextDelta("so"),
                ToolCallDelta(index=0, arguments="{}"),
                STOP,
            ]
        )


def test_a_call_that_the_limit_cut_is_told_as_incomplete() -> None:
    events = encoded(
        [
            ToolCallStart(index=0, id="a", name="f"),
            ToolCallDelta(index=0, arguments='{"x":'),
            Finished(FinishReason.LENGTH),
        ]
    )
    assert events[-1]["response"]["output"][0]["status"] == "incomplete"
    nothing_yet = encoded([ToolCallStart(index=0, id="a", name="f"), Finished(FinishReason.LENGTH)])
    assert nothing_yet[-1]["response"]["output"][0]["arguments"] == ""


def test_thinking_is_shown_as_text_or_as_the_summary_that_was_asked_for() -> None:
    thought: list[StreamEvent] = [
        ReasoningDelta(text="Let me "),
        ReasoningDelta(text="think."),
        ReasoningDelta(signature="c2ln"),
        ReasoningDelta(redacted="aGlk"),
        TextDelta("Yes."),
        STOP,
    ]
    plain = encoded(thought)
    summed = encoded(thought, call_for({"reasoning": {"summary": "auto"}}))
    for events, kind, field in (
        (plain, "reasoning_text", "content"),
        (summed, "reasoning_summary_text", "summary"),
    ):
        item, hidden, message = events[-1]["response"]["output"]
        assert item[field][0]["text"] == "Let me think."
        assert item["encrypted_content"] == "anthropic:c2ln"
        assert hidden["encrypted_content"] == "redacted:aGlk"
        assert message["content"][0]["text"] == "Yes."
        assert kinds(events).count(f"{kind}.delta") == 2
        assert kinds(events).count(f"{kind}.done") == 1
    assert "content_part.added" in kinds(plain)[:5]
    assert kinds(summed)[3:8] == [
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
    ]
    parts = (
        Reasoning(text="Let me think.", signature="c2ln"),
        Reasoning(redacted="aGlk"),
        Text("Yes."),
    )
    assert whole(answer(*parts)).to_dict()["output"] == plain[-1]["response"]["output"]


def test_text_after_thinking_after_text_makes_items_of_its_own() -> None:
    events = encoded([TextDelta("a"), ReasoningDelta(text="b"), TextDelta("c"), STOP])
    items = events[-1]["response"]["output"]
    assert [item["type"] for item in items] == ["message", "reasoning", "message"]
    assert [event["output_index"] for event in events if "item" in event] == [0, 0, 1, 1, 2, 2]


def test_the_proof_of_a_tool_call_travels_in_a_reasoning_item_before_it() -> None:
    call = ToolCall(id="a:1", name="f", arguments="{}", signature="gemini:c2ln")
    streamed = encoded(
        [
            ToolCallStart(index=0, id="a:1", name="f", signature="gemini:c2ln"),
            ToolCallDelta(index=0, arguments="{}"),
            Finished(FinishReason.TOOL_CALLS),
        ]
    )
    output = whole(answer(call, finish=FinishReason.TOOL_CALLS)).to_dict()["output"]
    assert output == streamed[-1]["response"]["output"]
    assert [item["type"] for item in output] == ["reasoning", "function_call"]
    again = call_for({"input": [*output]}).request({})
    assert again.messages[0].parts == (call,)


def test_thinking_comes_back_as_it_went_out() -> None:
    parts = (
        Reasoning(text="plain"),
        Reasoning(text="signed", signature="c2ln"),
        Reasoning(text="", signature="gemini:c2ln"),
        Reasoning(redacted="aGlk"),
        Text("Yes."),
    )
    for body in ({}, {"reasoning": {"summary": "auto"}}):
        output = whole(answer(*parts), body).to_dict()["output"]
        assert call_for({"input": output}).request({}).messages[0].parts == parts


def test_what_openai_sealed_is_nobody_elses_and_goes_back_as_it_was() -> None:
    item = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAAB"}
    (part,) = call_for({"input": [item]}).request({}).messages[0].parts
    assert part == Reasoning(signature="openai:gAAAAB")
    assert isinstance(part, Reasoning)
    output = whole(answer(part)).to_dict()["output"]
    assert output[0]["encrypted_content"] == "gAAAAB"


def test_a_refusal_is_a_part_of_its_own() -> None:
    events = encoded(
        [TextDelta("Well. "), RefusalDelta("I "), RefusalDelta(""), RefusalDelta("won't."), STOP]
    )
    assert kinds(events)[3:] == [
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "content_part.added",
        "refusal.delta",
        "refusal.delta",
        "refusal.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert [event["content_index"] for event in events if "content_index" in event] == [
        *(0, 0, 0, 0),
        *(1, 1, 1, 1, 1),
    ]
    content = events[-1]["response"]["output"][0]["content"]
    assert content[1] == {"type": "refusal", "refusal": "I won't."}
    found = whole(answer(Text("Well. "), refusal="I won't.")).to_dict()
    assert found["output"][0]["content"] == content


def test_log_probabilities_stand_with_their_text() -> None:
    tokens = (TokenLogprob(token="é", logprob=-0.5, top=(("é", -0.5), ("e", -1.5))),)
    call = call_for()
    encoder = call.encoder(request_id="r", model="m", provider="p", created=7, include_usage=True)
    out = encoder.encode([TextDelta("é"), Logprobs(tokens)])
    out += encoder.encode([Logprobs(tokens), TextDelta("é")])
    out += encoder.encode([TextDelta("!"), STOP])
    events = checked(out + encoder.end(None))
    deltas = [event for event in events if event["type"].endswith("text.delta")]
    assert [len(event["logprobs"]) for event in deltas] == [1, 1, 0]
    assert deltas[0]["logprobs"][0]["top_logprobs"][1] == {"token": "e", "logprob": -1.5}
    part = events[-1]["response"]["output"][0]["content"][0]
    assert part["logprobs"][0]["bytes"] == [195, 169]
    assert len(part["logprobs"]) == 2
    assert events[-1]["response"]["usage"] is None
    found = whole(answer(Text("é"), Text("!"), logprobs=tokens)).to_dict()
    assert found["output"][0]["content"][0]["logprobs"] == part["logprobs"][:1]


def test_an_answer_without_anything_is_an_empty_message() -> None:
    events = encoded([STOP])
    assert kinds(events)[-1] == "completed"
    found = checked_response(events[-1]["response"])
    assert found.output_text == ""
    assert found.output[0].type == "message"
    assert whole(answer()).to_dict()["output"] == events[-1]["response"]["output"]
    assert encoded([ReasoningDelta(), STOP]) == events


def test_a_stream_that_fails_ends_with_both_error_events() -> None:
    call = call_for()
    encoder = call.encoder(request_id="r", model="m", provider="p", created=7, include_usage=True)
    out = encoder.encode([TextDelta("Hel")])
    out += call.error_event(errors.UpstreamRateLimited("p is busy."))
    events = checked(out)
    assert kinds(events)[-2:] == ["error", "failed"]
    assert events[-2]["code"] == events[-2]["error"]["code"] == "rate_limit_exceeded"
    assert events[-1]["response"]["status"] == "failed"
    assert events[-1]["response"]["error"]["message"] == "p is busy."
    assert call.final is None


def test_before_anything_was_said_there_is_just_the_error() -> None:
    error = errors.UpstreamFailed("p failed.")
    (event,) = events_of(call_for().error_event(error))
    assert event == events_of(DIALECT.error_event(error))[0]
    assert (event["type"], event["code"]) == ("error", "provider_error")


@pytest.mark.parametrize(
    ("param", "own"),
    [
        ("messages", "input"),
        ("messages[2].content", "input"),
        ("max_tokens", "max_output_tokens"),
        ("response_format", "text.format"),
        ("reasoning_effort", "reasoning.effort"),
        ("tools[0].name", "tools[0].name"),
        (None, None),
    ],
)
def test_errors_name_fields_in_the_clients_words(param: str | None, own: str | None) -> None:
    error = errors.UnsupportedField("no", param=param)
    assert json.loads(DIALECT.error(error))["error"] == {
        "message": "no",
        "type": "invalid_request_error",
        "param": own,
        "code": "unsupported_field",
    }


def test_an_answer_that_goes_on_with_another_candidate_stays_one_answer() -> None:
    call = call_for()

    def next_encoder(provider: str) -> Any:
        return call.encoder(
            request_id="r", model=provider, provider=provider, created=7, include_usage=True
        )

    unseen = next_encoder("a")
    unseen.encode([ReasoningDelta(signature="x")])
    seen = next_encoder("b")
    assert seen is not unseen
    out = seen.encode([TextDelta("Hel"), TextDelta("l")])
    again = next_encoder("c")
    out += again.encode([TextDelta("o"), TextDelta("!"), STOP]) + again.end(USAGE)
    events = checked(out)
    assert kinds(events).count("created") == 1
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert events[-1]["response"]["output"][0]["content"][0]["text"] == "Hello!"
    assert [event["provider"] for event in events if "delta" in event] == ["b", "b", "c", "c"]
    assert call.final == events[-1]["response"]


def test_without_its_request_an_answer_has_the_defaults() -> None:
    written = DIALECT.answer(answer(Text("ok")), provider="p", created=7)
    assert checked_response(json.loads(written)).output_text == "ok"
    encoder = DIALECT.encoder(
        request_id="req_1", model="m", provider="p", created=7, include_usage=True
    )
    events = checked(encoder.encode([TextDelta("ok"), STOP]) + encoder.end(None))
    assert events[0]["response"]["id"] == "resp_1"
    assert DIALECT.wants_usage({})


EVENTS = st.one_of(
    st.text(max_size=8).map(TextDelta),
    st.text(max_size=8).map(RefusalDelta),
    st.builds(ReasoningDelta, text=st.text(max_size=8)),
    st.builds(ReasoningDelta, signature=st.just("c2ln")),
    st.just(UsageSeen(USAGE)),
    st.builds(
        ToolCallStart,
        index=st.integers(0, 30),
        id=st.text(max_size=4),
        name=st.just("f"),
        signature=st.sampled_from([None, "gemini:x"]),
    ),
)


@given(st.lists(EVENTS, max_size=12), st.sampled_from(FinishReason))
def test_whatever_comes_every_item_opens_grows_and_closes(
    given_events: list[StreamEvent], finish: FinishReason
) -> None:
    events = encoded([*given_events, Finished(finish)])
    last = events[-1]["response"]
    checked_response(last)
    opened = [event for event in events if event["type"] == "response.output_item.added"]
    closed = [event for event in events if event["type"] == "response.output_item.done"]
    assert sorted(event["output_index"] for event in closed) == list(range(len(opened)))
    assert [event["output_index"] for event in opened] == list(range(len(opened)))
    assert sorted(closed, key=lambda event: event["output_index"]) == [
        event | {"item": item}
        for event, item in zip(
            sorted(closed, key=lambda event: event["output_index"]), last["output"], strict=True
        )
    ]
    said = "".join(event.text for event in given_events if isinstance(event, TextDelta))
    texts = [
        part["text"]
        for item in last["output"]
        if item["type"] == "message"
        for part in item["content"]
        if part["type"] == "output_text"
    ]
    assert "".join(texts) == said
    deltas = [e["delta"] for e in events if e["type"] == "response.output_text.delta"]
    assert "".join(deltas) == said


class _Script:
    """A reader that gives one event for each byte."""

    done = False

    def __init__(self, events: list[StreamEvent]) -> None:
        self._events = events

    def feed(self, data: bytes) -> list[StreamEvent]:
        return [self._events[number] for number in data]

    def end(self) -> list[StreamEvent]:
        return []


@pytest.mark.parametrize("at", range(6))
def test_a_stream_cut_anywhere_never_looks_complete(at: int) -> None:
    events: list[StreamEvent] = [
        TextDelta("a"),
        ToolCallStart(index=0, id="c", name="f"),
        ToolCallDelta(index=0, arguments="{}"),
        UsageSeen(USAGE),
        Finished(FinishReason.TOOL_CALLS),
    ]
    call = call_for()
    encoder = call.encoder(request_id="r", model="m", provider="p", created=7, include_usage=True)
    relay = TranslatingRelay(_Script(events), encoder)
    out = b"".join(relay.feed(bytes([number])) for number in range(at))
    assert not {"completed", "incomplete"} & set(kinds(checked(out)))
    if at < 5:
        with pytest.raises(UpstreamGarbled):
            relay.end()
    else:
        assert kinds(checked(out + relay.end()))[-1] == "completed"
