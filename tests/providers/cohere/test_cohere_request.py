"""What Cohere is asked, for everything a client may say."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.providers.cohere.cohere_wire import CHAT, body_of, chat, check_body, said

from laird.domain.catalog import Capabilities
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

PIXEL = "iVBORw0KGgo="
WEATHER = Tool(name="get_weather", parameters={"type": "object", "properties": {}})
CLOCK = Tool(name="get_time", description="The time", strict=True)
THINKER = "command-a-reasoning-08-2025"


def messages_of(*messages: Message, upstream: str = "command-a-03-2025") -> Any:
    return body_of(chat(*messages), upstream)["messages"]


def refused(request: ChatRequest, **over: Any) -> str | None:
    with pytest.raises(UnsupportedField) as caught:
        body_of(request, **over)
    assert "'co' (Cohere)" in caught.value.message
    return caught.value.param


class TestMessages:
    def test_system_text_is_one_message_at_the_beginning(self) -> None:
        hello = said(Role.USER, "Hello")
        assert messages_of(said(Role.SYSTEM, "Be brief."), hello) == [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hello"},
        ]
        late = messages_of(said(Role.SYSTEM, "A", " "), hello, said(Role.SYSTEM, "B"))
        texts = [{"type": "text", "text": "A"}, {"type": "text", "text": "B"}]
        assert late[0] == {"role": "system", "content": texts}
        assert len(late) == 2

    def test_images_go_as_they_came(self) -> None:
        sent = messages_of(
            said(
                Role.USER,
                "Look",
                Image(media_type="image/png", data=PIXEL, detail="low"),
                Image(url="https://example.org/a.png", detail="original"),
            )
        )
        assert sent[0]["content"][1:] == [
            {
                "type": "image_url",
                "image_url": {"url": f"data:image/png;base64,{PIXEL}", "detail": "low"},
            },
            {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
        ]

    def test_who_speaks_is_said(self) -> None:
        named = Message(role=Role.USER, parts=(Text("Hi"),), name="ada")
        assert messages_of(named)[0]["content"] == [
            {"type": "text", "text": "Message from ada:"},
            {"type": "text", "text": "Hi"},
        ]

    def test_what_is_said_beside_calls_is_the_plan(self) -> None:
        call = ToolCall(id="c1", name="f", arguments=' {"a": 1} ')
        bare = ToolCall(id="c2", name="g", arguments="")
        sent = messages_of(
            said(Role.USER, "?"), said(Role.ASSISTANT, "I look. ", "Twice.", call, bare)
        )
        assert sent[1] == {
            "role": "assistant",
            "tool_plan": "I look. Twice.",
            "tool_calls": [
                {
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "f", "arguments": '{"a": 1}'},
                },
                {"id": "c2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
            ],
        }

    def test_results_of_tools(self) -> None:
        picture = Image(media_type="image/png", data=PIXEL)
        sent = messages_of(
            said(
                Role.TOOL,
                ToolResult(call_id="c1", parts=(Text("18 C"), picture)),
                ToolResult(call_id="c2", parts=(Text("no such city"),), is_error=True),
            ),
            said(Role.TOOL, ToolResult(call_id="c3", parts=(Text("a"), Text("b")))),
            said(Role.TOOL, ToolResult(call_id="c4", parts=())),
            said(Role.ASSISTANT, "So."),
            said(Role.USER, ToolResult(call_id="c5", parts=(Text("x"), picture)), "And now?"),
        )
        url = {"url": f"data:image/png;base64,{PIXEL}"}
        shown = {"role": "user", "content": [{"type": "image_url", "image_url": url}]}
        assert sent == [
            {"role": "tool", "tool_call_id": "c1", "content": "18 C"},
            {"role": "tool", "tool_call_id": "c2", "content": "Error: no such city"},
            {
                "role": "tool",
                "tool_call_id": "c3",
                "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
            },
            {"role": "tool", "tool_call_id": "c4", "content": "(no output)"},
            shown,
            {"role": "assistant", "content": "So."},
            {"role": "tool", "tool_call_id": "c5", "content": "x"},
            shown,
            {"role": "user", "content": "And now?"},
        ]

    def test_thinking_goes_back_to_models_that_think(self) -> None:
        turns = (
            said(Role.USER, "?"),
            said(Role.ASSISTANT, Reasoning(text="Hm."), Reasoning(redacted="x"), "Yes."),
            said(Role.ASSISTANT, Reasoning(text="Only this.")),
        )
        assert messages_of(*turns, upstream=THINKER)[1:] == [
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "Hm."},
                    {"type": "text", "text": "Yes."},
                ],
            },
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "Only this."}]},
        ]
        assert messages_of(*turns)[1:] == [{"role": "assistant", "content": "Yes."}]
        told = body_of(chat(*turns), capabilities=Capabilities(reasoning=True))
        assert len(told["messages"]) == 3

    def test_empty_messages_are_left_out(self) -> None:
        empty = (said(Role.ASSISTANT), said(Role.USER, "", "  "), said(Role.SYSTEM, ""))
        assert len(messages_of(*empty, said(Role.USER, "Hi"))) == 1
        assert refused(chat(*empty)) == "messages"

    @pytest.mark.parametrize(
        "message",
        [
            said(Role.SYSTEM, Image(url="https://example.org/a.png")),
            said(Role.USER, Document(media_type="application/pdf", data="JVBERi0=")),
            said(Role.USER, ToolResult(call_id="c", parts=(Document(url="https://x.org/a.pdf"),))),
            said(Role.ASSISTANT, Image(url="https://example.org/a.png")),
            said(Role.ASSISTANT, ToolResult(call_id="c", parts=())),
        ],
    )
    def test_what_has_no_place(self, message: Message) -> None:
        assert refused(chat(said(Role.USER, "Hi"), message)) == "messages[1].content"


class TestTools:
    def body(self, **fields: Any) -> Any:
        return body_of(chat(tools=(WEATHER, CLOCK), **fields))

    def test_tools_and_strictness(self) -> None:
        body = self.body()
        assert [tool["function"] for tool in body["tools"]] == [
            {"name": "get_weather", "parameters": WEATHER.parameters},
            {
                "name": "get_time",
                "description": "The time",
                "parameters": {"type": "object", "properties": {}},
            },
        ]
        assert body["strict_tools"] is True
        assert "tool_choice" not in body
        assert "strict_tools" not in body_of(chat(tools=(WEATHER,)))

    @pytest.mark.parametrize(
        ("mode", "word"), [("auto", None), ("none", "NONE"), ("required", "REQUIRED")]
    )
    def test_the_choice(self, mode: str, word: str | None) -> None:
        assert self.body(tool_choice=ToolChoice(mode=mode)).get("tool_choice") == word

    def test_a_named_tool_is_the_only_one(self) -> None:
        body = self.body(tool_choice=ToolChoice(mode="tool", name="get_weather"))
        assert [tool["function"]["name"] for tool in body["tools"]] == ["get_weather"]
        assert body["tool_choice"] == "REQUIRED"
        assert "strict_tools" not in body

    @pytest.mark.parametrize(
        ("fields", "param"),
        [
            ({"tool_choice": ToolChoice(mode="required")}, "tools"),
            ({"tool_choice": ToolChoice(mode="tool", name="f")}, "tools"),
            (
                {"tools": (WEATHER,), "tool_choice": ToolChoice(mode="tool", name="f")},
                "tool_choice",
            ),
        ],
    )
    def test_a_choice_that_is_not_there(self, fields: Any, param: str) -> None:
        with pytest.raises(InvalidRequest) as caught:
            body_of(chat(**fields))
        assert caught.value.param == param

    def test_one_call_at_a_time_is_not_said(self) -> None:
        said, unsaid = chat(tools=(WEATHER,), parallel_tool_calls=False), chat(tools=(WEATHER,))
        assert body_of(said) == body_of(unsaid)
        body_of(chat(parallel_tool_calls=False))
        assert refused(chat(tools=(WEATHER,), tool_choice=ToolChoice(mode="any"))) == "tool_choice"


class TestFormats:
    def test_json(self) -> None:
        schema = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
        for form, wire in (
            (ResponseFormat(kind="text"), None),
            (ResponseFormat(kind="json_object"), {"type": "json_object"}),
            (
                ResponseFormat(kind="json_schema", name="x", schema=schema, strict=True),
                {"type": "json_object", "json_schema": schema},
            ),
        ):
            assert body_of(chat(response_format=form)).get("response_format") == wire

    @pytest.mark.parametrize(
        "request_",
        [
            chat(response_format=ResponseFormat(kind="json_schema")),
            chat(response_format=ResponseFormat(kind="grammar")),
            chat(response_format=ResponseFormat(kind="json_object"), tools=(WEATHER,)),
        ],
    )
    def test_forms_that_are_not_there(self, request_: ChatRequest) -> None:
        assert refused(request_) == "response_format"


class TestSampling:
    def test_names_of_its_own(self) -> None:
        sampling = Sampling(
            temperature=0.0,
            top_p=0.9,
            top_k=40,
            stop=("a", "b", "c", "d", "e"),
            seed=7,
            presence_penalty=0.5,
            frequency_penalty=1.0,
            logprobs=True,
            n=1,
        )
        body = body_of(chat(sampling=sampling, max_tokens=50, stream=True, user="ada"))
        assert {name: body[name] for name in body if name not in {"model", "messages"}} == {
            "stream": True,
            "max_tokens": 50,
            "temperature": 0.0,
            "p": 0.9,
            "k": 40,
            "stop_sequences": ["a", "b", "c", "d", "e"],
            "seed": 7,
            "presence_penalty": 0.5,
            "frequency_penalty": 1.0,
            "logprobs": True,
        }

    @pytest.mark.parametrize(("asked", "sent"), [(1.0, 0.99), (0.0, 0.01), (0.5, 0.5)])
    def test_top_p_is_moved_into_range(self, asked: float, sent: float) -> None:
        assert body_of(chat(sampling=Sampling(top_p=asked)))["p"] == sent

    def test_what_asks_for_nothing_is_not_sent(self) -> None:
        idle = Sampling(presence_penalty=0.0, frequency_penalty=0, logprobs=False, logit_bias={})
        assert body_of(chat(sampling=idle)).keys() == {"model", "messages"}

    @pytest.mark.parametrize(
        ("sampling", "param"),
        [
            (Sampling(n=2), "n"),
            (Sampling(top_logprobs=3, logprobs=True), "top_logprobs"),
            (Sampling(logit_bias={"1": 5}), "logit_bias"),
            (Sampling(top_k=501), "top_k"),
            (Sampling(stop=tuple("abcdef")), "stop"),
            (Sampling(presence_penalty=-0.5), "presence_penalty"),
            (Sampling(frequency_penalty=1.5), "frequency_penalty"),
        ],
    )
    def test_what_it_can_not_do(self, sampling: Sampling, param: str) -> None:
        assert refused(chat(sampling=sampling)) == param


class TestThinking:
    @pytest.mark.parametrize(
        ("fields", "thinking"),
        [
            ({}, None),
            ({"reasoning_effort": "none"}, {"type": "disabled"}),
            ({"reasoning_budget": 0}, {"type": "disabled"}),
            ({"reasoning_effort": "low"}, {"type": "enabled", "token_budget": 1024}),
            ({"reasoning_effort": "high"}, {"type": "enabled"}),
            ({"reasoning_budget": 300}, {"type": "enabled", "token_budget": 300}),
            (
                {"reasoning_effort": "high", "reasoning_budget": 300},
                {"type": "enabled", "token_budget": 300},
            ),
        ],
    )
    def test_effort_and_budget(self, fields: Any, thinking: Any) -> None:
        assert body_of(chat(**fields), THINKER).get("thinking") == thinking

    def test_a_model_that_does_not_think(self) -> None:
        plain: dict[str, Any] = {"capabilities": Capabilities(reasoning=False)}
        assert "thinking" not in body_of(chat(reasoning_effort="none"), **plain)
        assert refused(chat(reasoning_effort="low"), **plain) == "reasoning_effort"
        assert refused(chat(reasoning_budget=9), **plain) == "reasoning_budget"

    def test_an_effort_of_the_future(self) -> None:
        assert refused(chat(reasoning_effort="galactic")) == "reasoning_effort"


class TestOtherFields:
    def test_its_own_fields_pass(self) -> None:
        extra = {
            "safety_mode": "STRICT",
            "citation_options": {"mode": "OFF"},
            "priority": 3,
            "thinking": {"type": "disabled"},
        }
        body = body_of(chat(extra=extra, reasoning_effort="high"))
        assert {name: body[name] for name in extra} == extra

    def test_labels_and_what_happens_anyway(self) -> None:
        extra = {
            "metadata": {"a": "b"},
            "store": False,
            "service_tier": "auto",
            "modalities": ["text"],
            "prompt_cache_key": "k",
            "odd": None,
        }
        assert body_of(chat(extra=extra)).keys() == {"model", "messages"}

    @pytest.mark.parametrize(
        "field", [{"documents": ["x"]}, {"store": True}, {"web_search_options": {}}]
    )
    def test_the_rest_is_refused(self, field: Any) -> None:
        assert refused(chat(extra=field)) in field


words = st.sampled_from(["a", "Hello", "ß\N{SNOWMAN}", " ", ""])
numbers = st.none() | st.floats(-2, 2)
parts = st.lists(
    st.builds(Text, words)
    | st.builds(Image, url=st.just("https://example.org/a.png"), detail=st.none() | words)
    | st.builds(ToolCall, id=st.just("c"), name=st.just("f"), arguments=st.sampled_from(["", "{}"]))
    | st.builds(ToolResult, call_id=st.just("c"), parts=st.just((Text("x"),)))
    | st.builds(Reasoning, text=words),
    max_size=3,
).map(tuple)
requests = st.builds(
    ChatRequest,
    messages=st.lists(
        st.builds(Message, role=st.sampled_from(Role), parts=parts, name=st.none() | words),
        max_size=5,
    ).map(tuple),
    tools=st.sampled_from([(), (WEATHER,), (WEATHER, CLOCK)]),
    tool_choice=st.none()
    | st.builds(ToolChoice, mode=st.sampled_from(["auto", "none", "required"])),
    response_format=st.none()
    | st.builds(ResponseFormat, kind=st.sampled_from(["text", "json_object"])),
    max_tokens=st.none() | st.integers(1, 9),
    sampling=st.builds(
        Sampling,
        temperature=numbers,
        top_p=numbers,
        top_k=st.none() | st.integers(-1, 600),
        presence_penalty=numbers,
        stop=st.lists(words, max_size=6).map(tuple),
    ),
    reasoning_effort=st.sampled_from([None, "none", "low", "high"]),
    stream=st.booleans(),
)


@settings(max_examples=150, deadline=None)
@given(request=requests, upstream=st.sampled_from(["command-r7b-12-2024", THINKER]))
def test_whatever_is_not_refused_is_a_valid_body(request: ChatRequest, upstream: str) -> None:
    try:
        body = body_of(request, upstream)
    except RequestError:
        return
    assert body["messages"]
    assert "system" not in [message["role"] for message in body["messages"][1:]]
    for message in body["messages"]:
        assert message.get("content") or message.get("tool_calls")


def test_the_oracle_notices_what_the_sdk_does_not_know() -> None:
    """The check of the tests above is worth something only if it can fail."""
    good: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
    check_body(good, CHAT)
    wrong: list[dict[str, Any]] = [
        {**good, "top_p": 0.5},
        {**good, "tool_choice": "required"},
        {**good, "messages": [{"role": "user", "content": "x", "name": "ada"}]},
        {**good, "messages": [{"role": "user", "content": [{"type": "text", "txt": "x"}]}]},
        {**good, "tools": [{"type": "function", "function": {"name": "f"}}]},
    ]
    for sample in wrong:
        with pytest.raises((AssertionError, ValueError)):
            check_body(sample, CHAT)
