"""Whatever legal way a server frames its answer, the reader gets the same bytes."""

from __future__ import annotations

import gzip
import zlib

import pytest
from tests.support import openai_wire
from tests.support.answers import Coding, Framing
from tests.support.calls import PATIENT, fetch, pieces, request_to
from tests.support.upstream import (
    Answer,
    Gate,
    ScriptedUpstream,
    bytewise,
    json_answer,
    raw_answer,
    sse_answer,
    text_answer,
)

from laird.domain.errors import UpstreamGarbled
from laird.transport.client import HttpTransport


async def test_a_request_says_what_it_should(up: ScriptedUpstream, http: HttpTransport) -> None:
    up.always(json_answer(openai_wire.COMPLETION, headers=[("X-Request-ID", "r1")]))
    secret = ("authorization", "Bearer sk-1")
    answer = await fetch(http, request_to(f"{up.url}/v1/chat", b'{"a":1}', headers=(secret,)))
    assert answer.status == 200
    assert answer.headers["x-request-id"] == "r1"
    assert answer.json() == openai_wire.COMPLETION
    request = up.requests[0]
    assert (request.method, request.target, request.body) == ("POST", "/v1/chat", b'{"a":1}')
    assert request.headers == {
        "host": f"127.0.0.1:{up.port}",
        "authorization": "Bearer sk-1",
        "accept-encoding": "identity",
        "content-length": "7",
    }


async def test_the_headers_that_belong_to_the_transport_cannot_be_overruled(
    up: ScriptedUpstream, http: HttpTransport
) -> None:
    up.always(json_answer(1))
    ours = (("Host", "evil"), ("Content-Length", "1"), ("Connection", "x"), ("TE", "y"))
    await fetch(http, request_to(up.url, headers=ours))
    assert up.requests[0].headers["host"] == f"127.0.0.1:{up.port}"
    assert up.requests[0].headers["content-length"] == "13"
    assert "connection" not in up.requests[0].headers


@pytest.mark.parametrize(("method", "length"), [("GET", None), ("POST", "0"), ("DELETE", None)])
async def test_a_request_without_a_body(
    method: str, length: str | None, up: ScriptedUpstream, http: HttpTransport
) -> None:
    up.always(json_answer(1))
    await fetch(http, request_to(up.url, b"", method=method))
    assert up.requests[0].headers.get("content-length") == length


