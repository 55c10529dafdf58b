"""Reports say what the ledger says, for any period, zone and filter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from bench.usage_data import attempts, fill
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.usage.cases import finished, open_database, started
from tests.usage.reference import DAY_US, HOUR_US, add_up, grouped, hour_begin, ledger, within

from laird.domain.usage import AttemptStatus
from laird.storage.engine import Database, sqlite_url
from laird.usage.ledger import LedgerRow, insert_finished
from laird.usage.reports.calendar import WEEKDAYS, Bucket, label
from laird.usage.reports.cells import Filters
from laird.usage.reports.dearest import dearest_requests
from laird.usage.reports.latency import latencies, percentile
from laird.usage.reports.listing import page
from laird.usage.reports.series import Rank, series
from laird.usage.reports.totals import change, failovers, peaks, previous_rows, totals
from laird.usage.rollup import BUCKETS
from laird.usage.summary import DIMENSIONS, By, SummaryRow, calls_by_provider, summary

UNTIL_US = 1_793_232_000_000_000
"""2026-10-29; clocks change in Berlin four days before, and in Los Angeles three after."""
DAYS = 45
SINCE_US = UNTIL_US - DAYS * DAY_US
ROWS = 2_000

QUICK = settings(
    max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), database=None
)

zones = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/Los_Angeles", "Asia/Kolkata", "Pacific/Auckland"]
).map(ZoneInfo)

moments = st.one_of(
    st.integers(SINCE_US - 2 * DAY_US, UNTIL_US + 2 * DAY_US),
    st.integers(SINCE_US // HOUR_US, UNTIL_US // HOUR_US).map(lambda hour: hour * HOUR_US),
)
periods = st.tuples(moments, moments).map(sorted).filter(lambda ends: ends[0] < ends[1])


class Used:
    """A ledger with generated traffic, and its rows."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.rows = ledger(database)
        keys = sorted({row.key_id for row in self.rows})
        self.filters = [
            Filters(),
            Filters(provider=("openai",)),
            Filters(provider=("openai", "anthropic"), key_id=(keys[0], keys[1])),
            Filters(model=("gpt-5", "ollama/qwen3:32b")),
            Filters(key_id=(keys[2],)),
            Filters(workflow=("research", "")),
            Filters(workflow=("research",), node=("read",), provider=("groq", "gemini")),
            Filters(status=("error", "cancelled")),
            Filters(status=("ok",), model=("anthropic/claude-opus-4-5",)),
            Filters(in_workflow=True),
            Filters(failed_over=True),
            Filters(failed_over=True, key_id=(keys[0],)),
            Filters(provider=("nobody",)),
        ]

    def matching(self, filters: Filters, since_us: int, until_us: int) -> list[LedgerRow]:
        return [row for row in within(self.rows, since_us, until_us) if matches(row, filters)]


def matches(row: LedgerRow, filters: Filters) -> bool:
    return (
        (not filters.provider or row.provider in filters.provider)
        and (
            not filters.model
            or row.model in filters.model
            or f"{row.provider}/{row.model}" in filters.model
        )
        and (not filters.key_id or row.key_id in filters.key_id)
        and (not filters.workflow or (row.workflow or "") in filters.workflow)
        and (not filters.node or (row.node or "") in filters.node)
        and (not filters.status or row.status.value in filters.status)
        and (not filters.in_workflow or bool(row.workflow))
        and (not filters.failed_over or row.failover_from is not None)
    )


filter_numbers = st.integers(0, 12)


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Used]:
    file = tmp_path_factory.mktemp("used") / "laird.db"
    fill(file, ROWS, days=DAYS, until_us=UNTIL_US)
    database = Database(sqlite_url(file))
    yield Used(database)
    database.close()


