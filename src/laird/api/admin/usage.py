"""What was used and what it cost: reports from the rollups, and the ledger row by row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Query, Request
from sqlalchemy import Connection

from laird.api.admin.context import Admin
from laird.api.admin.kept_shapes import AttemptOfRequest
from laird.api.admin.period import (
    AnyPeriodQuery,
    FiltersQuery,
    Period,
    PeriodQuery,
    RowFiltersQuery,
    iso,
    with_key_ids,
)
from laird.api.admin.routes import routes_at
from laird.api.admin.usage_shapes import (
    AttemptsShown,
    DearestShown,
    LatenciesShown,
    SeriesShown,
    SummaryShown,
    TotalsShown,
)
from laird.domain.errors import InvalidRequest
from laird.domain.money import usd_text
from laird.keys import store
from laird.usage.ledger import LedgerRow
from laird.usage.reports.calendar import Bucket, moment, most_buckets
from laird.usage.reports.cells import Filters
from laird.usage.reports.dearest import RequestCost, dearest_requests
from laird.usage.reports.latency import latencies
from laird.usage.reports.listing import Cursor, page, recent
from laird.usage.reports.series import Line, Rank, series
from laird.usage.reports.totals import change, failovers, peaks, previous_rows, totals
from laird.usage.summary import DIMENSIONS, By, SummaryRow, summary

_MOST_BUCKETS = 3_000
_COMPARED = ("calls", "requests", "errors", "prompt", "completion", "cost_nano")

_LatencyBy = Literal["provider", "model", "none"]
_LATENCY_DIMENSIONS = {"provider": ("provider",), "model": ("provider", "model"), "none": ()}


def router(admin: Admin) -> APIRouter:
    """Return the routes."""
    routes = routes_at("/api/usage", "usage")
    _add_sums(routes, admin)
    _add_times(routes, admin)
    _add_details(routes, admin)
    return routes


def _add_sums(routes: APIRouter, admin: Admin) -> None:
    @routes.get("/summary")
    async def summarise(
        request: Request,
        *,
        by: By = By.PROVIDER,
        compare: bool = False,
        period: PeriodQuery,
        filters: FiltersQuery,
    ) -> SummaryShown:
        """Return sums by group and in total.

        The period is the last `days`, or from `since` to `until` (ISO 8601; in `zone` when they
        name none). `compare` adds to each group what it was in the period of the same length right
        before.
        """
        admin.gate.actor(request)

        def work(connection: Connection) -> dict[str, Any]:
            named = with_key_ids(connection, filters)
            rows = summary(
                connection,
                since_us=period.since_us,
                until_us=period.until_us,
                by=by,
                zone=period.zone,
                filters=named,
            )
            (total,) = rows if by is By.NONE else _total(connection, period, named)
            names = _names(connection, by)
            shown = [{**_summary(row), "name": names.get(row.group, row.group)} for row in rows]
            answer: dict[str, Any] = {"rows": shown, "total": _summary(total)}
            if compare:
                _compare(connection, period, by, named, answer)
            return answer

        complete = await admin.drain.flush()
        answer = await admin.database.read(work)
        plain: Any = {"by": by.value, **period.told(), "complete": complete, **answer}
        found: SummaryShown = plain
        return found

    @routes.get("/totals")
    async def sum_up(
        request: Request, *, period: PeriodQuery, filters: FiltersQuery
    ) -> TotalsShown:
        """Return the period as a whole, the one before it, its busiest hours and its failovers."""
        admin.gate.actor(request)

        def work(connection: Connection) -> dict[str, Any]:
            named = with_key_ids(connection, filters)
            found = totals(connection, **period.ends, filters=named)
            busiest = peaks(connection, **period.ends, zone=period.zone, filters=named)
            moved = failovers(connection, **period.ends, filters=named)
            return {
                "current": _summary(found.current),
                "previous": _summary(found.previous),
                "change": _change(found.current, found.previous),
                "peak_hours": [_with_usd(each) for each in busiest],
                "failovers": [_with_usd(each) for each in moved],
            }

        complete = await admin.drain.flush()
        answer = await admin.database.read(work)
        plain: Any = {**period.told(), "complete": complete, **answer}
        found: TotalsShown = plain
        return found


def _add_times(routes: APIRouter, admin: Admin) -> None:
    @routes.get("/series")
    async def over_time(
        request: Request,
        *,
        by: By = By.NONE,
        bucket: Bucket = Bucket.DAY,
        most: Annotated[int, Query(ge=1, le=100)] = 8,
        rank: Rank = Rank.COST,
        period: PeriodQuery,
        filters: FiltersQuery,
    ) -> SeriesShown:
        """Return the largest groups over time, and all others together.

        Each line has a number for each bucket, an hour, a day, a week (from Monday) or a month of
        `zone`. The largest are chosen by what they cost, or by `calls` or `tokens`.
        """
        admin.gate.actor(request)
        if by not in DIMENSIONS:
            raise InvalidRequest(f"by: a series is over time; {by} is time already.", param="by")
        if most_buckets(period.since_us, period.until_us, bucket) > _MOST_BUCKETS:
            raise InvalidRequest(
                f"bucket: the period has more than {_MOST_BUCKETS} of them; choose a longer one.",
                param="bucket",
            )
        complete = await admin.drain.flush()
        found, names = await admin.database.read(
            lambda connection: (
                series(
                    connection,
                    **period.ends,
                    bucket=bucket,
                    by=by,
                    zone=period.zone,
                    filters=with_key_ids(connection, filters),
                    most=most,
                    rank=rank,
                ),
                _names(connection, by),
            )
        )
        plain: Any = {
            "by": by.value,
            "bucket": bucket.value,
            **period.told(),
            "complete": complete,
            "buckets": found.buckets,
            "begins": [moment(each, period.zone).isoformat() for each in found.begins_us],
            "lines": [_line(line, names) for line in found.lines],
            "other": _line(found.other, {}) if found.other else None,
        }
        shown: SeriesShown = plain
        return shown

    @routes.get("/latency")
    async def how_long(
        request: Request,
        *,
        by: _LatencyBy = "model",
        provider: Annotated[list[str], Query()] = [],  # noqa: B006 - a new one for each request
        model: Annotated[list[str], Query()] = [],  # noqa: B006
        period: PeriodQuery,
    ) -> LatenciesShown:
        """Return percentiles of latency and of the time to the first content, in ms."""
        admin.gate.actor(request)
        complete = await admin.drain.flush()
        rows = await admin.database.read(
            lambda connection: latencies(
                connection,
                **period.ends,
                dimensions=_LATENCY_DIMENSIONS[by],
                filters=Filters(provider=tuple(provider), model=tuple(model)),
            )
        )
        told = [msgspec.to_builtins(row) for row in rows]
        plain: Any = {"by": by, **period.told(), "complete": complete, "rows": told}
        found: LatenciesShown = plain
        return found


def _add_details(routes: APIRouter, admin: Admin) -> None:
    @routes.get("/top")
    async def dearest(
        request: Request,
        *,
        runs: bool = False,
        limit: Annotated[int, Query(ge=1, le=200)] = 20,
        period: PeriodQuery,
        filters: FiltersQuery,
    ) -> DearestShown:
        """Return the requests with the dearest attempts, each with all its attempts.

        `runs` leaves only those that came from a workflow.
        """
        admin.gate.actor(request)
        complete = await admin.drain.flush()
        wanted = msgspec.structs.replace(filters, in_workflow=runs)
        rows = await admin.database.read(
            lambda connection: dearest_requests(
                connection,
                **period.ends,
                limit=limit,
                filters=with_key_ids(connection, wanted),
            )
        )
        told = [_request(row) for row in rows]
        plain: Any = {**period.told(), "complete": complete, "rows": told}
        found: DearestShown = plain
        return found

    @routes.get("/attempts")
    async def attempts(
        request: Request,
        *,
        limit: Annotated[int, Query(ge=1, le=1000)] = 50,
        request_id: str | None = None,
        cursor: str | None = None,
        period: AnyPeriodQuery,
        filters: RowFiltersQuery,
    ) -> AttemptsShown:
        """Return rows of the ledger, the newest first, or those of one request.

        Without `days`, `since` and `until` they are of all times. `next` is the `cursor` of the
        following page, and null on the last one.
        """
        admin.gate.actor(request)
        complete = await admin.drain.flush()
        if request_id is not None:
            rows = await admin.database.read(
                lambda connection: recent(connection, limit, request_id)
            )
            shown = [shown_attempt(row) for row in rows]
            return {"complete": complete, "rows": shown, "next": None}
        after = _cursor(cursor)
        found = await admin.database.read(
            lambda connection: page(
                connection,
                **period.ends,
                limit=limit,
                after=after,
                filters=with_key_ids(connection, filters),
            )
        )
        return {
            "complete": complete,
            "rows": [shown_attempt(row) for row in found.rows],
            "next": "-".join(map(str, found.after)) if found.after else None,
        }


def _total(connection: Connection, period: Period, filters: Filters) -> list[SummaryRow]:
    since_us, until_us = period.since_us, period.until_us
    return summary(connection, since_us=since_us, until_us=until_us, filters=filters)


def _compare(
    connection: Connection, period: Period, by: By, filters: Filters, answer: dict[str, Any]
) -> None:
    """Add what was before to the rows and the total."""
    before = totals(connection, **period.ends, filters=filters).previous
    answer["total"]["previous"] = _before(before)
    if by in DIMENSIONS:
        known = previous_rows(connection, **period.ends, by=by, filters=filters)
        for row in answer["rows"]:
            found = known.get(row["group"])
            row["previous"] = _before(found) if found else None


def _names(connection: Connection, by: By) -> dict[str, str]:
    """Return the names of groups that are not known by their own: of keys, by id."""
    if by is not By.KEY:
        return {}
    return {key.id: key.name for key in store.list_keys(connection).keys}


def _before(row: SummaryRow) -> dict[str, Any]:
    told = {name: getattr(row, name) for name in _COMPARED}
    return {**told, "cost_usd": usd_text(row.cost_nano)}


def _change(current: SummaryRow, previous: SummaryRow) -> dict[str, float | None]:
    return {name: change(getattr(current, name), getattr(previous, name)) for name in _COMPARED}


def _cursor(text: str | None) -> Cursor | None:
    if text is None:
        return None
    at_us, _, number = text.partition("-")
    if not (at_us.isdecimal() and number.isdecimal()):
        raise InvalidRequest("cursor: write what a page says in `next`.", param="cursor")
    return int(at_us), int(number)


def _summary(row: SummaryRow) -> dict[str, Any]:
    average = row.average_nano
    return {
        **_with_usd(row),
        "average_usd": usd_text(average) if average is not None else None,
    }


def _with_usd(row: msgspec.Struct) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(row)
    return {**told, "cost_usd": usd_text(told["cost_nano"])}


def _line(line: Line, names: Mapping[str, str]) -> dict[str, Any]:
    cost_usd = [usd_text(each) for each in line.cost_nano]
    name = names.get(line.group, line.group)
    return {**msgspec.to_builtins(line), "name": name, "cost_usd": cost_usd}


def _request(row: RequestCost) -> dict[str, Any]:
    return {**_with_usd(row), "at": iso(row.at_us)}


def shown_attempt(row: LedgerRow) -> AttemptOfRequest:
    """Return a row of the ledger as answers show it."""
    cost = row.cost_nano
    plain: Any = {
        **msgspec.to_builtins(row),
        "at": iso(row.at_us),
        "cost_usd": usd_text(cost) if cost is not None else None,
    }
    shown: AttemptOfRequest = plain
    return shown
