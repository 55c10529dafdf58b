"""Reading OpenAI chat bodies into the canonical form: everything is kept, translated or refused."""

from __future__ import annotations

from typing import Any

import pytest

from laird.dialects.openai_chat import OpenAIChat
from laird.domain.chat import (
    ChatRequest,
    Image,
    Message,
    Reasoning,
    ResponseFormat,
    Role,
    Sampling,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from laird.domain.errors import InvalidRequest, UnsupportedField

CHAT = OpenAIChat()


def read(*messages: dict[str, Any], **fields: Any) -> ChatRequest:
    body = {
        "model": "m",
        "messages": list(messages or [{"role": "user", "content": "x"}]),
        **fields,
    }
    CHAT.facts(body)
    return CHAT.request(body)


def parts(message: dict[str, Any]) -> tuple[Any, ...]:
    return read(message).messages[0].parts


def test_a_whole_conversation() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    request = read(
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "name": "Ann", "content": "Hi"},
        {"role": "assistant", "content": "Well", "reasoning_content": "hm", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "42"}]},
        {"role": "assistant", "content": "", "refusal": "I can't."},
    )
    assert request.messages == (
        Message(role=Role.SYSTEM, parts=(Text("Be brief."),)),
        Message(role=Role.USER, parts=(Text("Hi"),), name="Ann"),
        Message(
            role=Role.ASSISTANT,
            parts=(Reasoning(text="hm"), Text("Well"), ToolCall(id="c1", name="f", arguments="{}")),
        ),
        Message(role=Role.TOOL, parts=(ToolResult(call_id="c1", parts=(Text("42"),)),)),
        Message(role=Role.ASSISTANT, parts=(Text("I can't."),)),
    )


def test_all_settings() -> None:
    schema = {"type": "object"}
    request = read(
        stream=True,
        tools=[
            {
                "type": "function",
                "function": {"name": "f", "description": "d", "parameters": schema, "strict": True},
            }
        ],
        tool_choice={"type": "function", "function": {"name": "f"}},
        parallel_tool_calls=False,
        response_format={
            "type": "json_schema",
            "json_schema": {"name": "n", "schema": schema, "strict": True},
        },
        max_tokens=1,
        max_completion_tokens=2,
        reasoning_effort="high",
        user="u",
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        stop="END",
        seed=7,
        n=1,
        presence_penalty=0.1,
        frequency_penalty=0.2,
        logprobs=True,
        top_logprobs=3,
        logit_bias={"1": 5},
        metadata={"a": "b"},
        something_new=[1],
        said_nothing=None,
    )
    assert request.tools == (Tool(name="f", description="d", parameters=schema, strict=True),)
    assert request.tool_choice == ToolChoice(mode="tool", name="f")
    assert request.parallel_tool_calls is False
    assert request.response_format == ResponseFormat(
        kind="json_schema", name="n", schema=schema, strict=True
    )
    assert request.max_tokens == 2
    assert request.reasoning_effort == "high"
    assert request.user == "u"
    assert request.stream
    assert request.extra == {"metadata": {"a": "b"}, "something_new": [1]}
    assert request.sampling == Sampling(
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        stop=("END",),
        seed=7,
        n=1,
        presence_penalty=0.1,
        frequency_penalty=0.2,
        logprobs=True,
        top_logprobs=3,
        logit_bias={"1": 5},
    )


def test_the_smallest_body_says_nothing_else() -> None:
    assert read() == ChatRequest(messages=(Message(role=Role.USER, parts=(Text("x"),)),))


def test_several_stops_and_simple_choices() -> None:
    request = read(stop=["a", "b"], tool_choice="required", response_format={"type": "json_object"})
    assert request.sampling.stop == ("a", "b")
    assert request.tool_choice == ToolChoice(mode="required")
    assert request.response_format == ResponseFormat(kind="json_object")


