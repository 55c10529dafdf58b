"""The ledger as a file, written while it is read."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from fastapi import APIRouter, Request, Response

from laird.api.admin.context import Admin
from laird.api.admin.download import Downloads
from laird.api.admin.period import FiltersQuery, Names, Period, PeriodQuery, iso
from laird.api.admin.routes import routes_at
from laird.export.columns import chosen
from laird.export.query import Format, Wanted
from laird.export.writing import export

COMPLETE = "x-laird-complete"
"""The header that says whether everything that is finished is in an export."""

_MEDIA: Mapping[Format, str] = {
    Format.CSV: "text/csv; charset=utf-8; header=present",
    Format.JSONL: "application/x-ndjson",
}


def router(admin: Admin) -> APIRouter:
    """Return the route."""
    routes = routes_at("/api/usage", "usage")
    downloads = Downloads(admin.database)

    @routes.get(
        "/export",
        operation_id="exportUsage",
        response_class=Response,
        responses={200: {"content": {media.partition(";")[0]: {} for media in _MEDIA.values()}}},
    )
    async def export_usage(
        request: Request,
        *,
        format: Format = Format.CSV,  # noqa: A002 - the name in the query
        columns: Names = [],  # noqa: B006 - FastAPI makes a new one for each request
        period: PeriodQuery,
        filters: FiltersQuery,
    ) -> Response:
        """Write the ledger's rows of a period as CSV or JSON lines, oldest first.

        The period is the last `days`, or from `since` to `until` (ISO 8601; in `zone` when they
        name none). Filters may be repeated: of each any one must fit. `columns` selects and orders.
        """
        admin.gate.actor(request)
        wanted = Wanted(
            **period.ends,
            format=format,
            columns=chosen([name.strip() for some in columns for name in some.split(",")]),
            providers=filters.provider,
            models=filters.model,
            keys=filters.key_id,
            workflows=filters.workflow,
            nodes=filters.node,
            statuses=filters.status,
        )
        complete = await admin.drain.flush()
        return await downloads.send(
            request,
            partial(export, wanted=wanted),
            {COMPLETE: str(complete).lower()},
            name=f"laird-usage-{days_of(period)}.{format.value}",
            media=_MEDIA[format],
        )

    return routes


def days_of(period: Period) -> str:
    """Return a period as a part of a file's name: `2026-01-01-to-2026-02-01`, days in UTC."""
    return f"{iso(period.since_us)[:10]}-to-{iso(period.until_us)[:10]}"
