"""The shortcut past the splitter of server-sent events must not be seen in what comes out."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from laird.transport.sse import SseSplitter
from laird.wire.payloads import Payloads

_LINES = ["event: delta", "data: {}", 'data: {"a":1}', "data:", ": ping", "id: 7", "data", ""]
_streams = st.lists(
    st.tuples(st.sampled_from([*_LINES, *_LINES[:2] * 3]), st.sampled_from(["\n", "\n\n", "\r\n"])),
    max_size=14,
).map(lambda lines: "".join(line + end for line, end in lines).encode())


@given(stream=_streams, cuts=st.lists(st.integers(0, 200), max_size=6))
@example(stream=b"event: a\ndata: 1\n\nevent: b\ndata: 2\n\n", cuts=[18])
@example(stream=b"event: a\ndata: 1\n\nevent: b\ndata: 2\r\n\nevent: c\ndata: 3\n\n", cuts=[18])
@example(stream=b"event: a\ndata: 1\n\n: ping\n\nevent: c\ndata: 3\n\n", cuts=[18, 26])
def test_however_a_stream_is_cut_its_data_is_the_same(stream: bytes, cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(stream)]
    payloads = Payloads()
    found = [
        payload for begin, end in pairwise(places) for payload in payloads.feed(stream[begin:end])
    ]
    assert found == [data for _, data in SseSplitter().feed(stream)]


def test_what_came_before_any_event_can_be_read() -> None:
    payloads = Payloads()
    assert payloads.feed(b'{"type":') == []
    assert payloads.feed(b'"error"}') == []
    assert payloads.early == b'{"type":"error"}'


def test_nothing_is_kept_once_there_are_events() -> None:
    payloads = Payloads()
    payloads.feed(b"event: a\ndata: 1\n\n")
    payloads.feed(b"event: ")
    assert payloads.early == b""


def test_no_more_is_kept_than_an_error_needs() -> None:
    payloads = Payloads()
    for _ in range(40):
        payloads.feed(b"x" * 10_000)
    assert len(payloads.early) < 100_000
