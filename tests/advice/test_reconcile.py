"""Does the bill agree? The ledger and a report, by day and model."""

from __future__ import annotations

from datetime import UTC, date, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.advice.test_vendor_reports import golden, read
from tests.advice.world import call, write

from laird.advice.reconcile import (
    LedgerSums,
    Period,
    Reconciliation,
    Verdict,
    ledger_sums,
    period_of,
    reconcile,
)
from laird.advice.reports.report import Group, Report, ReportFormat, Sums
from laird.domain.errors import InvalidRequest
from laird.domain.money import NANO
from laird.domain.usage import AttemptFinished, AttemptStatus
from laird.storage.engine import Database

HEAD = "start_time,end_time,num_model_requests,model,input_tokens,output_tokens"
COSTS = "start_time,amount_value,amount_currency,line_item"
MONDAY, TUESDAY = date(2026, 9, 21), date(2026, 9, 22)


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


def answered(place: int, when: str, model: str = "gpt-4o", **changes: Any) -> AttemptFinished:
    values: dict[str, Any] = {"prompt_tokens": 1000, "completion_tokens": 100, **changes}
    return call(place, f"openai/{model}", **{"at_us": at(when), "upstream_model": model, **values})


def compared(
    database: Database,
    report: Report,
    *,
    zone: tzinfo = UTC,
    tolerance: float = 0.01,
    **days: date,
) -> Reconciliation:
    period = period_of(report, zone, **days)
    assert period is not None
    ledger = database.read_now(lambda connection: ledger_sums(connection, ["openai"], period))
    return reconcile(ledger, report, period, tolerance=tolerance)


def verdicts(result: Reconciliation) -> dict[tuple[date, str], Verdict]:
    return {(row.day, row.model): row.verdict for row in result.rows}


def test_a_report_that_says_the_same_agrees(database: Database) -> None:
    write(
        database,
        answered(1, "2026-09-21T00:00:00", prompt_tokens=4000, completion_tokens=400),
        answered(2, "2026-09-21T23:59:59", "gpt-4o-mini", prompt_tokens=1500, completion_tokens=60),
        answered(3, "2026-09-22T00:00:00", "gpt-4o-mini", prompt_tokens=500, completion_tokens=20),
        answered(4, "2026-09-24T00:00:00"),
        call(5, "anthropic/claude"),
    )
    result = compared(database, golden("openai_usage.csv"))
    assert result.agrees
    assert result.deviation == {"tokens": 0.0}
    assert set(verdicts(result).values()) == {Verdict.MATCH}
    assert (result.period.since, result.period.until) == (MONDAY, date(2026, 9, 24))
    assert result.ledger.tokens == result.report.tokens == 6480


def test_each_row_says_how_it_compares(database: Database) -> None:
    write(
        database,
        answered(1, "2026-09-21T10:00:00"),
        answered(2, "2026-09-21T11:00:00", "o3", prompt_tokens=7, completion_tokens=0),
    )
    text = f"{HEAD}\n2026-09-21,,2,gpt-4o,2000,200\n2026-09-21,,1,gpt-5,50,5\n"
    result = compared(database, read(text))
    assert verdicts(result) == {
        (MONDAY, "gpt-4o"): Verdict.DIFFERS,
        (MONDAY, "gpt-5"): Verdict.ONLY_REPORT,
        (MONDAY, "o3"): Verdict.ONLY_LEDGER,
    }
    by_model = {row.model: row for row in result.rows}
    assert by_model["gpt-4o"].difference("tokens") == -1100
    assert by_model["gpt-5"].difference("prompt") == -50
    assert by_model["o3"].difference("tokens") == 7
    assert not result.agrees
    assert result.deviation["tokens"] == pytest.approx((1100 + 55 + 7) / 2255)


