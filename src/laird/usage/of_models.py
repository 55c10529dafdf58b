"""How often the models of a provider were asked, and when last, read from the rollups."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, func, select

from laird.storage.tables import usage_days as table
from laird.usage.rollup import DAY_US, Breakdown


class Used(msgspec.Struct, frozen=True):
    """What a model was used."""

    calls: int
    """Attempts, of all time."""
    last_day_us: int
    """The beginning of the last day on which it was asked, UTC microseconds."""


def used_models(connection: Connection, provider: str) -> dict[str, Used]:
    """Return what the models of a provider were used, by name; those never asked are left out."""
    query = (
        select(table.c.model, func.sum(table.c.calls), func.max(table.c.slot))
        .where(table.c.breakdown == Breakdown.MODEL, table.c.provider == provider)
        .group_by(table.c.model)
    )
    return {
        model: Used(int(calls), int(day) * DAY_US)
        for model, calls, day in connection.execute(query)
    }
