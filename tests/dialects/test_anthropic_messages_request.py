"""A Messages body in the canonical form."""

from __future__ import annotations

import json
from typing import Any

import pytest

from laird.dialects.anthropic_messages import AnthropicMessages
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
from laird.domain.errors import UnsupportedField

MESSAGES = AnthropicMessages()
HELLO = {"role": "user", "content": "Hello"}
TOOL = {"name": "f", "input_schema": {"type": "object"}}
CALL = {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": "ö"}}
CACHED = {"cache_control": {"type": "ephemeral"}}


def read(**fields: Any) -> ChatRequest:
    body = {"model": "m", "max_tokens": 10, "messages": [HELLO], **fields}
    MESSAGES.facts(body)
    return MESSAGES.request(body)


def turn(role: str, *blocks: Any) -> tuple[Message, ...]:
    return read(messages=[{"role": role, "content": list(blocks)}]).messages


def refused(**fields: Any) -> UnsupportedField:
    with pytest.raises(UnsupportedField) as caught:
        read(**fields)
    error = caught.value
    assert f"'{error.param}'" in error.message
    return error


def test_the_smallest_request() -> None:
    hello = Message(role=Role.USER, parts=(Text("Hello"),))
    assert read() == ChatRequest(messages=(hello,), max_tokens=10)


def test_all_fields() -> None:
    request = read(
        stream=True,
        system=[{"type": "text", "text": "Short.", **CACHED}, {"type": "text", "text": "Kind."}],
        temperature=0.5,
        top_p=0.9,
        top_k=3,
        stop_sequences=["END"],
        tools=[{**TOOL, "description": "d", "strict": True, "type": "custom", **CACHED}],
        tool_choice={"type": "any", "disable_parallel_tool_use": True},
        metadata={"user_id": "ada"},
        **CACHED,
        service_tier="standard_only",
        context_management={"edits": []},
        diagnostics={"previous_message_id": None},
        speed="standard",
    )
    assert request.messages[0] == Message(role=Role.SYSTEM, parts=(Text("Short."), Text("Kind.")))
    assert request.sampling == Sampling(temperature=0.5, top_p=0.9, top_k=3, stop=("END",))
    schema = {"type": "object"}
    assert request.tools == (Tool(name="f", description="d", parameters=schema, strict=True),)
    assert request.tool_choice == ToolChoice(mode="required")
    assert request.parallel_tool_calls is False
    assert request.user == "ada"
    assert request.stream
    assert request.extra == {}


@pytest.mark.parametrize(
    ("choice", "meant"),
    [
        ({"type": "auto"}, ToolChoice(mode="auto")),
        ({"type": "any"}, ToolChoice(mode="required")),
        ({"type": "none"}, ToolChoice(mode="none")),
        ({"type": "tool", "name": "f"}, ToolChoice(mode="tool", name="f")),
    ],
)
def test_which_tool(choice: dict[str, str], meant: ToolChoice) -> None:
    request = read(tools=[TOOL], tool_choice=choice)
    assert request.tool_choice == meant
    assert request.parallel_tool_calls is None


def test_a_users_turn_gives_results_first() -> None:
    picture = {
        "type": "image",
        "source": {"type": "base64", "media_type": "image/PNG", "data": "i"},
    }
    assert turn(
        "user",
        {"type": "text", "text": "Look"},
        {"type": "tool_result", "tool_use_id": "t1", "content": [picture], "is_error": True},
        {"type": "tool_result", "tool_use_id": "t2"},
        {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}},
    ) == (
        Message(
            role=Role.TOOL,
            parts=(
                ToolResult(
                    call_id="t1", parts=(Image(media_type="image/png", data="i"),), is_error=True
                ),
                ToolResult(call_id="t2", parts=()),
            ),
        ),
        Message(role=Role.USER, parts=(Text("Look"), Image(url="https://example.org/a.png"))),
    )


def test_results_alone_are_one_message() -> None:
    (message,) = turn("user", {"type": "tool_result", "tool_use_id": "t1", "content": "ok"})
    assert message.role is Role.TOOL


def test_documents() -> None:
    (message,) = turn(
        "user",
        {
            "type": "document",
            "title": "T",
            "context": "C",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0"},
        },
        {"type": "document", "source": {"type": "url", "url": "https://example.org/a.pdf"}},
        {
            "type": "document",
            "title": "Notes",
            "source": {"type": "text", "media_type": "text/plain", "data": "n"},
            "citations": {"enabled": False},
        },
        {"type": "document", "source": {"type": "content", "content": "plain"}, "title": "P"},
        {
            "type": "document",
            "source": {"type": "content", "content": [{"type": "text", "text": "block"}]},
        },
        {
            "type": "search_result",
            "title": "Found",
            "source": "https://example.org",
            "content": [{"type": "text", "text": "it"}],
        },
    )
    assert message.parts == (
        Text("C"),
        Document(media_type="application/pdf", data="JVBERi0", name="T"),
        Document(url="https://example.org/a.pdf"),
        Text("Notes\n\nn"),
        Text("P"),
        Text("plain"),
        Text("block"),
        Text("Found | https://example.org\nit"),
    )


def test_what_the_model_said() -> None:
    (message,) = turn(
        "assistant",
        {"type": "thinking", "thinking": "Hm", "signature": "c2ln"},
        {"type": "thinking", "thinking": "unsigned", "signature": ""},
        {"type": "redacted_thinking", "data": "aGlk"},
        {"type": "text", "text": "Yes", "citations": [{"type": "char_location"}]},
        {"type": "redacted_thinking", "data": "call:gemini:cHJvb2Y="},
        CALL,
        {**CALL, "id": "t2", "caller": {"type": "direct"}},
    )
    assert message.parts == (
        Reasoning(text="Hm", signature="c2ln"),
        Reasoning(text="unsigned"),
        Reasoning(redacted="aGlk"),
        Text("Yes"),
        ToolCall(id="t1", name="f", arguments='{"a":"ö"}', signature="gemini:cHJvb2Y="),
        ToolCall(id="t2", name="f", arguments='{"a":"ö"}'),
    )


