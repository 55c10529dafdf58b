"""One configuration that was in force, as the history keeps it."""

from __future__ import annotations

import msgspec


class ConfigRevision(msgspec.Struct, frozen=True, kw_only=True):
    """A change of the configuration document."""

    id: int
    """Ascending; the newest revision has the highest."""
    at_us: int
    """UTC, microseconds since the epoch."""
    actor: str
    """Who made it: a person, a key's name, or `file` for an edit on disk."""
    source: str
    """By which way it came: `dashboard`, `cli`, `file`, `rollback`."""
    revision: str
    """The digest of this document."""
    before_revision: str | None
    """The digest of the document before it; None for the first."""
    document: str
    """The whole document; credentials are never in it."""
    summary: str
    """What changed, in words."""
