"""Chat requests as bodies of the Messages API, checked against the official SDK's types."""

from __future__ import annotations

import base64
import json
from itertools import pairwise
from typing import Any

import pytest
from anthropic.types.message_create_params import MessageCreateParamsBase
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.providers.anthropic.anthropic_wire import body_of, chat, check_params, materialised, user
from tests.providers.anthropic.asked import (
    CALL,
    PNG,
    RESULT,
    WEATHER,
    assistant,
    refused,
    system,
    text,
    tool,
)

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
from laird.providers.anthropic.extras import NATIVE
from laird.providers.anthropic.request import DEFAULT_MAX_TOKENS
from laird.providers.hints import BOOKKEEPING, NEUTRAL


class TestMessages:
    def test_the_smallest_request(self) -> None:
        assert body_of(chat()) == {
            "model": "claude-opus-5",
            "max_tokens": DEFAULT_MAX_TOKENS,
            "messages": [{"role": "user", "content": [text("Hi")]}],
        }

    def test_leading_system_messages_become_the_system_field(self) -> None:
        body = body_of(chat(system("Be brief."), system("Be kind."), user()))
        assert body["system"] == [text("Be brief."), text("Be kind.")]
        assert [turn["role"] for turn in body["messages"]] == ["user"]

    def test_a_later_system_message_stays_in_its_place_where_the_model_allows(self) -> None:
        messages = (user("1"), system("Now in French."), user("2"), assistant(Text("3")), user("4"))
        body = body_of(chat(*messages))
        assert [(turn["role"], turn["content"]) for turn in body["messages"]] == [
            ("user", [text("1"), text("2")]),
            ("system", [text("Now in French.")]),
            ("assistant", [text("3")]),
            ("user", [text("4")]),
        ]

    def test_a_later_system_message_joins_the_first_ones_on_older_models(self) -> None:
        messages = (system("A"), user("1"), system("B"), assistant(Text("2")), user("3"))
        body = body_of(chat(*messages), "claude-sonnet-4-5")
        assert body["system"] == [text("A"), text("B")]
        assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user"]

    @pytest.mark.parametrize("upstream", ["claude-opus-5-5", "claude-3-5-haiku-latest"])
    def test_a_system_message_that_follows_the_last_answer_is_what_to_answer(
        self, upstream: str
    ) -> None:
        body = body_of(chat(user("1"), assistant(Text("2")), system("Go on.")), upstream)
        assert body["messages"][-1] == {"role": "user", "content": [text("Go on.")]}

    def test_a_system_message_between_two_answers_joins_the_first_ones(self) -> None:
        messages = (user("1"), assistant(Text("2")), system("S"), assistant(Text("3")), user("4"))
        body = body_of(chat(*messages))
        assert body["system"] == [text("S")]
        assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user"]

    def test_turns_of_one_role_are_merged(self) -> None:
        body = body_of(chat(user("a"), user("b"), assistant(Text("c")), assistant(Text("d"))))
        assert body["messages"] == [
            {"role": "user", "content": [text("a"), text("b")]},
            {"role": "assistant", "content": [text("c"), text("d")]},
        ]

    def test_empty_text_is_left_out(self) -> None:
        body = body_of(
            chat(user(""), user(" \n"), user("x"), assistant(Text("")), assistant(Text(""), CALL))
        )
        assert [[b["type"] for b in t["content"]] for t in body["messages"]] == [
            ["text"],
            ["tool_use"],
        ]

    @pytest.mark.parametrize("messages", [(user(""),), (system("only"),), (assistant(),)])
    def test_nothing_to_answer_is_refused(self, messages: tuple[Message, ...]) -> None:
        assert refused(chat(*messages)) == "messages"

    def test_white_space_is_taken_from_the_end_of_a_begun_answer(self) -> None:
        body = body_of(chat(user(), assistant(Text("Once upon \n"))), "claude-sonnet-4-5")
        assert body["messages"][-1]["content"] == [text("Once upon")]

    def test_the_name_of_a_speaker_is_told_to_the_model(self) -> None:
        named = Message(role=Role.USER, parts=(Text("Hi"),), name="ada")
        body = body_of(chat(named))
        assert body["messages"][0]["content"] == [text("Message from ada:"), text("Hi")]

    def test_images_go_as_data_or_by_address(self) -> None:
        parts = (
            Image(data=PNG),
            Image(data=PNG, media_type="image/jpg"),
            Image(url="https://example.org/cat.png", detail="low"),
        )
        body = body_of(chat(Message(role=Role.USER, parts=parts)))
        assert [block["source"] for block in body["messages"][0]["content"]] == [
            {"type": "base64", "media_type": "image/png", "data": PNG},
            {"type": "base64", "media_type": "image/jpeg", "data": PNG},
            {"type": "url", "url": "https://example.org/cat.png"},
        ]

    @pytest.mark.parametrize(
        "message",
        [
            Message(role=Role.USER, parts=(Image(data="QUJD", media_type="image/bmp"),)),
            Message(role=Role.USER, parts=(Image(data="QUJD"),)),
            Message(role=Role.USER, parts=(Image(url="ftp://example.org/cat.png"),)),
            Message(role=Role.USER, parts=(Image(),)),
            Message(role=Role.USER, parts=(CALL,)),
            Message(role=Role.SYSTEM, parts=(Image(data=PNG),)),
            Message(role=Role.ASSISTANT, parts=(Image(data=PNG),)),
        ],
    )
    def test_content_without_a_place_is_refused_with_its_place(self, message: Message) -> None:
        assert refused(chat(user(), message)) == "messages[1].content"


