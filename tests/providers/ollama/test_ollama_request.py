"""What Ollama gets for a chat request, checked against the types of its own SDK."""

from __future__ import annotations

from typing import Any

import pytest
from tests.providers.contract import PIXEL, WEATHER
from tests.providers.ollama.ollama_wire import adapter, body_of, chat, model, user

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
from laird.domain.errors import ContextLengthExceeded, InvalidRequest, UnsupportedField
from laird.providers.ollama.window import DEFAULT_NUM_CTX

CALL = ToolCall(id="call_1", name="look", arguments='{"at": "sky", "n": 1e2}')


def assistant(*parts: Any) -> Message:
    return Message(role=Role.ASSISTANT, parts=parts)


def refused(request: ChatRequest, field: str) -> str:
    with pytest.raises(UnsupportedField) as caught:
        adapter().chat_request(model(), request)
    assert caught.value.param == field
    assert "'box' (Ollama)" in caught.value.message
    return caught.value.message


class TestTheContextWindow:
    def test_it_is_always_said_and_nothing_may_be_cut(self) -> None:
        body = body_of(chat())
        assert body["options"] == {"num_ctx": DEFAULT_NUM_CTX}
        assert (body["truncate"], body["shift"]) == (False, False)
        assert body_of(chat(), model(context_window=32768))["options"]["num_ctx"] == 32768

    def test_it_does_not_depend_on_the_request(self) -> None:
        requests = (chat(), chat(user("long " * 500), max_tokens=4000), chat(stream=True))
        assert {body_of(each)["options"]["num_ctx"] for each in requests} == {DEFAULT_NUM_CTX}

    @pytest.mark.parametrize("name", ["glm-4.6:cloud", "gpt-oss:120b-cloud", "GLM:Cloud "])
    def test_a_model_in_the_cloud_has_its_own(self, name: str) -> None:
        assert body_of(chat(user("x" * 100_000)), model(name))["options"] == {}
        known = model(name, context_window=200_000)
        assert body_of(chat(), known)["options"] == {"num_ctx": 200_000}

    def test_what_clearly_does_not_fit_is_not_sent(self) -> None:
        with pytest.raises(ContextLengthExceeded) as caught:
            adapter().chat_request(model(), chat(user("word " * 20_000)))
        assert caught.value.param == "messages"
        assert "box/m" in caught.value.message
        assert "contextWindow" in caught.value.message
        with pytest.raises(ContextLengthExceeded, match="larger context"):
            adapter().chat_request(model(context_window=4096), chat(user("w" * 30_000)))

    def test_what_may_fit_is_sent(self) -> None:
        body_of(chat(user("word " * 9000)))
        picture = Image(media_type="image/png", data="A" * 400_000)
        body_of(chat(Message(role=Role.USER, parts=(picture,))))

    def test_clients_can_not_change_it(self) -> None:
        message = refused(chat(extra={"options": {"num_ctx": 1_000_000}}), "options.num_ctx")
        assert "contextWindow" in message


