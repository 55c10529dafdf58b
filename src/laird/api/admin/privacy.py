"""The privacy rules in force, and what they would make of a text."""

from __future__ import annotations

import asyncio
import importlib
from importlib.metadata import version
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Body, Request

from laird.api.admin.context import Admin
from laird.api.admin.privacy_shapes import CheckShown, FoundShown, PrivacyShown, RuleShown
from laird.api.admin.routes import routes_at
from laird.api.admin.routing import ANYBODY, VerdictShown, asking, verdict_of
from laird.domain.errors import InvalidRequest, RefusedByPrivacy
from laird.domain.keys import ApiKey
from laird.domain.plan import RequestFacts
from laird.domain.privacy import Category, PrivacyPolicy, PrivacyRule
from laird.privacy.sought import Sought

_LIBRARIES = ("phonenumberslite", "python-stdnum")
_EVERYTHING = Sought(sum(category.bit for category in Category))


class Check(msgspec.Struct, forbid_unknown_fields=True):
    """A text, and who would send it."""

    text: str
    key: str | None = None
    workflow: str | None = None
    model: str = "auto"


def router(admin: Admin) -> APIRouter:
    """Return the routes."""
    routes = routes_at("/api/privacy", "privacy")

    @routes.get("")
    async def show(request: Request) -> PrivacyShown:
        """Return the rules in force, and how much was looked at since the start."""
        admin.gate.actor(request)
        policy = admin.gateway.runtime.snapshot.privacy
        return _shown(policy, msgspec.to_builtins(admin.gateway.screen.reader.state))

    @routes.post("/check")
    async def check(request: Request, body: Annotated[dict[str, Any], Body()]) -> CheckShown:
        """Say what is found in a text, and what the rules would make of it.

        `text` is looked at in all categories, whatever the rules ask for. `key`, `workflow` and
        `model` say who would send it. The text is neither kept nor logged.
        """
        admin.gate.actor(request)
        asked = _read(body)
        key = await admin.key_named(asked.key) if asked.key is not None else ANYBODY
        policy = admin.gateway.runtime.snapshot.privacy
        sought = msgspec.structs.replace(_EVERYTHING, regions=policy.regions if policy else ())
        scan = await asyncio.to_thread(importlib.import_module, "laird.privacy.scan")
        report = await asyncio.to_thread(scan.report, asked.text, sought)
        found: list[FoundShown] = [msgspec.to_builtins(each) for each in report]
        judged = await _verdict(admin, asked, key)
        return {"found": found, "verdict": judged["verdict"], "reason": judged["reason"]}

    return routes


def _read(body: dict[str, Any]) -> Check:
    try:
        return msgspec.convert(body, Check)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"{error}.") from None


async def _verdict(admin: Admin, asked: Check, key: ApiKey) -> VerdictShown:
    caller = asking(key, workflow=asked.workflow)
    facts = RequestFacts(model=asked.model)
    try:
        judged = await admin.gateway.judged({"text": asked.text}, facts, caller)
    except RefusedByPrivacy as refusal:
        return {"verdict": "refuse", "reason": refusal.reason}
    return verdict_of(judged)


def _shown(policy: PrivacyPolicy | None, state: Any) -> PrivacyShown:
    """Return a policy in the document's words, and how much was looked at."""
    rules = policy or PrivacyPolicy()
    detect = rules.detect
    plain: Any = {
        "active": policy is not None,
        "detect": {
            category.value: detect[category].name.lower() if category in detect else "off"
            for category in Category
        },
        "attachments": rules.attachments.name.lower(),
        "regions": list(rules.regions),
        "rules": [_rule(rule) for rule in rules.rules],
        "detectors": {name: version(name) for name in _LIBRARIES},
        "state": state,
    }
    shown: PrivacyShown = plain
    return shown


def _rule(rule: PrivacyRule) -> RuleShown:
    when = {
        "keys": list(rule.keys),
        "workflows": list(rule.workflows),
        "models": list(rule.models),
        "contains": list(rule.contains),
        "detected": sorted(rule.detected),
    }
    named = {name: value for name, value in when.items() if value}
    plain: Any = {"name": rule.name, "when": named, "then": rule.then.name.lower()}
    shown: RuleShown = plain
    return shown
