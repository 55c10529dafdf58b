"""Answers about the audit log."""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict


class AuditShown(TypedDict):
    """One line of the log."""

    id: int
    at_us: int
    """UTC, microseconds since the epoch."""
    at: str
    """The same in ISO 8601."""
    actor: str | None
    """A person's name, `key NAME`, `owner` or `file`; null for somebody unknown."""
    role: str | None
    via: str
    """`dashboard`, `api`, `cli` or `file`."""
    address: str
    action: str
    object_type: str
    object_id: str
    object_name: str
    summary: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    request_id: str | None


class AuditPage(TypedDict):
    """Some entries, newest first."""

    events: list[AuditShown]
    next: int | None
    """The `cursor` of the page that follows; null when there is none."""


class FieldChange(TypedDict):
    """A field that is otherwise than before; null where it was not, or is not, there."""

    field: str
    before: Any
    after: Any


class AuditDetail(AuditShown):
    """One entry as a whole."""

    changes: list[FieldChange]
    """The fields that differ between `before` and `after`."""
    before_document: str | None
    """Of a change of the configuration, where it is kept: the document before it."""
    after_document: str | None
    diff: str | None
    """What differs between the two documents, as `diff -u` tells it."""
    can_roll_back: bool
    """True where the state before the change can be put in force again."""


class RolledBack(TypedDict):
    """What is in force after a rollback."""

    revision: str
    warnings: list[str]


class Pruned(TypedDict):
    """How much is gone."""

    deleted: int
    before_us: int
