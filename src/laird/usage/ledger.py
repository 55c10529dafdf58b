"""The ledger's rows: from attempts to the table `attempts` and back.

One attempt is one row, whatever is written how often and in which order: rows are known by
(request_id, attempt), a finished attempt takes the place of an interrupted one, and nothing else
ever takes the place of anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import msgspec
from sqlalchemy import Connection, RowMapping

from laird.domain.usage import AttemptFinished, AttemptStarted, AttemptStatus
from laird.usage.bounds import bounded

BATCH = 100
"""Rows per statement. One statement for many rows lets other threads run while SQLite works, and
takes the interpreter's lock once per batch and not once per row."""

_Value = str | int | float | bool | None
_Row = tuple[_Value, ...]


class LedgerRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row as it is stored. Fields have the meaning they have in `domain.usage`."""

    id: int
    """Ascending in the order of arrival in the ledger."""
    request_id: str
    attempt: int
    at_us: int
    key_id: str
    provider: str
    model: str
    upstream_model: str
    dialect: str
    stream: bool
    price_version: str | None
    failover_from: str | None
    privacy: str
    privacy_reason: str | None
    workflow: str | None
    node: str | None
    status: AttemptStatus
    error: str | None
    http_status: int | None
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    estimated: bool
    cost_nano: int | None
    latency_ms: float
    ttft_ms: float | None
    cache_hit: bool


_COLUMNS = LedgerRow.__struct_fields__[1:]


def ledger_row(mapping: RowMapping) -> LedgerRow:
    """Return a row of the table as a value."""
    return LedgerRow(**{**mapping, "status": AttemptStatus(mapping["status"])})


def interrupted(started: AttemptStarted) -> AttemptFinished:
    """Return what is known of an attempt that the server did not live to finish: its estimate."""
    return AttemptFinished(
        started=started,
        status=AttemptStatus.INTERRUPTED,
        error=None,
        http_status=None,
        prompt_tokens=started.prompt_tokens,
        completion_tokens=0,
        cached_tokens=0,
        cache_write_tokens=0,
        reasoning_tokens=0,
        estimated=True,
        cost_nano=started.cost_nano,
        latency_ms=0.0,
        ttft_ms=None,
    )


def insert_finished(connection: Connection, attempts: Sequence[AttemptFinished]) -> None:
    """Insert finished attempts. One that is there stays, unless it is an interrupted one."""
    _insert(connection, attempts, keep=False)


def insert_interrupted(connection: Connection, attempts: Sequence[AttemptStarted]) -> None:
    """Insert attempts that were started only, as interrupted ones; one that is there stays."""
    _insert(connection, [interrupted(attempt) for attempt in attempts], keep=True)


def _insert(connection: Connection, attempts: Sequence[AttemptFinished], *, keep: bool) -> None:
    placeholder = "?" if connection.dialect.paramstyle == "qmark" else "%s"
    for begin in range(0, len(attempts), BATCH):
        values: list[_Value] = []
        seen: set[tuple[str, int]] = set()
        for attempt in attempts[begin : begin + BATCH]:
            started = attempt.started
            identity = (started.request_id, started.attempt)
            if identity not in seen:
                seen.add(identity)
                values += _values(started, bounded(attempt))
        statement = _statement(len(seen), placeholder, keep=keep)
        connection.exec_driver_sql(statement, tuple(values))


def _values(started: AttemptStarted, finished: AttemptFinished) -> _Row:
    """Return a row's values in the order of the columns."""
    return (
        started.request_id,
        started.attempt,
        started.at_us,
        started.key_id,
        started.provider,
        started.model,
        started.upstream_model,
        started.dialect,
        started.stream,
        started.price_version,
        started.failover_from,
        started.privacy,
        started.privacy_reason,
        started.workflow,
        started.node,
        finished.status.value,
        finished.error,
        finished.http_status,
        finished.prompt_tokens,
        finished.completion_tokens,
        finished.cached_tokens,
        finished.cache_write_tokens,
        finished.reasoning_tokens,
        finished.estimated,
        finished.cost_nano,
        finished.latency_ms,
        finished.ttft_ms,
        finished.cache_hit,
    )


@cache
def _statement(rows: int, placeholder: str, *, keep: bool) -> str:
    """Return the SQL that inserts so many rows; the same text in SQLite and PostgreSQL.

    Only names of our own columns and placeholders are put into it, never a value.
    """
    row = f"({', '.join([placeholder] * len(_COLUMNS))})"
    parts = ["INSERT INTO attempts (", ", ".join(_COLUMNS), ") VALUES ", ", ".join([row] * rows)]
    parts.append(" ON CONFLICT (request_id, attempt) DO ")
    if keep:
        parts.append("NOTHING")
    else:
        parts.append("UPDATE SET ")
        parts.append(", ".join(f"{name} = excluded.{name}" for name in _COLUMNS[2:]))
        parts.append(" WHERE attempts.status = 'interrupted'")
        parts.append(" AND excluded.status <> 'interrupted'")
    return "".join(parts)
