"""Reading the exports of OpenAI and Anthropic: good ones, odd ones, broken ones and long ones."""

from __future__ import annotations

import io
import json
import time
from datetime import UTC, date, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.advice.world import GOLDEN

from laird.advice.reports.reading import read_report
from laird.advice.reports.report import Group, Report, ReportFormat, Sums
from laird.domain.errors import InvalidRequest
from laird.domain.money import NANO

MONDAY, TUESDAY, WEDNESDAY = (date(2026, 9, day) for day in (21, 22, 23))
USAGE_HEAD = "start_time,end_time,num_model_requests,model,input_tokens,output_tokens"


def golden(name: str, **options: Any) -> Report:
    with (GOLDEN / name).open("rb") as file:
        return read_report(file, **options)


def read(text: str | bytes, form: ReportFormat | None = None, zone: tzinfo = UTC) -> Report:
    body = text.encode() if isinstance(text, str) else text
    return read_report(io.BytesIO(body), form=form, zone=zone)


def nano(usd: str) -> int:
    return round(float(usd) * NANO)


def test_openais_usage_csv() -> None:
    report = golden("openai_usage.csv")
    assert report.format is ReportFormat.OPENAI_USAGE
    assert report.sums == {
        Group(MONDAY, "gpt-4o"): Sums(calls=4, prompt=4000, completion=400, cached=1200),
        Group(MONDAY, "gpt-4o-mini"): Sums(calls=2, prompt=1500, completion=60),
        Group(TUESDAY, "gpt-4o-mini"): Sums(calls=1, prompt=500, completion=20),
    }
    assert report.days == (MONDAY, TUESDAY, WEDNESDAY), "empty buckets are days as well"
    assert (report.has_calls, report.has_tokens, report.has_costs) == (True, True, False)
    assert (report.lines, report.unreadable, report.by_model) == (4, (), True)
    assert len(report.notes) == 1
    assert "'batch'" in report.notes[0]


def test_openais_older_usage_csv() -> None:
    report = golden("openai_usage_old.csv")
    assert report.sums == {Group(MONDAY, "gpt-4"): Sums(calls=3, prompt=1000, completion=100)}


def test_openais_cost_csv() -> None:
    report = golden("openai_costs.csv")
    assert report.format is ReportFormat.OPENAI_COSTS
    assert report.sums == {
        Group(MONDAY, "gpt-4o"): Sums(cost_nano=nano("0.0115")),
        Group(TUESDAY, "web-search-tool-calls"): Sums(cost_nano=nano("0.01")),
    }
    assert report.slack_nano[Group(MONDAY, "gpt-4o")] == nano("0.0005")
    assert report.slack_nano[Group(TUESDAY, "web-search-tool-calls")] == nano("0.005")
    assert report.days[0] == date(2026, 9, 20)
    assert (report.has_calls, report.has_tokens, report.has_costs) == (False, False, True)


def test_openais_usage_json() -> None:
    report = golden("openai_usage.json")
    assert report.format is ReportFormat.OPENAI_USAGE
    assert report.sums == {
        Group(MONDAY, "gpt-4o"): Sums(calls=4, prompt=4000, completion=400, cached=1200),
        Group(MONDAY, "gpt-5"): Sums(calls=1, prompt=100, completion=10, cache_write=50),
        Group(TUESDAY, "text-embedding-3-small"): Sums(calls=9, prompt=900),
    }
    assert report.days == (MONDAY, TUESDAY, WEDNESDAY)
    assert any("more pages" in note for note in report.notes)
    assert any("'priority'" in note for note in report.notes)


def test_openais_costs_json() -> None:
    report = golden("openai_costs.json")
    assert report.format is ReportFormat.OPENAI_COSTS
    assert report.sums == {
        Group(MONDAY, "gpt-4o"): Sums(cost_nano=nano("0.0115")),
        Group(MONDAY, "gpt-4o-mini"): Sums(cost_nano=400),
    }


