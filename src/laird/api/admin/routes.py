"""Routes as every part of the administration API makes them."""

from __future__ import annotations

from fastapi import APIRouter

from laird.api.admin.operations import operation_name


def routes_at(prefix: str, tag: str) -> APIRouter:
    """Return a router whose routes hold all they need, so that the application takes them as is.

    What `FastAPI.include_router` takes is built a second time when the first request comes, on the
    loop: half a second in which nothing else is answered.
    """
    return APIRouter(
        prefix=prefix,
        tags=[tag],
        generate_unique_id_function=operation_name,
        # `curl -d` says that it sends a form; the body is read as JSON all the same.
        strict_content_type=False,
    )
