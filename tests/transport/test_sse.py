"""Events come out the same however the bytes are cut."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support import openai_wire

from laird.domain.errors import UpstreamGarbled
from laird.transport.sse import SseEvent, SseSplitter


def events(*chunks: bytes) -> list[SseEvent]:
    splitter = SseSplitter()
    return list(itertools.chain.from_iterable(map(splitter.feed, chunks)))


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"data: a\n\n", [(None, b"a")]),
        (b"data: a\n\ndata: b\n\n", [(None, b"a"), (None, b"b")]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", [(None, b"a"), (None, b"b")]),
        (b"data: a\r\rdata: b\r\r", [(None, b"a"), (None, b"b")]),
        (b"data: a\n\r\ndata: b\r\n\n", [(None, b"a"), (None, b"b")]),
        (b"data:a\n\ndata:  b\n\n", [(None, b"a"), (None, b" b")]),
        (b"data: a\ndata: b\n\n", [(None, b"a\nb")]),
        (b"data\ndata\n\n", [(None, b"\n")]),
        (b"data\n\n", [(None, b"")]),
        (b"data:\n\ndata: \n\n", [(None, b""), (None, b"")]),
        (b"event: ping\ndata: {}\n\n", [("ping", b"{}")]),
        (b"data: {}\nevent:ping\nid: 7\nretry: 10\nx\n\n", [("ping", b"{}")]),
        (b"event: lost\n\ndata: a\n\n", [(None, b"a")]),
        (b"event:\ndata: a\n\n", [(None, b"a")]),
        (b"event: a\nevent: b\ndata: c\n\n", [("b", b"c")]),
        (b": comment\n\n:\n\ndata: a\n\n", [(None, b"a")]),
        (b"data: a\n\n\n\ndata: b\n\n", [(None, b"a"), (None, b"b")]),
        (b"\xef\xbb\xbfdata: a\n\n", [(None, b"a")]),
        (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n", []),
        (b"data: a\n\n\xef\xbb\xbfdata: b\n\n", [(None, b"a")]),
        (b"\n\n\xef\xbb\xbfdata: b\n\n", []),
        (b"dat: a\nDATA: a\n data: a\n\n", []),
        (b"data: a\n", []),
        (b"data: a\n\ndata: unfinished", [(None, b"a")]),
        (b"data: a:b\n\n", [(None, b"a:b")]),
        (b"data: \x0b\x0c\x1c\xc2\x85\n\n", [(None, b"\x0b\x0c\x1c\xc2\x85")]),
        (b"event: \xff\ndata: a\n\n", [("\ufffd", b"a")]),
        (b"", []),
    ],
)
def test_the_rules(stream: bytes, expected: list[SseEvent]) -> None:
    assert events(stream) == expected
    assert events(*(stream[i : i + 1] for i in range(len(stream)))) == expected
    for cut in range(len(stream)):
        assert events(stream[:cut], b"", stream[cut:]) == expected


def test_a_streamed_answer() -> None:
    expected = [(None, chunk[6:-2]) for chunk in openai_wire.STREAM]
    assert events(*openai_wire.STREAM) == expected
    assert events(b"".join(openai_wire.STREAM)) == expected


LINES = st.sampled_from(
    [b"data: x", b"data:", b"data", b"data: {}", b"event: e", b"event:", b": c", b"", b"", b"id: 1"]
)
ENDS = st.sampled_from([b"\n", b"\r", b"\r\n"])
STREAMS = st.one_of(
    st.lists(st.tuples(LINES, ENDS)).map(lambda pairs: b"".join(map(b"".join, pairs))),
    st.lists(st.sampled_from([b"data: ", b"a", b"\n", b"\n\n", b"\r", b":", b"\xef\xbb\xbf"])).map(
        b"".join
    ),
    st.binary(),
)


@given(STREAMS, st.booleans(), st.lists(st.integers(min_value=0, max_value=200)))
def test_any_cut_gives_the_same_events(stream: bytes, mark: bool, cuts: list[int]) -> None:
    if mark:
        stream = b"\xef\xbb\xbf" + stream
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    pieces = [stream[a:b] for a, b in itertools.pairwise(edges)]
    assert events(*pieces) == events(stream) == by_the_letter(stream)


def by_the_letter(stream: bytes) -> list[SseEvent]:
    """Interpret a whole stream as the standard's prose does, with no care for speed."""
    stream = stream.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    found: list[SseEvent] = []
    name, data = b"", b""
    for line in stream.split(b"\n")[:-1]:
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if not line:
            if data:
                found.append((name.decode("utf-8", "replace") or None, data[:-1]))
            name, data = b"", b""
        elif field == b"event":
            name = value
        elif field == b"data":
            data += value + b"\n"
    return found


@pytest.mark.parametrize(
    "pieces",
    [
        [b"data: " + b"x" * 101 + b"\n\n"],
        [b"data: ", b"x" * 200],
        [b"x" * 50] * 10,
        [b"event: a\n", b"data: " + b"x" * 101 + b"\n\n"],
        [b"data: x\n"] * 100,
        [b"data\n"] * 100,
    ],
)
def test_events_have_a_largest_size(pieces: list[bytes]) -> None:
    splitter = SseSplitter(max_event_bytes=100)
    with pytest.raises(UpstreamGarbled, match="more than 100 bytes"):
        list(map(splitter.feed, pieces))


def test_the_limit_is_for_each_event() -> None:
    splitter = SseSplitter(max_event_bytes=100)
    stream = (b"event: e\ndata: " + b"x" * 80 + b"\n\n: comment\n\n") * 50
    found = [e for i in range(0, len(stream), 7) for e in splitter.feed(stream[i : i + 7])]
    assert found == [("e", b"x" * 80)] * 50
