"""Entries of the audit log as values."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from enum import StrEnum
from typing import Any

import msgspec

from laird.domain.people import Principal, PrincipalKind

CONFIGURATION = "configuration"
"""The object type of the document; the object's id is the number of its change in the history."""

asking: ContextVar[Principal | None] = ContextVar("asking", default=None)
"""Who makes the administration request under way, for what is recorded far from its route."""


class Via(StrEnum):
    """By which way something came."""

    DASHBOARD = "dashboard"
    API = "api"
    CLI = "cli"
    FILE = "file"
    """The document was changed by an editor, or while no server ran."""


_WAYS = {
    PrincipalKind.OWNER: Via.CLI,
    PrincipalKind.PERSON: Via.DASHBOARD,
    PrincipalKind.KEY: Via.API,
}


def way_of(by: Principal | None) -> Via:
    """Return by which way somebody comes; who is not known comes by the sign-in page."""
    return Via.DASHBOARD if by is None else _WAYS[by.kind]


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the log. No secret is ever in it."""

    id: int
    """Ascending in the order of writing."""
    at_us: int
    """UTC, microseconds since the epoch."""
    actor: str | None
    """Who: a person's name, `key NAME`, `owner`, `file`; None for somebody unknown."""
    role: str | None
    via: str
    address: str
    """Of the client; empty by the control socket and for files."""
    action: str
    """Such as `key.create`: what it was done to, a dot, what was done."""
    object_type: str
    object_id: str
    object_name: str
    summary: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    request_id: str | None


class AuditFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries are meant; what is None leaves nothing out."""

    since_us: int | None = None
    until_us: int | None = None
    """Not included."""
    actor: str | None = None
    action: str | None = None
    """A whole action, or its first part: `key` means `key.create`, `key.change` and so on."""
    object_type: str | None = None
    object: str | None = None
    """An object's id or name."""
    via: str | None = None
    search: str | None = None
    """A part of the summary, the object's name or the actor."""
