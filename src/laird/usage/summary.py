"""What the ledger says, summed up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    case,
    func,
    literal,
    not_,
    select,
)

from laird.domain.usage import AttemptStatus
from laird.storage.tables import attempts
from laird.usage.ledger import LedgerRow, ledger_row

_DAY_US = 24 * 60 * 60 * 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class By(StrEnum):
    """What a summary has one row for."""

    PROVIDER = "provider"
    MODEL = "model"
    """`provider/model`: the same model costs differently elsewhere."""
    KEY = "key"
    STATUS = "status"
    DAY = "day"
    """The day in UTC, as `2026-01-31`."""
    NONE = "none"
    """One row for everything; its group is empty."""


class SummaryRow(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over the attempts of one group."""

    group: str
    calls: int
    """Attempts; a request that failed over has several."""
    ok: int
    errors: int
    """Attempts that ended in an error, were cut or interrupted; what a client cancelled is none."""
    prompt: int
    completion: int
    cached: int
    cache_write: int
    reasoning: int
    cost_nano: int
    """Nano-dollars, of the calls whose price is known."""
    unpriced_calls: int
    """Calls whose price is unknown; they are not in `cost_nano`."""
    estimated_calls: int
    """Calls whose tokens the provider did not report."""


def summary(
    connection: Connection, *, since_us: int, until_us: int, by: By = By.NONE
) -> list[SummaryRow]:
    """Return the sums of the attempts in [since_us, until_us), microseconds UTC.

    Days are in order of time, other groups in order of cost, the dearest first. By NONE gives
    exactly one row; other groupings have none where nothing happened.
    """
    group = _group(by)
    query = _sums(group).where(attempts.c.at_us >= since_us, attempts.c.at_us < until_us)
    if by is not By.NONE:
        query = query.group_by(group)
    rows = [
        SummaryRow(**{**row, "group": _label(by, row["group"])})
        for row in connection.execute(query).mappings()
    ]
    if by is By.DAY:
        return sorted(rows, key=lambda row: row.group)
    return sorted(rows, key=lambda row: (-row.cost_nano, -row.calls, row.group))


def recent(
    connection: Connection, limit: int = 100, request_id: str | None = None
) -> list[LedgerRow]:
    """Return the newest rows, newest first, or those of one request in the order of attempts."""
    query = select(attempts)
    if request_id is None:
        query = query.order_by(attempts.c.at_us.desc(), attempts.c.id.desc())
    else:
        query = query.where(attempts.c.request_id == request_id).order_by(attempts.c.attempt)
    return [ledger_row(row) for row in connection.execute(query.limit(limit)).mappings()]


def calls_by_provider(connection: Connection, since_us: int) -> dict[str, int]:
    """Return how many attempts each provider has had since an instant, to re-seed daily limits.

    Answers from the cache do not count: the provider was not asked.
    """
    query = (
        select(attempts.c.provider, func.count())
        .where(attempts.c.at_us >= since_us, not_(attempts.c.cache_hit))
        .group_by(attempts.c.provider)
    )
    return dict(connection.execute(query).all())


def _group(by: By) -> ColumnElement[str] | ColumnElement[int]:
    columns: dict[By, ColumnElement[str] | ColumnElement[int]] = {
        By.PROVIDER: attempts.c.provider,
        By.MODEL: attempts.c.provider + "/" + attempts.c.model,
        By.KEY: attempts.c.key_id,
        By.STATUS: attempts.c.status,
        By.DAY: attempts.c.at_us // _DAY_US,
        By.NONE: literal(""),
    }
    return columns[by]


def _label(by: By, group: str | int) -> str:
    if by is By.DAY:
        return (_EPOCH + timedelta(days=int(group))).date().isoformat()
    return str(group)


def _sums(group: ColumnElement[str] | ColumnElement[int]) -> Select[*tuple[Any, ...]]:
    column = attempts.c
    failed = and_(column.status != AttemptStatus.OK, column.status != AttemptStatus.CANCELLED)
    return select(
        group.label("group"),
        func.count().label("calls"),
        _count(column.status == AttemptStatus.OK).label("ok"),
        _count(failed).label("errors"),
        _total(column.prompt_tokens).label("prompt"),
        _total(column.completion_tokens).label("completion"),
        _total(column.cached_tokens).label("cached"),
        _total(column.cache_write_tokens).label("cache_write"),
        _total(column.reasoning_tokens).label("reasoning"),
        _total(column.cost_nano).label("cost_nano"),
        _count(column.cost_nano.is_(None)).label("unpriced_calls"),
        _count(column.estimated).label("estimated_calls"),
    )


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


def _total(column: ColumnElement[int]) -> ColumnElement[int]:
    return func.coalesce(func.sum(column), 0)
