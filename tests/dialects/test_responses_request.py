"""Requests in the Responses format: what is taken, what is refused and by which name."""

from __future__ import annotations

from typing import Any

import pytest

from laird.dialects.responses import OpenAIResponses, ResponsesCall
from laird.domain.chat import (
    ChatRequest,
    Document,
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
from laird.domain.errors import InvalidRequest, RequestError, UnsupportedField
from laird.domain.plan import RequestFacts

DIALECT = OpenAIResponses()
PNG = "data:image/png;base64,iVBORw0KGgo="
PDF = "data:application/pdf;base64,JVBE"
FUNCTION = {"type": "function", "name": "f", "parameters": {"type": "object"}}
SCHEMA = {"type": "object", "properties": {}}


def facts(items: Any = "Hello", **fields: Any) -> RequestFacts:
    return DIALECT.facts({"model": "m", "input": items, **fields})


def read(items: Any = "Hello", **fields: Any) -> ChatRequest:
    body = {"model": "m", "input": items, **fields}
    DIALECT.facts(body)
    return DIALECT.request(body)


def message(*parts: Any, role: str = "user") -> dict[str, Any]:
    return {"type": "message", "role": role, "content": [*parts]}


def input_text(text: str) -> dict[str, Any]:
    return {"type": "input_text", "text": text}


def call(call_id: str, **fields: Any) -> dict[str, Any]:
    return {
        "type": "function_call",
        "call_id": call_id,
        "name": "f",
        "arguments": "{}",
        **fields,
    }


def result(call_id: str, output: Any = "ok") -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call_id, "output": output}


def test_a_text_is_a_message_of_the_user() -> None:
    found = read("Hello", instructions="Be brief.")
    assert found.messages == (
        Message(role=Role.SYSTEM, parts=(Text("Be brief."),)),
        Message(role=Role.USER, parts=(Text("Hello"),)),
    )


def test_a_conversation_with_tools_is_read_turn_by_turn() -> None:
    items = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": "Weather?"},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]},
        message({"type": "output_text", "text": "Let me see."}, role="assistant"),
        call("a"),
        call("b", id="fc_1", status="completed"),
        result("a"),
        result("b", [input_text("sun"), {"type": "input_image", "image_url": PNG}]),
        message({"type": "output_text", "text": "Sunny."}, role="assistant"),
        message({"type": "refusal", "refusal": "No more."}, role="assistant"),
        message(input_text("Why?")),
    ]
    assert read(items).messages == (
        Message(role=Role.SYSTEM, parts=(Text("Be brief."),)),
        Message(role=Role.USER, parts=(Text("Weather?"),)),
        Message(
            role=Role.ASSISTANT,
            parts=(
                Reasoning(text="Hm."),
                Text("Let me see."),
                ToolCall(id="a", name="f", arguments="{}"),
                ToolCall(id="b", name="f", arguments="{}"),
            ),
        ),
        Message(
            role=Role.TOOL,
            parts=(
                ToolResult(call_id="a", parts=(Text("ok"),)),
                ToolResult(
                    call_id="b",
                    parts=(Text("sun"), Image(media_type="image/png", data="iVBORw0KGgo=")),
                ),
            ),
        ),
        Message(role=Role.ASSISTANT, parts=(Text("Sunny."),)),
        Message(role=Role.ASSISTANT, parts=(Text("No more."),)),
        Message(role=Role.USER, parts=(Text("Why?"),)),
    )


def test_empty_thinking_is_no_part() -> None:
    found = read([{"type": "reasoning", "id": "rs_1", "summary": []}, call("a"), result("a")])
    assert found.messages[0].parts == (ToolCall(id="a", name="f", arguments="{}"),)


def test_images_and_files_are_read() -> None:
    found = read(
        [
            message(
                {"type": "input_image", "image_url": "https://x/y.png", "detail": "original"},
                {"type": "input_image", "image_url": PNG, "detail": "low"},
                {"type": "input_file", "filename": "a.pdf", "file_data": PDF},
                {"type": "input_file", "filename": "b.pdf", "file_data": "JVBE"},
                {"type": "input_file", "file_url": "https://x/c.pdf"},
            )
        ]
    )
    assert found.messages[0].parts == (
        Image(url="https://x/y.png", detail="high"),
        Image(media_type="image/png", data="iVBORw0KGgo=", detail="low"),
        Document(media_type="application/pdf", data="JVBE", name="a.pdf"),
        Document(data="JVBE", name="b.pdf"),
        Document(url="https://x/c.pdf"),
    )


