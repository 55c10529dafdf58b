"""Nobody hides a request in another one, and what is too large is refused as soon as it shows."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.support.client import Client, Exchange, Reply
from tests.support.documents import document
from tests.support.laird import RunningLaird, running_laird

DEMO = document("  - {id: demo, kind: demo, endpoint: 'demo://', models: [demo]}\n")

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def laird(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningLaird]:
    async with running_laird(tmp_path_factory.mktemp("home"), DEMO) as running:
        yield running


HOST = b"host: laird\r\n"
GET = b"GET /health HTTP/1.1\r\n" + HOST
POST = b"POST /v1/chat/completions HTTP/1.1\r\n" + HOST
HIDDEN = b"GET /metrics HTTP/1.1\r\n" + HOST + b"\r\n"
"""A request that somebody tries to get past a server in front; its answer must never come."""

REFUSED: dict[str, tuple[bytes, int]] = {
    "both lengths": (
        POST + b"content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
        400,
    ),
    "both lengths, the other way round": (
        POST + b"transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n0\r\n\r\n" + HIDDEN,
        400,
    ),
    "the same length twice": (
        POST + b"content-length: 0\r\ncontent-length: 0\r\n\r\n" + HIDDEN,
        400,
    ),
    "two lengths": (POST + b"content-length: 0\r\ncontent-length: 99\r\n\r\n" + HIDDEN, 400),
    "a list of lengths": (POST + b"content-length: 0, 0\r\n\r\n" + HIDDEN, 400),
    "a length with a sign": (POST + b"content-length: +0\r\n\r\n" + HIDDEN, 400),
    "a negative length": (POST + b"content-length: -1\r\n\r\n" + HIDDEN, 400),
    "a length in hex": (POST + b"content-length: 0x0\r\n\r\n" + HIDDEN, 400),
    "an empty length": (POST + b"content-length:\r\n\r\n" + HIDDEN, 400),
    "a length beyond numbers": (POST + b"content-length: " + b"9" * 30 + b"\r\n\r\n", 400),
    "a length with a blank in it": (POST + b"content-length: 1 0\r\n\r\n" + HIDDEN, 400),
    "another coding": (POST + b"transfer-encoding: identity\r\n\r\n" + HIDDEN, 400),
    "a coding before chunked": (
        POST + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
        400,
    ),
    "a coding after chunked": (POST + b"transfer-encoding: chunked, gzip\r\n\r\n" + HIDDEN, 400),
    "chunked twice": (
        POST
        + b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
        + HIDDEN,
        400,
    ),
    "chunked, misspelt": (POST + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n" + HIDDEN, 400),
    "chunked with a tab": (
        POST + b"transfer-encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + HIDDEN,
        400,
    ),
    "chunked in HTTP/1.0": (
        b"POST / HTTP/1.0\r\n" + HOST + b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
        400,
    ),
    "a blank before the colon": (POST + b"content-length : 0\r\n\r\n" + HIDDEN, 400),
    "a folded header": (GET + b"x: a\r\n b\r\n\r\n" + HIDDEN, 400),
    "a header that begins with a blank": (b"GET / HTTP/1.1\r\n host: x\r\n\r\n", 400),
    "no name of a header": (GET + b": x\r\n\r\n" + HIDDEN, 400),
    "no colon": (GET + b"x\r\n\r\n" + HIDDEN, 400),
    "bare LF": (b"GET /health HTTP/1.1\nhost: x\n\n" + HIDDEN, 400),
    "bare LF in the headers": (GET + b"x: a\ny: b\r\n\r\n" + HIDDEN, 400),
    "bare CR in the headers": (GET + b"x: a\ry: b\r\n\r\n" + HIDDEN, 400),
    "NUL in a header": (GET + b"x: a\0b\r\n\r\n" + HIDDEN, 400),
    "escape in a header": (GET + b"x: a\x1b[31m\r\n\r\n", 400),
    "NUL in the target": (b"GET /health\0 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "bytes beyond ASCII in the target": (
        "GET /gesündheit HTTP/1.1\r\nhost: x\r\n\r\n".encode(),
        400,
    ),
    "a fragment": (b"GET /health#x HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "no path": (b"GET health HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a star": (b"GET * HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "another host in the target": (
        b"GET http://evil.example/health HTTP/1.1\r\n" + HOST + b"\r\n",
        400,
    ),
    "a user in the target": (b"GET http://u@laird/health HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "another scheme": (b"GET ftp://laird/health HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "no Host": (b"GET /health HTTP/1.1\r\n\r\n", 400),
    "two Hosts": (GET + b"host: evil.example\r\n\r\n", 400),
    "the same Host twice": (GET + HOST + b"\r\n", 400),
    "an empty Host": (b"GET /health HTTP/1.1\r\nhost:\r\n\r\n", 400),
    "a Host with a path": (b"GET /health HTTP/1.1\r\nhost: laird/x\r\n\r\n", 400),
    "a Host with a user": (b"GET /health HTTP/1.1\r\nhost: a@laird\r\n\r\n", 400),
    "a Host with a blank": (b"GET /health HTTP/1.1\r\nhost: laird evil\r\n\r\n", 400),
    "a Host with a port that is none": (b"GET /health HTTP/1.1\r\nhost: laird:http\r\n\r\n", 400),
    "two Hosts in one": (b"GET /health HTTP/1.1\r\nhost: laird, evil\r\n\r\n", 400),
    "HTTP/0.9": (b"GET /health\r\n\r\n", 505),
    "HTTP/2": (b"GET /health HTTP/2.0\r\n" + HOST + b"\r\n", 505),
    "the preface of HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "HTTP/1.7": (b"GET /health HTTP/1.7\r\n" + HOST + b"\r\n", 400),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "TRACE": (b"TRACE /health HTTP/1.1\r\n" + HOST + b"x-secret: 1\r\n\r\n", 405),
    "CONNECT": (b"CONNECT evil.example:443 HTTP/1.1\r\n" + HOST + b"\r\n" + HIDDEN, 405),
    "a method of another protocol": (b"DESCRIBE / RTSP/1.0\r\n\r\n", 405),
    "a method in small letters": (b"get /health HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "an unknown method": (b"BREW /health HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a long target": (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
    "a target without end": (b"GET /" + b"a" * 40_000, 414),
    "a large header": (GET + b"x: " + b"y" * 33_000 + b"\r\n\r\n", 431),
    "a header without end": (GET + b"x: " + b"y" * 300_000, 431),
    "a name of a header without end": (GET + b"y" * 300_000, 431),
    "large headers": (
        GET + b"x: " + b"y" * 500 + b"\r\n" + (b"x: " + b"y" * 1000 + b"\r\n") * 33,
        431,
    ),
    "many headers": (GET + b"x: y\r\n" * 100 + b"\r\n", 431),
    "empty lines without end": (b"\r\n" * 100_000, 431),
    "chunk sizes with blanks": (
        POST + b"transfer-encoding: chunked\r\n\r\n1 \r\na\r\n0\r\n\r\n" + HIDDEN,
        400,
    ),
    "chunk sizes in another form": (
        POST + b"transfer-encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n" + HIDDEN,
        400,
    ),
    "chunks with bare LF": (POST + b"transfer-encoding: chunked\r\n\r\n1\na\n0\n\n" + HIDDEN, 400),
    "a chunk larger than numbers": (
        POST + b"transfer-encoding: chunked\r\n\r\n" + b"f" * 17 + b"\r\na\r\n0\r\n\r\n",
        400,
    ),
    "a chunk that is longer than it says": (
        POST + b"transfer-encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n" + HIDDEN,
        400,
    ),
    "a line break within an extension of a chunk": (
        POST + b'transfer-encoding: chunked\r\n\r\n1;x="a\nb"\r\na\r\n0\r\n\r\n' + HIDDEN,
        400,
    ),
}


async def everything(exchange: Exchange) -> bytes:
    """Return all that comes until the server closes, which it must."""
    async with asyncio.timeout(20):
        return await exchange._reader.read(-1)


def statuses(answers: bytes) -> list[int]:
    return [int(part[:3]) for part in answers.split(b"HTTP/1.1 ")[1:]]


@pytest.mark.parametrize("name", REFUSED)
async def test_what_could_be_read_in_two_ways_is_refused(name: str, laird: RunningLaird) -> None:
    data, status = REFUSED[name]
    answers = await everything(await laird.client().send_raw(data))
    assert statuses(answers) == [status], answers
    head, _, body = answers.partition(b"\r\n\r\n")
    assert b"connection: close" in head
    error = json.loads(body)["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"


async def test_a_header_is_refused_before_it_ends(laird: RunningLaird) -> None:
    """However slowly it comes: what is kept of it stays small."""
    exchange = await laird.client().send_raw(GET + b"x: ")
    for _ in range(40):
        exchange._writer.write(b"y" * 1000)
    assert statuses(await everything(exchange)) == [431]


async def test_extensions_of_chunks_are_no_way_around_the_limit(laird: RunningLaird) -> None:
    exchange = await laird.client().send_raw(POST + b"transfer-encoding: chunked\r\n\r\n1;")
    for _ in range(40):
        exchange._writer.write(b"y" * 10_000)
        await asyncio.sleep(0)
    answers = await everything(exchange)
    assert statuses(answers)[-1] in {431, 401}
    # Without a key it is refused before its body is read, and the rest is not taken in for ever.
    authorised = b"authorization: Bearer " + laird.key.encode() + b"\r\n"
    head = POST + authorised + b"transfer-encoding: chunked\r\n\r\n"
    exchange = await laird.client().send_raw(head + b"1;" + b"y" * 300_000)
    assert statuses(await everything(exchange)) == [431]


async def test_trailers_tell_nothing(laird: RunningLaird) -> None:
    body = json.dumps({"model": "demo", "messages": [{"role": "user", "content": "x"}]}).encode()
    data = POST + b"transfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n" % (len(body), body)
    exchange = await laird.client().send_raw(
        data + b"authorization: Bearer " + laird.key.encode() + b"\r\n\r\n"
    )
    await exchange.head()
    assert exchange.status == 401


async def test_requests_in_a_row_are_answered_in_order(laird: RunningLaird) -> None:
    last = b"GET /ready HTTP/1.1\r\n" + HOST + b"connection: close\r\n\r\n"
    answers = await everything(await laird.client().send_raw(GET + b"\r\n" + HIDDEN + last))
    assert statuses(answers) == [200, 200, 200]
    first, metrics, ready = answers.split(b"HTTP/1.1 ")[1:]
    assert b'{"status":"ok"}' in first
    assert b"laird_info" in metrics
    assert b'"ready"' in ready


async def test_what_follows_the_last_request_is_not_answered(laird: RunningLaird) -> None:
    closing = GET + b"connection: close\r\n\r\n"
    assert statuses(await everything(await laird.client().send_raw(closing + HIDDEN))) == [200]


async def test_good_requests_before_a_bad_one_are_answered(laird: RunningLaird) -> None:
    data = GET + b"\r\n" + GET + b"\r\n" + b"GET /health\nbad\r\n\r\n"
    assert statuses(await everything(await laird.client().send_raw(data)))[:2] == [200, 200]


@pytest.mark.parametrize("protocol", ["h2c", "websocket", "anything"])
async def test_another_protocol_is_not_spoken_and_hides_nothing(
    protocol: str, laird: RunningLaird
) -> None:
    wish = f"connection: upgrade\r\nupgrade: {protocol}\r\n\r\n".encode()
    exchange = await laird.client().send_raw(GET + wish)
    exchange._writer.write(HIDDEN)
    answers = await everything(exchange)
    assert statuses(answers) == [200]
    assert b"laird_info" not in answers
    assert b"connection: close" in answers


async def test_a_body_that_nobody_asked_for_is_no_request(laird: RunningLaird) -> None:
    """Refused while it waits to be told to go on, a client may send its body or not."""
    head = POST + b"expect: 100-continue\r\ncontent-length: %d\r\n\r\n" % len(HIDDEN)
    exchange = await laird.client().send_raw(head)
    answers = await everything(exchange)
    assert statuses(answers) == [401]
    assert b"connection: close" in answers


async def test_usual_forms_are_taken(laird: RunningLaird) -> None:
    for head in (
        b"GET /health HTTP/1.1\r\nHost: [::1]:8012\r\n",
        b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n",
        b"GET /health HTTP/1.1\r\nHost: lai_rd.example:\r\n",
        b"GET http://Laird/health HTTP/1.1\r\n" + HOST,
        b"GET http://laird/health?x=http://y HTTP/1.1\r\n" + HOST,
        b"GET /health HTTP/1.0\r\n",
        b"\r\n" + GET,
    ):
        data = head + b"connection: close\r\n\r\n"
        assert statuses(await everything(await laird.client().send_raw(data))) == [200], head
    star = b"OPTIONS * HTTP/1.1\r\n" + HOST + b"connection: close\r\n\r\n"
    assert statuses(await everything(await laird.client().send_raw(star))) == [404]


async def test_all_of_it_disturbs_nobody(laird: RunningLaird) -> None:
    client = laird.client()
    await asyncio.gather(*(client.send_raw(data) for data, _ in REFUSED.values()))
    assert (await client.chat("demo")).status == 200


BROWSERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/health"),
        ("GET", "/metrics"),
        ("GET", "/v1/models"),
        ("GET", "/nowhere"),
        ("DELETE", "/health"),
        ("GET", "/api/session"),
        ("GET", "/api/openapi.json"),
        ("GET", "/api/nowhere"),
        ("POST", "/api/session"),
    ],
)
async def test_every_answer_that_a_browser_may_show_is_bound(
    method: str, path: str, laird: RunningLaird
) -> None:
    reply = await laird.client("").request(method, path, headers={"accept": "text/html"})
    assert reply.headers.items() >= BROWSERS.items()
    policy = reply.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script-src 'self';" in policy or "script-src" not in policy
    assert "unsafe-eval" not in policy
    assert "server" not in reply.headers
    assert "strict-transport-security" not in reply.headers
    assert "access-control-allow-origin" not in reply.headers
    if path.startswith("/api"):
        assert reply.headers["cache-control"] == "no-store"


async def reply_of(client: Client, headers: dict[str, str], method: str = "GET") -> Reply:
    return await client.request(method, "/v1/models", headers=headers)


async def test_other_origins_are_not_let_in_unasked(laird: RunningLaird) -> None:
    page = {"origin": "https://app.example"}
    ask = {**page, "access-control-request-method": "POST"}
    preflight = await reply_of(laird.client(""), ask, "OPTIONS")
    assert preflight.status == 405
    for reply in (
        preflight,
        await reply_of(laird.client(), page),
        await laird.client().chat("demo", headers=page),
    ):
        assert not [name for name in reply.headers if name.startswith("access-control")]
