"""What Gemini gets for each thing that a client may ask, checked against Google's own types."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.providers.gemini.asked import (
    MODEL,
    OLD,
    PDF,
    PNG,
    SYSTEM,
    USER,
    F,
    calls,
    contents,
    result,
)
from tests.providers.gemini.gemini_wire import ADAPTER, body_of, chat, check_body, model, said

from laird.domain.chat import (
    Document,
    Image,
    Message,
    Reasoning,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
)
from laird.domain.errors import InvalidRequest, UnsupportedField
from laird.providers.gemini.turns import UNSIGNED


class TestConversations:
    def test_roles_and_system_text(self) -> None:
        body = body_of(
            chat(
                said(SYSTEM, "Be brief.", "Be kind."),
                said(USER, "Hello"),
                said(MODEL, "Hi."),
                said(SYSTEM, "Now in French."),
                said(USER, "And now?", "Well?"),
                said(USER, "", "Please."),
            )
        )
        assert body == {
            "systemInstruction": {
                "parts": [{"text": "Be brief."}, {"text": "Be kind."}, {"text": "Now in French."}]
            },
            "contents": [
                {"role": "user", "parts": [{"text": "Hello"}]},
                {"role": "model", "parts": [{"text": "Hi."}]},
                {
                    "role": "user",
                    "parts": [{"text": "And now?"}, {"text": "Well?"}, {"text": "Please."}],
                },
            ],
        }

    def test_a_users_name_is_said(self) -> None:
        assert contents(said(USER, "Hi", name="ada")) == [
            {"role": "user", "parts": [{"text": "Message from ada:"}, {"text": "Hi"}]}
        ]

    def test_turns_without_content_are_left_out(self) -> None:
        assert [c["role"] for c in contents(said(USER, "a"), said(MODEL, ""), said(USER, "b"))] == [
            "user"
        ]

    @pytest.mark.parametrize("messages", [(said(SYSTEM, "x"),), (said(USER, ""),)])
    def test_there_must_be_something_to_answer(self, messages: tuple[Message, ...]) -> None:
        with pytest.raises(UnsupportedField) as caught:
            body_of(chat(*messages))
        assert caught.value.param == "messages"

    def test_content_stands_where_it_belongs(self) -> None:
        call = ToolCall(id="a", name="f", arguments="{}")
        for message in (
            said(SYSTEM, Image(data=PNG)),
            said(USER, call),
            said(MODEL, Image(data=PNG)),
        ):
            with pytest.raises(UnsupportedField) as caught:
                body_of(chat(said(USER, "a"), message))
            assert caught.value.param == "messages[1].content"


class TestFiles:
    @pytest.mark.parametrize(
        ("file", "part"),
        [
            (
                Image(media_type="image/webp", data="UklGRg=="),
                {"inlineData": {"mimeType": "image/webp", "data": "UklGRg=="}},
            ),
            (Image(data=PNG), {"inlineData": {"mimeType": "image/png", "data": PNG}}),
            (
                Image(data="/9j/4AAQ"),
                {"inlineData": {"mimeType": "image/jpeg", "data": "/9j/4AAQ"}},
            ),
            (
                Image(url="https://example.org/a.png?size=1"),
                {
                    "fileData": {
                        "mimeType": "image/png",
                        "fileUri": "https://example.org/a.png?size=1",
                    }
                },
            ),
            (
                Image(url="https://example.org/a"),
                {"fileData": {"fileUri": "https://example.org/a"}},
            ),
            (
                Image(url="gs://bucket/a", media_type="image/png"),
                {"fileData": {"mimeType": "image/png", "fileUri": "gs://bucket/a"}},
            ),
            (Document(data=PDF), {"inlineData": {"mimeType": "application/pdf", "data": PDF}}),
            (
                Document(data="YSxi", name="table.csv"),
                {"inlineData": {"mimeType": "text/csv", "data": "YSxi"}},
            ),
            (
                Document(url="https://example.org/a.pdf"),
                {
                    "fileData": {
                        "mimeType": "application/pdf",
                        "fileUri": "https://example.org/a.pdf",
                    }
                },
            ),
        ],
    )
    def test_inline_and_by_address(self, file: Image | Document, part: dict[str, Any]) -> None:
        assert contents(said(USER, "Look:", file))[0]["parts"] == [{"text": "Look:"}, part]

    @pytest.mark.parametrize(
        "file",
        [
            Image(),
            Image(data="????"),
            Image(url="http://example.org/a.png"),
            Image(url="data:image/png;base64,AA=="),
            Document(data="AAAA"),
            Document(data="AAAA", name="what.unknownkind"),
        ],
    )
    def test_what_has_no_place_names_its_message(self, file: Image | Document) -> None:
        with pytest.raises(UnsupportedField) as caught:
            body_of(chat(said(USER, file)))
        assert caught.value.param == "messages[0].content"


class TestToolTurns:
    def test_parallel_calls_and_their_results(self) -> None:
        assert contents(
            said(USER, "Go"),
            said(
                MODEL,
                "I look.",
                ToolCall(id="a", name="f", arguments=' {"x": 1.50, "y": "\\u00e9"} '),
                ToolCall(id="b", name="g", arguments=""),
            ),
            result("b", "two"),
            result("a", "one", "more", is_error=True),
            said(USER, "And?"),
            upstream=OLD,
        ) == [
            {"role": "user", "parts": [{"text": "Go"}]},
            {
                "role": "model",
                "parts": [
                    {"text": "I look."},
                    {"functionCall": {"id": "a", "name": "f", "args": {"x": 1.5, "y": "é"}}},
                    {"functionCall": {"id": "b", "name": "g", "args": {}}},
                ],
            },
            {
                "role": "user",
                "parts": [
                    {"functionResponse": {"id": "b", "name": "g", "response": {"output": "two"}}},
                    {
                        "functionResponse": {
                            "id": "a",
                            "name": "f",
                            "response": {"error": "one\nmore"},
                        }
                    },
                ],
            },
            {"role": "user", "parts": [{"text": "And?"}]},
        ]

    def test_text_beside_results_stands_in_a_turn_of_its_own(self) -> None:
        both = Message(
            role=USER,
            parts=(*said(USER, "Wait: ").parts, *result("a", "1").parts, *said(USER, "go").parts),
        )
        turns = contents(said(USER, "x"), calls("a"), both)
        assert [list(part) for part in turns[2]["parts"]] == [["functionResponse"]]
        assert turns[3] == {"role": "user", "parts": [{"text": "Wait: "}, {"text": "go"}]}

    def test_arguments_go_as_they_were_written(self) -> None:
        arguments = '{"big": 12345678901234567890.0, "z": 1, "a": {"$ref": "x"}}'
        call = ToolCall(id="a", name="f", arguments=arguments)
        sent = ADAPTER.chat_request(model(), chat(said(USER, "x"), said(MODEL, call)))
        assert arguments.encode() in sent.body

    @pytest.mark.parametrize("arguments", ["{", "[]", "1", '"x"', "null"])
    def test_arguments_that_are_no_object_are_refused(self, arguments: str) -> None:
        call = ToolCall(id="a", name="f", arguments=arguments)
        with pytest.raises(InvalidRequest) as caught:
            body_of(chat(said(USER, "x"), said(MODEL, "y", call)))
        assert caught.value.param == "messages[1].tool_calls[0].function.arguments"

    def test_a_result_without_a_call_is_refused(self) -> None:
        with pytest.raises(InvalidRequest) as caught:
            body_of(chat(said(USER, "x"), calls("a"), result("b", "1")))
        assert caught.value.param == "messages[2].tool_call_id"

    def test_files_in_a_result_stand_in_it(self) -> None:
        turns = contents(
            said(USER, "x"),
            calls("a"),
            result("a", "seen", Image(data=PNG), Image(url="https://example.org/b.png")),
        )
        assert turns[2]["parts"][0]["functionResponse"] == {
            "id": "a",
            "name": "f",
            "response": {"output": "seen"},
            "parts": [{"inlineData": {"mimeType": "image/png", "data": PNG}}],
        }
        assert turns[3] == {
            "role": "user",
            "parts": [
                {"text": "From the result of the function f:"},
                {"fileData": {"mimeType": "image/png", "fileUri": "https://example.org/b.png"}},
            ],
        }

    def test_older_models_get_them_after_all_results(self) -> None:
        turns = contents(
            said(USER, "x"),
            calls("a", "b"),
            result("a", Image(data=PNG)),
            result("b", "two"),
            calls("c"),
            result("c", Document(data=PDF)),
            upstream=OLD,
        )
        kinds = [(turn["role"], [next(iter(part)) for part in turn["parts"]]) for turn in turns]
        assert kinds == [
            ("user", ["text"]),
            ("model", ["functionCall", "functionCall"]),
            ("user", ["functionResponse", "functionResponse"]),
            ("user", ["text", "inlineData"]),
            ("model", ["functionCall"]),
            ("user", ["functionResponse"]),
            ("user", ["text", "inlineData"]),
        ]


class TestSignatures:
    def test_ours_are_echoed_with_calls_and_thoughts(self) -> None:
        thought = Reasoning(text="Hm.", signature="gemini:dGhvdWdodA==")
        turns = contents(
            said(USER, "x"),
            said(MODEL, thought, *calls("a", signature="gemini:c2ln").parts, *calls("b").parts),
        )
        assert [part.get("thoughtSignature") for part in turns[1]["parts"]] == [
            "dGhvdWdodA==",
            "c2ln",
            None,
        ]
        assert turns[1]["parts"][0]["thought"] is True

    @pytest.mark.parametrize("signature", [None, "anthropic-bytes", "cohere:x"])
    def test_others_are_left_out_and_googles_own_stand_in_is_put_there(
        self, signature: str | None
    ) -> None:
        thought = Reasoning(text="Hm.", signature=signature)
        turns = contents(
            said(USER, "x"),
            said(MODEL, thought, *calls("a", "b", signature=signature).parts),
            result("a", "1"),
            result("b", "2"),
            calls("c"),
            result("c", "3"),
        )
        signed = [
            [part.get("thoughtSignature") for part in turn["parts"]]
            for turn in turns
            if turn["role"] == "model"
        ]
        assert signed == [[UNSIGNED, None], [UNSIGNED]]

    @pytest.mark.parametrize("upstream", [OLD, "gemini-2.0-flash", "gemma-3-27b-it"])
    def test_models_that_demand_none_get_none(self, upstream: str) -> None:
        turns = contents(said(USER, "x"), calls("a"), upstream=upstream)
        assert "thoughtSignature" not in turns[1]["parts"][0]


class TestTools:
    def test_declarations(self) -> None:
        schema = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "properties": {"a": {"anyOf": [{"type": "string"}, {"$ref": "#/$defs/N"}]}},
            "$defs": {"N": {"type": ["number", "null"]}},
            "additionalProperties": False,
        }
        body = body_of(
            chat(tools=(Tool(name="f", description="F", parameters=schema), Tool(name="g")))
        )
        kept = {name: value for name, value in schema.items() if name != "$schema"}
        assert body["tools"] == [
            {
                "functionDeclarations": [
                    {
                        "name": "f",
                        "description": "F",
                        "parametersJsonSchema": {"type": "object", **kept},
                    },
                    {"name": "g"},
                ]
            }
        ]
        assert "toolConfig" not in body

    @pytest.mark.parametrize(
        ("choice", "strict", "calling"),
        [
            (ToolChoice(mode="auto"), None, None),
            (ToolChoice(mode="auto"), True, {"mode": "VALIDATED"}),
            (None, True, {"mode": "VALIDATED"}),
            (ToolChoice(mode="none"), True, {"mode": "NONE"}),
            (ToolChoice(mode="required"), True, {"mode": "ANY"}),
            (
                ToolChoice(mode="tool", name="f"),
                None,
                {"mode": "ANY", "allowedFunctionNames": ["f"]},
            ),
        ],
    )
    def test_choices(
        self, choice: ToolChoice | None, strict: bool | None, calling: dict[str, Any] | None
    ) -> None:
        body = body_of(chat(tools=(Tool(name="f", strict=strict),), tool_choice=choice))
        assert body.get("toolConfig", {}).get("functionCallingConfig") == calling

    @pytest.mark.parametrize("choice", [ToolChoice(mode="tool"), ToolChoice(mode="some")])
    def test_other_choices_are_refused(self, choice: ToolChoice) -> None:
        with pytest.raises(UnsupportedField) as caught:
            body_of(chat(tools=(F,), tool_choice=choice))
        assert caught.value.param == "tool_choice"

    def test_a_forced_call_needs_tools(self) -> None:
        with pytest.raises(InvalidRequest) as caught:
            body_of(chat(tool_choice=ToolChoice(mode="required")))
        assert caught.value.param == "tools"

    def test_one_call_at_a_time_is_not_said(self) -> None:
        said, unsaid = chat(tools=(F,), parallel_tool_calls=False), chat(tools=(F,))
        assert body_of(said) == body_of(unsaid)


class TestExtras:
    SETTINGS = ({"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"},)

    @pytest.mark.parametrize("name", ["safetySettings", "safety_settings"])
    def test_googles_own_fields_in_either_spelling(self, name: str) -> None:
        extra = {
            name: list(self.SETTINGS),
            "cached_content": "cachedContents/a",
            "labels": {"a": "b"},
        }
        body = body_of(chat(extra=extra))
        assert body["safetySettings"] == list(self.SETTINGS)
        assert body["cachedContent"] == "cachedContents/a"
        assert body["labels"] == {"a": "b"}

    def test_as_googles_own_openai_interface_takes_them(self) -> None:
        google = {"thinking_config": {"thinkingLevel": "LOW"}, "safety_settings": []}
        for extra in ({"extra_body": {"google": google}}, {"google": google}):
            body = body_of(chat(extra=extra, reasoning_effort="high"))
            assert body["generationConfig"] == {"thinkingConfig": {"thinkingLevel": "LOW"}}

    def test_labels_hints_and_what_happens_anyway_are_left_out(self) -> None:
        extra = {
            "metadata": {"a": "b"},
            "prompt_cache_key": "k",
            "store": False,
            "modalities": ["text"],
            "service_tier": "auto",
            "verbosity": "medium",
            "web_search_options": None,
        }
        assert list(body_of(chat(extra=extra, user="ada"))) == ["contents"]

    def test_the_tier(self) -> None:
        assert body_of(chat(extra={"service_tier": "flex"}))["serviceTier"] == "flex"
        assert body_of(chat(extra={"service_tier": "default"}))["serviceTier"] == "standard"

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("store", True),
            ("audio", {}),
            ("web_search_options", {}),
            ("verbosity", "high"),
            ("service_tier", "scale"),
            ("extra_body", "x"),
            ("brand_new", 1),
        ],
    )
    def test_everything_else_is_refused_by_name(self, name: str, value: Any) -> None:
        with pytest.raises(UnsupportedField) as caught:
            body_of(chat(extra={name: value}))
        assert caught.value.param == name


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SPOKEN = st.one_of(
    st.builds(lambda t: said(USER, t), TEXTS),
    st.builds(lambda t: said(MODEL, t), TEXTS),
    st.builds(lambda t: said(SYSTEM, t), TEXTS),
    st.builds(lambda t: [calls("a", "b"), result("a", t), result("b", Image(data=PNG))], TEXTS),
)


@settings(max_examples=60, deadline=None)
@given(spoken=st.lists(SPOKEN, max_size=8), upstream=st.sampled_from([OLD, "gemini-4-argon"]))
def test_any_conversation_is_one_that_google_takes(spoken: list[Any], upstream: str) -> None:
    """Every round of results follows its calls, alone in its turn; nothing is lost."""
    messages = [said(USER, "first")]
    for item in spoken:
        messages.extend(item if isinstance(item, list) else [item])
    body = body_of(chat(*messages), upstream)
    turns = body["contents"]
    for before, turn in zip([None, *turns], turns, strict=False):
        results = ["functionResponse" in part for part in turn["parts"]]
        if any(results):
            assert all(results)
            assert before is not None
            called = [p["functionCall"]["id"] for p in before["parts"] if "functionCall" in p]
            answered = [part["functionResponse"]["id"] for part in turn["parts"]]
            assert answered == called
        if turn["role"] == "model" and before is not None:
            assert before["role"] == "user"
    spoken_texts = [p.text for m in messages for p in m.parts if isinstance(p, Text) and p.text]
    system = body.get("systemInstruction", {"parts": []})["parts"]
    written = [part.get("text") for turn in turns for part in turn["parts"]]
    written += [part["text"] for part in system]
    assert all(text in written for text in spoken_texts)


def test_a_long_conversation_costs_little() -> None:
    """A guard against accidents, not a benchmark: far above what it takes."""
    round_ = (said(USER, "x" * 500), calls("a"), result("a", "y" * 500), said(MODEL, "z" * 500))
    request = chat(said(SYSTEM, "s" * 2000), *round_ * 5, tools=(F,) * 10, max_tokens=100)
    asked = model()
    check_body(json.loads(ADAPTER.chat_request(asked, request).body))
    best = min(_timed(lambda: ADAPTER.chat_request(asked, request)) for _ in range(50))
    assert best < 0.003


def _timed(work: Any) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