def test_settings_are_read() -> None:
    found = read(
        stream=True,
        max_output_tokens=50,
        temperature=0.5,
        top_p=0.9,
        top_logprobs=3,
        parallel_tool_calls=False,
        tools=[{**FUNCTION, "description": "d", "strict": True, "defer_loading": False}],
        tool_choice={"type": "function", "name": "f"},
        reasoning={"effort": "low", "summary": "auto", "context": "auto"},
        text={"verbosity": "low", "format": {"type": "json_object"}},
        user="ann",
        metadata={"a": "b"},
        safety_identifier="s",
        prompt_cache_key="k",
        truncation="disabled",
        store=False,
        background=False,
        max_tool_calls=3,
        include=["reasoning.encrypted_content"],
        stream_options={"include_obfuscation": False},
    )
    assert found.stream
    assert found.max_tokens == 50
    assert found.sampling == Sampling(temperature=0.5, top_p=0.9, logprobs=True, top_logprobs=3)
    assert found.parallel_tool_calls is False
    assert found.tools == (
        Tool(name="f", description="d", parameters={"type": "object"}, strict=True),
    )
    assert found.tool_choice == ToolChoice(mode="tool", name="f")
    assert found.reasoning_effort == "low"
    assert found.response_format == ResponseFormat(kind="json_object")
    assert found.user == "ann"
    assert found.extra == {"safety_identifier": "s", "prompt_cache_key": "k", "verbosity": "low"}


def test_log_probabilities_may_be_asked_for_by_include_alone() -> None:
    assert read(include=["message.output_text.logprobs"]).sampling == Sampling(logprobs=True)
    assert read(top_logprobs=0).sampling == Sampling()


def test_a_schema_keeps_its_description() -> None:
    form = {"type": "json_schema", "name": "n", "schema": SCHEMA, "strict": True}
    assert read(text={"format": form}).response_format == ResponseFormat(
        kind="json_schema", name="n", schema=SCHEMA, strict=True
    )
    found = read(text={"format": {**form, "description": "d"}}).response_format
    assert found is not None
    assert found.schema == {**SCHEMA, "description": "d"}
    assert read(text={"format": {"type": "text"}}).response_format == ResponseFormat(kind="text")


def test_allowed_tools_are_the_only_ones_that_the_model_gets() -> None:
    tools = [FUNCTION, {**FUNCTION, "name": "g"}]
    choice = {
        "type": "allowed_tools",
        "mode": "required",
        "tools": [{"type": "function", "name": "g"}],
    }
    found = read(tools=tools, tool_choice=choice)
    assert [tool.name for tool in found.tools] == ["g"]
    assert found.tool_choice == ToolChoice(mode="required")
    assert read(tools=tools, tool_choice="none").tool_choice == ToolChoice(mode="none")


IMAGE_BY_ID = {"type": "input_image", "file_id": "file_1"}
UNSUPPORTED = [
    ({"background": True}, "background"),
    ({"conversation": "conv_1"}, "conversation"),
    ({"prompt": {"id": "pmpt_1"}}, "prompt"),
    ({"truncation": "auto"}, "truncation"),
    ({"include": ["new"]}, "include"),
    ({"reasoning": {"mode": "pro"}}, "reasoning.mode"),
    ({"reasoning": {"context": "all_turns"}}, "reasoning.context"),
    ({"stream_options": {"include_obfuscation": True}}, "stream_options.include_obfuscation"),
    ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
    ({"tools": [{**FUNCTION, "defer_loading": True}]}, "tools[0].defer_loading"),
    ({"tool_choice": {"type": "mcp", "server_label": "s"}}, "tool_choice"),
    ({"tool_choice": {"type": "allowed_tools", "mode": "auto"}}, "tool_choice"),
    (
        {"tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "mcp"}]}},
        "tool_choice",
    ),
    (
        {"tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function"}]}},
        "tool_choice",
    ),
    ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0]"),
    ({"input": [{"id": "msg_1"}]}, "input[0]"),
    ({"input": [{"type": "computer_call", "id": "c"}]}, "input[0]"),
    ({"input": [message(IMAGE_BY_ID)]}, "input[0].content[0].file_id"),
    (
        {"input": [message({"type": "input_file", "file_id": "file_1"})]},
        "input[0].content[0].file_id",
    ),
    ({"input": [message({"type": "input_audio"})]}, "input[0].content[0]"),
]


