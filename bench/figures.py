"""From measurements to figures: medians over the rounds, ratios, and whether a target is met."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import median

import msgspec

from bench.load import Case, LoadResult


class Measurement(msgspec.Struct, frozen=True):
    """One run of wrk against one subject."""

    subject: str
    round: int
    case: Case
    result: LoadResult


class Start(msgspec.Struct, frozen=True):
    """One start of one subject."""

    subject: str
    round: int
    start_ms: float
    """From the start of the program to its first answer."""
    resident_mb: float
    """After the load, the program and its descendants together; 1 MB is 10^6 bytes."""


class Turn(msgspec.Struct, frozen=True):
    """One short load of 32 connections on one of two subjects that run side by side."""

    subject: str
    round: int
    start: int
    """The number of the start of both, in its round."""
    result: LoadResult


class CaseFigures(msgspec.Struct, frozen=True):
    """One case of one subject: each figure is the median over the rounds."""

    per_second: float
    p50_ms: float
    p99_ms: float
    failures: int
    """Of all rounds together."""
    gateway_busy: float
    load_busy: float
    rounds: int
    each: tuple[float, ...] = ()
    """Requests per second of each round."""


class SubjectFigures(msgspec.Struct):
    """All figures of one subject; `cases` by the case's name."""

    title: str
    version: str
    cases: dict[str, CaseFigures] = msgspec.field(default_factory=dict)
    start_ms: float | None = None
    resident_mb: float | None = None
    notes: list[str] = msgspec.field(default_factory=list)


class Verdict(msgspec.Struct, frozen=True):
    """One target, what came out, and whether that is good enough (None: not measured)."""

    target: str
    measured: str
    met: bool | None


def case_figures(results: Sequence[LoadResult]) -> CaseFigures:
    """Medians over the rounds of one case."""
    return CaseFigures(
        per_second=round(median(r.per_second for r in results), 1),
        p50_ms=round(median(r.p50_us for r in results) / 1000, 3),
        p99_ms=round(median(r.p99_us for r in results) / 1000, 3),
        failures=sum(r.failures for r in results),
        gateway_busy=round(median(r.gateway_busy for r in results), 3),
        load_busy=round(median(r.load_busy for r in results), 3),
        rounds=len(results),
        each=tuple(round(r.per_second, 1) for r in results),
    )


def fill(
    figures: SubjectFigures, measurements: Sequence[Measurement], starts: Sequence[Start]
) -> None:
    """Add the medians of one subject's measurements and starts to its figures."""
    by_case: dict[Case, list[LoadResult]] = {}
    for measurement in measurements:
        by_case.setdefault(measurement.case, []).append(measurement.result)
    for case, results in by_case.items():
        figures.cases[case.name] = case_figures(results)
    if starts:
        figures.start_ms = round(median(start.start_ms for start in starts), 1)
        figures.resident_mb = round(median(start.resident_mb for start in starts), 1)


Subjects = Mapping[str, SubjectFigures]

_ONE = Case(1).name
_MANY = Case(32).name
STREAMS = Case(200, stream=True).name


def value(
    subjects: Subjects, subject: str, case: str, of: Callable[[CaseFigures], float]
) -> float | None:
    """One figure, or None when it was not measured or nothing was answered."""
    figures = subjects[subject].cases.get(case) if subject in subjects else None
    return (of(figures) or None) if figures else None


def added_latency_ms(subjects: Subjects, subject: str) -> float | None:
    """What a gateway adds to the median latency at one connection."""
    own = value(subjects, subject, _ONE, lambda f: f.p50_ms)
    direct = value(subjects, "direct", _ONE, lambda f: f.p50_ms)
    return None if own is None or direct is None else round(own - direct, 3)


def throughput_ratio(subjects: Subjects, subject: str, other: str) -> float | None:
    """Requests per second of one subject for each of another's, at 32 connections.

    The median over the rounds, each by itself: within a round the two are measured soon after one
    another, and the machine may be faster or slower in the next.
    """
    own = value(subjects, subject, _MANY, lambda f: f.per_second)
    base = value(subjects, other, _MANY, lambda f: f.per_second)
    if own is None or base is None:
        return None
    pairs = subjects[subject].cases[_MANY].each, subjects[other].cases[_MANY].each
    if len(pairs[0]) != len(pairs[1]):
        return own / base
    return median(mine / theirs for mine, theirs in zip(*pairs, strict=True) if theirs)