class TestImages:
    def image(self, url: str, **more: str) -> Any:
        part = {"type": "image_url", "image_url": {"url": url, **more}}
        return parts({"role": "user", "content": [part]})[0]

    def test_inline(self) -> None:
        url = "data:image/PNG;base64,aGk="
        assert self.image(url) == Image(media_type="image/png", data="aGk=")

    def test_by_address(self) -> None:
        assert self.image("https://e.com/a.png", detail="low") == Image(
            url="https://e.com/a.png", detail="low"
        )

    @pytest.mark.parametrize(
        "url",
        ["file:///etc/passwd", "data:image/png,x", "data:;base64,aGk=", "data:image/png;base64,"],
    )
    def test_what_is_no_image(self, url: str) -> None:
        with pytest.raises(InvalidRequest) as caught:
            self.image(url)
        assert caught.value.param == "messages[0].content[0].image_url.url"


class TestOldFunctions:
    def test_are_tools(self) -> None:
        request = read(functions=[{"name": "f"}], function_call={"name": "f"})
        assert request.tools == (Tool(name="f"),)
        assert request.tool_choice == ToolChoice(mode="tool", name="f")
        assert read(functions=[{"name": "f"}], function_call="auto").tool_choice == ToolChoice(
            mode="auto"
        )

    def test_calls_and_their_results_find_each_other(self) -> None:
        request = read(
            {
                "role": "assistant",
                "content": None,
                "function_call": {"name": "f", "arguments": "1"},
            },
            {"role": "function", "name": "f", "content": "42"},
        )
        call, result = request.messages[0].parts[0], request.messages[1].parts[0]
        assert isinstance(call, ToolCall)
        assert isinstance(result, ToolResult)
        assert call.id == result.call_id

    def test_a_result_without_its_call_is_refused(self) -> None:
        with pytest.raises(InvalidRequest) as caught:
            read({"role": "function", "name": "g", "content": "42"})
        assert caught.value.param == "messages[0].name"

    def test_a_call_without_arguments_is_refused(self) -> None:
        with pytest.raises(InvalidRequest) as caught:
            read({"role": "assistant", "content": None, "function_call": {"name": "f"}})
        assert caught.value.param == "messages[0].function_call"


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"audio": {"voice": "x"}}, "audio"),
    ({"modalities": ["text", "audio"]}, "modalities"),
    ({"tools": [{"type": "custom", "custom": {"name": "c"}}]}, "tools[0].type"),
    ({"tool_choice": {"type": "allowed_tools", "allowed_tools": {}}}, "tool_choice"),
    ({"response_format": {"type": "grammar"}}, "response_format.type"),
    (
        {"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]},
        "messages[0].content[0]",
    ),
    (
        {"messages": [{"role": "assistant", "audio": {"id": "a"}}]},
        "messages[0].audio",
    ),
    (
        {"messages": [{"role": "assistant", "tool_calls": [{"type": "custom", "id": "1"}]}]},
        "messages[0].tool_calls[0]",
    ),
]


@pytest.mark.parametrize(("fields", "param"), REFUSED, ids=[param for _, param in REFUSED])
def test_what_cannot_be_translated_is_refused_by_name(fields: dict[str, Any], param: str) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}], **fields}
    CHAT.facts(body)
    with pytest.raises(UnsupportedField) as caught:
        CHAT.request(body)
    assert caught.value.param == param


def test_a_call_without_an_id_is_refused() -> None:
    call = {"type": "function", "function": {"name": "f", "arguments": ""}}
    with pytest.raises(InvalidRequest) as caught:
        read({"role": "assistant", "content": None, "tool_calls": [call]})
    assert caught.value.param == "messages[0].tool_calls[0].id"


def test_a_refusal_part_is_text() -> None:
    content = [{"type": "refusal", "refusal": "No."}]
    assert parts({"role": "assistant", "content": content}) == (Text("No."),)


def test_plain_modalities_are_passed_on() -> None:
    assert read(modalities=["text"]).extra == {"modalities": ["text"]}
