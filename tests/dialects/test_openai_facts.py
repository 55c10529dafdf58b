"""What a client is told about a malformed chat body, and what routing learns of a good one."""

from __future__ import annotations

from typing import Any

import pytest

from laird.dialects.openai_chat import OpenAIChat
from laird.domain.errors import InvalidRequest
from laird.domain.plan import RequestFacts

CHAT = OpenAIChat()
USER = {"role": "user", "content": "Hello"}


def body(**fields: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [USER], **fields}


def messages(*items: Any) -> dict[str, Any]:
    return body(messages=list(items))


def user_parts(*parts: Any) -> dict[str, Any]:
    return messages({"role": "user", "content": list(parts)})


def image(url: str = "https://example.com/a.png", **more: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, **more}}


def tool(**function: Any) -> dict[str, Any]:
    return {"type": "function", "function": function}


class TestAccepted:
    def test_the_smallest_body(self) -> None:
        assert CHAT.facts(body()) == RequestFacts(model="m", prompt_tokens=2)

    def test_null_means_not_said(self) -> None:
        fields = (
            "stream", "stream_options", "max_tokens", "max_completion_tokens", "temperature",
            "top_p", "n", "stop", "tools", "tool_choice", "response_format", "reasoning_effort",
            "seed", "logprobs", "logit_bias", "functions", "function_call", "user", "metadata",
        )  # fmt: skip
        assert CHAT.facts(body(**dict.fromkeys(fields))) == CHAT.facts(body())

    def test_stream_tools_json_and_reasoning_are_noticed(self) -> None:
        facts = CHAT.facts(
            body(
                stream=True,
                tools=[tool(name="f", description="d", parameters={"type": "object"})],
                response_format={"type": "json_object"},
                reasoning_effort="low",
            )
        )
        assert facts.stream
        assert facts.tools
        assert facts.json_mode
        assert facts.reasoning

    def test_old_functions_count_as_tools(self) -> None:
        assert CHAT.facts(body(functions=[{"name": "f"}])).tools

    def test_a_json_schema_is_json_mode_and_plain_text_is_not(self) -> None:
        schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}
        assert CHAT.facts(body(response_format=schema)).json_mode
        assert not CHAT.facts(body(response_format={"type": "text"})).json_mode

    def test_effort_none_asks_for_no_reasoning(self) -> None:
        assert not CHAT.facts(body(reasoning_effort="none")).reasoning

    def test_the_newer_limit_wins(self) -> None:
        assert CHAT.facts(body(max_tokens=5)).max_tokens == 5
        assert CHAT.facts(body(max_tokens=5, max_completion_tokens=7)).max_tokens == 7

    def test_images_need_vision_and_cost_by_their_detail(self) -> None:
        assert CHAT.facts(user_parts(image())).vision
        big = CHAT.facts(user_parts(image(), {"type": "text", "text": "12345678"}))
        small = CHAT.facts(user_parts(image(detail="low"), {"type": "text", "text": "12345678"}))
        assert (big.prompt_tokens, small.prompt_tokens) == (767, 87)

    def test_text_anywhere_counts_four_characters_a_token(self) -> None:
        call = {"id": "1", "type": "function", "function": {"name": "ffff", "arguments": "1234"}}
        facts = CHAT.facts(
            messages(
                {"role": "system", "content": "12345678"},
                {"role": "developer", "content": "1234"},
                {"role": "assistant", "content": None, "tool_calls": [call]},
                {
                    "role": "tool",
                    "tool_call_id": "1",
                    "content": [{"type": "text", "text": "1234"}],
                },
            )
        )
        assert facts.prompt_tokens == 6

    def test_tools_and_schemas_count_too(self) -> None:
        plain = CHAT.facts(body()).prompt_tokens
        many = CHAT.facts(body(tools=[tool(name="f", description="x" * 4000)])).prompt_tokens
        assert many > plain + 1000
        form = {"type": "json_schema", "json_schema": {"schema": {"description": "x" * 4000}}}
        assert CHAT.facts(body(response_format=form)).prompt_tokens > plain + 1000

    @pytest.mark.parametrize(
        "message",
        [
            {"role": "assistant", "content": "x", "refusal": None},
            {"role": "assistant", "refusal": "no"},
            {"role": "assistant", "content": None, "function_call": {"name": "f"}},
            {"role": "assistant", "tool_calls": [{"type": "custom", "id": "1"}]},
            {"role": "function", "name": "f", "content": None},
            {"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]},
            {"role": "user", "content": [{"type": "file", "file": {}}]},
        ],
    )
    def test_every_message_of_the_wire_format(self, message: dict[str, Any]) -> None:
        assert CHAT.facts(messages(message)).model == "m"

    @pytest.mark.parametrize(
        "fields",
        [
            {"tool_choice": "required"},
            {"tool_choice": {"type": "function", "function": {"name": "f"}}},
            {"stop": "x"},
            {"stop": ["x", "y"]},
            {"temperature": 0},
            {"temperature": 2.0},
            {"tools": [{"type": "custom", "custom": {"name": "c"}}]},
            {"unknown_field": {"deep": [1]}},
            {"seed": -5},
            {"logit_bias": {"5": 1}},
        ],
    )
    def test_unusual_but_right(self, fields: dict[str, Any]) -> None:
        assert CHAT.facts(body(**fields)).model == "m"


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"messages": [USER]}, "model"),
    ({"model": "m"}, "messages"),
    (body(model=""), "model"),
    (body(model=5), "model"),
    (body(messages={}), "messages"),
    (body(messages=[]), "messages"),
    (messages("hi"), "messages[0]"),
    (messages(USER, {"content": "x"}), "messages[1].role"),
    (messages({"role": "robot", "content": "x"}), "messages[0].role"),
    (messages({"role": ["user"], "content": "x"}), "messages[0].role"),
    (messages({"role": "user"}), "messages[0].content"),
    (messages({"role": "user", "content": 5}), "messages[0].content"),
    (messages({"role": "user", "content": None}), "messages[0].content"),
    (messages({"role": "assistant"}), "messages[0].content"),
    (user_parts("x"), "messages[0].content[0]"),
    (user_parts({"text": "x"}), "messages[0].content[0].type"),
    (user_parts({"type": "text"}), "messages[0].content[0].text"),
    (user_parts({"type": "text", "text": 5}), "messages[0].content[0].text"),
    (user_parts({"type": "image_url"}), "messages[0].content[0].image_url"),
    (user_parts({"type": "image_url", "image_url": "x"}), "messages[0].content[0].image_url"),
    (user_parts({"type": "image_url", "image_url": {}}), "messages[0].content[0].image_url.url"),
    (messages({"role": "tool", "content": "x"}), "messages[0].tool_call_id"),
    (messages({"role": "assistant", "content": "", "tool_calls": {}}), "messages[0].tool_calls"),
    (
        messages({"role": "assistant", "content": "", "tool_calls": ["x"]}),
        "messages[0].tool_calls[0]",
    ),
    (
        messages({"role": "assistant", "content": "", "tool_calls": [{"id": "1"}]}),
        "messages[0].tool_calls[0].function",
    ),
    (
        messages({"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "f"}}]}),
        "messages[0].tool_calls[0].function.arguments",
    ),
    (body(stream="yes"), "stream"),
    (body(stream_options=[]), "stream_options"),
    (body(stream_options={"include_usage": 1}), "stream_options.include_usage"),
    (body(max_tokens=0), "max_tokens"),
    (body(max_tokens=1.5), "max_tokens"),
    (body(max_completion_tokens=True), "max_completion_tokens"),
    (body(temperature=2.1), "temperature"),
    (body(temperature="hot"), "temperature"),
    (body(temperature=True), "temperature"),
    (body(top_p=-0.1), "top_p"),
    (body(n=0), "n"),
    (body(n=1.5), "n"),
    (body(seed=1.5), "seed"),
    (body(logprobs=1), "logprobs"),
    (body(top_logprobs=21), "top_logprobs"),
    (body(presence_penalty=3), "presence_penalty"),
    (body(stop=5), "stop"),
    (body(stop=["x", 5]), "stop"),
    (body(tools={}), "tools"),
    (body(tools=["x"]), "tools[0]"),
    (body(tools=[{}]), "tools[0].type"),
    (body(tools=[{"type": "function"}]), "tools[0].function"),
    (body(tools=[tool()]), "tools[0].function.name"),
    (body(tools=[tool(name="")]), "tools[0].function.name"),
    (body(tools=[tool(name="f", description=5)]), "tools[0].function.description"),
    (body(tools=[tool(name="f", parameters=[])]), "tools[0].function.parameters"),
    (body(functions={}), "functions"),
    (body(functions=["x"]), "functions[0]"),
    (body(functions=[{}]), "functions[0].name"),
    (body(tool_choice=5), "tool_choice"),
    (body(tool_choice="always"), "tool_choice"),
    (body(function_call=5), "function_call"),
    (body(response_format="json"), "response_format"),
    (body(response_format={}), "response_format.type"),
    (body(response_format={"type": "json_schema"}), "response_format.json_schema"),
    (
        body(response_format={"type": "json_schema", "json_schema": {"schema": []}}),
        "response_format.json_schema.schema",
    ),
    (body(reasoning_effort=5), "reasoning_effort"),
    (body(user=5), "user"),
]


@pytest.mark.parametrize(
    ("wrong", "param"), WRONG, ids=[f"{i}-{p}" for i, (_, p) in enumerate(WRONG)]
)
def test_a_wrong_field_is_named(wrong: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        CHAT.facts(wrong)
    assert caught.value.param == param
    assert f"'{param}'" in caught.value.message


@pytest.mark.parametrize("wrong", [[], "x", None, 5])
def test_a_body_that_is_no_object(wrong: Any) -> None:
    with pytest.raises(InvalidRequest, match="must be a JSON object"):
        CHAT.facts(wrong)


def test_messages_say_what_was_expected_and_what_came() -> None:
    with pytest.raises(InvalidRequest) as caught:
        CHAT.facts(messages({"role": "user", "content": 5}))
    assert caught.value.message == (
        "Invalid type for 'messages[0].content': expected a string or an array of objects,"
        " but got an integer instead."
    )
    with pytest.raises(InvalidRequest, match=r"are: 'developer', 'system', .* and 'function'"):
        CHAT.facts(messages({"role": "robot", "content": "x"}))
    with pytest.raises(InvalidRequest, match="got something else instead"):
        CHAT.facts(body(user=object()))