def side_by_side(turns: Sequence[Turn], subject: str, other: str) -> list[float]:
    """Requests per second of one subject for each of another's, for each time they were started.

    Both run all the while and are loaded in turn, so that a machine which is slower for a while is
    slower for both.
    """
    sums: dict[tuple[int, int], dict[str, float]] = {}
    for turn in turns:
        of_start = sums.setdefault((turn.round, turn.start), {subject: 0.0, other: 0.0})
        of_start[turn.subject] += turn.result.per_second
    return [each[subject] / each[other] for each in sums.values() if all(each.values())]


def stream_ratio(subjects: Subjects, subject: str, case: str = STREAMS) -> float | None:
    """The 99th percentile of a stream's duration, as a multiple of the one without a gateway."""
    own = value(subjects, subject, case, lambda f: f.p99_ms)
    direct = value(subjects, "direct", case, lambda f: f.p99_ms)
    return None if own is None or direct is None else own / direct


def ratios(subjects: Subjects) -> dict[str, dict[str, float | None]]:
    """By subject: what it adds to, or is worth beside, no gateway and nginx."""
    table: dict[str, dict[str, float | None]] = {}
    for name in subjects:
        row = {
            "added_latency_ms": added_latency_ms(subjects, name),
            "throughput_of_direct": throughput_ratio(subjects, name, "direct"),
            "throughput_of_nginx": throughput_ratio(subjects, name, "nginx"),
            "throughput_of_portkey": throughput_ratio(subjects, name, "portkey"),
            "throughput_of_litellm": throughput_ratio(subjects, name, "litellm"),
            "stream_p99_of_direct": stream_ratio(subjects, name),
        }
        table[name] = {key: None if r is None else round(r, 4) for key, r in row.items()}
    return table


def verdicts(subjects: Subjects, turns: Sequence[Turn] = ()) -> list[Verdict]:
    """Laird's targets, each with what came out."""
    guarded = side_by_side(turns, "guarded", "priced")
    laird = subjects.get("laird")
    added = added_latency_ms(subjects, "laird")
    start = laird.start_ms / 1000 if laird and laird.start_ms else None
    resident = laird.resident_mb if laird else None

    def ratio(other: str) -> float | None:
        return throughput_ratio(subjects, "laird", other)

    return [
        _below("added median latency, 1 connection", added, 0.5, "ms"),
        _at_least("throughput at 32 connections, of nginx's", ratio("nginx"), 0.10),
        _at_least("throughput at 32 connections, of Portkey's", ratio("portkey"), 4),
        _at_least("throughput at 32 connections, of LiteLLM's", ratio("litellm"), 60),
        _at_least(
            "throughput at 32 connections with budgets, limits and detection on, of without",
            median(guarded) if guarded else None,
            0.85,
        ),
        _at_most("p99 of 200 streams, of direct", stream_ratio(subjects, "laird"), 1.3),
        _below("start to first answer", start, 2, "s"),
        _below("resident memory after the load", resident, 150, "MB"),
        _none_failed(laird),
    ]


def _below(what: str, measured: float | None, limit: float, unit: str) -> Verdict:
    met = None if measured is None else measured < limit
    return Verdict(f"{what} < {limit:g} {unit}", _show(measured, f" {unit}"), met)


def _at_least(what: str, measured: float | None, limit: float) -> Verdict:
    met = None if measured is None else measured >= limit
    return Verdict(f"{what} ≥ {limit:g} x", _show(measured, " x"), met)


def _at_most(what: str, measured: float | None, limit: float) -> Verdict:
    met = None if measured is None else measured <= limit
    return Verdict(f"{what} ≤ {limit:g} x", _show(measured, " x"), met)


def _none_failed(figures: SubjectFigures | None) -> Verdict:
    target = "failed requests in all cases = 0"
    if figures is None or not figures.cases:
        return Verdict(target, "not measured", None)
    failed = sum(case.failures for case in figures.cases.values())
    return Verdict(target, f"{failed:,}", failed == 0)


def _show(measured: float | None, unit: str) -> str:
    return "not measured" if measured is None else f"{measured:.3g}{unit}"