@pytest.mark.parametrize("size", [100, 70_000, 5_000_000])
async def test_bodies_of_any_size_arrive_whole(
    size: int, up: ScriptedUpstream, http: HttpTransport
) -> None:
    up.always(lambda request: text_answer(request.body))
    body = bytes(range(256)) * (size // 256)
    assert (await fetch(http, request_to(up.url, body), limit=size)).body == body


@pytest.mark.parametrize("closing", [False, True])
@pytest.mark.parametrize("framing", ["length", "chunked", "until-close"])
async def test_framings(
    framing: Framing, closing: bool, up: ScriptedUpstream, http: HttpTransport
) -> None:
    answer = sse_answer(openai_wire.STREAM).framed(framing)
    if closing:
        answer = answer.closing()
    up.script(answer, answer, bytewise(answer), bytewise(answer))
    expected = b"".join(openai_wire.STREAM)
    for _ in range(2):
        assert (await fetch(http, up.url)).body == expected
        assert b"".join(await pieces(http, up.url)) == expected


async def test_heads_may_arrive_byte_by_byte(up: ScriptedUpstream, http: HttpTransport) -> None:
    whole = text_answer(b"slow and sure", headers=[("X-A", "b")])
    up.script(bytewise(raw_answer(whole.head() + whole.chunks[0])))
    answer = await fetch(http, up.url)
    assert (answer.headers["x-a"], answer.body) == ("b", b"slow and sure")


async def test_pieces_come_as_they_arrive(up: ScriptedUpstream, http: HttpTransport) -> None:
    first, last = Gate(), Gate()
    up.script(sse_answer([b"one", b"two"]).held(first).held(last, at=1))
    first.open()
    response = await http.send(request_to(up.url), PATIENT)
    assert await response.chunk() == b"one"
    last.open()
    assert await response.chunk() == b"two"
    assert [await response.chunk(), await response.chunk()] == [b"", b""]
    response.close()
    response.close()


async def test_an_answer_is_read_by_one_task(up: ScriptedUpstream, http: HttpTransport) -> None:
    up.script(sse_answer([b"one"]).stalled(at=0))
    response = await http.send(request_to(up.url), PATIENT)
    first = response.chunk()
    first.send(None)
    with pytest.raises(RuntimeError, match="one task"):
        await response.chunk()
    first.close()
    response.close()


@pytest.mark.parametrize(
    ("method", "answer", "status"),
    [
        ("HEAD", text_answer(b"left out"), 200),
        ("HEAD", sse_answer([b"left out"]), 200),
        ("HEAD", text_answer(b"").coded("gzip"), 200),
        ("GET", Answer(204, framing="until-close").closing(), 204),
        ("GET", Answer(304, (("Content-Length", "9"),), framing="length"), 304),
        ("POST", text_answer(b""), 200),
        ("POST", sse_answer([]), 200),
        ("POST", text_answer(b"").framed("until-close"), 200),
        ("POST", Answer(200, (("Content-Encoding", "gzip"),)), 200),
    ],
)
async def test_answers_without_a_body(
    method: str, answer: Answer, status: int, up: ScriptedUpstream, http: HttpTransport
) -> None:
    up.script(answer, text_answer(b"next"))
    empty = await fetch(http, request_to(up.url, b"", method=method))
    assert (empty.status, empty.body) == (status, b"")
    assert (await fetch(http, up.url)).body == b"next"


async def test_headers_are_read_leniently_and_trailers_dropped(
    up: ScriptedUpstream, http: HttpTransport
) -> None:
    up.script(
        raw_answer(
            b"HTTP/1.1 200\r\nX-Empty:\r\nX-B:  1 \r\nx-b: 2\r\nX-L: caf\xe9\r\n"
            b"Transfer-Encoding: Chunked\r\n\r\n3;ext=1\r\nabc\r\n0\r\nX-B: trailer\r\n\r\n"
        )
    )
    answer = await fetch(http, up.url)
    assert (answer.status, answer.body) == (200, b"abc")
    assert answer.headers["x-empty"] == ""
    assert answer.headers["x-b"] == "1, 2"
    assert answer.headers["x-l"] == "caf\xe9"


async def test_informational_answers_are_skipped(up: ScriptedUpstream, http: HttpTransport) -> None:
    before = (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\nX-A: 0\r\n\r\n"
    )
    up.always(text_answer(b"ok", headers=[("X-A", "1")]).preceded_by(before))
    for _ in range(2):
        answer = await fetch(http, up.url)
        assert (answer.status, answer.headers["x-a"], answer.body) == (200, "1", b"ok")
        assert "link" not in answer.headers
    assert up.connections == 1


async def test_redirects_are_answers(up: ScriptedUpstream, http: HttpTransport) -> None:
    up.script(text_answer(b"moved", status=307, headers=[("Location", "/elsewhere")]))
    assert (await fetch(http, up.url)).status == 307
    assert len(up.requests) == 1


async def test_an_early_answer_is_read_while_the_body_is_still_going_out(
    up: ScriptedUpstream, http: HttpTransport
) -> None:
    refusal = text_answer(b"too large", status=413)
    up.script(refusal.before_body(), text_answer(b"next"))
    answer = await fetch(http, request_to(up.url, b"x" * 20_000_000))
    assert (answer.status, answer.body) == (413, b"too large")
    assert (await fetch(http, up.url)).body == b"next"
    assert [request.connection for request in up.requests] == [1, 2]


@pytest.mark.parametrize("coding", ["gzip", "deflate", "raw-deflate"])
@pytest.mark.parametrize("framing", ["length", "chunked", "until-close"])
async def test_compressed_answers_are_decompressed(
    coding: Coding, framing: Framing, up: ScriptedUpstream, http: HttpTransport
) -> None:
    answer = sse_answer(openai_wire.STREAM).coded(coding).framed(framing)
    up.script(answer, bytewise(answer), answer)
    expected = b"".join(openai_wire.STREAM)
    for _ in range(2):
        whole = await fetch(http, up.url)
        assert whole.body == expected
        assert not {"content-encoding", "content-length"} & set(whole.headers)
    assert b"".join(await pieces(http, up.url)) == expected


async def test_compressed_chunks_are_not_held_back(
    up: ScriptedUpstream, http: HttpTransport
) -> None:
    gate = Gate()
    up.script(sse_answer([b"one", b"two"]).coded("gzip").held(gate, at=1))
    response = await http.send(request_to(up.url), PATIENT)
    assert await response.chunk() == b"one"
    gate.open()
    assert await response.chunk() == b"two"
    response.close()


async def test_gzip_members_are_joined_and_identity_is_nothing(
    up: ScriptedUpstream, http: HttpTransport
) -> None:
    coded = [("Content-Encoding", "x-gzip")]
    up.script(
        text_answer(gzip.compress(b"one", mtime=0) + gzip.compress(b"two", mtime=0), headers=coded),
        text_answer(b"plain", headers=[("Content-Encoding", "Identity")]),
    )
    assert (await fetch(http, up.url)).body == b"onetwo"
    assert (await fetch(http, up.url)).body == b"plain"


async def test_an_encoding_that_the_head_asks_for_is_asked_for(
    up: ScriptedUpstream, http: HttpTransport
) -> None:
    up.always(json_answer({"ok": True}).coded("gzip"))
    answer = await fetch(http, request_to(up.url, headers=(("Accept-Encoding", "gzip"),)))
    assert answer.json() == {"ok": True}
    assert up.requests[0].headers["accept-encoding"] == "gzip"


BOMB = gzip.compress(bytes(50_000_000))


async def test_a_compression_bomb_costs_no_more_than_the_limit(
    up: ScriptedUpstream, http: HttpTransport
) -> None:
    up.always(text_answer(BOMB, headers=[("Content-Encoding", "gzip")]))
    with pytest.raises(UpstreamGarbled, match="larger than the 1000 bytes"):
        await fetch(http, up.url, limit=1000)
    found = await pieces(http, up.url)
    assert sum(map(len, found)) == 50_000_000
    assert max(map(len, found)) <= 256 * 1024


@pytest.mark.parametrize(
    ("coding", "body", "message"),
    [
        ("br", b"whatever", "Content-Encoding 'br'"),
        ("gzip, gzip", b"whatever", "Content-Encoding 'gzip, gzip'"),
        ("gzip", b"not gzip at all", "is not what its Content-Encoding says"),
        ("deflate", zlib.compress(b"one") + b"garbage", "is not what its Content-Encoding says"),
        ("gzip", gzip.compress(b"text", mtime=0)[:-3], "ends in the middle"),
    ],
)
async def test_encodings_that_cannot_be_undone(
    coding: str, body: bytes, message: str, up: ScriptedUpstream, http: HttpTransport
) -> None:
    up.always(text_answer(body, headers=[("Content-Encoding", coding)]))
    with pytest.raises(UpstreamGarbled, match=message):
        await fetch(http, up.url)
    with pytest.raises(UpstreamGarbled, match=message):
        await pieces(http, up.url)


@pytest.mark.parametrize("framing", ["length", "chunked", "until-close"])
async def test_the_limit_is_exact(
    framing: Framing, up: ScriptedUpstream, http: HttpTransport
) -> None:
    up.always(text_answer(b"x" * 1000).framed(framing))
    assert len((await fetch(http, up.url, limit=1000)).body) == 1000
    with pytest.raises(UpstreamGarbled, match="larger than the 999 bytes"):
        await fetch(http, up.url, limit=999)


async def test_an_endless_answer_is_cut_at_the_limit(
    up: ScriptedUpstream, http: HttpTransport
) -> None:
    up.always(sse_answer([b"x" * 10_000] * 100).stalled())
    with pytest.raises(UpstreamGarbled, match="larger than"):
        await fetch(http, up.url, limit=500_000)
    await up.client_gone()


HEAD = b"HTTP/1.1 200 OK\r\n"
SMALL = b"X-Padding: 0123456789\r\n"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((b"SSH-2.0-OpenSSH_9.9\r\n",), "something other than HTTP/1.1"),
        ((HEAD + b"Content-Length: x\r\n\r\n",), "something other than HTTP/1.1"),
        ((HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc",), "something other than"),
        (
            (HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",),
            "something other than",
        ),
        ((HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",), "something other than"),
        ((HEAD + b"Transfer-Encoding: gzip\r\n\r\nabc",), "Transfer-Encoding other than chunked"),
        ((b"HTTP/1.1 101 Switch\r\n\r\n",), "another protocol"),
        (
            (b"HTTP/1.1 101 Switch\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\nabc",),
            "another protocol",
        ),
        ((HEAD + b"X-Long: " + b"x" * 40_000 + b"\r\nContent-Length: 0\r\n\r\n",), "of headers"),
        ((HEAD, b"X-Long: ", *[b"x" * 1000] * 40), "of headers"),
        ((HEAD, *[SMALL] * 2000), "of headers"),
        ((HEAD + SMALL * 2000 + b"\r\n",), "of headers"),
        ((b"HTTP/1.1 103 Hint\r\n\r\n" * 3000,), "of headers"),
        (
            (HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n", *[SMALL] * 20_000),
            "of headers",
        ),
    ],
)
async def test_what_is_not_good_http_is_refused(
    answer: tuple[bytes, ...], message: str, up: ScriptedUpstream, http: HttpTransport
) -> None:
    up.always(raw_answer(*answer).stalled())
    with pytest.raises(UpstreamGarbled, match=message) as caught:
        await fetch(http, up.url)
    assert f"127.0.0.1:{up.port}" in caught.value.message
    await up.wait_for(lambda: up.open_connections == 0)


async def test_a_long_body_does_not_count_as_headers(
    up: ScriptedUpstream, http: HttpTransport
) -> None:
    up.always(raw_answer(HEAD + b"Content-Length: 200000\r\n\r\n" + b"x" * 200_000))
    assert len((await fetch(http, up.url)).body) == 200_000