class TestMessages:
    def test_each_role_has_its_message(self) -> None:
        system = Message(role=Role.SYSTEM, parts=(Text("Be brief."),))
        body = body_of(chat(system, user("Hi"), assistant(Text("Ho."))))
        assert body["messages"] == [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Ho."},
        ]

    def test_text_is_joined_and_images_stand_apart(self) -> None:
        parts = (Text("One"), Image(media_type="image/png", data=PIXEL), Text("Two"))
        (said,) = body_of(chat(Message(role=Role.USER, parts=parts)))["messages"]
        assert said == {"role": "user", "content": "One\nTwo", "images": [PIXEL]}

    def test_a_name_goes_before_the_text(self) -> None:
        (said,) = body_of(chat(user("Hi", name="ada")))["messages"]
        assert said["content"] == "Message from ada:\nHi"

    def test_a_tool_is_called_and_answers(self) -> None:
        result = ToolResult(call_id="call_1", parts=(Text("blue"),))
        body = body_of(
            chat(
                user(),
                assistant(Reasoning(text="Hm."), Text("I look."), CALL),
                Message(role=Role.TOOL, parts=(result,)),
            )
        )
        function = {"index": 0, "name": "look", "arguments": {"at": "sky", "n": 1e2}}
        assert body["messages"][1:] == [
            {
                "role": "assistant",
                "content": "I look.",
                "thinking": "Hm.",
                "tool_calls": [{"id": "call_1", "function": function}],
            },
            {"role": "tool", "content": "blue", "tool_call_id": "call_1", "tool_name": "look"},
        ]

    def test_arguments_go_as_they_were_written(self) -> None:
        sent = adapter().chat_request(model(), chat(user(), assistant(CALL))).body
        assert CALL.arguments.encode() in sent
        nothing = ToolCall(id="c", name="f", arguments=" ")
        (_, said) = body_of(chat(user(), assistant(nothing)))["messages"]
        assert said["tool_calls"][0]["function"]["arguments"] == {}

    @pytest.mark.parametrize("arguments", ["[1]", '"x"', "{broken", "5"])
    def test_arguments_must_be_an_object(self, arguments: str) -> None:
        call = ToolCall(id="c", name="f", arguments=arguments)
        with pytest.raises(InvalidRequest) as caught:
            body_of(chat(user(), assistant(CALL, call)))
        assert caught.value.param == "messages[1].tool_calls[1].function.arguments"

    def test_images_of_results_follow_all_results_as_the_users(self) -> None:
        shown = Image(media_type="image/png", data=PIXEL)
        results = (
            ToolResult(call_id="call_1", parts=(Text("seen"), shown)),
            ToolResult(call_id="other", parts=(shown,)),
            ToolResult(call_id="third", parts=(Text("no file"),), is_error=True),
        )
        messages = body_of(
            chat(
                user(),
                assistant(CALL),
                *(Message(role=Role.TOOL, parts=(each,)) for each in results),
                user("Go on"),
            )
        )["messages"]
        assert messages[2:] == [
            {"role": "tool", "content": "seen", "tool_call_id": "call_1", "tool_name": "look"},
            {"role": "tool", "content": "", "tool_call_id": "other"},
            {"role": "tool", "content": "Error: no file", "tool_call_id": "third"},
            {"role": "user", "content": "From the result of look, other:", "images": [PIXEL] * 2},
            {"role": "user", "content": "Go on"},
        ]

    @pytest.mark.parametrize("role", [Role.TOOL, Role.USER])
    def test_text_beside_results_follows_them(self, role: Role) -> None:
        shown = Image(media_type="image/png", data=PIXEL)
        parts = (ToolResult(call_id="a", parts=(shown,)), Text("And now?"))
        messages = body_of(chat(Message(role=role, parts=parts)))["messages"]
        assert [each["role"] for each in messages] == ["tool", "user", "user"]
        assert messages[-1]["content"] == "And now?"

    def test_an_assistant_that_says_nothing_is_left_out(self) -> None:
        body = body_of(chat(user(), assistant(Reasoning(redacted="x")), user("Go on")))
        assert [each["role"] for each in body["messages"]] == ["user", "user"]

    def test_a_request_without_messages_only_loads_and_is_refused(self) -> None:
        for messages in ((), (assistant(),)):
            refused(ChatRequest(messages=messages), "messages")

    @pytest.mark.parametrize(
        ("part", "why"),
        [
            (Image(url="https://example.com/a.png"), "inline"),
            (Document(data="x", media_type="application/pdf"), "documents"),
            (CALL, "assistant"),
        ],
    )
    def test_what_has_no_place_is_refused(self, part: Any, why: str) -> None:
        request = chat(user(), Message(role=Role.USER, parts=(part,)))
        assert why in refused(request, "messages[1].content")

    def test_an_assistant_shows_no_images(self) -> None:
        shown = Image(media_type="image/png", data=PIXEL)
        refused(chat(user(), assistant(shown)), "messages[1].content")


