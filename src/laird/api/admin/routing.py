"""The rules of routing, and where a request would go and why."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Body, Request
from typing_extensions import TypedDict

from laird.api.admin.context import Admin
from laird.api.admin.routes import routes_at
from laird.domain.errors import InvalidRequest
from laird.domain.keys import ApiKey, Caller, PrivacyClass
from laird.domain.plan import RequestFacts
from laird.routing.explain import explain


class AliasShown(TypedDict):
    """Another name for something that can be asked for."""

    name: str
    stands_for: str


class RoutingShown(TypedDict):
    """The rules that hold for all requests."""

    revision: str
    strategy: str
    fallback: str | None
    """The chain that is tried when a request's own candidates are used up."""
    aliases: list[AliasShown]
    queue_length: int
    """Requests that may wait for a slot, for each provider."""
    queue_timeout_s: float
    agent_prefix: str
    """Keys whose name begins so are served first."""


class AttemptShown(TypedDict):
    """One candidate, in the order of trial."""

    position: int
    provider: str
    model: str
    upstream_model: str
    egress: Literal["local", "external"]
    max_retries: int
    timeout_s: float | None
    reason: str


class DroppedShown(TypedDict):
    """A candidate that was left out, and why."""

    provider: str
    model: str
    reason: str
    detail: str


class VerdictShown(TypedDict):
    """What a request may reach, `local` or `any`, and why."""

    verdict: str
    reason: str | None


class PlanShown(TypedDict):
    """Where a request would go."""

    requested: str
    resolved: str
    strategy: str
    attempts: list[AttemptShown]
    dropped: list[DroppedShown]
    stand_ins: list[AttemptShown]
    privacy: VerdictShown


def router(admin: Admin) -> APIRouter:
    """Return the routes."""
    routes = routes_at("/api/routing", "routing")

    @routes.get("")
    async def rules(request: Request) -> RoutingShown:
        """Return the rules in force: strategy, fallback, aliases, queue."""
        admin.gate.actor(request)
        snapshot = admin.configuration.snapshot
        held = snapshot.routing
        aliases = snapshot.aliases.items()
        return {
            "revision": snapshot.revision,
            "strategy": held.strategy.value,
            "fallback": held.fallback,
            "aliases": [{"name": name, "stands_for": target} for name, target in aliases],
            "queue_length": held.queue_length,
            "queue_timeout_s": held.queue_timeout_s,
            "agent_prefix": held.agent_prefix,
        }

    @routes.post("/explain")
    async def explain_request(
        request: Request,
        body: Annotated[dict[str, Any], Body()],
        *,
        key: str | None = None,
        local_only: bool = False,
    ) -> PlanShown:
        """Show the plan for a chat request without sending it.

        The body is a chat completion request; `messages` may be left out. `key` names the key it
        would come with, `local_only` asks for what `x-laird-privacy: local` asks for. The privacy
        rules are asked as they would be for the request; what they refuse is refused here.
        """
        admin.gate.actor(request)
        asked = await admin.key_named(key) if key is not None else ANYBODY
        facts = _facts(admin, body)
        caller = await admin.gateway.judged(body, facts, asking(asked, local_only=local_only))
        size = len(orjson.dumps(body))
        plan = explain(admin.gateway.weigh(facts, caller, size))
        shown: PlanShown = {**plan, "privacy": verdict_of(caller)}  # type: ignore[typeddict-item]
        return shown

    return routes


def _facts(admin: Admin, body: dict[str, Any]) -> RequestFacts:
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise InvalidRequest("Say which model: a name as in a chat request.", param="model")
    asked = {"messages": [{"role": "user", "content": ""}], **body}
    return admin.dialect.facts(asked)


ANYBODY = ApiKey(id="", name="anybody", digest="", prefix="", created_us=0)


def asking(key: ApiKey, *, local_only: bool = False, workflow: str | None = None) -> Caller:
    """Return who asks with a key, and a header if `local_only`, as the inference routes do."""
    reason = "header" if local_only else None
    if key.privacy is PrivacyClass.LOCAL_ONLY:
        local_only, reason = True, "key"
    return Caller(key=key, local_only=local_only, privacy_reason=reason, workflow=workflow)


def verdict_of(caller: Caller) -> VerdictShown:
    """Return what a request may reach and why."""
    verdict = "local" if caller.local_only else "any"
    return {"verdict": verdict, "reason": caller.privacy_reason}