def test_anthropics_usage_csv_and_json_say_the_same() -> None:
    table, answer = golden("anthropic_usage.csv"), golden("anthropic_usage.json")
    assert table.format is answer.format is ReportFormat.ANTHROPIC_USAGE
    assert (
        table.sums
        == answer.sums
        == {
            Group(MONDAY, "claude-sonnet-4-5"): Sums(
                prompt=4310, completion=505, cached=3000, cache_write=300
            ),
            Group(TUESDAY, "claude-haiku-4-5"): Sums(prompt=70, completion=7),
        }
    )
    assert not table.has_calls
    assert "'batch'" in table.notes[0]
    assert table.notes == answer.notes


def test_anthropics_cost_csv() -> None:
    report = golden("anthropic_cost.csv")
    assert report.format is ReportFormat.ANTHROPIC_COST
    assert report.sums == {
        Group(MONDAY, "claude-sonnet-4-5"): Sums(cost_nano=nano("0.04")),
        Group(TUESDAY, "web-search"): Sums(cost_nano=nano("0.02")),
    }
    assert report.slack_nano[Group(MONDAY, "claude-sonnet-4-5")] == nano("0.01")


def test_anthropics_amounts_in_json_are_cents() -> None:
    report = golden("anthropic_cost.json")
    assert report.format is ReportFormat.ANTHROPIC_COST
    assert report.sums == {
        Group(MONDAY, "claude-sonnet-4-5"): Sums(cost_nano=nano("3.7925")),
        Group(MONDAY, "web-search"): Sums(cost_nano=nano("0.02")),
    }


@pytest.mark.parametrize("name", sorted(path.name for path in GOLDEN.iterdir()))
def test_a_format_that_is_named_is_the_one_that_is_found(name: str) -> None:
    found = golden(name)
    assert golden(name, form=found.format) == found


# Days


def test_days_are_those_of_the_zone_that_was_chosen() -> None:
    # 22:30 UTC is half past midnight of the next day in Berlin, in summer.
    line = f"{USAGE_HEAD}\n2026-09-21T22:30:00Z,,1,gpt-4o,10,1\n2026-09-21,,1,gpt-4o,5,1\n"
    assert set(read(line).sums) == {Group(MONDAY, "gpt-4o")}
    berlin = read(line, zone=ZoneInfo("Europe/Berlin")).sums
    assert berlin[Group(TUESDAY, "gpt-4o")].prompt == 10
    assert berlin[Group(MONDAY, "gpt-4o")].prompt == 5, "a date alone is that day everywhere"


def test_days_that_begin_at_another_midnight_are_told_of() -> None:
    head = "start_time_iso,end_time_iso,model,input_tokens"
    line = f"{head}\n2026-09-21T00:00:00+08:00,2026-09-22T00:00:00+08:00,gpt-4o,10\n"
    assert "begin at 16:00" in read(line).notes[0]
    report = read(line, zone=ZoneInfo("Asia/Singapore"))
    assert report.notes == ()
    assert set(report.sums) == {Group(MONDAY, "gpt-4o")}
    spring = "2026-03-29T00:00:00+01:00,2026-03-30T00:00:00+02:00"
    assert read(f"{head}\n{spring},m,1\n", zone=ZoneInfo("Europe/Berlin")).notes == ()