class TestTools:
    def test_a_round_of_parallel_calls(self) -> None:
        second = ToolCall(id="toolu_2", name="get_weather", arguments="")
        failed = ToolResult(call_id="toolu_2", parts=(Text("which city?"),), is_error=True)
        body = body_of(
            chat(
                user(),
                assistant(Text("Looking."), CALL, second),
                tool(RESULT),
                tool(failed),
                user("And?"),
                tools=(WEATHER,),
            )
        )
        assert body["tools"] == [
            {
                "name": "get_weather",
                "description": "Weather of a city",
                "input_schema": WEATHER.parameters,
            }
        ]
        _, calls, results = body["messages"]
        assert calls["content"][1:] == [
            {
                "type": "tool_use",
                "id": "toolu_1",
                "name": "get_weather",
                "input": {"city": "Paris"},
            },
            {"type": "tool_use", "id": "toolu_2", "name": "get_weather", "input": {}},
        ]
        assert results["role"] == "user"
        assert results["content"] == [
            {"type": "tool_result", "tool_use_id": "toolu_1", "content": [text("18 C")]},
            {
                "type": "tool_result",
                "tool_use_id": "toolu_2",
                "content": [text("which city?")],
                "is_error": True,
            },
            text("And?"),
        ]

    def test_results_stand_first_in_their_turn(self) -> None:
        body = body_of(chat(user(), assistant(CALL), user("Wait"), tool(RESULT), tools=(WEATHER,)))
        kinds = [block["type"] for block in body["messages"][-1]["content"]]
        assert kinds == ["tool_result", "text"]

    def test_documents_go_inline_or_by_address(self) -> None:
        text = base64.b64encode("Köln".encode()).decode()
        parts = (
            Document(media_type="application/pdf", data="JVBERi0x", name="a.pdf"),
            Document(data="JVBERi0x"),
            Document(media_type="text/markdown; charset=utf-8", data=text),
            Document(url="https://example.org/a.pdf"),
        )
        pdf = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0x"}
        expected = [
            {"type": "document", "source": pdf, "title": "a.pdf"},
            {"type": "document", "source": pdf},
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "Köln"},
            },
            {"type": "document", "source": {"type": "url", "url": "https://example.org/a.pdf"}},
        ]
        body = body_of(chat(Message(role=Role.USER, parts=parts)))
        assert body["messages"][0]["content"] == expected

    @pytest.mark.parametrize(
        "document",
        [
            Document(url="file:///etc/passwd"),
            Document(),
            Document(data="AAAA"),
            Document(media_type="application/zip", data="AAAA"),
            Document(media_type="text/plain", data="no base64!"),
            Document(media_type="text/plain", data="/w=="),
        ],
    )
    def test_other_documents_are_refused(self, document: Document) -> None:
        with pytest.raises(UnsupportedField, match="a PDF or plain text"):
            body_of(chat(Message(role=Role.USER, parts=(document,))))

    def test_a_result_may_hold_images_or_nothing(self) -> None:
        picture = ToolResult(call_id="toolu_1", parts=(Text("see"), Image(data=PNG)))
        nothing = ToolResult(call_id="toolu_2", parts=(Text(""),))
        calls = (CALL, ToolCall(id="toolu_2", name="get_weather", arguments="{}"))
        body = body_of(chat(user(), assistant(*calls), tool(picture, nothing), tools=(WEATHER,)))
        first, second = body["messages"][-1]["content"]
        assert [block["type"] for block in first["content"]] == ["text", "image"]
        assert "content" not in second

    def test_foreign_call_ids_are_rewritten_alike_on_both_sides(self) -> None:
        call = ToolCall(id="functions.get_weather:0", name="get_weather", arguments="{}")
        result = ToolResult(call_id="functions.get_weather:0", parts=(Text("18 C"),))
        body = body_of(chat(user(), assistant(call), tool(result), tools=(WEATHER,)))
        (called,), (answered,) = (turn["content"] for turn in body["messages"][1:])
        assert called["id"] == answered["tool_use_id"]
        assert called["id"].replace("_", "").isalnum()

    @pytest.mark.parametrize("arguments", ['{"city": ', "[1]", '"x"', "null", "{} {}"])
    def test_arguments_that_are_no_object_are_named(self, arguments: str) -> None:
        call = ToolCall(id="toolu_2", name="get_weather", arguments=arguments)
        with pytest.raises(InvalidRequest, match="get_weather") as caught:
            body_of(chat(user(), assistant(CALL, call), tools=(WEATHER,)))
        assert caught.value.param == "messages[1].tool_calls[1].function.arguments"

    def test_arguments_are_sent_as_the_model_wrote_them(self) -> None:
        call = ToolCall(id="toolu_1", name="f", arguments='{"b":1.0,  "a":"\\u00e9"}')
        body = body_of(chat(user(), assistant(call), tool(RESULT)))
        assert body["messages"][1]["content"][0]["input"] == {"b": 1.0, "a": "é"}

    def test_a_tool_without_parameters_gets_an_object(self) -> None:
        body = body_of(chat(tools=(Tool(name="now"), Tool(name="later", strict=True))))
        assert body["tools"] == [
            {"name": "now", "input_schema": {"type": "object"}},
            {"name": "later", "input_schema": {"type": "object"}, "strict": True},
        ]

    @pytest.mark.parametrize(
        ("choice", "parallel", "written"),
        [
            (None, None, None),
            (None, True, None),
            (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
            (ToolChoice(mode="auto"), None, {"type": "auto"}),
            (ToolChoice(mode="none"), False, {"type": "none"}),
            (ToolChoice(mode="required"), None, {"type": "any"}),
            (
                ToolChoice(mode="tool", name="get_weather"),
                False,
                {"type": "tool", "name": "get_weather", "disable_parallel_tool_use": True},
            ),
        ],
    )
    def test_tool_choice(
        self, choice: ToolChoice | None, parallel: bool | None, written: dict[str, Any] | None
    ) -> None:
        request = chat(tools=(WEATHER,), tool_choice=choice, parallel_tool_calls=parallel)
        assert body_of(request).get("tool_choice") == written

    def test_an_unknown_tool_choice_is_refused(self) -> None:
        request = chat(tools=(WEATHER,), tool_choice=ToolChoice(mode="allowed_tools"))
        assert refused(request) == "tool_choice"

    def test_a_forced_call_without_tools_is_wrong(self) -> None:
        with pytest.raises(InvalidRequest) as caught:
            body_of(chat(tool_choice=ToolChoice(mode="required")))
        assert caught.value.param == "tools"

    def test_choices_without_tools_say_nothing(self) -> None:
        body = body_of(chat(tool_choice=ToolChoice(mode="auto"), parallel_tool_calls=False))
        assert body.keys() == {"model", "max_tokens", "messages"}

    def test_tools_of_the_past_are_declared_but_may_not_be_called(self) -> None:
        body = body_of(chat(user(), assistant(CALL, CALL), tool(RESULT), user("Sum it up.")))
        assert body["tools"] == [{"name": "get_weather", "input_schema": {"type": "object"}}]
        assert body["tool_choice"] == {"type": "none"}


class TestExtras:
    def test_native_fields_are_ones_that_the_sdk_knows(self) -> None:
        assert MessageCreateParamsBase.__annotations__.keys() >= NATIVE

    def test_native_fields_are_passed_on(self) -> None:
        extra = {
            "cache_control": {"type": "ephemeral", "ttl": "1h"},
            "thinking": {"type": "adaptive", "display": "omitted"},
            "output_config": {"effort": "max"},
            "inference_geo": "eu",
        }
        body = body_of(chat(extra=extra, reasoning_effort="low"))
        assert {name: body[name] for name in extra} == extra

    def test_native_output_settings_join_ours(self) -> None:
        format_ = ResponseFormat(kind="json_schema", schema={"type": "object", "properties": {}})
        extra = {"output_config": {"effort": "max"}}
        config = body_of(chat(extra=extra, response_format=format_))["output_config"]
        assert config.keys() == {"effort", "format"}

    def test_bookkeeping_is_not_sent(self) -> None:
        extra: dict[str, Any] = {name: {"team": "a"} for name in BOOKKEEPING}
        extra |= {name: values[0] for name, values in NEUTRAL.items()}
        extra["web_search_options"] = None
        assert body_of(chat(extra=extra)).keys() == {"model", "max_tokens", "messages"}

    @pytest.mark.parametrize(
        ("over", "expected"),
        [
            ({"user": "u1"}, "u1"),
            ({"user": "u1", "extra": {"safety_identifier": "u2"}}, "u1"),
            ({"extra": {"metadata": {"user_id": "u3"}}}, "u3"),
            ({"extra": {"safety_identifier": "u4", "metadata": {"user_id": 5}}}, "u4"),
        ],
    )
    def test_the_user_is_told_as_metadata(self, over: dict[str, Any], expected: str) -> None:
        assert body_of(chat(**over))["metadata"] == {"user_id": expected}

    @pytest.mark.parametrize("tier", ["default", "standard_only"])
    def test_the_default_tier_is_the_standard_one(self, tier: str) -> None:
        assert body_of(chat(extra={"service_tier": tier}))["service_tier"] == "standard_only"

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("store", True),
            ("service_tier", "flex"),
            ("service_tier", ["auto"]),
            ("verbosity", "low"),
            ("modalities", ["text", "audio"]),
            ("audio", {"voice": "alloy"}),
            ("web_search_options", {}),
            ("min_p", 0.1),
            ("functions", [{"name": "f"}]),
        ],
    )
    def test_anything_else_is_refused_by_name(self, field: str, value: Any) -> None:
        assert refused(chat(extra={field: value})) == field


