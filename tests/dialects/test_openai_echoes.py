"""What OpenAI's format has no field for is written where clients keep it, and read back from there.

A client sends back the message that it got: nothing of it may be lost, streamed or not.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from laird.dialects.openai_chat import OpenAIChat
from laird.domain.chat import (
    ChatAnswer,
    Document,
    Finished,
    FinishReason,
    Image,
    Logprobs,
    Part,
    Reasoning,
    ReasoningDelta,
    StreamEvent,
    Text,
    TextDelta,
    TokenLogprob,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
    ToolResult,
)
from laird.domain.errors import InvalidRequest, UnsupportedField

CHAT = OpenAIChat()
SIGNED = Reasoning(text="Hm, well.", signature="c2ln")
HIDDEN = Reasoning(redacted="aGlk")
GOOGLE = Reasoning(text="So.", signature="gemini:Z2Vt")
CALL = ToolCall(id="c1", name="f", arguments='{"a":1}', signature="gemini:Y2FsbA==")
TOKENS = (
    TokenLogprob(token="Ü", logprob=-0.5, top=(("Ü", -0.5), ("U", -1.5))),
    TokenLogprob(token="\ufffd", logprob=float("-inf")),
)


def whole(*parts: Any, **fields: Any) -> dict[str, Any]:
    settings: dict[str, Any] = {"finish": FinishReason.STOP, "usage": None, **fields}
    answer = ChatAnswer(id="a", model="m", parts=parts, **settings)
    body: dict[str, Any] = json.loads(CHAT.answer(answer, provider="p", created=5))
    ChatCompletion.model_validate(body)
    return body["choices"][0]  # type: ignore[no-any-return]


def streamed(*events: StreamEvent) -> list[dict[str, Any]]:
    encoder = CHAT.encoder(request_id="r", model="m", provider="p", created=5, include_usage=False)
    data = encoder.encode(list(events)) + encoder.end(None)
    lines = [line.removeprefix(b"data: ") for line in data.split(b"\n\n") if line]
    assert lines.pop() == b"[DONE]"
    chunks = [json.loads(line) for line in lines]
    for chunk in chunks:
        ChatCompletionChunk.model_validate(chunk)
    return chunks


def collected(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the message that OpenAI's own SDK makes of a stream."""
    state: Any = ChatCompletionStreamState()
    for chunk in chunks:
        state.handle_chunk(ChatCompletionChunk.model_validate(chunk))
    message: dict[str, Any] = state.current_completion_snapshot.choices[0].message.model_dump(
        exclude_none=True
    )
    return message


def sent_back(message: dict[str, Any]) -> tuple[Part, ...]:
    for call in message.get("tool_calls", ()):
        call.pop("index", None)
        call["function"].pop("parsed_arguments", None)
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}, message]}
    CHAT.facts(body)
    return CHAT.request(body).messages[1].parts


class TestThinking:
    def test_a_whole_answer_comes_back_as_it_was(self) -> None:
        parts = (SIGNED, HIDDEN, GOOGLE, Text("Yes."), CALL)
        assert sent_back(whole(*parts)["message"]) == parts

    def test_a_stream_comes_back_as_it_was(self) -> None:
        chunks = streamed(
            ReasoningDelta(text="Hm, "),
            ReasoningDelta(text="well."),
            ReasoningDelta(signature="c2ln"),
            ReasoningDelta(redacted="aGlk"),
            ReasoningDelta(text="So.", signature="gemini:Z2Vt"),
            TextDelta("Yes."),
            ToolCallStart(index=0, id="c1", name="f", signature=CALL.signature),
            ToolCallDelta(index=0, arguments='{"a":1}'),
            Finished(FinishReason.TOOL_CALLS),
        )
        message = collected(chunks)
        assert message["reasoning_content"] == "Hm, well.So."
        assert sent_back(message) == (SIGNED, HIDDEN, GOOGLE, Text("Yes."), CALL)

    def test_a_client_that_keeps_the_text_alone_loses_the_signature_alone(self) -> None:
        message = whole(SIGNED, Text("Yes."))["message"]
        del message["reasoning_details"]
        assert sent_back(message) == (Reasoning(text="Hm, well."), Text("Yes."))

    def test_details_without_a_text_are_put_beside_it(self) -> None:
        message = {
            "role": "assistant",
            "content": "Yes.",
            "reasoning": "Hm.",
            "reasoning_details": [{"type": "reasoning.encrypted", "data": "aGlk"}],
        }
        assert sent_back(message) == (Reasoning(text="Hm."), HIDDEN, Text("Yes."))

    def test_unsigned_thinking_needs_no_details(self) -> None:
        message = whole(Reasoning(text="Hm."), Text("Yes."))["message"]
        assert message["reasoning_content"] == "Hm."
        assert "reasoning_details" not in message
        assert len(streamed(ReasoningDelta(text=""), ReasoningDelta(text="Hm."))) == 2

    def test_a_broken_signature_is_not_written(self) -> None:
        broken = ReasoningDelta(signature="openrouter:{")
        assert streamed(broken) == []
        message = whole(Reasoning(text="Hm.", signature="openrouter:{"))["message"]
        assert message["reasoning_details"] == []

    def test_other_makers_signatures_have_no_place_in_a_call(self) -> None:
        call = whole(ToolCall(id="c", name="f", arguments="{}", signature="other:x"))
        assert "extra_content" not in call["message"]["tool_calls"][0]

    @pytest.mark.parametrize("extra", [None, 5, {}, {"google": 1}, {"google": {}}])
    def test_odd_extras_of_calls_do_no_harm(self, extra: Any) -> None:
        function = {"name": "f", "arguments": "{}"}
        call = {"id": "c", "type": "function", "function": function, "extra_content": extra}
        message = {"role": "assistant", "content": None, "tool_calls": [call]}
        assert sent_back(message) == (ToolCall(id="c", name="f", arguments="{}"),)


