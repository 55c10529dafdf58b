"""What a client is told about a malformed Messages body, and what routing learns of a good one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from laird.dialects.anthropic_messages import AnthropicMessages, CountTokens
from laird.domain.errors import InvalidRequest
from laird.domain.plan import RequestFacts

MESSAGES = AnthropicMessages()
COUNT = CountTokens()
USER = {"role": "user", "content": "Hello"}
TOOL = {"name": "f", "input_schema": {"type": "object"}}
CALL = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}
IMAGE = {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}}


def body(**fields: Any) -> dict[str, Any]:
    return {"model": "m", "max_tokens": 10, "messages": [USER], **fields}


def user(*blocks: Any) -> dict[str, Any]:
    return body(messages=[{"role": "user", "content": list(blocks)}])


def assistant(*blocks: Any) -> dict[str, Any]:
    return body(messages=[USER, {"role": "assistant", "content": list(blocks)}])


def result(content: Any = "ok", **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": "t1", "content": content, **more}


def document(**source: Any) -> dict[str, Any]:
    return {"type": "document", "source": source}


class TestAccepted:
    def test_the_smallest_body(self) -> None:
        assert MESSAGES.facts(body()) == RequestFacts(model="m", prompt_tokens=2, max_tokens=10)

    def test_null_means_not_said(self) -> None:
        fields = (
            "system", "stream", "temperature", "top_p", "top_k", "stop_sequences", "tools",
            "tool_choice", "thinking", "output_config", "output_format", "metadata", "service_tier",
            "cache_control",
        )  # fmt: skip
        assert MESSAGES.facts(body(**dict.fromkeys(fields))) == MESSAGES.facts(body())

    def test_what_routing_needs_is_noticed(self) -> None:
        form = {"type": "json_schema", "schema": {"type": "object"}}
        facts = MESSAGES.facts(
            body(
                stream=True,
                tools=[TOOL],
                output_config={"format": form},
                thinking={"type": "enabled", "budget_tokens": 1024},
                messages=[{"role": "user", "content": [IMAGE]}],
            )
        )
        assert facts.stream
        assert facts.tools
        assert facts.json_mode
        assert facts.reasoning
        assert facts.vision
        assert MESSAGES.facts(body(output_format=form)).json_mode
        assert MESSAGES.facts(body(output_config={"effort": "low"})).reasoning

    @pytest.mark.parametrize("kind", ["adaptive", "disabled", "between_tools"])
    def test_a_model_that_may_but_need_not_think_need_not_be_able_to(self, kind: str) -> None:
        assert not MESSAGES.facts(body(thinking={"type": kind})).reasoning

    def test_a_picture_in_the_result_of_a_tool_is_seen(self) -> None:
        assert MESSAGES.facts(user(result([IMAGE]))).vision

    def test_zero_tokens_fill_the_cache_alone(self) -> None:
        assert MESSAGES.facts(body(max_tokens=0)).max_tokens == 0

    def test_blocks_and_tools_of_the_api_are_left_to_the_provider(self) -> None:
        web = {"type": "web_search_20250305", "name": "web_search"}
        step = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {}}
        assert MESSAGES.facts({**assistant(step), "tools": [web]}).tools

    @pytest.mark.parametrize(
        ("more", "least", "most"),
        [
            ({"system": "x" * 400}, 100, 104),
            ({"system": [{"type": "text", "text": "x" * 400}]}, 100, 104),
            ({"messages": [{"role": "user", "content": "x" * 400}]}, 100, 100),
            ({"messages": [{"role": "system", "content": "x" * 400}]}, 100, 100),
            ({"tools": [TOOL] * 10}, 100, 150),
            (user(IMAGE, IMAGE), 3200, 3200),
            (user(document(type="text", data="x" * 400, media_type="text/plain")), 100, 100),
            (user(document(type="base64", data="x" * 4000, media_type="a/b")), 100, 120),
            (user(document(type="content", content="x" * 400)), 100, 100),
            (
                user(document(type="content", content=[{"type": "text", "text": "x" * 400}])),
                99,
                101,
            ),
            (user(document(type="url", url="https://example.org/a.pdf")), 3000, 3000),
            (user(result("x" * 400)), 100, 100),
            (user({"type": "search_result", "content": "x" * 400}), 100, 120),
            (assistant({"type": "thinking", "thinking": "x" * 400, "signature": ""}), 100, 104),
            (assistant({"type": "redacted_thinking", "data": "x" * 400}), 100, 104),
            (assistant({**CALL, "input": {"a": "x" * 400}}), 100, 110),
        ],
    )
    def test_the_prompt_is_estimated(self, more: dict[str, Any], least: int, most: int) -> None:
        assert least <= MESSAGES.facts(body(**more)).prompt_tokens <= most


REFUSED: list[tuple[dict[str, Any], str]] = [
    (body(max_tokens="a"), "max_tokens: Input should be a valid integer"),
    (body(max_tokens=-1), "max_tokens: Input should be greater than or equal to 0"),
    (body(model=3), "model: Input should be a valid string"),
    (body(model=" "), "model: String should have at least 1 character"),
    (body(messages="x"), "messages: Input should be a valid list"),
    (body(messages=[]), "messages: at least one message is required"),
    (body(messages=["x"]), "messages.0: Input should be an object"),
    (body(messages=[{"content": "x"}]), "messages.0.role: Field required"),
    (
        body(messages=[{"role": "tool", "content": "x"}]),
        "messages.0.role: Input should be 'user', 'assistant' or 'system'",
    ),
    (body(messages=[{"role": "user"}]), "messages.0.content: Field required"),
    (
        body(messages=[{"role": "user", "content": 3}]),
        "messages.0.content: Input should be a valid string or a list of content blocks",
    ),
    (user("x"), "messages.0.content.0: Input should be an object"),
    (user({}), "messages.0.content.0.type: Field required"),
    (user({"type": "text"}), "messages.0.content.0.text: Field required"),
    (
        user({"type": "text", "text": 3}),
        "messages.0.content.0.text: Input should be a valid string",
    ),
    (user(CALL), "messages.0.content.0: `tool_use` blocks can only be in `assistant` messages"),
    (
        assistant(result()),
        "messages.1.content.0: `tool_result` blocks can only be in `user` messages",
    ),
    (user(result([CALL])), "messages.0.content.0.content.0: `tool_use` blocks can only be in"),
    (user(result(3)), "messages.0.content.0.content: Input should be a valid string or a list"),
    (user(result(is_error=1)), "messages.0.content.0.is_error: Input should be a valid boolean"),
    (user({"type": "tool_result"}), "messages.0.content.0.tool_use_id: Field required"),
    (user({"type": "image"}), "messages.0.content.0.source: Field required"),
    (user({"type": "image", "source": {}}), "messages.0.content.0.source.type: Field required"),
    (
        user({"type": "image", "source": {"type": "base64"}}),
        "messages.0.content.0.source.media_type: Field required",
    ),
    (user(document(type="text")), "messages.0.content.0.source.data: Field required"),
    (assistant({"type": "tool_use", "id": "a"}), "messages.1.content.0.name: Field required"),
    (assistant({**CALL, "input": "{}"}), "messages.1.content.0.input: Input should be an object"),
    (
        assistant({"type": "thinking", "thinking": "x"}),
        "messages.1.content.0.signature: Field required",
    ),
    (body(system=3), "system: Input should be a valid string or a list of text blocks"),
    (body(system=["x"]), "system.0: Input should be an object"),
    (body(system=[IMAGE]), "system.0.type: Input should be 'text'"),
    (body(system=[{"type": "text"}]), "system.0.text: Field required"),
    (body(stream="yes"), "stream: Input should be a valid boolean"),
    (body(temperature=1.5), "temperature: Input should be less than or equal to 1"),
    (body(temperature=-1), "temperature: Input should be greater than or equal to 0"),
    (body(top_p="x"), "top_p: Input should be a valid number"),
    (body(top_k=1.5), "top_k: Input should be a valid integer"),
    (body(stop_sequences="x"), "stop_sequences: Input should be a valid list"),
    (body(stop_sequences=[3]), "stop_sequences.0: Input should be a valid string"),
    (body(tools={}), "tools: Input should be a valid list"),
    (body(tools=[3]), "tools.0: Input should be an object"),
    (body(tools=[{"type": 3}]), "tools.0.type: Input should be a valid string"),
    (body(tools=[{"name": "f"}]), "tools.0.input_schema: Field required"),
    (body(tools=[{**TOOL, "name": ""}]), "tools.0.name: String should have at least 1 character"),
    (body(tools=[{**TOOL, "description": 3}]), "tools.0.description: Input should be"),
    (body(tools=[{**TOOL, "input_examples": 3}]), "tools.0.input_examples: Input should be"),
    (body(tool_choice="auto"), "tool_choice: Input should be an object"),
    (
        body(tool_choice={"type": "required"}),
        "tool_choice.type: Input should be 'auto', 'any', 'tool' or 'none'",
    ),
    (body(tool_choice={"type": "tool"}), "tool_choice.name: Field required"),
    (
        body(tool_choice={"type": "auto", "disable_parallel_tool_use": 1}),
        "tool_choice.disable_parallel_tool_use: Input should be a valid boolean",
    ),
    (body(thinking="on"), "thinking: Input should be an object"),
    (body(thinking={"type": "enabled"}), "thinking.budget_tokens: Field required"),
    (
        body(thinking={"type": "enabled", "budget_tokens": 5}),
        "thinking.budget_tokens: Input should be greater than or equal to 1024",
    ),
    (body(output_config=3), "output_config: Input should be an object"),
    (body(output_config={"effort": "huge"}), "output_config.effort: Input should be 'low',"),
    (body(output_config={"effort": {}}), "output_config.effort: Input should be 'low',"),
    (body(output_config={"format": 3}), "output_config.format: Input should be an object"),
    (
        body(output_config={"format": {"type": "json_object"}}),
        "output_config.format.type: Input should be 'json_schema'",
    ),
    (body(output_format={"type": "json_schema"}), "output_format.schema: Field required"),
    (body(metadata=3), "metadata: Input should be an object"),
    (body(metadata={"user_id": 3}), "metadata.user_id: Input should be a valid string"),
]


@pytest.mark.parametrize(("wrong", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_what_is_wrong_is_said_in_the_words_of_the_api(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        MESSAGES.facts(wrong)
    assert caught.value.message.startswith(message)
    assert caught.value.param == message.partition(":")[0]


@pytest.mark.parametrize("field", ["model", "max_tokens", "messages"])
def test_what_has_to_be_there(field: str) -> None:
    fields = body()
    del fields[field]
    with pytest.raises(InvalidRequest, match=f"^{field}: Field required$"):
        MESSAGES.facts(fields)


def test_a_body_that_is_no_object() -> None:
    wrong: Any = []
    with pytest.raises(InvalidRequest, match="JSON object"):
        MESSAGES.facts(wrong)


class TestCounting:
    def test_a_limit_is_not_asked_for(self) -> None:
        asked = {"model": "m", "messages": [USER], "system": "x" * 400}
        assert COUNT.facts(asked) == RequestFacts(model="m", prompt_tokens=102)
        assert not COUNT.wants_usage(asked)

    def test_the_estimate_is_what_routing_counts_with(self) -> None:
        asked = {"model": "m", "messages": [{"role": "user", "content": "x" * 400}]}
        assert json.loads(COUNT.estimate(asked)) == {"input_tokens": 100}
        assert json.loads(
            COUNT.estimate({"model": "m", "messages": [{**USER, "content": ""}]})
        ) == {"input_tokens": 1}

    def test_the_same_shape_is_asked_for(self) -> None:
        with pytest.raises(InvalidRequest, match="messages: Field required"):
            COUNT.facts({"model": "m"})