@pytest.mark.parametrize(("fields", "param"), UNSUPPORTED)
def test_what_can_not_be_translated_is_refused_by_its_name(
    fields: dict[str, Any], param: str
) -> None:
    with pytest.raises(UnsupportedField) as refused:
        read(**{"items": fields.pop("input", "Hello"), **fields})
    assert refused.value.param == param


def test_places_are_counted_without_the_conversation_that_was_put_before() -> None:
    foreign = {"type": "computer_call", "id": "c"}
    items = [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}, foreign]
    whole = ResponsesCall({"model": "m", "input": items}, "req_1", before=2)
    with pytest.raises(UnsupportedField, match="computer_call") as refused:
        whole.request({})
    assert refused.value.param == "input[0]"
    whole = ResponsesCall({"model": "m", "input": items}, "req_1", before=3)
    with pytest.raises(UnsupportedField) as refused:
        whole.request({})
    assert refused.value.param == "previous_response_id"


INVALID: list[tuple[dict[str, Any], str]] = [
    ({"model": 1}, "model"),
    ({"model": " "}, "model"),
    ({"input": 1}, "input"),
    ({"input": None}, "input"),
    ({"input": []}, "input"),
    ({"input": ["a"]}, "input[0]"),
    ({"input": [{"type": 1}]}, "input[0].type"),
    ({"input": [{"type": "message"}]}, "input[0].role"),
    ({"input": [{"role": "tool", "content": "a"}]}, "input[0].role"),
    ({"input": [{"role": "user"}]}, "input[0].content"),
    ({"input": [message("a")]}, "input[0].content[0]"),
    ({"input": [message({})]}, "input[0].content[0].type"),
    ({"input": [message({"type": "input_text"})]}, "input[0].content[0].text"),
    ({"input": [message({"type": "input_image"})]}, "input[0].content[0].image_url"),
    ({"input": [message({"type": "input_file"})]}, "input[0].content[0].file_data"),
    (
        {"input": [message({"type": "input_file", "file_data": 1})]},
        "input[0].content[0].file_data",
    ),
    ({"input": [call("a", arguments={})]}, "input[0].arguments"),
    ({"input": [{"type": "function_call", "name": "f"}]}, "input[0].call_id"),
    ({"input": [{"type": "function_call_output", "output": "x"}]}, "input[0].call_id"),
    ({"input": [result("a", 1)]}, "input[0].output"),
    ({"input": [result("a", [1])]}, "input[0].output[0]"),
    ({"input": [{"type": "reasoning", "summary": 1}]}, "input[0].summary"),
    ({"input": [{"type": "reasoning", "summary": [1]}]}, "input[0].summary[0]"),
    ({"input": [{"type": "reasoning", "content": [{}]}]}, "input[0].content[0].text"),
    ({"input": [{"type": "reasoning", "encrypted_content": 1}]}, "input[0].encrypted_content"),
    ({"input": [{"type": "item_reference"}]}, "input[0].id"),
    ({"instructions": 1}, "instructions"),
    ({"stream": "yes"}, "stream"),
    ({"store": 1}, "store"),
    ({"previous_response_id": 1}, "previous_response_id"),
    ({"previous_response_id": "resp_1", "conversation": "conv_1"}, "previous_response_id"),
    ({"max_output_tokens": 0}, "max_output_tokens"),
    ({"temperature": 3}, "temperature"),
    ({"top_p": "a"}, "top_p"),
    ({"top_logprobs": 21}, "top_logprobs"),
    ({"tools": {}}, "tools"),
    ({"tools": [1]}, "tools[0]"),
    ({"tools": [{}]}, "tools[0].type"),
    ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools[0].name"),
    ({"tools": [{"type": "function", "name": ""}]}, "tools[0].name"),
    ({"tools": [{**FUNCTION, "description": 1}]}, "tools[0].description"),
    ({"tools": [{**FUNCTION, "parameters": "x"}]}, "tools[0].parameters"),
    ({"tool_choice": 1}, "tool_choice"),
    ({"tool_choice": "some"}, "tool_choice"),
    ({"tool_choice": {}}, "tool_choice.type"),
    ({"text": 1}, "text"),
    ({"text": {"verbosity": "loud"}}, "text.verbosity"),
    ({"text": {"format": 1}}, "text.format"),
    ({"text": {"format": {}}}, "text.format.type"),
    ({"text": {"format": {"type": "xml"}}}, "text.format.type"),
    ({"text": {"format": {"type": "json_schema"}}}, "text.format.name"),
    ({"text": {"format": {"type": "json_schema", "name": "n"}}}, "text.format.schema"),
    ({"reasoning": 1}, "reasoning"),
    ({"reasoning": {"effort": 1}}, "reasoning.effort"),
    ({"reasoning": {"summary": 1}}, "reasoning.summary"),
    ({"reasoning": {"summary": "long"}}, "reasoning.summary"),
    ({"include": "a"}, "include"),
    ({"metadata": []}, "metadata"),
    ({"metadata": {"a": 1}}, "metadata.a"),
    ({"truncation": "some"}, "truncation"),
    ({"prompt": "a"}, "prompt"),
]


