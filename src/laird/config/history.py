"""Every change of the document, kept so that it can be shown and taken back."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

import msgspec


class ChangeSource(StrEnum):
    """By which way a change came."""

    FILE = "file"
    CLI = "cli"
    API = "api"
    ROLLBACK = "rollback"


class ChangeEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One change. `document` is the text after it, with `«redacted»` in place of secrets."""

    id: str
    at_us: int
    """UTC, microseconds since 1970."""
    actor: str
    """Who: a person, a key's name, or `file` for a change made in an editor."""
    source: ChangeSource
    revision: str
    """The revision after the change."""
    before: str | None
    """The revision before it; None for the first document."""
    document: str
    summary: tuple[str, ...]
    """What changed, such as `provider openai: maxConcurrent 4 -> 8`."""


class History(Protocol):
    """Where changes are kept, append-only."""

    async def record(self, entry: ChangeEntry) -> None:
        """Keep an entry."""
        ...

    async def list(self, limit: int) -> tuple[ChangeEntry, ...]:
        """Return the newest entries, newest first."""
        ...

    async def get(self, entry_id: str) -> ChangeEntry | None:
        """Return one entry, or None."""
        ...


class MemoryHistory:
    """A history that lasts as long as the process: for tests, and for Laird inside a program."""

    def __init__(self, limit: int = 1000) -> None:
        self._entries: dict[str, ChangeEntry] = {}
        self._limit = limit

    async def record(self, entry: ChangeEntry) -> None:
        """Keep an entry; the oldest goes when there are more than the limit."""
        self._entries[entry.id] = entry
        if len(self._entries) > self._limit:
            del self._entries[next(iter(self._entries))]

    async def list(self, limit: int) -> tuple[ChangeEntry, ...]:
        """Return the newest entries, newest first."""
        return tuple(reversed(self._entries.values()))[:limit]

    async def get(self, entry_id: str) -> ChangeEntry | None:
        """Return one entry, or None."""
        return self._entries.get(entry_id)
