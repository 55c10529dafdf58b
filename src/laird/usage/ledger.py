"""The ledger's rows: from attempts to the table `attempts` and back.

One attempt is one row, whatever is written how often and in which order: rows are known by
(request_id, attempt), a finished attempt takes the place of an interrupted one, and nothing else
ever takes the place of anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import chain
from operator import itemgetter

import msgspec
from msgspec.structs import astuple
from sqlalchemy import Connection, RowMapping, select

from laird.domain.usage import AttemptFinished, AttemptStarted, AttemptStatus
from laird.storage.tables import attempts as table
from laird.usage.bounds import bounded
from laird.usage.rollup import Tally, write

BATCH = 100
"""Rows to give to `insert_finished` at once, so that the event loop has its turn in between."""

_Value = str | int | float | bool | None


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
    egress: str | None


_ESTIMATES = ("prompt_tokens", "cost_nano")
"""Fields of a started attempt that are not stored: the finished one has what became of them."""

_BEGUN = AttemptStarted.__struct_fields__
_FIRST, _LAST = (_BEGUN.index(name) for name in _ESTIMATES)
_ENDED = AttemptFinished.__struct_fields__[1:]
_COLUMNS = (*_BEGUN[:_FIRST], *_BEGUN[_LAST + 1 :], *_ENDED)

_NULLABLE = (
    "price_version",
    "failover_from",
    "privacy_reason",
    "workflow",
    "node",
    "egress",
    "error",
    "http_status",
    "cost_nano",
    "ttft_ms",
)
_maybe = itemgetter(*map(_COLUMNS.index, _NULLABLE))

_Absence = tuple[bool, ...]
"""Which of the nullable columns a row leaves out."""

_SIZES = (100, 10, 1)
"""Rows per statement. One statement for many rows lets other threads run while SQLite works; few
sizes mean few statements, which stay prepared."""


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


def attempt_of(row: LedgerRow) -> AttemptFinished:
    """Return a row as the attempt that it was made of; estimates of its start are lost."""
    values = msgspec.structs.asdict(row)
    begun = {name: values[name] for name in _BEGUN}
    ended = {name: values[name] for name in _ENDED}
    return AttemptFinished(started=AttemptStarted(**begun), **ended)


class Posting:
    """The ledger's rows of one transaction, and with them the rollups.

    Give it attempts, then `close` it before the transaction ends. What is in the ledger already
    changes no sum, and an interrupted attempt that turns out to be finished is corrected in both.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sqlite = connection.dialect.name == "sqlite"
        self._placeholder = "?" if self._sqlite else "%s"
        self._tally = Tally()

    def finished(self, attempts: Sequence[AttemptFinished]) -> None:
        """Insert finished attempts. One that is there stays, unless it is an interrupted one."""
        rows = _distinct(attempts)
        inserted = self._insert(rows, replace=False)
        if inserted < len(rows):
            rows = self._not_there_before(rows, inserted)
        for attempt in rows:
            self._tally.add(attempt)

    def interrupted(self, attempts: Sequence[AttemptStarted]) -> None:
        """Insert attempts that were started only; one that is there stays.

        The rollups see no difference between those and finished ones that say to be interrupted.
        """
        self.finished([interrupted(attempt) for attempt in attempts])

    def close(self) -> None:
        """Bring the sums into the rollups."""
        for _ in self.closing():
            pass

    def closing(self) -> Iterator[None]:
        """Do what `close` does, statement by statement."""
        return write(self._connection, self._tally)

    def _not_there_before(
        self, rows: Sequence[AttemptFinished], inserted: int
    ) -> list[AttemptFinished]:
        """Return the rows that changed the ledger, after putting finished for interrupted ones.

        All rows are there by now. Those that were inserted just now came last, so they have the
        highest numbers.
        """
        wanted = {_identity(attempt): attempt for attempt in rows}
        names = sorted({request_id for request_id, _ in wanted})
        query = select(table).where(table.c.request_id.in_(names)).order_by(table.c.id.desc())
        stored = [
            (wanted[identity], row)
            for row in map(ledger_row, self._connection.execute(query).mappings())
            if (identity := (row.request_id, row.attempt)) in wanted
        ]
        replaced = [
            (attempt, row)
            for attempt, row in stored[inserted:]
            if row.status is AttemptStatus.INTERRUPTED
            and attempt.status is not AttemptStatus.INTERRUPTED
        ]
        self._insert([attempt for attempt, _ in replaced], replace=True)
        for _, row in replaced:
            self._tally.add(attempt_of(row), -1)
        return [attempt for attempt, _ in (*stored[:inserted], *replaced)]

    def _insert(self, attempts: Sequence[AttemptFinished], *, replace: bool) -> int:
        """Insert rows and return how many were written; with `replace` take interrupted places."""
        written = 0
        for absent, rows in _by_absence(attempts, truth=int if self._sqlite else bool).items():
            begin = 0
            for size in _SIZES:
                statement = _statement(size, absent, self._placeholder, replace=replace)
                while begin + size <= len(rows):
                    values = tuple(chain.from_iterable(rows[begin : begin + size]))
                    written += self._connection.exec_driver_sql(statement, values).rowcount
                    begin += size
        return written


