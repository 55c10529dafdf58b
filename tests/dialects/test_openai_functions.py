"""A client that says `functions` hears of calls in the words that it knows."""

from __future__ import annotations

import json
from typing import Any

from openai.types.chat import ChatCompletion, ChatCompletionChunk

from laird.dialects.openai_chat import OpenAIChat
from laird.dialects.openai_functions import answering
from laird.domain.chat import (
    ChatAnswer,
    Finished,
    FinishReason,
    Text,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
)

CHAT = OpenAIChat()
FUNCTIONS = answering(CHAT, {"functions": [{"name": "f"}]})


def whole(*parts: Text | ToolCall, finish: FinishReason) -> dict[str, Any]:
    answer = ChatAnswer(id="a", model="m", parts=parts, finish=finish, usage=None)
    body = json.loads(FUNCTIONS.answer(answer, provider="p", created=5))
    ChatCompletion.model_validate(body)
    return body["choices"][0]  # type: ignore[no-any-return]


def test_only_who_asks_so_is_answered_so() -> None:
    assert answering(CHAT, {}) is CHAT
    assert answering(CHAT, {"functions": []}) is CHAT
    assert answering(CHAT, {"functions": [{"name": "f"}], "tools": [{}]}) is CHAT
    assert FUNCTIONS is not CHAT


def test_a_whole_answer() -> None:
    calls = [ToolCall(id=name, name=name, arguments="{}") for name in ("f", "g")]
    choice = whole(Text("I look."), *calls, finish=FinishReason.TOOL_CALLS)
    assert choice["finish_reason"] == "function_call"
    assert choice["message"]["function_call"] == {"name": "f", "arguments": "{}"}
    assert "tool_calls" not in choice["message"]
    assert whole(Text("Yes."), finish=FinishReason.STOP)["finish_reason"] == "stop"


def test_a_stream() -> None:
    encoder = FUNCTIONS.encoder(
        request_id="r", model="m", provider="p", created=5, include_usage=False
    )
    data = encoder.encode(
        [
            TextDelta("I look."),
            ToolCallStart(index=0, id="a", name="f"),
            ToolCallStart(index=1, id="b", name="g"),
            ToolCallDelta(index=0, arguments='{"a"'),
            ToolCallDelta(index=1, arguments="{}"),
            ToolCallDelta(index=0, arguments=""),
            ToolCallDelta(index=0, arguments=":1}"),
            Finished(FinishReason.TOOL_CALLS),
        ]
    )
    chunks = [json.loads(line.removeprefix(b"data: ")) for line in data.split(b"\n\n") if line]
    for chunk in chunks:
        ChatCompletionChunk.model_validate(chunk)
    choices = [chunk["choices"][0] for chunk in chunks]
    called = [c["delta"]["function_call"] for c in choices if "function_call" in c["delta"]]
    assert called == [{"name": "f", "arguments": ""}, {"arguments": '{"a"'}, {"arguments": ":1}"}]
    assert choices[1]["delta"] == {"content": "I look."}
    assert choices[-1]["finish_reason"] == "function_call"
    stopped = FUNCTIONS.encoder(
        request_id="r", model="m", provider="p", created=5, include_usage=False
    ).encode([Finished(FinishReason.STOP)])
    assert b'"finish_reason":"stop"' in stopped
