"""Where a request would go, and why."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Request

from laird.api.admin.context import Admin
from laird.domain.errors import InvalidRequest
from laird.domain.keys import ApiKey, Caller
from laird.domain.plan import RequestFacts
from laird.routing.explain import explain


def router(admin: Admin) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/api/routing", tags=["routing"])

    @routes.post("/explain")
    async def explain_request(
        request: Request,
        body: Annotated[dict[str, Any], Body()],
        *,
        key: str | None = None,
        local_only: bool = False,
    ) -> dict[str, Any]:
        """Show the plan for a chat request without sending it.

        The body is a chat completion request; `messages` may be left out. `key` names the key it
        would come with, `local_only` asks for what `x-laird-privacy: local` asks for.
        """
        admin.gate.actor(request)
        caller = Caller(
            key=await admin.key_named(key) if key is not None else _ANYBODY,
            local_only=local_only,
            privacy_reason="header" if local_only else None,
        )
        return explain(admin.gateway.weigh(_facts(admin, body), caller))

    return routes


def _facts(admin: Admin, body: dict[str, Any]) -> RequestFacts:
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise InvalidRequest("Say which model: a name as in a chat request.", param="model")
    asked = {"messages": [{"role": "user", "content": ""}], **body}
    return admin.dialect.facts(asked)


_ANYBODY = ApiKey(id="", name="anybody", digest="", prefix="", created_us=0)
