"""Passing OpenAI streams on: every byte arrives once, cut streams never look complete."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionChunk
from tests.support.openai_wire import (
    COMPLETION,
    DONE,
    STREAM,
    USAGE,
    chunk,
    event,
    tool_call_stream,
)

from laird.dialects.openai_chat import OpenAIChat
from laird.dialects.openai_plain import NO_PATTERN, learn_plain
from laird.dialects.openai_relay import OpenAIPassThrough
from laird.domain import errors
from laird.domain.tokens import TokenUsage
from laird.wire.openai import read_chunk

CHAT = OpenAIChat()
COUNTED = TokenUsage(prompt=9, completion=3)


def relay(*, include_usage: bool = True) -> OpenAIPassThrough:
    return CHAT.forward_relay(provider="p", include_usage=include_usage)


def run(pieces: Iterable[bytes], *, include_usage: bool = True) -> tuple[bytes, OpenAIPassThrough]:
    passing = relay(include_usage=include_usage)
    out = b"".join([passing.feed(piece) for piece in pieces])
    return out + passing.end(), passing


def payloads(data: bytes) -> list[dict[str, Any]]:
    events = [part.removeprefix(b"data: ") for part in data.split(b"\n\n") if part]
    return [json.loads(part) for part in events if part != b"[DONE]"]


def without_provider(data: bytes) -> bytes:
    return data.replace(b'"provider":"p",', b"")


class TestPassingOn:
    def test_chunks_are_the_same_bytes_with_who_served_them(self) -> None:
        out, passing = run(STREAM)
        assert without_provider(out) == b"".join(STREAM)
        assert all(payload["provider"] == "p" for payload in payloads(out))
        assert passing.text_length == len("Hello there.")
        assert passing.usage == COUNTED
        for payload in payloads(out):
            ChatCompletionChunk.model_validate(payload)

    def test_the_usage_chunk_is_only_for_those_who_asked(self) -> None:
        out, passing = run(STREAM, include_usage=False)
        assert without_provider(out) == b"".join(STREAM[:-2]) + DONE
        assert passing.usage == COUNTED

    def test_usage_beside_the_answer_stays(self) -> None:
        last = chunk({}, "stop", usage=USAGE)
        out, passing = run([last], include_usage=False)
        assert without_provider(out) == last + DONE
        assert passing.usage == COUNTED

    def test_events_without_a_choice_are_passed_on(self) -> None:
        filters = chunk({}, choices=[], prompt_filter_results=[{"prompt_index": 0}])
        out, _ = run([filters, *STREAM], include_usage=False)
        assert without_provider(out).startswith(filters)

    def test_tool_calls_are_passed_on_and_counted(self) -> None:
        pieces = tool_call_stream()
        out, passing = run(pieces)
        assert without_provider(out) == b"".join(pieces)
        assert passing.text_length == len('get_weather{"city":"Paris"}')

    def test_a_provider_field_of_the_upstreams_own_gives_way(self) -> None:
        odd = chunk({"content": "x"}, "stop", provider="someone else")
        out, _ = run([odd])
        assert payloads(out)[0]["provider"] == "p"
        assert b"someone else" not in out

    def test_spaced_json_is_not_written_anew(self) -> None:
        spaced = (
            b'data: { "choices" : [ {"delta": {"content": "x"}, "finish_reason": "stop"} ] }\n\n'
        )
        out, _ = run([spaced])
        assert out == spaced.replace(b"{ ", b'{"provider":"p", ', 1) + DONE

    def test_an_empty_object_is_no_reason_to_fail(self) -> None:
        out, _ = run([b"data: {}\n\n", *STREAM])
        assert out.startswith(b'data: {"provider":"p"}\n\n')

    def test_nothing_follows_done(self) -> None:
        out, passing = run([*STREAM, chunk({"content": "late"})])
        assert b"late" not in out
        assert passing.text_length == len("Hello there.")
        assert out.count(DONE) == 1


class TestMarks:
    def test_role_and_empty_text_are_no_content(self) -> None:
        passing = relay()
        seen = []
        for piece in STREAM:
            passing.feed(piece)
            seen.append((passing.content, passing.finished, passing.done))
        assert seen == [
            (False, False, False),
            *[(True, False, False)] * 3,
            *[(True, True, False)] * 2,
            (True, True, True),
        ]

    @pytest.mark.parametrize(
        "delta",
        [
            {"content": "x"},
            {"content": None, "reasoning_content": "x"},
            {"content": "", "reasoning": "x"},
            {"refusal": "x"},
            {"tool_calls": [{"index": 0, "function": {"name": "x"}}]},
            {"function_call": {"arguments": "x"}},
            {"audio": {"data": "x"}},
        ],
    )
    def test_all_that_a_client_could_see_is_content(self, delta: dict[str, Any]) -> None:
        passing = relay()
        passing.feed(chunk(delta))
        assert passing.content
        assert passing.text_length == 1

    def test_several_answers_are_finished_when_all_are(self) -> None:
        def choice(index: int, finish: str | None) -> bytes:
            delta = {"content": "x"}
            return chunk({}, choices=[{"index": index, "delta": delta, "finish_reason": finish}])

        passing = relay()
        for index, finish, finished in [
            (0, None, False), (1, None, False), (0, "stop", False), (1, "length", True),
        ]:  # fmt: skip
            passing.feed(choice(index, finish))
            assert passing.finished is finished
        passing.feed(choice(0, None))
        assert passing.finished
        passing.feed(choice(2, None))
        assert not passing.finished

    def test_reasoning_and_cached_tokens_are_read(self) -> None:
        usage = {
            **USAGE,
            "prompt_tokens_details": {"cached_tokens": 4},
            "completion_tokens_details": {"reasoning_tokens": 2},
        }
        passing = relay()
        passing.feed(chunk({}, choices=[], usage=usage))
        assert passing.usage == TokenUsage(prompt=9, completion=3, cached=4, reasoning=2)


class TestHoldingBack:
    def test_nothing_shown_says_that_the_answer_is_complete(self) -> None:
        passing = relay()
        shown = b"".join([passing.feed(piece) for piece in STREAM])
        assert b'"stop"' not in shown
        assert without_provider(passing.end()) == b"".join(STREAM[-3:])

    def test_a_last_chunk_with_text_waits_too_and_is_no_content_yet(self) -> None:
        passing = relay()
        assert passing.feed(STREAM[0] + chunk({"content": "x"}, "stop")).count(b"data:") == 1
        assert not passing.content
        assert b'"x"' in passing.end()

    def test_what_follows_the_finish_waits_behind_it(self) -> None:
        late = chunk({"content": "late"})
        passing = relay()
        out = [passing.feed(piece) for piece in (*STREAM[:5], late)]
        assert out[-2:] == [b"", b""]
        assert without_provider(passing.end()) == STREAM[4] + late + DONE

    def test_a_choice_that_begins_late_lets_the_stream_go_on(self) -> None:
        passing = relay()
        first = chunk({"content": "x"}, "stop")
        assert passing.feed(first) == b""
        second = chunk({}, choices=[{"index": 1, "delta": {}}])
        assert without_provider(passing.feed(second)) == first + second
        assert passing.content
        with pytest.raises(errors.UpstreamGarbled):
            passing.end()


class TestFailures:
    @pytest.mark.parametrize("kept", range(len(STREAM) - 3))
    def test_a_stream_cut_before_its_finish_never_ends_well(self, kept: int) -> None:
        passing = relay()
        for piece in STREAM[:kept]:
            passing.feed(piece)
        with pytest.raises(errors.UpstreamGarbled, match="before the answer was complete"):
            passing.end()

    def test_done_alone_is_no_finish(self) -> None:
        passing = relay()
        passing.feed(STREAM[1] + DONE)
        with pytest.raises(errors.UpstreamGarbled):
            passing.end()

    def test_a_finish_without_its_empty_line_was_never_sent(self) -> None:
        passing = relay()
        passing.feed(chunk({"content": "x"}, "stop").rstrip())
        with pytest.raises(errors.UpstreamGarbled):
            passing.end()

    @pytest.mark.parametrize(
        ("error", "kind"),
        [
            ({"message": "boom", "type": "server_error"}, errors.UpstreamFailed),
            ({"message": "slow down", "code": 429}, errors.UpstreamRateLimited),
            ({"message": "no money", "code": "insufficient_quota"}, errors.UpstreamQuota),
            ({"message": "bad", "type": "BadRequestError", "code": 400}, errors.UpstreamRejected),
            ("out of memory", errors.UpstreamFailed),
        ],
    )
    def test_an_error_after_200(self, error: Any, kind: type[errors.UpstreamError]) -> None:
        passing = relay()
        passing.feed(STREAM[0])
        with pytest.raises(kind):
            passing.feed(event({"error": error}))
        assert not passing.content

    def test_an_error_in_the_same_read_as_text_leaves_no_trace(self) -> None:
        passing = relay()
        with pytest.raises(errors.UpstreamFailed):
            passing.feed(STREAM[1] + event({"error": {"message": "boom"}}))
        assert not passing.content

    @pytest.mark.parametrize(
        "data", [b'{"error": {"message": "boom"}}', b'{"message": "boom"}', b"boom"]
    )
    def test_an_event_named_error(self, data: bytes) -> None:
        with pytest.raises(errors.UpstreamFailed, match="boom"):
            relay().feed(b"event: error\ndata: " + data + b"\n\n")

    def test_an_error_object_of_older_servers(self) -> None:
        with pytest.raises(errors.UpstreamFailed, match="boom"):
            relay().feed(event({"object": "error", "message": "boom"}))

    def test_a_finish_that_means_failure(self) -> None:
        with pytest.raises(errors.UpstreamFailed, match="abort"):
            relay().feed(chunk({}, "abort"))

    @pytest.mark.parametrize(
        "data", [b"data: {broken\n\n", b"data: [1]\n\n", b"data: hi\n\n", b'data: {"a":"\xff"\n\n']
    )
    def test_what_is_no_chunk(self, data: bytes) -> None:
        with pytest.raises(errors.UpstreamGarbled, match="not JSON"):
            relay().feed(data)

    def test_a_giant_event(self) -> None:
        passing = relay()
        for _ in range(15):
            passing.feed(b"data: " + b"x" * 1024 * 1024)
        with pytest.raises(errors.UpstreamGarbled):
            passing.feed(b"x" * 2 * 1024 * 1024)

    def test_plain_json_instead_of_a_stream_tells_its_error(self) -> None:
        passing = relay()
        assert passing.feed(b'{"error": {"message": "model is') == b""
        passing.feed(b' loading", "code": 503}}')
        with pytest.raises(errors.UpstreamFailed, match="model is loading"):
            passing.end()

    @pytest.mark.parametrize("body", [b"<html>Bad gateway</html>", b"{not json", b'{"a": 1}'])
    def test_anything_else_instead_of_a_stream(self, body: bytes) -> None:
        passing = relay()
        passing.feed(body)
        with pytest.raises(errors.UpstreamGarbled):
            passing.end()


class TestUnusualForms:
    def expect(self, data: bytes) -> None:
        out, _ = run([data])
        assert [p["choices"][0]["delta"] for p in payloads(out)] == [{"content": "x"}, {}]

    def test_line_ends_comments_names_and_no_blank(self) -> None:
        first, last = chunk({"content": "x"})[6:-2], chunk({}, "stop")[6:-2]
        for end in (b"\n", b"\r\n", b"\r"):
            self.expect(
                b"\xef\xbb\xbf: hello" + end + end
                + b"id: 1" + end + b"event: message" + end + b"data:" + first + end + end
                + b"retry: 5" + end + end + b"data" + end + end
                + b"data: " + last + end + end + b"data:[DONE]" + end + end
            )  # fmt: skip

    def test_json_over_several_lines(self) -> None:
        first, last = chunk({"content": "x"}), chunk({}, "stop")
        spread = b"data: " + first[6:-2].replace(b",", b",\ndata: ") + b"\n\n"
        self.expect(spread + last)

    def test_fields_of_odd_types(self) -> None:
        out, passing = run(
            [
                chunk({"content": [{"type": "text", "text": "ab"}]}),
                chunk({"content": "x", "tool_calls": {"function": {"arguments": {"a": 1}}}}),
                chunk({}, "stop", usage={"prompt_tokens": 5.0, "completion_tokens": "?"}, id=7),
            ]
        )
        assert len(payloads(out)) == 3
        assert passing.text_length == 3
        assert passing.usage == TokenUsage(prompt=5)

    def test_half_an_emoji(self) -> None:
        halves = [
            b'data: {"choices":[{"delta":{"content":"%s"}}]}\n\n' % h
            for h in (b"\\ud83d", b"\\ude00")
        ]
        out, passing = run([*halves, chunk({}, "stop")])
        assert without_provider(out).startswith(b"".join(halves))
        assert passing.text_length == 2


# Texts that tempt the fast path: quotes, escapes, controls, other scripts, look-alikes of JSON.
texts = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        [
            '"',
            "\\",
            '"}',
            "\x7f",
            "\u2028",
            "ä",
            "😀",
            '"content":"',
            "\n\n",
            "data: ",
            "",
            " ",
            "a b",
        ]
    ),
)


def compact(value: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(value) + b"\n\n"


def obfuscated(delta: dict[str, Any], padding: str, **over: Any) -> bytes:
    return chunk(delta, **over, obfuscation=padding)


chunks = st.one_of(
    st.builds(lambda t: chunk({"content": t}), texts),
    st.builds(lambda t, p: obfuscated({"content": t}, p), texts, st.text("abcXYZ019", max_size=5)),
    st.builds(lambda t: chunk({"content": t}, usage=USAGE), texts),
    st.builds(lambda t: chunk({"content": t, "refusal": None}), texts),
    st.builds(lambda t: chunk({"reasoning_content": t}), texts),
    st.builds(lambda t: chunk({"content": t}, model=t), texts),
    st.builds(lambda t: chunk({"content": t}, note={"content": t}), texts),
    st.builds(lambda t: event({"content": t, "choices": [{"delta": {"content": t}}]}), texts),
    st.builds(lambda t: chunk({"content": t}).replace(b"\n\n", b"\r\n\r\n"), texts),
    st.builds(lambda t: chunk({}, choices=[{"index": 1, "delta": {"content": t}}]), texts),
    st.builds(lambda t: compact({"choices": [{"delta": {"content": t}}]}), texts),
    st.builds(lambda t: chunk({"content": t}, "stop"), texts),
    st.builds(lambda t: chunk({}, choices=[], usage=USAGE, model=t), texts),
    st.just(b": comment\n\n"),
    st.just(tool_call_stream()[2]),
)  # fmt: skip
streams = st.lists(chunks, max_size=12)


def outcome(pieces: Iterable[bytes], passing: OpenAIPassThrough) -> tuple[bytes, int, bool, bool]:
    out = b"".join([passing.feed(piece) for piece in pieces])
    return out, passing.text_length, passing.content, passing.finished


class SlowPassThrough(OpenAIPassThrough):
    """The same, but each chunk is parsed."""

    __slots__ = ()

    def _learn(self, payload: bytes, chunk: object) -> None:
        """Learn nothing."""


@given(streams)
def test_the_fast_path_does_what_the_slow_path_does(pieces: list[bytes]) -> None:
    fast = outcome(pieces, OpenAIPassThrough("p", include_usage=True))
    slow = outcome(pieces, SlowPassThrough("p", include_usage=True))
    assert fast == slow


def ending(pieces: Iterable[bytes], passing: OpenAIPassThrough) -> object:
    try:
        return outcome(pieces, passing)
    except errors.UpstreamError as error:
        return type(error), error.message, passing.content, passing.finished


@given(
    st.lists(texts, min_size=1),
    st.booleans(),
    st.lists(st.tuples(st.integers(0, 400), st.binary(max_size=2)), max_size=4),
)
def test_a_damaged_chunk_means_the_same_on_both_paths(
    said: list[str], padded: bool, damage: list[tuple[int, bytes]]
) -> None:
    more = {"obfuscation": "a1B2"} if padded else {}
    form = {"id": "c", "choices": [{"index": 0, "delta": {"content": "x"}}], "usage": None, **more}
    pieces = [compact(form)]
    for text in said:
        form["choices"] = [{"index": 0, "delta": {"content": text}}]
        pieces.append(compact(form))
    last = bytearray(pieces[-1])
    for place, other in damage:
        last[place : place + 1] = other
    pieces.append(bytes(last))
    fast = ending(pieces, OpenAIPassThrough("p", include_usage=True))
    slow = ending(pieces, SlowPassThrough("p", include_usage=True))
    assert fast == slow


@given(streams, st.lists(st.integers(0, 3000), max_size=12))
@example([chunk({"content": "ä😀"})] * 3, list(range(0, 700, 7)))
def test_it_does_not_matter_how_the_network_cuts(pieces: list[bytes], cuts: list[int]) -> None:
    whole = b"".join([*pieces, *STREAM])
    places = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
    segments = [whole[a:b] for a, b in pairwise(places)]
    assert outcome(segments, relay()) == outcome([whole], relay())


@given(streams)
def test_each_chunk_of_the_upstream_arrives_once(pieces: list[bytes]) -> None:
    second = chunk({}, choices=[{"index": 1, "delta": {}, "finish_reason": "stop"}])
    out, _ = run([*pieces, second, *STREAM])
    sent = b"".join([p for p in pieces if not p.startswith(b":")]).replace(b"\r\n", b"\n")
    assert without_provider(out) == sent + second + b"".join(STREAM)


class TestPattern:
    def pattern(self, data: bytes) -> Any:
        return learn_plain(data[6:-2], read_chunk(data[6:-2]))

    def test_it_knows_other_texts_of_the_same_stream(self) -> None:
        pattern = self.pattern(chunk({"content": "Hi"}))
        other = (
            chunk({"content": "Grüße"})[6:-2]
            .replace(b"\\u00fc", "ü".encode())
            .replace(b"\\u00df", "ß".encode())
        )
        assert pattern.text_length(other, len(other)) == 5

    @pytest.mark.parametrize(
        "payload",
        [
            chunk({"content": "a\nb"}),
            chunk({"content": "x"}, "stop"),
            chunk({"content": "x"}, model="other"),
            chunk({"content": "x"})[:-3] + b',"error":{}}\n\n',
            chunk({"content": "x"}).replace(b'"x"', b'"\xff"'),
            chunk({"content": "x"}).replace(b'"x"', b'"\x01"'),
            chunk({"content": "x"}).replace(b'"x"', b'"x'),
        ],
    )
    def test_it_knows_nothing_else(self, payload: bytes) -> None:
        pattern = self.pattern(chunk({"content": "Hi"}))
        assert pattern.text_length(payload[6:-2], len(payload) - 8) == -1

    def test_padding_must_be_closed(self) -> None:
        pattern = self.pattern(obfuscated({"content": "Hi"}, "abc"))
        good = obfuscated({"content": "Yo"}, "Z9")[6:-2]
        assert pattern.text_length(good, len(good)) == 2
        for bad in (good[:-1], good[:-2], good[:-4] + b'"}', good[:-2] + b'","x":"}'):
            assert pattern.text_length(bad, len(bad)) == -1

    @pytest.mark.parametrize(
        "data",
        [
            chunk({"content": ""}),
            chunk({"content": "a\\b"}),
            chunk({"content": "x"}, choices=[]),
            chunk({"content": "x"}, usage=USAGE),
            chunk({"content": "x", "refusal": "y"}),
            chunk({"content": "x"}, provider="q"),
            chunk({"role": "assistant"}),
        ],
    )
    def test_only_text_alone_is_learned(self, data: bytes) -> None:
        assert self.pattern(data) is None

    def test_a_text_that_stands_elsewhere_too_is_not_mistaken(self) -> None:
        data = chunk({"content": "Hi"}, note={"content": "Hi"})
        assert self.pattern(data) is None or b'"note"' in self.pattern(data).after

    def test_a_spelling_that_hides_the_text_is_not_learned(self) -> None:
        hidden = chunk({"content": "Hi"}).replace(b'"Hi"', b'"\\u0048i"')
        assert self.pattern(hidden) is None

    def test_no_pattern_fits_nothing(self) -> None:
        assert NO_PATTERN.text_length(b"", 0) == -1


class TestWholeAnswers:
    def test_the_same_bytes_with_who_served_them(self) -> None:
        body = orjson.dumps(COMPLETION)
        forwarded = CHAT.forward_answer(body, provider="p")
        assert forwarded.body == body.replace(b"{", b'{"provider":"p",', 1)
        assert forwarded.usage == COUNTED
        assert forwarded.text_length == len("Hello there.")

    def test_unusual_writing(self) -> None:
        body = json.dumps({**COMPLETION, "provider": "q", "usage": None}, indent=1).encode()
        forwarded = CHAT.forward_answer(body, provider="p")
        assert json.loads(forwarded.body) == {**COMPLETION, "provider": "p", "usage": None}
        assert forwarded.usage is None
        spaced = json.dumps(COMPLETION, indent=1).encode()
        assert CHAT.forward_answer(spaced, provider="p").body.startswith(b'{"provider":"p",\n "id"')

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"<html>",
            b"[]",
            b"{}",
            b'{"choices":[]}',
            b'{"choices":[{"index":0}]}',
            b'{"choices":"x"}',
        ],
    )
    def test_what_is_no_answer(self, body: bytes) -> None:
        with pytest.raises(errors.UpstreamGarbled):
            CHAT.forward_answer(body, provider="p")

    def test_an_error_with_status_200(self) -> None:
        with pytest.raises(errors.UpstreamFailed, match="boom"):
            CHAT.forward_answer(b'{"error":"boom"}', provider="p")

    def test_an_answer_that_was_given_up(self) -> None:
        body = orjson.dumps(COMPLETION).replace(b'"stop"', b'"abort"')
        with pytest.raises(errors.UpstreamFailed):
            CHAT.forward_answer(body, provider="p")
