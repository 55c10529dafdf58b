"""Attempts for tests, and ways to look at a ledger."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from laird.domain.usage import AttemptFinished, AttemptStarted, AttemptStatus
from laird.storage.engine import Database, sqlite_url
from laird.storage.schema import prepare
from laird.usage.ledger import LedgerRow
from laird.usage.segments import FINISHED, STARTED, Scan
from laird.usage.summary import recent

NOON_US = 1_790_000_000_000_000


def started(request_id: str = "req_1", attempt: int = 1, **changes: Any) -> AttemptStarted:
    values: dict[str, Any] = {
        "request_id": request_id,
        "attempt": attempt,
        "at_us": NOON_US,
        "key_id": "key_1",
        "provider": "openai",
        "model": "gpt-5-mini",
        "upstream_model": "gpt-5-mini-2026",
        "dialect": "openai",
        "stream": True,
        "prompt_tokens": 120,
        "cost_nano": 5_000,
        "price_version": "catalogue 1",
        "failover_from": None,
        "privacy": "any",
        "privacy_reason": None,
    }
    return AttemptStarted(**{**values, **changes})


def finished(begun: AttemptStarted | None = None, **changes: Any) -> AttemptFinished:
    values: dict[str, Any] = {
        "started": begun or started(),
        "status": AttemptStatus.OK,
        "error": None,
        "http_status": 200,
        "prompt_tokens": 100,
        "completion_tokens": 40,
        "cached_tokens": 30,
        "cache_write_tokens": 5,
        "reasoning_tokens": 7,
        "estimated": False,
        "cost_nano": 4_000,
        "latency_ms": 812.5,
        "ttft_ms": 200.25,
    }
    return AttemptFinished(**{**values, **changes})


class Records:
    """All that a scan of a segment's content gives."""

    def __init__(self, data: bytes, seed: int) -> None:
        scan = Scan(data, seed)
        found = list(scan)
        self.started = [payload for kind, payload in found if kind == STARTED]
        self.finished = [payload for kind, payload in found if kind == FINISHED]
        self.damaged = scan.damaged
        self.torn = scan.torn


def open_database(directory: Path) -> Database:
    database = Database(sqlite_url(directory / "laird.db"), busy_timeout_s=0.02)
    prepare(database)
    return database


def rows(database: Database) -> dict[tuple[str, int], LedgerRow]:
    """Return the whole ledger by identity; fails when an identity is there twice."""
    found = database.read_now(lambda connection: recent(connection, 1_000_000))
    by_identity = {(row.request_id, row.attempt): row for row in found}
    assert len(by_identity) == len(found)
    return by_identity
