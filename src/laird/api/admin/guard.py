"""What stands before all administration routes, so that one which forgets to ask is not open.

It finds the route's rule, lets in who may, and checks what they may send, before the route sees
anything. An answer that goes on, such as a stream of events, ends when who asked for it may no
more: the key was revoked, the session ended, the role changed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import orjson
from fastapi import Request, Response
from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from laird.api.admin.access import REQUEST_ID, Gate, Grant
from laird.api.admin.policy import ADMIN, Rule, check_write, rule_of
from laird.api.inference import new_request_id
from laird.audit.entry import asking
from laird.domain.errors import BodyTooLarge, InvalidRequest, LairdError
from laird.domain.people import Role

LOOK_AGAIN_S = 0.5
"""How often it is asked whether who hears a stream still may."""
_LARGEST_OPEN_BODY = 16 * 1024
"""Bytes that somebody who is not known may send."""
_LARGEST_CHECKED_BODY = 1024 * 1024
_EVENTS = b"text/event-stream"
_LAST_EVENT = (
    b'event: end\ndata: {"code":"not_signed_in","message":"This stream has ended, because its key'
    b' or session may not have it any more."}\n\n'
)

Refuse = Callable[[Request, Exception], Awaitable[Response]]


class Guard:
    """Stands before an application and enforces the policy of its routes."""

    def __init__(
        self, app: ASGIApp, gate: Gate, routes: Sequence[BaseRoute], refuse: Refuse
    ) -> None:
        self._app = app
        self._gate = gate
        self._routes = routes
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse it."""
        request = Request(scope, receive)
        scope[REQUEST_ID] = request_id = new_request_id()
        send = partial(_named, send, (b"x-laird-request-id", request_id.encode()))
        rule = self._rule(scope)
        try:
            grant = self._gate.admit(request, rule)
            receive = await _checked(request, rule, grant)
        except LairdError as error:
            refusal = await self._refuse(request, error)
            await refusal(scope, receive, send)
            return
        except ClientDisconnect:
            return
        token = asking.set(self._gate.visitor(request))
        try:
            await _Answer(self._gate, grant, rule, send).run(self._app, scope, receive)
        finally:
            asking.reset(token)

    def _rule(self, scope: Scope) -> Rule:
        """Return the rule of the route that will answer; administrators' alone where none will."""
        for route in self._routes:
            if isinstance(route, Route) and route.matches(scope)[0] is Match.FULL:
                return rule_of(scope["method"], route.path)
        return ADMIN


async def _named(send: Send, header: tuple[bytes, bytes], message: Message) -> None:
    """Send a message, the beginning of an answer with a header more."""
    if message["type"] == "http.response.start":
        message = {**message, "headers": [*message.get("headers", ()), header]}
    await send(message)


async def _checked(request: Request, rule: Rule, grant: Grant) -> Receive:
    """Return what the route may read of the body.

    A body that was checked is handed on as it was understood, so that nobody after this can
    understand it otherwise.
    """
    role = grant.principal.role if grant.principal is not None else None
    if rule.is_open:
        return _again(await _body(request, _LARGEST_OPEN_BODY), request.receive)
    if rule.operator is None or role is None or role is Role.ADMIN:
        return request.receive
    raw = await _body(request, _LARGEST_CHECKED_BODY)
    if not raw:
        return _again(raw, request.receive)
    try:
        parsed = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(f"The body is not valid JSON: {error}.") from None
    check_write(rule, role, parsed)
    return _again(orjson.dumps(parsed), request.receive)


async def _body(request: Request, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise BodyTooLarge(f"The body is over the limit of {limit} bytes for this request.")
        parts.append(part)
    return b"".join(parts)


def _again(body: bytes, after: Receive) -> Receive:
    """Return a way to read a body that was read already; `after` tells what comes then."""
    given = False

    async def receive() -> Message:
        nonlocal given
        if given:
            return await after()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


class _Answer:
    """One answer on its way, watched for as long as it goes on."""

    def __init__(self, gate: Gate, grant: Grant, rule: Rule, send: Send) -> None:
        self._gate = gate
        self._grant = grant
        self._rule = rule
        self._send = send
        self._task: asyncio.Task[Any] | None = None
        self._watch: asyncio.Task[None] | None = None
        self._is_events = False
        self._ended = False

    async def run(self, app: ASGIApp, scope: Scope, receive: Receive) -> None:
        """Have the application answer."""
        self._task = asyncio.current_task()
        try:
            await app(scope, receive, self._pass_on)
        except asyncio.CancelledError:
            if not self._ended or self._task is None:
                raise
            self._task.uncancel()
            # Another stream is left unfinished, so that it does not look complete.
            if self._is_events:
                last = {"type": "http.response.body", "body": _LAST_EVENT, "more_body": False}
                await self._send(last)
        finally:
            if self._watch is not None:
                self._watch.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await self._watch

    async def _pass_on(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = dict(message.get("headers", ()))
            # A whole answer has its length; one without is a stream.
            if b"content-length" not in headers:
                self._is_events = headers.get(b"content-type", b"").startswith(_EVENTS)
                self._watch = asyncio.create_task(self._look_again())
        await self._send(message)

    async def _look_again(self) -> None:
        while True:
            await asyncio.sleep(LOOK_AGAIN_S)
            if not self._gate.still_admits(self._grant, self._rule):
                break
        self._ended = True
        if self._task is not None:
            self._task.cancel()
