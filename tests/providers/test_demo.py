"""The demo provider: offline, always the same, and able to act every fault."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from tests.providers.contract import Heard, heard

from laird.domain import errors
from laird.domain.catalog import Egress, Model, Provider, Timeouts
from laird.domain.chat import FinishReason
from laird.providers.demo import DemoResponse, DemoTransport
from laird.providers.demo_schema import instance_of
from laird.providers.demo_script import PRESETS, BadScript, Script, script_for
from laird.providers.registry import build_adapter
from laird.transport.base import RequestHead, UpstreamRequest

PROVIDER = Provider(
    id="demo", name="Demo", kind="demo", egress=Egress.LOCAL, endpoint="demo://demo"
)
ADAPTER = build_adapter(PROVIDER)
DEMO = DemoTransport()
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "minLength": 6}, "days": {"type": "integer"}},
            "required": ["city"],
        },
    },
}


def model(name: str) -> Model:
    return Model(id=name, name=name, provider_id="demo", upstream_model=name, egress=Egress.LOCAL)


async def send(
    text: str = "Hi", name: str = "demo", limits: Timeouts | None = None, **fields: Any
) -> DemoResponse:
    body = {"model": "auto", "messages": [{"role": "user", "content": text}], **fields}
    request = ADAPTER.forward_request("openai.chat", model(name), body)
    return await DEMO.send(request, limits or Timeouts())


async def answer(text: str = "Hi", name: str = "demo", **fields: Any) -> dict[str, Any]:
    response = await send(text, name, **fields)
    body = await response.read(1 << 20)
    assert response.status == 200, body
    ChatCompletion.model_validate_json(body)
    whole: dict[str, Any] = json.loads(body)
    return whole


async def said(text: str = "Hi", name: str = "demo", **fields: Any) -> str:
    content = (await answer(text, name, **fields))["choices"][0]["message"]["content"]
    assert isinstance(content, str)
    return content


async def stream(text: str = "Hi", name: str = "demo", **fields: Any) -> list[bytes]:
    response = await send(text, name, stream=True, **fields)
    assert response.headers["content-type"] == "text/event-stream"
    chunks = []
    while chunk := await response.chunk():
        chunks.append(chunk)
        if chunk != b"data: [DONE]\n\n":
            ChatCompletionChunk.model_validate_json(chunk[6:])
    return chunks


async def listened(text: str = "Hi", name: str = "demo", **fields: Any) -> Heard:
    reader = ADAPTER.event_reader()
    events = [e for chunk in await stream(text, name, **fields) for e in reader.feed(chunk)]
    return heard([*events, *reader.end()])


class TestAnswers:
    async def test_it_repeats_the_last_message_of_the_user(self) -> None:
        expected = "This is the Laird demo model. You said: Hello  there\nfriend"
        assert await said("Hello  there\nfriend") == expected
        whole = await listened("Hello  there\nfriend")
        assert whole.text == expected
        assert whole.finish is FinishReason.STOP

    async def test_the_same_request_gets_the_same_bytes(self) -> None:
        assert await answer("x") == await answer("x")
        assert await stream("x") == await stream("x")

    async def test_words_come_one_by_one(self) -> None:
        assert len(await stream("a b c")) == 1 + 8 + 3 + 3

    async def test_tokens_are_four_characters(self) -> None:
        whole = await answer("12345678")
        text = whole["choices"][0]["message"]["content"]
        assert whole["usage"]["prompt_tokens"] == 2
        assert whole["usage"]["completion_tokens"] == -(-len(text) // 4)
        heard_usage = (await listened("12345678")).usage
        assert heard_usage is not None
        assert heard_usage.total == whole["usage"]["total_tokens"]

    async def test_images_are_noticed(self) -> None:
        image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
        content = [{"type": "text", "text": "Look"}, image]
        whole = await answer(messages=[{"role": "user", "content": content}])
        text = whole["choices"][0]["message"]["content"]
        assert text.endswith("Look (and sent 1 image)")
        assert whole["usage"]["prompt_tokens"] == 86

    async def test_the_limit_of_tokens_is_kept(self) -> None:
        whole = await answer(max_tokens=3)
        assert whole["choices"][0]["message"]["content"] == "This is the "
        assert whole["choices"][0]["finish_reason"] == "length"
        limited = await listened(max_completion_tokens=3)
        assert (limited.text, limited.finish) == ("This is the ", FinishReason.LENGTH)
        assert (await answer(max_tokens=1000))["choices"][0]["finish_reason"] == "stop"

    @pytest.mark.parametrize("stop", ["Laird", ["zzz", "demo", "Laird"]])
    async def test_it_stops_where_told(self, stop: Any) -> None:
        whole = await answer(stop=stop)
        assert whole["choices"][0]["message"]["content"] == "This is the "
        assert whole["choices"][0]["finish_reason"] == "stop"

    async def test_thinking(self) -> None:
        whole = await listened(name="demo-thinking")
        assert whole.thinking
        assert whole.usage is not None
        assert whole.usage.reasoning > 0
        assert "reasoning_content" in (await answer("/demo think=yes"))["choices"][0]["message"]

    async def test_only_the_last_message_of_the_user_directs_it(self) -> None:
        messages = [
            {"role": "user", "content": "/demo status=500"},
            {"role": "assistant", "content": "x"},
            {"role": "user", "content": "Now?"},
        ]
        assert (await said(messages=messages)).endswith("You said: Now?")

    async def test_a_conversation_without_a_user(self) -> None:
        messages = [{"role": "system", "content": "x"}]
        assert (await said(messages=messages)).endswith("You said:")


class TestJson:
    async def test_an_object(self) -> None:
        text = await said(response_format={"type": "json_object"})
        assert json.loads(text)["answer"].endswith("You said: Hi")

    async def test_an_instance_of_the_schema(self) -> None:
        schema = WEATHER["function"]["parameters"]  # type: ignore[index]
        form = {"type": "json_schema", "json_schema": {"name": "w", "schema": schema}}
        assert json.loads(await said(response_format=form)) == {"city": "demo.."}


class TestTools:
    async def test_the_first_tool_is_called_with_arguments_that_fit(self) -> None:
        message = (await answer(name="demo-tools", tools=[WEATHER]))["choices"][0]
        assert message["finish_reason"] == "tool_calls"
        function = message["message"]["tool_calls"][0]["function"]
        assert function["name"] == "get_weather"
        assert json.loads(function["arguments"]) == {"city": "demo.."}
        whole = await listened(name="demo-tools", tools=[WEATHER])
        assert [(name, args) for _, name, args in whole.calls] == [
            ("get_weather", {"city": "demo.."})
        ]

    async def test_a_tool_of_ones_choice(self) -> None:
        whole = await listened('/demo tool=get_weather({"city": "Oslo (N)"}) chunks=9')
        assert [call[1:] for call in whole.calls] == [("get_weather", {"city": "Oslo (N)"})]
        bare = await answer("/demo tool=now")
        assert bare["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] == "{}"

    @pytest.mark.parametrize(
        "choice", ["required", {"type": "function", "function": {"name": "get_weather"}}]
    )
    async def test_a_tool_that_must_be_called_is(self, choice: Any) -> None:
        whole = await listened(tools=[WEATHER], tool_choice=choice)
        assert len(whole.calls) == 1

    @pytest.mark.parametrize(
        "fields",
        [
            {"tools": [WEATHER]},
            {"tools": [WEATHER], "tool_choice": "none", "name": "demo-tools"},
            {"name": "demo-tools"},
        ],
    )
    async def test_no_tool_is_called_unasked(self, fields: dict[str, Any]) -> None:
        assert (await listened(**fields)).calls == ()

    async def test_a_result_gets_an_answer(self) -> None:
        call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        messages = [
            {"role": "user", "content": "Weather?"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "1", "content": "18 C"},
        ]
        text = await said(name="demo-tools", tools=[WEATHER], messages=messages)
        assert text == "The tool answered: 18 C"


class TestFaults:
    async def refused(
        self, text: str = "Hi", name: str = "demo", **fields: Any
    ) -> errors.UpstreamError:
        response = await send(text, name, **fields)
        body = await response.read(1 << 20)
        return ADAPTER.read_error(response.status, response.headers, body)

    @pytest.mark.parametrize(
        ("text", "name", "kind"),
        [
            ("/demo status=500", "demo", errors.UpstreamFailed),
            ("/demo status=401", "demo", errors.CredentialRefused),
            ("Hi", "demo-fail", errors.UpstreamFailed),
            ("Hi", "demo-busy", errors.UpstreamRateLimited),
            ("Hi", "demo?status=422&pause=5ms", errors.UpstreamRejected),
            ("Hi", "gpt-9", errors.UpstreamModelMissing),
            ("/demo dance=yes", "demo", errors.UpstreamRejected),
            ("/demo status=many", "demo", errors.UpstreamRejected),
        ],
    )
    async def test_failing(self, text: str, name: str, kind: type[errors.UpstreamError]) -> None:
        assert type(await self.refused(text, name)) is kind

    async def test_how_long_to_wait(self) -> None:
        error = await self.refused("/demo status=429 retry_after=1.5s")
        assert isinstance(error, errors.UpstreamRateLimited)
        assert error.retry_after_s == 1.5

    async def test_a_mistake_in_a_line_is_explained(self) -> None:
        assert "status, delay" in (await self.refused("/demo dance=yes")).message
        assert "'status'" in (await self.refused("/demo status=many")).message

    async def test_cutting_a_stream(self) -> None:
        response = await send("/demo cut=2", stream=True)
        got = [await response.chunk() for _ in range(3)]
        assert b'" is"' in got[2]
        with pytest.raises(errors.ConnectionLost):
            await response.chunk()
        with pytest.raises(errors.ConnectionLost):
            await (await send("/demo cut=0")).read(1000)

    async def test_an_error_within_a_stream(self) -> None:
        with pytest.raises(errors.UpstreamFailed, match="as told"):
            await self.events("/demo error=2")

    async def events(self, text: str) -> None:
        response = await send(text, stream=True)
        reader = ADAPTER.event_reader()
        while chunk := await response.chunk():
            reader.feed(chunk)
        reader.end()

    async def test_no_usage(self) -> None:
        assert (await listened("/demo usage=no")).usage is None
        assert "usage" not in await answer("/demo usage=no")

    async def test_slow_to_begin(self) -> None:
        limits = Timeouts(first_byte=0.01)
        with pytest.raises(errors.UpstreamTimeout) as caught:
            await send("/demo delay=60s", limits=limits)
        assert caught.value.phase == "first_byte"
        with pytest.raises(errors.UpstreamTimeout) as caught:
            await send(name="demo-slow", limits=Timeouts(total=0.01))
        assert caught.value.phase == "total"

    @pytest.mark.parametrize("line", ["/demo pause=60s", "/demo stall=1"])
    async def test_falling_silent(self, line: str) -> None:
        response = await send(line, stream=True, limits=Timeouts(idle=0.01))
        await response.chunk()
        await response.chunk()
        with pytest.raises(errors.UpstreamTimeout) as caught:
            await response.chunk()
        assert caught.value.phase == "idle"

    async def test_a_pause_is_a_pause(self) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        await stream("/demo pause=5ms chunks=3")
        assert loop.time() - begun >= 0.01

    async def test_cancelling_ends_the_wait(self) -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(send("/demo delay=60s"), timeout=0.01)

    async def test_a_closed_answer_says_no_more(self) -> None:
        response = await send(stream=True)
        await response.chunk()
        response.close()
        with pytest.raises(errors.ConnectionLost):
            await response.chunk()

    async def test_an_answer_over_the_limit(self) -> None:
        with pytest.raises(errors.UpstreamGarbled):
            await (await send()).read(10)

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"[]",
            b"{}",
            b'{"model":"demo"}',
            b'{"model":"demo","messages":[]}',
            b'{"model":"demo","messages":["x"]}',
            b'{"model":5,"messages":[{"role":"user"}]}',
            b'{"model":"demo","messages":[{"role":"user"}],"tools":[5]}',
        ],
    )
    async def test_a_body_that_makes_no_sense(self, body: bytes) -> None:
        request = ADAPTER.forward_request("openai.chat", model("demo"), {"messages": []})
        response = await DEMO.send(UpstreamRequest(request.head, body), Timeouts())
        assert response.status == 400

    async def test_an_unknown_path(self) -> None:
        origin = ADAPTER.probe_request().head.origin
        head = RequestHead("GET", origin, "/v1/files")
        assert (await DEMO.send(UpstreamRequest(head), Timeouts())).status == 404
        await DEMO.close()


class TestListing:
    async def test_its_models_are_listed_and_answer(self) -> None:
        response = await DEMO.send(ADAPTER.models_request(), Timeouts())
        found = ADAPTER.read_models(await response.read(1 << 20))
        assert [each.id for each in found] == list(PRESETS)
        assert (await DEMO.send(ADAPTER.probe_request(), Timeouts())).status == 200


class TestChunks:
    @given(st.integers(1, 300), st.text(min_size=1, max_size=50))
    def test_as_many_pieces_as_asked_for(self, count: int, text: str) -> None:
        wire = asyncio.run(stream(f"{text}\n/demo chunks={count}"))
        assert sum(b'"content":' in chunk for chunk in wire) == count + 1


class TestScripts:
    def test_a_line_of_everything(self) -> None:
        line = (
            "/demo status=503 delay=2s pause=50ms chunks=40 cut=3 stall=4 error=5 retry_after=1"
            ' tool=f({"a": [1, "b c)"]}) think=yes usage=no tools=1'
        )
        script, text = script_for("demo", f"Hello\n  {line}\nthere")
        assert text == "Hello\nthere"
        assert script == Script(
            status=503,
            delay=2.0,
            pause=0.05,
            chunks=40,
            cut=3,
            stall=4,
            error=5,
            retry_after=1.0,
            tool=("f", '{"a": [1, "b c)"]}'),
            think=True,
            usage=False,
            tools=True,
        )

    @pytest.mark.parametrize(
        "line",
        [
            "status",
            "status=99",
            "delay=2h",
            "delay=9999s",
            "think=maybe",
            "tool=f(",
            "tool=()",
            "tool=f(1",
            "cut=-1",
        ],
    )
    def test_what_cannot_be_followed(self, line: str) -> None:
        with pytest.raises(BadScript):
            script_for("demo", f"/demo {line}")

    def test_only_a_whole_word_is_a_directive(self) -> None:
        assert script_for("demo", "/demonstrate status=500")[0] == Script()


SCHEMAS: list[tuple[Any, Any]] = [
    ({}, None),
    (True, None),
    ({"type": "string"}, "demo"),
    ({"type": "string", "maxLength": 2}, "de"),
    ({"type": "string", "format": "date"}, "2025-01-01"),
    ({"enum": ["b", "a"]}, "b"),
    ({"const": 5}, 5),
    ({"default": {"x": 1}}, {"x": 1}),
    ({"type": "integer"}, 0),
    ({"type": "integer", "minimum": 3}, 3),
    ({"type": "integer", "exclusiveMinimum": 3}, 4),
    ({"type": "integer", "maximum": -3}, -3),
    ({"type": "integer", "minimum": 3, "multipleOf": 5}, 5),
    ({"type": "boolean"}, True),
    ({"type": "null"}, None),
    ({"type": ["string", "null"]}, "demo"),
    ({"type": "array", "items": {"type": "integer"}}, []),
    ({"type": "array", "items": {"type": "integer"}, "minItems": 2}, [0, 0]),
    ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, 0),
    ({"properties": {"a": {"type": "integer"}}, "required": ["a"]}, {"a": 0}),
    ({"$ref": "#/$defs/A", "$defs": {"A": {"type": "boolean"}}}, True),
    ({"$ref": "#/$defs/B"}, None),
    ({"$ref": "http://elsewhere"}, None),
    (
        {
            "allOf": [{"$ref": "#/$defs/A"}, {"properties": {"b": {"type": "integer"}}}],
            "required": ["b"],
            "$defs": {
                "A": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
            },
        },
        {"b": 0, "a": "demo"},
    ),
    ({"allOf": [{"type": "integer"}, {"minimum": 7}]}, 7),
]


@pytest.mark.parametrize(("schema", "value"), SCHEMAS, ids=[str(i) for i in range(len(SCHEMAS))])
def test_a_small_value_of_a_schema(schema: Any, value: Any) -> None:
    assert instance_of(schema) == value


def test_a_schema_that_contains_itself_comes_to_an_end() -> None:
    schema = {"properties": {"next": {"$ref": "#"}}, "required": ["next"]}
    assert isinstance(instance_of(schema), dict)
