"""Alerts: what somebody should see, and who has seen it."""

from __future__ import annotations

import time
from functools import partial
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request
from msgspec.structs import replace
from sqlalchemy import Connection
from typing_extensions import TypedDict

from laird.api.admin.context import Admin
from laird.api.admin.routes import routes_at
from laird.audit.store import record
from laird.budgets import alerts
from laird.domain.events import Alert


class AlertShown(TypedDict):
    """Something that somebody should see. Times are UTC, microseconds since 1970."""

    id: int
    kind: str
    at_us: int
    source: str
    """The id of what it is about."""
    title: str
    """The name of what it is about."""
    mark: int
    """Of a budget: percent of its limit."""
    since_us: int
    """Of a budget: the beginning of the window."""
    message: str
    data: dict[str, Any]
    standing: bool
    """False when what it tells of has ended."""
    mail: str
    """`off`, `waiting` or `sent`."""
    acknowledged_us: int | None
    acknowledged_by: str | None


class AlertsShown(TypedDict):
    """Alerts, newest first."""

    alerts: list[AlertShown]


def router(admin: Admin) -> APIRouter:
    """Return the routes."""
    routes = routes_at("/api/alerts", "alerts")

    @routes.get("")
    async def list_alerts(
        request: Request,
        *,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        unseen: bool = False,
    ) -> AlertsShown:
        """List the newest alerts; `unseen` leaves out those that were acknowledged."""
        admin.gate.actor(request)
        await admin.budgets.attend()
        found = await admin.database.read(partial(alerts.newest, limit=limit, unseen=unseen))
        return {"alerts": [_told(alert) for alert in found]}

    @routes.post("/{alert_id}/acknowledge")
    async def acknowledge(request: Request, alert_id: int) -> AlertShown:
        """Note that an alert was seen."""
        actor = admin.gate.actor(request)
        now_us = time.time_ns() // 1000
        thing = (str(alert_id), "")
        deed = admin.deed(request, "alert.acknowledge", thing, f"alert {alert_id} was acknowledged")

        def work(connection: Connection) -> Alert:
            found = alerts.acknowledge(connection, alert_id, actor, now_us)
            record(connection, replace(deed, object_name=found.title))
            return found

        seen = await admin.database.write(work)
        admin.feed.publish("alert.acknowledged", {"id": alert_id, "by": actor})
        return _told(seen)

    return routes


def _told(alert: Alert) -> AlertShown:
    plain: AlertShown = msgspec.to_builtins(alert)
    return plain
