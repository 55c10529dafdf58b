"""The contract of every adapter, over real sockets and the real HTTP transport."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.providers.anthropic.anthropic_profile import AnthropicProfile
from tests.providers.azure_profile import AZURE_PROFILES
from tests.providers.cohere.cohere_profile import CohereProfile
from tests.providers.contract import (
    ANSWERS,
    FAULTS,
    PLAIN_USAGE,
    REQUESTS,
    TIMEOUTS,
    USAGE,
    Heard,
    Line,
    as_events,
    heard,
    interleaved,
    line_of,
    read_all,
    told,
)
from tests.providers.gemini.gemini_profile import GeminiProfile
from tests.providers.library_profile import LibraryProfile
from tests.providers.ollama.ollama_profile import OllamaProfile
from tests.providers.openai_profile import OPENAI_PROFILES
from tests.providers.profiles import MODEL_NAME, SECRET, Fault, Profile, Quirk, WireAnswer
from tests.support.upstream import (
    Answer,
    bytewise,
    giant_line,
    sse_answer,
    text_answer,
)

from laird.domain import errors
from laird.domain.chat import TextDelta
from laird.domain.errors import UnsupportedField

PROFILES: tuple[Profile, ...] = (
    *OPENAI_PROFILES,
    AnthropicProfile(),
    OllamaProfile(),
    GeminiProfile(),
    CohereProfile(),
    LibraryProfile(),
    *AZURE_PROFILES,
)

WIRES = tuple(
    each
    for each in PROFILES
    if each.name
    in {
        "openai",
        "openrouter",
        "mistral",
        "custom",
        "ollama",
        "anthropic",
        "gemini",
        "cohere",
        "azure",
    }
)
"""One profile for each form of answers; within a family they differ only in words and heads."""

each_wire = pytest.mark.parametrize(
    "profile", WIRES, ids=[profile.name for profile in WIRES], indirect=True
)


@pytest.fixture(params=PROFILES, ids=[profile.name for profile in PROFILES])
def profile(request: pytest.FixtureRequest) -> Profile:
    found: Profile = request.param
    return found


@pytest.fixture
async def line(profile: Profile) -> AsyncIterator[Line]:
    async with line_of(profile) as connected:
        yield connected


def answer_of(wire: WireAnswer) -> Answer:
    return Answer(wire.status, wire.headers, (wire.body,))


def json_body(body: bytes) -> Answer:
    return text_answer(body, content_type="application/json")


def expected(profile: Profile, name: str) -> Heard:
    answer = ANSWERS[name]
    whole = heard(as_events(answer))
    whole.usage = told(profile, answer.usage)
    return whole


class TestRequests:
    @pytest.mark.parametrize("name", REQUESTS)
    async def test_it_says_what_was_asked(self, line: Line, name: str) -> None:
        request = REQUESTS[name]
        if name in line.profile.lacks.unchecked:
            return  # judged by the adapter's own tests
        if name in line.profile.lacks.requests:
            with pytest.raises(UnsupportedField) as caught:
                line.adapter.chat_request(line.model, request)
            assert caught.value.param
            return
        sent = line.adapter.chat_request(line.model, request)
        response = await line.send(sent, json_body(line.profile.answer(ANSWERS["text"])))
        await response.read(1 << 20)
        response.close()
        received = line.upstream.requests[0]
        line.profile.check_head(received.method, received.target, received.headers)
        line.profile.check_body(received.body, request)

    async def test_a_body_in_its_own_dialect_is_passed_on_whole(self, line: Line) -> None:
        if line.profile.dialect is None:
            assert not line.adapter.speaks & {"openai.chat", "anthropic.messages"}
            return
        body: dict[str, Any] = {
            "model": "auto",
            "messages": [{"role": "user", "content": "Hi"}],
            "max_tokens": 5,
            "stream": True,
            "field_of_next_year": {"deep": [1, None]},
        }
        kept = json.loads(json.dumps(body))
        sent = line.adapter.forward_request(line.profile.dialect, line.model, body)
        line.profile.check_head(sent.head.method, sent.head.target, dict(sent.head.headers))
        out = json.loads(sent.body)
        assert out.pop("model") == MODEL_NAME
        out.pop("stream_options", None)
        assert out == {k: v for k, v in body.items() if k != "model"}
        assert body == kept, "the client's body was changed"


@each_wire
class TestWholeAnswers:
    @pytest.mark.parametrize("name", ANSWERS)
    async def test_it_reads_what_was_answered(self, line: Line, name: str) -> None:
        if name in line.profile.lacks.answers:
            return  # not on this wire
        answer = ANSWERS[name]
        read = line.adapter.read_answer(await line.body(json_body(line.profile.answer(answer))))
        model = "" if line.profile.lacks.model_name else answer.model
        assert read.model == model
        assert read.id if line.profile.lacks.ids else read.id == answer.id
        assert heard(as_events(read)) == heard(as_events(answer))
        assert read.usage == told(line.profile, answer.usage)

    @pytest.mark.parametrize("body", [b"", b"<html>It works!</html>", b'{"id": "x', b"[]", b"{}"])
    async def test_what_is_no_answer_is_garbled(self, line: Line, body: bytes) -> None:
        arrived = await line.body(text_answer(body, content_type="text/html"))
        with pytest.raises(errors.UpstreamGarbled) as caught:
            line.adapter.read_answer(arrived)
        assert line.adapter.provider.id in caught.value.message


@each_wire
class TestStreams:
    @pytest.mark.parametrize("name", ANSWERS)
    async def test_it_hears_what_was_said(self, line: Line, name: str) -> None:
        if name in line.profile.lacks.answers:
            return  # not on this wire
        answer = ANSWERS[name]
        wire = line.profile.stream(as_events(answer), answer.usage)
        assert await line.whole_stream(sse_answer(wire)) == expected(line.profile, name)

    async def test_calls_that_arrive_in_turns_are_told_apart(self, line: Line) -> None:
        if "interleaved" in line.profile.lacks.answers:
            return  # not on this wire
        events = interleaved(ANSWERS["text_and_tools"])
        wire = line.profile.stream(events, PLAIN_USAGE)
        assert await line.whole_stream(sse_answer(wire)) == expected(line.profile, "text_and_tools")

    async def test_text_comes_as_it_arrives(self, line: Line) -> None:
        wire = line.profile.stream(as_events(ANSWERS["text"]), PLAIN_USAGE)
        stream = line.stream(sse_answer(wire))
        events = [event async for event in stream]
        assert len([event for event in events if isinstance(event, TextDelta)]) == 4

    @pytest.mark.parametrize("name", ["hard_text", "text_and_tools"])
    async def test_single_bytes_make_the_same_answer(self, line: Line, name: str) -> None:
        wire = line.profile.stream(as_events(ANSWERS[name]), PLAIN_USAGE)
        answer = bytewise(sse_answer([b"".join(wire)]))
        assert await line.whole_stream(answer) == expected(line.profile, name)

    async def test_all_counts_are_read(self, line: Line) -> None:
        wire = line.profile.stream(as_events(ANSWERS["text"]), USAGE)
        assert (await line.whole_stream(sse_answer(wire))).usage == told(line.profile, USAGE)

    @pytest.mark.parametrize("quirk", Quirk)
    async def test_odd_but_proper_streams(self, line: Line, quirk: Quirk) -> None:
        if quirk in line.profile.lacks.quirks:
            return  # not on this wire
        data = line.profile.quirk(quirk, as_events(ANSWERS["text"]))
        whole = await line.whole_stream(sse_answer([data]))
        assert (whole.text, whole.finish) == ("Hello there.", ANSWERS["text"].finish)
        assert (whole.usage is None) is (quirk is Quirk.MISSING_USAGE)


@each_wire
class TestBrokenStreams:
    async def test_a_stream_that_ends_too_early_never_ends_well(self, line: Line) -> None:
        wire = line.profile.stream(as_events(ANSWERS["text_and_tools"]), PLAIN_USAGE)
        needed = line.profile.needed(wire)
        for kept in range(needed):
            with pytest.raises(errors.UpstreamGarbled):
                await line.whole_stream(sse_answer(wire[:kept]))
        for kept in range(needed, len(wire) + 1):
            assert (await line.whole_stream(sse_answer(wire[:kept]))).finish is not None

    async def test_a_connection_that_breaks_is_noticed_at_each_chunk(self, line: Line) -> None:
        wire = line.profile.stream(as_events(ANSWERS["text"]), PLAIN_USAGE)
        for kept in range(len(wire)):
            for broken in (sse_answer(wire).cut(at=kept), sse_answer(wire).reset(at=kept)):
                with pytest.raises(errors.ConnectionLost):
                    await line.whole_stream(broken)

    async def test_an_error_after_status_200(self, line: Line) -> None:
        wire = line.profile.stream(as_events(ANSWERS["text"]), PLAIN_USAGE)
        event, kind = line.profile.late_fault()
        for before in (0, 1, len(wire) - 3):
            with pytest.raises(kind) as caught:
                await line.whole_stream(sse_answer([*wire[:before], event]))
            assert line.adapter.provider.id in caught.value.message

    @pytest.mark.parametrize(
        "answer",
        [
            sse_answer([b"data: {broken\n\n"]),
            sse_answer([b"data: []\n\n"]),
            text_answer(b"<html>It works!</html>", content_type="text/html"),
            text_answer(b"", content_type="text/event-stream"),
        ],
        ids=["broken-json", "not-an-object", "html", "nothing"],
    )
    async def test_garbage_is_garbled(self, line: Line, answer: Answer) -> None:
        with pytest.raises(errors.UpstreamGarbled):
            await line.whole_stream(answer)

    async def test_a_giant_event_is_not_swallowed(self, line: Line) -> None:
        with pytest.raises(errors.UpstreamGarbled):
            await line.whole_stream(giant_line(17 * 1024 * 1024))


@settings(max_examples=30, deadline=None)
@given(cuts=st.lists(st.integers(1, 4000), max_size=20))
@pytest.mark.parametrize("case", WIRES, ids=[each.name for each in WIRES])
def test_it_does_not_matter_how_the_network_cuts(case: Profile, cuts: list[int]) -> None:
    adapter = case.adapter(case.provider("http://127.0.0.1:1"))
    for name in ("hard_text", "text_and_tools"):
        whole = b"".join(case.stream(as_events(ANSWERS[name]), PLAIN_USAGE))
        places = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
        segments = [whole[a:b] for a, b in pairwise(places)]
        assert read_all(adapter, segments) == expected(case, name)


class TestRefusals:
    @pytest.mark.parametrize("fault", Fault)
    async def test_each_means_one_thing(self, line: Line, fault: Fault) -> None:
        if fault in line.profile.lacks.faults:
            return  # not on this wire
        request = line.adapter.chat_request(line.model, REQUESTS["text"])
        response = await line.send(request, answer_of(line.profile.fault(fault)))
        body = await response.read(1 << 20)
        error = line.adapter.read_error(response.status, response.headers, body)
        response.close()
        meaning = FAULTS[fault]
        assert type(error) is meaning.kind
        assert {name: getattr(error, name) for name in meaning.fields} == meaning.fields
        assert line.adapter.provider.id in error.message
        assert SECRET not in error.message
        assert "<" not in error.message, "no HTML"
        assert len(error.message) < 600

    async def test_long_and_odd_bodies_stay_short_and_quiet(self, line: Line) -> None:
        for body in (
            b"x" * 100_000,
            b"\xff\xfe\x00",
            b'{"error":{"message":["?"]}}',
            b"null",
            b"[]",
        ):
            for status in (301, 400, 404, 418, 500, 599):
                error = line.adapter.read_error(status, {}, body)
                assert error.status is not None
                assert len(error.message) < 600


class TestListsAndProbes:
    async def test_models_are_listed_with_the_credential(self, line: Line) -> None:
        names = ["one", "two:7b", "org/three"]
        answer = json_body(line.profile.models(names))
        response = await line.send(line.adapter.models_request(), answer)
        found = line.adapter.read_models(await response.read(1 << 20))
        response.close()
        assert [model.id for model in found] == names
        received = line.upstream.requests[0]
        assert received.method == "GET"
        assert any(SECRET in value for value in received.headers.values())

    @pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"data": "x"}', b"[]"])
    def test_what_is_no_list_is_garbled(self, profile: Profile, body: bytes) -> None:
        adapter = profile.adapter(profile.provider("http://127.0.0.1:1"))
        with pytest.raises(errors.UpstreamGarbled):
            adapter.read_models(body)

    async def test_the_probe_only_looks(self, line: Line) -> None:
        request = line.adapter.probe_request()
        response = await line.send(request, json_body(b"{}"))
        response.close()
        received = line.upstream.requests[0]
        assert received.method == "GET"
        assert received.body == b""

    async def test_a_silent_upstream_ends_in_a_timeout(self, line: Line) -> None:
        wire = line.profile.stream(as_events(ANSWERS["text"]), PLAIN_USAGE)
        line.upstream.script(sse_answer(wire).stalled(at=1))
        limits = type(TIMEOUTS)(connect=5.0, first_byte=5.0, idle=0.05, total=5.0)
        request = line.adapter.chat_request(line.model, REQUESTS["stream"])
        response = await line.transport.send(request, limits)
        await response.chunk()
        with pytest.raises(errors.UpstreamTimeout) as caught:
            await response.chunk()
        response.close()
        assert caught.value.phase == "idle"