class TestLogprobs:
    EXPECTED = [  # noqa: RUF012 - a sample
        {
            "token": "Ü",
            "logprob": -0.5,
            "bytes": [195, 156],
            "top_logprobs": [
                {"token": "Ü", "logprob": -0.5, "bytes": [195, 156]},
                {"token": "U", "logprob": -1.5, "bytes": [85]},
            ],
        },
        {"token": "\ufffd", "logprob": -9999.0, "bytes": None, "top_logprobs": []},
    ]

    def test_of_a_whole_answer(self) -> None:
        choice = whole(Text("Ü"), logprobs=TOKENS)
        assert choice["logprobs"] == {"content": self.EXPECTED, "refusal": None}
        assert whole(Text("x"))["logprobs"] is None

    def test_go_with_the_text_they_are_of(self) -> None:
        chunks = streamed(
            TextDelta("a"), TextDelta("Ü"), Logprobs(TOKENS), Finished(FinishReason.STOP)
        )
        choices = [chunk["choices"][0] for chunk in chunks]
        assert [choice["delta"].get("content") for choice in choices] == ["", "a", "Ü", None]
        assert [bool(choice["logprobs"]) for choice in choices] == [False, False, True, False]
        assert choices[2]["logprobs"]["content"] == self.EXPECTED

    def test_alone_they_have_a_chunk_of_their_own(self) -> None:
        chunks = streamed(Logprobs(TOKENS), TextDelta("Ü"))
        assert [chunk["choices"][0]["delta"].get("content") for chunk in chunks] == ["", "", "Ü"]
        assert chunks[1]["choices"][0]["logprobs"]["content"] == self.EXPECTED
        assert chunks[1]["choices"][0]["finish_reason"] is None
        chunks = streamed(TextDelta(""), Logprobs(TOKENS[:1]))
        assert len(chunks) == 2


def test_the_stop_sequence_is_told_where_it_is_known() -> None:
    assert whole(Text("x"), stop_sequence="END")["stop_reason"] == "END"
    assert "stop_reason" not in whole(Text("x"))
    last = streamed(TextDelta("x"), Finished(FinishReason.STOP, '"\n'))[-1]["choices"][0]
    assert (last["finish_reason"], last["stop_reason"]) == ("stop", '"\n')
    assert "stop_reason" not in streamed(TextDelta("x"), Finished(FinishReason.STOP))[-1]


def read_content(*content: dict[str, Any], role: str = "user") -> tuple[Any, ...]:
    message = {"role": role, "content": list(content), "tool_call_id": "c"}
    body = {"model": "m", "messages": [message]}
    CHAT.facts(body)
    return CHAT.request(body).messages[0].parts


def file(**fields: Any) -> dict[str, Any]:
    return {"type": "file", "file": fields}