NAMES: dict[By, Callable[[LedgerRow], str]] = {
    By.PROVIDER: lambda row: row.provider,
    By.MODEL: lambda row: f"{row.provider}/{row.model}",
    By.KEY: lambda row: row.key_id,
    By.WORKFLOW: lambda row: row.workflow or "",
    By.NODE: lambda row: f"{row.workflow or ''}/{row.node or ''}",
    By.STATUS: lambda row: row.status.value,
    By.NONE: lambda _: "",
}


def told(row: SummaryRow) -> tuple[int, ...]:
    """Return the sums that the reference has, too."""
    return (
        row.calls,
        row.requests,
        row.ok,
        row.errors,
        row.cache_hits,
        row.unpriced_calls,
        row.estimated_calls,
        row.prompt,
        row.completion,
        row.cached,
        row.cache_write,
        row.reasoning,
        row.cost_nano,
    )


def test_traffic_has_everything_in_it_and_is_always_the_same(used: Used) -> None:
    rows = used.rows
    assert len(rows) == ROWS
    assert {row.status for row in rows} == set(AttemptStatus)
    assert any(row.cost_nano is None for row in rows)
    assert any(row.cached_tokens for row in rows)
    assert any(row.failover_from for row in rows)
    assert any(row.cache_hit for row in rows)
    again = [
        each.started.request_id
        for _, made in attempts(ROWS, days=DAYS, until_us=UNTIL_US)
        for each in made
    ]
    assert sorted(again) == sorted(row.request_id for row in rows)


@settings(QUICK, max_examples=50)
@given(st.sampled_from(list(DIMENSIONS)), periods, filter_numbers)
def test_groups_have_the_sums_of_their_rows(
    used: Used, by: By, period: list[int], number: int
) -> None:
    since_us, until_us = period
    filters = used.filters[number]
    found = used.database.read_now(
        partial(summary, since_us=since_us, until_us=until_us, by=by, filters=filters)
    )
    expected = grouped(used.matching(filters, since_us, until_us), NAMES[by])
    if by is By.NONE and not expected:
        expected = {"": add_up([])}
    assert {row.group: told(row) for row in found} == {
        group: sums[:13] for group, sums in expected.items()
    }
    for row in found:
        sums = expected[row.group]
        if sums[13]:
            assert row.latency_ms == pytest.approx(sums[14] / sums[13] / 1000, abs=0.001)
        if sums[15]:
            assert row.ttft_ms == pytest.approx(sums[16] / sums[15] / 1000, abs=0.001)
        assert row.calls == row.ok + row.errors + row.cancelled
    assert found == sorted(found, key=lambda row: (-row.cost_nano, -row.calls, row.group))


@settings(QUICK, max_examples=40)
@given(st.sampled_from([By.DAY, By.HOUR, By.WEEKDAY]), periods, zones, filter_numbers)
def test_times_are_those_of_the_zone(
    used: Used, by: By, period: list[int], zone: ZoneInfo, number: int
) -> None:
    since_us, until_us = period
    filters = used.filters[number]
    names = {
        By.DAY: lambda row: hour_begin(row, zone).date().isoformat(),
        By.HOUR: lambda row: f"{hour_begin(row, zone).hour:02d}",
        By.WEEKDAY: lambda row: WEEKDAYS[hour_begin(row, zone).weekday()],
    }
    order: dict[By, Callable[[str], Any]] = {By.WEEKDAY: WEEKDAYS.index}
    found = used.database.read_now(
        partial(summary, since_us=since_us, until_us=until_us, by=by, zone=zone, filters=filters)
    )
    expected = grouped(used.matching(filters, since_us, until_us), names[by])
    assert {row.group: told(row) for row in found} == {
        group: sums[:13] for group, sums in expected.items()
    }
    groups = [row.group for row in found]
    assert groups == sorted(groups, key=order.get(by, str))