def test_a_system_message_inside_the_conversation() -> None:
    (message,) = turn("system", {"type": "text", "text": "Now in French."})
    assert message == Message(role=Role.SYSTEM, parts=(Text("Now in French."),))


@pytest.mark.parametrize(
    ("fields", "effort", "budget"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, None, 2000),
        ({"thinking": {"type": "adaptive"}}, None, None),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}, "high", None),
        ({"thinking": {"type": "disabled"}}, "none", None),
        ({"output_config": {"effort": "max"}}, "xhigh", None),
        ({"output_config": {"effort": None}}, None, None),
    ],
)
def test_how_much_to_think(fields: dict[str, Any], effort: str | None, budget: int | None) -> None:
    request = read(**fields)
    assert (request.reasoning_effort, request.reasoning_budget) == (effort, budget)


CLOSED = {
    "type": "object",
    "properties": {"a": {"type": "array", "items": {"type": "string"}}},
    "required": ["a"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        (CLOSED, True),
        ({**CLOSED, "properties": {"a": CLOSED}}, True),
        ({**CLOSED, "required": []}, None),
        ({**CLOSED, "properties": {"a": {**CLOSED, "required": []}}}, None),
        ({"anyOf": [CLOSED, {**CLOSED, "additionalProperties": True}]}, None),
    ],
)
def test_a_schema_is_strict_where_every_provider_can_hold_it(
    schema: dict[str, Any], strict: bool | None
) -> None:
    form = {"type": "json_schema", "schema": schema}
    meant = ResponseFormat(kind="json_schema", schema=schema, strict=strict)
    assert read(output_config={"format": form}).response_format == meant
    assert read(output_format=form).response_format == meant


def test_examples_of_input_are_told_in_the_description() -> None:
    (tool,) = read(tools=[{**TOOL, "input_examples": [{"a": 1}, {"b": 2}]}]).tools
    assert tool.description == 'Examples of input:\n{"a":1}\n{"b":2}'


def test_a_long_user_id_is_hashed_alike_each_time() -> None:
    user = read(metadata={"user_id": "u" * 100}).user
    assert user is not None
    assert len(user) == 64
    assert user == read(metadata={"user_id": "u" * 100}).user
    assert read(metadata={"user_id": None}).user is None


FILE = {"type": "file", "file_id": "f_1"}
REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("max_tokens", {"max_tokens": 0}),
    ("container", {"container": "c"}),
    ("speed", {"speed": "fast"}),
    ("mcp_servers", {"mcp_servers": [{"name": "x"}]}),
    ("brand_new", {"brand_new": False}),
    ("thinking.type", {"thinking": {"type": "between_tools"}}),
    ("tools.0.type", {"tools": [{"type": "bash_20250124", "name": "bash"}]}),
    ("tools.0.brand_new", {"tools": [{**TOOL, "brand_new": 1}]}),
    ("tools.0.defer_loading", {"tools": [{**TOOL, "defer_loading": True}]}),
    (
        "tools.0.allowed_callers",
        {"tools": [{**TOOL, "allowed_callers": ["code_execution_20260120"]}]},
    ),
]
CONTENT: list[tuple[str, str, dict[str, Any]]] = [
    ("", "user", {"type": "container_upload", "file_id": "f"}),
    (".source", "user", {"type": "image", "source": FILE}),
    (".source", "user", {"type": "document", "source": FILE}),
    (
        ".transformations",
        "user",
        {"type": "image", "source": {"type": "url", "url": "u"}, "transformations": {"a": 1}},
    ),
    (
        ".citations",
        "user",
        {
            "type": "document",
            "source": {"type": "url", "url": "u"},
            "citations": {"enabled": True},
        },
    ),
    (
        ".toolset_name",
        "user",
        {"type": "tool_result", "tool_use_id": "t", "toolset_name": "browser"},
    ),
    (
        ".content.0",
        "user",
        {
            "type": "tool_result",
            "tool_use_id": "t",
            "content": [{"type": "tool_reference", "tool_name": "f"}],
        },
    ),
    ("", "assistant", {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}),
    (".caller", "assistant", {**CALL, "caller": {"type": "code_execution_20250825"}}),
    (".toolset_name", "assistant", {**CALL, "toolset_name": "browser"}),
    ("", "system", {"type": "image", "source": {"type": "url", "url": "u"}}),
]


@pytest.mark.parametrize(("param", "fields"), REFUSED, ids=[name for name, _ in REFUSED])
def test_what_has_no_equal_is_refused_by_name(param: str, fields: dict[str, Any]) -> None:
    assert refused(**fields).param == param


@pytest.mark.parametrize(("path", "role", "block"), CONTENT)
def test_content_that_has_no_equal_is_refused_by_place(
    path: str, role: str, block: dict[str, Any]
) -> None:
    error = refused(messages=[{"role": role, "content": [block]}])
    place = "messages.0.content" if role == "system" else f"messages.0.content.0{path}"
    assert error.param == place


def test_values_that_ask_for_nothing_are_fine() -> None:
    assert read(mcp_servers=[], container=None, brand_new=None) == read()
    tool = {**TOOL, "allowed_callers": ["direct"], "defer_loading": False}
    assert read(tools=[tool]) == read(tools=[TOOL])
    assert json.loads(json.dumps(read().extra)) == {}