def insert_finished(connection: Connection, attempts: Sequence[AttemptFinished]) -> None:
    """Insert finished attempts. One that is there stays, unless it is an interrupted one."""
    posting = Posting(connection)
    posting.finished(attempts)
    posting.close()


def insert_interrupted(connection: Connection, attempts: Sequence[AttemptStarted]) -> None:
    """Insert attempts that were started only, as interrupted ones; one that is there stays."""
    posting = Posting(connection)
    posting.interrupted(attempts)
    posting.close()


def _identity(attempt: AttemptFinished) -> tuple[str, int]:
    return attempt.started.request_id, attempt.started.attempt


def _distinct(attempts: Sequence[AttemptFinished]) -> list[AttemptFinished]:
    """Return each attempt once, the first that is told, as it can be stored."""
    found: dict[tuple[str, int], AttemptFinished] = {}
    for attempt in attempts:
        begun = attempt.started
        identity = (begun.request_id, begun.attempt)
        if identity not in found:
            found[identity] = bounded(attempt)
    return list(found.values())


def _by_absence(
    attempts: Sequence[AttemptFinished], *, truth: type[int]
) -> dict[_Absence, list[list[_Value]]]:
    """Return the values of the rows, grouped by the columns that they leave out.

    A value that is absent is not given to the driver at all: Python's sqlite3 spends more time on
    one None (or one bool) than on ten texts, looking for somebody who could adapt it. `truth` is
    what the driver likes for a bool.
    """
    groups: dict[_Absence, list[list[_Value]]] = {}
    for attempt in attempts:
        begun = astuple(attempt.started)
        _, status, *ended = astuple(attempt)
        row = (*begun[:_FIRST], *begun[_LAST + 1 :], status.value, *ended)
        absent = tuple([value is None for value in _maybe(row)])
        values = [
            truth(each) if each.__class__ is bool else each for each in row if each is not None
        ]
        groups.setdefault(absent, []).append(values)
    return groups


@cache
def _statement(rows: int, absent: _Absence, placeholder: str, *, replace: bool) -> str:
    """Return the SQL that inserts so many rows; the same text in SQLite and PostgreSQL.

    Only names of our own columns and placeholders are put into it, never a value.
    """
    left_out = {name for name, out in zip(_NULLABLE, absent, strict=True) if out}
    columns = [name for name in _COLUMNS if name not in left_out]
    row = f"({', '.join([placeholder] * len(columns))})"
    parts = ["INSERT INTO attempts (", ", ".join(columns), ") VALUES ", ", ".join([row] * rows)]
    parts.append(" ON CONFLICT (request_id, attempt) DO ")
    if not replace:
        parts.append("NOTHING")
    else:
        parts.append("UPDATE SET ")
        parts.append(", ".join(f"{name} = excluded.{name}" for name in _COLUMNS[2:]))
        parts.append(" WHERE attempts.status = 'interrupted'")
        parts.append(" AND excluded.status <> 'interrupted'")
    return "".join(parts)