@QUICK
@given(
    periods,
    zones,
    filter_numbers,
    st.sampled_from(list(Bucket)),
    st.sampled_from(list(DIMENSIONS)),
    st.sampled_from(list(Rank)),
    st.integers(1, 4),
)
def test_a_series_is_its_rows_over_time(
    used: Used,
    period: list[int],
    zone: ZoneInfo,
    number: int,
    bucket: Bucket,
    by: By,
    rank: Rank,
    most: int,
) -> None:
    since_us, until_us = period
    filters = used.filters[number]
    found = used.database.read_now(
        partial(
            series,
            since_us=since_us,
            until_us=until_us,
            bucket=bucket,
            by=by,
            zone=zone,
            filters=filters,
            most=most,
            rank=rank,
        )
    )
    rows = used.matching(filters, since_us, until_us)
    assert len(set(found.buckets)) == len(found.buckets)
    assert found.begins_us[0] == since_us
    expected: dict[tuple[str, str], list[LedgerRow]] = {}
    shown = {line.group for line in found.lines}
    for row in rows:
        group = NAMES[by](row)
        where = (group if group in shown else "other", label(row.at_us, bucket, zone))
        expected.setdefault(where, []).append(row)
    lines = [*found.lines, *([found.other] if found.other else [])]
    seen = {}
    for line in lines:
        columns = (line.calls, line.errors, line.prompt, line.completion, line.cost_nano)
        for name, *numbers in zip(found.buckets, *columns, strict=True):
            if any(numbers):
                seen[line.group, name] = numbers
    places = (0, 3, 7, 8, 12)
    assert seen == {
        where: [add_up(members)[place] for place in places] for where, members in expected.items()
    }
    sizes = [
        {
            Rank.COST: sum(line.cost_nano),
            Rank.CALLS: sum(line.calls),
            Rank.TOKENS: sum(line.prompt) + sum(line.completion),
        }[rank]
        for line in found.lines
    ]
    assert sizes == sorted(sizes, reverse=True)
    assert (found.other is not None) == (len({NAMES[by](row) for row in rows}) > most)


def test_buckets_are_named_as_people_name_them(used: Used) -> None:
    def names(bucket: Bucket, since: datetime, until: datetime) -> list[str]:
        ends = [int(each.timestamp()) * 1_000_000 for each in (since, until)]
        work = partial(
            series, since_us=ends[0], until_us=ends[1], bucket=bucket, zone=since.tzinfo or UTC
        )
        return used.database.read_now(work).buckets

    berlin = ZoneInfo("Europe/Berlin")
    day, following = (datetime(2026, 10, number, tzinfo=berlin) for number in (25, 26))
    hours = names(Bucket.HOUR, day, following)
    assert len(hours) == 25
    assert hours[2:4] == ["2026-10-25T02:00+02:00", "2026-10-25T02:00+01:00"]
    assert names(Bucket.DAY, day, following) == ["2026-10-25"]
    begin, end = datetime(2026, 9, 30, tzinfo=berlin), datetime(2026, 11, 2, tzinfo=berlin)
    assert names(Bucket.MONTH, begin, end) == ["2026-09", "2026-10", "2026-11"]
    weeks = names(Bucket.WEEK, begin, end)
    assert weeks[0] == "2026-09-28"
    assert {date.fromisoformat(week).weekday() for week in weeks} == {0}


