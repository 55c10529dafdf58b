"""Which calls a report is about, as the query of an address tells it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from fastapi import Depends, Query
from sqlalchemy import Connection

from laird.domain.errors import InvalidRequest
from laird.domain.usage import AttemptStatus
from laird.keys import store
from laird.usage.summary import Filters

_DAY_US = 86_400_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BEGIN, _END = "1970-01-01T00:00Z", "9000-01-01T00:00Z"
_LAST_US = (datetime.fromisoformat(_END) - _EPOCH) // timedelta(microseconds=1)

Names = Annotated[list[str], Query()]


class Period(msgspec.Struct, frozen=True):
    """From an instant to another, microseconds UTC, and the zone that days are those of."""

    since_us: int
    until_us: int
    zone: tzinfo = UTC

    def told(self) -> dict[str, str]:
        """Return the period as answers tell it."""
        return {"since": iso(self.since_us), "until": iso(self.until_us), "zone": str(self.zone)}

    @property
    def ends(self) -> dict[str, int]:
        """The two ends by name."""
        return {"since_us": self.since_us, "until_us": self.until_us}


def read_period(
    days: Annotated[int, Query(ge=1, le=3660)] = 30,
    since: str | None = None,
    until: str | None = None,
    zone: str = "UTC",
) -> Period:
    """Return the last `days`, or the time from `since` to `until` (ISO 8601).

    Times without a zone of their own are in `zone`.

    Raises:
        InvalidRequest: it can't be read, or ends before it begins.
    """
    place = _zone(zone)
    until_us = _instant("until", until, place)
    if until_us is None:
        until_us = time.time_ns() // 1000 + 1
    since_us = _instant("since", since, place)
    if since_us is None:
        since_us = max(until_us - days * _DAY_US, 0)
    if since_us >= until_us:
        raise InvalidRequest("The period ends before it begins.", param="since")
    return Period(since_us, until_us, place)


def read_any_period(
    days: Annotated[int | None, Query(ge=1, le=3660)] = None,
    since: str | None = None,
    until: str | None = None,
    zone: str = "UTC",
) -> Period:
    """Return the same, or all times when no time is named."""
    if days is None and until is None:
        return read_period(since=since or _BEGIN, until=_END, zone=zone)
    return read_period(days or 30, since or (_BEGIN if days is None else None), until, zone)


def read_filters(
    provider: Names = [],  # noqa: B006 - FastAPI makes a new one for each request
    model: Names = [],  # noqa: B006
    key: Names = [],  # noqa: B006
    workflow: Names = [],  # noqa: B006
    node: Names = [],  # noqa: B006
    status: Annotated[list[AttemptStatus], Query()] = [],  # noqa: B006
) -> Filters:
    """Return the filters; each may be repeated, and then any of its values must fit."""
    return Filters(
        provider=tuple(provider),
        model=tuple(model),
        key_id=tuple(key),
        workflow=tuple(workflow),
        node=tuple(node),
        status=tuple(each.value for each in status),
    )


PeriodQuery = Annotated[Period, Depends(read_period)]
AnyPeriodQuery = Annotated[Period, Depends(read_any_period)]
FiltersQuery = Annotated[Filters, Depends(read_filters)]


def read_row_filters(filters: FiltersQuery, *, failed_over: bool = False) -> Filters:
    """Return the same; `failed_over` leaves only attempts that took over from another one."""
    return msgspec.structs.replace(filters, failed_over=failed_over)


RowFiltersQuery = Annotated[Filters, Depends(read_row_filters)]


def with_key_ids(connection: Connection, filters: Filters) -> Filters:
    """Return filters that name keys by id, as the ledger does; they may come by name."""
    if not filters.key_id:
        return filters
    ids = {key.id for key in store.list_keys(connection).keys if key.name in filters.key_id}
    return msgspec.structs.replace(filters, key_id=tuple(sorted({*ids, *filters.key_id})))


def iso(at_us: int) -> str:
    """Return an instant (microseconds UTC) in ISO 8601."""
    return (_EPOCH + timedelta(microseconds=at_us)).isoformat()


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidRequest(
            f"zone: {name!r} is no time zone; write one as Europe/Berlin or UTC.", param="zone"
        ) from None


def _instant(name: str, text: str | None, zone: tzinfo) -> int | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone)
        at_us = (moment - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, OverflowError):
        raise InvalidRequest(
            f"{name}: write a date or a time as 2026-01-31 or 2026-01-31T12:00:00Z.", param=name
        ) from None
    # Times that no clock tells would only make trouble in zones beside UTC.
    return max(0, min(at_us, _LAST_US))
