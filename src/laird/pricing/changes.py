"""When the catalogue's prices of a model change: on a date, or at a time of day."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, time, timedelta

from genai_prices.types import (
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    StartDateConstraint,
    TimeOfDateConstraint,
)

_DAY = timedelta(days=1)


def next_change(models: Iterable[ModelInfo], after: datetime) -> datetime | None:
    """Return the first instant later than `after` at which the price of any model may change.

    None where all prices stay as they are. `after` needs a time zone; the result is in UTC.
    """
    instants = (instant for model in models for instant in _changes(model, after.astimezone(UTC)))
    return min(instants, default=None)


def condition_of(model: ModelInfo, prices: ModelPrice) -> str | None:
    """Return for when these prices of a model hold, in words; None where they always do."""
    if isinstance(model.prices, ModelPrice):
        return None
    for conditional in model.prices:
        if conditional.prices is prices:
            return _words(conditional)
    return None


def _changes(model: ModelInfo, after: datetime) -> Iterator[datetime]:
    if isinstance(model.prices, ModelPrice):
        return
    for conditional in model.prices:
        constraint = conditional.constraint
        if isinstance(constraint, StartDateConstraint):
            begins = datetime.combine(constraint.start_date, time(0), UTC)
            if begins > after:
                yield begins
        elif isinstance(constraint, TimeOfDateConstraint):
            yield _next(constraint.start_time, after)
            yield _next(constraint.end_time, after)


def _next(moment: time, after: datetime) -> datetime:
    """Return when it is this time of day (UTC where it has no zone) for the first time `after`."""
    zone = moment.tzinfo or UTC
    found = datetime.combine(after.astimezone(zone).date(), moment.replace(tzinfo=zone))
    return (found if found > after else found + _DAY).astimezone(UTC)


def _words(conditional: ConditionalPrice) -> str | None:
    constraint = conditional.constraint
    if isinstance(constraint, StartDateConstraint):
        return f"since {constraint.start_date.isoformat()}"
    if isinstance(constraint, TimeOfDateConstraint):
        return f"{constraint.start_time:%H:%M}-{constraint.end_time:%H:%M} UTC"
    return None
