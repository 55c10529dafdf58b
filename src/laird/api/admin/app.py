"""The administration API as one FastAPI application with one shape of error."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from laird import __version__
from laird.api.admin import configuration, keys, models, providers, routing, system, usage
from laird.api.admin.access import Gate
from laird.api.admin.context import Admin
from laird.api.errors import retry_after, status_of
from laird.domain.errors import ConfigError, LairdError, RequestError, StaleRevision

_DESCRIPTION = "/api/openapi.json"


class _Guard:
    """Lets nobody in who may not administer, before a body is read or a name is looked up.

    It stands before all routes, so that a route which forgets to ask is not open.
    """

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self._app = app
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] != _DESCRIPTION:
            request = Request(scope)
            try:
                self._gate.actor(request)
            except LairdError as error:
                refusal = await _refuse(request, error)
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)


def build_admin(admin: Admin) -> FastAPI:
    """Return the application over everything that `admin` names."""
    app = FastAPI(
        title="Laird",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=_DESCRIPTION,
        # `curl -d` says that it sends a form; the body is read as JSON all the same.
        strict_content_type=False,
    )
    for part in (system, keys, providers, models, configuration, routing, usage):
        app.include_router(part.router(admin))
    app.add_middleware(_Guard, gate=admin.gate)
    app.add_exception_handler(LairdError, _refuse)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _defect)
    return app


def _answer(status: int, error: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    return Response(
        orjson.dumps({"error": error}),
        status_code=status,
        headers=headers,
        media_type="application/json",
    )


async def _refuse(_request: Request, error: Exception) -> Response:
    assert isinstance(error, LairdError)  # noqa: S101 - registered for this type alone
    body: dict[str, Any] = {
        "message": error.message,
        "type": "invalid_request_error" if status_of(error) < 500 else "server_error",
        "param": error.param if isinstance(error, RequestError) else None,
        "code": error.code,
    }
    if isinstance(error, ConfigError):
        body["problems"] = [
            {"message": one.message, "path": one.path, "line": one.line, "fix": one.fix}
            for one in error.problems
        ]
    if isinstance(error, StaleRevision):
        body |= {
            "expected": error.expected,
            "current": error.current,
            "current_document": error.current_document,
        }
    wait = retry_after(error)
    return _answer(status_of(error), body, {"retry-after": str(wait)} if wait else None)


async def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this type alone
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if part not in {"body", "query", "path"})
    message = f"{place}: {first['msg']}" if place else str(first["msg"])
    return _answer(
        400,
        {
            "message": message,
            "type": "invalid_request_error",
            "param": place or None,
            "code": "invalid_request",
        },
    )


async def _defect(_request: Request, _error: Exception) -> Response:
    """Answer for a fault of ours; the server that runs this application logs it."""
    return _answer(
        500,
        {
            "message": "Laird failed at this request. Its log says where; please report it.",
            "type": "server_error",
            "param": None,
            "code": LairdError.code,
        },
    )


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this type alone
    unknown = error.status_code == 404
    return _answer(
        error.status_code,
        {
            "message": f"Nothing lives at {request.url.path}."
            if unknown
            else f"{request.url.path} does not take {request.method}.",
            "type": "invalid_request_error",
            "param": None,
            "code": "not_found" if unknown else "method_not_allowed",
        },
        dict(error.headers or {}),
    )