@QUICK
@given(periods, zones, filter_numbers)
def test_a_period_stands_beside_the_one_before(
    used: Used, period: list[int], zone: ZoneInfo, number: int
) -> None:
    since_us, until_us = period
    filters = used.filters[number]
    before_us = 2 * since_us - until_us
    ends: dict[str, Any] = {"since_us": since_us, "until_us": until_us}
    found = used.database.read_now(partial(totals, **ends, filters=filters))
    rows = used.matching(filters, since_us, until_us)
    earlier = used.matching(filters, before_us, since_us)
    assert told(found.current) == add_up(rows)[:13]
    assert told(found.previous) == add_up(earlier)[:13]
    known = used.database.read_now(partial(previous_rows, **ends, by=By.KEY, filters=filters))
    assert {key: row.cost_nano for key, row in known.items()} == {
        key: sums[12] for key, sums in grouped(earlier, NAMES[By.KEY]).items()
    }
    busiest = used.database.read_now(partial(peaks, **ends, zone=zone, filters=filters))
    by_hour = grouped(rows, lambda row: hour_begin(row, zone).strftime("%A %H"))
    assert {f"{peak.weekday} {peak.hour:02d}": peak.calls for peak in busiest}.items() <= {
        str(name): sums[0] for name, sums in by_hour.items()
    }.items()
    assert [peak.calls for peak in busiest] == sorted(
        (sums[0] for sums in by_hour.values()), reverse=True
    )[:5]
    moved = used.database.read_now(partial(failovers, **ends, filters=filters))
    took_over = grouped([row for row in rows if row.failover_from], moves)
    assert {(each.failed, each.took_over): (each.calls, each.ok) for each in moved} == {
        pair: (sums[0], sums[2]) for pair, sums in took_over.items()
    }


def moves(row: LedgerRow) -> tuple[str, str]:
    return row.failover_from or "", f"{row.provider}/{row.model}"


def test_growth_is_a_share_of_what_was_before() -> None:
    assert change(150, 100) == 0.5
    assert change(0, 100) == -1
    assert change(5, 0) is None


@QUICK
@given(periods, filter_numbers, st.integers(1, 30))
def test_the_dearest_requests_are_those_with_the_dearest_attempts(
    used: Used, period: list[int], number: int, limit: int
) -> None:
    since_us, until_us = period
    filters = used.filters[number]
    found = used.database.read_now(
        partial(
            dearest_requests, since_us=since_us, until_us=until_us, limit=limit, filters=filters
        )
    )
    dearest: dict[str, int] = {}
    for row in used.matching(filters, since_us, until_us):
        if row.cost_nano:
            dearest[row.request_id] = max(row.cost_nano, dearest.get(row.request_id, 0))
    expected = sorted(dearest.values(), reverse=True)[:limit]
    assert sorted((dearest[each.request_id] for each in found), reverse=True) == expected
    assert [each.cost_nano for each in found] == sorted(
        (each.cost_nano for each in found), reverse=True
    )
    for each in found:
        rows = [row for row in used.rows if row.request_id == each.request_id]
        assert each.attempts == len(rows)
        assert each.cost_nano == sum(row.cost_nano or 0 for row in rows)


@QUICK
@given(periods, filter_numbers, st.sampled_from([1, 7, 50, 1000]), st.integers(1, 4))
def test_pages_follow_each_other_without_a_gap(
    used: Used, period: list[int], number: int, limit: int, pages: int
) -> None:
    since_us, until_us = period
    filters = used.filters[number]
    expected = sorted(
        used.matching(filters, since_us, until_us), key=lambda row: (-row.at_us, -row.id)
    )
    seen: list[int] = []
    after = None
    for _ in range(pages):
        found = used.database.read_now(
            partial(
                page,
                since_us=since_us,
                until_us=until_us,
                limit=limit,
                after=after,
                filters=filters,
            )
        )
        seen += [row.id for row in found.rows]
        after = found.after
        if after is None:
            break
    wanted = [row.id for row in expected]
    assert seen == wanted[: len(seen)]
    assert len(seen) == len(wanted) if after is None else len(seen) < len(wanted)


def test_rows_of_the_same_moment_are_on_one_page_or_the_next(database: Database) -> None:
    same = [finished(started(f"req_{number}", at_us=SINCE_US)) for number in range(5)]
    database.write_now(partial(insert_finished, attempts=same))
    ends: dict[str, Any] = {"since_us": 0, "until_us": UNTIL_US}
    first = database.read_now(partial(page, **ends, limit=2))
    second = database.read_now(partial(page, **ends, limit=3, after=first.after))
    assert [row.request_id for row in (*first.rows, *second.rows)] == [
        "req_4",
        "req_3",
        "req_2",
        "req_1",
        "req_0",
    ]
    assert second.after is None


