"""The dashboard's files: read once, compressed once, served from memory.

Files under `assets/` have a digest of their content in their name, so a browser may keep them for
ever. Every other path is a page of the dashboard, which is one document that draws what its address
says.
"""

from __future__ import annotations

import asyncio
import gzip
import mimetypes
import os
from hashlib import sha256
from pathlib import Path

import msgspec

from laird.api.http import Headers, Scope, Send, write

_PAGE = "/index.html"
_ASSETS = "/assets/"
_COMPRESSED = ("text/", "application/javascript", "application/json", "image/svg+xml")
_SMALLEST = 512

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none';"
    " form-action 'self'; frame-ancestors 'none'"
)
"""Nothing from elsewhere, no script inside a page. Charts set `style` attributes of elements, which
is what 'unsafe-inline' is for. The other headers for browsers are in `browsers.py`."""

_POLICY = (b"content-security-policy", CONTENT_SECURITY_POLICY.encode())

_NOT_BUILT = b"""<!doctype html><html lang="en"><meta charset="utf-8"><title>Laird</title>
<h1>The dashboard is not built</h1>
<p>Laird runs and answers at /v1. To build its dashboard, run <code>make dashboard</code> in the
checkout (it needs Node.js 20) and start Laird again.</p></html>"""


class _File(msgspec.Struct, frozen=True):
    """One file, ready to be sent."""

    body: bytes
    packed: bytes | None
    headers: Headers


def find_files() -> Path | None:
    """Return the folder with the built dashboard: in the package, or in the checkout.

    The environment variable LAIRD_DASHBOARD names another one, for those who work on it.
    """
    if named := os.environ.get("LAIRD_DASHBOARD"):
        return Path(named)
    package = Path(__file__).parents[1]
    for folder in (package / "dashboard", package.parents[1] / "web" / "dist"):
        if (folder / "index.html").is_file():
            return folder
    return None


class Dashboard:
    """Serves the files of a folder, or a page that says how to build them."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._files: dict[str, _File] | None = None
        self._reading = asyncio.Lock()

    async def answer(self, scope: Scope, send: Send) -> bool:
        """Answer a GET or HEAD request for a file or a page; False when it is for neither."""
        path: str = scope["path"]
        headers = dict(scope["headers"])
        async with self._reading:
            if self._files is None:
                self._files = await asyncio.to_thread(_read_all, self._folder)
        file = self._files.get(path)
        if file is None:
            if path.startswith(_ASSETS) or not _wants_page(headers):
                return False
            file = self._files[_PAGE]
        if headers.get(b"if-none-match") == _etag(file):
            await write(send, 304, [*file.headers, _POLICY], b"")
            return True
        answer = [*file.headers, _POLICY]
        body = file.body
        if file.packed is not None and b"gzip" in headers.get(b"accept-encoding", b""):
            body = file.packed
            answer.append((b"content-encoding", b"gzip"))
        await write(send, 200, answer, b"" if scope["method"] == "HEAD" else body)
        return True


def _wants_page(headers: dict[bytes, bytes]) -> bool:
    return b"text/html" in headers.get(b"accept", b"")


def _etag(file: _File) -> bytes:
    return next(value for name, value in file.headers if name == b"etag")


def _read_all(folder: Path | None) -> dict[str, _File]:
    """Read all files of the folder by the path that they are served at."""
    if folder is None:
        return {_PAGE: _file(_PAGE, _NOT_BUILT)}
    return {
        (name := "/" + path.relative_to(folder).as_posix()): _file(name, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


def _file(name: str, body: bytes) -> _File:
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    kind = {"text/javascript": "application/javascript"}.get(kind, kind)
    keep = b"public, max-age=31536000, immutable" if name.startswith(_ASSETS) else b"no-cache"
    packs = kind.startswith(_COMPRESSED) and len(body) >= _SMALLEST
    text = kind.startswith("text/") or kind == "application/javascript"
    headers: Headers = [
        (b"content-type", (kind + ("; charset=utf-8" if text else "")).encode()),
        (b"cache-control", keep),
        (b"etag", b'"%b"' % sha256(body).hexdigest()[:32].encode()),
        (b"vary", b"accept-encoding"),
    ]
    return _File(body, gzip.compress(body, 9) if packs else None, headers)
