"""URLs of clients are fetched from where they may be, and nothing else is ever asked."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
import trustme
from tests.support.upstream import Answer, Gate, ScriptedUpstream, failing, text_answer

from laird.domain.errors import InvalidRequest
from laird.transport import guard as guard_module
from laird.transport.addresses import read_allowed
from laird.transport.connect import Lookup
from laird.transport.guard import DOCUMENTS, IMAGES, Guard, sniffed

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
CONTENTS = {
    "image/png": PNG,
    "image/jpeg": b"\xff\xd8\xff\xe0rest",
    "image/gif": b"GIF89arest",
    "image/webp": b"RIFF\0\0\0\0WEBPVP8 ",
    "application/pdf": b"%PDF-1.7\n",
    "text/plain": "Plain ünicode.".encode(),
}
FIELD = "messages[0].content[1]"


def picture(content: bytes = PNG, kind: str = "image/png") -> Answer:
    return text_answer(content, content_type=kind)


def redirect(location: str, status: int = 302) -> Answer:
    return Answer(status, (("location", location),))


def names(*addresses: str, asked: list[str] | None = None) -> Lookup:
    """Return a lookup that finds these addresses for every name."""

    async def lookup(host: str, _port: int) -> list[tuple[int, str]]:
        if asked is not None:
            asked.append(host)
        return [(10 if ":" in address else 2, address) for address in addresses]

    return lookup


def opened(text: str, **settings: Any) -> Guard:
    # Reading the system's certificates takes long, and nobody here has one.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return Guard(read_allowed(text), ssl_context=context, **settings)


async def refusal(guard: Guard, url: str, **settings: Any) -> str:
    with pytest.raises(InvalidRequest) as caught:
        await guard.fetch(url, param=FIELD, types=settings.pop("types", IMAGES), **settings)
    assert caught.value.param == FIELD
    assert FIELD in caught.value.message
    return caught.value.message


@pytest_asyncio.fixture
async def sink() -> AsyncIterator[ScriptedUpstream]:
    """A private server that must not hear a word."""
    async with ScriptedUpstream() as upstream:
        upstream.always(picture())
        yield upstream
        assert upstream.connections == 0
        assert upstream.requests == []


class TestFetching:
    @pytest.mark.parametrize("kind", CONTENTS)
    async def test_the_content_says_what_it_is(self, up: ScriptedUpstream, kind: str) -> None:
        up.always(picture(CONTENTS[kind], "application/octet-stream"))
        found = await opened("127.0.0.1").fetch(
            f"{up.url}/a?b=1#c", param=FIELD, types=IMAGES | DOCUMENTS
        )
        assert (found.media_type, found.data) == (kind, CONTENTS[kind])
        request = up.requests[0]
        assert (request.method, request.target) == ("GET", "/a?b=1")
        assert {"authorization", "cookie", "referer"}.isdisjoint(request.headers)

    @pytest.mark.parametrize(
        "content", [b"<svg/>", b" <html>", b"", b"MZ\x90\0", b"\xff\xfe", b"RIFF\0\0\0\0WAVE"]
    )
    async def test_other_content_is_refused_whatever_it_is_called(
        self, up: ScriptedUpstream, content: bytes
    ) -> None:
        up.always(picture(content))
        assert "none of GIF, JPEG, PNG, WebP" in await refusal(opened("127.0.0.1"), up.url)
        assert sniffed(content) is None

    async def test_a_document_is_no_image(self, up: ScriptedUpstream) -> None:
        up.always(picture(CONTENTS["application/pdf"]))
        await refusal(opened("127.0.0.1"), up.url)
        up.always(picture(PNG))
        assert "PDF, plain text" in await refusal(opened("127.0.0.1"), up.url, types=DOCUMENTS)

    async def test_large_content_is_refused_as_soon_as_it_shows(self, up: ScriptedUpstream) -> None:
        guard = opened("127.0.0.1")
        up.always(picture(PNG))
        assert "28 bytes; 20 are the most" in await refusal(guard, up.url, limit=20)
        up.always(picture(PNG).framed("chunked"))
        assert "larger than 20 bytes" in await refusal(guard, up.url, limit=20)
        up.always(picture(PNG * 1000).coded("gzip"))
        await refusal(guard, up.url, limit=1000)

    @pytest.mark.parametrize("status", [204, 206, 304, 401, 404, 500])
    async def test_only_a_good_answer_counts(self, up: ScriptedUpstream, status: int) -> None:
        up.always(failing(status) if status >= 400 else Answer(status))
        assert f"answered {status}" in await refusal(opened("127.0.0.1"), up.url)

    async def test_a_broken_answer_is_told(self, up: ScriptedUpstream) -> None:
        up.always(picture().cut(at=0))
        assert "can't be fetched" in await refusal(opened("127.0.0.1"), up.url)
        up.always(text_answer(b"x").framed("raw"))
        await refusal(opened("127.0.0.1"), up.url)

    async def test_patience_ends(
        self, up: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(guard_module, "MOST_SECONDS", 0.05)
        gate = Gate()
        up.always(picture().held(gate))
        assert "within 0.05 s" in await refusal(opened("127.0.0.1"), up.url)
        gate.open()

    async def test_a_name_that_leads_nowhere(self) -> None:
        async def lookup(_host: str, _port: int) -> list[tuple[int, str]]:
            raise OSError

        assert "can't be resolved" in await refusal(opened("", lookup=lookup), "http://x.example/")

    async def test_the_name_is_what_tls_and_host_say(self) -> None:
        authority = trustme.CA()
        server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("pictures.example").configure_cert(server)
        client = ssl.create_default_context()
        authority.configure_trust(client)
        async with ScriptedUpstream(ssl=server) as up:
            up.always(picture())
            guard = Guard(read_allowed("127.0.0.1"), ssl_context=client, lookup=names("127.0.0.1"))
            url = f"https://pictures.example:{up.port}/a.png"
            assert (await guard.fetch(url, param=FIELD, types=IMAGES)).data == PNG
            assert up.requests[0].headers["host"] == f"pictures.example:{up.port}"
            other = f"https://other.example:{up.port}/a.png"
            assert "certificate" in await refusal(guard, other)

    async def test_without_settings_the_systems_certificates_are_read(
        self, up: ScriptedUpstream
    ) -> None:
        up.always(picture())
        guard = Guard(read_allowed("127.0.0.1"))
        assert (await guard.fetch(up.url, param=FIELD, types=IMAGES)).data == PNG

    async def test_no_proxy_is_asked(
        self, sink: ScriptedUpstream, up: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        up.always(picture())
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy"):
            monkeypatch.setenv(name, sink.url)
        guard = opened("127.0.0.1", lookup=names("127.0.0.1"))
        url = f"http://pictures.example:{up.port}/"
        assert (await guard.fetch(url, param=FIELD, types=IMAGES)).data == PNG


class TestRedirects:
    async def test_three_are_followed(self, up: ScriptedUpstream) -> None:
        up.on("/1", redirect("/2", 301))
        up.on("/2", redirect(f"{up.url}/3", 307))
        up.on("/3", redirect("?x", 308))
        up.always(picture())
        guard = opened("127.0.0.1")
        with pytest.raises(InvalidRequest, match="redirects more than 3 times"):
            await guard.fetch(f"{up.url}/1", param=FIELD, types=IMAGES)
        up.on("/3", picture())
        assert (await guard.fetch(f"{up.url}/1", param=FIELD, types=IMAGES)).data == PNG

    async def test_one_without_an_aim_is_told(self, up: ScriptedUpstream) -> None:
        up.always(Answer(302))
        assert "without saying where" in await refusal(opened("127.0.0.1"), up.url)

    @pytest.mark.parametrize(
        "location",
        [
            "http://{sink}/",
            "//{sink}/",
            "http://localhost:{port}/",
            "http://[::ffff:127.0.0.1]:{port}/",
            "http://user@{sink}/",
            "http://2130706433:{port}/",
            "file:///etc/passwd",
            "http://[",
        ],
    )
    async def test_each_is_checked_like_the_first(
        self, location: str, up: ScriptedUpstream, sink: ScriptedUpstream
    ) -> None:
        aim = location.format(sink=f"127.0.0.1:{sink.port}", port=sink.port)
        up.always(redirect(aim))
        guard = opened(f"pictures.example:{up.port}", lookup=names("127.0.0.1"))
        await refusal(guard, f"http://pictures.example:{up.port}/")
        assert len(up.requests) == 1


CORPUS = [
    "http://127.0.0.1:{port}/",
    "http://localhost:{port}/",
    "http://localhost.:{port}/",
    "http://LOCALHOST:{port}/",
    "http://2130706433:{port}/",
    "http://0x7f000001:{port}/",
    "http://0x7f.0x0.0x0.0x1:{port}/",
    "http://017700000001:{port}/",
    "http://0177.0.0.1:{port}/",
    "http://127.1:{port}/",
    "http://127.0.1:{port}/",
    "http://0:{port}/",
    "http://0.0.0.0:{port}/",
    "http://[::1]:{port}/",
    "http://[::]:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://[::ffff:7f00:1]:{port}/",
    "http://[::127.0.0.1]:{port}/",
    "http://[0:0:0:0:0:ffff:127.0.0.1]:{port}/",
    "http://user@127.0.0.1:{port}/",
    "http://93.184.216.34@127.0.0.1:{port}/",
    "http://93.184.216.34#@127.0.0.1:{port}/",
    "http://93.184.216.34\\@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}#.example.com/",
    "http://127.0.0.1:{port}?.example.com/",
    "http://127。0。0。1:{port}/",
    "http://①②⑦.0.0.1:{port}/",
    "http://%31%32%37.0.0.1:{port}/",
    "http://127.0.0.1%00.example.com:{port}/",
    "http://127.0.0.1:{port}\r\nx: y/",
    "https://127.0.0.1:{port}/",
    "HTTP://127.0.0.1:{port}/",
]


@pytest.mark.parametrize("url", CORPUS)
async def test_no_way_of_writing_it_reaches_this_machine(
    url: str, sink: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "93.184" in url and "#" in url:  # its host is the public one, which is not there in tests
        monkeypatch.setattr(guard_module, "refuse_closed", lambda *_: _never())
    await refusal(opened(""), url.format(port=sink.port))


def _never() -> None:
    raise ValueError("it is not there")


@pytest.mark.parametrize(
    "addresses",
    [
        ("127.0.0.1",),
        ("127.0.0.1", "93.184.216.34"),
        ("::ffff:127.0.0.1",),
        ("64:ff9b::7f00:1",),
        ("2002:7f00:1::",),
        ("fe80::1%lo",),
        ("::1",),
        ("169.254.169.254",),
    ],
)
@pytest.mark.parametrize("port", [80, 443, None])
async def test_no_name_leads_inside(
    addresses: tuple[str, ...], port: int | None, sink: ScriptedUpstream
) -> None:
    guard = opened("", lookup=names(*addresses))
    message = await refusal(guard, f"http://evil.example:{port or sink.port}/")
    assert "not on the public internet" in message
    assert not any(address in message for address in addresses)


async def test_a_name_is_asked_once_and_what_was_checked_is_dialled(
    up: ScriptedUpstream, sink: ScriptedUpstream
) -> None:
    asked: list[str] = []
    answers = [names("127.0.0.1", asked=asked), names("::1", asked=asked)]

    async def rebinding(host: str, port: int) -> list[tuple[int, str]]:
        return await answers[len(asked)](host, port)

    up.always(picture())
    guard = opened("127.0.0.1", lookup=rebinding)
    await guard.fetch(f"http://evil.example:{up.port}/", param=FIELD, types=IMAGES)
    assert asked == ["evil.example"]
    # The next fetch asks anew, and so does the check: nothing of the first is kept.
    await refusal(guard, f"http://evil.example:{up.port}/")
    assert asked == ["evil.example"] * 2
    assert len(up.requests) == 1
