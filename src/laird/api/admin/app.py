"""The administration API as one FastAPI application with one shape of error."""

from __future__ import annotations

from functools import partial
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from laird import __version__
from laird.api.admin import (
    advice,
    alerts,
    audit,
    budgets,
    cache,
    configuration,
    credentials,
    events,
    export,
    invitations,
    kept,
    keys,
    library,
    models,
    people,
    prices,
    privacy,
    providers,
    receipts,
    reconcile,
    routing,
    session,
    system,
    usage,
)
from laird.api.admin.context import Admin
from laird.api.admin.guard import Guard
from laird.api.description import describe
from laird.api.errors import retry_after, status_of
from laird.domain.credential import looks_like_a_key
from laird.domain.errors import ConfigError, LairdError, NotAllowed, RequestError, StaleRevision

_DESCRIPTION = "/api/openapi.json"


_PARTS = (
    system,
    session,
    people,
    invitations,
    keys,
    budgets,
    alerts,
    events,
    audit,
    cache,
    providers,
    models,
    library,
    prices,
    credentials,
    configuration,
    routing,
    privacy,
    usage,
    receipts,
    export,
    kept,
    advice,
    reconcile,
)
"""What makes a router; each of its routes has a row in `policy.POLICY`."""


def build_admin(admin: Admin) -> FastAPI:
    """Return the application over everything that `admin` names."""
    app = FastAPI(
        title="Laird",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=_DESCRIPTION,
    )
    app.openapi = partial(_described, app)  # type: ignore[method-assign]  # FastAPI's own way
    for part in _PARTS:
        app.router.routes += part.router(admin).routes
    app.add_middleware(Guard, gate=admin.gate, routes=list(app.routes), refuse=_refuse)
    app.add_exception_handler(LairdError, _refuse)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _defect)
    return app


def _described(app: FastAPI) -> dict[str, Any]:
    """Return the description, which is made once."""
    if not app.openapi_schema:
        app.openapi_schema = describe(app)
    return app.openapi_schema


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
        "param": error.param if isinstance(error, RequestError | NotAllowed) else None,
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
    parts = [str(part) for part in first["loc"] if part not in {"body", "query", "path"}]
    # A name that was sent may be a key in the wrong place.
    place = ".".join("…" if looks_like_a_key(part) else part for part in parts)
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
