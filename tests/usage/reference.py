"""The same sums as the reports', taken the long way: row by row from the ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, TypeVar

from sqlalchemy import Connection

from laird.domain.usage import AttemptStatus
from laird.storage.engine import Database
from laird.usage.ledger import LedgerRow
from laird.usage.reports.listing import recent

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US

K = TypeVar("K")
Sums = tuple[int, ...]


def ledger(database: Database) -> list[LedgerRow]:
    return database.read_now(lambda connection: recent(connection, 10_000_000))


def add_up(rows: Iterable[LedgerRow]) -> Sums:
    """Return the measures of rollups, in their order."""
    listed = list(rows)
    timed = [row for row in listed if row.status is AttemptStatus.OK and not row.cache_hit]
    first = [row.ttft_ms for row in timed if row.ttft_ms is not None]
    fine = {AttemptStatus.OK, AttemptStatus.CANCELLED}
    return (
        len(listed),
        sum(row.attempt == 1 for row in listed),
        sum(row.status is AttemptStatus.OK for row in listed),
        sum(row.status not in fine for row in listed),
        sum(row.cache_hit for row in listed),
        sum(row.cost_nano is None for row in listed),
        sum(row.estimated for row in listed),
        sum(row.prompt_tokens for row in listed),
        sum(row.completion_tokens for row in listed),
        sum(row.cached_tokens for row in listed),
        sum(row.cache_write_tokens for row in listed),
        sum(row.reasoning_tokens for row in listed),
        sum(row.cost_nano or 0 for row in listed),
        len(timed),
        sum(int(row.latency_ms * 1000) for row in timed),
        len(first),
        sum(int(each * 1000) for each in first),
    )


def grouped(rows: Iterable[LedgerRow], name: Callable[[LedgerRow], object]) -> dict[object, Sums]:
    groups: dict[object, list[LedgerRow]] = {}
    for row in rows:
        groups.setdefault(name(row), []).append(row)
    return {group: add_up(members) for group, members in groups.items()}


def hour_begin(row: LedgerRow, zone: tzinfo = UTC) -> datetime:
    """Return when the hour (UTC) of a row begins, as a time in a zone."""
    hour = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=row.at_us // HOUR_US)
    return hour.astimezone(zone)


def within(rows: Iterable[LedgerRow], since_us: int, until_us: int) -> list[LedgerRow]:
    return [row for row in rows if since_us <= row.at_us < until_us]


def stored(connection: Connection, table: str) -> dict[tuple[Any, ...], tuple[int, ...]]:
    """Return a rollup by slot and dimensions; rows without calls say nothing."""
    columns = connection.exec_driver_sql(f"SELECT * FROM {table}")
    return {tuple(row[:9]): tuple(row[9:]) for row in columns if row[9]}
