"""Which rows of the ledger are exported, and in what form."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec
from sqlalchemy import Column as Stored
from sqlalchemy import ColumnElement, Connection, Select, or_, select

from laird.export.columns import COLUMNS, Column
from laird.storage.tables import api_keys, attempts


class Format(StrEnum):
    """How an export is written."""

    CSV = "csv"
    """RFC 4180 in UTF-8, with a header."""
    JSONL = "jsonl"
    """A JSON object a line."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What to export: attempts in [since_us, until_us), microseconds UTC, in order of time.

    Of each filter any one entry must fit; an empty one lets all through.
    """

    since_us: int
    until_us: int
    format: Format = Format.CSV
    columns: tuple[Column, ...] = COLUMNS
    providers: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    """Ids of models, or `provider/model`."""
    keys: tuple[str, ...] = ()
    """Names or ids of keys."""
    workflows: tuple[str, ...] = ()
    """Empty text means calls that named none."""
    nodes: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()


def key_names(connection: Connection) -> dict[str, str]:
    """Return the names of the keys that there are, by id."""
    found = connection.execute(select(api_keys.c.id, api_keys.c.name))
    return dict(found.all())


def statement(wanted: Wanted, names: Mapping[str, str]) -> Select[tuple[object, ...]]:
    """Return the query for the columns' sources, row by row in order of time.

    That order is the one of the index on time, so that nothing has to be sorted.
    """
    row = attempts.c
    query = (
        select(*(attempts.columns[column.source].label(column.name) for column in wanted.columns))
        .where(row.at_us >= wanted.since_us, row.at_us < wanted.until_us)
        .order_by(row.at_us, row.id)
    )
    if wanted.providers:
        query = query.where(row.provider.in_(wanted.providers))
    if wanted.models:
        full = row.provider + "/" + row.model
        query = query.where(or_(row.model.in_(wanted.models), full.in_(wanted.models)))
    if wanted.keys:
        ids = {key_id for key_id, name in names.items() if name in wanted.keys}
        query = query.where(row.key_id.in_(sorted({*ids, *wanted.keys})))
    if wanted.workflows:
        query = query.where(_any_of(row.workflow, wanted.workflows))
    if wanted.nodes:
        query = query.where(_any_of(row.node, wanted.nodes))
    if wanted.statuses:
        query = query.where(row.status.in_(wanted.statuses))
    return query


def _any_of(column: Stored[str], wanted: tuple[str, ...]) -> ColumnElement[bool]:
    fits = column.in_(wanted)
    return or_(fits, column.is_(None)) if "" in wanted else fits
