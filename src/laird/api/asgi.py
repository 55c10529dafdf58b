"""The application: inference routes to slim handlers, everything under /api to FastAPI."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson

from laird.api.errors import retry_after, status_of
from laird.api.http import JSON, Headers, Receive, Scope, Send, write
from laird.api.inference import Inference
from laird.dialects.base import Dialect
from laird.domain.errors import LairdError, RequestError
from laird.telemetry.metrics import Metrics

AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]
Readiness = Callable[[], Mapping[str, Any]]

_TEXT = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")


class RouteUnknown(RequestError):
    """Nothing lives at this path."""

    code = "not_found"


class MethodUnknown(RequestError):
    """The path is right, the method is not."""

    code = "method_not_allowed"


class Application:
    """Laird as a plain ASGI application."""

    def __init__(
        self,
        inference: Inference,
        chat: Dialect,
        metrics: Metrics,
        admin: AsgiApp,
        readiness: Readiness,
    ) -> None:
        self._inference = inference
        self._chat = chat
        self._metrics = metrics
        self._admin = admin
        self._readiness = readiness

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path: str = scope["path"]
        if path == "/v1/chat/completions" and scope["method"] == "POST":
            await self._inference.chat(scope, receive, send, self._chat, "chat.completions")
        elif path.startswith("/api/") or path == "/api":
            await self._admin(scope, receive, send)
        else:
            await self._rest(scope, send, path)

    async def _rest(self, scope: Scope, send: Send, path: str) -> None:
        try:
            allowed = _ALLOWED.get(path)
            if allowed is None:
                raise RouteUnknown(
                    f"Nothing lives at {path}. The chat endpoint is POST /v1/chat/completions."
                )
            if scope["method"] not in allowed:
                raise MethodUnknown(f"{path} takes {' or '.join(allowed)}, not {scope['method']}.")
            if path == "/v1/models":
                await self._inference.models(scope, send)
            elif path == "/metrics":
                await write(send, 200, [_TEXT], self._metrics.render())
            else:
                await self._state(send, path)
        except LairdError as error:
            await self._refuse(send, path, error)

    async def _state(self, send: Send, path: str) -> None:
        if path == "/health":
            await write(send, 200, [JSON], b'{"status":"ok"}')
            return
        state = self._readiness()
        status = 200 if state["ready"] else 503
        await write(send, status, [JSON], orjson.dumps(state))

    async def _refuse(self, send: Send, path: str, error: LairdError) -> None:
        status = status_of(error)
        headers: Headers = [JSON]
        if isinstance(error, RouteUnknown):
            status = 404
        elif isinstance(error, MethodUnknown):
            status = 405
            headers.append((b"allow", ", ".join(_ALLOWED[path]).encode()))
        wait = retry_after(error)
        if wait is not None:
            headers.append((b"retry-after", b"%d" % wait))
        await write(send, status, headers, self._chat.error(error))


_ALLOWED: Mapping[str, tuple[str, ...]] = {
    "/v1/chat/completions": ("POST",),
    "/v1/models": ("GET",),
    "/metrics": ("GET",),
    "/health": ("GET", "HEAD"),
    "/ready": ("GET", "HEAD"),
}
