"""Rows of the ledger as bytes of a file, in portions, so that memory stays the same."""

from __future__ import annotations

import csv
import io
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import Connection

from laird.domain.money import usd_digits
from laird.export.cells import RISKY, guarded
from laird.export.columns import Column, Form
from laird.export.query import Format, Wanted, key_names, statement

PORTION = 25
"""Rows in one piece: about a millisecond of work, in between which requests have their turn."""
_GZIP = 16 + zlib.MAX_WBITS
_LEVEL = 3
"""Of compression: a third of the time of the usual 6, for a tenth more bytes."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_Values = Sequence[Any]


def export(connection: Connection, wanted: Wanted) -> Iterator[bytes]:
    """Yield an export piece by piece, as one state of the database has it.

    Sums over `cost_usd` are those of the ledger to the nano-dollar.
    """
    names = key_names(connection)
    columns = wanted.columns
    csv_wanted = wanted.format is Format.CSV
    if csv_wanted:
        yield _csv([[column.name for column in columns]])
    query = statement(wanted, names).execution_options(stream_results=True, yield_per=PORTION)
    for rows in connection.execute(query).partitions():
        by_column = zip(columns, zip(*rows, strict=True), strict=True)
        values = [_written(column.form, each, names) for column, each in by_column]
        if csv_wanted:
            of_columns = zip(columns, values, strict=True)
            cells = [_cells(column.form, each) for column, each in of_columns]
            yield _csv(zip(*cells, strict=True))
        else:
            yield _lines(columns, zip(*values, strict=True))


def compressed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield pieces of a file as pieces of a gzip file (RFC 1952)."""
    packer = zlib.compressobj(_LEVEL, wbits=_GZIP)
    for piece in pieces:
        if packed := packer.compress(piece):
            yield packed
    yield packer.flush()


def _written(form: Form, values: _Values, names: Mapping[str, str]) -> _Values:
    """Return a column's values in the form in which they are written."""
    if form is Form.TIME:
        return [_moment(value) for value in values]
    if form is Form.USD:
        return [None if value is None else usd_digits(value) for value in values]
    if form is Form.KEY:
        return [names.get(value) for value in values]
    return values


def _moment(at_us: int) -> str:
    """Return a moment as `2026-01-31T12:00:00.000000Z`."""
    moment = _EPOCH + timedelta(microseconds=at_us)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _cells(form: Form, values: _Values) -> _Values:
    """Return a column's values as cells of CSV; None is an empty one."""
    if form in {Form.TEXT, Form.KEY}:
        return [guarded(text) if text and text[0] in RISKY else text for text in values]
    if form is Form.TRUTH:
        return ["true" if value else "false" for value in values]
    return values


def _csv(rows: Iterable[_Values]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _lines(columns: Sequence[Column], rows: Iterable[_Values]) -> bytes:
    names = [column.name for column in columns]
    lines = [
        orjson.dumps(dict(zip(names, row, strict=True)), option=orjson.OPT_APPEND_NEWLINE)
        for row in rows
    ]
    return b"".join(lines)
