"""Whether a provider's bill agrees with the ledger."""

from __future__ import annotations

import asyncio
import tempfile
from datetime import UTC, date, tzinfo
from functools import partial
from typing import IO, Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request

from laird.advice.reconcile import (
    Compared,
    LedgerSums,
    Period,
    Reconciliation,
    ledger_sums,
    period_of,
    reconcile,
)
from laird.advice.reports.reading import read_report
from laird.advice.reports.report import Report, ReportFormat, Sums
from laird.api.admin.context import Admin
from laird.api.admin.reconcile_shapes import (
    Asked,
    ComparedShown,
    ReconciliationShown,
    SumsShown,
)
from laird.api.admin.routes import routes_at
from laird.domain.errors import BodyTooLarge, InvalidRequest, NotFound
from laird.domain.money import usd_text

LARGEST_REPORT = 64 * 1024 * 1024
"""Bytes."""


def router(admin: Admin) -> APIRouter:
    """Return the route."""
    routes = routes_at("/api", "advice")

    @routes.post("/reconcile")
    async def compare(
        request: Request,
        *,
        provider: Annotated[list[str], Query(min_length=1)],
        form: Annotated[ReportFormat | None, Query(alias="format")] = None,
        zone: str = "UTC",
        tolerance: Annotated[float, Query(ge=0, le=100)] = 1.0,
        since: date | None = None,
        until: date | None = None,
    ) -> ReconciliationShown:
        """Compare a provider's own report, which is the body, with the ledger.

        `provider` may be given several times, for providers that share an account. `tolerance` is
        in percent. `until` is the first day that is no longer compared.
        """
        admin.gate.actor(request)
        where = _zone(zone)
        with tempfile.TemporaryFile() as file:
            await _receive(request, file)
            report = await asyncio.to_thread(partial(read_report, file, form=form, zone=where))
        period = period_of(report, where, since, until)
        if period is None:
            raise InvalidRequest("The report speaks of no day; say since and until.", param="since")
        complete = await admin.drain.flush()
        ledger = await admin.database.read(
            lambda connection: ledger_sums(connection, provider, period)
        )
        _check_providers(admin, provider, ledger)
        result = reconcile(ledger, report, period, tolerance=tolerance / 100)
        asked = Asked(complete=complete, zone=zone, tolerance=tolerance)
        return _reconciliation(asked, result, report)

    return routes


def _check_providers(admin: Admin, providers: list[str], ledger: LedgerSums) -> None:
    known = admin.configuration.snapshot.providers
    unknown = [name for name in providers if name not in known]
    # One that was removed from the document may still have its calls in the ledger.
    if unknown and not ledger.sums:
        raise NotFound(
            f"There is no provider '{unknown[0]}', and the ledger has no calls of one."
            f" There are {', '.join(known) or 'none'}.",
            param="provider",
        )


async def _receive(request: Request, file: IO[bytes]) -> None:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > LARGEST_REPORT:
            raise BodyTooLarge(
                f"The report is over {LARGEST_REPORT // 1024**2} MiB; export a shorter time."
            )
        file.write(chunk)
    file.seek(0)


def _zone(name: str) -> tzinfo:
    if name.upper() == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise InvalidRequest(
            f"'{name[:60]}' is no time zone; write one as Europe/Berlin or UTC.", param="zone"
        ) from None


def _reconciliation(asked: Asked, result: Reconciliation, report: Report) -> ReconciliationShown:
    period: Period = result.period
    return {
        **asked,
        "format": report.format.value,
        "since": period.since.isoformat(),
        "until": period.until.isoformat(),
        "agrees": result.agrees,
        "deviation": {name: round(share * 100, 4) for name, share in result.deviation.items()},
        "ledger": _sums(result.ledger, report, whole=True),
        "report": _sums(result.report, report),
        "rows": [_compared(each, report) for each in result.rows],
        "lines": report.lines,
        "left_out": result.left_out,
        "unreadable": [{"place": one.place, "why": one.why} for one in report.unreadable],
        "unreadable_count": report.unreadable_count,
        "notes": list(result.notes),
    }


def _compared(one: Compared, report: Report) -> ComparedShown:
    return {
        "day": one.day.isoformat(),
        "model": one.model or None,
        "verdict": one.verdict.value,
        "ledger": None if one.ledger is None else _sums(one.ledger, report, whole=True),
        "report": None if one.report is None else _sums(one.report, report),
        "tokens_difference": one.difference("tokens") if report.has_tokens else None,
        "cost_difference_usd": usd_text(one.difference("cost_nano")) if report.has_costs else None,
    }


def _sums(sums: Sums, report: Report, *, whole: bool = False) -> SumsShown:
    """Return sums; what a report of this kind does not tell is null, and never 0."""
    tokens, calls, costs = report.has_tokens, report.has_calls, report.has_costs
    return {
        "calls": sums.calls if whole or calls else None,
        "prompt": sums.prompt if whole or tokens else None,
        "completion": sums.completion if whole or tokens else None,
        "cached": sums.cached if whole or tokens else None,
        "cache_write": sums.cache_write if whole or tokens else None,
        "cost_usd": usd_text(sums.cost_nano) if whole or costs else None,
    }
