"""What the route of the server's state returns."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict


class HomeShown(TypedDict):
    """The home directory."""

    path: str
    free_bytes: int | None
    """Left on its disk; null when that can't be told."""


class DocumentState(TypedDict):
    """The document in force, in figures."""

    file: str
    revision: str
    error: str | None
    """Why the file as it is now is not in force; null when it is."""
    warnings: list[str]
    providers: int
    models: int
    chains: int


class DatabaseShown(TypedDict):
    """The database."""

    kind: Literal["sqlite"]
    version: str
    """Of the SQLite library."""
    file: str
    bytes: int | None
    """With its write-ahead log; null when the file can't be seen."""


class LedgerShown(TypedDict):
    """How far the ledger is behind, and what the journal holds."""

    pending_records: int
    """Finished attempts of this run that are not in the ledger yet."""
    pending_bytes: int
    """Bytes of the journal on disk."""
    unwritten: int
    """Finished attempts that only memory holds, because no disk took them."""
    open_attempts: int
    drained_records: int
    """Rows moved into the ledger since the start."""
    interrupted_records: int
    damaged_records: int
    failures: int
    """Tries to write the ledger that failed since the last good one."""
    last_error: str | None


class SettingShown(TypedDict):
    """A setting of the server in force; a secret in its value is `«redacted»`."""

    name: str
    """The variable, such as `LAIRD_PORT`."""
    value: str
    default: str
    source: Literal["default", "environment", "file", "flag"]
    """`file` is `.env` where the server was started."""
    meaning: str


class SystemShown(TypedDict):
    """How Laird itself is."""

    version: str
    python: str
    platform: str
    process: int
    started_us: int
    uptime_s: float
    active_requests: int
    draining: bool
    """True once it was told to stop, and finishes what is under way."""
    home: HomeShown
    configuration: DocumentState
    database: DatabaseShown
    database_warnings: list[str]
    settings: list[SettingShown] | None
    """In force since the start; null for viewers."""
    settings_warnings: list[str]
    """Variables that look like mistyped settings; empty for viewers."""
    ledger: LedgerShown