class TestFields:
    def test_sampling_goes_into_options(self) -> None:
        sampling = Sampling(
            temperature=0,
            top_p=0.9,
            top_k=5,
            stop=("END",),
            seed=7,
            presence_penalty=0.1,
            frequency_penalty=0.2,
            n=1,
            logit_bias={},
        )
        assert body_of(chat(sampling=sampling, max_tokens=9))["options"] == {
            "num_ctx": DEFAULT_NUM_CTX,
            "num_predict": 9,
            "temperature": 0,
            "top_p": 0.9,
            "top_k": 5,
            "stop": ["END"],
            "seed": 7,
            "presence_penalty": 0.1,
            "frequency_penalty": 0.2,
        }

    def test_log_probabilities(self) -> None:
        body = body_of(chat(sampling=Sampling(logprobs=True, top_logprobs=3)))
        assert (body["logprobs"], body["top_logprobs"]) == (True, 3)
        assert "top_logprobs" not in body_of(chat(sampling=Sampling(logprobs=True)))
        assert "logprobs" not in body_of(chat(sampling=Sampling(logprobs=False, seed=1)))
        refused(chat(sampling=Sampling(logprobs=True, top_logprobs=21)), "top_logprobs")

    def test_what_it_can_not_do_is_refused(self) -> None:
        refused(chat(sampling=Sampling(n=2)), "n")
        refused(chat(sampling=Sampling(logit_bias={"5": 1.0})), "logit_bias")
        for mode in ("required", "tool"):
            choice = ToolChoice(mode=mode, name="f" if mode == "tool" else None)
            refused(chat(tools=(WEATHER,), tool_choice=choice), "tool_choice")

    def test_tools(self) -> None:
        bare = Tool(name="now")
        tools = body_of(chat(tools=(WEATHER, bare), tool_choice=ToolChoice(mode="auto")))["tools"]
        assert tools[0]["function"]["name"] == "get_weather"
        assert tools[0]["function"]["parameters"] == WEATHER.parameters
        assert tools[1] == {
            "type": "function",
            "function": {"name": "now", "parameters": {"type": "object", "properties": {}}},
        }
        assert "tools" not in body_of(chat(tools=(bare,), tool_choice=ToolChoice(mode="none")))
        assert "tools" not in body_of(chat())

    def test_formats(self) -> None:
        def written(**fields: Any) -> Any:
            return body_of(chat(response_format=ResponseFormat(**fields))).get("format")

        schema = {"type": "object", "properties": {"a": {"type": "string"}}}
        assert written(kind="json_object") == "json"
        assert written(kind="json_schema", name="x", schema=schema, strict=True) == schema
        assert written(kind="text") is None
        for kind in ("json_schema", "grammar"):
            refused(chat(response_format=ResponseFormat(kind=kind)), "response_format")

    @pytest.mark.parametrize(
        ("effort", "think"),
        [
            ("none", False),
            ("minimal", "low"),
            ("low", "low"),
            ("medium", "medium"),
            ("high", "high"),
            ("xhigh", "high"),
        ],
    )
    def test_efforts(self, effort: str, think: object) -> None:
        assert body_of(chat(reasoning_effort=effort))["think"] == think

    def test_an_unknown_effort_is_refused(self) -> None:
        refused(chat(reasoning_effort="huge"), "reasoning_effort")

    def test_a_budget_asks_for_thinking_where_the_model_is_known_to_think(self) -> None:
        budget = chat(reasoning_budget=2000)
        assert body_of(budget, model(thinks=True))["think"] is True
        assert "think" not in body_of(budget, model())
        assert body_of(chat(reasoning_budget=0), model())["think"] is False
        assert "think" not in body_of(chat(), model(thinks=True))


class TestOtherFields:
    def test_ollamas_own_are_passed_on(self) -> None:
        body = body_of(
            chat(
                extra={
                    "keep_alive": "30m",
                    "think": "high",
                    "options": {"num_gpu": 20, "temperature": 0.1},
                    "min_p": 0.05,
                    "repetition_penalty": 1.1,
                },
                sampling=Sampling(temperature=1.0),
            )
        )
        assert (body["keep_alive"], body["think"]) == ("30m", "high")
        assert body["options"] == {
            "num_ctx": DEFAULT_NUM_CTX,
            "temperature": 0.1,
            "num_gpu": 20,
            "min_p": 0.05,
            "repeat_penalty": 1.1,
        }

    def test_labels_and_values_that_ask_for_nothing_are_left_out(self) -> None:
        nothing = {
            "metadata": {"a": "b"},
            "store": False,
            "service_tier": "auto",
            "modalities": ["text"],
            "prompt_cache_key": "k",
            "audio": None,
        }
        assert body_of(chat(extra=nothing)) == body_of(chat())

    @pytest.mark.parametrize(
        "field", ["store", "audio", "web_search_options", "truncate", "field_of_next_year"]
    )
    def test_the_rest_is_refused_by_name(self, field: str) -> None:
        refused(chat(extra={field: True}), field)

    def test_an_option_that_would_be_dropped_is_refused(self) -> None:
        refused(chat(extra={"options": {"mirostat": 1}}), "options.mirostat")
        refused(chat(extra={"options": "fast"}), "options")
