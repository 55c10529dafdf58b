"""The application: inference routes to slim handlers, everything under /api to FastAPI."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson

from laird.api.browsers import OtherOrigins, Safely
from laird.api.dashboard import Dashboard, find_files
from laird.api.errors import retry_after, status_of
from laird.api.http import JSON, Headers, Receive, Scope, Send, write
from laird.api.inference import Inference, Route
from laird.api.models import ANTHROPIC, Models
from laird.api.responses import INPUT, ONE, StoredResponses, pattern
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

    def __init__(self, path: str, method: str, allowed: tuple[str, ...]) -> None:
        super().__init__(f"{path} takes {' or '.join(allowed)}, not {method}.")
        self.allowed = allowed


class Application:
    """Laird as a plain ASGI application."""

    def __init__(
        self,
        inference: Inference,
        routes: Mapping[str, Route],
        models: Models,
        responses: StoredResponses,
        metrics: Metrics,
        admin: AsgiApp,
        readiness: Readiness,
        safely: Safely,
        other_origins: OtherOrigins | None = None,
    ) -> None:
        self._inference = inference
        self._routes = routes
        self._models = models
        self._responses = responses
        self._usual: Dialect = routes["/v1/chat/completions"].dialect
        self._metrics = metrics
        self._admin = admin
        self._readiness = readiness
        self._safely = safely
        self._other_origins = other_origins
        self._dashboard = Dashboard(find_files())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path: str = scope["path"]
        route = self._routes.get(path)
        if (
            self._other_origins is not None
            and path.startswith("/v1/")
            and await self._other_origins.answer(scope, send)
        ):
            return
        if route is not None and scope["method"] == "POST":
            await self._inference.answer(scope, receive, send, route)
            return
        send = self._safely.sending(scope, send)
        if path.startswith("/api/") or path == "/api":
            await self._admin(scope, receive, send)
        else:
            await self._rest(scope, send, path)

    async def _rest(self, scope: Scope, send: Send, path: str) -> None:
        try:
            allowed = ("POST",) if path in self._routes else _ALLOWED.get(_pattern(path))
            if allowed is None:
                if await self._page(scope, send, path):
                    return
                raise RouteUnknown(
                    f"Nothing lives at {path}. The chat endpoint is POST /v1/chat/completions."
                )
            if scope["method"] not in allowed:
                raise MethodUnknown(path, scope["method"], allowed)
            if path == "/v1/models":
                await self._models.list(scope, send)
            elif path.startswith(_ONE_MODEL):
                await self._models.show(scope, send, path.removeprefix(_ONE_MODEL))
            elif path.startswith(_RESPONSES):
                await self._responses.answer(scope, send)
            elif path == "/metrics":
                await write(send, 200, [_TEXT], self._metrics.render())
            else:
                await self._state(send, path)
        except LairdError as error:
            await self._refuse(send, self._dialect_of(scope, path), error)

    async def _page(self, scope: Scope, send: Send, path: str) -> bool:
        """Answer with a page or a file of the dashboard, where it is one that is asked for."""
        if scope["method"] not in {"GET", "HEAD"} or path.startswith("/v1"):
            return False
        return await self._dashboard.answer(scope, send)

    async def _state(self, send: Send, path: str) -> None:
        if path == "/health":
            await write(send, 200, [JSON], b'{"status":"ok"}')
            return
        state = self._readiness()
        status = 200 if state["ready"] else 503
        await write(send, status, [JSON], orjson.dumps(state))

    def _dialect_of(self, scope: Scope, path: str) -> Dialect:
        """Return the dialect in which a client of this path reads errors."""
        if path.startswith("/v1/models") and any(name == ANTHROPIC for name, _ in scope["headers"]):
            path = "/v1/messages"
        route = self._routes.get(path)
        return self._usual if route is None else route.dialect

    async def _refuse(self, send: Send, dialect: Dialect, error: LairdError) -> None:
        status = status_of(error)
        headers: Headers = [JSON]
        if isinstance(error, RouteUnknown):
            status = 404
        elif isinstance(error, MethodUnknown):
            status = 405
            headers.append((b"allow", ", ".join(error.allowed).encode()))
        wait = retry_after(error)
        if wait is not None:
            headers.append((b"retry-after", b"%d" % wait))
        await write(send, status, headers, dialect.error(error))


_ONE_MODEL = "/v1/models/"
_RESPONSES = "/v1/responses/"

_ALLOWED: Mapping[str, tuple[str, ...]] = {
    "/v1/models": ("GET",),
    "/v1/models/{id}": ("GET",),
    ONE: ("GET", "DELETE"),
    INPUT: ("GET",),
    "/metrics": ("GET",),
    "/health": ("GET", "HEAD"),
    "/ready": ("GET", "HEAD"),
}


def _pattern(path: str) -> str:
    """Return the key of a path in `_ALLOWED`. A model's id may hold slashes."""
    if path.startswith(_RESPONSES):
        return pattern(path) or path
    of_model = path.startswith(_ONE_MODEL) and len(path) > len(_ONE_MODEL)
    return "/v1/models/{id}" if of_model else path