# --- the law: whatever is not refused is a body that the official SDK's types take ---------------

words = st.text(max_size=12)
names = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_-]{0,10}", fullmatch=True)
json_objects = st.dictionaries(words, st.one_of(st.integers(), words, st.none()), max_size=3)
texts = st.builds(Text, words)
images = st.one_of(
    st.builds(Image, data=st.just(PNG), media_type=st.sampled_from([None, "image/png"])),
    st.builds(Image, url=st.just("https://example.org/a.png")),
)
calls = st.builds(ToolCall, id=words, name=names, arguments=json_objects.map(json.dumps))
results = st.builds(
    ToolResult,
    call_id=words,
    parts=st.lists(st.one_of(texts, images), max_size=2).map(tuple),
    is_error=st.booleans(),
)
thoughts = st.builds(
    Reasoning,
    text=words,
    signature=st.none() | words,
    redacted=st.none() | words,
)


def message_of(role: Role, parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Message]:
    return st.builds(
        Message,
        role=st.just(role),
        parts=st.lists(parts, max_size=4).map(tuple),
        name=st.none() | names,
    )


messages = st.lists(
    st.one_of(
        message_of(Role.SYSTEM, texts),
        message_of(Role.USER, st.one_of(texts, images, results)),
        message_of(Role.ASSISTANT, st.one_of(texts, calls, thoughts)),
        message_of(Role.TOOL, results),
    ),
    max_size=8,
).map(tuple)
tools = st.builds(
    Tool,
    name=names,
    description=st.none() | words,
    parameters=st.none() | json_objects.map(lambda p: {"type": "object", "properties": p}),
    strict=st.sampled_from([None, False, True]),
)
choices = st.one_of(
    st.none(),
    st.builds(ToolChoice, mode=st.sampled_from(["auto", "none", "required"])),
    st.builds(ToolChoice, mode=st.just("tool"), name=names),
)
formats = st.one_of(
    st.none(),
    st.builds(ResponseFormat, kind=st.sampled_from(["text", "json_object"])),
    st.builds(ResponseFormat, kind=st.just("json_schema"), schema=json_objects),
)
samplings = st.builds(
    Sampling,
    temperature=st.none() | st.floats(0, 1),
    top_p=st.none() | st.floats(0, 1),
    top_k=st.none() | st.integers(1, 100),
    stop=st.lists(words, max_size=3).map(tuple),
    seed=st.none() | st.none() | st.integers(0, 3),
)
requests = st.builds(
    ChatRequest,
    messages=messages,
    tools=st.lists(tools, max_size=3).map(tuple),
    tool_choice=choices,
    parallel_tool_calls=st.sampled_from([None, True, False]),
    response_format=formats,
    max_tokens=st.none() | st.integers(1, 64_000),
    sampling=st.just(Sampling()) | samplings,
    reasoning_effort=st.sampled_from([None, None, "none", "low", "high", "xhigh"]),
    reasoning_budget=st.none() | st.integers(0, 9000),
    user=st.none() | words,
    stream=st.booleans(),
)
generations = st.sampled_from(
    ["claude-opus-5-5", "claude-sonnet-5", "claude-opus-4-6", "claude-haiku-4-5", "claude-3-opus"]
)