@pytest.mark.parametrize(("fields", "param"), INVALID)
def test_what_is_wrong_is_refused_by_its_name(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        DIALECT.facts({"model": "m", "input": "Hello", **fields})
    assert refused.value.param == param
    assert param in refused.value.message


@pytest.mark.parametrize(
    ("url", "param"),
    [("ftp://x", "image_url"), ("data:image/png,abc", "image_url"), ("data:", "image_url")],
)
def test_an_image_that_is_no_address_is_refused(url: str, param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read([message({"type": "input_image", "image_url": url})])
    assert refused.value.param == f"input[0].content[0].{param}"


def test_a_body_without_input_needs_something_to_go_on_from() -> None:
    with pytest.raises(InvalidRequest, match="input"):
        DIALECT.facts({"model": "m"})
    body = {"model": "m", "previous_response_id": "resp_1"}
    assert DIALECT.facts(body).prompt_tokens == 0
    with pytest.raises(RequestError, match="nothing to go on from"):
        DIALECT.request(body)


def test_null_means_not_said() -> None:
    fields = [
        "instructions", "stream", "store", "previous_response_id", "max_output_tokens", "tools",
        "temperature", "tool_choice", "text", "reasoning", "include", "metadata", "truncation",
        "prompt", "conversation", "background", "stream_options", "user",
    ]  # fmt: skip
    nulls = dict.fromkeys(fields)
    assert facts(**nulls) == facts()
    assert read(**nulls) == read()


def test_facts_say_what_routing_needs() -> None:
    assert facts("x" * 8) == RequestFacts(model="m", prompt_tokens=2)
    found = facts(
        [
            message(input_text("x" * 8), {"type": "input_image", "image_url": PNG}),
            message({"type": "input_image", "image_url": PNG, "detail": "low"}),
            message({"type": "input_file", "file_url": "https://x/y"}),
            call("a"),
            result("a", "x" * 8),
            {"type": "reasoning", "summary": [{"text": "x" * 4}], "content": None},
            {"type": "item_reference", "id": "msg_1"},
            {"type": "computer_call", "id": "c"},
        ],
        stream=True,
        tools=[FUNCTION],
        instructions="x" * 40,
        max_output_tokens=9,
        reasoning={"effort": "high"},
        text={"format": {"type": "json_schema", "name": "n", "schema": SCHEMA}},
    )
    assert (found.stream, found.tools, found.vision) == (True, True, True)
    assert (found.json_mode, found.reasoning, found.max_tokens) == (True, True, 9)
    assert found.prompt_tokens > 765 + 85 + 1500 + 15
    assert not facts(reasoning={"effort": "none"}).reasoning
    assert not facts(text={"format": {"type": "text"}}).json_mode
