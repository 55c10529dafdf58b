"""The audit log as a file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection

from laird.api.admin.period import iso
from laird.audit import store
from laird.audit.entry import AuditEntry, AuditFilter
from laird.export.cells import guarded

MEDIA: Mapping[str, str] = {
    "csv": "text/csv; charset=utf-8; header=present",
    "jsonl": "application/x-ndjson",
}
_PORTION = 500
_COLUMNS = ("id", "at", *AuditEntry.__struct_fields__[1:])


def lines(connection: Connection, wanted: AuditFilter) -> Iterator[list[AuditEntry]]:
    """Yield entries in portions, oldest first."""
    return store.every(connection, wanted, _PORTION)


def table(connection: Connection, wanted: AuditFilter) -> Iterator[bytes]:
    """Yield a file in CSV; `before` and `after` are JSON."""
    yield _csv([_COLUMNS])
    for entries in lines(connection, wanted):
        yield _csv(_cells(entry) for entry in entries)


def _cells(entry: AuditEntry) -> list[Any]:
    plain = {**msgspec.structs.asdict(entry), "at": iso(entry.at_us)}
    for name in ("before", "after"):
        if plain[name] is not None:
            plain[name] = msgspec.json.encode(plain[name]).decode()
    values = (plain[name] for name in _COLUMNS)
    return [guarded(value) if isinstance(value, str) else value for value in values]


def _csv(rows: Iterable[Iterable[Any]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
