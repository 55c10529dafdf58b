"""The benchmark's arithmetic: what wrk said, medians, ratios and verdicts."""

from __future__ import annotations

import json

import pytest
from bench.figures import (
    Measurement,
    Start,
    Turn,
    added_latency_ms,
    fill,
    side_by_side,
    throughput_ratio,
    verdicts,
)
from bench.figures import SubjectFigures as Figures
from bench.load import Case, LoadResult, parse
from bench.machine import parse_core_times

ONE, MANY, STREAMS = Case(1), Case(32), Case(200, stream=True)


def result(requests: int, p50_us: int, *, errors: int = 0) -> LoadResult:
    spoken = {
        "requests": requests,
        "duration_us": 1_000_000,
        "bytes": 600 * requests,
        "p50_us": p50_us,
        "p90_us": p50_us,
        "p99_us": 2 * p50_us,
        "max_us": 3 * p50_us,
        "mean_us": float(p50_us),
        "connect_errors": 0,
        "read_errors": 0,
        "write_errors": 0,
        "status_errors": errors,
        "timeouts": 0,
    }
    return parse("wrk's own words\nresult " + json.dumps(spoken) + "\n")


def test_what_wrk_says_is_read() -> None:
    read = result(500, 80, errors=20)
    assert read.per_second == pytest.approx(480)
    assert read.failures == 20
    assert (read.p50_us, read.p99_us) == (80, 160)
    with pytest.raises(ValueError, match="no result"):
        parse("unable to connect")


def test_core_times_are_read_from_the_kernel() -> None:
    stat = "cpu  1 1 1 1 1 1 1 1 0 0\ncpu0 10 0 10 70 10 0 0 0 0 0\ncpu1 90 0 0 10 0 0 0 0 0 0\n"
    later = "cpu0 60 0 10 120 10 0 0 0 0 0\n"
    before, after = parse_core_times(stat, 0), parse_core_times(later, 0)
    assert before.busy_share(after) == pytest.approx(0.5)


def measured() -> dict[str, Figures]:
    per_second = {
        "direct": 900,
        "nginx": 1000,
        "laird": 200,
        "priced": 200,
        "guarded": 180,
        "portkey": 40,
        "litellm": 2,
    }
    subjects: dict[str, Figures] = {}
    for name, rate in per_second.items():
        subjects[name] = figures = Figures(title=name, version="1")
        rounds = [
            Measurement(name, number, case, result(rate + number, 100 + 10 * number))
            for number in (1, 2, 3)
            for case in (ONE, MANY, STREAMS)
        ]
        starts = [Start(name, number, 900.0 + number, 90.0) for number in (1, 2, 3)]
        fill(figures, rounds, starts)
    return subjects


def test_the_median_of_the_rounds_counts() -> None:
    subjects = measured()
    assert subjects["laird"].cases["32 connections"].per_second == pytest.approx(202)
    assert subjects["laird"].start_ms == 902


def test_ratios_and_added_latency_are_against_the_same_run() -> None:
    subjects = measured()
    assert throughput_ratio(subjects, "laird", "nginx") == pytest.approx(202 / 1002)
    assert added_latency_ms(subjects, "laird") == pytest.approx(0)
    assert throughput_ratio(subjects, "laird", "nobody") is None


def test_a_ratio_is_of_what_was_measured_in_the_same_round() -> None:
    subjects = measured()
    for name, rates in (("laird", (100, 50, 200)), ("nginx", (1000, 400, 2100))):
        results = [Measurement(name, 1, MANY, result(rate, 100)) for rate in rates]
        fill(subjects[name], results, [])
    assert throughput_ratio(subjects, "laird", "nginx") == pytest.approx(0.1)
    fill(subjects["nginx"], [Measurement("nginx", 1, MANY, result(500, 100))], [])
    assert throughput_ratio(subjects, "laird", "nginx") == pytest.approx(0.2)


def test_those_who_take_turns_are_compared_by_start() -> None:
    turns = [
        Turn(name, 1, start, result(rate, 100))
        for start, rates in ((1, (100, 90)), (1, (50, 30)), (2, (10, 9)))
        for name, rate in zip(("priced", "guarded"), rates, strict=True)
    ]
    assert side_by_side(turns, "guarded", "priced") == [pytest.approx(0.8), pytest.approx(0.9)]
    silent = Turn("guarded", 2, 1, result(0, 100))
    assert side_by_side([silent], "guarded", "priced") == []


@pytest.mark.parametrize(("rate", "met"), [(86, True), (84, False)])
def test_guarded_requests_are_judged_by_what_took_turns(rate: int, met: bool) -> None:
    turns = [Turn("priced", 1, 1, result(100, 100)), Turn("guarded", 1, 1, result(rate, 100))]
    found = [one.met for one in verdicts(measured(), turns) if "budgets" in one.target]
    assert found == [met]
    assert [one.met for one in verdicts(measured()) if "budgets" in one.target] == [None]


def test_each_target_has_a_verdict() -> None:
    found = {one.target: one.met for one in verdicts(measured())}
    assert len(found) == 9
    assert [met for target, met in found.items() if "nginx" in target] == [True]
    assert [met for target, met in found.items() if "LiteLLM" in target] == [False]
