"""What answers tell browsers: what a page of ours may do, and which other sites may ask.

Every answer but those for inference has the headers of `SAFETY`. Pages of other origins may use the
inference routes where the setting names them (Fetch Standard, CORS protocol): a key goes along, no
cookie, so nothing is done in somebody's name. The routes of the administration are for Laird's own
pages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial

from laird.api.http import Headers, Message, Scope, Send
from laird.api.site import Site
from laird.domain.errors import StartError

_NOTHING = b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""The policy of what is no page, should a browser show it as one."""

SAFETY: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
]
_POLICY = (b"content-security-policy", _NOTHING)
_NOT_KEPT = (b"cache-control", b"no-store")
_TLS_ONLY = (b"strict-transport-security", b"max-age=31536000")
_TOKENS = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~, -]{1,2000}")
_ORIGIN = re.compile(r"https?://(?:\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::[0-9]{1,5})?")
_PREFLIGHT_S = b"600"


class Safely:
    """Adds to answers what keeps a browser from being used against its user."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def sending(self, scope: Scope, send: Send) -> Send:
        """Return a way to send the answer of a request with these headers."""
        headers: Mapping[bytes, bytes] = dict(scope["headers"])
        client = scope.get("client")
        secure = self._site.is_secure(
            client[0] if client else "",
            _text(headers.get(b"x-forwarded-proto")),
            _text(headers.get(b"host")),
        )
        more = [*SAFETY, _TLS_ONLY] if secure else SAFETY
        return partial(_add, send, more, scope["path"].startswith("/api"))


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")


async def _add(send: Send, more: Headers, is_api: bool, message: Message) -> None:  # noqa: FBT001
    """Send a message, the beginning of an answer with what it lacks."""
    if message["type"] == "http.response.start":
        headers = list(message.get("headers", ()))
        there = {name for name, _ in headers}
        headers += more
        if _POLICY[0] not in there:
            headers.append(_POLICY)
        if is_api and _NOT_KEPT[0] not in there:
            headers.append(_NOT_KEPT)
        message = {**message, "headers": headers}
    await send(message)


class OtherOrigins:
    """Which pages of other origins may use the inference routes."""

    def __init__(self, origins: frozenset[bytes]) -> None:
        """`origins` as browsers send them; `*` among them is every one."""
        self._origins = origins
        self._all = b"*" in origins

    async def answer(self, scope: Scope, send: Send) -> bool:
        """Answer a browser's question whether a page may ask; False for any other request.

        The answer of another request gets the headers that let the page read it.
        """
        headers: Mapping[bytes, bytes] = dict(scope["headers"])
        origin = headers.get(b"origin")
        scope["laird.link"].extra = b"vary: origin\r\n"
        if origin is None or not (self._all or origin in self._origins):
            return False
        allowed = b"*" if self._all else origin
        if scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
            told = _preflight(headers, allowed)
            await send({"type": "http.response.start", "status": 204, "headers": told})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return True
        scope["laird.link"].extra = (
            b"vary: origin\r\naccess-control-allow-origin: %b\r\n"
            b"access-control-expose-headers: *\r\n" % allowed
        )
        return False


def _preflight(headers: Mapping[bytes, bytes], allowed: bytes) -> Headers:
    told: Headers = [
        (b"access-control-allow-origin", allowed),
        (b"access-control-allow-methods", b"GET, POST, DELETE"),
        (b"access-control-max-age", _PREFLIGHT_S),
    ]
    wanted = headers.get(b"access-control-request-headers")
    if wanted is not None and _TOKENS.fullmatch(wanted):
        told.append((b"access-control-allow-headers", wanted))
    if headers.get(b"access-control-request-private-network") == b"true":
        told.append((b"access-control-allow-private-network", b"true"))
    return told


def other_origins(text: str) -> OtherOrigins | None:
    """Read a list of origins with commas between; `none` is None. Raises `StartError`."""
    listed = [part.strip().rstrip("/") for part in text.split(",") if part.strip()]
    if not listed or listed == ["none"]:
        return None
    for origin in listed:
        if origin != "*" and not _ORIGIN.fullmatch(origin):
            raise StartError(
                f"LAIRD_CORS_ORIGINS: '{origin[:80]}' is no origin. Write each as"
                " https://app.example or http://localhost:3000, or * for all."
            )
    return OtherOrigins(frozenset(origin.encode() for origin in listed))