# What can't be read


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ("=1+2", "'=1+2', which is not a count"),
        ("-5", "not a count"),
        ("1.5", "not a count"),
        ("1e3", "not a count"),
        ("12 tokens", "not a count"),
        ("9" * 16, "not a count"),
        ('"1,0"', "not a count"),
        ("NaN", "not a count"),
    ],
)
def test_a_number_that_is_none_is_named_by_its_line_and_the_rest_is_read(
    cell: str, why: str
) -> None:
    text = f"{USAGE_HEAD}\n2026-09-21,,1,a,{cell},1\n2026-09-21,,1,b,7,1\n"
    report = read(text)
    (found,) = report.unreadable
    assert found.place == "line 2"
    assert found.why.startswith("input_tokens is ")
    assert why in found.why
    assert report.sums == {Group(MONDAY, "b"): Sums(calls=1, prompt=7, completion=1)}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("September,,1,a,5,1", "start_time is 'September', which is not a time"),
        (",,1,a,5,1", "no time"),
        ("0001-01-01,,1,a,5,1", "no time of a report"),
        ("99999999999,,1,a,5,1", "no time of a report"),
        ("2026-09-21,soon,1,a,5,1", "its end is 'soon'"),
        ("2026-09-21,,1,a,5", "5 cells, and the header has 6"),
        ("2026-09-21,,1,a,5,1,9", "7 cells"),
        (f"2026-09-21,,1,{'x' * 200_000},5,1", "not CSV"),
    ],
)
def test_a_line_that_makes_no_sense_is_named(line: str, why: str) -> None:
    report = read(f"{USAGE_HEAD}\n2026-09-21,,1,a,5,1\n\n{line}\n2026-09-22,,1,a,6,1\n")
    (found,) = report.unreadable
    assert found.place == "line 4"
    assert why in found.why
    assert sum(sums.prompt for sums in report.sums.values()) == 11


def test_another_currency_is_not_taken_for_dollars() -> None:
    head = "start_time,amount_value,amount_currency,line_item"
    report = read(f"{head}\n2026-09-21,5,eur,gpt-4o\n2026-09-21,$1.50,USD,gpt-4o\n")
    assert "'eur'" in report.unreadable[0].why
    assert report.sums[Group(MONDAY, "gpt-4o")].cost_nano == nano("1.5")


def test_credits_are_negative_amounts() -> None:
    head = "start_time,amount_value,amount_currency,line_item"
    report = read(f"{head}\n2026-09-21,-0.25,usd,gpt-4o\n2026-09-21,=2,usd,gpt-4o\n")
    assert report.sums[Group(MONDAY, "gpt-4o")].cost_nano == -nano("0.25")
    assert "amount_value is '=2', which is not an amount" in report.unreadable[0].why


def test_only_so_many_places_are_told_of_and_all_are_counted() -> None:
    report = read(USAGE_HEAD + "\n" + "2026-09-21,,1,a,x,1\n" * 250)
    assert (len(report.unreadable), report.unreadable_count) == (100, 250)


def test_an_export_in_which_nothing_happened_has_days_and_no_sums() -> None:
    text = "start_time,end_time,start_time_iso,end_time_iso\n1789948800,1790035200,,\n"
    report = read(text)
    assert (report.sums, report.days) == ({}, (MONDAY,))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf \n", "empty"),
        (b"hello world\n", "no report that Laird knows"),
        (b"a,b,c\n1,2,3\n", "'a, b, c'"),
        (b"PK\x03\x04\x00\x00zip", "no text"),
        (b"{", "can't be read"),
        (b'{"data": 5}', "can't be read"),
        (b'{"data": [{"start_time": 1789948800, "results": [{"x": 1}]}]}', "no report that"),
        (b"[1, 2]", "no report that"),
        (b'{"data": [{"results": 5}]}', "no report that"),
        (b"start_time,model,model,input_tokens\n", "twice"),
    ],
)
def test_what_is_no_report_is_refused(body: bytes, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        read(body)


def test_a_format_that_was_named_and_does_not_fit_says_what_is_missing() -> None:
    with pytest.raises(InvalidRequest, match="amount_value"):
        read(f"{USAGE_HEAD}\n", ReportFormat.OPENAI_COSTS)


# JSON in all its ways


def page(*results: object, start: object = 1789948800) -> dict[str, Any]:
    bucket = {"object": "bucket", "start_time": start, "end_time": 1790035200, "results": results}
    return {"object": "page", "data": [bucket], "has_more": False}


ONE = {"object": "organization.usage.completions.result", "model": "m", "input_tokens": 5}


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(page(ONE, ONE)),
        json.dumps([page(ONE), page(ONE)]),
        json.dumps(page(ONE)) + "\n" + json.dumps(page(ONE)),
        json.dumps(page(ONE)["data"] + page(ONE)["data"]),
    ],
    ids=["page", "list of pages", "lines of pages", "list of buckets"],
)
def test_pages_may_be_kept_in_any_way(body: str) -> None:
    assert read(body).sums == {Group(MONDAY, "m"): Sums(prompt=10)}