class TestFiles:
    def test_inline_and_by_address(self) -> None:
        data = "data:application/pdf;base64,JVBERg=="
        assert read_content(
            file(file_data=data, filename="a.pdf"), file(file_data="https://e.com/a.pdf")
        ) == (
            Document(media_type="application/pdf", data="JVBERg==", name="a.pdf"),
            Document(url="https://e.com/a.pdf"),
        )

    @pytest.mark.parametrize(
        ("part", "param"),
        [
            (file(file_data="JVBERg=="), "file_data"),
            (file(file_data="data:application/pdf,x"), "file_data"),
            (file(file_data="data:;base64,x"), "file_data"),
            (file(filename="a.pdf"), "file_data"),
            (file(file_data=""), "file_data"),
        ],
    )
    def test_wrong_ones_are_refused(self, part: dict[str, Any], param: str) -> None:
        with pytest.raises(InvalidRequest) as caught:
            read_content(part)
        assert caught.value.param == f"messages[0].content[0].file.{param}"

    @pytest.mark.parametrize("part", [{"type": "file"}, {"type": "file", "file": 5}])
    def test_the_shape_is_checked_first(self, part: dict[str, Any]) -> None:
        with pytest.raises(InvalidRequest) as caught:
            read_content(part)
        assert caught.value.param == "messages[0].content[0].file"
        with pytest.raises(InvalidRequest):
            CHAT.facts(
                {"model": "m", "messages": [{"role": "user", "content": [file(file_data=5)]}]}
            )
        with pytest.raises(InvalidRequest):
            CHAT.request({"model": "m", "messages": [{"role": "user", "content": [part]}]})

    def test_one_that_was_uploaded_elsewhere_is_refused(self) -> None:
        with pytest.raises(UnsupportedField) as caught:
            read_content(file(file_id="file-1"))
        assert caught.value.param == "messages[0].content[0].file.file_id"

    def test_they_count_for_the_context(self) -> None:
        def tokens(part: dict[str, Any]) -> int:
            message = {"role": "user", "content": [part]}
            return CHAT.facts({"model": "m", "messages": [message]}).prompt_tokens

        assert tokens(file(file_data="x" * 64_000)) == 1000
        assert tokens(file(file_id="file-1")) == 0


def test_results_of_tools_may_hold_images() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://e.com/a.png"}}
    assert read_content({"type": "text", "text": "Look."}, image, role="tool") == (
        ToolResult(call_id="c", parts=(Text("Look."), Image(url="https://e.com/a.png"))),
    )


@pytest.mark.parametrize(
    ("fields", "effort", "budget"),
    [
        ({"reasoning_effort": "low"}, "low", None),
        ({"reasoning": {"effort": "high"}}, "high", None),
        ({"reasoning": {"max_tokens": 2000}}, None, 2000),
        ({"reasoning": {"enabled": True}}, "medium", None),
        ({"reasoning": {"enabled": True, "max_tokens": 5}}, None, 5),
        ({"reasoning": {"enabled": False, "effort": "high"}}, "none", None),
        ({"reasoning_effort": "low", "reasoning": {"effort": "high"}}, "low", None),
        ({"reasoning": {}}, None, None),
    ],
)
def test_a_wish_for_thinking_in_either_form(
    fields: dict[str, Any], effort: str | None, budget: int | None
) -> None:
    request = CHAT.request({"model": "m", "messages": [], **fields})
    assert (request.reasoning_effort, request.reasoning_budget) == (effort, budget)
    assert request.extra == {}


def test_what_has_no_equal_is_left_for_the_provider_to_refuse() -> None:
    wish = {"effort": "high", "exclude": True}
    request = CHAT.request({"model": "m", "messages": [], "reasoning": wish})
    assert request.extra == {"reasoning": wish}
    assert request.reasoning_effort is None


def test_content_in_parts_becomes_what_clients_expect() -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}
    text = {"type": "text", "text": "Yes."}
    relay = CHAT.forward_relay(provider="p", include_usage=True)
    wire = b""
    for content in ("", [thinking], [text], "Ja."):
        choice = {"index": 0, "delta": {"content": content}, "finish_reason": None}
        wire += relay.feed(b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n")
    deltas = [
        json.loads(line.removeprefix(b"data: "))["choices"][0]["delta"]
        for line in wire.split(b"\n\n")
        if line
    ]
    assert deltas == [
        {"content": ""},
        {"content": "", "reasoning_content": "Hm."},
        {"content": "Yes."},
        {"content": "Ja."},
    ]
    message = {"role": "assistant", "content": [thinking, text]}
    body = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    answer = CHAT.forward_answer(json.dumps(body).encode(), provider="p")
    assert json.loads(answer.body)["provider"] == "p"
    said = json.loads(answer.body)["choices"][0]["message"]
    assert said == {"role": "assistant", "content": "Yes.", "reasoning_content": "Hm."}
    assert answer.text_length == 7