def test_differences_do_not_make_up_for_one_another(database: Database) -> None:
    write(database, answered(1, "2026-09-21T10:00:00"))
    text = f"{HEAD}\n2026-09-21,,1,gpt-4o,0,0\n2026-09-22,,1,gpt-4o,1000,100\n"
    result = compared(database, read(text))
    assert result.ledger.tokens == result.report.tokens
    assert result.deviation["tokens"] == 2.0
    assert not result.agrees


def test_within_the_tolerance_they_agree(database: Database) -> None:
    write(database, answered(1, "2026-09-21T10:00:00", prompt_tokens=995, completion_tokens=0))
    report = read(f"{HEAD}\n2026-09-21,,1,gpt-4o,1000,0\n")
    assert compared(database, report).agrees
    assert not compared(database, report, tolerance=0.001).agrees


def test_costs_are_compared_and_rounding_is_no_difference(database: Database) -> None:
    write(
        database,
        answered(1, "2026-09-21T10:00:00", cost_nano=11_499_999),
        answered(2, "2026-09-21T10:00:01", cost_nano=0),
    )
    result = compared(database, golden("openai_costs.csv"), tolerance=0.0, until=TUESDAY)
    assert result.agrees
    assert set(result.deviation) == {"cost"}
    assert result.left_out == 1, "the searches of the next day"
    whole = compared(database, golden("openai_costs.csv"))
    assert verdicts(whole)[TUESDAY, "web-search-tool-calls"] is Verdict.ONLY_REPORT
    far = read(f"{COSTS}\n2026-09-21,0.02,usd,gpt-4o\n")
    assert compared(database, far).deviation["cost"] == pytest.approx(3_500_001 / 20_000_000)


def test_the_ledger_counts_what_a_provider_could_bill(database: Database) -> None:
    write(
        database,
        answered(1, "2026-09-21T10:00:00", status=AttemptStatus.CANCELLED, estimated=True),
        answered(2, "2026-09-21T10:00:00", cost_nano=None),
        answered(3, "2026-09-21T10:00:00", cache_hit=True),
        answered(
            4, "2026-09-21T10:00:00",
            status=AttemptStatus.ERROR, prompt_tokens=0, completion_tokens=0,
        ),
    )  # fmt: skip
    result = compared(database, read(f"{HEAD}\n2026-09-21,,2,gpt-4o,2000,200\n"))
    assert result.agrees
    assert result.ledger.calls == 2
    assert result.notes == ("the tokens of 1 calls in the ledger are estimates",)
    costs = compared(database, read(f"{COSTS}\n2026-09-21,0.013,usd,gpt-4o\n"))
    assert "1 calls in the ledger have no price, so their cost is missing" in costs.notes


def test_a_report_without_models_is_compared_by_day(database: Database) -> None:
    write(database, answered(1, "2026-09-21T10:00:00"), answered(2, "2026-09-21T11:00:00", "o3"))
    result = compared(database, read(f"{HEAD}\n2026-09-21,,2,,2000,200\n"))
    assert result.agrees
    (row,) = result.rows
    assert (row.model, row.verdict) == ("", Verdict.MATCH)
    assert any("days are compared" in note for note in result.notes)


def test_days_are_those_of_the_zone_on_both_sides(database: Database) -> None:
    write(database, answered(1, "2026-09-21T22:30:00"), answered(2, "2026-09-20T22:30:00"))
    berlin = ZoneInfo("Europe/Berlin")
    report = read(f"{HEAD}\n2026-09-22,,1,gpt-4o,1000,100\n", zone=berlin)
    assert compared(database, report, zone=berlin).agrees
    assert not compared(database, report).agrees


@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns"])
def test_zones_of_part_of_an_hour_have_their_own_midnights(database: Database, zone: str) -> None:
    where = ZoneInfo(zone)
    midnight = int(datetime(2026, 9, 22, tzinfo=where).timestamp()) * 1_000_000
    write(
        database,
        answered(1, "2026-09-21T00:00:00", at_us=midnight - 1),
        answered(2, "2026-09-21T00:00:00", at_us=midnight),
    )
    text = f"{HEAD}\n2026-09-21,,1,gpt-4o,1000,100\n2026-09-22,,1,gpt-4o,1000,100\n"
    assert compared(database, read(text, zone=where), zone=where, tolerance=0.0).agrees


