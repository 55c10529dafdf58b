"""What a request's head must be before anything is done with it, and how it is refused if not.

Where two servers read one request differently, one request can be hidden in another. So everything
that RFC 9112 leaves to taste is refused here: odd targets, a Host that is missing, doubled or
malformed, codings other than `chunked`, versions other than 1.0 and 1.1. What the parser refuses by
itself (bare line breaks, folded headers, both kinds of length, lengths that are no number) does not
come this far.
"""

from __future__ import annotations

import http
import re
from typing import Any

import httptools
import orjson

MAX_HEADER_BYTES = 32 * 1024
"""The target and all headers; also what may come beside a body: sizes of chunks, trailers."""
MAX_HEADERS = 100
MAX_TARGET_BYTES = 8 * 1024
MOST_DISCARDED = 32 * 1024 * 1024
"""Bytes of a body that are still taken in once its request is answered, so that the client gets to
read the answer."""

STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode()
    for status in http.HTTPStatus
}
CLOSE = b"connection: close\r\n"
_ERROR_HEAD = (
    b"content-type: application/json\r\nx-content-type-options: nosniff\r\ncontent-length: %d\r\n"
)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_HOST = re.compile(
    rb"(?:\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._~%!$&'()*+,;=-]{1,255})(?::[0-9]{0,5})?"
)
_MOST_HOSTS = 256
_known_hosts: set[bytes] = set()
_MOST_TARGETS = 256
_LONG_TARGET = 64
_known_targets: dict[bytes, tuple[bytes, bytes]] = {}


class Refused(Exception):
    """A request that is answered with an error, after which its connection is closed."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def too_large() -> Refused:
    """Return the refusal of a header block that is over the limit."""
    message = f"The request's headers are over {MAX_HEADER_BYTES} bytes. Send fewer."
    return Refused(431, "headers_too_large", message)


def too_long() -> Refused:
    """Return the refusal of a target that is over the limit."""
    message = f"The request's target is over {MAX_TARGET_BYTES} bytes. Send a shorter one."
    return Refused(414, "uri_too_long", message)


def wrong(reason: str, status: int = 400) -> Refused:
    """Return the refusal of what is no valid request."""
    message = f"This is not a valid HTTP request: {reason}. Nothing was done with it."
    return Refused(status, "invalid_request", message)


def check_head(
    version: str, method: str, target: bytes, host: bytes | None, count: int
) -> tuple[bytes, bytes]:
    """Return path and query of a request that may be answered.

    `count` is the number of its headers. Raises `Refused`.
    """
    if version != "1.1" and version != "1.0":  # noqa: PLR1714 - it is on every request's way
        raise wrong(f"HTTP/{version} is not spoken here", 505)
    if method not in _METHODS:
        message = f"{method} is not taken by any route. Send one of {', '.join(sorted(_METHODS))}."
        raise Refused(405, "method_not_allowed", message)
    if count > MAX_HEADERS:
        message = f"The request has more than {MAX_HEADERS} headers. Send fewer."
        raise Refused(431, "headers_too_large", message)
    if host not in _known_hosts:
        _check_host(version, host)
    return _known_targets.get(target) or _read_target(method, target, host)


def _read_target(method: str, target: bytes, host: bytes | None) -> tuple[bytes, bytes]:
    try:
        url = httptools.parse_url(target)
    except httptools.HttpParserInvalidURLError:
        raise wrong("its target is malformed") from None
    if b"#" in target:
        raise wrong("its target has a '#'")
    found = url.path or b"/", url.query or b""
    if target[:1] != b"/":
        _check_target(method, target, url, host)
    elif len(_known_targets) < _MOST_TARGETS and len(target) <= _LONG_TARGET:
        _known_targets[target] = found
    return found


def _check_host(version: str, host: bytes | None) -> None:
    if host is None:
        if version == "1.1":
            raise wrong("it has no Host header")
        return
    if not _HOST.fullmatch(host):
        raise wrong("its Host header is malformed")
    if len(_known_hosts) < _MOST_HOSTS:
        _known_hosts.add(host)


def _check_target(method: str, target: bytes, url: Any, host: bytes | None) -> None:
    """Refuse a target that is no path, but for `OPTIONS *` and a URL with the Host's own name."""
    if target == b"*":
        if method != "OPTIONS":
            raise wrong("its target is '*'")
        return
    authority = target.partition(b"://")[2].partition(b"/")[0].partition(b"?")[0]
    if url.schema not in {b"http", b"https"} or b"@" in authority:
        raise wrong("its target is no path")
    if host is not None and authority.lower() != host.lower():
        raise wrong("its target names another host than its Host header")


def check_coding(version: str, value: bytes) -> None:
    """Refuse a Transfer-Encoding other than `chunked`, or in HTTP/1.0. Raises `Refused`."""
    if version == "1.0":
        raise wrong("HTTP/1.0 has no Transfer-Encoding")
    if value.lower() != b"chunked":
        raise wrong("its Transfer-Encoding is not 'chunked'")


def error_answer(status: int, code: str, message: str) -> bytes:
    """Return an answer that ends its connection."""
    kind = "server_error" if status in {500, 503} else "invalid_request_error"
    error = {"message": message, "type": kind, "param": None, "code": code}
    body = orjson.dumps({"error": error})
    again = b"retry-after: 5\r\n" if status == 503 else b""
    return STATUS_LINES[status] + _ERROR_HEAD % len(body) + again + CLOSE + b"\r\n" + body