@settings(max_examples=120, deadline=None)
@given(request=requests, upstream=generations)
def test_whatever_is_not_refused_is_a_valid_body(request: ChatRequest, upstream: str) -> None:
    try:
        body = body_of(request, upstream)
    except RequestError:
        return
    turns = body["messages"]
    assert turns
    for before, after in pairwise(turns):
        assert before["role"] != after["role"]
        if after["role"] == "system":
            assert before["role"] == "user"
        if before["role"] == "system":
            assert after["role"] == "assistant"
    for turn in turns:
        kinds = [block["type"] for block in turn["content"]]
        assert kinds
        if turn["role"] == "user":
            assert "tool_result" not in kinds[kinds.count("tool_result") :]
        assert all(b["text"].strip() for b in turn["content"] if b["type"] == "text")


def test_the_oracle_notices_what_the_sdk_does_not_know() -> None:
    """The check of the tests above is worth something only if it can fail."""
    body = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "x"}]}
    assert materialised(body) == body
    wrong: list[dict[str, Any]] = [
        {**body, "seed": 1},
        {**body, "messages": [{"role": "user", "content": [{"type": "text", "txt": "x"}]}]},
        {**body, "messages": [{"role": "user", "content": [text("x") | {"colour": 1}]}]},
        {**body, "tool_choice": {"type": "required"}},
    ]
    for sample in wrong:
        with pytest.raises((AssertionError, ValueError)):
            check_params(sample)