def test_the_days_that_are_asked_for_are_compared(database: Database) -> None:
    write(database, answered(1, "2026-09-21T10:00:00"), answered(2, "2026-09-23T10:00:00"))
    report = read(f"{HEAD}\n2026-09-21,,1,gpt-4o,1000,100\n2026-09-22,,1,gpt-4o,1000,100\n")
    assert compared(database, report, until=TUESDAY).agrees
    wide = compared(database, report, since=date(2026, 9, 1), until=date(2026, 10, 1))
    assert verdicts(wide)[date(2026, 9, 23), "gpt-4o"] is Verdict.ONLY_LEDGER


def test_a_report_of_no_day_needs_to_be_told_the_days(database: Database) -> None:
    nothing = read(f"{HEAD}\n")
    assert period_of(nothing, UTC) is None
    write(database, answered(1, "2026-09-21T10:00:00"))
    result = compared(database, nothing, since=MONDAY, until=TUESDAY)
    assert not result.agrees
    assert verdicts(result) == {(MONDAY, "gpt-4o"): Verdict.ONLY_LEDGER}
    assert compared(database, nothing, since=TUESDAY, until=date(2026, 9, 23)).agrees
    with pytest.raises(InvalidRequest, match="2026-01-31"):
        period_of(nothing, UTC, since=date(1, 1, 1), until=TUESDAY)


def test_what_could_not_be_read_is_no_agreement(database: Database) -> None:
    write(database, answered(1, "2026-09-21T10:00:00"))
    text = f"{HEAD}\n2026-09-21,,1,gpt-4o,1000,100\n2026-09-21,,1,gpt-4o,=5,100\n"
    result = compared(database, read(text))
    assert result.deviation == {"tokens": 0.0}
    assert not result.agrees


groups = st.builds(Group, st.sampled_from([MONDAY, TUESDAY]), st.sampled_from(["a", "b", "c"]))
amounts = st.builds(
    Sums, prompt=st.integers(0, 10**9), completion=st.integers(0, 10**6),
    cost_nano=st.integers(0, 10 * NANO),
)  # fmt: skip
sides = st.dictionaries(groups, amounts, max_size=6)


@given(ours=sides, theirs=sides, tolerance=st.floats(0, 0.5))
def test_differences_add_up_to_the_difference_of_the_totals(
    ours: dict[Group, Sums], theirs: dict[Group, Sums], tolerance: float
) -> None:
    report = Report(
        format=ReportFormat.OPENAI_USAGE,
        lines=len(theirs),
        sums=theirs,
        slack_nano={},
        days=(MONDAY,),
        has_calls=False,
        has_tokens=True,
        has_costs=True,
        unreadable=(),
        unreadable_count=0,
        notes=(),
    )
    period = Period(since=MONDAY, until=date(2026, 9, 23))
    ledger = LedgerSums(sums=ours, unpriced=0, estimated=0)
    result = reconcile(ledger, report, period, tolerance=tolerance)
    for name in ("prompt", "tokens", "cost_nano"):
        whole = getattr(result.ledger, name) - getattr(result.report, name)
        assert sum(row.difference(name) for row in result.rows) == whole
    assert result.agrees == all(share <= tolerance for share in result.deviation.values())
    assert min(result.deviation.values()) >= 0
    mirrored = reconcile(
        LedgerSums(sums=theirs, unpriced=0, estimated=0),
        msgspec.structs.replace(report, sums=ours),
        period,
        tolerance=tolerance,
    )
    if ours and theirs:
        assert mirrored.deviation == pytest.approx(result.deviation)