@pytest.mark.parametrize(
    ("results", "place", "why"),
    [
        ([ONE, {**ONE, "input_tokens": "many"}], "data[0].results[1]", "not a count"),
        ([ONE, {**ONE, "input_tokens": []}], "data[0].results[1]", "input_tokens"),
        ([ONE, 7], "data[0].results[1]", "object"),
        (
            [ONE, {"object": "organization.usage.images.result", "images": 3}],
            "data[0].results[1]",
            "no usage of tokens",
        ),
        ([{"object": "other"}, ONE], "data[0].results[0]", "'other'"),
    ],
)
def test_a_result_that_can_not_be_read_is_named_by_its_place(
    results: list[object], place: str, why: str
) -> None:
    report = read(json.dumps(page(*results)))
    (found,) = report.unreadable
    assert found.place == place
    assert why in found.why
    assert report.sums == {Group(MONDAY, "m"): Sums(prompt=5)}


def test_a_bucket_without_a_time_is_named() -> None:
    report = read(json.dumps([page(ONE, start=None), page(ONE)]))
    (found,) = report.unreadable
    assert (found.place, found.why) == ("[0].data[0]", "it has no time")
    assert report.lines == 1
    broken = read(json.dumps({"data": [{"results": 5}, *page(ONE)["data"]]}))
    assert broken.unreadable[0].place == "data[0]"


def test_costs_without_an_amount_are_none() -> None:
    nothing = {"object": "organization.costs.result", "line_item": "m"}
    report = read(json.dumps(page({**nothing, "amount": {}}, {**nothing, "amount": None})))
    assert (report.sums, report.unreadable) == ({}, ())
    unpaid = {"amount": None, "currency": "USD"}
    form = ReportFormat.ANTHROPIC_COST
    assert read(json.dumps(page(unpaid)), form).unreadable == ()


@given(st.binary(max_size=300))
def test_no_bytes_are_worse_than_refused(body: bytes) -> None:
    for start in (b"", USAGE_HEAD.encode() + b"\n", b'{"data": [', b"[{"):
        try:
            report = read(start + body)
        except InvalidRequest:
            continue
        assert report.unreadable_count >= len(report.unreadable)


# Long ones


def test_a_hundred_thousand_lines_are_read_within_seconds(tmp_path: Path) -> None:
    file = tmp_path / "long.csv"
    with file.open("w") as text:
        text.write(f"{USAGE_HEAD}\n")
        text.writelines(
            f"{1789948800 + 60 * (n % 40_000)},,1.0,gpt-4o-2024-08-06,{n},7\n"
            for n in range(100_000)
        )
    began = time.process_time()
    with file.open("rb") as opened:
        report = read_report(opened)
    took = time.process_time() - began
    assert report.lines == 100_000
    assert sum(sums.prompt for sums in report.sums.values()) == sum(range(100_000))
    assert took < 15, "seconds; 1 on a machine that has nothing else to do"


def test_a_long_answer_is_read_within_seconds() -> None:
    body = json.dumps(page(*[{**ONE, "input_tokens": 1}] * 100_000))
    began = time.process_time()
    report = read(body)
    took = time.process_time() - began
    assert report.sums == {Group(MONDAY, "m"): Sums(prompt=100_000)}
    assert took < 15, "seconds; 1 on a machine that has nothing else to do"


def test_more_models_than_anybody_has_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("laird.advice.reports.report._MOST_GROUPS", 10)
    lines = "".join(f"2026-09-21,,1,m{n},1,1\n" for n in range(11))
    with pytest.raises(InvalidRequest, match="Is it one"):
        read(f"{USAGE_HEAD}\n{lines}")