@QUICK
@given(moments)
def test_calls_are_counted_by_provider_without_the_cache(used: Used, since_us: int) -> None:
    found = used.database.read_now(partial(calls_by_provider, since_us=since_us))
    expected: dict[str, int] = {}
    for row in within(used.rows, since_us, UNTIL_US + DAY_US):
        expected[row.provider] = expected.get(row.provider, 0) + (not row.cache_hit)
    assert found == expected


@pytest.mark.parametrize("dimensions", [(), ("provider",), ("provider", "model")])
def test_percentiles_are_a_few_percent_off(used: Used, dimensions: tuple[str, ...]) -> None:
    since_us, until_us = SINCE_US + 7 * HOUR_US, UNTIL_US - 5 * HOUR_US
    found = used.database.read_now(
        partial(latencies, since_us=since_us, until_us=until_us, dimensions=dimensions)
    )
    rows = [
        row
        for row in within(used.rows, since_us, until_us)
        if row.status is AttemptStatus.OK and not row.cache_hit
    ]
    by = {0: By.NONE, 1: By.PROVIDER, 2: By.MODEL}[len(dimensions)]
    by_name = grouped(rows, NAMES[by])
    assert {row.group: row.latency.calls for row in found} == {
        name: sums[13] for name, sums in by_name.items()
    }
    assert {row.group: row.ttft.calls for row in found} == {
        name: sums[15] for name, sums in by_name.items()
    }
    assert found == sorted(found, key=lambda row: -row.latency.calls)
    if not dimensions:
        times = sorted(row.latency_ms for row in rows)
        for share, value in ((0.5, found[0].latency.p50), (0.95, found[0].latency.p95)):
            assert value == pytest.approx(times[ceil(share * len(times)) - 1], rel=0.08)


def test_percentiles_of_a_short_time_and_of_some_models(used: Used) -> None:
    since_us = UNTIL_US - 30 * HOUR_US
    (row,) = used.database.read_now(
        partial(
            latencies,
            since_us=since_us,
            until_us=since_us + 6 * HOUR_US,
            dimensions=("provider",),
            filters=Filters(provider=("openai",)),
        )
    )
    rows = used.matching(Filters(provider=("openai",)), since_us, since_us + 6 * HOUR_US)
    assert row.latency.calls == add_up(rows)[13]


@given(st.lists(st.integers(0, BUCKETS - 1), min_size=1), st.floats(0.01, 0.99))
def test_a_percentile_lies_in_the_bucket_of_its_call(places: list[int], share: float) -> None:
    counts = [0] * BUCKETS
    for place in places:
        counts[place] += 1
    found = percentile(counts, share)
    assert found is not None
    higher = percentile(counts, 0.995)
    assert higher is not None
    assert found <= higher
    assert percentile([0] * BUCKETS, share) is None


def test_nothing_used_is_nothing(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    ends: dict[str, Any] = {"since_us": SINCE_US, "until_us": UNTIL_US}
    assert database.read_now(partial(summary, **ends, by=By.DAY)) == []
    assert database.read_now(partial(summary, **ends, by=By.HOUR)) == []
    assert database.read_now(partial(dearest_requests, **ends)) == []
    assert database.read_now(partial(page, **ends)).rows == []
    assert database.read_now(partial(calls_by_provider, since_us=0)) == {}
    (row,) = database.read_now(partial(latencies, **ends))
    assert (row.latency.calls, row.latency.p50) == (0, None)
    found = database.read_now(partial(series, **ends, by=By.MODEL))
    assert (found.lines, found.other) == ([], None)
    (line,) = database.read_now(partial(series, **ends)).lines
    assert line.calls == [0] * DAYS
    database.close()
